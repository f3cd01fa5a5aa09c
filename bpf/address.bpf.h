/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses.  At the door every address becomes 16 bytes, IPv4 mapped, so that
 * one body serves both families; this is the only place that swaps bytes.
 */
#ifndef WEIR_ADDRESS_BPF_H
#define WEIR_ADDRESS_BPF_H

/* The same bytes as __u8[16], readable as words. */
union address {
	__u8 bytes[16];
	__be32 words[4];
	__u64 halves[2];
};

#define MAPPED bpf_htonl(0xffff)

static __always_inline void map_ipv4(union address *address, __be32 ipv4)
{
	address->words[0] = 0;
	address->words[1] = 0;
	address->words[2] = MAPPED;
	address->words[3] = ipv4;
}

static __always_inline bool is_ipv4(const union address *address)
{
	return address->halves[0] == 0 && address->words[2] == MAPPED;
}

static __always_inline bool is_same_address(const union address *a, const union address *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

/* 0.0.0.0, :: and ::ffff:0.0.0.0: to connect() they mean this host, to bind() no choice. */
static __always_inline bool is_unspecified(const union address *address)
{
	return address->halves[0] == 0 && address->words[3] == 0 &&
	       (address->words[2] == 0 || address->words[2] == MAPPED);
}

/* 127.0.0.0/8 and ::1. */
static __always_inline bool is_loopback(const union address *address)
{
	if (is_ipv4(address))
		return address->bytes[12] == 127;
	return address->halves[0] == 0 && address->words[2] == 0 && address->words[3] == bpf_htonl(1);
}

/* 127.0.0.6 and ::6, from which Istio's and Kuma's proxies pass inbound traffic on. */
static __always_inline bool is_passthrough_source(const union address *address)
{
	if (is_ipv4(address))
		return address->words[3] == bpf_htonl(0x7f000006);
	return address->halves[0] == 0 && address->words[2] == 0 && address->words[3] == bpf_htonl(6);
}

/* Whether an address starts with the first `length` bits of a network. */
static __always_inline bool is_in_network(const union address *address, const union address *network,
					  __u32 length)
{
	for (__u32 word = 0; word < 4; word++) {
		__u32 bits = length > word * 32 ? length - word * 32 : 0;
		__u32 mask = bits >= 32 ? 0xffffffff : bits ? ~(0xffffffff >> bits) : 0;

		if ((address->words[word] ^ network->words[word]) & bpf_htonl(mask))
			return false;
	}
	return true;
}

/* bpf_sock_addr and bpf_sock keep ports as __be16 in the low half of a word. */
static __always_inline __be16 port_of(__u32 word)
{
	return (__be16)word;
}

/*
 * Context fields are read into locals before any choice between them, and
 * through volatile: clang otherwise folds the choice into one load from a
 * computed context pointer, which the verifier refuses.
 */
#define READ_IPV6(address, field) \
	do { \
		(address)->words[0] = (field)[0]; \
		(address)->words[1] = (field)[1]; \
		(address)->words[2] = (field)[2]; \
		(address)->words[3] = (field)[3]; \
	} while (0)

/* The address a sock_addr hook is about. */
static __always_inline void read_user_address(struct bpf_sock_addr *ctx, bool six, union address *address)
{
	volatile struct bpf_sock_addr *from = ctx;

	if (six)
		READ_IPV6(address, from->user_ip6);
	else
		map_ipv4(address, from->user_ip4);
}

static __always_inline void write_user_address(struct bpf_sock_addr *ctx, bool six,
					       const union address *address, __be16 port)
{
	volatile struct bpf_sock_addr *to = ctx;

	if (six) {
		to->user_ip6[0] = address->words[0];
		to->user_ip6[1] = address->words[1];
		to->user_ip6[2] = address->words[2];
		to->user_ip6[3] = address->words[3];
	} else {
		to->user_ip4 = address->words[3];
	}
	to->user_port = port;
}

/* The source of one unconnected datagram: the caller's (IP_PKTINFO), or that of its socket; unspecified: the kernel
 * chooses. */
static __always_inline void read_message_source(struct bpf_sock_addr *ctx, bool six, union address *address)
{
	volatile struct bpf_sock_addr *from = ctx;

	if (six)
		READ_IPV6(address, from->msg_src_ip6);
	else
		map_ipv4(address, from->msg_src_ip4);
}

static __always_inline void write_message_source(struct bpf_sock_addr *ctx, bool six,
						 const union address *address)
{
	volatile struct bpf_sock_addr *to = ctx;

	if (six) {
		to->msg_src_ip6[0] = address->words[0];
		to->msg_src_ip6[1] = address->words[1];
		to->msg_src_ip6[2] = address->words[2];
		to->msg_src_ip6[3] = address->words[3];
	} else {
		to->msg_src_ip4 = address->words[3];
	}
}

/* The local address of a socket; unspecified while it is unbound. */
static __always_inline void read_local_address(struct bpf_sock *sk, union address *address)
{
	volatile struct bpf_sock *from = sk;
	__be32 ipv4 = from->src_ip4;

	READ_IPV6(address, from->src_ip6);
	if (from->family != AF_INET6)
		map_ipv4(address, ipv4);
}

/* The address of a socket's peer. */
static __always_inline void read_peer_address(struct bpf_sock *sk, union address *address)
{
	volatile struct bpf_sock *from = sk;
	__be32 ipv4 = from->dst_ip4;

	READ_IPV6(address, from->dst_ip6);
	if (from->family != AF_INET6)
		map_ipv4(address, ipv4);
}

/* Both ends of a TCP socket in a sockops callback. */
static __always_inline void read_tuple(struct bpf_sock_ops *ctx, struct weir_tuple *tuple)
{
	volatile struct bpf_sock_ops *from = ctx;
	union address *local = (union address *)tuple->local;
	union address *remote = (union address *)tuple->remote;
	__be32 local_ipv4 = from->local_ip4, remote_ipv4 = from->remote_ip4;

	READ_IPV6(local, from->local_ip6);
	READ_IPV6(remote, from->remote_ip6);
	if (from->family != AF_INET6) {
		map_ipv4(local, local_ipv4);
		map_ipv4(remote, remote_ipv4);
	}
	/* local_port is in host order; remote_port in network order, as the upper half of a big-endian word. */
	tuple->local_port = bpf_htons((__u16)from->local_port);
	tuple->remote_port = bpf_htons((__u16)bpf_ntohl(from->remote_port));
	tuple->pad = 0;
	tuple->netns = bpf_get_netns_cookie(ctx);
}

/* The same connection as its other end sees it. */
static __always_inline void turn_tuple(struct weir_tuple *turned, const struct weir_tuple *tuple)
{
	*(union address *)turned->local = *(const union address *)tuple->remote;
	*(union address *)turned->remote = *(const union address *)tuple->local;
	turned->local_port = tuple->remote_port;
	turned->remote_port = tuple->local_port;
	turned->pad = 0;
	turned->netns = tuple->netns;
}

/* Whether both ends of a connection can only be of one namespace. */
static __always_inline bool is_inside(const union address *source, const union address *destination)
{
	return is_loopback(destination) || is_same_address(source, destination);
}

#endif
