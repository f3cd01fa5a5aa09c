/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include "CWeirBench.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { PATIENCE = 5 }; /* seconds that the other side may take for something */

struct target {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
	socklen_t length;
};

/* CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* A duration as a sample: no more than its 32 bits hold. */
uint32_t sample_of(uint64_t nanoseconds);

struct target target_of(const struct weir_bench_order *order);

/*
 * One that gives up after a few seconds, and that close() resets, also when the
 * worker is killed; -1 and the answer's problem.  A reset leaves nothing in
 * TIME_WAIT, so ports last however long the run is.  More than that: what
 * arrives for a socket that has gone is answered by none of the two from ::1 to
 * an address of another interface, which is how a proxy on ::1 is called, since
 * such an answer has to leave by the interface that it came by
 * (tcp_v6_send_response(), rt6_need_strict()).  The other end would stay in
 * LAST_ACK, and a later connection by its port would get no answer.
 */
int new_socket(const struct target *to, struct weir_bench_answer *answer);

/* Whether connect() failed because nobody answered, a few times at most; counts it. */
bool may_try_again(struct weir_bench_answer *answer);

/* A connected socket, or -1 and the answer's problem. */
int open_connection(const struct target *to, struct weir_bench_answer *answer);

/*
 * recv() that waits for some seconds; on an accelerated socket, recv() itself
 * may return without (EAGAIN).  0: the other side has closed, and errno is 0.
 */
ssize_t read_some(int fd, void *data, size_t size);

/* Writes the problem with errno's text, or with errno 0 that the other side has closed; always -1. */
int problem(struct weir_bench_answer *answer, const char *what);

/* The loops of a worker.  Negative: the answer says what the problem is. */
int order_connect(const struct weir_bench_order *order, struct weir_bench_answer *answer,
		  uint32_t *series[2]);
int order_request(const struct weir_bench_order *order, struct weir_bench_answer *answer,
		  uint32_t *series[2]);
int order_stream(const struct weir_bench_order *order, struct weir_bench_answer *answer);
int order_hold(const struct weir_bench_order *order, struct weir_bench_answer *answer);

int run_worker(void);
int run_server(int argc, char **argv);

#endif
