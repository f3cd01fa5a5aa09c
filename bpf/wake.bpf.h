/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Writers that the kernel forgets.  A socket that finds no memory says EAGAIN;
 * the writer waits for an edge, which an acknowledgement brings.  When nothing
 * is in flight none will come, so tcp_sendmsg wakes the writer itself
 * (net/ipv4/tcp.c, tcp_sendmsg_locked, "edge trigger waiter").  The sendmsg of
 * a sockmap's members does not (net/ipv4/tcp_bpf.c, tcp_bpf_sendmsg): once the
 * TCP memory of the node, or of the writer's cgroup, has run out, its writers
 * would wait for ever.  The agent looks for them with the first program, and
 * wakes them with the second; so it does with those whose reader has left, as
 * far as no FIN has told them (leave.bpf.h).
 */
#ifndef WEIR_WAKE_BPF_H
#define WEIR_WAKE_BPF_H

#define SOCK_NOSPACE 2 /* include/linux/net.h: a bit of struct socket's flags */

/* A writer waits for room, and no acknowledgement is to come. */
static __always_inline bool is_forgotten(struct tcp_sock *tcp)
{
	struct socket *socket = tcp->inet_conn.icsk_inet.sk.sk_socket;

	return socket && socket->flags & 1ul << SOCK_NOSPACE && tcp->write_seq == tcp->snd_una;
}

/* Its reader had shut down the other direction before it left, so that no FIN told of it. */
static __always_inline bool is_left_behind(struct tcp_sock *tcp, const struct weir_end *end)
{
	struct weir_pair *pair = pair_of(end);

	return pair && is_abandoned(tcp, end, pair);
}

/*
 * When: the agent reads an iterator over weir_peers, for each member.
 * Writes: to the reader, the namespace cookie of one whose writer waits for nothing.
 */
SEC("iter/sockmap")
int weir_forgotten(struct bpf_iter__sockmap *ctx)
{
	struct sock *sk = ctx->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;

	struct weir_end *end = tcp ? bpf_sk_storage_get(&weir_ends, tcp, 0, 0) : NULL;

	if (end && (is_forgotten(tcp) || is_left_behind(tcp, end)))
		bpf_seq_write(ctx->meta->seq, &end->netns, sizeof(end->netns));
	return 0;
}

/*
 * When: the agent reads an iterator in a namespace, for each of its TCP sockets.
 * Writes: to the reader, the namespace cookie of one whose writer it has woken.
 */
SEC("iter/tcp")
int weir_wake(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sk = ctx->sk_common;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	struct weir_end *end = tcp ? bpf_sk_storage_get(&weir_ends, tcp, 0, 0) : NULL;

	if (!end)
		return 0;

	__u32 same = tcp->notsent_lowat, limit = at_once;

	if (is_left_behind(tcp, end) &&
	    !bpf_setsockopt(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit)))
		bpf_seq_write(ctx->meta->seq, &end->netns, sizeof(end->netns));
	if (!is_forgotten(tcp))
		return 0;
	/* What it sets is what it was; that it calls sk_write_space is what it is for (do_tcp_setsockopt). */
	if (!bpf_setsockopt(tcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &same, sizeof(same)))
		bpf_seq_write(ctx->meta->seq, &end->netns, sizeof(end->netns));
	return 0;
}

#endif
