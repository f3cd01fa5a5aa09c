/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that crosses the boundary between Weir's BPF programs and its
 * user space: map keys and values, records, limits, and the names of
 * decisions.  Swift imports these headers as the module CWeirABI, so they are
 * the only place where any of these are written down.
 *
 * Byte order.  A __be16 or __be32 is in network order, a plain integer in
 * host order.  Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291,
 * 2.5.5.2).  Keys have no implicit padding; unused bytes are zero.
 *
 * One connection, as an example.  Namespace cookie 7 is the pod `shop/cart`,
 * whose policy stands in slot 3.  Its process (uid 1000) connects to
 * 10.96.0.10:80.
 *   weir_pods[7]                          -> {id 12, policy 3, name "shop/cart"}
 *   weir_policies[3]                      -> bitmaps and rules
 *   weir_owners[{3, UID, 1000}]           -> none: not the proxy
 *   weir_routes[{7, 10.96.0.10}]          -> {source 10.244.1.10}: not local
 *   weir_prefixes[{3, OUTBOUND, 10.96.0.10}] -> none
 *   decide(): {WEIR_VERDICT_OUTBOUND, WEIR_REASON_OUTBOUND}, port 15001
 *   weir_socks[socket]                    -> origin 10.96.0.10:80
 *   weir_origins[{7, 10.244.1.10:40001, 127.0.0.1:15001}] -> the same, from
 *     the SYN until the proxy's socket is established, which then owns it.
 */
#ifndef WEIR_ABI_H
#define WEIR_ABI_H

#include <linux/types.h>

#include <weir/limits.h>
#include <weir/words.h>
#include <weir/policy.h>
#include <weir/workload.h>
#include <weir/connection.h>
#include <weir/pair.h>
#include <weir/record.h>
#include <weir/attempt.h>

/* Raised when a map's key, value or meaning changes; kept in weir_settings. */
#define WEIR_ABI_VERSION 8

/* The only entry of weir_settings. */
struct weir_settings {
	__u32 cgroup_workloads;	/* entries of weir_cgroups: 0 spares everyone the walk */
	__u32 abi_version;
	__u32 next_workload;	/* the id the next workload gets, less one */
	__u32 accelerates;	/* whether a workload ever was: else no socket has a pair, and nobody looks for one */
};

#endif
