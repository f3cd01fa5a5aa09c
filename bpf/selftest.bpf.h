/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The acceleration self-test: message redirect in its barest form, to see what this kernel makes of it. */
#ifndef WEIR_SELFTEST_BPF_H
#define WEIR_SELFTEST_BPF_H

/* The test's own sockets, by (local port << 16 | remote port), both in host order.  Written by user; made for one test
 * and gone with it. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} weir_probes SEC(".maps");

/* Entry 0: whether messages are redirected now.  Written by user. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} weir_probe_on SEC(".maps");

/*
 * When: a socket of weir_probes sends.  No rule of redirect.bpf.h is here: what
 * the kernel does by itself is what the test asks about.
 * Reads: weir_probe_on, weir_probes.
 * Returns: SK_PASS, the bytes go to the peer's queue of messages or over TCP;
 * SK_DROP, there is no such peer.
 */
SEC("sk_msg")
int weir_selftest(struct sk_msg_md *ctx)
{
	__u32 first = 0, peer = bpf_ntohl(ctx->remote_port) << 16 | ctx->local_port;
	__u32 *on = bpf_map_lookup_elem(&weir_probe_on, &first);

	if (!on || !*on)
		return SK_PASS;
	return (int)bpf_msg_redirect_hash(ctx, &weir_probes, &peer, BPF_F_INGRESS);
}

#endif
