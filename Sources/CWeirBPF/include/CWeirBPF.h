/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door to libbpf, and the few system calls that Swift cannot name.  Code is
 * here for one of two reasons only: libbpf takes variadic callbacks or option
 * structs that Swift does not import, or glibc 2.36 has no wrapper.
 *
 * Every function returns a negative errno on failure, never sets errno alone.
 */
#ifndef CWEIRBPF_H
#define CWEIRBPF_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <sys/vfs.h>

/* Direct libbpf's messages into a buffer of the calling thread; NULL stops and
 * drops them.  Longer output keeps its end, where the verifier's verdict is. */
void weir_log_capture(char *buffer, size_t size);

/* Open an object from memory under a name, without loading it. */
struct bpf_object *weir_object_open(const void *data, size_t size, const char *name, int *error);

/*
 * A loaded program of section "sk_lookup", to be loaded again with another map in the place of one of its own:
 * what libbpf does to a program before the kernel gets it takes longer than verifying it, and needs to be done once.
 */
struct weir_copier;

/* After its object was loaded, on the same thread; the object has to stay open.  NULL when there is no memory. */
struct weir_copier *weir_copier_new(struct bpf_program *program, int own_map);

/* The descriptor of a copy that uses the map `other`.  Several threads may load copies at the same time. */
int weir_copier_load(const struct weir_copier *copier, int other);
void weir_copier_free(struct weir_copier *copier);

/* Make an array of one value of 8 bytes that programs only read; 0 until it is set.  A program that is verified before
 * that reads it each time it runs, one that is verified later has it as a constant. */
int weir_constant_create(const char *name);

/* Set the value; nobody changes it any more. */
int weir_constant_set(int map, uint64_t value);

/* Run a program once on `data`, which it may change in place. */
int weir_program_run(int program, void *data, uint32_t size, uint32_t *result);

/* Attach a program to a cgroup or network namespace; returns the link's descriptor. */
int weir_link_create(int program, int target, enum bpf_attach_type type);

/* The same before all programs that the cgroup has at the hook (BPF_F_BEFORE, Linux 6.17; -EINVAL on older kernels). */
int weir_link_create_first(int program, int cgroup, enum bpf_attach_type type);

/* Make a program run for each element of a map, or for each object of its own kind (-1), when an iterator of the link
 * is read; returns the link's descriptor. */
int weir_iterator_create(int program, int map);

/* Make a link run another program, without a moment in which it runs none. */
int weir_link_update(int link, int program);

/* What a link, program or map is: fills the kernel's info struct. */
int weir_link_info(int link, struct bpf_link_info *info);
int weir_program_info(int program, struct bpf_prog_info *info);
int weir_map_info(int map, struct bpf_map_info *info);

/* Programs attached to a cgroup for one hook, of everybody, and how (BPF_F_ALLOW_ flags).  Returns how
 * many ids were written. */
int weir_cgroup_programs(int cgroup, enum bpf_attach_type type, uint32_t *ids, uint32_t capacity,
			 uint32_t *flags);

/* Programs that run for the processes of a cgroup at one hook, those of the cgroups above it included, in the order
 * in which they run.  Returns how many ids were written. */
int weir_cgroup_order(int cgroup, enum bpf_attach_type type, uint32_t *ids, uint32_t capacity);

/* The cgroup v2 with an id (open_by_handle_at, the handle that kernfs gives since Linux 5.5), by a descriptor of the
 * mount; -ESTALE when there is none. */
int weir_cgroup_open(int mount, uint64_t id);

/* Wait until every program that was running when this was called has ended
 * (membarrier GLOBAL is synchronize_rcu, Linux 4.3). */
int weir_wait_for_programs(void);

/* The cookie of the namespace that a descriptor of /proc/PID/ns/net names (SO_NETNS_COOKIE, Linux 5.14). */
int weir_netns_cookie(int netns, uint64_t *cookie);

/* The inode of the user namespace that owns the namespace of a descriptor (NS_GET_USERNS, Linux 4.9).  -EPERM for one
 * that is no descendant of the caller's. */
int weir_namespace_owner(int namespace, uint64_t *inode);

/* Move the calling thread into a network namespace. */
int weir_netns_enter(int netns);

/* Give the calling thread a network namespace of its own, with the loopback interface up. */
int weir_netns_create(void);

/* splice(2), without waiting, of up to `size` bytes; one end is a pipe. */
ssize_t weir_splice(int from, int to, size_t size);

/* The process that listens at the other end of a unix socket (unix(7), SO_PEERCRED); 0 for one in a pid namespace that
 * is not seen from here. */
int weir_peer_pid(int socket);

/* A descriptor of a process, readable once it has ended (pidfd_open, Linux 5.3). */
int weir_process_open(int pid);

/* Send a signal to that process and to no other that got its number (pidfd_send_signal, Linux 5.1). */
int weir_process_signal(int process, int signal);

/* Copy a descriptor of another process (pidfd_getfd, Linux 5.6). */
int weir_descriptor_of(int pid, int descriptor);

/* The calling process is killed when its parent thread ends (PR_SET_PDEATHSIG). */
void weir_die_with_parent(void);

/* The ids of the maps that a program uses; returns how many were written. */
int weir_program_maps(int program, uint32_t *ids, uint32_t capacity);

/* Mount cgroup v2 for the calling thread alone, in a mount namespace of its own. */
int weir_mount_cgroups(const char *target);

/* mount(2) of a pseudo file system. */
int weir_mount(const char *type, const char *target);

/* Gives the kernel back what malloc holds and nobody uses (malloc_trim(3)). */
void weir_give_memory_back(void);
/* Has this thread give way to others of the process (SCHED_BATCH and setpriority(2), which on Linux are a thread's).
 * Returns what weir_step_forward() takes to undo it. */
int weir_stand_back(void);
void weir_step_forward(int before);

/* Has malloc give large blocks back when they are freed, in all threads (mallopt(3)). */
void weir_keep_little_memory(void);

#endif
