/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: passes each connection on to A:P by splice(2), until SIGTERM, as Go's
 * io.Copy does between two TCP connections: sockets that do not wait, a pipe for
 * each direction, and poll() when there is nothing to move.
 *
 *   relay --port P A:P
 */
#define _GNU_SOURCE
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 1 << 20, PATIENCE_MS = 60000 };

/* All that is in the pipe. */
static bool empty_pipe(int pipe, int to, size_t size)
{
	while (size > 0) {
		ssize_t moved = splice(pipe, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (moved > 0)
			size -= (size_t)moved;
		else if (moved == 0 || errno != EAGAIN || !wait_for(to, POLLOUT, PATIENCE_MS))
			return false;
	}
	return true;
}

static void copy(int from, int to)
{
	int ends[2];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		die_errno("relay: pipe");
	for (;;) {
		ssize_t moved = splice(from, NULL, ends[1], NULL, PIECE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (moved > 0 ? !empty_pipe(ends[0], to, (size_t)moved)
			      : moved == 0 || errno != EAGAIN || !wait_for(from, POLLIN, PATIENCE_MS))
			break;
	}
	shutdown(to, SHUT_WR);
	exit(0);
}

/* A process for each direction. */
static void relay(int from, const struct endpoint *target)
{
	int to = socket(target->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (to < 0 || connect(to, &target->any, target->length))
		die_errno("relay: connect");
	fcntl(from, F_SETFL, O_NONBLOCK);
	fcntl(to, F_SETFL, O_NONBLOCK);
	if (fork() == 0)
		copy(from, to);
	copy(to, from);
}

int relay_command(int argc, char **argv)
{
	static const struct option options[] = {{"port", required_argument, 0, 'p'}, {0}};
	int option, port = 0, one = 1;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'p')
			return 64;
		port = (int)parse_number(optarg, 1, 65535);
	}
	if (!port || optind != argc - 1)
		die("relay --port P A:P");

	struct endpoint target = need_endpoint(argv[optind]), at = need_address("0.0.0.0", port);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, &at.any, at.length) || listen(listener, 1024))
		die_errno("relay: listen");
	print_ready();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && fork() == 0)
			relay(fd, &target);
		if (fd >= 0)
			close(fd);
	}
}
