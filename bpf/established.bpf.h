/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hook 2, second half: what TCP tells of a connection's life.
 */
#ifndef WEIR_ESTABLISHED_BPF_H
#define WEIR_ESTABLISHED_BPF_H

/* The interface that an accepted socket's client came in by (Linux 5.17; 0 before). */
static __always_inline __u32 ingress_of(struct bpf_sock *sk)
{
	struct sock *kernel = kernel_sock(sk);

	if (!kernel || !bpf_core_field_exists(struct sock, sk_rx_dst_ifindex))
		return 0;
	return (__u32)BPF_CORE_READ(kernel, sk_rx_dst_ifindex);
}

/* The proxy did not listen, and somebody else has taken the connection: which listener it was, the accepted
 * socket knows. */
static __always_inline void take_account_of_proxy_down(const struct weir_workload *workload,
						       const struct weir_socket *accepted,
						       struct decision *decision)
{
	bool is_taker = accepted && accepted->flags & WEIR_SOCKET_TAKER;

	if (decision->verdict == WEIR_VERDICT_DIRECT)
		return;
	if (is_taker && accepted->reason == WEIR_REASON_PROXY_DOWN_FALLBACK) {
		decision->verdict = WEIR_VERDICT_FALLBACK;
		decision->reason = WEIR_REASON_PROXY_DOWN_FALLBACK;
	} else if (!is_taker && workload->when_proxy_down == WEIR_DOWN_DIRECT) {
		decision->verdict = WEIR_VERDICT_DIRECT;
		decision->reason = WEIR_REASON_PROXY_DOWN_DIRECT;
	}
}

/* Record a connection that inbound.bpf.h has steered (or left alone) by deciding it again. */
static __always_inline void record_inbound(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
					   const struct weir_tuple *tuple,
					   const struct weir_workload *workload)
{
	const struct weir_policy *policy = find_policy(workload->policy);
	struct attempt attempt = {
		.netns = tuple->netns,
		.interface = ingress_of(sk),
		.source = *(const union address *)tuple->remote,
		.destination = *(const union address *)tuple->local,
		.destination_port = tuple->local_port,
		.protocol = IPPROTO_TCP,
		.policy = workload->policy,
	};

	/* nftables has decided, counts, and knows the origin. */
	if (workload->flags & WEIR_WORKLOAD_INBOUND_RULES)
		return;
	if (!policy || is_from_inside(tuple->netns, &attempt))
		return;

	struct decision decision = unpack(decide_inbound(policy, &attempt));
	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);

	take_account_of_proxy_down(workload, socket, &decision);
	count(workload->id, WEIR_INBOUND, decision.verdict, decision.reason, IPPROTO_TCP);
	if (decision.verdict == WEIR_VERDICT_DIRECT)
		return;
	if (!socket)
		socket = bpf_sk_storage_get(&weir_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		return; /* the origin is the local address; only the record is lost */
	socket->workload = workload->id;
	socket->share = workload->share;
	socket->flags = WEIR_SOCKET_ACCEPTED | WEIR_SOCKET_ESTABLISHED;
	socket->verdict = decision.verdict;
	socket->reason = decision.reason;
	socket->direction = WEIR_INBOUND;
	__builtin_memcpy(socket->origin, tuple->local, sizeof(socket->origin));
	socket->origin_port = tuple->local_port;
	socket->started_ns = bpf_ktime_get_ns();
	/* Called by the proxy's own port: a REDIRECT would have landed on the interface's first address,
	 * and a proxy tells by that difference that the connection was redirected. */
	if (!(policy->flags & WEIR_POLICY_TRANSPARENT) &&
	    tuple->local_port == policy->port[decision.verdict & 7])
		socket->flags |= WEIR_SOCKET_LANDED;
	watch_states(ctx);
}

/* An accepted end is established; accept() has not returned yet. */
static __noinline void on_accepted(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	__u64 netns = bpf_get_netns_cookie(ctx);
	struct weir_workload *pod = find_pod(netns);
	bool was_sent = is_target(ctx->local_port);
	struct weir_tuple tuple = {};

	if (!pod && !was_sent)
		return;
	read_tuple(ctx, &tuple);
	if (pod)
		was_sent |= is_inside((union address *)tuple.remote, (union address *)tuple.local);
	if (!(was_sent && take_origin(ctx, sk, &tuple)) && pod)
		record_inbound(ctx, sk, &tuple, pod);
	if (pod && pod->acceleration)
		meet(ctx, sk, &tuple, pod);
}

/* Whether inbound.bpf.h can steer connections to this port: to the outbound one
 * those that come in by a virtual interface. */
static __always_inline bool is_steered_to(const struct weir_workload *pod, const struct weir_policy *policy,
					  __be16 port)
{
	if (port == policy->port[WEIR_VERDICT_INBOUND] || port == pod->fallback_port)
		return true;
	return policy->flags & WEIR_POLICY_INTERFACES && port == policy->port[WEIR_VERDICT_OUTBOUND];
}

/* Let the sockets that a listener accepts know what it is. */
static __always_inline void mark_taker(struct bpf_sock *sk, bool is_fallback)
{
	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!socket)
		return;
	socket->flags = WEIR_SOCKET_TAKER;
	socket->verdict = WEIR_VERDICT_DIRECT;
	socket->reason = is_fallback ? WEIR_REASON_PROXY_DOWN_FALLBACK : WEIR_REASON_INBOUND;
	socket->direction = WEIR_INBOUND;
}

/* A socket of a workload's namespace listens: is it one that inbound traffic goes to? */
static __noinline void on_listen(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	volatile struct bpf_sock_ops *from = ctx;
	struct weir_listener key = {
		.netns = bpf_get_netns_cookie(ctx),
		.port = bpf_htons((__u16)from->local_port),
		.family = (__u16)from->family,
	};
	struct weir_workload *pod = find_pod(key.netns);
	const struct weir_policy *policy = pod ? find_policy(pod->policy) : NULL;
	struct weir_tuple tuple = {};
	long error = -WEIR_EEXIST;

	if (!policy)
		return;
	read_tuple(ctx, &tuple);
	note_door(ctx, pod, policy, (union address *)tuple.local, key);
	if (!is_steered_to(pod, policy, key.port))
		return;
	/* Traffic from outside never reaches a listener on the loopback address. */
	if (key.port != pod->fallback_port && is_loopback((union address *)tuple.local))
		return;
	mark_taker(sk, key.port == pod->fallback_port);
	for (__u32 slot = 0; slot < WEIR_LISTENER_SLOTS && error == -WEIR_EEXIST; slot++) {
		key.slot = slot;
		error = bpf_sock_hash_update(ctx, &weir_listeners, &key, BPF_NOEXIST);
	}
	/* All taken, by a proxy that is being replaced or by more workers than slots: the newer one counts,
	 * because the others may be about to close. */
	if (error == -WEIR_EEXIST) {
		key.slot = bpf_get_prandom_u32() % WEIR_LISTENER_SLOTS;
		error = bpf_sock_hash_update(ctx, &weir_listeners, &key, BPF_ANY);
	}
	/* Anything else is no lack of slots: the kernel keeps subflows of MPTCP out, or has no room. */
	if (key.port == policy->port[WEIR_VERDICT_INBOUND])
		pod->unsteerable = error != 0;
}

static __noinline void on_state(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	volatile struct bpf_sock_ops *from = ctx;
	__u32 new_state = from->args[1];

	if (new_state == BPF_TCP_SYN_SENT)
		return;

	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);

	if (socket && new_state == BPF_TCP_ESTABLISHED) {
		socket->flags |= WEIR_SOCKET_ESTABLISHED;
		if (is_counted_late(socket))
			count(socket->workload, WEIR_OUTBOUND, socket->verdict, socket->reason, IPPROTO_TCP);
	}
	if (new_state == BPF_TCP_ESTABLISHED)
		return;

	struct weir_end *end = end_of(sk);
	struct weir_pair *pair = pair_of(end);

	if (pair && (new_state == BPF_TCP_FIN_WAIT1 || new_state == BPF_TCP_LAST_ACK))
		begin_leaving(sk, end, pair);
	if (pair && (new_state == BPF_TCP_CLOSE_WAIT || new_state == BPF_TCP_CLOSING))
		on_peer_left(ctx, sk, end, pair);
	if (new_state != BPF_TCP_CLOSE)
		return;
	/* Only the end that is recorded has a start: the other one may be followed because of its pair. */
	if (socket && socket->started_ns)
		on_close(ctx, sk, socket, end, pair);
	if (pair)
		leave_pair(end, pair);
}

/*
 * When: at each event below (a SYN is about to leave, an end is established, a socket listens or changes its
 * state), for every TCP socket below the cgroup.
 * Reads: weir_socks, weir_ends; for accepted sockets weir_pods, weir_targets, weir_origins, weir_pairs.
 * Writes: weir_origins, weir_targets, weir_shares, weir_socks, weir_listeners, weir_counters, weir_flows, and what
 * pair.bpf.h has.
 * Returns: 1; the value means nothing for these events.
 */
SEC("sockops")
int weir_sockops(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (!sk)
		return 1;
	/* Every connection of the node makes calls that are about other things, too. */
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		on_syn(ctx, sk);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		on_connected(ctx, sk);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		on_accepted(ctx, sk);
		break;
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		on_listen(ctx, sk);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		on_state(ctx, sk);
		break;
	}
	return 1;
}

#endif
