/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A load balancer at the sockets, as Cilium and Calico have one: it puts the backend's address in the place of the
 * service's in connect() and sendmsg(), and puts it back in recvmsg() and getpeername().  One service of each family
 * and one backend, by -D: SERVICE4, BACKEND4, SERVICE6, BACKEND6, the last 32 bits of each in host order.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct backend {
	__u64 cookie;
	__u32 address;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct backend);
	__type(value, __u32);
} services SEC(".maps");

static __always_inline int go(struct bpf_sock_addr *ctx, __u32 address, __u32 service, __u32 backend, __u32 *result)
{
	struct backend key = { .cookie = bpf_get_socket_cookie(ctx), .address = backend, .port = ctx->user_port };

	if (address != bpf_htonl(service))
		return 0;
	bpf_map_update_elem(&services, &key, &service, BPF_ANY);
	*result = bpf_htonl(backend);
	return 1;
}

static __always_inline int come_back(struct bpf_sock_addr *ctx, __u32 address, __u32 *result)
{
	struct backend key = {
		.cookie = bpf_get_socket_cookie(ctx), .address = bpf_ntohl(address), .port = ctx->user_port
	};
	__u32 *service = bpf_map_lookup_elem(&services, &key);

	if (!service)
		return 0;
	*result = bpf_htonl(*service);
	return 1;
}

#define GO(hook)                                                                            \
	SEC("cgroup/" #hook "4") int balance_##hook##4(struct bpf_sock_addr *ctx)           \
	{                                                                                   \
		__u32 to;                                                                   \
                                                                                            \
		if (go(ctx, ctx->user_ip4, SERVICE4, BACKEND4, &to))                        \
			ctx->user_ip4 = to;                                                 \
		return 1;                                                                   \
	}                                                                                   \
	SEC("cgroup/" #hook "6") int balance_##hook##6(struct bpf_sock_addr *ctx)           \
	{                                                                                   \
		__u32 to;                                                                   \
                                                                                            \
		if (ctx->user_ip6[0] == bpf_htonl(0x20010db8) &&                            \
		    go(ctx, ctx->user_ip6[3], SERVICE6, BACKEND6, &to))                     \
			ctx->user_ip6[3] = to;                                              \
		return 1;                                                                   \
	}

#define COME_BACK(hook)                                                                     \
	SEC("cgroup/" #hook "4") int balance_##hook##4(struct bpf_sock_addr *ctx)           \
	{                                                                                   \
		__u32 from;                                                                 \
                                                                                            \
		if (come_back(ctx, ctx->user_ip4, &from))                                   \
			ctx->user_ip4 = from;                                               \
		return 1;                                                                   \
	}                                                                                   \
	SEC("cgroup/" #hook "6") int balance_##hook##6(struct bpf_sock_addr *ctx)           \
	{                                                                                   \
		__u32 from;                                                                 \
                                                                                            \
		if (come_back(ctx, ctx->user_ip6[3], &from))                                \
			ctx->user_ip6[3] = from;                                            \
		return 1;                                                                   \
	}

GO(connect)
GO(sendmsg)
COME_BACK(recvmsg)
COME_BACK(getpeername)

/* Sets the callbacks of a socket that it wants, and forgets that others may have set some. */
SEC("sockops")
int balance_sockops(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_RETRANS_CB_FLAG);
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
