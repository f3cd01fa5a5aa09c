/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose socket is this: the workload by namespace or cgroup, and the owner. */
#ifndef WEIR_WORKLOAD_BPF_H
#define WEIR_WORKLOAD_BPF_H

/* The workload of a namespace, NULL for most. */
static __always_inline struct weir_workload *find_pod(__u64 netns)
{
	__u32 slot = netns & (WEIR_POD_SLOTS - 1);
	__u32 *taken = bpf_map_lookup_elem(&weir_podslots, &slot);

	return taken && *taken ? bpf_map_lookup_elem(&weir_pods, &netns) : NULL;
}

/* The deepest cgroup of the current task that is registered. */
static __always_inline __u64 nearest_of_current(void)
{
	__u64 nearest = 0;

	for (int level = 0; level < WEIR_CGROUP_DEPTH; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (!id)
			break;
		if (bpf_map_lookup_elem(&weir_cgroups, &id))
			nearest = id;
	}
	return nearest;
}

static __always_inline struct cgroup *parent_of(struct cgroup *cgroup)
{
	if (!bpf_rdonly_cast)
		return (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
	return bpf_rdonly_cast(cgroup->self.parent, bpf_core_type_id_kernel(struct cgroup));
}

/*
 * The id of the nearest registered ancestor of the socket's cgroup, 0 for none.
 * The socket's, not the current task's: a socket passed on keeps the workload
 * it was made in.  Where the socket cannot be looked into (UDP before Linux
 * 6.2), the task's.  A function of its own, so that the verifier looks at the
 * walk once and not along every path that leads to it.
 */
__attribute__((noinline)) __u64 nearest_cgroup(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct sock *kernel = sk ? kernel_sock(sk) : NULL;
	struct cgroup *cgroup;

	if (!kernel)
		return nearest_of_current();
	cgroup = bpf_rdonly_cast ? kernel->sk_cgrp_data.cgroup : BPF_CORE_READ(kernel, sk_cgrp_data.cgroup);
	for (int level = 0; level < WEIR_CGROUP_DEPTH && cgroup; level++) {
		__u64 id = bpf_rdonly_cast ? cgroup->kn->id : BPF_CORE_READ(cgroup, kn, id);

		if (bpf_map_lookup_elem(&weir_cgroups, &id))
			return id;
		cgroup = parent_of(cgroup);
	}
	return 0;
}

static __always_inline struct weir_workload *find_by_cgroup(struct bpf_sock_addr *ctx)
{
	__u64 id = nearest_cgroup(ctx);

	return id ? bpf_map_lookup_elem(&weir_cgroups, &id) : NULL;
}

static __always_inline bool has_cgroup_workloads(void)
{
	__u32 zero = 0;
	struct weir_settings *settings = bpf_map_lookup_elem(&weir_settings, &zero);

	return settings && settings->cgroup_workloads;
}

/* The socket's workload, NULL for everyone else; a process outside the mesh
 * pays for one load and nothing more. */
static __always_inline struct weir_workload *find_workload(__u64 netns, struct bpf_sock_addr *ctx)
{
	struct weir_workload *pod = find_pod(netns);

	if (pod)
		return pod;
	return has_cgroup_workloads() ? find_by_cgroup(ctx) : NULL;
}

/*
 * The user and group a socket was made under, as netfilter's owner match sees
 * them (net/netfilter/xt_owner.c): the credentials of its file, mapped to the
 * initial user namespace.  Where the socket cannot be looked into, the caller's.
 */
static __always_inline void read_owner(struct bpf_sock *sk, struct attempt *attempt)
{
	struct sock *kernel = kernel_sock(sk);
	const struct cred *cred = NULL;

	if (bpf_rdonly_cast) {
		/* Plain loads, a fault gives zero; five helper calls less than below. */
		cred = kernel->sk_socket->file->f_cred;
		if (cred) {
			attempt->uid = cred->fsuid.val;
			attempt->gid = cred->fsgid.val;
			return;
		}
	} else if (kernel) {
		cred = (const struct cred *)BPF_CORE_READ(kernel, sk_socket, file, f_cred);
		if (cred) {
			attempt->uid = BPF_CORE_READ((struct cred *)cred, fsuid.val);
			attempt->gid = BPF_CORE_READ((struct cred *)cred, fsgid.val);
			return;
		}
	}

	__u64 current = bpf_get_current_uid_gid();

	attempt->uid = (__u32)current;
	attempt->gid = (__u32)(current >> 32);
}

/*
 * Whether a connection that a namespace sees arrive was made inside it: those
 * are decided when they are made.  The interface alone does not tell (a call to
 * the pod's own address can come in by eth0's index), the client's address does,
 * unless it is one that a transparent proxy borrowed (WEIR_SOCKET_BORROWED).
 */
static __always_inline bool is_from_inside(__u64 netns, const struct attempt *attempt)
{
	struct weir_route *route;

	/* No client at all: it is is_listening() that looks, in target.bpf.h. */
	if (is_unspecified(&attempt->source) || is_loopback(&attempt->source) ||
	    is_same_address(&attempt->source, &attempt->destination))
		return true;
	route = find_route(netns, &attempt->source);
	return route && route->flags & WEIR_ROUTE_LOCAL;
}

/* Whether the socket is made in the cgroup of its workload's proxy. */
static __always_inline bool is_proxy_cgroup(const struct weir_workload *workload,
					    const struct weir_policy *policy, struct bpf_sock_addr *ctx)
{
	if (workload->role == WEIR_ROLE_PROXY)
		return true;
	if (!(policy->flags & WEIR_POLICY_PROXY_CGROUP))
		return false;

	struct weir_workload *nearest = find_by_cgroup(ctx);
	return nearest && nearest->role == WEIR_ROLE_PROXY && nearest->id == workload->id;
}

#endif
