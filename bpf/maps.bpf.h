/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map.  "user" is the agent or the command line; keys and values are
 * described in weir/abi.h.  All are pinned; maps that are filled by traffic
 * allocate per entry, so an idle node holds none of that memory.
 *
 * Each comment says what the map holds, who writes it (Written:), who reads it
 * (Read:), how long an entry lives (Lives:), and what one workload may have of
 * it where that is less than the whole (Share:).  Scripts/docs --write makes the
 * table in docs/kernel.md of them.
 */
#ifndef WEIR_MAPS_BPF_H
#define WEIR_MAPS_BPF_H

/* Namespace cookie modulo WEIR_POD_SLOTS -> whether weir_pods may have it.  Most bystanders are known
 * by this one load.
 * Written: user, before weir_pods.  Read: every hook, first.  Lives: while a workload has the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_POD_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} weir_podslots SEC(".maps");

/* Namespace cookie -> workload.
 * Written: user.  Read: every hook.  Lives: while the workload is registered. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_WORKLOADS);
	__type(key, __u64);
	__type(value, struct weir_workload);
} weir_pods SEC(".maps");

/* cgroup v2 id -> workload, or a workload's proxy.
 * Written: user.  Read: connect, sendmsg, recvmsg, while weir_settings.cgroup_workloads is not 0.
 * Lives: while the workload is registered. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_WORKLOADS);
	__type(key, __u64);
	__type(value, struct weir_workload);
} weir_cgroups SEC(".maps");

/* A map of one policy; by size, as clang leaves a nested map's types undefined. */
struct weir_policy_slot {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct weir_policy));
};

/* Slot -> compiled policy.  A slot is filled before a workload points to it and emptied only when none
 * has for an RCU grace period: no connection is decided by half a policy.
 * Written: user.  Read: every hook that decides, recvmsg.  Lives: while a workload points to the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WEIR_MAX_POLICIES);
	__type(key, __u32);
	__array(values, struct weir_policy_slot);
} weir_policies SEC(".maps");

/* Slot of weir_policies -> its state, and the digest of its policy.  On Linux 6.1 (not on 6.12) each
 * read of a map of maps waits for an RCU grace period, also of an empty slot (bpf_map_copy_value), so
 * user does not read weir_policies.
 * Written: user.  Read: user.  Lives: as long as the installation. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_MAX_POLICIES);
	__type(key, __u32);
	__type(value, struct weir_slot);
} weir_slots SEC(".maps");

/* (policy, uid or gid) -> facts.
 * Written: user.  Read: connect, sendmsg, sockops.  Lives: as long as its policy.  Share:
 * WEIR_SHARE_OWNERS a policy. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_OWNERS);
	__type(key, struct weir_owner);
	__type(value, __u32);
} weir_owners SEC(".maps");

/* (policy, direction, prefix) -> facts.
 * Written: user.  Read: every hook that decides.  Lives: as long as its policy.  Share:
 * WEIR_SHARE_PREFIXES a policy. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PREFIXES);
	__type(key, struct weir_prefix);
	__type(value, __u32);
} weir_prefixes SEC(".maps");

/* (namespace, destination prefix) -> whether it is local, the source address that the kernel would choose,
 * and the error that it gives where there is no way.
 * Written: user, from the namespace's routing tables.  Read: connect, sendmsg, sk_lookup, getsockname,
 * sockops.  Lives: as long as the route.  Share: WEIR_SHARE_ROUTES a namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_ROUTES);
	__type(key, struct weir_destination);
	__type(value, struct weir_route);
} weir_routes SEC(".maps");

/* (policy, uid, protocol, port prefix) -> excluded for this user.
 * Written: user.  Read: connect, sendmsg.  Lives: as long as its policy.  Share: WEIR_SHARE_USER_PORTS
 * a policy. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_USER_PORTS);
	__type(key, struct weir_user_port);
	__type(value, __u32);
} weir_uports SEC(".maps");

/* (namespace, policy, interface, family) -> facts.
 * Written: user, who follows the namespace's interfaces.  Read: every hook that decides.  Lives: as
 * long as the interface.  Share: WEIR_SHARE_INTERFACES a namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_INTERFACES);
	__type(key, struct weir_interface_key);
	__type(value, struct weir_interface);
} weir_ifaces SEC(".maps");

/* Socket -> what is known of it.  Sockets accepted by a listener start with a copy of what is known of
 * the listener (BPF_F_CLONE).
 * Written: connect, sockops; user for the sockets of Weir's own proxy.  Read: every hook of the
 * socket.  Lives: as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct weir_socket);
} weir_socks SEC(".maps");

/* Unconnected UDP socket -> the servers that it asked.
 * Written: sendmsg.  Read: recvmsg.  Lives: as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct weir_datagrams);
} weir_datagrams SEC(".maps");

/* weir_workload.share -> how much the workload has of weir_origins, weir_pairs and weir_flows.
 * Written: user when a workload comes, then connect and sockops.  Read: connect, sockops.  Lives:
 * while the workload is registered. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_MAX_WORKLOADS);
	__type(key, __u32);
	__type(value, struct weir_share);
} weir_shares SEC(".maps");

/* 4-tuple -> original destination: of handshakes in flight, and of connections whose accepted socket
 * had no memory to keep it.
 * Written: sockops.  Read: sockops, sk_lookup; getsockopt where the socket had no
 * memory.  Lives: from the SYN until the proxy's end is established or the connection fails.  Share:
 * WEIR_SHARE_HANDSHAKES a workload. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_HANDSHAKES);
	__type(key, struct weir_tuple);
	__type(value, struct weir_origin);
} weir_origins SEC(".maps");

/* A client's initial sequence number modulo WEIR_CLIENT_SLOTS -> the client: how a handshake is found
 * whose source port netfilter has changed.
 * Written: sockops.  Read: sockops.  Lives: until another client has the slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_CLIENT_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_client);
} weir_clients SEC(".maps");

/* Port -> whether weir_origins may have entries for it: sockets accepted at others need not look.
 * Written: sockops, before the SYN leaves.  Read: sockops.  Lives: as long as the installation. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_targets);
} weir_targets SEC(".maps");

/* (namespace, port, family, slot) -> a listening socket of the proxy.
 * Written: sockops at listen(); user for listeners older than the programs.  Read: sk_lookup, connect.
 * Lives: as long as the listener.  Share: WEIR_LISTENER_SLOTS a port and family that the policy steers to,
 * two more that it redirects to. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_LISTENERS);
	__type(key, struct weir_listener);
	__type(value, __u64);
} weir_listeners SEC(".maps");

/* (workload, direction, verdict, reason, protocol) -> connections and bytes.
 * Written: every hook that decides, sockops.  Read: user, who also prunes it.  Lives: while the
 * workload is registered. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_COUNTERS);
	__type(key, struct weir_counter_key);
	__type(value, struct weir_counter);
} weir_counters SEC(".maps");

/* Socket of an accelerated workload -> what it knows of its pair.
 * Written: connect, sockops.  Read: sockops, sk_msg, the iterators of wake.bpf.h.  Lives: as long as
 * the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct weir_end);
} weir_ends SEC(".maps");

/* Both initial sequence numbers of a connection -> its two sockets.
 * Written: sockops, sk_msg.  Read: sockops, sk_msg, the iterators of wake.bpf.h.  Lives: from when the
 * calling end is established until both ends have closed.  Share: WEIR_SHARE_PAIRS a workload. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, struct weir_pair);
} weir_pairs SEC(".maps");

/* Socket cookie -> the socket: members of the short cut.  weir_redirect sees what they send.
 * Written: sockops.  Read: sk_msg, the iterators of wake.bpf.h.  Lives: as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, __u64);
} weir_peers SEC(".maps");

/* Socket cookie -> the socket: members of weir_peers that take a short read for "empty".  weir_queue
 * puts what comes to them through the stack behind what came past it.
 * Written: sockops.  Read: the kernel, for what arrives at a member.  Lives: as long as the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, __u64);
} weir_queues SEC(".maps");

/* (workload, path) -> messages, bytes, and sockets left out.
 * Written: sockops, sk_msg.  Read: user, who also prunes it.  Lives: while the workload is registered. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PATHS);
	__type(key, struct weir_path_key);
	__type(value, struct weir_path_count);
} weir_paths SEC(".maps");

/* Process -> what comes back to it: when its own connection or query did, and how many of them are open.
 * Written: getsockopt, recvmsg, sockops.  Read: connect, sendmsg.  Lives: until newer ones need the room; the next
 * round counts anew then. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WEIR_MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct weir_loop);
} weir_loops SEC(".maps");

/* Ring of connection records; full when nobody reads.
 * Written: connect, sockops, sk_lookup.  Read: user.  Lives: until it is read.  Share: WEIR_SHARE_RECORDS records
 * a workload in half a second, once the ring is half full. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WEIR_FLOW_BYTES);
} weir_flows SEC(".maps");

/* The layout's version, how many workloads are cgroups, the last workload's id, and whether any
 * workload was ever accelerated.
 * Written: user.  Read: every hook that needs one of them.  Lives: as long as the installation. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_settings);
} weir_settings SEC(".maps");

#endif
