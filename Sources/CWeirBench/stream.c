/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

enum { LARGEST = 1 << 20, HELD = 16384 };

/* Writes on one connection, and counts the time until the reader has read the last byte. */
int order_stream(const struct weir_bench_order *order, struct weir_bench_answer *answer)
{
	static const struct timeval patience = { .tv_sec = PATIENCE };
	static char data[LARGEST];
	struct target to = target_of(order);
	uint64_t begin, end;
	int fd, status = 0;
	ssize_t done;

	if (!order->size || order->size > LARGEST) {
		errno = EINVAL;
		return problem(answer, "an order to stream");
	}
	fd = open_connection(&to, answer);
	if (fd < 0)
		return -1;
	/* Not before: connect() takes this limit, too, and then says nothing of a timeout. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	begin = now_ns();
	end = begin + order->milliseconds * 1000000ull;
	while (!status && now_ns() < end) {
		done = send(fd, data, order->size, MSG_NOSIGNAL);
		if (done < 0 && errno == EAGAIN)
			errno = ETIMEDOUT;
		if (done < 0)
			status = problem(answer, "send()");
		else
			answer->bytes += (uint64_t)done;
		answer->operations++;
	}
	shutdown(fd, SHUT_WR);
	if (!status && read_some(fd, data, 1) != 1)
		status = problem(answer, "the reader's word that it has read all");
	answer->elapsed_ns = now_ns() - begin;
	close(fd);
	return status;
}

/* Opens so many connections, after those of an earlier order are closed. */
int order_hold(const struct weir_bench_order *order, struct weir_bench_answer *answer)
{
	static int held[HELD];
	static uint32_t count;
	struct target to = target_of(order);

	while (count)
		close(held[--count]);
	if (order->connections > HELD) {
		errno = EINVAL;
		return problem(answer, "an order to hold connections");
	}
	while (count < order->connections) {
		held[count] = open_connection(&to, answer);
		if (held[count] < 0)
			return -1;
		count++;
		answer->operations++;
	}
	return 0;
}
