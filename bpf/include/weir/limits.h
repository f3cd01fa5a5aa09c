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
#define WEIR_MAX_PREFIXES 4194304
#define WEIR_MAX_OWNERS 1048576
#define WEIR_MAX_ROUTES 1048576
#define WEIR_MAX_INTERFACES 65536
#define WEIR_MAX_USER_PORTS 1048576
#define WEIR_CLIENT_SLOTS 4096	/* of weir_clients */
#define WEIR_MAX_HANDSHAKES 131072
#define WEIR_MAX_COUNTERS 262144
#define WEIR_MAX_LISTENERS 65536
#define WEIR_MAX_PEERS 65536	/* sockets that take part in the short cut: two a connection */
#define WEIR_MAX_PATHS 65536
#define WEIR_LISTENER_SLOTS 8	/* listeners remembered per port: SO_REUSEPORT workers */
#define WEIR_DATAGRAM_ORIGINS 8	/* servers remembered per unconnected UDP socket */
#define WEIR_CGROUP_DEPTH 24	/* levels walked from a socket's cgroup to the root */
#define WEIR_FLOW_BYTES (1 << 20)

#endif
