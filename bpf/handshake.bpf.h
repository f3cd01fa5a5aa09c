/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hook 2, first half: the origin goes from the client's socket to the proxy's,
 * under the 4-tuple while the handshake is in flight, in the accepted socket
 * from then on.
 */
#ifndef WEIR_HANDSHAKE_BPF_H
#define WEIR_HANDSHAKE_BPF_H

static __always_inline void watch_states(struct bpf_sock_ops *ctx)
{
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline struct weir_targets *find_targets(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&weir_targets, &zero);
}

/* A port in host order, bounded where the verifier sees it: clang knows that it
 * has 16 bits, and Linux 6.1 does not. */
static __always_inline __u64 index_of(__u64 port)
{
	asm volatile("%0 &= 0xffff" : "+r"(port));
	return port;
}

static __always_inline void note_target(__be16 port)
{
	struct weir_targets *targets = find_targets();
	__u64 index = index_of(bpf_ntohs(port));

	if (targets && !targets->ports[index])
		targets->ports[index] = 1;
}

static __always_inline bool is_target(__u32 port)
{
	struct weir_targets *targets = find_targets();
	__u64 index = index_of(port);

	return targets && targets->ports[index];
}

static __always_inline struct weir_client *client_of(__u32 isn)
{
	__u32 slot = isn % WEIR_CLIENT_SLOTS;

	return bpf_map_lookup_elem(&weir_clients, &slot);
}

/* Where the handshake stands, if the accepted socket sees another source port than the client has. */
static __always_inline void note_client(const struct weir_tuple *tuple, __u32 isn)
{
	struct weir_client *client = client_of(isn);

	if (client)
		*client =
			(struct weir_client){ .netns = tuple->netns, .isn = isn, .port = tuple->local_port };
}

/* The source port is known, the SYN has not left. */
static __noinline void on_syn(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);
	struct tcp_sock *tcp = tcp_of(sk);
	struct weir_tuple tuple = {};
	struct weir_origin origin = {};
	struct weir_share *share;

	if (!socket)
		return;
	if (!(ctx->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG))
		watch_states(ctx);
	socket->flags |= WEIR_SOCKET_CONNECTED;
	if (socket->verdict == WEIR_VERDICT_DIRECT && !(socket->flags & WEIR_SOCKET_BORROWED))
		return;
	read_tuple(ctx, &tuple);
	__builtin_memcpy(origin.address, socket->origin, sizeof(origin.address));
	origin.port = socket->origin_port;
	origin.verdict = socket->verdict;
	origin.reason = socket->reason;
	origin.workload = socket->workload;
	origin.flags = WEIR_SOCKET_ACCEPTED | (socket->flags & WEIR_SOCKET_NAMED);
	origin.isn = tcp ? PEEK(tcp, write_seq) : 0;
	origin.share = socket->share;
	origin.process = socket->process;
	origin.door = socket->door;
	share = share_of(socket->share, socket->workload);
	note_source_port(share, tuple.local_port);
	/* Sockets of pods look for what was spread over ports by themselves; nobody else has to, for all these. */
	if (!origin.door.family)
		note_target(tuple.remote_port);
	note_client(&tuple, origin.isn);
	/* connect() has asked, too; but a socket that puts its SYN off (TCP_FASTOPEN_CONNECT) comes when it likes. */
	if (!may_shake_hands(share))
		count(socket->workload, WEIR_OUTBOUND, socket->verdict, WEIR_REASON_TOO_MANY_HANDSHAKES,
		      IPPROTO_TCP);
	else if (add_origin(share, &tuple, &origin))
		count(socket->workload, WEIR_OUTBOUND, socket->verdict, WEIR_REASON_NO_MEMORY, IPPROTO_TCP);
	socket->flags |= WEIR_SOCKET_SENT;
	count_open(socket);
}

/*
 * The handshake of a connection that does not stand under its 4-tuple.  Where
 * rules redirected connections to the same port, netfilter remembers them for
 * two minutes (nf_conntrack_tcp_timeout_time_wait), and gives a connection that
 * has the source port of one of them another (net/netfilter/nf_nat_core.c,
 * get_unique_tuple).  The sequence number stays.
 */
static __always_inline struct weir_origin *find_translated(struct bpf_sock_ops *ctx,
							   struct weir_tuple *client)
{
	volatile struct bpf_sock_ops *from = ctx;
	__u32 isn = from->rcv_nxt - (__u32)from->bytes_received - 1;
	const struct weir_client *noted = client_of(isn);

	if (!noted || noted->isn != isn || noted->netns != client->netns)
		return NULL;
	client->local_port = noted->port;

	struct weir_origin *origin = bpf_map_lookup_elem(&weir_origins, client);

	/* The slot may be another client's by now. */
	return origin && origin->isn == isn ? origin : NULL;
}

/* What the accepted socket keeps of its client's origin. */
static __always_inline bool take_origin(struct bpf_sock_ops *ctx, struct bpf_sock *sk,
					const struct weir_tuple *tuple)
{
	struct weir_tuple client = {};

	turn_tuple(&client, tuple);

	struct weir_origin *origin = bpf_map_lookup_elem(&weir_origins, &client);

	if (!origin)
		origin = find_translated(ctx, &client);
	if (!origin)
		return false;

	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!socket)
		return true; /* getsockopt() finds the origin under the 4-tuple */
	socket->workload = origin->workload;
	socket->share = origin->share;
	socket->process = origin->process;
	socket->flags = origin->flags;
	socket->direction = WEIR_OUTBOUND;
	socket->verdict = origin->verdict;
	socket->reason = origin->reason;
	__builtin_memcpy(socket->origin, origin->address, sizeof(socket->origin));
	socket->origin_port = origin->port;
	socket->door = origin->door;
	forget_origin(&client, origin);
	return true;
}

#endif
