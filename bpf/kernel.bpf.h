/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs need of the kernel: UAPI headers, and the few kernel
 * structs that CO-RE relocates, declared with only the fields that are read.
 */
#ifndef WEIR_KERNEL_BPF_H
#define WEIR_KERNEL_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include <weir/abi.h>

#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define SOL_IP 0
#define SOL_IPV6 41
#define TCP_USER_TIMEOUT 18
#define TCP_NOTSENT_LOWAT 25
#define TCP_BPF_SOCK_OPS_CB_FLAGS 1008 /* Linux 6.13 */
#define WEIR_ENOENT 2
#define WEIR_E2BIG 7
#define WEIR_ENOMEM 12
#define WEIR_EEXIST 17
#define WEIR_ECONNREFUSED 111
#define WEIR_ENETUNREACH 101
#define WEIR_EACCES 13
#define WEIR_EINVAL 22
#define SO_ORIGINAL_DST 80 /* IP6T_SO_ORIGINAL_DST has the same number */

/* include/uapi/linux/in.h, in6.h; spelt here because libc's headers clash with linux/bpf.h. */
struct weir_sockaddr_in {
	__u16 sin_family;
	__be16 sin_port;
	__be32 sin_addr;
	__u8 sin_zero[8];
};
struct weir_sockaddr_in6 {
	__u16 sin6_family;
	__be16 sin6_port;
	__be32 sin6_flowinfo;
	__be32 sin6_addr[4];
	__u32 sin6_scope_id;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
};
struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct cgroup_subsys_state self; /* first: a css of the default hierarchy is its cgroup */
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};
typedef struct {
	__u32 val;
} kuid_t;
typedef struct {
	__u32 val;
} kgid_t;
struct cred {
	kuid_t fsuid;
	kgid_t fsgid;
};
struct file {
	const struct cred *f_cred;
};
struct socket {
	unsigned long flags;
	struct file *file;
};
typedef struct {
	__s64 counter;
} atomic64_t;
struct proto {
	unsigned long *memory_pressure;
};
typedef struct {
	int counter;
} atomic_t;
struct netns_ipv4 {
	atomic_t rt_genid; /* one more with each change of IPv4 routes, addresses and rules */
};
struct fib6_table {
	unsigned int fib_seq; /* one more with each route that comes or goes */
};
struct fib_rules_ops {
	unsigned int fib_rules_seq; /* one more with each rule */
};
struct netns_ipv6 {
	struct fib6_table *fib6_main_tbl;
	struct fib_rules_ops *fib6_rules_ops;
};
struct net {
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct nsproxy {
	struct net *net_ns;
};
struct task_struct {
	struct nsproxy *nsproxy;
};
struct sock_common {
	unsigned long skc_flags;
	possible_net_t skc_net;
	struct proto *skc_prot;
	atomic64_t skc_cookie;
};
struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
	kuid_t sk_uid;
	void *sk_user_data; /* of a socket in a sockmap: its sk_psock, with flags in the lowest bits */
	int sk_rx_dst_ifindex;
	int sk_err; /* what the next call on the socket fails with */
	__u8 sk_shutdown; /* RCV_SHUTDOWN | SEND_SHUTDOWN: close() sets both */
};
struct inet_sock {
	struct sock sk;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const void *icsk_ulp_ops;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt;
	__u32 copied_seq; /* the next byte that a reader gets from the stack */
	__u32 write_seq; /* the next byte that a writer gives to the stack */
	__u64 bytes_acked; /* with the SYN, of the end that called connect() */
	__u64 bytes_sent; /* payload, that of retransmissions again */
	__u64 bytes_retrans;
	__u32 snd_nxt;
	__u32 snd_una; /* the first byte that the peer has not acknowledged */
	__u32 notsent_lowat; /* TCP_NOTSENT_LOWAT, in bytes */
	bool is_mptcp;
	__u8 bpf_sock_ops_cb_flags;
};
struct list_head {
	struct list_head *next;
};
struct sk_psock {
	struct list_head ingress_msg; /* redirected messages that were not read */
	__u32 msg_tot_len; /* their bytes; newer kernels */
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__sockmap {
	struct bpf_iter_meta *meta;
	struct sock *sk;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};
#pragma clang attribute pop

/* Kernel 6.2.  Weak: an older kernel loads the programs without it. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/*
 * A socket as the kernel's own struct, for BPF_CORE_READ.  Before 6.2 only TCP
 * sockets can be looked into; for others this is NULL.
 */
static __always_inline struct sock *kernel_sock(struct bpf_sock *sk)
{
	if (bpf_rdonly_cast)
		return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct sock));
	return (struct sock *)bpf_skc_to_tcp_sock(sk);
}

/* A kernel's TCP socket by its address.  What is at the address may be gone: every read of it is checked by PEEK. */
static __always_inline struct tcp_sock *tcp_at(__u64 address)
{
	if (bpf_rdonly_cast)
		return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct tcp_sock));
	return (struct tcp_sock *)address;
}

/* A TCP socket that a program was given; NULL only where a program is given others, too. */
static __always_inline struct tcp_sock *tcp_of(struct bpf_sock *sk)
{
	if (bpf_rdonly_cast)
		return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	return bpf_skc_to_tcp_sock(sk);
}

/* Read a field of a kernel struct that may be gone; a fault gives zero.  Plain
 * loads where the kernel has them (6.2), which spares a helper call each. */
#define PEEK(from, field) \
	(bpf_rdonly_cast ? (typeof((from)->field))((from)->field) : BPF_CORE_READ(from, field))

/* include/net/sock.h.  DONE: the peer's FIN has been received. */
enum sock_flags {
	SOCK_DONE = 1,
	SOCK_BROADCAST = 6,
	SOCK_ZEROCOPY = 0x7fff, /* any: the kernel's own is asked for */
};

#endif
