/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections to the proxy are spread by origin, when source ports run short or
 * one is bound.  A source port serves as many destinations as a program likes;
 * were all of them one address and port of the proxy, a pod would have as many
 * connections as there are source ports.
 *
 * In a pod they are spread over ports.  The SYN meets inbound.bpf.h, which finds
 * the handshake and gives it to the proxy's listener, wherever that listens.
 * Where that program is not in force, or knows no such listener, IPv4 may be
 * spread over 127.0.0.0/8, of which a listener on 0.0.0.0 has every address.
 * IPv6 has ::1 alone.
 */
#ifndef WEIR_SPREAD_BPF_H
#define WEIR_SPREAD_BPF_H

#define FIRST_SPREAD_PORT 1024

static __always_inline bool is_door(__u64 netns, __be16 port, __u16 family, __u32 slot,
				    struct weir_door *door)
{
	struct weir_listener key = { .netns = netns, .port = port, .family = family, .slot = slot };
	struct bpf_sock *listener = bpf_map_lookup_elem(&weir_listeners, &key);

	if (!listener)
		return false;
	bpf_sk_release(listener);
	*door = (struct weir_door){ .port = port, .family = family, .slot = slot };
	return true;
}

/* The listener that the kernel would find at a loopback address and port. */
static __always_inline bool find_door(__u64 netns, const union address *target, __be16 port,
				      struct weir_door *door)
{
	if (is_ipv4(target) && (is_door(netns, port, AF_INET, WEIR_DOOR_LOOPBACK, door) ||
				is_door(netns, port, AF_INET, WEIR_DOOR_ANY, door)))
		return true;
	if (!is_ipv4(target) && is_door(netns, port, AF_INET6, WEIR_DOOR_LOOPBACK, door))
		return true;
	return is_door(netns, port, AF_INET6, WEIR_DOOR_ANY, door);
}

static __always_inline __u32 hash_of(const union address *origin, __be16 port)
{
	__u64 hash = (origin->halves[0] ^ port) * 0x9e3779b97f4a7c15;

	hash = (hash ^ origin->halves[1] ^ hash >> 32) * 0xbf58476d1ce4e5b9;
	hash = (hash ^ hash >> 29) * 0x94d049bb133111eb;
	return hash >> 32;
}

static __always_inline __be16 spread_port(const union address *origin, __be16 port)
{
	__u64 hash = hash_of(origin, port);

	return bpf_htons((__u16)(FIRST_SPREAD_PORT + (hash * (65536 - FIRST_SPREAD_PORT) >> 32)));
}

/* Gives a target on 127.0.0.1 another address, if the proxy listens there, too. */
static __always_inline bool spread_address(struct bpf_sock_addr *ctx, const struct attempt *attempt,
					   __be16 port, union address *target)
{
	__u32 hash = hash_of(&attempt->destination, attempt->destination_port);
	union address spread;

	if (!is_ipv4(target) || !is_loopback(target))
		return false;
	/* Not 127.0.0.0 and 127.255.255.255, which are broadcast addresses. */
	map_ipv4(&spread, bpf_htonl(0x7f000000 | (hash >> 8 & 0xffff) << 8 | (1 + (hash & 0x7f))));
	if (!is_listening(ctx, &spread, port, IPPROTO_TCP))
		return false;
	*target = spread;
	return true;
}

/* Whether a socket cannot become its own peer: its kernel might choose that very port for it (TCP simultaneous open). */
static __always_inline bool has_two_ends(struct bpf_sock *sk, const union address *source,
					 const union address *target, __be16 port)
{
	if (is_unspecified(source))
		return false;
	return !is_same_address(source, target) || (sk->src_port && sk->src_port != bpf_ntohs(port));
}

/* A socket of this namespace listens: is it where the proxy is looked for at a loopback address? */
static __always_inline void note_door(struct bpf_sock_ops *ctx, const struct weir_workload *pod,
				      const struct weir_policy *policy, const union address *local,
				      struct weir_listener key)
{
	bool is_port = key.port == pod->fallback_port;

	for (__u32 verdict = 0; verdict < 8; verdict++)
		is_port |= key.port == policy->port[verdict];
	if (!is_port || (!is_loopback(local) && !is_unspecified(local)))
		return;
	/* ::ffff:127.0.0.1 and ::ffff:0.0.0.0 */
	if (is_ipv4(local))
		key.family = AF_INET;
	key.slot = is_loopback(local) ? WEIR_DOOR_LOOPBACK : WEIR_DOOR_ANY;
	bpf_sock_hash_update(ctx, &weir_listeners, &key, BPF_ANY);
}

/* The handshake that a packet is of, if a socket of this namespace began it. */
static __always_inline struct weir_origin *handshake_of(const struct attempt *attempt)
{
	struct weir_tuple key = {
		.netns = attempt->netns,
		.local_port = attempt->source_port,
		.remote_port = attempt->destination_port,
	};

	__builtin_memcpy(key.local, attempt->source.bytes, sizeof(key.local));
	__builtin_memcpy(key.remote, attempt->destination.bytes, sizeof(key.remote));
	return bpf_map_lookup_elem(&weir_origins, &key);
}

/* The handshake of a connection of this namespace's own to itself; NULL for others. */
static __always_inline struct weir_origin *find_inside(const struct attempt *attempt)
{
	return is_inside(&attempt->source, &attempt->destination) ? handshake_of(attempt) : NULL;
}

#endif
