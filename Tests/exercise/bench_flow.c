/* SPDX-License-Identifier: Apache-2.0 */
/* bench-rtt and bench-stream: what an established connection costs; A and B in turn. */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct flow_options {
	long count, size, megabytes;
	struct endpoint targets[2];
	int netns[2];	/* where a side is called from; -1: here */
	int sides;
};

static void parse_options(int argc, char **argv, struct flow_options *o)
{
	static const struct option options[] = {
		{"count", required_argument, NULL, 'n'},
		{"rounds", required_argument, NULL, 'n'},
		{"size", required_argument, NULL, 's'},
		{"megabytes", required_argument, NULL, 'm'},
		{"netns-a", required_argument, NULL, 'A'},
		{"netns-b", required_argument, NULL, 'B'},
		{0},
	};
	int option;

	o->netns[0] = o->netns[1] = -1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'n': o->count = parse_number(optarg, 1, 10000000); break;
		case 's': o->size = parse_number(optarg, 1, 1 << 20); break;
		case 'm': o->megabytes = parse_number(optarg, 1, 1 << 20); break;
		case 'A':
		case 'B': o->netns[option - 'A'] = open_netns(optarg); break;
		default: exit(64);
		}
	}
	o->sides = argc - optind;
	if (o->sides < 1 || o->sides > 2)
		die("one or two ADDRESS:PORT are needed");
	for (int s = 0; s < o->sides; s++)
		o->targets[s] = bench_target(argc, argv, optind + s);
}

static int open_flow(const struct flow_options *o, int side)
{
	const struct endpoint *to = &o->targets[side];
	char text[ENDPOINT_TEXT];
	int fd, one = 1;

	if (o->netns[side] >= 0 && setns(o->netns[side], CLONE_NEWNET))
		die_errno("setns");
	fd = socket(to->any.sa_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, &to->any, to->length))
		die_errno(format_endpoint(to, text));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void ping(int fd, char *buffer, size_t size)
{
	size_t back = 0;
	ssize_t got;

	if (send(fd, buffer, size, MSG_NOSIGNAL) != (ssize_t)size)
		die_errno("send");
	while (back < size) {
		got = recv(fd, buffer, size - back, 0);
		if (got <= 0)
			die("bench-rtt: the connection ended");
		back += (size_t)got;
	}
}

static void report(const struct flow_options *o, const char *key, uint32_t *samples[2],
		   size_t count)
{
	static const char *const names[] = {"a", "b"};
	struct json j, inner;

	json_open(&j);
	json_integer(&j, "count", (long long)count);
	json_integer(&j, "size", o->size);
	for (int s = 0; s < o->sides; s++) {
		json_open(&inner);
		json_endpoint(&inner, "target", &o->targets[s]);
		json_sample(&inner, key, samples[s], count);
		json_close(&inner);
		json_raw(&j, names[s], inner.text);
	}
	if (o->sides == 2)
		json_number(&j, "p50_ratio", (double)samples[1][count / 2] / samples[0][count / 2]);
	json_close(&j);
	json_print(&j);
}

int bench_rtt_command(int argc, char **argv)
{
	struct flow_options o = {.count = 50000, .size = 64};
	uint32_t *samples[2] = {NULL, NULL};
	int flows[2];
	char *buffer;

	parse_options(argc, argv, &o);
	buffer = calloc(1, (size_t)o.size);
	for (int s = 0; s < o.sides; s++) {
		flows[s] = open_flow(&o, s);
		samples[s] = bench_sample((size_t)o.count);
	}
	for (long i = -1000; i < o.count; i++) {
		for (int s = 0; s < o.sides; s++) {
			int side = o.sides == 2 ? (s ^ (i & 1)) : 0;
			uint64_t begin = now_ns();

			ping(flows[side], buffer, (size_t)o.size);
			samples[side][i < 0 ? 0 : i] = (uint32_t)(now_ns() - begin);
		}
	}
	report(&o, "rtt_ns", samples, (size_t)o.count);
	return 0;
}

/* One round: so many megabytes, until the other side has read them all.  In Mbit/s. */
static uint32_t stream(const struct flow_options *o, int side, const char *buffer)
{
	int fd = open_flow(o, side);
	uint64_t begin = now_ns(), left = (uint64_t)o->megabytes << 20, total = left;
	ssize_t got;
	char byte;

	while (left) {
		size_t part = left < (uint64_t)o->size ? (size_t)left : (size_t)o->size;
		ssize_t sent = send(fd, buffer, part, MSG_NOSIGNAL);

		if (sent < 0)
			die_errno("send");
		left -= (uint64_t)sent;
	}
	shutdown(fd, SHUT_WR);
	/* A blocking read of a socket in a sockmap fails with EAGAIN when something else than data wakes it, such
	 * as the acknowledgement of its FIN (net/ipv4/tcp_bpf.c, tcp_bpf_recvmsg; Linux 6.18). */
	do
		got = recv(fd, &byte, 1, 0);
	while (got < 0 && errno == EAGAIN);
	if (got != 1)
		die("bench-stream: no byte at the end (%s); is the other side bench-sink --mode discard?",
		    got ? strerror(errno) : "closed");
	close(fd);
	return (uint32_t)((double)total * 8000.0 / (double)(now_ns() - begin));
}

int bench_stream_command(int argc, char **argv)
{
	struct flow_options o = {.count = 11, .size = 128 << 10, .megabytes = 256};
	uint32_t *samples[2] = {NULL, NULL};
	char *buffer;

	parse_options(argc, argv, &o);
	buffer = calloc(1, (size_t)o.size);
	for (int s = 0; s < o.sides; s++)
		samples[s] = bench_sample((size_t)o.count);
	for (long i = -1; i < o.count; i++) {
		for (int s = 0; s < o.sides; s++) {
			int side = o.sides == 2 ? (s ^ (i & 1)) : 0;

			samples[side][i < 0 ? 0 : i] = stream(&o, side, buffer);
		}
	}
	report(&o, "mbit_per_s", samples, (size_t)o.count);
	return 0;
}
