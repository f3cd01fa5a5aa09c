/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squeeze: a writer whose cgroup has no memory left for TCP, while nothing of
 * it is in flight, waits for an edge as event loops do; then there is memory
 * again.  Printed is whether it was told.
 */
#include "two_ends.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Of more than the least send buffer (4,608 bytes) the kernel takes one without memory (__sk_mem_raise_allocated). */
#define MESSAGE 3000
/* A socket may have memory left that it was given before. */
#define REMAINDERS 16
#define PLENTY "1073741824"

/* A file of the cgroup, opened while this process may. */
static int cgroup_file(const char *folder, const char *name, int how)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, how | O_CLOEXEC);
	if (fd < 0)
		die_errno(path);
	return fd;
}

static void write_line(int fd, const char *line)
{
	if (pwrite(fd, line, strlen(line), 0) < 0)
		die_errno("cgroup");
}

/* No more than it has now. */
static void forbid(int usage, int limit)
{
	char now[64] = "";

	if (pread(usage, now, sizeof(now) - 1, 0) < 0)
		die_errno("usage");
	write_line(limit, now);
}

static bool receive_whole(int fd, uint8_t *data, size_t size, int patience)
{
	ssize_t got;

	for (; size; data += got, size -= (size_t)got) {
		if (!wait_for(fd, POLLIN, patience))
			return false;
		got = recv(fd, data, size, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			got = 0;
		else if (got <= 0)
			return false;
	}
	return true;
}

static _Noreturn void answer(int fd)
{
	uint8_t data[MESSAGE];

	while (receive_whole(fd, data, sizeof(data), 60000) && send_all(fd, data, 1, 60000))
		;
	_exit(0);
}

/* One message more than those that were not answered yet. */
static bool ask(int fd, const uint8_t *data, size_t unanswered)
{
	uint8_t answers[REMAINDERS + 1];

	return send_all(fd, data, MESSAGE, 5000) && receive_whole(fd, answers, unanswered + 1, 5000);
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int squeeze_command(int argc, char **argv)
{
	static const struct option options[] = {
		TWO_ENDS_OPTIONS,
		{"memory", required_argument, NULL, 'm'},
		{"patience", required_argument, NULL, 'w'},
		{0},
	};
	struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
	struct two_ends t = {.uid = 1000, .proxy_uid = 1337};
	int option, fd, usage, limit, patience = 10000, edges = epoll_create1(EPOLL_CLOEXEC);
	static uint8_t data[MESSAGE];
	const char *folder = NULL;
	bool refused, woken;
	long long since;
	size_t taken = 0;
	struct json j;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (two_ends_option(&t, option, optarg))
			continue;
		if (option == 'm')
			folder = optarg;
		else if (option == 'w')
			patience = (int)parse_number(optarg, 1, 60000);
		else
			return 64;
	}
	if (argc != optind || !t.to.length || !t.port || !folder)
		die("squeeze: --to A:P, --port P and --memory DIR are needed");
	write_line(cgroup_file(folder, "cgroup.procs", O_WRONLY), "0");
	usage = cgroup_file(folder, "memory.kmem.tcp.usage_in_bytes", O_RDONLY);
	limit = cgroup_file(folder, "memory.kmem.tcp.limit_in_bytes", O_WRONLY);
	/* From the first limit on the memory of new sockets is counted (memory.rst of cgroup-v1). */
	write_line(limit, PLENTY);
	if (!open_ends(&t, &fd, 1))
		answer(fd);
	if (!ask(fd, data, 0) || epoll_ctl(edges, EPOLL_CTL_ADD, fd, &event) || epoll_wait(edges, &event, 1, 0) != 1)
		die_errno("ask");
	forbid(usage, limit);
	while (taken < REMAINDERS && send(fd, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) == MESSAGE)
		taken++;
	refused = taken < REMAINDERS && errno == EAGAIN;
	write_line(limit, PLENTY);
	since = milliseconds();
	woken = epoll_wait(edges, &event, 1, patience) == 1;
	json_open(&j);
	json_bool(&j, "refused", refused);
	json_bool(&j, "woken", woken);
	json_integer(&j, "waited_ms", milliseconds() - since);
	json_bool(&j, "answered", woken && ask(fd, data, taken));
	json_close(&j);
	json_print(&j);
	return !refused || !woken;
}
