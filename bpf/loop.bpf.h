/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loop guard.  A proxy that is not known as one has its own connections
 * redirected to itself, and makes another for each: 28,000 in a moment, until
 * no source port is left.  A process that asks for the origin of a connection
 * which it has made itself is such a proxy.  Some may come back to it, as those
 * of the meshes' validators do, which are both ends in one process; more than
 * WEIR_LOOP_LIMIT at a time are refused.
 */
#ifndef WEIR_LOOP_BPF_H
#define WEIR_LOOP_BPF_H

/* Whether a connection has come back since these programs were loaded: until then connect() pays for one load. */
static volatile __u32 loops_seen;

static __always_inline __u32 current_process(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline bool is_recent(__u64 when_ns)
{
	return when_ns && bpf_ktime_get_ns() - when_ns < WEIR_LOOP_MEMORY;
}

static __always_inline struct weir_loop *make_loop(__u32 process)
{
	struct weir_loop *loop = bpf_map_lookup_elem(&weir_loops, &process);
	struct weir_loop none = {};

	if (loop)
		return loop;
	bpf_map_update_elem(&weir_loops, &process, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&weir_loops, &process);
}

/* Somebody asks for the origin of an accepted socket.  Programs of getsockopt may ask who that is since Linux 6.1,
 * whose newest helper stands for it; before, TCP has no guard. */
static __always_inline void note_return(struct weir_socket *socket)
{
	struct weir_loop *loop;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ktime_get_tai_ns))
		return;
	if (!(socket->flags & WEIR_SOCKET_ACCEPTED) || socket->direction != WEIR_OUTBOUND ||
	    !socket->process || socket->process != current_process())
		return;
	loop = make_loop(socket->process);
	if (!loop)
		return;
	loop->returned_ns = bpf_ktime_get_ns();
	loops_seen = 1;
}

/* Somebody reads a query at the proxy's DNS port. */
static __always_inline void note_server(void)
{
	struct weir_loop *loop = make_loop(current_process());

	if (loop && bpf_ktime_get_ns() - loop->served_ns > WEIR_LOOP_MEMORY / 16)
		loop->served_ns = bpf_ktime_get_ns();
}

/* Whether the current process has as many of its own queries come back as may. */
static __always_inline bool is_asking_itself(void)
{
	__u32 process = current_process();
	struct weir_loop *loop = bpf_map_lookup_elem(&weir_loops, &process);

	if (!loop || !is_recent(loop->served_ns))
		return false;
	if (!is_recent(loop->window_ns)) {
		loop->window_ns = bpf_ktime_get_ns();
		loop->queries = 0;
	}
	return __sync_fetch_and_add(&loop->queries, 1) >= WEIR_LOOP_LIMIT;
}

/* Whether the current process has as many connections open that came back to it as may be. */
static __always_inline bool is_looping(void)
{
	__u32 process = current_process();
	struct weir_loop *loop = loops_seen ? bpf_map_lookup_elem(&weir_loops, &process) : NULL;

	return loop && loop->open >= WEIR_LOOP_LIMIT && is_recent(loop->returned_ns);
}

/* Whether what the current process sends to the proxy goes round in circles. */
static __always_inline bool goes_round(__u8 verdict)
{
	return verdict == WEIR_VERDICT_DNS ? is_asking_itself() : is_looping();
}

/* The SYN of a redirected connection is about to leave: it counts, if others of its process have come back. */
static __always_inline void count_open(struct weir_socket *socket)
{
	struct weir_loop *loop;

	if (!loops_seen)
		return;
	loop = bpf_map_lookup_elem(&weir_loops, &socket->process);
	if (!loop)
		return;
	__sync_fetch_and_add(&loop->open, 1);
	socket->flags |= WEIR_SOCKET_COUNTED;
}

static __always_inline void count_closed(const struct weir_socket *socket)
{
	struct weir_loop *loop;

	if (!(socket->flags & WEIR_SOCKET_COUNTED))
		return;
	loop = bpf_map_lookup_elem(&weir_loops, &socket->process);
	if (loop && loop->open)
		__sync_fetch_and_sub(&loop->open, 1);
}

#endif
