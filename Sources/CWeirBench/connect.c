/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <string.h>
#include <unistd.h>

/* One connection: how long connect() took, and from its start to the first byte of the response.  1: try again. */
static int measure(const struct target *to, struct weir_bench_answer *answer, uint32_t *connected,
		   uint32_t *answered)
{
	int fd = new_socket(to, answer), status;
	uint64_t begin;
	char byte = 'w';

	if (fd < 0)
		return -1;
	begin = now_ns();
	if (connect(fd, &to->any, to->length)) {
		status = may_try_again(answer) ? 1 : problem(answer, "connect()");
		close(fd);
		return status;
	}
	*connected = sample_of(now_ns() - begin);
	if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 || read_some(fd, &byte, 1) != 1) {
		problem(answer, "the first byte of a response");
		close(fd);
		return -1;
	}
	*answered = sample_of(now_ns() - begin);
	close(fd);
	return 0;
}

int order_connect(const struct weir_bench_order *order, struct weir_bench_answer *answer, uint32_t *series[2])
{
	uint64_t begin = now_ns(), end = begin + order->milliseconds * 1000000ull;
	struct target to = target_of(order);
	uint32_t unkept[2];
	int status;

	answer->series = 2;
	while (order->count ? answer->operations < order->count : now_ns() < end) {
		uint64_t i = answer->operations;
		bool kept = i < WEIR_BENCH_SAMPLES;

		status = measure(&to, answer, kept ? &series[0][i] : &unkept[0],
				 kept ? &series[1][i] : &unkept[1]);
		if (status < 0)
			return -1;
		if (status)
			continue;
		answer->samples += kept;
		answer->operations++;
	}
	answer->elapsed_ns = now_ns() - begin;
	return 0;
}
