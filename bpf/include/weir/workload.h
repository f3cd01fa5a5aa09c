/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who is intercepted, and the way from its namespace to others. */
#ifndef WEIR_WORKLOAD_H
#define WEIR_WORKLOAD_H

#include <linux/types.h>
#include <weir/limits.h>

enum weir_when_proxy_down {
	WEIR_DOWN_REFUSE = 0,
	WEIR_DOWN_FALLBACK = 1,
	WEIR_DOWN_DIRECT = 2,
};

enum weir_workload_flag {
	WEIR_WORKLOAD_FOLLOW_PASSED = 1 << 0,	/* connections left alone get a record at their end, with bytes */
	WEIR_WORKLOAD_STEERED = 1 << 2,	/* inbound.bpf.h is in force in its namespace */
};

enum weir_role {
	WEIR_ROLE_WORKLOAD = 0,
	WEIR_ROLE_PROXY = 1,	/* in weir_cgroups only: the workload's sidecar */
};

/* What the short cut may do for a workload; weir_workload.acceleration is a set of these, 0 for off. */
enum weir_acceleration {
	WEIR_ACCELERATE_PROXY = 1 << 0,		/* its proxy receives redirected bytes */
	WEIR_ACCELERATE_SENDERS = 1 << 1,	/* its applications' sockets may be members, and so send them */
	WEIR_ACCELERATE_APPLICATIONS = 1 << 2,	/* its applications receive them */
	WEIR_ACCELERATE_PROXY_QUEUE = 1 << 3,	/* its proxy only with bytes of the stack in the same queue */
	WEIR_ACCELERATE_APPLICATION_QUEUE = 1 << 4, /* its applications likewise */
};

/* Value of weir_pods and weir_cgroups. */
struct weir_workload {
	__u32 id;		/* never reused while the maps live */
	__u32 policy;		/* slot in weir_policies */
	__u8 role;		/* enum weir_role */
	__u8 when_proxy_down;	/* enum weir_when_proxy_down */
	__be16 fallback_port;	/* of Weir's own proxy on 127.0.0.1 and ::1, 0 for none */
	__u32 flags;		/* enum weir_workload_flag */
	__u64 since_ns;		/* CLOCK_REALTIME */
	__u32 acceleration;	/* enum weir_acceleration; 0 in weir_cgroups */
	__u32 budget;		/* bytes that a socket of it may have unread before messages to it take the stack */
	__u32 share;		/* index of weir_shares */
	__u32 pad;
	char name[WEIR_NAME_SIZE];
};

/* Value of weir_shares: what a workload takes of maps that are one for the node.  Nobody else is refused when it has
 * its whole share. */
struct weir_share {
	__u32 workload;		/* whose it is; what belongs to an earlier one is not counted */
	__u32 handshakes;	/* its entries of weir_origins */
	__u32 pairs;		/* its entries of weir_pairs */
	__u32 records;		/* that it wrote in this window while weir_flows was half full */
	__u64 window;		/* WEIR_RECORD_WINDOW since boot */
	__u32 crowded;		/* WEIR_CROWDED_WINDOW since boot in which a destination's source ports were running out */
	__u32 pad;
};

/* Key of weir_routes: the namespace's own routing, as far as decisions need it.  Under cookie 0, which no namespace
 * has, stand the addresses of the node's accelerated workloads: to these a socket may have its peer on the node. */
struct weir_destination {
	__u32 length;		/* 64 + prefix length of the mapped address */
	__u32 netns_high;	/* namespace cookie, upper half */
	__u32 netns_low;
	__u8 address[16];
};
#define WEIR_DESTINATION_BASE 64

enum weir_route_flag {
	WEIR_ROUTE_LOCAL = 1 << 0,	/* an address of the namespace */
	WEIR_ROUTE_SOURCE = 1 << 1,	/* source is known */
};
struct weir_route {
	__u32 flags;
	__u32 interface;	/* index, 0 when unknown */
	__u8 source[16];	/* what the kernel would choose */
};

#endif
