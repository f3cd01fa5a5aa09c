/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs tell: counters, and a record of each connection. */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include <linux/types.h>
#include <weir/words.h>

/* Key and value of weir_counters. */
struct weir_counter_key {
	__u32 workload;
	__u8 direction;
	__u8 verdict;
	__u8 reason;
	__u8 protocol;	/* IPPROTO_TCP or IPPROTO_UDP */
};
struct weir_counter {
	__u64 connections;	/* TCP connections, UDP datagrams or connects */
	__u64 failed;		/* of these: never established */
	__u64 sent_bytes;	/* payload that the peer acknowledged, of closed connections */
	__u64 received_bytes;
};

/* Key and value of weir_paths. */
struct weir_path_key {
	__u32 workload;	/* of the sender */
	__u32 path;	/* enum weir_path */
};
struct weir_path_count {
	__u64 messages;
	__u64 bytes;
	__u64 sockets;	/* left out of the short cut for this reason when they were established */
};

enum weir_flow_end {
	WEIR_FLOW_CLOSED = 0,	/* was established */
	WEIR_FLOW_FAILED = 1,	/* never established: refused, timed out or given up */
	WEIR_FLOW_PASSED = 2,	/* left alone, and not looked at again: no bytes, no source port */
};

/* One record of weir_flows: at the close of a connection, or when it was let pass. */
struct weir_flow {
	__u64 started_ns;	/* CLOCK_MONOTONIC */
	__u64 ended_ns;
	__u64 sent_bytes;	/* by the socket the record is about */
	__u64 received_bytes;
	__u64 netns;
	__u32 workload;
	__u8 direction;
	__u8 verdict;
	__u8 reason;
	__u8 end;		/* enum weir_flow_end */
	__u8 source[16];
	__u8 destination[16];	/* what was asked for */
	__u8 target[16];	/* where it went */
	__be16 source_port;
	__be16 destination_port;
	__be16 target_port;
	__u16 pad;
	__u64 redirected_sent_bytes;	/* of these: past the stack */
	__u64 redirected_received_bytes;
	__u64 messages[WEIR_MESSAGE_PATHS];	/* of both directions by path; all 0: no pair */
};

#endif
