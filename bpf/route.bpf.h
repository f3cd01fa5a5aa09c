/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Destinations without a way.  The kernel looks for a route after the hooks,
 * and then finds the one to the proxy: what has none has to fail here, with the
 * error that the kernel would give.
 *
 * Which those are is known from weir_routes, which the agent keeps.  A route may
 * come while no agent runs, so such an entry holds only while the namespace's
 * routing is what it was when the agent read it; after that the connection is
 * redirected, as it is where the routes are not known.
 */
#ifndef WEIR_ROUTE_BPF_H
#define WEIR_ROUTE_BPF_H

enum {
	REFUSE = 0,
	PROCEED = 1
}; /* what a sock_addr hook returns; REFUSE gives EPERM, or what bpf_set_retval() said */

/* Whether a sock_addr hook can say which error it gives: bpf_set_retval(), there since Linux 6.1 as is the function
 * that is looked for.  (Other hooks had it earlier.) */
static __always_inline bool may_fail(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_user_ringbuf_drain);
}

/* The socket's namespace, without a socket the calling task's; NULL where the socket cannot be looked into. */
static __always_inline struct net *net_of(struct bpf_sock *sk)
{
	struct task_struct *task;
	struct sock *kernel;

	if (sk) {
		kernel = kernel_sock(sk);
		return kernel ? BPF_CORE_READ(kernel, __sk_common.skc_net.net) : NULL;
	}
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, nsproxy, net_ns);
}

/*
 * Where a namespace's routing of a family stands: weir_generations.  IPv6 has a
 * number for all of its routing, too, which also changes when nothing does: with
 * each path MTU, and when an address is found to be nobody else's.  Of IPv4 routes
 * that go only those count that were looked up, as the agent does with each.
 */
static __always_inline __u32 generation_of(struct net *net, bool four)
{
	__u32 routes, rules = 0;

	if (!net)
		return 0;
	if (four)
		return bpf_core_field_exists(net->ipv4.rt_genid)
			       ? (__u32)BPF_CORE_READ(net, ipv4.rt_genid.counter) | 1u << 31
			       : 0;
	if (!bpf_core_field_exists(net->ipv6.fib6_main_tbl))
		return 0;
	routes = BPF_CORE_READ(net, ipv6.fib6_main_tbl, fib_seq);
	/* A kernel without policy routing has none. */
	if (bpf_core_field_exists(net->ipv6.fib6_rules_ops))
		rules = BPF_CORE_READ(net, ipv6.fib6_rules_ops, fib_rules_seq);
	return (routes & 0xfffff) | (rules & 0x7ff) << 20 | 1u << 31;
}

/* Whether the routes are still as they were when the agent read this one. */
static __always_inline bool is_current(struct bpf_sock *sk, const struct weir_route *route, bool four)
{
	return route->generation && route->generation == generation_of(net_of(sk), four);
}

/* 255.255.255.255 */
static __always_inline bool is_limited_broadcast(const union address *address)
{
	return is_ipv4(address) && address->words[3] == 0xffffffff;
}

/* 224.0.0.0/4 and ff00::/8. */
static __always_inline bool is_multicast(const union address *address)
{
	return is_ipv4(address) ? (address->bytes[12] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

/* Whether the socket may send to all of a network; without a socket: no. */
static __always_inline bool may_broadcast(struct bpf_sock *sk)
{
	struct sock *kernel = sk ? kernel_sock(sk) : NULL;
	__u64 flag = bpf_core_enum_value(enum sock_flags, SOCK_BROADCAST);

	return kernel && PEEK(kernel, __sk_common.skc_flags) >> flag & 1;
}

/*
 * The errno, positive, that connect() or sendmsg() gives where there is no way
 * to the destination; 0: there is one, or that is not known.  (tcp_v4_connect(),
 * tcp_v6_connect(), udp_sendmsg(), ip_route_output_key_hash_rcu().)
 */
static __always_inline __u32 route_error(struct bpf_sock *sk, const struct attempt *attempt,
					 const struct weir_route *route)
{
	const union address *to = &attempt->destination;
	bool is_tcp = attempt->protocol == IPPROTO_TCP, four = is_ipv4(to);
	__u32 error = 0;

	if (is_tcp && (is_multicast(to) || is_limited_broadcast(to)))
		return WEIR_ENETUNREACH;
	/* A socket that is bound to an interface has the routes of that interface, which are not known. */
	if (!route || attempt->interface)
		return 0;
	if (route->error)
		error = route->error;
	else if (is_limited_broadcast(to))
		return may_broadcast(sk) ? 0 : WEIR_EACCES;
	else if (route->flags & WEIR_ROUTE_BROADCAST)
		error = is_tcp ? WEIR_ENETUNREACH : may_broadcast(sk) ? 0 : WEIR_EACCES;
	else if (route->flags & WEIR_ROUTE_NO_LOOPBACK && four && is_loopback(&attempt->source))
		error = WEIR_EINVAL;
	return error && is_current(sk, route, four) ? error : 0;
}

static __always_inline int refuse_unroutable(const struct weir_workload *workload, __u8 protocol, __u32 error)
{
	count(workload->id, WEIR_OUTBOUND, WEIR_VERDICT_REFUSE, WEIR_REASON_NO_ROUTE, protocol);
	bpf_set_retval(-(int)error);
	return REFUSE;
}

/*
 * When: run by user through BPF_PROG_TEST_RUN in a namespace whose routes it is
 * about to read; never attached.
 * Writes: a struct weir_generations in place of a packet.
 * Returns: 0, answered; 1, the record was too short.
 */
SEC("tc")
int weir_routing(struct __sk_buff *ctx)
{
	struct net *net = net_of(NULL);
	struct weir_generations now = { .ipv4 = generation_of(net, true), .ipv6 = generation_of(net, false) };

	return bpf_skb_store_bytes(ctx, 0, &now, sizeof(now), 0) ? 1 : 0;
}

#endif
