/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that crosses the boundary between Weir's BPF programs and its
 * user space: map keys and values, records, limits, and the names of
 * decisions.  Swift imports this header as the module CWeirABI, so it is the
 * only place where any of these are written down.
 *
 * Byte order.  A __be16 or __be32 is in network order, a plain integer in
 * host order.  Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291,
 * 2.5.5.2).  Keys have no implicit padding; unused bytes are zero.
 *
 * One connection, as an example.  Namespace cookie 7 is the pod `shop/cart`,
 * whose policy stands in slot 3.  Its process (uid 1000) connects to
 * 10.96.0.10:80.
 *   weir_pods[7]                          -> {id 12, policy 3, name "shop/cart"}
 *   weir_policies[3]                      -> bitmaps and rules
 *   weir_owners[{3, UID, 1000}]           -> none: not the proxy
 *   weir_routes[{7, 10.96.0.10}]          -> {source 10.244.1.10}: not local
 *   weir_prefixes[{3, OUTBOUND, 10.96.0.10}] -> none
 *   decide(): {WEIR_VERDICT_OUTBOUND, WEIR_REASON_OUTBOUND}, port 15001
 *   weir_socks[socket]                    -> origin 10.96.0.10:80
 *   weir_origins[{7, 10.244.1.10:40001, 127.0.0.1:15001}] -> the same, from
 *     the SYN until the proxy's socket is established, which then owns it.
 */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <linux/types.h>

/* Raised when a map's key, value or meaning changes; kept in weir_settings. */
#define WEIR_ABI_VERSION 5

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
#define WEIR_MAX_HANDSHAKES 131072
#define WEIR_MAX_COUNTERS 262144
#define WEIR_MAX_LISTENERS 65536
#define WEIR_MAX_PEERS 65536	/* sockets that take part in the short cut: two a connection */
#define WEIR_MAX_PATHS 65536
#define WEIR_LISTENER_SLOTS 8	/* listeners remembered per port: SO_REUSEPORT workers */
#define WEIR_DATAGRAM_ORIGINS 8	/* servers remembered per unconnected UDP socket */
#define WEIR_CGROUP_DEPTH 24	/* levels walked from a socket's cgroup to the root */
#define WEIR_FLOW_BYTES (1 << 20)
#define WEIR_MARK 0x77656972	/* SO_MARK of the sockets of Weir's own proxy inside a workload's namespace: "weir" */

enum weir_direction {
	WEIR_OUTBOUND = 0,	/* made by a socket of the workload */
	WEIR_INBOUND = 1,	/* arrived from outside its namespace */
	WEIR_DIRECTIONS = 2,
};

/* What happens to a connection.  Also the index into weir_policy.port. */
enum weir_verdict {
	WEIR_VERDICT_DIRECT = 0,	/* left alone */
	WEIR_VERDICT_OUTBOUND = 1,	/* to the proxy's outbound port */
	WEIR_VERDICT_INBOUND = 2,	/* to the proxy's inbound port */
	WEIR_VERDICT_DNS = 3,		/* to the proxy's DNS port */
	WEIR_VERDICT_FALLBACK = 4,	/* to Weir's own proxy */
	WEIR_VERDICT_REFUSE = 5,	/* fails: connecting it would lose its origin */
	WEIR_VERDICTS = 6,
};

/*
 * Why.  Every decision has exactly one; the word is the same in the kernel, in
 * Swift, in metrics, logs and flow records.  X(constant, word, sentence).
 */
#define WEIR_REASONS(X) \
	X(NONE, "none", "nothing was decided") \
	X(OUTBOUND, "outbound", "outbound traffic of the workload goes to the proxy") \
	X(INBOUND, "inbound", "inbound traffic of the workload goes to the proxy") \
	X(DNS, "dns", "DNS of the workload goes to the proxy's DNS port") \
	X(OWN_ADDRESS, "own_address", "the proxy calls its own workload, which is inbound traffic") \
	X(INCLUDED_PORT, "included_port", "the port is in the list of included ports") \
	X(INCLUDED_RANGE, "included_range", "the address is in an included range") \
	X(VIRTUAL_INTERFACE, "virtual_interface", "it came in by a virtual interface whose traffic is outbound") \
	X(PROXY, "proxy", "the socket belongs to the proxy") \
	X(WEIR_PROXY, "weir_proxy", "the socket belongs to Weir's own proxy") \
	X(LOOPBACK, "loopback", "the destination is the loopback address") \
	X(LOCAL_ADDRESS, "local_address", "the destination is the workload's own address") \
	X(PASSTHROUGH_SOURCE, "passthrough_source", "the source is 127.0.0.6 or ::6, the proxy's mark for inbound traffic it passes on") \
	X(EXCLUDED_PORT, "excluded_port", "the port is in the list of excluded ports") \
	X(EXCLUDED_RANGE, "excluded_range", "the address is in an excluded range") \
	X(EXCLUDED_SOURCE, "excluded_source", "the client's address is in an excluded range") \
	X(EXCLUDED_INTERFACE, "excluded_interface", "the interface is excluded") \
	X(EXCLUDED_GROUP, "excluded_group", "the socket's group is not one whose traffic is captured") \
	X(EXCLUDED_UID, "excluded_uid", "this port is excluded for the socket's user") \
	X(NOT_INCLUDED, "not_included", "neither the port nor the address is included") \
	X(TUNNEL_PORT, "tunnel_port", "the port is the mesh's tunnel port") \
	X(UDP, "udp", "UDP is only captured for DNS") \
	X(DNS_OVER_TCP, "dns_over_tcp", "the profile leaves DNS over TCP alone") \
	X(FAMILY, "family", "the policy does not capture this address family") \
	X(DISABLED, "disabled", "capture in this direction is off") \
	X(PROXY_DOWN_DIRECT, "proxy_down_direct", "the proxy does not listen, and the workload asks for direct then") \
	X(PROXY_DOWN_FALLBACK, "proxy_down_fallback", "the proxy does not listen, so Weir's own proxy takes it") \
	X(PROXY_DOWN_REFUSED, "proxy_down_refused", "the proxy does not listen, so the connection is refused") \
	X(NO_MEMORY, "no_memory", "the kernel had no memory to keep the original destination") \
	X(NO_POLICY, "no_policy", "the workload's policy is missing from the kernel") \
	X(RULE, "rule", "a rule of the configuration")

enum weir_reason {
#define WEIR_REASON_CONSTANT(constant, word, sentence) WEIR_REASON_##constant,
	WEIR_REASONS(WEIR_REASON_CONSTANT)
#undef WEIR_REASON_CONSTANT
	WEIR_REASON_COUNT,
};

/* The word and the sentence of a reason; "unknown" and "" past the last one. */
const char *weir_reason_word(__u32 reason);
const char *weir_reason_sentence(__u32 reason);

/*
 * What is known of one attempt, a bit each.  A rule asks for some of them to
 * be set and some to be clear.  Bits come from the socket, from weir_owners
 * (PROXY_*, GROUP_LISTED, UID_*), weir_routes (LOCAL, INTERFACE_*),
 * weir_prefixes (RANGE_*, DNS_SERVER, LOOPBACK_RANGE, SOURCE_LISTED) and the
 * policy's port bitmaps (PORT_*).
 */
enum weir_fact {
	WEIR_FACT_UDP = 1 << 0,
	WEIR_FACT_IPV6 = 1 << 1,
	WEIR_FACT_LOCAL = 1 << 2,		/* destination is an address of the namespace, or 0.0.0.0, :: */
	WEIR_FACT_LOOPBACK_RANGE = 1 << 3,	/* destination is in the policy's loopback range (127.0.0.1/32, ::1) */
	WEIR_FACT_PASSTHROUGH_SOURCE = 1 << 4,	/* source is 127.0.0.6 or ::6 */
	WEIR_FACT_PROXY_FIRST_UID = 1 << 5,	/* socket made by the first of the proxy's uids */
	WEIR_FACT_PROXY_OTHER_UID = 1 << 6,	/* ... by another of them */
	WEIR_FACT_PROXY_GID = 1 << 7,
	WEIR_FACT_PROXY_CGROUP = 1 << 8,
	WEIR_FACT_GROUP_LISTED = 1 << 9,	/* gid is in the list of owner groups */
	WEIR_FACT_UID_PORT = 1 << 10,		/* this port is excluded for this uid */
	WEIR_FACT_PORT_EXCLUDED = 1 << 11,
	WEIR_FACT_PORT_INCLUDED = 1 << 12,
	WEIR_FACT_PORT_INBOUND = 1 << 13,	/* passes the inbound port test */
	WEIR_FACT_PORT_DNS = 1 << 14,		/* 53 */
	WEIR_FACT_PORT_TUNNEL = 1 << 15,
	WEIR_FACT_RANGE_EXCLUDED = 1 << 16,
	WEIR_FACT_RANGE_INCLUDED = 1 << 17,
	WEIR_FACT_DNS_SERVER = 1 << 18,
	WEIR_FACT_SOURCE_LISTED = 1 << 19,	/* client's address is in the list of sources */
	WEIR_FACT_INTERFACE_EXCLUDED = 1 << 20,
	WEIR_FACT_INTERFACE_VIRTUAL = 1 << 21,
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
	WEIR_POLICY_INTERFACES = 1 << 5,	/* has entries in weir_ifaces */
	WEIR_POLICY_USER_PORTS = 1 << 6,	/* has entries in weir_uports */
	WEIR_POLICY_TRANSPARENT = 1 << 7,	/* TPROXY semantics: the proxy's end keeps the address that was called */
	WEIR_POLICY_SOCKET_NAME = 1 << 4,	/* the proxy takes getsockname() for the origin */
};

/* A compiled policy: immutable once a workload points to its slot. */
struct weir_policy {
	__u32 flags;			/* enum weir_policy_flag */
	__u32 mark;			/* SO_MARK of the proxy, 0 for none */
	__be16 port[8];			/* by verdict; 0: that verdict has no target */
	__be16 tunnel_port;		/* 0 for none */
	__u16 rule_count[WEIR_DIRECTIONS];
	__u16 pad;
	__u8 digest[16];		/* of the whole policy, prefixes and owners too: equal policies are stored once */
	__u8 proxy4[16];		/* where the proxy listens for IPv4, mapped; usually 127.0.0.1 */
	__u8 proxy6[16];		/* ... for IPv6, usually ::1 */
	__u8 dns4[16];			/* where it listens for DNS, when that is elsewhere; else zero */
	__u8 dns6[16];
	struct weir_rule rules[WEIR_DIRECTIONS][WEIR_MAX_RULES];
	char sources[WEIR_MAX_SOURCES][WEIR_SOURCE_SIZE];	/* for `weir explain`: what weir_rule.source counts */
	__u64 ports[WEIR_PORT_SETS][65536 / 64];	/* bit port % 64 of word port / 64, port in host order */
};

enum weir_when_proxy_down {
	WEIR_DOWN_REFUSE = 0,
	WEIR_DOWN_FALLBACK = 1,
	WEIR_DOWN_DIRECT = 2,
};

enum weir_workload_flag {
	WEIR_WORKLOAD_FOLLOW_PASSED = 1 << 0,	/* connections left alone get a record at their end, with bytes */
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
	WEIR_ACCELERATE_ONE_QUEUE = 1 << 3,	/* its proxy only with bytes of the stack in the same queue */
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
	char name[WEIR_NAME_SIZE];
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

/* A connection's two ends, seen from the socket that called connect(). */
struct weir_tuple {
	__u64 netns;
	__u8 local[16];
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u32 pad;
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
	__u32 pad2;
	__u64 started_ns;	/* CLOCK_MONOTONIC */
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

/* Key of weir_listeners; the value is a listening socket. */
struct weir_listener {
	__u64 netns;
	__be16 port;
	__u16 family;	/* AF_INET, or AF_INET6 for one that may take both */
	__u32 slot;	/* below WEIR_LISTENER_SLOTS */
};

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

/*
 * How a message of an accelerated workload went, and if not past the stack, why.  X(constant, word, sentence).
 */
#define WEIR_PATHS(X) \
	X(REDIRECT, "redirect", "straight into the peer's socket") \
	X(IN_FLIGHT, "in_flight", "earlier bytes of this direction are still on their way through the stack") \
	X(UNREAD, "unread", "the peer has not read earlier bytes that came through the stack") \
	X(OVER_BUDGET, "over_budget", "the peer has a budget of redirected bytes unread") \
	X(AFTER_STACK, "after_stack", "an earlier message to this application took the stack, after which nothing may overtake") \
	X(NO_PEER, "no_peer", "the peer is not known, or one of the two is closing") \
	X(SCOPE, "scope", "the acceleration of one of the two workloads does not go so far") \
	X(PRESSURE, "pressure", "the node's TCP memory is scarce, and only the stack waits for some") \
	X(UPPER_LAYER, "upper_layer", "a socket has an upper layer protocol, such as TLS in the kernel") \
	X(MPTCP, "mptcp", "the socket is a subflow of MPTCP") \
	X(FOREIGN, "foreign", "the socket is in a sockmap of somebody else") \
	X(ZERO_COPY, "zero_copy", "the socket sends with MSG_ZEROCOPY, which no sockmap completes") \
	X(FULL, "full", "the kernel had no room for another pair")

enum weir_path {
#define WEIR_PATH_CONSTANT(constant, word, sentence) WEIR_PATH_##constant,
	WEIR_PATHS(WEIR_PATH_CONSTANT)
#undef WEIR_PATH_CONSTANT
	WEIR_PATH_COUNT,
	/* Those below are of messages, the others of sockets that did not join. */
	WEIR_MESSAGE_PATHS = WEIR_PATH_MPTCP,
};

/* The word and the sentence of a path; "unknown" and "" past the last one. */
const char *weir_path_word(__u32 path);
const char *weir_path_sentence(__u32 path);

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
};

/* One of the two sockets of weir_pair. */
struct weir_side {
	__u64 cookie;	/* of the socket, its key in weir_peers; 0: not a member */
	__u64 socket;	/* its struct tcp_sock */
	__u64 netns;	/* of its workload */
	__u64 redirected;	/* bytes that it sent past the stack */
	__u64 messages[WEIR_MESSAGE_PATHS];	/* that it sent, by path */
	__u32 workload;	/* 0: not known yet */
	__u32 first;	/* sequence number of its first byte */
	__u32 unread_bytes;	/* redirected by it since its peer was last seen with an empty queue */
	__u32 unread_messages;
	__u8 role;	/* enum weir_end_role */
	__u8 one_queue;	/* it is in weir_queues */
	__u8 pad[6];
};

/* Value of weir_pairs, under both initial sequence numbers: two sockets with equal addresses in two namespaces differ by
 * them. */
struct weir_pair {
	struct weir_side sides[2];
	__u8 local[16];		/* as the end that called connect() sees it */
	__u8 remote[16];
	__be16 local_port;
	__be16 remote_port;
	__u32 pad;
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

/* The only entry of weir_settings. */
struct weir_settings {
	__u32 cgroup_workloads;	/* entries of weir_cgroups: 0 spares everyone the walk */
	__u32 abi_version;
	__u32 next_workload;	/* the id the next workload gets, less one */
	__u32 accelerates;	/* whether a workload ever was: else no socket has a pair, and nobody looks for one */
};

/* Context of weir_explain: an attempt that nobody makes. */
struct weir_attempt {
	__u64 netns;
	__u64 cgroup;		/* 0: found by netns */
	__u32 uid;
	__u32 gid;
	__u32 mark;
	__u32 interface;	/* inbound: index of the one it came in by */
	__u32 pad;
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
