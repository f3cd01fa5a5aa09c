/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hook 5: datagrams of sockets that name the destination in each call.  Only
 * DNS is ever redirected.  (connect() on UDP is decided in connect.bpf.h.)
 */
#ifndef WEIR_DATAGRAM_BPF_H
#define WEIR_DATAGRAM_BPF_H

/*
 * Remember that this server was asked.  Answers all come from the proxy, so
 * which server an answer stands for is known only from the order of the
 * questions; a socket that asks one server at a time is always right.
 */
static __always_inline bool push_origin(struct bpf_sock *sk, const struct attempt *attempt)
{
	struct weir_datagrams *asked =
		bpf_sk_storage_get(&weir_datagrams, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!asked)
		return false;

	__u32 slot = asked->tail & (WEIR_DATAGRAM_ORIGINS - 1);

	__builtin_memcpy(asked->origin[slot].address, attempt->destination.bytes, 16);
	asked->origin[slot].port = attempt->destination_port;
	asked->tail++;
	return true;
}

/* A connected socket hears from its peer alone.  Its peer may be the proxy at the socket's own address. */
static __always_inline void keep_peer(struct bpf_sock *sk, __be16 port, union address *target)
{
	union address local, peer;

	read_local_address(sk, &local);
	read_peer_address(sk, &peer);
	if (sk->dst_port == port && is_same_address(&local, &peer))
		*target = peer;
}

/* Send this datagram to the proxy.  false: there is no memory to keep its origin.  The decision is changed when
 * there is no proxy for it. */
static __always_inline bool redirect_datagram(struct bpf_sock_addr *ctx, bool six, struct bpf_sock *sk,
					      const struct weir_workload *workload,
					      const struct weir_policy *policy, const struct attempt *attempt,
					      const struct weir_route *route, struct decision *decision)
{
	union address target;
	__be16 port;

	if (!find_target(policy, decision->verdict, &attempt->destination, &target)) {
		decision->verdict = WEIR_VERDICT_DIRECT;
		decision->reason = WEIR_REASON_FAMILY;
		return true;
	}
	port = find_port(ctx, workload, policy, IPPROTO_UDP, &target, decision);
	if (decision->verdict == WEIR_VERDICT_DIRECT)
		return true;
	if (!push_origin(sk, attempt))
		return false;
	keep_peer(sk, port, &target);
	write_user_address(ctx, six, &target, port);
	if (is_unspecified(&attempt->source) && route && route->flags & WEIR_ROUTE_SOURCE)
		write_message_source(ctx, six, (const union address *)route->source);
	return true;
}

static __always_inline int on_sendmsg(struct bpf_sock_addr *ctx, bool six)
{
	struct bpf_sock *sk = ctx->sk;
	struct attempt attempt = { .protocol = IPPROTO_UDP };

	if (!sk)
		return PROCEED;
	attempt.netns = bpf_get_netns_cookie(ctx);

	struct weir_workload *workload = find_workload(attempt.netns, ctx);
	const struct weir_policy *policy = workload ? find_policy(workload->policy) : NULL;

	if (!policy)
		return PROCEED;
	attempt.mark = sk->mark;
	attempt.interface = sk->bound_dev_if;
	attempt.destination_port = port_of(ctx->user_port);
	read_user_address(ctx, six, &attempt.destination);
	read_message_source(ctx, six, &attempt.source);
	read_owner(sk, &attempt);
	attempt.by_proxy_cgroup = is_proxy_cgroup(workload, policy, ctx);

	struct weir_route *route = find_route(attempt.netns, &attempt.destination);
	struct decision decision;
	__u32 error;

	attempt.policy = workload->policy;
	decision = unpack(decide_outbound(policy, &attempt, route));

	if (decision.verdict != WEIR_VERDICT_DIRECT && may_fail() &&
	    (error = route_error(sk, &attempt, route)))
		return refuse_unroutable(workload, IPPROTO_UDP, error);
	if (decision.verdict != WEIR_VERDICT_DIRECT && goes_round(decision.verdict)) {
		count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_LOOP, IPPROTO_UDP);
		return REFUSE;
	}
	if (decision.verdict != WEIR_VERDICT_DIRECT &&
	    !redirect_datagram(ctx, six, sk, workload, policy, &attempt, route, &decision)) {
		count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_NO_MEMORY, IPPROTO_UDP);
		return REFUSE;
	}
	/* A stream of datagrams is no stream of connections: only what is DNS is counted. */
	if (decision.verdict != WEIR_VERDICT_DIRECT || bpf_ntohs(attempt.destination_port) == 53)
		count(workload->id, WEIR_OUTBOUND, decision.verdict, decision.reason, IPPROTO_UDP);
	return PROCEED;
}

/*
 * When: sendto(), sendmsg() and sendmmsg() with an address, on AF_INET sockets.
 * Reads: as connect.  Writes: weir_datagrams, weir_counters, the destination
 * and the source of this datagram.
 * Returns: 1, go on; 0, the route's error to the caller where there is no way
 * to the destination, else EPERM (no memory for the origin, or the proxy asks
 * itself).
 */
SEC("cgroup/sendmsg4")
int weir_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_sendmsg(ctx, false);
}

/* The same for AF_INET6 sockets. */
SEC("cgroup/sendmsg6")
int weir_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_sendmsg(ctx, true);
}

/* The server an answer stands for: the oldest unanswered one, or the only one. */
static __always_inline bool pop_origin(struct bpf_sock *sk, union address *address, __be16 *port)
{
	struct weir_datagrams *asked = bpf_sk_storage_get(&weir_datagrams, sk, 0, 0);
	__u32 slot;

	if (!asked || !asked->tail)
		return false;
	if (asked->tail - asked->head > WEIR_DATAGRAM_ORIGINS)
		asked->head = asked->tail - WEIR_DATAGRAM_ORIGINS;
	/* All answered already: a second answer of the last one. */
	slot = (asked->head == asked->tail ? asked->tail - 1 : asked->head++) & (WEIR_DATAGRAM_ORIGINS - 1);
	__builtin_memcpy(address->bytes, asked->origin[slot].address, 16);
	*port = asked->origin[slot].port;
	return true;
}

static __always_inline int on_recvmsg(struct bpf_sock_addr *ctx, bool six)
{
	struct bpf_sock *sk = ctx->sk;
	union address source = {}, origin = {}, target;
	__u64 netns = bpf_get_netns_cookie(ctx);
	__be16 port = port_of(ctx->user_port);

	struct weir_workload *workload = sk ? find_workload(netns, ctx) : NULL;
	const struct weir_policy *policy = workload ? find_policy(workload->policy) : NULL;

	if (!policy)
		return 1;
	if (sk->src_port && bpf_htons((__u16)sk->src_port) == policy->port[WEIR_VERDICT_DNS])
		note_server();
	if (port != policy->port[WEIR_VERDICT_DNS])
		return 1;
	read_user_address(ctx, six, &source);
	if (!find_target(policy, WEIR_VERDICT_DNS, &source, &target) || !is_same_address(&source, &target) ||
	    !pop_origin(sk, &origin, &port)) {
		/* A connected socket hears from its peer alone. */
		struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);

		if (!socket || socket->verdict != WEIR_VERDICT_DNS)
			return 1;
		origin = *(union address *)socket->origin;
		port = socket->origin_port;
	}
	write_user_address(ctx, six, &origin, port);
	return 1;
}

/*
 * When: recvfrom() and friends that want the sender's address.
 * Reads: weir_pods or weir_cgroups, weir_datagrams, weir_socks.
 * Writes: weir_loops, the sender: the server that was asked.  Returns: 1; nothing else is allowed.
 */
SEC("cgroup/recvmsg4")
int weir_recvmsg4(struct bpf_sock_addr *ctx)
{
	return on_recvmsg(ctx, false);
}

/* The same for AF_INET6 sockets. */
SEC("cgroup/recvmsg6")
int weir_recvmsg6(struct bpf_sock_addr *ctx)
{
	return on_recvmsg(ctx, true);
}

#endif
