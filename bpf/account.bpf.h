/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting: every decision is counted under its reason, every lost record too. */
#ifndef WEIR_ACCOUNT_BPF_H
#define WEIR_ACCOUNT_BPF_H

/* Reads workload, direction, verdict, reason; writes weir_counters.  NULL when
 * the map is full, in which case only the count is lost. */
static __always_inline struct weir_counter *counter_of(__u32 workload, __u8 direction, __u8 verdict,
						       __u8 reason, __u8 protocol)
{
	struct weir_counter_key key = {
		.workload = workload,
		.direction = direction,
		.verdict = verdict,
		.reason = reason,
		.protocol = protocol,
	};
	struct weir_counter *counter = bpf_map_lookup_elem(&weir_counters, &key);

	if (counter)
		return counter;

	struct weir_counter zero = {};
	bpf_map_update_elem(&weir_counters, &key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&weir_counters, &key);
}

/* A program on a task's behalf can be preempted by one in softirq on the same
 * processor, so the increments are atomic although the map is per processor. */
static __always_inline void count(__u32 workload, __u8 direction, __u8 verdict, __u8 reason, __u8 protocol)
{
	struct weir_counter *counter = counter_of(workload, direction, verdict, reason, protocol);

	if (counter)
		__sync_fetch_and_add(&counter->connections, 1);
}

/* The reader looks twice a second; it is woken only when the ring has just
 * become a quarter full, because waking costs more than the record. */
static __always_inline __u64 wakeup(void)
{
	__u64 waiting = bpf_ringbuf_query(&weir_flows, BPF_RB_AVAIL_DATA);

	return waiting >= WEIR_FLOW_BYTES / 4 && waiting < WEIR_FLOW_BYTES / 4 + 4 * sizeof(struct weir_flow)
		       ? BPF_RB_FORCE_WAKEUP
		       : BPF_RB_NO_WAKEUP;
}

static __always_inline struct weir_flow *reserve_flow(__u8 direction, __u32 share, __u32 workload)
{
	struct weir_flow *flow = NULL;

	if (may_record(share, workload))
		flow = bpf_ringbuf_reserve(&weir_flows, sizeof(*flow), 0);
	/* Nobody reads, or not fast enough: the loss itself is counted, under no workload. */
	if (!flow)
		count(0, direction, WEIR_VERDICT_DIRECT, WEIR_REASON_NO_MEMORY, IPPROTO_TCP);
	return flow;
}

/* A connection whose sockets are no pair. */
static __always_inline void no_paths(struct weir_flow *flow)
{
	flow->redirected_sent_bytes = 0;
	flow->redirected_received_bytes = 0;
	__builtin_memset(flow->messages, 0, sizeof(flow->messages));
}

static __always_inline void submit_flow(struct weir_flow *flow)
{
	flow->pad = 0;
	bpf_ringbuf_submit(flow, wakeup());
}

#endif
