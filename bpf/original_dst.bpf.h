/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hook 3: the proxy asks where a connection was going, the application who its peer is. */
#ifndef WEIR_ORIGINAL_DST_BPF_H
#define WEIR_ORIGINAL_DST_BPF_H

/* The origin of an accepted socket that had no memory to keep it: it stands under the 4-tuple until its client closes. */
static __always_inline bool find_handshake(struct bpf_sock *sk, __u64 netns, union address *address,
					   __be16 *port)
{
	struct weir_tuple client = { .netns = netns };
	struct weir_origin *origin;

	read_peer_address(sk, (union address *)client.local);
	read_local_address(sk, (union address *)client.remote);
	client.local_port = sk->dst_port;
	client.remote_port = bpf_htons((__u16)sk->src_port);
	origin = bpf_map_lookup_elem(&weir_origins, &client);
	if (!origin || origin->verdict == WEIR_VERDICT_DIRECT)
		return false;
	*address = *(union address *)origin->address;
	*port = origin->port;
	return true;
}

/*
 * Whether a socket that nothing is known of has called connect().  What has
 * left it and what was acknowledged differ by what is in flight and, at this
 * end only, by the SYN (net/ipv4/tcp_output.c, tcp_snd_una_update).
 */
static __always_inline bool is_caller(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_rdonly_cast ? tcp_of(sk) : NULL;
	bool has_sent_fin = sk->state != BPF_TCP_ESTABLISHED && sk->state != BPF_TCP_CLOSE_WAIT &&
			    sk->state != BPF_TCP_CLOSE && sk->state != BPF_TCP_SYN_SENT;

	if (!tcp)
		return false;
	if (sk->state == BPF_TCP_SYN_SENT)
		return true;
	return PEEK(tcp, bytes_acked) + (PEEK(tcp, snd_nxt) - PEEK(tcp, snd_una)) +
		       PEEK(tcp, bytes_retrans) ==
	       PEEK(tcp, bytes_sent) + has_sent_fin + 1;
}

/* netfilter's word for a socket without a connection, where netfilter itself is not loaded. */
static __always_inline void answer_no_entry(struct bpf_sockopt *ctx)
{
	if (ctx->retval && bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_set_retval))
		bpf_set_retval(-WEIR_ENOENT);
}

/*
 * The origin of a socket: what its storage says, or the handshake's entry, or
 * what it has called, or, of a connection that came in by inbound.bpf.h, its
 * own local address.
 */
static __always_inline bool find_origin(struct bpf_sockopt *ctx, struct bpf_sock *sk, union address *address,
					__be16 *port)
{
	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);
	__u64 netns = bpf_get_netns_cookie(ctx);

	/* Listening, not connected yet, or no longer. */
	if (sk->state == BPF_TCP_LISTEN || !sk->dst_port) {
		if (find_pod(netns))
			answer_no_entry(ctx);
		return false;
	}
	if (!socket && find_handshake(sk, netns, address, port))
		return true;
	/* netfilter has answered for a connection from outside: nftables rules of Weir's or of others
	 * rewrote it. */
	if (!ctx->retval && (!socket || socket->direction == WEIR_INBOUND))
		return false;
	if (socket && socket->verdict != WEIR_VERDICT_DIRECT) {
		*address = *(union address *)socket->origin;
		*port = socket->origin_port;
		note_return(socket);
		return true;
	}
	/* netfilter answers for every tracked connection, so a pod's untouched ones have an origin too. */
	if (!find_pod(netns))
		return false;
	if (is_caller(sk)) {
		read_peer_address(sk, address);
		*port = sk->dst_port;
	} else {
		read_local_address(sk, address);
		*port = bpf_htons((__u16)sk->src_port);
	}
	return true;
}

static __always_inline int answer(struct bpf_sockopt *ctx, const void *value, int size)
{
	void *to = ctx->optval;

	if (to + size > ctx->optval_end)
		return 1;
	__builtin_memcpy(to, value, size);
	ctx->optlen = size;
	/* clang merges the two stores into one of 64 bits, which the verifier refuses. */
	barrier();
	ctx->retval = 0;
	return 1;
}

/*
 * When: after the kernel handled a getsockopt() of any socket below the cgroup.
 * Reads: weir_socks, weir_pods; weir_origins when there was no memory.
 * Writes: weir_loops, the answer to SO_ORIGINAL_DST (sockaddr_in) and IP6T_SO_ORIGINAL_DST
 * (sockaddr_in6), as netfilter gives them.
 * Returns: 1, always; a refusal would be 0.
 */
SEC("cgroup/getsockopt")
int weir_getsockopt(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	union address address = {};
	__be16 port = 0;

	/* An option longer than a page is cut to one for programs; optlen 0 leaves the kernel's answer as it is. */
	if (ctx->optname != SO_ORIGINAL_DST || (ctx->level != SOL_IP && ctx->level != SOL_IPV6)) {
		if (ctx->optlen > 4096)
			ctx->optlen = 0;
		return 1;
	}
	if (!sk || sk->protocol != IPPROTO_TCP || !find_origin(ctx, sk, &address, &port))
		return 1;
	if (ctx->level == SOL_IP) {
		struct weir_sockaddr_in origin = {
			.sin_family = AF_INET,
			.sin_port = port,
			.sin_addr = address.words[3],
		};

		return is_ipv4(&address) ? answer(ctx, &origin, sizeof(origin)) : 1;
	}
	struct weir_sockaddr_in6 origin = { .sin6_family = AF_INET6, .sin6_port = port };

	__builtin_memcpy(origin.sin6_addr, address.words, sizeof(origin.sin6_addr));
	return is_ipv4(&address) ? 1 : answer(ctx, &origin, sizeof(origin));
}

static __always_inline int on_getpeername(struct bpf_sock_addr *ctx, bool six)
{
	struct bpf_sock *sk = ctx->sk;
	struct weir_socket *socket = sk ? bpf_sk_storage_get(&weir_socks, sk, 0, 0) : NULL;

	if (socket && socket->verdict != WEIR_VERDICT_DIRECT && !(socket->flags & WEIR_SOCKET_ACCEPTED))
		write_user_address(ctx, six, (union address *)socket->origin, socket->origin_port);
	return 1;
}

/*
 * When: getpeername() of any socket below the cgroup.
 * Reads: weir_socks.  Writes: the address the application gets: the one it
 * asked for.  Returns: 1; nothing else is allowed.
 */
SEC("cgroup/getpeername4")
int weir_getpeer4(struct bpf_sock_addr *ctx)
{
	return on_getpeername(ctx, false);
}

/* The same for AF_INET6 sockets. */
SEC("cgroup/getpeername6")
int weir_getpeer6(struct bpf_sock_addr *ctx)
{
	return on_getpeername(ctx, true);
}

static __always_inline int on_getsockname(struct bpf_sock_addr *ctx, bool six)
{
	struct bpf_sock *sk = ctx->sk;
	struct weir_socket *socket = sk ? bpf_sk_storage_get(&weir_socks, sk, 0, 0) : NULL;
	union address local, peer;

	if (!socket || !(socket->flags & WEIR_SOCKET_ACCEPTED))
		return 1;
	if (socket->door.port) {
		/* Where a REDIRECT would have landed. */
		read_local_address(sk, &local);
		if (is_ipv4(&local))
			map_ipv4(&local, bpf_htonl(0x7f000001));
		else
			local = (union address){ .words[3] = bpf_htonl(1) };
		write_user_address(ctx, six, &local, socket->door.port);
	}
	if (socket->flags & WEIR_SOCKET_NAMED)
		write_user_address(ctx, six, (union address *)socket->origin, socket->origin_port);
	if (socket->flags & WEIR_SOCKET_LANDED) {
		read_peer_address(sk, &peer);

		struct weir_route *route = find_route(bpf_get_netns_cookie(ctx), &peer);

		if (route && route->flags & WEIR_ROUTE_SOURCE)
			write_user_address(ctx, six, (union address *)route->source, socket->origin_port);
	}
	return 1;
}

/*
 * When: getsockname() of any socket below the cgroup.
 * Reads: weir_socks.
 * Writes: the address that a proxy gets: where it listens, of a connection that
 * was spread; the origin, for one that takes it for that, as HAProxy does over
 * IPv6 (a workload with originFrom: getsockname).
 * Returns: 1; nothing else is allowed.
 */
SEC("cgroup/getsockname4")
int weir_getsock4(struct bpf_sock_addr *ctx)
{
	return on_getsockname(ctx, false);
}

/* The same for AF_INET6 sockets. */
SEC("cgroup/getsockname6")
int weir_getsock6(struct bpf_sock_addr *ctx)
{
	return on_getsockname(ctx, true);
}

#endif
