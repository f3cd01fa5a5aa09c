/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hook 7: the end of a connection: its record, its counters, nothing left behind. */
#ifndef WEIR_CLOSED_BPF_H
#define WEIR_CLOSED_BPF_H

/*
 * Payload bytes that the peer acknowledged and that arrived.  The kernel's
 * bytes_acked counts the SYN of the side that connected and an acknowledged
 * FIN, bytes_received the peer's FIN (net/ipv4/tcp_input.c, tcp_ack and
 * tcp_data_queue).
 */
static __always_inline void read_bytes(struct bpf_sock_ops *ctx, struct bpf_sock *sk, bool connected,
				       __u64 *sent, __u64 *received)
{
	__u32 old_state = ctx->args[0];
	struct sock *kernel = kernel_sock(sk);
	unsigned long flags = kernel ? BPF_CORE_READ(kernel, __sk_common.skc_flags) : 0;
	__u64 acknowledged = ctx->bytes_acked;
	__u64 arrived = ctx->bytes_received;

	if (connected && acknowledged)
		acknowledged--;
	if ((old_state == BPF_TCP_FIN_WAIT2 || old_state == BPF_TCP_TIME_WAIT ||
	     old_state == BPF_TCP_CLOSING || old_state == BPF_TCP_LAST_ACK) &&
	    acknowledged)
		acknowledged--;
	if (flags & (1ul << SOCK_DONE) && arrived)
		arrived--;
	*sent = acknowledged;
	*received = arrived;
}

/* Whether a connection is counted when it is known what becomes of it: those to the proxy, which may not listen. */
static __always_inline bool is_counted_late(const struct weir_socket *socket)
{
	return socket->direction == WEIR_OUTBOUND && !(socket->flags & WEIR_SOCKET_ACCEPTED) &&
	       socket->verdict != WEIR_VERDICT_DIRECT;
}

/* Nobody listens where a connection was sent to: the RST that says so has left ECONNREFUSED (net/ipv4/tcp_input.c,
 * tcp_reset).  Where it was sent to its own destination, it is the application that does not listen. */
static __always_inline void take_account_of_refusal(struct bpf_sock *sk, struct weir_socket *socket,
						    const struct weir_tuple *tuple)
{
	struct sock *kernel = kernel_sock(sk);
	bool is_elsewhere =
		tuple->remote_port != socket->origin_port ||
		!is_same_address((const union address *)tuple->remote, (const union address *)socket->origin);

	if (!kernel || !is_counted_late(socket) || !is_elsewhere ||
	    BPF_CORE_READ(kernel, sk_err) != WEIR_ECONNREFUSED)
		return;
	socket->verdict = WEIR_VERDICT_REFUSE;
	socket->reason = WEIR_REASON_PROXY_DOWN_REFUSED;
}

static __always_inline void emit_flow(const struct weir_socket *socket, const struct weir_tuple *tuple,
				      const struct weir_side *own, const struct weir_side *peer, __u8 end,
				      __u64 sent, __u64 received)
{
	bool inbound = socket->direction == WEIR_INBOUND;
	struct weir_flow *flow = reserve_flow(socket->direction, socket->share, socket->workload);

	if (!flow)
		return;
	flow->started_ns = socket->started_ns;
	flow->ended_ns = bpf_ktime_get_ns();
	flow->sent_bytes = sent;
	flow->received_bytes = received;
	flow->netns = tuple->netns;
	flow->workload = socket->workload;
	flow->direction = socket->direction;
	flow->verdict = socket->verdict;
	flow->reason = socket->reason;
	flow->end = end;
	__builtin_memcpy(flow->source, inbound ? tuple->remote : tuple->local, sizeof(flow->source));
	flow->source_port = inbound ? tuple->remote_port : tuple->local_port;
	__builtin_memcpy(flow->destination, socket->origin, sizeof(flow->destination));
	flow->destination_port = socket->origin_port;
	__builtin_memcpy(flow->target, inbound ? tuple->local : tuple->remote, sizeof(flow->target));
	flow->target_port = inbound ? tuple->local_port : tuple->remote_port;
	/* Where the proxy listens. */
	if (socket->door.port) {
		flow->target_port = socket->door.port;
		if (!socket->door.family)
			map_ipv4((union address *)flow->target, bpf_htonl(0x7f000001));
	}
	no_paths(flow);
	if (own && peer) {
		flow->redirected_sent_bytes = own->redirected;
		flow->redirected_received_bytes = peer->redirected;
		for (int path = 0; path < WEIR_MESSAGE_PATHS; path++)
			flow->messages[path] = own->messages[path] + peer->messages[path];
	}
	submit_flow(flow);
}

/* pair may be NULL: the connection has none; else it is the one of `pairing`. */
static __always_inline void on_close(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
				     struct weir_socket *socket, const struct weir_end *pairing,
				     const struct weir_pair *pair)
{
	bool connected = socket->flags & WEIR_SOCKET_CONNECTED;
	__u8 end = socket->flags & WEIR_SOCKET_ESTABLISHED ? WEIR_FLOW_CLOSED : WEIR_FLOW_FAILED;
	const struct weir_side *own = pair ? &pair->sides[pairing->side & 1] : NULL;
	const struct weir_side *peer = pair ? &pair->sides[!(pairing->side & 1)] : NULL;
	struct weir_tuple tuple = {};
	__u64 sent, received;

	read_tuple(ctx, &tuple);
	if (socket->flags & WEIR_SOCKET_SENT) {
		const struct weir_origin *origin = bpf_map_lookup_elem(&weir_origins, &tuple);

		/* Most were taken over by the proxy's end. */
		if (origin)
			forget_origin(&tuple, origin);
	}
	read_bytes(ctx, sk, connected, &sent, &received);
	/* What went past the stack, the kernel has not counted. */
	if (own && peer) {
		sent += own->redirected;
		received += peer->redirected;
	}

	if (end == WEIR_FLOW_FAILED)
		take_account_of_refusal(sk, socket, &tuple);

	struct weir_counter *counter =
		counter_of(socket->workload, socket->direction, socket->verdict, socket->reason, IPPROTO_TCP);

	if (counter) {
		if (end == WEIR_FLOW_FAILED) {
			__sync_fetch_and_add(&counter->failed, 1);
			if (is_counted_late(socket))
				__sync_fetch_and_add(&counter->connections, 1);
		}
		__sync_fetch_and_add(&counter->sent_bytes, sent);
		__sync_fetch_and_add(&counter->received_bytes, received);
	}
	emit_flow(socket, &tuple, own, peer, end, sent, received);
	count_closed(socket);
	socket->flags &= WEIR_SOCKET_BOUND | WEIR_SOCKET_OWN; /* the socket may connect again */
}

#endif
