/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where what a decision sends to the proxy goes: for connect() and for datagrams. */
#ifndef WEIR_TARGET_BPF_H
#define WEIR_TARGET_BPF_H

/* The address the proxy listens on for this family; false when the policy names none. */
static __always_inline bool find_target(const struct weir_policy *policy, __u8 verdict,
					const union address *destination, union address *target)
{
	bool four = is_ipv4(destination);

	if (verdict == WEIR_VERDICT_DNS) {
		*target = *(const union address *)(four ? policy->dns4 : policy->dns6);
		if (target->halves[0] || target->halves[1])
			return true;
	}
	*target = *(const union address *)(four ? policy->proxy4 : policy->proxy6);
	return target->halves[0] || target->halves[1];
}

/* The state (BPF_TCP_*) of the socket that a packet from `source` would meet at an address of this namespace; 0: none. */
static __always_inline __u32 state_of(struct bpf_sock_addr *ctx, const union address *source,
				      __be16 source_port, const union address *address, __be16 port,
				      __u8 protocol)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *found;
	__u32 size = sizeof(tuple.ipv4);
	__u32 state;

	if (is_ipv4(address)) {
		tuple.ipv4.saddr = source->words[3];
		tuple.ipv4.sport = source_port;
		tuple.ipv4.daddr = address->words[3];
		tuple.ipv4.dport = port;
	} else {
		__builtin_memcpy(tuple.ipv6.saddr, source->words, sizeof(tuple.ipv6.saddr));
		tuple.ipv6.sport = source_port;
		__builtin_memcpy(tuple.ipv6.daddr, address->words, sizeof(tuple.ipv6.daddr));
		tuple.ipv6.dport = port;
		size = sizeof(tuple.ipv6);
	}
	if (protocol == IPPROTO_UDP)
		found = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		found = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!found)
		return 0;
	state = found->state;
	bpf_sk_release(found);
	return state;
}

/* Whether somebody listens at an address of this namespace. */
static __always_inline bool is_listening(struct bpf_sock_addr *ctx, const union address *address, __be16 port,
					 __u8 protocol)
{
	union address anybody = {};

	return state_of(ctx, &anybody, 0, address, port, protocol);
}

/*
 * Turn a verdict into a port.  When the proxy does not listen, the workload's
 * whenProxyDown decides; by default nothing is looked up and the kernel
 * refuses the connection, as it does behind iptables.
 */
static __always_inline __be16 find_port(struct bpf_sock_addr *ctx, const struct weir_workload *workload,
					const struct weir_policy *policy, __u8 protocol,
					const union address *target, struct decision *decision)
{
	__be16 port = policy->port[decision->verdict & 7];

	if (workload->when_proxy_down == WEIR_DOWN_REFUSE || is_listening(ctx, target, port, protocol))
		return port;
	if (workload->when_proxy_down == WEIR_DOWN_FALLBACK && protocol == IPPROTO_TCP) {
		if (!workload->fallback_port)
			return port;
		decision->verdict = WEIR_VERDICT_FALLBACK;
		decision->reason = WEIR_REASON_PROXY_DOWN_FALLBACK;
		return workload->fallback_port;
	}
	decision->verdict = WEIR_VERDICT_DIRECT;
	decision->reason = WEIR_REASON_PROXY_DOWN_DIRECT;
	return 0;
}

#endif
