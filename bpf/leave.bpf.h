/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a pair ends: the two sockets of one connection close, one after the other. */
#ifndef WEIR_LEAVE_BPF_H
#define WEIR_LEAVE_BPF_H

#define SHUTDOWN_MASK 3 /* include/net/sock.h: both directions */

/* close(), and not shutdown() of one direction, has begun to end a connection. */
static __always_inline void begin_leaving(struct bpf_sock *sk, const struct weir_end *end,
					  struct weir_pair *pair)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (tcp && PEEK(tcp, inet_conn.icsk_inet.sk.sk_shutdown) == SHUTDOWN_MASK)
		pair->sides[end->side & 1].left = 1;
}

/*
 * What this end has not got rid of is for a reader that has left.  With bytes
 * unread TCP says so by a reset; of those in the queue of messages it does not
 * know.  When they have filled the window, nothing that the writer sends would
 * get there to be answered by a reset either, for a minute or two.
 */
static __always_inline bool is_abandoned(struct tcp_sock *tcp, const struct weir_end *end,
					 const struct weir_pair *pair)
{
	return pair->sides[!(end->side & 1)].left && PEEK(tcp, write_seq) != PEEK(tcp, snd_una);
}

static const __u32 at_once = 1; /* in milliseconds; TCP looks at it when it next probes the window */

/* The peer's FIN has come.  An abandoned writer gets ETIMEDOUT. */
static __always_inline void on_peer_left(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
					 const struct weir_end *end, const struct weir_pair *pair)
{
	struct tcp_sock *tcp = tcp_of(sk);
	__u32 limit = at_once;

	if (tcp && is_abandoned(tcp, end, pair))
		bpf_setsockopt(ctx, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit));
}

/* An end closes; the last one takes the pair along. */
static __always_inline void leave_pair(struct weir_end *end, struct weir_pair *pair)
{
	pair->sides[end->side & 1].left = 1;
	pair->sides[end->side & 1].cookie = 0;
	if (!pair->sides[!(end->side & 1)].cookie)
		forget_pair(end->pair, pair->share, pair->sides[0].workload);
	end->pair = 0;
	end->workload = 0;
}

#endif
