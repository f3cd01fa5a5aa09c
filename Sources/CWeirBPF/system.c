/* SPDX-License-Identifier: Apache-2.0 */
/* System calls. */
#define _GNU_SOURCE
#include <malloc.h>
#include "CWeirBPF.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14; Debian 12's libc headers know it, older ones do not */
#endif

int weir_cgroup_open(int mount, uint64_t id)
{
	/* include/linux/exportfs.h: FILEID_KERNFS, a 64 bit number. */
	enum { KERNFS = 0xfe };
	struct {
		struct file_handle handle;
		uint64_t id;
	} named = { .handle = { .handle_bytes = sizeof(id), .handle_type = KERNFS } };
	int cgroup;

	memcpy(named.handle.f_handle, &id, sizeof(id));
	cgroup = open_by_handle_at(mount, &named.handle, O_RDONLY | O_CLOEXEC);
	return cgroup < 0 ? -errno : cgroup;
}

int weir_wait_for_programs(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

int weir_namespace_owner(int namespace, uint64_t *inode)
{
	struct stat info;
	int error, owner = ioctl(namespace, NS_GET_USERNS);

	if (owner < 0)
		return -errno;
	error = fstat(owner, &info) ? -errno : 0;
	close(owner);
	if (!error)
		*inode = info.st_ino;
	return error;
}

int weir_netns_enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

int weir_netns_create(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int control, error;

	if (unshare(CLONE_NEWNET))
		return -errno;
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = control < 0 || ioctl(control, SIOCSIFFLAGS, &loopback) ? -errno : 0;
	if (control >= 0)
		close(control);
	return error;
}

ssize_t weir_splice(int from, int to, size_t size)
{
	ssize_t moved = splice(from, NULL, to, NULL, size, SPLICE_F_NONBLOCK);

	return moved < 0 ? -errno : moved;
}

int weir_netns_cookie(int netns, uint64_t *cookie)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int error = home < 0 ? -errno : weir_netns_enter(netns);

	if (!error) {
		int socket_there = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t size = sizeof(*cookie);

		if (socket_there < 0 || getsockopt(socket_there, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size))
			error = -errno;
		if (socket_there >= 0)
			close(socket_there);
		/* Going on in the wrong namespace would be worse than not going on. */
		if (setns(home, CLONE_NEWNET))
			abort();
	}
	if (home >= 0)
		close(home);
	return error;
}

static int process_open(int pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	return process < 0 ? -errno : process;
}

int weir_process_open(int pid)
{
	return process_open(pid);
}

int weir_process_signal(int process, int signal)
{
	return syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) ? -errno : 0;
}

int weir_peer_pid(int socket)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	return peer.pid;
}

int weir_descriptor_of(int pid, int descriptor)
{
	int process = process_open(pid);

	if (process < 0)
		return process;

	int copy = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
	int error = errno;

	close(process);
	return copy < 0 ? -error : copy;
}

int weir_mount(const char *type, const char *target)
{
	/* Without a mode the BPF file system is everybody's to make folders in, also one with the name of the pins'. */
	return mount(type, target, type, 0, "mode=0700") ? -errno : 0;
}

int weir_mount_cgroups(const char *target)
{
	/* Slaves see what others mount from now on, and show nothing of their own. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("cgroup2", target, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	return 0;
}

void weir_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int weir_stand_back(void)
{
	int before = getpriority(PRIO_PROCESS, 0);
	struct sched_param none = {};

	sched_setscheduler(0, SCHED_BATCH, &none);
	setpriority(PRIO_PROCESS, 0, before + 10);
	return before;
}

void weir_step_forward(int before)
{
	struct sched_param none = {};

	sched_setscheduler(0, SCHED_OTHER, &none);
	setpriority(PRIO_PROCESS, 0, before);
}

void weir_keep_little_memory(void)
{
	/* Left alone, glibc raises both with each large block that is freed, and each thread keeps megabytes. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

void weir_give_memory_back(void)
{
	malloc_trim(0);
}
