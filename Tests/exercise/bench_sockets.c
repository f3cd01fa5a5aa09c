/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of another cgroup, for a process that is not in it: programs on a
 * cgroup see a socket by the cgroup it was made in.  A child makes them, a
 * batch at a time, and hands them over, so that one process connects sockets
 * of both cgroups in turn.
 */
#include "exercise.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BATCH = 128 };

struct bench_sockets {
	int maker, left;
	int fds[BATCH];
};

union rights {
	char space[CMSG_SPACE(BATCH * sizeof(int))];
	struct cmsghdr align;
};

static void make_batches(int through, int family)
{
	union rights control = {0};
	char byte;
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1,
				 .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fds[BATCH];

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fds));
	while (read(through, &byte, 1) == 1) {
		for (int i = 0; i < BATCH; i++)
			fds[i] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		memcpy(CMSG_DATA(header), fds, sizeof(fds));
		if (sendmsg(through, &message, 0) != 1)
			die_errno("sendmsg SCM_RIGHTS");
		for (int i = 0; i < BATCH; i++)
			close(fds[i]);
	}
}

struct bench_sockets *bench_sockets_from(const char *cgroup, int family)
{
	static struct bench_sockets sources[2];
	static int count;
	struct bench_sockets *source = &sources[count++ % 2];
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die_errno("socketpair");
	child = fork();
	if (child < 0)
		die_errno("fork");
	if (!child) {
		close(pair[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		join_cgroup(cgroup);
		make_batches(pair[1], family);
		_exit(0);
	}
	close(pair[1]);
	*source = (struct bench_sockets){.maker = pair[0]};
	return source;
}

int bench_socket_of(struct bench_sockets *source)
{
	union rights control = {0};
	char byte = 'x';
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1,
				 .msg_control = &control, .msg_controllen = sizeof(control)};

	if (!source->left) {
		if (write(source->maker, &byte, 1) != 1 ||
		    recvmsg(source->maker, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
			die_errno("recvmsg SCM_RIGHTS");
		memcpy(source->fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(source->fds));
		source->left = BATCH;
	}
	return source->fds[--source->left];
}
