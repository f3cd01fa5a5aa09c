/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The decision.  What is known of an attempt is collected as bits
 * (enum weir_fact), by look-ups whose cost does not grow with the
 * configuration; decide() then takes the first rule that fits.  A mesh's order
 * of evaluation is its list of rules, so a new mesh is data.
 *
 * Where something is missing (no policy in the slot, no rule that fits) the
 * connection is left alone and counted as no_policy: Weir fails open.  The one
 * exception is a redirect whose origin cannot be kept: it is refused, because
 * the proxy would send it to the wrong place (connect.bpf.h).
 */
#ifndef WEIR_POLICY_BPF_H
#define WEIR_POLICY_BPF_H

struct decision {
	__u8 verdict; /* enum weir_verdict */
	__u8 reason; /* enum weir_reason */
	__u16 rule; /* which rule decided */
	__u16 source; /* weir_rule.source */
	__u16 pad;
};

/* Pure: (policy, direction, facts) -> decision. */
static __always_inline struct decision decide(const struct weir_policy *policy, __u32 direction, __u32 facts)
{
	struct decision none = { .verdict = WEIR_VERDICT_DIRECT, .reason = WEIR_REASON_NO_POLICY };

	if (direction >= WEIR_DIRECTIONS)
		return none;
	for (__u32 i = 0; i < WEIR_MAX_RULES; i++) {
		const struct weir_rule *rule = &policy->rules[direction][i];

		if (i >= policy->rule_count[direction])
			break;
		if ((facts & rule->care) == rule->want)
			return (struct decision){ rule->verdict, rule->reason, i, rule->source, 0 };
	}
	return none;
}

static __always_inline const struct weir_policy *find_policy(__u32 slot)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&weir_policies, &slot);

	return inner ? bpf_map_lookup_elem(inner, &zero) : NULL;
}

/* Whether a port (host order) is in one of the policy's sets. */
static __always_inline bool has_port(const struct weir_policy *policy, enum weir_port_set set, __u16 port)
{
	return policy->ports[set][port / 64] >> (port % 64) & 1;
}

static __always_inline __u32 port_facts(const struct weir_policy *policy, __be16 port)
{
	__u16 host = bpf_ntohs(port);
	__u32 facts = 0;

	if (has_port(policy, WEIR_PORTS_EXCLUDED, host))
		facts |= WEIR_FACT_PORT_EXCLUDED;
	if (has_port(policy, WEIR_PORTS_INCLUDED, host))
		facts |= WEIR_FACT_PORT_INCLUDED;
	if (has_port(policy, WEIR_PORTS_INBOUND, host))
		facts |= WEIR_FACT_PORT_INBOUND;
	if (host == 53)
		facts |= WEIR_FACT_PORT_DNS;
	if (policy->tunnel_port && port == policy->tunnel_port)
		facts |= WEIR_FACT_PORT_TUNNEL;
	return facts;
}

static __always_inline __u32 prefix_facts(__u32 policy, __u32 direction, const union address *address)
{
	struct weir_prefix key = {
		.length = WEIR_PREFIX_BASE + 128,
		.policy = policy,
		.direction = direction,
	};

	__builtin_memcpy(key.address, address->bytes, sizeof(key.address));

	__u32 *facts = bpf_map_lookup_elem(&weir_prefixes, &key);
	return facts ? *facts : 0;
}

static __always_inline __u32 owner_facts(__u32 policy, __u32 uid, __u32 gid)
{
	struct weir_owner key = { .policy = policy, .kind = WEIR_OWNER_UID, .id = uid };
	__u32 *by_uid = bpf_map_lookup_elem(&weir_owners, &key);

	key.kind = WEIR_OWNER_GID;
	key.id = gid;

	__u32 *by_gid = bpf_map_lookup_elem(&weir_owners, &key);
	return (by_uid ? *by_uid : 0) | (by_gid ? *by_gid : 0);
}

/* Whether this port is excluded for this user. */
static __always_inline bool has_user_port(__u32 policy, __u32 uid, __u8 protocol, __be16 port)
{
	struct weir_user_port key = {
		.length = WEIR_USER_PORT_BASE + 16,
		.policy = policy,
		.uid = uid,
		.protocol = protocol,
		.port = port,
	};

	return bpf_map_lookup_elem(&weir_uports, &key);
}

static __always_inline __u32 interface_facts(__u32 slot, __u64 netns, __u32 index, __u32 direction,
					     const union address *destination)
{
	struct weir_interface_key key = {
		.netns = netns,
		.policy = slot,
		.index = index,
		.family = is_ipv4(destination) ? AF_INET : AF_INET6,
	};
	struct weir_interface *found = bpf_map_lookup_elem(&weir_ifaces, &key);

	if (!found)
		return 0;
	if (direction == WEIR_OUTBOUND || !(found->facts & WEIR_FACT_INTERFACE_VIRTUAL))
		return found->facts;
	if (found->network_length == WEIR_NO_NETWORK)
		return found->facts |
		       (prefix_facts(slot, WEIR_OUTBOUND, destination) & WEIR_FACT_RANGE_INCLUDED);
	if (is_in_network(destination, (union address *)found->network, found->network_length))
		return found->facts | WEIR_FACT_RANGE_INCLUDED;
	return found->facts;
}

static __always_inline struct weir_route *find_route(__u64 netns, const union address *address)
{
	struct weir_destination key = {
		.length = WEIR_DESTINATION_BASE + 128,
		.netns_high = (__u32)(netns >> 32),
		.netns_low = (__u32)netns,
	};

	__builtin_memcpy(key.address, address->bytes, sizeof(key.address));
	return bpf_map_lookup_elem(&weir_routes, &key);
}

/* An attempt as the hooks and explain know it. */
struct attempt {
	__u64 netns;
	union address source; /* unspecified while unbound */
	union address destination;
	__be16 source_port; /* inbound */
	__be16 destination_port;
	__u8 protocol;
	bool by_proxy_cgroup;
	bool is_borrowed; /* WEIR_SOCKET_BORROWED */
	__u32 policy; /* slot */
	__u32 facts; /* what decide_outbound() and decide_inbound() have found */
	__u32 interface; /* index: inbound of the one it came in by, outbound of the one the socket is bound to */
	__u32 uid;
	__u32 gid;
	__u32 mark;
};

/* Index of the interface that it leaves by, 0 when unknown: what goes to an own address leaves by the loopback
 * interface, whatever the socket is bound to. */
static __always_inline __u32 leaving_interface(const struct attempt *attempt, const struct weir_route *route)
{
	bool is_local = route && route->flags & WEIR_ROUTE_LOCAL;

	if (attempt->interface && !is_local)
		return attempt->interface;
	return route ? route->interface : 0;
}

/* The facts of an outbound attempt.  route may be NULL: no route is known. */
static __always_inline __u32 outbound_facts(const struct weir_policy *policy, const struct attempt *attempt,
					    const struct weir_route *route)
{
	__u32 slot = attempt->policy;
	__u32 facts = port_facts(policy, attempt->destination_port);
	const union address *source = &attempt->source;

	if (attempt->protocol == IPPROTO_UDP)
		facts |= WEIR_FACT_UDP;
	if (!is_ipv4(&attempt->destination))
		facts |= WEIR_FACT_IPV6;
	if (is_loopback(&attempt->destination) || is_unspecified(&attempt->destination))
		facts |= WEIR_FACT_LOCAL;
	if (route && route->flags & WEIR_ROUTE_LOCAL)
		facts |= WEIR_FACT_LOCAL;
	if (is_unspecified(source) && route && route->flags & WEIR_ROUTE_SOURCE)
		source = (const union address *)route->source;
	if (is_passthrough_source(source))
		facts |= WEIR_FACT_PASSTHROUGH_SOURCE;
	if (policy->flags & WEIR_POLICY_OWNERS)
		facts |= owner_facts(slot, attempt->uid, attempt->gid);
	if (policy->flags & WEIR_POLICY_USER_PORTS &&
	    has_user_port(slot, attempt->uid, attempt->protocol, attempt->destination_port))
		facts |= WEIR_FACT_UID_PORT;
	if (policy->flags & WEIR_POLICY_INTERFACES)
		facts |= interface_facts(slot, attempt->netns, leaving_interface(attempt, route),
					 WEIR_OUTBOUND, &attempt->destination);
	if (attempt->by_proxy_cgroup)
		facts |= WEIR_FACT_PROXY_CGROUP;
	if (policy->flags & WEIR_POLICY_PREFIXES_OUT)
		facts |= prefix_facts(slot, WEIR_OUTBOUND, &attempt->destination);
	if (policy->mark && attempt->mark == policy->mark)
		facts |= WEIR_FACT_MARK;
	return facts;
}

/* The facts of an inbound attempt, whose source is the client. */
static __always_inline __u32 inbound_facts(const struct weir_policy *policy, const struct attempt *attempt)
{
	__u32 slot = attempt->policy;
	__u32 facts = port_facts(policy, attempt->destination_port);

	if (attempt->protocol == IPPROTO_UDP)
		facts |= WEIR_FACT_UDP;
	if (!is_ipv4(&attempt->destination))
		facts |= WEIR_FACT_IPV6;
	if (policy->flags & WEIR_POLICY_PREFIXES_IN)
		facts |= prefix_facts(slot, WEIR_INBOUND, &attempt->source);
	if (policy->flags & WEIR_POLICY_INTERFACES)
		facts |= interface_facts(slot, attempt->netns, attempt->interface, WEIR_INBOUND,
					 &attempt->destination);
	return facts;
}

/* A decision as the number that a function of its own can return. */
static __always_inline __u64 pack(struct decision decision)
{
	return decision.verdict | (__u64)decision.reason << 8 | (__u64)decision.rule << 16 |
	       (__u64)decision.source << 32;
}

static __always_inline struct decision unpack(__u64 packed)
{
	return (struct decision){
		.verdict = (__u8)packed,
		.reason = (__u8)(packed >> 8),
		.rule = (__u16)(packed >> 16),
		.source = (__u16)(packed >> 32),
	};
}

/*
 * Collect and decide.  Functions of their own, so that the verifier looks at
 * them once and not along every path that leads to them: inlined, connect4
 * alone was 825,389 of the million instructions it may look at.
 */
__attribute__((noinline)) __u64 decide_outbound(const struct weir_policy *policy, struct attempt *attempt,
						const struct weir_route *route)
{
	if (!policy || !attempt)
		return WEIR_REASON_NO_POLICY << 8;
	attempt->facts = outbound_facts(policy, attempt, route);
	return pack(decide(policy, WEIR_OUTBOUND, attempt->facts));
}

__attribute__((noinline)) __u64 decide_inbound(const struct weir_policy *policy, struct attempt *attempt)
{
	if (!policy || !attempt)
		return WEIR_REASON_NO_POLICY << 8;
	attempt->facts = inbound_facts(policy, attempt);
	return pack(decide(policy, WEIR_INBOUND, attempt->facts));
}

#endif
