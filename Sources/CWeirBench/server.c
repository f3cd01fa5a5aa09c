/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: gives back every byte (--echo), or reads and says one byte when
 * the client has shut down its side (--discard).  One thread, both families.
 * Its sockets may have a mark (--mark), which is for root only.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER = 256 << 10 };
enum role { LISTEN_ECHO, LISTEN_DISCARD, ECHO, DISCARD };

static char buffer[BUFFER];

static uint64_t tag(enum role role, int fd)
{
	return (uint64_t)role << 32 | (uint32_t)fd;
}

static int add(int poller, enum role role, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = tag(role, fd) };

	return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(int poller, enum role role, const char *port, int mark)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port)) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), zero = 0, one = 1;

	if (fd < 0 || setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark))) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4096) || add(poller, role, fd)) {
		fprintf(stderr, "cannot listen on port %s: %s\n", port, strerror(errno));
		return -1;
	}
	return 0;
}

static void accept_all(int poller, enum role role, int listener)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (add(poller, role == LISTEN_ECHO ? ECHO : DISCARD, fd))
			close(fd);
	}
}

static void serve(enum role role, int fd)
{
	ssize_t got = recv(fd, buffer, BUFFER, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	/* A request is small and answered whole; a client that does not read ends its connection. */
	if (got > 0 && (role == DISCARD || send(fd, buffer, (size_t)got, MSG_NOSIGNAL) == got))
		return;
	if (!got && role == DISCARD && send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		shutdown(fd, SHUT_WR);
	close(fd);
}

int run_server(int argc, char **argv)
{
	static const struct option options[] = {
		{ "echo", required_argument, NULL, 'e' },
		{ "discard", required_argument, NULL, 'd' },
		{ "mark", required_argument, NULL, 'm' },
		{ 0 },
	};
	struct epoll_event events[EVENTS];
	int option, count, mark = 0, poller = epoll_create1(EPOLL_CLOEXEC);

	optind = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			mark = atoi(optarg);
		else if (option != 'e' && option != 'd')
			return 64;
		else if (listen_on(poller, option == 'e' ? LISTEN_ECHO : LISTEN_DISCARD, optarg, mark))
			return 2;
	}
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 2;
	for (;;) {
		count = epoll_wait(poller, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			enum role role = (enum role)(events[i].data.u64 >> 32);
			int fd = (int)(uint32_t)events[i].data.u64;

			if (role == LISTEN_ECHO || role == LISTEN_DISCARD)
				accept_all(poller, role, fd);
			else
				serve(role, fd);
		}
	}
}
