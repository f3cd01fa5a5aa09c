/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

uint32_t sample_of(uint64_t nanoseconds)
{
	return nanoseconds < UINT32_MAX ? (uint32_t)nanoseconds : UINT32_MAX;
}

int problem(struct weir_bench_answer *answer, const char *what)
{
	snprintf(answer->problem, sizeof(answer->problem), "%s: %s", what,
		 errno ? strerror(errno) : "the other side has closed");
	return -1;
}

struct target target_of(const struct weir_bench_order *order)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct target to = { 0 };

	if (!memcmp(order->address, mapped, sizeof(mapped))) {
		to.in4.sin_family = AF_INET;
		to.in4.sin_port = htons((uint16_t)order->port);
		memcpy(&to.in4.sin_addr, order->address + 12, 4);
		to.length = sizeof(to.in4);
	} else {
		to.in6.sin6_family = AF_INET6;
		to.in6.sin6_port = htons((uint16_t)order->port);
		memcpy(&to.in6.sin6_addr, order->address, 16);
		to.length = sizeof(to.in6);
	}
	return to;
}

int new_socket(const struct target *to, struct weir_bench_answer *answer)
{
	static const struct linger reset = { .l_onoff = 1 };
	static const struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), few = 2;

	if (fd < 0)
		return problem(answer, "socket()");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* A few seconds, not two minutes. */
	setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &few, sizeof(few));
	return fd;
}

bool may_try_again(struct weir_bench_answer *answer)
{
	return errno == ETIMEDOUT && answer->timeouts++ < 10;
}

int open_connection(const struct target *to, struct weir_bench_answer *answer)
{
	for (;;) {
		int fd = new_socket(to, answer);

		if (fd < 0 || !connect(fd, &to->any, to->length))
			return fd;
		if (!may_try_again(answer))
			problem(answer, "connect()");
		close(fd);
		if (answer->problem[0])
			return -1;
	}
}

ssize_t read_some(int fd, void *data, size_t size)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	ssize_t got;

	while ((got = recv(fd, data, size, 0)) < 0 && errno == EAGAIN) {
		if (!poll(&readable, 1, PATIENCE * 1000)) {
			errno = ETIMEDOUT;
			break;
		}
	}
	if (!got)
		errno = 0;
	return got;
}

static bool transfer(int fd, void *data, size_t size, bool writing)
{
	char *at = data;
	ssize_t done;

	while (size) {
		done = writing ? write(fd, at, size) : read(fd, at, size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		size -= (size_t)done;
	}
	return true;
}

/* Order after order, until whoever gives them is gone. */
int run_worker(void)
{
	size_t room = WEIR_BENCH_SAMPLES * sizeof(uint32_t);
	struct weir_bench_answer answer;
	struct weir_bench_order order;
	uint32_t *series[2];

	/* Populated now, so that no sample is the one that meets a page fault. */
	for (int i = 0; i < 2; i++) {
		series[i] = mmap(NULL, room, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (series[i] == MAP_FAILED) {
			perror("weir bench: no memory for samples");
			return 2;
		}
	}
	while (transfer(STDIN_FILENO, &order, sizeof(order), false)) {
		uint64_t begin = now_ns();

		memset(&answer, 0, sizeof(answer));
		switch (order.kind) {
		case WEIR_BENCH_CONNECT:
			order_connect(&order, &answer, series);
			break;
		case WEIR_BENCH_REQUEST:
			order_request(&order, &answer, series);
			break;
		case WEIR_BENCH_STREAM:
			order_stream(&order, &answer);
			break;
		case WEIR_BENCH_HOLD:
			order_hold(&order, &answer);
			break;
		}
		if (!answer.elapsed_ns)
			answer.elapsed_ns = now_ns() - begin;
		if (!transfer(STDOUT_FILENO, &answer, sizeof(answer), true))
			break;
		for (uint32_t i = 0; i < answer.series; i++)
			if (!transfer(STDOUT_FILENO, series[i], answer.samples * sizeof(uint32_t), true))
				return 0;
	}
	return 0;
}
