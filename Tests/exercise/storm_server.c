/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm-server: the stub proxy of the storm.  It reads the original
 * destination of a connection when it accepts it, compares it with what the
 * client says it asked for, and answers "match", "wrong" or "lost".
 * With --stall it never accepts and has no room, so that SYNs go unanswered.
 */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORKERS = 16, MAX_FILES = 20000, MAX_PORTS = 8, LISTENER = 1 << 24 };

struct server_counts {
	uint64_t accepted, match, wrong, lost, silent, silent_lost, failed_reads;
	char wrong_example[2 * ENDPOINT_TEXT + 16];
};

struct server {
	int ports[MAX_PORTS], port_count;
	bool stall;
};

static struct {
	char origin[ENDPOINT_TEXT];	/* "" when lost */
	bool asked;
} connections[MAX_FILES];

static int open_listener(const struct server *s, int port, int family)
{
	struct endpoint at = need_address(family == AF_INET ? "0.0.0.0" : "::", port);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) ||
	    (family == AF_INET6 && setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, &at.any, at.length) || listen(fd, s->stall ? 0 : 4096))
		die_errno("storm-server: listen");
	return fd;
}

/* The origin is lost when there is none, and when it is the proxy's own address. */
static void read_origin(int fd)
{
	struct endpoint origin, local = local_endpoint(fd);
	char text[ENDPOINT_TEXT];

	connections[fd].asked = false;
	connections[fd].origin[0] = 0;
	if (original_destination(fd, &origin))
		return;
	format_endpoint(&origin, connections[fd].origin);
	if (format_endpoint(&local, text) && !strcmp(text, connections[fd].origin))
		connections[fd].origin[0] = 0;
}

static void accept_all(int poll, int listener, struct server_counts *c)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= MAX_FILES)
			die("storm-server: descriptor %d is too large", fd);
		c->accepted++;
		read_origin(fd);
		event.data.u32 = (uint32_t)fd;
		if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
			die_errno("epoll_ctl");
	}
	if (errno != EAGAIN && errno != ECONNABORTED)
		die_errno("accept4");
}

static void end(int fd, struct server_counts *c)
{
	if (!connections[fd].asked) {
		c->silent++;
		c->silent_lost += !connections[fd].origin[0];
	}
	close(fd);
}

static void answer(int fd, struct server_counts *c)
{
	char token[ENDPOINT_TEXT + 1] = "";
	const char *origin = connections[fd].origin, *reply = "match\n";
	ssize_t got = recv(fd, token, sizeof(token) - 1, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		c->failed_reads += got < 0 && errno != ECONNRESET;
		end(fd, c);
		return;
	}
	token[strcspn(token, "\n")] = 0;
	connections[fd].asked = true;
	if (!*origin) {
		c->lost++;
		reply = "lost\n";
	} else if (strcmp(token, origin) != 0) {
		c->wrong++;
		snprintf(c->wrong_example, sizeof(c->wrong_example), "asked %s, got %s", token,
			 origin);
		reply = "wrong\n";
	} else {
		c->match++;
	}
	send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

static void run_worker(const int *listeners, int count, struct server_counts *c)
{
	struct epoll_event event = {.events = EPOLLIN}, events[256];
	int poll = epoll_create1(EPOLL_CLOEXEC), ready;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < count; i++) {
		event.data.u32 = LISTENER | (uint32_t)listeners[i];
		if (epoll_ctl(poll, EPOLL_CTL_ADD, listeners[i], &event))
			die_errno("epoll_ctl");
	}
	for (;;) {
		ready = epoll_wait(poll, events, 256, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.u32 & LISTENER)
				accept_all(poll, (int)(events[i].data.u32 & ~LISTENER), c);
			else
				answer((int)events[i].data.u32, c);
		}
	}
}

static void print_counts(const struct server_counts *workers, int count)
{
	struct server_counts sum = {0};
	struct json j;

	for (int w = 0; w < count; w++) {
		sum.accepted += workers[w].accepted;
		sum.match += workers[w].match;
		sum.wrong += workers[w].wrong;
		sum.lost += workers[w].lost;
		sum.silent += workers[w].silent;
		sum.silent_lost += workers[w].silent_lost;
		sum.failed_reads += workers[w].failed_reads;
		if (workers[w].wrong_example[0])
			memcpy(sum.wrong_example, workers[w].wrong_example,
			       sizeof(sum.wrong_example));
	}
	json_open(&j);
	json_integer(&j, "accepted", (long long)sum.accepted);
	json_integer(&j, "match", (long long)sum.match);
	json_integer(&j, "wrong", (long long)sum.wrong);
	json_integer(&j, "lost", (long long)sum.lost);
	json_integer(&j, "silent", (long long)sum.silent);
	json_integer(&j, "silent_lost", (long long)sum.silent_lost);
	json_integer(&j, "failed_reads", (long long)sum.failed_reads);
	json_string(&j, "wrong_example", sum.wrong_example[0] ? sum.wrong_example : NULL);
	json_close(&j);
	json_print(&j);
}

static pid_t start_worker(const struct server *s, struct server_counts *counts)
{
	int listeners[2 * MAX_PORTS], count = 0;
	pid_t child;

	for (int p = 0; p < s->port_count; p++) {
		listeners[count++] = open_listener(s, s->ports[p], AF_INET);
		listeners[count++] = open_listener(s, s->ports[p], AF_INET6);
	}
	child = fork();
	if (child < 0)
		die_errno("fork");
	if (child) {
		while (count)
			close(listeners[--count]);
		return child;
	}
	if (s->stall)
		for (;;)
			pause();
	run_worker(listeners, count, counts);
	_exit(0);
}

int storm_server_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"workers", required_argument, NULL, 'k'},
		{"stall", no_argument, NULL, 's'},
		{0},
	};
	struct server s = {0};
	struct server_counts *counts;
	pid_t children[MAX_WORKERS];
	int option, workers = 2, caught;
	sigset_t wanted;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p' && s.port_count < MAX_PORTS)
			s.ports[s.port_count++] = (int)parse_number(optarg, 1, 65535);
		else if (option == 'k')
			workers = (int)parse_number(optarg, 1, MAX_WORKERS);
		else if (option == 's')
			s.stall = true;
		else
			return 64;
	}
	if (!s.port_count || optind != argc)
		die("storm-server: --port P is needed, and nothing but options");
	raise_file_limit();
	counts = mmap(NULL, MAX_WORKERS * sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		die_errno("mmap");
	for (int w = 0; w < workers; w++)
		children[w] = start_worker(&s, &counts[w]);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigaddset(&wanted, SIGINT);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	print_ready();
	sigwait(&wanted, &caught);
	for (int w = 0; w < workers; w++)
		kill(children[w], SIGKILL);
	while (wait(NULL) > 0)
		;
	print_counts(counts, workers);
	return 0;
}
