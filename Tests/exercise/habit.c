/* SPDX-License-Identifier: Apache-2.0 */
/*
 * habit: whether a reader of a certain habit gets everything when all of it was
 * sent while the reader was busy with something else: part of it past the
 * stack, the part over the budget through it.
 */
#include "habit.h"
#include "two_ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void send_stream(int fd, uint64_t size, size_t message)
{
	uint8_t *data = malloc(message);

	if (!data)
		die_errno("malloc");
	for (uint64_t at = 0; at < size; at += message) {
		size_t part = size - at < message ? (size_t)(size - at) : message;

		traffic_fill(1, at, data, part);
		if (!send_all(fd, data, part, 10000))
			die_errno("send");
	}
	free(data);
}

static bool read_by(const struct habit_kind *kind, int fd, uint64_t size, int all_sent)
{
	struct habit h = {.fd = fd, .size = size, .poll = epoll_create1(EPOLL_CLOEXEC)};
	struct epoll_event event = {.events = kind->events};
	struct timeval patience = {.tv_sec = 2};
	uint8_t left[1 << 16];
	uint64_t stranded = 0;
	struct json j;
	ssize_t got;
	char go;

	if (epoll_ctl(h.poll, EPOLL_CTL_ADD, fd, &event))
		die_errno("epoll_ctl");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (read(all_sent, &go, 1) != 1)
		die("habit: the writer gave up");
	kind->read(&h);
	while (!h.broken && h.got + stranded < size && (got = recv(fd, left, sizeof(left), MSG_DONTWAIT)) > 0)
		stranded += (uint64_t)got;
	json_open(&j);
	json_string(&j, "habit", kind->name);
	json_integer(&j, "sent", (long long)size);
	json_integer(&j, "read", (long long)h.got);
	json_integer(&j, "reads", (long long)h.reads);
	/* There all the time, and nobody told the reader. */
	json_integer(&j, "stranded", (long long)stranded);
	json_bool(&j, "wrong", h.wrong);
	json_string(&j, "broken", h.broken);
	json_close(&j);
	json_print(&j);
	return h.got == size && !h.wrong && !h.broken;
}

int habit_command(int argc, char **argv)
{
	static const struct option options[] = {
		TWO_ENDS_OPTIONS,
		{"bytes", required_argument, NULL, 'b'},
		{"message", required_argument, NULL, 'm'},
		{"reader", required_argument, NULL, 'r'},
		{0},
	};
	struct two_ends t = {.uid = 1000, .proxy_uid = 1337};
	const struct habit_kind *kind = habit_kinds;
	const char *reader = "proxy";
	uint64_t size = 100000;
	size_t message = 16000;
	int option, fd, all_sent[2], status;
	pid_t child;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (two_ends_option(&t, option, optarg))
			continue;
		if (option == 'b')
			size = (uint64_t)parse_number(optarg, 1, 4 << 20);
		else if (option == 'm')
			message = (size_t)parse_number(optarg, 1, 4 << 20);
		else if (option == 'r')
			reader = optarg;
		else
			return 64;
	}
	if (argc != optind + 1 || !t.to.length || !t.port)
		die("habit: HABIT, --to A:P and --port P are needed");
	while (kind->name && strcmp(kind->name, argv[optind]))
		kind++;
	if (!kind->name)
		die("habit: there is no habit %s", argv[optind]);
	if (pipe(all_sent))
		die_errno("pipe");
	child = open_ends(&t, &fd, 1);
	/* The child is the proxy. */
	if (!child == !strcmp(reader, "proxy")) {
		bool fine = read_by(kind, fd, size, all_sent[0]);

		if (!child)
			_exit(!fine);
		return !fine;
	}
	send_stream(fd, size, message);
	if (write(all_sent[1], "", 1) != 1)
		die_errno("pipe");
	if (!child)
		keep_open();
	if (waitpid(child, &status, 0) < 0)
		die_errno("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
