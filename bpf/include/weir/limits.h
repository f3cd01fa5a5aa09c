/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How much of everything there can be: sizes of maps, of names, and of what programs walk through. */
#ifndef WEIR_LIMITS_H
#define WEIR_LIMITS_H

#define WEIR_NAME_SIZE 96	/* bytes, with the terminating zero */
#define WEIR_MAX_WORKLOADS 16384
#define WEIR_POD_SLOTS 4096	/* of weir_podslots; a power of two */
#define WEIR_MAX_POLICIES 4096	/* slots of distinct policies; equal policies share one */
#define WEIR_MAX_RULES 32	/* per direction */
#define WEIR_MAX_SOURCES 64	/* names that rules cite */
#define WEIR_SOURCE_SIZE 64	/* bytes of one, with the terminating zero */
/*
 * What one policy or namespace may have of a map that all share.  A trie takes
 * memory for what it holds and for nothing else, so there it is the number of
 * those times this share, and cannot be full.  Of the others 32 whole shares or
 * more fit; a share is far more than a pod needs.  The compiler refuses policies
 * that are over theirs (PolicyLimits).
 */
#define WEIR_SHARE_PREFIXES 131072
#define WEIR_SHARE_USER_PORTS 65536
#define WEIR_SHARE_OWNERS 16384
#define WEIR_SHARE_ROUTES 4096
#define WEIR_SHARE_INTERFACES 512	/* entries: two for each interface that a policy names */
#define WEIR_MAX_PREFIXES (WEIR_MAX_POLICIES * WEIR_SHARE_PREFIXES)
#define WEIR_MAX_USER_PORTS (WEIR_MAX_POLICIES * WEIR_SHARE_USER_PORTS)
#define WEIR_MAX_ROUTES (WEIR_MAX_WORKLOADS * WEIR_SHARE_ROUTES * 2)
#define WEIR_MAX_OWNERS (64 * WEIR_SHARE_OWNERS)
#define WEIR_MAX_INTERFACES (256 * WEIR_SHARE_INTERFACES)
#define WEIR_CLIENT_SLOTS 4096	/* of weir_clients */
#define WEIR_SHARE_HANDSHAKES 8192	/* that wait for its proxy at one time */
#define WEIR_MAX_HANDSHAKES (32 * WEIR_SHARE_HANDSHAKES)
#define WEIR_MAX_COUNTERS 262144
#define WEIR_MAX_LISTENERS 65536
#define WEIR_MAX_PEERS 65536	/* sockets that take part in the short cut: two a connection */
#define WEIR_SHARE_PAIRS 4096	/* that its sockets began */
#define WEIR_MAX_PATHS 65536
#define WEIR_LISTENER_SLOTS 8	/* listeners remembered per port: SO_REUSEPORT workers */
#define WEIR_DATAGRAM_ORIGINS 8	/* servers remembered per unconnected UDP socket */
#define WEIR_MAX_LOOPS 1024	/* processes that serve DNS, or that their own connections come back to */
#define WEIR_LOOP_LIMIT 16	/* connections of one process that may come back to it, and queries in WEIR_LOOP_MEMORY */
#define WEIR_LOOP_MEMORY 10000000000ull	/* ns that a process counts as one of those */
#define WEIR_CGROUP_DEPTH 24	/* levels walked from a socket's cgroup to the root */
#define WEIR_FLOW_BYTES (1 << 20)
#define WEIR_RECORD_WINDOW 29	/* a window is 2^29 ns: the reader looks twice a second */
#define WEIR_CROWDED_WINDOW 36	/* 2^36 ns, a little longer than TIME_WAIT */
#define WEIR_SHARE_RECORDS 256	/* in a window, of one workload, once half of weir_flows waits to be read */

#endif
