/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of `weir bench`: a worker that does what it is ordered to on
 * standard input and answers on standard output, and the server it talks to.
 * Timing loops are here and not in Swift, because they may not allocate.
 *
 * Orders and answers go between two processes of one binary, so they are
 * structs as they lie in memory.  Times are CLOCK_MONOTONIC, in nanoseconds.
 */
#ifndef CWEIRBENCH_H
#define CWEIRBENCH_H

#include <stdint.h>

enum weir_bench_kind {
	WEIR_BENCH_CONNECT, /* connect, one request, close: connection after connection */
	WEIR_BENCH_REQUEST, /* requests and responses on open connections */
	WEIR_BENCH_STREAM, /* write, until the time is over and the reader has it all */
	WEIR_BENCH_HOLD, /* open connections, and keep them until the next HOLD */
};

struct weir_bench_order {
	uint32_t kind;
	uint32_t connections; /* REQUEST, HOLD */
	uint32_t count; /* CONNECT: how many; 0: until the time is over */
	uint32_t milliseconds; /* how long, where nothing is counted */
	uint32_t size; /* bytes of a request, of a response and of a write */
	uint32_t port; /* host order */
	uint8_t address[16]; /* IPv6, or IPv4-mapped for a socket of IPv4 */
	uint64_t interval_ns; /* REQUEST: one is due every so often; 0: as fast as it goes */
};

struct weir_bench_answer {
	uint32_t series; /* CONNECT: time to connect, to the first byte; REQUEST: latency */
	uint32_t samples; /* that follow for each series, uint32_t nanoseconds each; 4.29 s stands for more */
	uint32_t timeouts; /* connections that nobody answered, and that were tried again */
	uint32_t pad;
	uint64_t operations;
	uint64_t bytes;
	uint64_t elapsed_ns;
	char problem[128]; /* empty, or why the order could not be carried out */
};

/* Samples of one series; what comes after them is counted and not kept. */
enum { WEIR_BENCH_SAMPLES = 1 << 20 };

/*
 * The process that `weir bench` starts:
 *
 *   --parent PID [--netns PATH] [--cgroup PATH] [--uid N] [--cpus N,N] worker
 *   [...] serve [--echo PORT] [--discard PORT] ...
 *   [...] exec PATH ARGUMENT...
 *
 * It dies with the thread that started it.  The server writes a line "ready".
 * Returns the exit status.
 */
int weir_bench_process(int argc, char **argv);

/* The processors that the calling thread may run on; returns how many, at least one. */
int weir_bench_processors(int *list, int capacity);

#endif
