/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The short cut: the two sockets of a connection, and what each of them has sent past the stack. */
#ifndef WEIR_PAIR_H
#define WEIR_PAIR_H

#include <linux/types.h>
#include <weir/words.h>

enum weir_end_role {
	WEIR_END_APPLICATION = 0,
	WEIR_END_PROXY = 1,
};

/* Value of weir_ends: what a socket of an accelerated workload knows of its pair, and dies with it. */
struct weir_end {
	__u64 pair;	/* key of weir_pairs; 0: none */
	__u64 netns;	/* of its workload */
	__u32 workload;	/* 0: wants no peer */
	__u8 role;	/* enum weir_end_role */
	__u8 side;	/* 0 if it called connect(), else 1 */
	__u16 pad;
	__u32 share;	/* weir_workload.share */
	__u32 pad2;
};

/* One of the two sockets of weir_pair. */
struct weir_side {
	__u64 cookie;	/* of the socket, its key in weir_peers; 0: not a member */
	__u64 socket;	/* its struct tcp_sock */
	__u64 netns;	/* of its workload */
	__u64 redirected;	/* bytes that it sent past the stack */
	__u64 messages[WEIR_MESSAGE_PATHS];	/* that it sent, by path */
	__u32 workload;	/* 0: not known yet */
	__u32 unread_bytes;	/* redirected by it since its peer was last seen with an empty queue */
	__u32 unread_messages;
	__u8 role;	/* enum weir_end_role */
	__u8 one_queue;	/* it is in weir_queues */
	__u8 left;	/* it closes or has closed, and reads nothing more */
	__u8 pad;
};

/* Value of weir_pairs, under both initial sequence numbers: two sockets with equal addresses in two namespaces differ by
 * them. */
struct weir_pair {
	struct weir_side sides[2];
	__u8 local[16];		/* as the end that called connect() sees it */
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u32 share;	/* of the workload that called connect() */
};

#endif
