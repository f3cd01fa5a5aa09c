/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two sockets of one connection find each other.  connect() notes that a
 * socket wants its peer; when it is established it joins weir_peers and enters
 * the connection under its initial sequence numbers; the accepted socket,
 * established a moment later, finds the entry, compares the addresses, and joins.
 *
 * A socket joins only when bytes may be redirected to it or from it: a member
 * of a sockmap is read by other code of the kernel than a plain socket.
 */
#ifndef WEIR_PAIR_BPF_H
#define WEIR_PAIR_BPF_H

#define PROXY_FACTS \
	(WEIR_FACT_PROXY_FIRST_UID | WEIR_FACT_PROXY_OTHER_UID | WEIR_FACT_PROXY_GID | \
	 WEIR_FACT_PROXY_CGROUP | WEIR_FACT_MARK)

/* Reads workload, path; writes weir_paths.  NULL when the map is full: only the count is lost. */
static __always_inline struct weir_path_count *path_of(__u32 workload, __u32 path)
{
	struct weir_path_key key = { .workload = workload, .path = path };
	struct weir_path_count *count = bpf_map_lookup_elem(&weir_paths, &key);

	if (count)
		return count;

	struct weir_path_count zero = {};
	bpf_map_update_elem(&weir_paths, &key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&weir_paths, &key);
}

static __always_inline void count_left_out(__u32 workload, __u32 path)
{
	struct weir_path_count *count = path_of(workload, path);

	if (count)
		__sync_fetch_and_add(&count->sockets, 1);
}

/* Whether any socket of the node can have a pair; where none has, this load is what the short cut costs. */
static __always_inline bool accelerates(void)
{
	__u32 zero = 0;
	struct weir_settings *settings = bpf_map_lookup_elem(&weir_settings, &zero);

	return settings && settings->accelerates;
}

/* What a socket knows of its pair. */
static __always_inline struct weir_end *end_of(struct bpf_sock *sk)
{
	return accelerates() ? bpf_sk_storage_get(&weir_ends, sk, 0, 0) : NULL;
}

static __always_inline bool may_join(__u32 acceleration, __u8 role)
{
	return role == WEIR_END_PROXY ? acceleration : acceleration & WEIR_ACCELERATE_SENDERS;
}

static __always_inline bool may_receive(__u32 acceleration, __u8 role)
{
	return acceleration & (role == WEIR_END_PROXY ? WEIR_ACCELERATE_PROXY : WEIR_ACCELERATE_APPLICATIONS);
}

/* It takes a short read for "empty", so bytes of the stack have to join the queue of messages. */
static __always_inline bool needs_queue(__u32 acceleration, __u8 role)
{
	return acceleration &
	       (role == WEIR_END_PROXY ? WEIR_ACCELERATE_PROXY_QUEUE : WEIR_ACCELERATE_APPLICATION_QUEUE);
}

/* What the short cut may do for the workload of a namespace, now. */
static __always_inline __u32 acceleration_of(__u64 netns)
{
	struct weir_workload *workload = bpf_map_lookup_elem(&weir_pods, &netns);

	return workload ? workload->acceleration : 0;
}

/* connect() of a socket of an accelerated workload: is its peer a socket of this node? */
static __always_inline void want_peer(struct bpf_sock *sk, const struct weir_workload *workload,
				      const struct attempt *attempt, const struct weir_route *route,
				      __u8 verdict)
{
	__u8 role = attempt->facts & PROXY_FACTS ? WEIR_END_PROXY : WEIR_END_APPLICATION;
	bool is_inside = (route && route->flags & WEIR_ROUTE_LOCAL) || is_loopback(&attempt->destination);
	bool is_near = verdict != WEIR_VERDICT_DIRECT || is_inside || find_route(0, &attempt->destination);
	/* What a proxy calls inside its pod is an application, which has to join, too. */
	bool is_alone = role == WEIR_END_PROXY && is_inside &&
			!may_join(workload->acceleration, WEIR_END_APPLICATION);
	bool is_wanted = is_near && !is_alone && may_join(workload->acceleration, role);
	struct weir_end *end =
		bpf_sk_storage_get(&weir_ends, sk, 0, is_wanted ? BPF_SK_STORAGE_GET_F_CREATE : 0);

	if (!end)
		return; /* no memory: the connection takes the stack */
	end->pair = 0;
	end->netns = attempt->netns;
	end->workload = is_wanted ? workload->id : 0;
	end->share = workload->share;
	end->role = role;
	end->side = 0;
}

/* SO_ZEROCOPY is set.  The flag's number is the running kernel's. */
static __always_inline __u32 zero_copy_flag(void)
{
	return bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY);
}

/* Why a socket cannot be a member; WEIR_PATH_REDIRECT when it can. */
static __always_inline __u32 obstacle(struct tcp_sock *tcp)
{
	if (!tcp)
		return WEIR_PATH_FOREIGN;
	if (bpf_core_field_exists(struct tcp_sock, is_mptcp) && PEEK(tcp, is_mptcp))
		return WEIR_PATH_MPTCP;
	if (PEEK(tcp, inet_conn.icsk_ulp_ops))
		return WEIR_PATH_UPPER_LAYER;
	if (PEEK(tcp, inet_conn.icsk_inet.sk.__sk_common.skc_flags) & 1ul << zero_copy_flag())
		return WEIR_PATH_ZERO_COPY;
	return PEEK(tcp, inet_conn.icsk_inet.sk.sk_user_data) ? WEIR_PATH_FOREIGN : WEIR_PATH_REDIRECT;
}

/* Why an entry was not made: for want of room, or for what else it can be.  0: it was. */
static __always_inline __u32 path_of_error(long error, __u32 otherwise)
{
	if (!error)
		return WEIR_PATH_REDIRECT;
	return error == -WEIR_E2BIG || error == -WEIR_ENOMEM ? WEIR_PATH_FULL : otherwise;
}

/* Make a socket a member, and say so in the pair's side.  0: it is not. */
static __always_inline __u64 join(struct bpf_sock_ops *ctx, struct bpf_sock *sk, struct weir_side *side,
				  __u32 acceleration)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	__u32 path = obstacle(tcp_of(sk));

	if (path == WEIR_PATH_REDIRECT)
		path = path_of_error(bpf_sock_hash_update(ctx, &weir_peers, &cookie, BPF_NOEXIST),
				     WEIR_PATH_REFUSED);
	if (path != WEIR_PATH_REDIRECT) {
		count_left_out(side->workload, path);
		return 0;
	}
	if (needs_queue(acceleration, side->role))
		side->one_queue = !bpf_sock_hash_update(ctx, &weir_queues, &cookie, BPF_NOEXIST);
	return cookie;
}

static __always_inline void fill_side(struct weir_side *side, const struct weir_end *end, struct bpf_sock *sk)
{
	side->socket = (__u64)sk;
	side->netns = end->netns;
	side->role = end->role;
	side->workload = end->workload;
}

/*
 * Both initial sequence numbers, the calling end's first; 0 means no pair.  They
 * are what the kernel counts from: snd_una advances by bytes_acked, in which the
 * caller's SYN is one, and rcv_nxt by bytes_received, in which no SYN is
 * (net/ipv4/tcp_input.c, tcp_snd_una_update and tcp_rcv_nxt_update).
 */
static __always_inline __u64 pair_key(struct bpf_sock_ops *ctx, bool is_caller)
{
	volatile struct bpf_sock_ops *from = ctx;
	__u32 sent = from->snd_una - (__u32)from->bytes_acked - (is_caller ? 0 : 1);
	__u32 received = from->rcv_nxt - (__u32)from->bytes_received - 1;

	return (__u64)(is_caller ? sent : received) << 32 | (is_caller ? received : sent);
}

/* Whether the accepted end's addresses are the other way round the calling end's. */
static __always_inline bool is_of(const struct weir_pair *pair, const struct weir_tuple *accepted)
{
	return is_same_address((const union address *)pair->local, (const union address *)accepted->remote) &&
	       is_same_address((const union address *)pair->remote, (const union address *)accepted->local) &&
	       pair->local_port == accepted->remote_port && pair->remote_port == accepted->local_port;
}

static const struct weir_pair no_pair; /* too large for the stack */

/* Ends a pair, which is counted for the workload that called connect(). */
static __always_inline void forget_pair(__u64 key, __u32 index, __u32 workload)
{
	struct weir_share *share;

	if (bpf_map_delete_elem(&weir_pairs, &key))
		return;
	share = share_of(index, workload);
	if (share)
		__sync_fetch_and_add(&share->pairs, -1);
}

/* The calling end is established, the other one is not yet: it waits for the handshake's last packet. */
static __noinline void on_connected(struct bpf_sock_ops *ctx, struct bpf_sock *sk)
{
	struct weir_end *end = end_of(sk);
	struct weir_tuple tuple = {};

	if (!end || !end->workload)
		return;
	read_tuple(ctx, &tuple);

	__u64 key = pair_key(ctx, true);

	struct weir_share *share = share_of(end->share, end->workload);

	__u32 path = WEIR_PATH_FULL;

	if (!share || share->pairs < WEIR_SHARE_PAIRS)
		path = path_of_error(bpf_map_update_elem(&weir_pairs, &key, &no_pair, BPF_NOEXIST),
				     WEIR_PATH_TWIN);
	if (path != WEIR_PATH_REDIRECT) {
		count_left_out(end->workload, path);
		return;
	}
	if (share)
		__sync_fetch_and_add(&share->pairs, 1);

	struct weir_pair *pair = bpf_map_lookup_elem(&weir_pairs, &key);

	if (!pair)
		return;
	__builtin_memcpy(pair->local, tuple.local, sizeof(pair->local));
	__builtin_memcpy(pair->remote, tuple.remote, sizeof(pair->remote));
	pair->local_port = tuple.local_port;
	pair->remote_port = tuple.remote_port;
	pair->share = end->share;
	fill_side(&pair->sides[0], end, sk);
	pair->sides[0].cookie = join(ctx, sk, &pair->sides[0], acceleration_of(end->netns));
	if (!pair->sides[0].cookie) {
		forget_pair(key, end->share, end->workload);
		return;
	}
	end->pair = key;
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* Whether an accepted socket is the proxy's: redirected to it, at one of its ports, or listened for by its user. */
static __always_inline __u8 accepted_role(struct bpf_sock *sk, const struct weir_tuple *tuple,
					  const struct weir_workload *pod)
{
	struct weir_socket *socket = bpf_sk_storage_get(&weir_socks, sk, 0, 0);
	const struct weir_policy *policy = find_policy(pod->policy);

	if (socket && socket->flags & WEIR_SOCKET_ACCEPTED && socket->verdict != WEIR_VERDICT_DIRECT)
		return WEIR_END_PROXY;
	if (!policy)
		return WEIR_END_APPLICATION;
	if (tuple->local_port == policy->port[WEIR_VERDICT_OUTBOUND] ||
	    tuple->local_port == policy->port[WEIR_VERDICT_INBOUND])
		return WEIR_END_PROXY;

	struct tcp_sock *tcp = tcp_of(sk);
	struct weir_owner key = {
		.policy = pod->policy,
		.kind = WEIR_OWNER_UID,
		.id = tcp ? PEEK(tcp, inet_conn.icsk_inet.sk.sk_uid.val) : 0,
	};
	__u32 *facts = bpf_map_lookup_elem(&weir_owners, &key);

	return facts && *facts & PROXY_FACTS ? WEIR_END_PROXY : WEIR_END_APPLICATION;
}

/* The accepted end is established: find the calling one, and join when bytes may go either way. */
static __noinline void meet(struct bpf_sock_ops *ctx, struct bpf_sock *sk, const struct weir_tuple *tuple,
			    const struct weir_workload *pod)
{
	__u64 key = pair_key(ctx, false);
	struct weir_pair *pair = bpf_map_lookup_elem(&weir_pairs, &key);

	if (!pair || pair->sides[1].socket || !is_of(pair, tuple))
		return;

	struct weir_end *end = bpf_sk_storage_get(&weir_ends, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!end)
		return;
	end->netns = tuple->netns;
	end->workload = pod->id;
	end->role = accepted_role(sk, tuple, pod);
	end->side = 1;
	fill_side(&pair->sides[1], end, sk);

	__u32 theirs = acceleration_of(pair->sides[0].netns);

	if (!may_join(pod->acceleration, end->role) ||
	    (!may_receive(pod->acceleration, end->role) && !may_receive(theirs, pair->sides[0].role)))
		return;

	__u64 cookie = join(ctx, sk, &pair->sides[1], pod->acceleration);

	if (!cookie)
		return;
	end->pair = key;
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	/* Last: from here on the other end may redirect to this one. */
	barrier();
	pair->sides[1].cookie = cookie;
}

static __always_inline struct weir_pair *pair_of(const struct weir_end *end)
{
	return end && end->pair ? bpf_map_lookup_elem(&weir_pairs, &end->pair) : NULL;
}

#endif
