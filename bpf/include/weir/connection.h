/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known of connections and datagrams on their way, and of the listeners that take them. */
#ifndef WEIR_CONNECTION_H
#define WEIR_CONNECTION_H

#include <linux/types.h>
#include <weir/limits.h>

/* A connection's two ends, seen from the socket that called connect(). */
struct weir_tuple {
	__u64 netns;
	__u8 local[16];
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u32 pad;
};

/*
 * Where a connection that is spread (spread.bpf.h) really goes: a port, 0 when
 * it is not spread; when it is spread over ports, an entry of weir_listeners,
 * without its namespace.
 */
struct weir_door {
	__be16 port;
	__u8 family;	/* 0: it goes to that port, at another loopback address */
	__u8 slot;
};

/* Value of weir_targets: 1 for each port, in host order, that a connection with an origin was ever sent to. */
struct weir_targets {
	__u8 ports[65536];
};

/* Value of weir_origins: what the accepted socket takes over. */
struct weir_origin {
	__u8 address[16];
	__be16 port;
	__u8 verdict;
	__u8 reason;
	__u32 workload;
	__u32 flags;		/* enum weir_socket_flag: those that the accepted socket gets */
	__u32 isn;		/* the client's initial sequence number */
	__u32 share;		/* weir_workload.share */
	__u32 process;		/* weir_socket.process of the client */
	struct weir_door door;
};

/* Value of weir_clients: who sent the SYN with this sequence number. */
struct weir_client {
	__u64 netns;
	__u32 isn;
	__be16 port;	/* its source port */
	__u16 pad;
};

enum weir_socket_flag {
	WEIR_SOCKET_CONNECTED = 1 << 0,	/* it called connect() */
	WEIR_SOCKET_BOUND = 1 << 1,	/* its source address was chosen by Weir */
	WEIR_SOCKET_ACCEPTED = 1 << 2,	/* it is the proxy's end */
	WEIR_SOCKET_SENT = 1 << 3,	/* its handshake stands in weir_origins */
	WEIR_SOCKET_ESTABLISHED = 1 << 4,
	WEIR_SOCKET_NAMED = 1 << 5,	/* its getsockname() gives the origin */
	WEIR_SOCKET_LANDED = 1 << 6,	/* its getsockname() gives the first address of the interface it came in by */
	WEIR_SOCKET_BORROWED = 1 << 7,	/* calls its own namespace from an address that may not be of it (TPROXY) */
	WEIR_SOCKET_TAKER = 1 << 8,	/* a listener that inbound connections are steered to, or accepted by one */
	WEIR_SOCKET_OWN = 1 << 9,	/* of Weir's own proxy: user has said so, who alone can write here */
	WEIR_SOCKET_COUNTED = 1 << 10,	/* in weir_loop.open */
};

/* Value of weir_socks: what is known of one socket, and dies with it. */
struct weir_socket {
	__u32 workload;
	__u16 flags;		/* enum weir_socket_flag */
	__u8 verdict;
	__u8 reason;		/* of a taker: why connections come to it */
	__u8 origin[16];	/* what the application asked for */
	__be16 origin_port;
	__u8 direction;
	__u8 pad;
	__u32 share;		/* weir_workload.share */
	__u64 started_ns;	/* CLOCK_MONOTONIC */
	__u32 process;		/* of a redirected connection: who called connect(), as the initial pid namespace has it */
	struct weir_door door;
};

/* Value of weir_loops: a process that its own connections or queries come back to.  Times are CLOCK_MONOTONIC. */
struct weir_loop {
	__u64 returned_ns;	/* when it last asked for the origin of a connection of its own; 0: never */
	__u64 served_ns;	/* when it last read a query at the proxy's DNS port, nearly; 0: never */
	__u64 window_ns;	/* since when queries counts */
	__u32 queries;		/* to itself */
	__u32 open;		/* redirected connections that it has made since one came back */
};

/* Value of weir_datagrams: the servers that one unconnected UDP socket asked. */
struct weir_datagrams {
	__u32 head;	/* queries answered */
	__u32 tail;	/* queries sent */
	struct {
		__u8 address[16];
		__be16 port;
		__u16 pad;
	} origin[WEIR_DATAGRAM_ORIGINS];
};

/* Slots of the listeners that this namespace's own connections reach at its loopback addresses; of each the newest. */
enum weir_door_slot {
	WEIR_DOOR_LOOPBACK = WEIR_LISTENER_SLOTS,	/* listens on 127.0.0.0/8 or ::1 */
	WEIR_DOOR_ANY = WEIR_LISTENER_SLOTS + 1,	/* listens on every address */
	WEIR_DOOR_END = WEIR_LISTENER_SLOTS + 2,
};

/* Key of weir_listeners; the value is a listening socket. */
struct weir_listener {
	__u64 netns;
	__be16 port;
	__u16 family;	/* AF_INET, or AF_INET6 for one that may take both */
	__u32 slot;	/* below WEIR_LISTENER_SLOTS, or one of enum weir_door_slot */
};

#endif
