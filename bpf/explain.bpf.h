/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `weir explain`: the kernel's own decision about an attempt that nobody makes. */
#ifndef WEIR_EXPLAIN_BPF_H
#define WEIR_EXPLAIN_BPF_H

static __always_inline void explain(struct weir_attempt *asked)
{
	struct weir_workload *workload = find_pod(asked->netns);
	struct attempt attempt = {
		.netns = asked->netns,
		.source = *(union address *)asked->source,
		.destination = *(union address *)asked->destination,
		.destination_port = asked->destination_port,
		.protocol = asked->protocol,
		.by_proxy_cgroup = asked->by_proxy_cgroup,
		.uid = asked->uid,
		.gid = asked->gid,
		.mark = asked->mark,
		.interface = asked->interface,
	};

	if (asked->cgroup)
		workload = bpf_map_lookup_elem(&weir_cgroups, &asked->cgroup);
	if (!workload)
		return;
	asked->workload = workload->id;
	asked->reason = WEIR_REASON_NO_POLICY;

	const struct weir_policy *policy = find_policy(workload->policy);

	if (!policy)
		return;

	struct weir_route *route = find_route(attempt.netns, &attempt.destination);

	attempt.policy = workload->policy;

	struct decision decision =
		unpack(asked->direction == WEIR_INBOUND ? decide_inbound(policy, &attempt)
							: decide_outbound(policy, &attempt, route));

	if (asked->direction == WEIR_OUTBOUND && decision.verdict != WEIR_VERDICT_DIRECT && may_fail())
		asked->error = route_error(NULL, &attempt, route);
	if (asked->error) {
		decision.verdict = WEIR_VERDICT_REFUSE;
		decision.reason = WEIR_REASON_NO_ROUTE;
	}
	asked->facts = attempt.facts;
	asked->local = asked->facts & WEIR_FACT_LOCAL ? 1 : 0;
	asked->verdict = decision.verdict;
	asked->reason = decision.reason;
	asked->rule = decision.rule;
	asked->source_index = decision.source;
}

/*
 * When: run by user through BPF_PROG_TEST_RUN, the attempt in place of a
 * packet; never attached.  (A SEC("syscall") program would be the natural
 * form, but those are sleepable, and 6.1 does not let such read LPM tries.)
 * Reads: the maps of policy.bpf.h.  Writes: the `out` fields.
 * Returns: 0, answered; 1, the record was too short.
 */
SEC("tc")
int weir_explain(struct __sk_buff *ctx)
{
	struct weir_attempt asked = {};

	if (bpf_skb_load_bytes(ctx, 0, &asked, sizeof(asked)))
		return 1;
	explain(&asked);
	return bpf_skb_store_bytes(ctx, 0, &asked, sizeof(asked), 0) ? 1 : 0;
}

#endif
