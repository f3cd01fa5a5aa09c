/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stall: writers whose readers never read write as much as they can, for a
 * time.  Printed are the bytes that one writer could queue at most, and the
 * memory of all TCP sockets of the machine (proc(5), net/sockstat) over time.
 */
#include "two_ends.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In pages. */
static long long tcp_memory(void)
{
	FILE *file = fopen("/proc/net/sockstat", "re");
	long long memory = -1;
	char line[256];

	if (!file)
		die_errno("/proc/net/sockstat");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "TCP: ", 5))
			sscanf(strstr(line, " mem "), " mem %lld", &memory);
	fclose(file);
	return memory;
}

/* Until the socket takes no more. */
static uint64_t fill(int fd, const uint8_t *data, size_t message, uint64_t limit)
{
	uint64_t sent = 0;
	ssize_t put;

	while (sent < limit && (put = send(fd, data, message, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
		sent += (uint64_t)put;
	return sent;
}

static void write_on(int *ends, int count, size_t message, int seconds)
{
	static const struct linger now = {.l_onoff = 1};
	uint64_t *queued = calloc((size_t)count, sizeof(*queued)), most = 0, total = 0, before = 0;
	uint8_t *data = calloc(1, message);
	long long start = tcp_memory(), half = 0, end;
	struct json j;

	if (!queued || !data)
		die_errno("calloc");
	/* Ten looks: what a writer can queue late is what hoarding would be. */
	for (int look = 0; look < 10; look++) {
		for (int i = 0; i < count; i++)
			queued[i] += fill(ends[i], data, message, 64 << 20);
		if (look == 4) {
			half = tcp_memory();
			for (int i = 0; i < count; i++)
				before += queued[i];
		}
		usleep((useconds_t)seconds * 100000);
	}
	for (int i = 0; i < count; i++) {
		most = queued[i] > most ? queued[i] : most;
		total += queued[i];
	}
	end = tcp_memory();
	/* Else what was queued would stay for minutes, as nobody is left to take it. */
	for (int i = 0; i < count; i++)
		setsockopt(ends[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	json_open(&j);
	json_integer(&j, "connections", count);
	json_integer(&j, "most", (long long)most);
	json_integer(&j, "queued_half_time", (long long)before);
	json_integer(&j, "queued", (long long)total);
	json_integer(&j, "pages_before", start);
	json_integer(&j, "pages_half_time", half);
	json_integer(&j, "pages", end);
	json_close(&j);
	json_print(&j);
}

int stall_command(int argc, char **argv)
{
	static const struct option options[] = {
		TWO_ENDS_OPTIONS,
		{"connections", required_argument, NULL, 'n'},
		{"message", required_argument, NULL, 'm'},
		{"seconds", required_argument, NULL, 's'},
		{0},
	};
	struct two_ends t = {.uid = 1000, .proxy_uid = 1337};
	int option, count = 1, seconds = 3, *ends;
	size_t message = 65536;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (two_ends_option(&t, option, optarg))
			continue;
		if (option == 'n')
			count = (int)parse_number(optarg, 1, 10000);
		else if (option == 'm')
			message = (size_t)parse_number(optarg, 1, 16 << 20);
		else if (option == 's')
			seconds = (int)parse_number(optarg, 1, 600);
		else
			return 64;
	}
	if (argc != optind || !t.to.length || !t.port)
		die("stall: --to A:P and --port P are needed");
	raise_file_limit();
	ends = calloc((size_t)count, sizeof(*ends));
	if (!ends)
		die_errno("calloc");
	if (!open_ends(&t, ends, count))
		keep_open();
	write_on(ends, count, message, seconds);
	return 0;
}
