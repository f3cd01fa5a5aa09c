/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The source of a redirected socket: the one that it would have had on the way to its origin. */
#ifndef WEIR_SOURCE_BPF_H
#define WEIR_SOURCE_BPF_H

/*
 * Give an unbound socket the source it would have had on the way to its
 * origin, so that getsockname() and the proxy see it.  The port stays open
 * until connect() chooses it (port 0 in bpf_bind() does not allocate one).
 * An unspecified source undoes an earlier choice.  It fails when the address
 * went away, and when the application has bound a port.
 */
static __always_inline int bind_source(struct bpf_sock_addr *ctx, bool six, const union address *source)
{
	if (six) {
		struct weir_sockaddr_in6 local = { .sin6_family = AF_INET6 };

		__builtin_memcpy(local.sin6_addr, source->words, sizeof(local.sin6_addr));
		return bpf_bind(ctx, (struct sockaddr *)&local, sizeof(local));
	}
	struct weir_sockaddr_in local = { .sin_family = AF_INET, .sin_addr = source->words[3] };

	return bpf_bind(ctx, (struct sockaddr *)&local, sizeof(local));
}

/* Whether the proxy listens at the source itself, and has no connection from this socket's port there. */
static __always_inline bool is_free(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
				    const union address *source, __be16 port, __u8 protocol)
{
	__u32 state = state_of(ctx, source, bpf_htons((__u16)sk->src_port), source, port, protocol);

	return state == BPF_TCP_LISTEN || (protocol == IPPROTO_UDP && state);
}

/* See that an unbound socket reaches the target from the source that its origin's route gives. */
static __always_inline void choose_source(struct bpf_sock_addr *ctx, bool six, struct bpf_sock *sk,
					  struct weir_socket *socket, const union address *source,
					  __be16 port, bool is_spread, union address *target)
{
	__u8 protocol = ctx->type == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	union address bound;

	read_local_address(sk, &bound);
	if (is_same_address(&bound, source))
		return; /* from an earlier connect() of this socket */
	/* A datagram socket can be disconnected and go on as an unconnected one, and the kernel keeps a source
	 * that was bound.  On the way to the source itself it is chosen, and forgotten again. */
	if (protocol == IPPROTO_UDP && is_unspecified(&bound) && is_listening(ctx, source, port, protocol)) {
		*target = *source;
		return;
	}
	if (!bind_source(ctx, six, source))
		socket->flags |= WEIR_SOCKET_BOUND;
	else if (is_spread || is_free(ctx, sk, source, port, protocol))
		/* The application has bound a port and no address.  On the way to the source itself the
		 * kernel chooses that source.  A proxy to which nothing is spread sees 127.0.0.1 when it
		 * listens on the loopback address only, or has a connection from this port already. */
		*target = *source;
}

#endif
