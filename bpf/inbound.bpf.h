/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hook 4: connections from outside the workload's namespace.  The socket look-up
 * is steered to the proxy's listener; packets are not rewritten, so the local
 * address of the accepted socket is the origin and the client's is kept.
 */
#ifndef WEIR_INBOUND_BPF_H
#define WEIR_INBOUND_BPF_H

/* The namespace this program instance is attached to: sk_lookup programs have
 * no helper that tells (filter.c, sk_lookup_func_proto).  A section of its own,
 * so that it is all there is in it when it is set. */
const volatile __u64 weir_netns SEC(".rodata.weir");

/* Gives the connection to a listener, which may be NULL, and lets go of it.  What another program has chosen counts
 * less than the workload's policy. */
static __always_inline bool assign(struct bpf_sk_lookup *ctx, struct bpf_sock *listener)
{
	long error;

	if (!listener)
		return false;
	error = bpf_sk_assign(ctx, listener, BPF_SK_LOOKUP_F_REPLACE);
	bpf_sk_release(listener);
	return !error;
}

/* Go on with a listener of the proxy, one of its SO_REUSEPORT group at most; the kernel then spreads over the group, as
 * BPF_SK_LOOKUP_F_NO_REUSEPORT is unset.  One that takes IPv6 only is refused for IPv4 (EAFNOSUPPORT), and the next
 * may not be. */
static __always_inline bool steer(struct bpf_sk_lookup *ctx, __be16 port, __u16 family)
{
	struct weir_listener key = { .netns = weir_netns, .port = port, .family = family };

	for (__u32 slot = 0; slot < WEIR_LISTENER_SLOTS; slot++) {
		key.slot = slot;
		if (assign(ctx, bpf_map_lookup_elem(&weir_listeners, &key)))
			return true;
	}
	return false;
}

static __always_inline bool steer_to_door(struct bpf_sk_lookup *ctx, const struct weir_door *door)
{
	struct weir_listener key = {
		.netns = weir_netns,
		.port = door->port,
		.family = door->family,
		.slot = door->slot,
	};

	return assign(ctx, bpf_map_lookup_elem(&weir_listeners, &key));
}

/* An IPv4 connection may go to an IPv6 listener that takes both. */
static __always_inline bool steer_family(struct bpf_sk_lookup *ctx, __be16 port)
{
	if (ctx->family == AF_INET && steer(ctx, port, AF_INET))
		return true;
	return steer(ctx, port, AF_INET6);
}

static __always_inline void read_attempt(struct bpf_sk_lookup *ctx, struct attempt *attempt)
{
	volatile struct bpf_sk_lookup *from = ctx;
	__be32 local_ipv4 = from->local_ip4, remote_ipv4 = from->remote_ip4;

	READ_IPV6(&attempt->source, from->remote_ip6);
	READ_IPV6(&attempt->destination, from->local_ip6);
	if (from->family != AF_INET6) {
		map_ipv4(&attempt->source, remote_ipv4);
		map_ipv4(&attempt->destination, local_ipv4);
	}
	attempt->netns = weir_netns;
	attempt->interface = from->ingress_ifindex;
	attempt->source_port = from->remote_port;
	attempt->destination_port = bpf_htons((__u16)from->local_port);
	attempt->protocol = IPPROTO_TCP;
}

/* TPROXY mode: whether a socket of this namespace made the connection, from a client's address. */
static __always_inline bool is_borrowed(const struct weir_policy *policy, const struct attempt *attempt)
{
	return policy->flags & WEIR_POLICY_TRANSPARENT && handshake_of(attempt);
}

/* Count and record a connection from outside that nobody takes. */
static __always_inline void refuse(const struct weir_workload *pod, const struct attempt *attempt,
				   __u8 reason)
{
	struct weir_counter *counter =
		counter_of(pod->id, WEIR_INBOUND, WEIR_VERDICT_REFUSE, reason, IPPROTO_TCP);

	if (counter) {
		__sync_fetch_and_add(&counter->connections, 1);
		__sync_fetch_and_add(&counter->failed, 1);
	}
	emit_at_once(pod, attempt, attempt->source.bytes, WEIR_INBOUND, WEIR_VERDICT_REFUSE, reason,
		     WEIR_FLOW_FAILED);
}

/*
 * When: a packet of the namespace meets no established connection: a SYN.
 * Reads: weir_origins, weir_pods, the maps of policy.bpf.h, weir_listeners.
 * Writes: the socket that takes the connection; weir_counters and weir_flows, when none does.
 * Returns: SK_PASS, go on with that socket or the kernel's own look-up;
 * SK_DROP, nobody listens (the kernel answers a SYN with RST).
 */
SEC("sk_lookup")
int weir_sk_lookup(struct bpf_sk_lookup *ctx)
{
	__u64 netns = weir_netns;
	struct attempt attempt = {};

	if (ctx->protocol != IPPROTO_TCP)
		return SK_PASS;
	read_attempt(ctx, &attempt);

	struct weir_origin *inside = find_inside(&attempt);

	if (inside && !inside->door.family)
		return SK_PASS;
	/* Whoever else listens at that port was not asked for. */
	if (inside)
		return steer_to_door(ctx, &inside->door) ? SK_PASS : SK_DROP;

	struct weir_workload *pod = find_pod(netns);

	if (!pod || pod->flags & WEIR_WORKLOAD_INBOUND_RULES)
		return SK_PASS;

	const struct weir_policy *policy = find_policy(pod->policy);

	if (!policy || is_from_inside(netns, &attempt) || is_borrowed(policy, &attempt))
		return SK_PASS;

	attempt.policy = pod->policy;

	struct decision decision = unpack(decide_inbound(policy, &attempt));
	__u8 reason = WEIR_REASON_PROXY_NOT_STEERABLE; /* it does listen, and must not be passed by */

	/* Forwarded traffic of a virtual interface, which nftables has sent here already. */
	if (attempt.facts & WEIR_FACT_INTERFACE_VIRTUAL &&
	    attempt.destination_port == policy->port[WEIR_VERDICT_OUTBOUND])
		return SK_PASS;
	if (decision.verdict == WEIR_VERDICT_DIRECT || steer_family(ctx, policy->port[decision.verdict & 7]))
		return SK_PASS;
	if (!pod->unsteerable) {
		if (pod->when_proxy_down == WEIR_DOWN_DIRECT)
			return SK_PASS;
		if (pod->when_proxy_down == WEIR_DOWN_FALLBACK && steer_family(ctx, pod->fallback_port))
			return SK_PASS;
		reason = WEIR_REASON_PROXY_DOWN_REFUSED;
	}
	refuse(pod, &attempt, reason);
	return SK_DROP;
}

#endif
