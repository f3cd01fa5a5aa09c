/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic: very different connections both ways at once, for a time; every byte
 * is checked.  Both ends wait for edges of epoll and read until EAGAIN, so a
 * wake-up that is lost leaves a connection hanging, which is counted.
 */
#include "traffic.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_ENDS = 1024, PATIENCE = 20 };

struct traffic {
	struct traffic_habits habits;
	struct traffic_counts counts;
	struct traffic_end ends[MAX_ENDS];
	struct endpoint to;
	int poll, listener;
	uint32_t connections, open;
	uint64_t max_bytes, deadline, state, next;
	bool aborts;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void adopt_end(struct traffic *t, int fd, bool calls)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct traffic_end *e = t->ends;
	int one = 1;

	while (e->open)
		if (++e == t->ends + MAX_ENDS)
			die("traffic: more than %d connections", MAX_ENDS);
	*e = (struct traffic_end){.fd = fd, .open = true, .calls = calls};
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.u32 = (uint32_t)(e - t->ends);
	if (epoll_ctl(t->poll, EPOLL_CTL_ADD, fd, &event))
		die_errno("epoll_ctl");
	t->counts.connections++;
	t->open++;
}

static void call(struct traffic *t)
{
	struct traffic_plan plan = {.magic = TRAFFIC_MAGIC, .id = t->habits.seed << 32 | ++t->next};
	int fd = socket(t->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	plan.bytes[0] = traffic_size(&t->state, t->max_bytes);
	plan.bytes[1] = traffic_size(&t->state, t->max_bytes);
	if (t->aborts && traffic_random(&t->state) % 2)
		plan.abort_at = 1 + traffic_random(&t->state) % plan.bytes[0];
	if (fd < 0 || connect(fd, &t->to.any, t->to.length) || !send_all(fd, &plan, sizeof(plan), 5000)) {
		t->counts.errors++;
		snprintf(t->counts.first, sizeof(t->counts.first), "connect: %s", strerror(errno));
		stopped = 1;
		return;
	}
	adopt_end(t, fd, true);
	for (struct traffic_end *e = t->ends; e < t->ends + MAX_ENDS; e++)
		if (e->open && e->fd == fd) {
			e->plan = plan;
			e->greeted = true;
		}
}

static void accept_all(struct traffic *t)
{
	int fd;

	while ((fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		adopt_end(t, fd, false);
}

static void take_events(struct traffic *t, int milliseconds)
{
	struct epoll_event events[256];
	int ready = epoll_wait(t->poll, events, 256, milliseconds);

	for (int i = 0; i < ready; i++) {
		if (events[i].data.u32 == MAX_ENDS) {
			accept_all(t);
			continue;
		}
		struct traffic_end *e = &t->ends[events[i].data.u32];

		e->readable |= !!(events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
		e->writable |= !!(events[i].events & (EPOLLOUT | EPOLLHUP | EPOLLERR));
	}
}

/* Who waits for what: printed when nothing has moved for PATIENCE seconds. */
static void describe_hanging(const struct traffic *t)
{
	for (const struct traffic_end *e = t->ends; e < t->ends + MAX_ENDS; e++) {
		int waiting = -1;
		char byte;

		if (!e->open)
			continue;
		ioctl(e->fd, FIONREAD, &waiting);
		fprintf(stderr, "hanging: %s %llx sent %llu of %llu, received %llu of %llu, %s%s%s FIONREAD %d peek %zd\n",
			e->calls ? "caller" : "called", (unsigned long long)e->plan.id,
			(unsigned long long)e->sent, (unsigned long long)e->plan.bytes[!e->calls],
			(unsigned long long)e->received, (unsigned long long)e->plan.bytes[e->calls],
			e->readable ? "readable " : "", e->writable ? "writable " : "", e->ended ? "ended " : "",
			waiting, recv(e->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
	}
}

static void run(struct traffic *t)
{
	uint64_t moved_at = now_ns(), moved = 0;

	/* Who accepts goes on until it is told to stop and all that it accepted has ended. */
	while (t->open || (!stopped && (t->listener >= 0 || now_ns() < t->deadline))) {
		bool hurry = stopped || (t->listener < 0 && now_ns() >= t->deadline), busy = false;

		while (t->listener < 0 && !hurry && !stopped && t->open < t->connections)
			call(t);
		for (struct traffic_end *e = t->ends; e < t->ends + MAX_ENDS; e++) {
			if (!e->open)
				continue;
			if (!traffic_step(e, &t->habits, hurry, &t->counts))
				t->open--;
			else
				busy |= hurry && (e->readable || (e->writable && !e->shut));
		}
		if (moved != t->counts.sent + t->counts.received + t->counts.completed) {
			moved = t->counts.sent + t->counts.received + t->counts.completed;
			moved_at = now_ns();
		}
		if (t->open && now_ns() - moved_at > PATIENCE * 1000000000ull)
			break;
		take_events(t, busy ? 0 : 1);
	}
}

static int open_listener(long port)
{
	struct endpoint at = need_address("::", (int)port);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), zero = 0, one = 1;

	if (fd < 0 || setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, &at.any, at.length) ||
	    listen(fd, 1024))
		die_errno("traffic: listen");
	return fd;
}

int traffic_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},	    {"connections", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},  {"seed", required_argument, NULL, 'r'},
		{"bytes", required_argument, NULL, 'b'},    {"aborts", no_argument, NULL, 'a'},
		{0},
	};
	struct traffic *t = calloc(1, sizeof(*t));
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = MAX_ENDS};
	int option, seconds = 10;
	struct json j;

	if (!t)
		die_errno("calloc");
	*t = (struct traffic){.listener = -1, .connections = 200, .max_bytes = 8 << 20};
	t->habits = (struct traffic_habits){1, 1 << 20, 4, 5, 200, 1000};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			t->listener = open_listener(parse_number(optarg, 1, 65535));
		else if (option == 'n')
			t->connections = (uint32_t)parse_number(optarg, 1, MAX_ENDS);
		else if (option == 's')
			seconds = (int)parse_number(optarg, 1, 3600);
		else if (option == 'r')
			t->habits.seed = (uint64_t)parse_number(optarg, 1, 1 << 30);
		else if (option == 'b')
			t->max_bytes = (uint64_t)parse_number(optarg, 1, 1l << 32);
		else if (option == 'a')
			t->aborts = true;
		else
			return 64;
	}
	if ((t->listener < 0) != (argc == optind + 1))
		die("traffic: either ADDRESS:PORT or --port P is needed");
	raise_file_limit();
	signal(SIGTERM, stop);
	t->state = t->habits.seed;
	t->deadline = now_ns() + (uint64_t)seconds * 1000000000;
	t->poll = epoll_create1(EPOLL_CLOEXEC);
	if (t->listener < 0) {
		t->to = need_endpoint(argv[optind]);
	} else {
		if (epoll_ctl(t->poll, EPOLL_CTL_ADD, t->listener, &event))
			die_errno("epoll_ctl");
		print_ready();
	}
	run(t);
	describe_hanging(t);
	json_open(&j);
	json_traffic_counts(&j, &t->counts);
	json_integer(&j, "hanging", t->open);
	json_close(&j);
	json_print(&j);
	return t->open || t->counts.differences || t->counts.truncated || t->counts.errors;
}
