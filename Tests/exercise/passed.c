/* SPDX-License-Identifier: Apache-2.0 */
/* The socket is made here and connected by a child that got it over SCM_RIGHTS. */
#include "exercise.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

union rights {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void send_descriptor(int through, int fd)
{
	union rights control = {0};
	struct iovec byte = {.iov_base = "x", .iov_len = 1};
	struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1,
				 .msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(through, &message, 0) != 1)
		die_errno("sendmsg SCM_RIGHTS");
}

static int receive_descriptor(int through)
{
	union rights control = {0};
	char byte;
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1,
				 .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(through, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		die_errno("recvmsg SCM_RIGHTS");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

int pass_attempt(struct attempt *a)
{
	int pair[2], status, fd;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die_errno("socketpair");
	child = fork();
	if (child < 0)
		die_errno("fork");
	if (!child) {
		close(pair[0]);
		if (a->cgroup)
			join_cgroup(a->cgroup);
		become(a->uid, a->gid);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		a->fd = receive_descriptor(pair[1]);
		_exit(report_attempt(a, find_attempt(a->kind)(a)));
	}
	close(pair[1]);
	fd = socket_made_by(a->sock_uid, a->sock_gid, a->destination.any.sa_family,
			    SOCK_STREAM | SOCK_CLOEXEC, 0);
	send_descriptor(pair[0], fd);
	close(fd);
	if (waitpid(child, &status, 0) < 0)
		die_errno("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
