/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map.  "user" is the agent or the CLI; keys and values are described in
 * weir/abi.h.  All are pinned; maps that are filled by traffic allocate per
 * entry, so an idle node holds none of that memory.
 */
#ifndef WEIR_MAPS_BPF_H
#define WEIR_MAPS_BPF_H

/* Namespace cookie modulo WEIR_POD_SLOTS -> whether weir_pods may have it.
 * Written by user before weir_pods; read by every hook first, so that most
 * bystanders are known by one load. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_POD_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} weir_podslots SEC(".maps");

/* Namespace cookie -> workload.  Written by user. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_WORKLOADS);
	__type(key, __u64);
	__type(value, struct weir_workload);
} weir_pods SEC(".maps");

/* cgroup v2 id -> workload, or a workload's proxy.  Written by user; walked to
 * only while weir_settings.cgroup_workloads is not 0. */
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

/* Slot -> compiled policy.  A slot is filled before a workload points to it and
 * emptied only when none has for an RCU grace period: no connection is decided
 * by half a policy. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WEIR_MAX_POLICIES);
	__type(key, __u32);
	__array(values, struct weir_policy_slot);
} weir_policies SEC(".maps");

/* What is in each of those slots.  Written and read by user: on Linux 6.1 (not on
 * 6.12) each read of a map of maps waits for an RCU grace period, also of an
 * empty slot (bpf_map_copy_value). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_MAX_POLICIES);
	__type(key, __u32);
	__type(value, struct weir_slot);
} weir_slots SEC(".maps");

/* (policy, uid or gid) -> facts.  Written by user. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_OWNERS);
	__type(key, struct weir_owner);
	__type(value, __u32);
} weir_owners SEC(".maps");

/* (policy, direction, prefix) -> facts.  Written by user. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PREFIXES);
	__type(key, struct weir_prefix);
	__type(value, __u32);
} weir_prefixes SEC(".maps");

/* (namespace, destination prefix) -> whether it is local, and the source the
 * kernel would choose.  Written by user from the namespace's routing tables. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_ROUTES);
	__type(key, struct weir_destination);
	__type(value, struct weir_route);
} weir_routes SEC(".maps");

/* (policy, uid, protocol, port prefix) -> excluded for this user.  Written by user. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_USER_PORTS);
	__type(key, struct weir_user_port);
	__type(value, __u32);
} weir_uports SEC(".maps");

/* (namespace, policy, interface, family) -> facts.  Written by user, who follows
 * the namespace's interfaces. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_INTERFACES);
	__type(key, struct weir_interface_key);
	__type(value, struct weir_interface);
} weir_ifaces SEC(".maps");

/* What is known of one socket; dies with it. What is known of a listener, the
 * sockets accepted from it have, too (BPF_F_CLONE). */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct weir_socket);
} weir_socks SEC(".maps");

/* The servers that one unconnected UDP socket asked. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct weir_datagrams);
} weir_datagrams SEC(".maps");

/* weir_workload.share -> what that workload has of the maps below.  Written by user when a workload comes,
 * counted by the programs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_MAX_WORKLOADS);
	__type(key, __u32);
	__type(value, struct weir_share);
} weir_shares SEC(".maps");

/* 4-tuple -> origin, from the SYN until the proxy's end is established or the
 * connection fails: handshakes in flight, and connections whose accepted socket
 * had no memory to keep its origin. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_HANDSHAKES);
	__type(key, struct weir_tuple);
	__type(value, struct weir_origin);
} weir_origins SEC(".maps");

/* A client's initial sequence number modulo WEIR_CLIENT_SLOTS -> the client: how
 * a handshake is found whose source port netfilter has changed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEIR_CLIENT_SLOTS);
	__type(key, __u32);
	__type(value, struct weir_client);
} weir_clients SEC(".maps");

/* Ports that weir_origins may have entries for: sockets accepted at others need
 * not look.  Filled before the SYN leaves, never emptied. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_targets);
} weir_targets SEC(".maps");

/* (namespace, port) -> the proxy's inbound listeners.  Filled at listen(), or
 * by user for listeners older than the programs; a close removes the entry. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_LISTENERS);
	__type(key, struct weir_listener);
	__type(value, __u64);
} weir_listeners SEC(".maps");

/* Connections and bytes by workload and reason.  Read and pruned by user. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_COUNTERS);
	__type(key, struct weir_counter_key);
	__type(value, struct weir_counter);
} weir_counters SEC(".maps");

/* What a socket of an accelerated workload knows of its pair. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct weir_end);
} weir_ends SEC(".maps");

/* Both initial sequence numbers of a connection -> its two sockets, from the moment its calling end is
 * established until both have closed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, struct weir_pair);
} weir_pairs SEC(".maps");

/* Socket cookie -> the socket: members of the short cut.  weir_redirect sees what they send. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, __u64);
} weir_peers SEC(".maps");

/* Socket cookie -> the socket: members of weir_peers that take a short read for "empty".  weir_queue puts
 * what comes to them through the stack behind what came past it. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, WEIR_MAX_PEERS);
	__type(key, __u64);
	__type(value, __u64);
} weir_queues SEC(".maps");

/* Messages and bytes of accelerated workloads by path.  Read and pruned by user. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, WEIR_MAX_PATHS);
	__type(key, struct weir_path_key);
	__type(value, struct weir_path_count);
} weir_paths SEC(".maps");

/* Process -> what comes back to it.  The least recently seen is forgotten: its next round counts anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, WEIR_MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct weir_loop);
} weir_loops SEC(".maps");

/* Records of connections.  Read by user; full when nobody reads. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WEIR_FLOW_BYTES);
} weir_flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weir_settings);
} weir_settings SEC(".maps");

#endif
