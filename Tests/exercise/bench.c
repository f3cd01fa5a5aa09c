/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-connect, and what the benches share.  Two targets are measured in
 * turn, A B B A A B B A ..., so that what drifts (frequency, caches, the
 * neighbours) falls on both alike.  The loop allocates nothing.
 *
 * Rules in a namespace slow down every connection in it, also one that no rule
 * redirects, so the direct side may be in another one (--netns-a, --netns-b).
 * Programs on a cgroup slow down every socket made in it, so a side's sockets
 * may be of another one (--cgroup-a, --cgroup-b).
 *
 * The client closes with a RST (SO_LINGER 0): nothing stays in TIME_WAIT, so
 * the ephemeral ports last however many rounds there are.
 */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct endpoint bench_target(int argc, char **argv, int index)
{
	return index < argc ? need_endpoint(argv[index]) : (struct endpoint){0};
}

uint32_t *bench_sample(size_t count)
{
	uint32_t *sample = mmap(NULL, count * sizeof(*sample), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (sample == MAP_FAILED)
		die_errno("mmap");
	return sample;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Sorts the sample. */
void json_sample(struct json *j, const char *key, uint32_t *sample, size_t count)
{
	struct json inner;
	double sum = 0;

	qsort(sample, count, sizeof(*sample), compare);
	for (size_t i = 0; i < count; i++)
		sum += sample[i];
	json_open(&inner);
	json_integer(&inner, "p50", sample[count / 2]);
	json_integer(&inner, "p90", sample[count * 9 / 10]);
	json_integer(&inner, "p99", sample[count * 99 / 100]);
	json_number(&inner, "mean", sum / (double)count);
	json_close(&inner);
	json_raw(j, key, inner.text);
}

struct timing {
	uint32_t *connect, *cycle;	/* ns: connect() alone; with socket() and close() */
};

static bool measure(const struct endpoint *to, struct bench_sockets *source, struct timing *t, size_t at)
{
	static const struct linger now = {.l_onoff = 1};
	uint64_t begin = now_ns(), before, after;
	int fd = source ? bench_socket_of(source) : socket(to->any.sa_family, SOCK_STREAM, 0), error;

	before = now_ns();
	error = connect(fd, &to->any, to->length);
	after = now_ns();
	if (error)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	t->connect[at] = (uint32_t)(after - before);
	t->cycle[at] = (uint32_t)(now_ns() - begin);
	return true;
}

static void report_timing(struct json *j, const char *name, const struct endpoint *to,
			  struct timing *t, size_t count)
{
	struct json inner;

	json_open(&inner);
	json_endpoint(&inner, "target", to);
	json_sample(&inner, "connect_ns", t->connect, count);
	json_sample(&inner, "cycle_ns", t->cycle, count);
	json_close(&inner);
	json_raw(j, name, inner.text);
}

int bench_connect_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'n'},
		{"warmup", required_argument, NULL, 'w'},
		{"netns-a", required_argument, NULL, 'A'},
		{"netns-b", required_argument, NULL, 'B'},
		{"cgroup-a", required_argument, NULL, 'c'},
		{"cgroup-b", required_argument, NULL, 'd'},
		{0},
	};
	struct endpoint targets[2];
	struct timing timings[2];
	struct bench_sockets *sources[2] = {NULL, NULL};
	const char *cgroups[2] = {NULL, NULL};
	int netns[2] = {-1, -1};
	long count = 20000, warmup = 1000;
	char text[ENDPOINT_TEXT];
	struct json j;
	int option, sides;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			count = parse_number(optarg, 1, 10000000);
		else if (option == 'w')
			warmup = parse_number(optarg, 0, 10000000);
		else if (option == 'A' || option == 'B')
			netns[option - 'A'] = open_netns(optarg);
		else if (option == 'c' || option == 'd')
			cgroups[option - 'c'] = optarg;
		else
			return 64;
	}
	sides = argc - optind;
	if (sides < 1 || sides > 2)
		die("bench-connect: one or two ADDRESS:PORT are needed");
	for (int s = 0; s < sides; s++) {
		targets[s] = bench_target(argc, argv, optind + s);
		if (cgroups[s])
			sources[s] = bench_sockets_from(cgroups[s], targets[s].any.sa_family);
		timings[s].connect = bench_sample((size_t)count);
		timings[s].cycle = bench_sample((size_t)count);
	}
	for (long i = -warmup; i < count; i++) {
		for (int s = 0; s < sides; s++) {
			int side = sides == 2 ? (s ^ (i & 1)) : 0;

			if (netns[side] >= 0 && setns(netns[side], CLONE_NEWNET))
				die_errno("setns");
			if (!measure(&targets[side], sources[side], &timings[side], i < 0 ? 0 : (size_t)i))
				die("bench-connect: %s: %s", format_endpoint(&targets[side], text),
				    strerror(errno));
		}
	}
	json_open(&j);
	json_integer(&j, "count", count);
	report_timing(&j, "a", &targets[0], &timings[0], (size_t)count);
	if (sides == 2) {
		report_timing(&j, "b", &targets[1], &timings[1], (size_t)count);
		json_number(&j, "p50_ratio", (double)timings[1].connect[count / 2] /
						     timings[0].connect[count / 2]);
		json_number(&j, "cycle_p50_ratio", (double)timings[1].cycle[count / 2] /
							   timings[0].cycle[count / 2]);
	}
	json_close(&j);
	json_print(&j);
	return 0;
}
