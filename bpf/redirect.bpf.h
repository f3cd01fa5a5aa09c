/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hook 6: the short cut between two sockets of one node.  A message goes
 * straight into its peer's queue when nothing of the same direction is
 * anywhere in the stack, and when the peer has less than a budget unread; else
 * it takes the stack, whose window holds the sender back.
 *
 * Order: the kernel hands out queued messages before bytes of the stack
 * (net/ipv4/tcp_bpf.c, tcp_bpf_recvmsg), so going from the queue to the stack
 * is always in order.  Going back is only when every byte that the sender gave
 * to the stack has been read: both ends count the same sequence numbers.
 */
#ifndef WEIR_REDIRECT_BPF_H
#define WEIR_REDIRECT_BPF_H

/* For tests that prove the guards matter: 1 leaves them out. */
const volatile __u32 weir_unguarded SEC(".rodata.unguarded");

/* Kernel memory of a queued message that its bytes do not account for is below
 * 1 KiB: so many unread ones hold as much as four budgets. */
#define MESSAGE_SHARE 256

/* The messages that a socket has not read yet. */
struct backlog {
	bool is_empty;
	__u32 bytes;
};

/* include/net/sock.h: the lowest three bits of sk_user_data are flags. */
static __always_inline struct sk_psock *psock_of(struct tcp_sock *tcp)
{
	__u64 address = (__u64)PEEK(tcp, inet_conn.icsk_inet.sk.sk_user_data) & ~7ull;

	if (bpf_rdonly_cast)
		return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct sk_psock));
	return (struct sk_psock *)address;
}

/* Where the kernel does not keep their sum, what was sent since the queue was last seen empty. */
static __always_inline struct backlog read_backlog(struct weir_side *from, struct tcp_sock *peer)
{
	struct sk_psock *psock = psock_of(peer);
	__u64 head = (__u64)psock + bpf_core_field_offset(struct sk_psock, ingress_msg);
	struct backlog backlog = { .is_empty = (__u64)PEEK(psock, ingress_msg.next) == head };

	if (backlog.is_empty) {
		from->unread_bytes = 0;
		from->unread_messages = 0;
	}
	backlog.bytes = from->unread_bytes;
	if (bpf_core_field_exists(struct sk_psock, msg_tot_len))
		backlog.bytes = PEEK(psock, msg_tot_len);
	return backlog;
}

/* TCP takes more memory than the second of net.ipv4.tcp_mem's three numbers: a redirect may fail with ENOMEM,
 * which ends the connection, where the stack waits. */
static __always_inline bool is_under_pressure(struct tcp_sock *tcp)
{
	struct proto *protocol = PEEK(tcp, inet_conn.icsk_inet.sk.__sk_common.skc_prot);
	unsigned long since = 0;

	bpf_probe_read_kernel(&since, sizeof(since), PEEK(protocol, memory_pressure));
	return since;
}

/* Whether everything that was sent before allows this message to go past the stack. */
static __always_inline __u32 guard(struct weir_side *from, const struct weir_side *to, struct bpf_sock *sk,
				   __u32 budget)
{
	struct tcp_sock *own = tcp_of(sk);
	struct tcp_sock *peer = tcp_at(to->socket);

	if (!own)
		return WEIR_PATH_NO_PEER;

	__u32 written = PEEK(own, write_seq);
	__u32 read = PEEK(peer, copied_seq);
	__u32 arrived = PEEK(peer, rcv_nxt);
	struct backlog backlog = read_backlog(from, peer);

	if (PEEK(own, inet_conn.icsk_ulp_ops) || PEEK(peer, inet_conn.icsk_ulp_ops))
		return WEIR_PATH_UPPER_LAYER;
	/* Read last: what was read before is the peer's if the peer is still there now. */
	if ((__u64)PEEK(peer, inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter) != to->cookie)
		return WEIR_PATH_NO_PEER;
	if (weir_unguarded)
		return WEIR_PATH_REDIRECT;
	if (read != written)
		return arrived != written ? WEIR_PATH_IN_FLIGHT : WEIR_PATH_UNREAD;
	if (!backlog.is_empty && (backlog.bytes >= budget || from->unread_messages >= budget / MESSAGE_SHARE))
		return WEIR_PATH_OVER_BUDGET;
	return is_under_pressure(own) ? WEIR_PATH_PRESSURE : WEIR_PATH_REDIRECT;
}

static __always_inline __u32 choose_path(struct weir_side *from, const struct weir_side *to,
					 struct bpf_sock *sk)
{
	struct weir_workload *workload = bpf_map_lookup_elem(&weir_pods, &to->netns);
	__u32 acceleration = workload ? workload->acceleration : 0;

	if (!to->workload)
		return WEIR_PATH_NO_PEER;
	if (!may_receive(acceleration, to->role))
		return WEIR_PATH_SCOPE;
	/* It joined when nobody had said that it needs one, or there was no room. */
	if (needs_queue(acceleration, to->role) && !to->one_queue)
		return WEIR_PATH_SCOPE;
	if (from->netns != to->netns)
		acceleration = acceleration_of(from->netns);
	if (!may_join(acceleration, from->role))
		return WEIR_PATH_SCOPE;
	/* After shutdown() the stack refuses to send, the short cut would not. */
	if (!to->cookie || (sk->state != BPF_TCP_ESTABLISHED && sk->state != BPF_TCP_CLOSE_WAIT))
		return WEIR_PATH_NO_PEER;
	return guard(from, to, sk, workload->budget);
}

static __always_inline void count_message(struct weir_side *from, __u32 path, __u32 size)
{
	struct weir_path_count *count = path_of(from->workload, path);

	if (path < WEIR_MESSAGE_PATHS)
		from->messages[path]++;
	if (!count)
		return;
	__sync_fetch_and_add(&count->messages, 1);
	__sync_fetch_and_add(&count->bytes, size);
}

/*
 * When: a member of weir_peers sends, after the kernel has copied the message
 * and with the socket's lock held.
 * Reads: weir_ends, weir_pods, both sockets.
 * Writes: weir_pairs, weir_paths.
 * Returns: SK_PASS: into the peer chosen here, or on to the stack.
 */
SEC("sk_msg")
int weir_redirect(struct sk_msg_md *msg)
{
	struct bpf_sock *sk = msg->sk;
	struct weir_end *end = sk ? bpf_sk_storage_get(&weir_ends, sk, 0, 0) : NULL;
	struct weir_pair *pair = pair_of(end);

	if (!pair)
		return SK_PASS; /* closing, or joined by somebody else */

	struct weir_side *from = &pair->sides[end->side & 1];
	struct weir_side *to = &pair->sides[!(end->side & 1)];
	__u64 cookie = to->cookie;
	__u32 path = choose_path(from, to, sk);

	if (path == WEIR_PATH_REDIRECT &&
	    bpf_msg_redirect_hash(msg, &weir_peers, &cookie, BPF_F_INGRESS) != SK_PASS)
		path = WEIR_PATH_NO_PEER;
	if (path == WEIR_PATH_REDIRECT) {
		from->redirected += msg->size;
		from->unread_bytes += msg->size;
		from->unread_messages++;
	}
	count_message(from, path, msg->size);
	return SK_PASS;
}

/*
 * When: bytes of the stack arrive at a member of weir_queues.
 * Returns: SK_PASS: the kernel appends them to the socket's queue of messages.
 * A reader that takes a short read for "empty" would otherwise leave them
 * behind that queue, without another edge to tell it.
 */
SEC("sk_skb/stream_verdict")
int weir_queue(struct __sk_buff *skb)
{
	/* The map lives as long as a socket has this program: one that was thrown out of it with bytes
	 * of the stack in its queue would not count them as read. */
	asm volatile("" : : "r"(&weir_queues));
	return SK_PASS;
}

#endif
