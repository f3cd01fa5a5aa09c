/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A compiled policy: rules over facts, and the keys of the maps that facts come from. */
#ifndef WEIR_POLICY_H
#define WEIR_POLICY_H

#include <linux/types.h>
#include <weir/limits.h>
#include <weir/words.h>

/*
 * What is known of one attempt, a bit each.  A rule asks for some of them to
 * be set and some to be clear.  Bits come from the socket (MARK too), from
 * weir_owners (PROXY_*_UID, PROXY_GID, GROUP_LISTED), weir_cgroups
 * (PROXY_CGROUP), weir_uports (UID_PORT), weir_routes (LOCAL), weir_ifaces
 * (INTERFACE_*, and RANGE_INCLUDED of what came in), weir_prefixes (RANGE_*,
 * DNS_SERVER, LOOPBACK_RANGE, SOURCE_LISTED) and the policy's port bitmaps
 * (PORT_*).
 */
enum weir_fact {
	WEIR_FACT_UDP = 1 << 0,			/* UDP, not TCP */
	WEIR_FACT_IPV6 = 1 << 1,		/* destination is IPv6, and not IPv4-mapped */
	WEIR_FACT_LOCAL = 1 << 2,		/* destination is an address of the namespace, or 0.0.0.0, :: */
	WEIR_FACT_LOOPBACK_RANGE = 1 << 3,	/* destination is in the policy's loopback range (127.0.0.1/32, ::1) */
	WEIR_FACT_PASSTHROUGH_SOURCE = 1 << 4,	/* source is 127.0.0.6 or ::6 */
	WEIR_FACT_PROXY_FIRST_UID = 1 << 5,	/* socket made by the first of the proxy's uids */
	WEIR_FACT_PROXY_OTHER_UID = 1 << 6,	/* socket made by another of the proxy's uids */
	WEIR_FACT_PROXY_GID = 1 << 7,		/* socket made by one of the proxy's gids */
	WEIR_FACT_PROXY_CGROUP = 1 << 8,	/* socket made in the proxy's cgroup */
	WEIR_FACT_GROUP_LISTED = 1 << 9,	/* gid is in the list of owner groups */
	WEIR_FACT_UID_PORT = 1 << 10,		/* this port is excluded for this uid */
	WEIR_FACT_PORT_EXCLUDED = 1 << 11,	/* in the list of excluded outbound ports */
	WEIR_FACT_PORT_INCLUDED = 1 << 12,	/* in the list of included outbound ports */
	WEIR_FACT_PORT_INBOUND = 1 << 13,	/* passes the test of inbound ports */
	WEIR_FACT_PORT_DNS = 1 << 14,		/* the port is 53 */
	WEIR_FACT_PORT_TUNNEL = 1 << 15,	/* the mesh's tunnel port */
	WEIR_FACT_RANGE_EXCLUDED = 1 << 16,	/* destination is in an excluded range */
	WEIR_FACT_RANGE_INCLUDED = 1 << 17,	/* destination is in an included range */
	WEIR_FACT_DNS_SERVER = 1 << 18,		/* destination is a DNS server whose traffic is captured */
	WEIR_FACT_SOURCE_LISTED = 1 << 19,	/* client's address is in the list of sources */
	WEIR_FACT_INTERFACE_EXCLUDED = 1 << 20,	/* it leaves or came in by an excluded interface */
	WEIR_FACT_INTERFACE_VIRTUAL = 1 << 21,	/* it came in by a virtual interface, whose traffic is outbound */
	WEIR_FACT_MARK = 1 << 22,		/* SO_MARK is the proxy's */
};

/* The first rule whose bits fit decides: (facts & care) == want. */
struct weir_rule {
	__u32 care;
	__u32 want;
	__u8 verdict;	/* enum weir_verdict */
	__u8 reason;	/* enum weir_reason */
	__u16 source;	/* index into the configuration's own list of sources, for `weir explain` */
};

enum weir_port_set {
	WEIR_PORTS_EXCLUDED = 0,	/* outbound */
	WEIR_PORTS_INCLUDED = 1,	/* outbound */
	WEIR_PORTS_INBOUND = 2,
	WEIR_PORT_SETS = 3,
};

enum weir_policy_flag {
	WEIR_POLICY_PREFIXES_OUT = 1 << 0,	/* has entries in weir_prefixes, outbound */
	WEIR_POLICY_PREFIXES_IN = 1 << 1,
	WEIR_POLICY_OWNERS = 1 << 2,		/* has entries in weir_owners */
	WEIR_POLICY_PROXY_CGROUP = 1 << 3,	/* the proxy may be a cgroup in weir_cgroups */
	WEIR_POLICY_SOCKET_NAME = 1 << 4,	/* the proxy takes getsockname() for the origin */
	WEIR_POLICY_INTERFACES = 1 << 5,	/* has entries in weir_ifaces */
	WEIR_POLICY_USER_PORTS = 1 << 6,	/* has entries in weir_uports */
	WEIR_POLICY_TRANSPARENT = 1 << 7,	/* TPROXY semantics: the proxy's end keeps the address that was called */
};

/* A compiled policy: immutable once a workload points to its slot. */
struct weir_policy {
	__u32 flags;			/* enum weir_policy_flag */
	__u32 mark;			/* SO_MARK of the proxy, 0 for none */
	__be16 port[8];			/* by verdict; 0: that verdict has no target; 8, so that a mask bounds the index */
	__be16 tunnel_port;		/* 0 for none */
	__u16 rule_count[WEIR_DIRECTIONS];
	__u16 pad;
	__u8 proxy4[16];		/* where the proxy listens for IPv4, mapped; usually 127.0.0.1 */
	__u8 proxy6[16];		/* ... for IPv6, usually ::1 */
	__u8 dns4[16];			/* where it listens for DNS, when that is elsewhere; else zero */
	__u8 dns6[16];
	struct weir_rule rules[WEIR_DIRECTIONS][WEIR_MAX_RULES];
	char sources[WEIR_MAX_SOURCES][WEIR_SOURCE_SIZE];	/* for `weir explain`: what weir_rule.source counts */
	__u64 ports[WEIR_PORT_SETS][65536 / 64];	/* bit port % 64 of word port / 64, port in host order */
};

/* What is in a slot of weir_policies, for user space. */
enum weir_slot_state {
	WEIR_SLOT_EMPTY = 0,
	WEIR_SLOT_SPARE = 1,		/* a map that is to be filled */
	WEIR_SLOT_CHANGING = 2,		/* being filled or emptied: whoever finds it so empties it */
	WEIR_SLOT_FILLED = 3,
};
struct weir_slot {
	__u32 state;
	__u8 digest[16];		/* of the whole policy, prefixes and owners too: equal policies are stored once */
};

/* Key of weir_owners; the value is a set of enum weir_fact. */
enum weir_owner_kind {
	WEIR_OWNER_UID = 0,
	WEIR_OWNER_GID = 1,
};
struct weir_owner {
	__u32 policy;
	__u32 kind;
	__u32 id;	/* as the initial user namespace sees it */
};

/* Key of weir_prefixes; the value is a set of enum weir_fact. */
struct weir_prefix {
	__u32 length;		/* bits of what follows: 64 + prefix length of the mapped address */
	__u32 policy;
	__u32 direction;	/* enum weir_direction: outbound looks at destinations, inbound at sources */
	__u8 address[16];
};
#define WEIR_PREFIX_BASE 64

/* Key of weir_uports; an entry sets WEIR_FACT_UID_PORT. */
struct weir_user_port {
	__u32 length;		/* 80 + prefix length of the port: ranges are a few prefixes */
	__u32 policy;
	__u32 uid;
	__u8 pad;
	__u8 protocol;
	__be16 port;
};
#define WEIR_USER_PORT_BASE 80

/* Key and value of weir_ifaces: what is known of a connection by the interface
 * that it leaves or came in by. */
struct weir_interface_key {
	__u64 netns;
	__u32 policy;
	__u32 index;
	__u32 family;		/* AF_INET or AF_INET6: of the connection */
	__u32 pad;
};
#define WEIR_NO_NETWORK 255
struct weir_interface {
	__u32 facts;		/* enum weir_fact */
	/* Inbound on a virtual interface, a destination in this network is in the included range;
	 * WEIR_NO_NETWORK: one in the policy's own included ranges. */
	__u32 network_length;
	__u8 network[16];
};

#endif
