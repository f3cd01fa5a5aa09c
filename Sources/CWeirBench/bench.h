/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include "CWeirBench.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct target {
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	};
	socklen_t length;
};

uint64_t now_ns(void);
uint64_t cpu_ns(void);

struct target target_of(const struct weir_bench_order *order);

/* One that gives up after a few seconds; -1 and the answer's problem. */
int new_socket(const struct target *to, struct weir_bench_answer *answer);

/* Whether connect() failed because nobody answered, a few times at most; counts it. */
bool may_try_again(struct weir_bench_answer *answer);

/* A connected socket, or -1 and the answer's problem. */
int open_connection(const struct target *to, struct weir_bench_answer *answer);

/* Close with a RST: nothing stays in TIME_WAIT, so ports last however long the run is. */
void reset_connection(int fd);

/* Writes the problem with errno's text; always -1. */
int problem(struct weir_bench_answer *answer, const char *what);

int run_worker(void);
int run_server(int argc, char **argv);

#endif
