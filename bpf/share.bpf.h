/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one workload may take of maps that are one for the node.  A count goes
 * up with an entry that was added and down with one that was deleted, by
 * whoever's call has added or deleted it; so it is never off for long.  Several
 * processors at once may exceed a share by one each.
 */
#ifndef WEIR_SHARE_BPF_H
#define WEIR_SHARE_BPF_H

/* The share of a workload; NULL once it is another's. */
static __always_inline struct weir_share *share_of(__u32 index, __u32 workload)
{
	struct weir_share *share = bpf_map_lookup_elem(&weir_shares, &index);

	return share && share->workload == workload ? share : NULL;
}

static __always_inline bool may_shake_hands(const struct weir_share *share)
{
	return !share || share->handshakes < WEIR_SHARE_HANDSHAKES;
}

/*
 * The kernel gives connections source ports of one parity while it finds any,
 * those of net.ipv4.ip_local_port_range's first (net/ipv4/inet_hashtables.c,
 * __inet_hash_connect).  An odd one tells that half of them are taken, for a
 * destination at least; where the range begins at an odd one it tells nothing.
 */
static __always_inline void note_source_port(struct weir_share *share, __be16 port)
{
	if (share && bpf_ntohs(port) & 1)
		share->crowded = bpf_ktime_get_ns() >> WEIR_CROWDED_WINDOW;
}

static __always_inline bool is_crowded(const struct weir_share *share, __u64 now)
{
	return share && share->crowded && (__u32)(now >> WEIR_CROWDED_WINDOW) - share->crowded <= 1;
}

/* Ends a handshake, whose entry `origin` is. */
static __always_inline void forget_origin(const struct weir_tuple *tuple, const struct weir_origin *origin)
{
	__u32 index = origin->share, workload = origin->workload;
	struct weir_share *share;

	if (bpf_map_delete_elem(&weir_origins, tuple))
		return; /* another processor has */
	share = share_of(index, workload);
	if (share)
		__sync_fetch_and_add(&share->handshakes, -1);
}

/* Adds a handshake.  An entry of the same 4-tuple is of a connection that is no more. */
static __always_inline long add_origin(struct weir_share *share, const struct weir_tuple *tuple,
				       const struct weir_origin *origin)
{
	long error = bpf_map_update_elem(&weir_origins, tuple, origin, BPF_NOEXIST);

	if (error == -WEIR_EEXIST) {
		const struct weir_origin *earlier = bpf_map_lookup_elem(&weir_origins, tuple);

		if (earlier)
			forget_origin(tuple, earlier);
		error = bpf_map_update_elem(&weir_origins, tuple, origin, BPF_NOEXIST);
	}
	if (!error && share)
		__sync_fetch_and_add(&share->handshakes, 1);
	return error;
}

/* Whether another record of this workload may be written: when half of the ring waits, each has its own part of what
 * is left. */
static __always_inline bool may_record(__u32 index, __u32 workload)
{
	struct weir_share *share;
	__u64 window;

	if (bpf_ringbuf_query(&weir_flows, BPF_RB_AVAIL_DATA) < WEIR_FLOW_BYTES / 2)
		return true;
	share = share_of(index, workload);
	if (!share)
		return true;
	window = bpf_ktime_get_ns() >> WEIR_RECORD_WINDOW;
	if (share->window != window) {
		share->window = window;
		share->records = 0;
	}
	/* Older kernels have no addition that returns what was there. */
	__sync_fetch_and_add(&share->records, 1);
	return share->records <= WEIR_SHARE_RECORDS;
}

#endif
