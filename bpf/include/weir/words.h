/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The words that every part uses: which way a connection goes, what happens to
 * it, and why; and how a message of an accelerated workload went.
 */
#ifndef WEIR_WORDS_H
#define WEIR_WORDS_H

#include <linux/types.h>

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
	WEIR_VERDICT_REFUSE = 5,	/* fails: its origin cannot be kept, or the proxy does not listen */
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
	X(LOOP, "loop", "the proxy's own connections come back to it, because it is not known as the proxy") \
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
	X(RULE, "rule", "a rule of the configuration") \
	X(TOO_MANY_HANDSHAKES, "too_many_handshakes", "too many connections of the workload wait for its proxy to accept them") \
	X(PROXY_NOT_STEERABLE, "proxy_not_steerable", "the kernel cannot steer connections to the proxy's listener, as with one of MPTCP") \
	X(NO_ROUTE, "no_route", "there is no route to the destination, so the call fails as it does without Weir")

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
 * How a message of an accelerated workload went, and if not past the stack, why.  X(constant, word, sentence).
 */
#define WEIR_PATHS(X) \
	X(REDIRECT, "redirect", "straight into the peer's socket") \
	X(IN_FLIGHT, "in_flight", "earlier bytes of this direction are still on their way through the stack") \
	X(UNREAD, "unread", "the peer has not read earlier bytes that came through the stack") \
	X(OVER_BUDGET, "over_budget", "the peer has a budget of redirected bytes unread") \
	X(NO_PEER, "no_peer", "the peer is not known, or one of the two is closing") \
	X(SCOPE, "scope", "the acceleration of one of the two workloads does not go so far") \
	X(PRESSURE, "pressure", "the node's TCP memory is scarce, and only the stack waits for some") \
	X(UPPER_LAYER, "upper_layer", "a socket has an upper layer protocol, such as TLS in the kernel") \
	X(MPTCP, "mptcp", "the socket is a subflow of MPTCP") \
	X(FOREIGN, "foreign", "the socket is in a sockmap of somebody else") \
	X(ZERO_COPY, "zero_copy", "the socket sends with MSG_ZEROCOPY, which no sockmap completes") \
	X(FULL, "full", "the kernel had no room for another pair") \
	X(TWIN, "twin", "another connection of the node has the same initial sequence numbers") \
	X(REFUSED, "refused", "the kernel does not let the socket into a sockmap")

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

#endif
