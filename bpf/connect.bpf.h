/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hook 1: connect() of TCP and UDP sockets. */
#ifndef WEIR_CONNECT_BPF_H
#define WEIR_CONNECT_BPF_H

/*
 * MPTCP: the hooks see the subflow's socket, the application asks the MPTCP
 * socket for its peer.  That one gets a copy.  (Linux 5.19; before, an MPTCP
 * application's getpeername() tells the proxy's address.)
 */
static __always_inline void remember_mptcp(struct bpf_sock *sk, const struct weir_socket *socket)
{
	struct mptcp_sock *parent;
	struct weir_socket *copy;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_skc_to_mptcp_sock))
		return;
	parent = bpf_skc_to_mptcp_sock(sk);
	if (!parent)
		return;
	copy = bpf_sk_storage_get(&weir_socks, parent, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (copy)
		*copy = *socket;
}

/* Nothing is recorded of the sidecar's own connections. */
static __always_inline bool is_recorded(const struct decision *decision)
{
	return decision->reason != WEIR_REASON_PROXY;
}

/* Whether the socket has to be known until its end.  Those left alone need not:
 * storage and state callbacks cost more than the decision. */
static __always_inline bool is_followed(const struct weir_workload *workload, const struct attempt *attempt,
					const struct decision *decision)
{
	if (decision->verdict != WEIR_VERDICT_DIRECT || attempt->is_borrowed)
		return true;
	return workload->flags & WEIR_WORKLOAD_FOLLOW_PASSED && is_recorded(decision);
}

/*
 * Have the socket's states told from here on, so that a connect() is seen to
 * fail that never sends its SYN, for want of a source port.  An older kernel
 * takes no such option from this hook, and tells from the SYN on.  Each state
 * costs a call, so this is for connections that may well fail.
 */
static __always_inline void watch_attempt(struct bpf_sock_addr *ctx, struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_rdonly_cast ? tcp_of(sk) : NULL;
	int flags = BPF_SOCK_OPS_STATE_CB_FLAG;

	if (!tcp)
		return;
	flags |= PEEK(tcp, bpf_sock_ops_cb_flags);
	bpf_setsockopt(ctx, IPPROTO_TCP, TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags));
}

/* The storage of this socket, with what was decided.  One that is not followed
 * has some only from an earlier connect().  NULL: none, or no memory. */
static __always_inline struct weir_socket *remember(struct bpf_sock *sk, const struct weir_workload *workload,
						    const struct attempt *attempt,
						    const struct decision *decision)
{
	bool create = is_followed(workload, attempt, decision);
	struct weir_socket *socket =
		bpf_sk_storage_get(&weir_socks, sk, 0, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);

	if (!socket)
		return NULL;
	socket->workload = workload->id;
	socket->share = workload->share;
	socket->flags &= WEIR_SOCKET_BOUND | WEIR_SOCKET_OWN;
	socket->verdict = decision->verdict;
	socket->reason = decision->reason;
	if (attempt->is_borrowed)
		socket->flags |= WEIR_SOCKET_BORROWED;
	socket->direction = WEIR_OUTBOUND;
	__builtin_memcpy(socket->origin, attempt->destination.bytes, sizeof(socket->origin));
	socket->origin_port = attempt->destination_port;
	socket->started_ns = bpf_ktime_get_ns();
	socket->door = (struct weir_door){};
	if (attempt->protocol == IPPROTO_TCP)
		remember_mptcp(sk, socket);
	return socket;
}

/* The record of a connection that is not followed: all that is known when it is decided. */
static __always_inline void emit_at_once(const struct weir_workload *workload, const struct attempt *attempt,
					 const __u8 *source, __u8 direction, __u8 verdict, __u8 reason,
					 __u8 end)
{
	struct weir_flow *flow = reserve_flow(direction, workload->share, workload->id);

	if (!flow)
		return;
	__builtin_memcpy(flow->source, source, sizeof(flow->source));
	flow->started_ns = bpf_ktime_get_ns();
	flow->ended_ns = flow->started_ns;
	flow->sent_bytes = 0;
	flow->received_bytes = 0;
	flow->netns = attempt->netns;
	flow->workload = workload->id;
	flow->direction = direction;
	flow->verdict = verdict;
	flow->reason = reason;
	flow->end = end;
	__builtin_memcpy(flow->destination, attempt->destination.bytes, sizeof(flow->destination));
	__builtin_memcpy(flow->target, attempt->destination.bytes, sizeof(flow->target));
	flow->source_port = attempt->source_port;
	flow->destination_port = attempt->destination_port;
	flow->target_port = attempt->destination_port;
	no_paths(flow);
	submit_flow(flow);
}

static __always_inline int pass(struct bpf_sock_addr *ctx, bool six, struct bpf_sock *sk,
				const struct weir_workload *workload, const struct attempt *attempt,
				const struct weir_route *route, const struct decision *decision)
{
	union address none = {};
	struct weir_socket *socket = remember(sk, workload, attempt, decision);

	count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_DIRECT, decision->reason, attempt->protocol);
	if (!socket && attempt->protocol == IPPROTO_TCP && is_recorded(decision)) {
		bool is_chosen =
			is_unspecified(&attempt->source) && route && route->flags & WEIR_ROUTE_SOURCE;

		emit_at_once(workload, attempt, is_chosen ? route->source : attempt->source.bytes,
			     WEIR_OUTBOUND, WEIR_VERDICT_DIRECT, decision->reason, WEIR_FLOW_PASSED);
	}
	if (socket && socket->flags & WEIR_SOCKET_BOUND) {
		bind_source(ctx, six, &none);
		socket->flags &= ~WEIR_SOCKET_BOUND;
	}
	return PROCEED;
}

static __always_inline int redirect(struct bpf_sock_addr *ctx, bool six, struct bpf_sock *sk,
				    const struct weir_workload *workload, const struct weir_policy *policy,
				    struct attempt *attempt, const struct weir_route *route,
				    struct decision *decision)
{
	union address target;

	if (!find_target(policy, decision->verdict, &attempt->destination, &target)) {
		decision->verdict = WEIR_VERDICT_DIRECT;
		decision->reason = WEIR_REASON_FAMILY;
		return pass(ctx, six, sk, workload, attempt, route, decision);
	}

	/* A proxy's call to its own workload: TPROXY leaves the address as it is. */
	if (policy->flags & WEIR_POLICY_TRANSPARENT && decision->verdict == WEIR_VERDICT_INBOUND)
		target = attempt->destination;

	__be16 port = find_port(ctx, workload, policy, attempt->protocol, &target, decision);
	struct weir_door door = {};
	struct weir_share *share = NULL;

	if (decision->verdict == WEIR_VERDICT_DIRECT)
		return pass(ctx, six, sk, workload, attempt, route, decision);

	if (attempt->protocol == IPPROTO_TCP)
		share = share_of(workload->share, workload->id);
	/* Where its origin could not be kept, the proxy would send it to the wrong place. */
	if (!may_shake_hands(share)) {
		count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_TOO_MANY_HANDSHAKES,
		      attempt->protocol);
		return REFUSE;
	}

	if (goes_round(decision->verdict)) {
		count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_LOOP, attempt->protocol);
		return REFUSE;
	}

	struct weir_socket *socket = remember(sk, workload, attempt, decision);

	if (!socket) {
		count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_NO_MEMORY,
		      attempt->protocol);
		return REFUSE;
	}
	socket->process = current_process();

	/* Only then: finding the proxy's listener twice is a fifth of what a redirected connect() costs. */
	bool is_scarce = attempt->protocol == IPPROTO_TCP && !(policy->flags & WEIR_POLICY_TRANSPARENT) &&
			 (sk->src_port || is_crowded(share, socket->started_ns));
	bool is_spread = is_scarce && workload->flags & WEIR_WORKLOAD_STEERED && is_loopback(&target) &&
			 find_door(attempt->netns, &target, port, &door);

	if (is_unspecified(&attempt->source) && route && route->flags & WEIR_ROUTE_SOURCE) {
		attempt->source = *(const union address *)route->source;
		choose_source(ctx, six, sk, socket, &attempt->source, port, is_spread, &target);
	}
	if (is_spread) {
		__be16 spread = spread_port(&attempt->destination, attempt->destination_port);

		if (has_two_ends(sk, &attempt->source, &target, spread)) {
			socket->door = door;
			port = spread;
		}
	} else if (is_scarce && spread_address(ctx, attempt, port, &target)) {
		socket->door = (struct weir_door){ .port = port };
	}
	if (is_scarce)
		watch_attempt(ctx, sk);
	if (policy->flags & WEIR_POLICY_SOCKET_NAME)
		socket->flags |= WEIR_SOCKET_NAMED;
	if (attempt->protocol != IPPROTO_TCP)
		count(workload->id, WEIR_OUTBOUND, decision->verdict, decision->reason, attempt->protocol);
	write_user_address(ctx, six, &target, port);
	return PROCEED;
}

static __always_inline int on_connect(struct bpf_sock_addr *ctx, bool six)
{
	struct bpf_sock *sk = ctx->sk; /* once: two loads are two pointers to the verifier */
	__u64 netns = bpf_get_netns_cookie(ctx);

	if (!sk || (ctx->type != SOCK_STREAM && ctx->type != SOCK_DGRAM))
		return PROCEED;

	struct weir_workload *workload = find_workload(netns, ctx);

	if (!workload)
		return PROCEED;

	struct attempt attempt = { .netns = netns };
	struct decision decision = { .verdict = WEIR_VERDICT_DIRECT, .reason = WEIR_REASON_NO_POLICY };
	__u32 error;

	attempt.protocol = ctx->type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	attempt.destination_port = port_of(ctx->user_port);
	read_user_address(ctx, six, &attempt.destination);

	const struct weir_policy *policy = find_policy(workload->policy);

	if (!policy)
		return pass(ctx, six, sk, workload, &attempt, NULL, &decision);

	struct weir_socket *earlier = bpf_sk_storage_get(&weir_socks, sk, 0, 0);

	if (earlier && earlier->flags & WEIR_SOCKET_OWN) {
		decision.reason = WEIR_REASON_WEIR_PROXY;
		return pass(ctx, six, sk, workload, &attempt, NULL, &decision);
	}
	attempt.mark = sk->mark;
	attempt.interface = sk->bound_dev_if;
	read_owner(sk, &attempt);
	attempt.by_proxy_cgroup = is_proxy_cgroup(workload, policy, ctx);

	if (!earlier || !(earlier->flags & WEIR_SOCKET_BOUND))
		read_local_address(sk, &attempt.source);

	struct weir_route *route = find_route(attempt.netns, &attempt.destination);

	attempt.policy = workload->policy;
	decision = unpack(decide_outbound(policy, &attempt, route));
	attempt.is_borrowed = policy->flags & WEIR_POLICY_TRANSPARENT && attempt.facts & WEIR_FACT_LOCAL &&
			      attempt.protocol == IPPROTO_TCP && !is_unspecified(&attempt.source);
	if (decision.verdict != WEIR_VERDICT_DIRECT && may_fail() &&
	    (error = route_error(sk, &attempt, route)))
		return refuse_unroutable(workload, attempt.protocol, error);
	if (workload->acceleration && attempt.protocol == IPPROTO_TCP)
		want_peer(sk, workload, &attempt, route, decision.verdict);
	if (decision.verdict == WEIR_VERDICT_DIRECT)
		return pass(ctx, six, sk, workload, &attempt, route, &decision);
	return redirect(ctx, six, sk, workload, policy, &attempt, route, &decision);
}

/*
 * When: connect() on an AF_INET socket, blocking or not, from any system call
 * (io_uring, MSG_FASTOPEN and MPTCP included), before the kernel routes it.
 * Reads: weir_pods or weir_cgroups, then the maps of policy.bpf.h.
 * Writes: weir_socks, weir_counters, the address that is connected to.
 * Returns: 1, go on; 0, the route's error to the caller where there is no way
 * to the destination, else EPERM (no memory for the origin, the workload has its
 * share of handshakes, or a proxy's connections go round).
 */
SEC("cgroup/connect4")
int weir_connect4(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, false);
}

/* The same for AF_INET6 sockets, IPv4-mapped destinations included. */
SEC("cgroup/connect6")
int weir_connect6(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, true);
}

#endif
