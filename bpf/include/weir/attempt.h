/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `weir explain` asks. */
#ifndef WEIR_ATTEMPT_H
#define WEIR_ATTEMPT_H

#include <linux/types.h>

/* Context of weir_explain: an attempt that nobody makes. */
struct weir_attempt {
	__u64 netns;
	__u64 cgroup;		/* 0: found by netns */
	__u32 uid;
	__u32 gid;
	__u32 mark;
	__u32 interface;	/* index: inbound of the one it came in by, outbound of the one the socket is bound to */
	__u32 error;		/* out: errno of a call that is refused for want of a route */
	__u8 direction;
	__u8 protocol;
	__u8 by_proxy_cgroup;
	__u8 local;		/* out: destination is an own address */
	__u8 source[16];	/* zero: unbound */
	__u8 destination[16];
	__be16 destination_port;
	__u16 rule;		/* out: index of the rule that decided */
	__u32 facts;		/* out */
	__u32 workload;		/* out, 0 when none matched */
	__u8 verdict;		/* out */
	__u8 reason;		/* out */
	__u16 source_index;	/* out: weir_rule.source */
};

#endif
