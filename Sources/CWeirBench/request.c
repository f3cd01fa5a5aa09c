/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and responses of one size on open connections, at most one request
 * under way on each.  With an interval, requests are due at fixed times, and
 * latency counts from when one was due: a response that comes late delays the
 * next request and shows in its latency, too (no coordinated omission).
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, SIZE = 4 << 10, GRACE_MS = 2000 };

struct flow {
	int fd;
	uint32_t missing; /* bytes of the response; 0: no request is under way */
	uint64_t since; /* when the request was sent, or was due */
	uint64_t due; /* when the next one is */
};

static struct flow flows[CONNECTIONS];
static struct weir_bench_order opened;
static int poller = -1;
static char buffer[SIZE];

static void close_flows(void)
{
	for (uint32_t i = 0; i < opened.connections; i++)
		close(flows[i].fd);
	opened.connections = 0;
}

/* Connections stay open from order to order while target and number stay. */
static int open_flows(const struct weir_bench_order *order, struct weir_bench_answer *answer)
{
	struct target to = target_of(order);

	if (opened.connections == order->connections && opened.port == order->port &&
	    !memcmp(opened.address, order->address, sizeof(opened.address)))
		return 0;
	close_flows();
	if (poller < 0)
		poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		return problem(answer, "epoll_create1()");
	opened = *order;
	opened.connections = 0;
	for (uint32_t i = 0; i < order->connections; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

		flows[i].fd = open_connection(&to, answer);
		if (flows[i].fd < 0)
			return -1;
		opened.connections++;
		setsockopt(flows[i].fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		fcntl(flows[i].fd, F_SETFL, O_NONBLOCK);
		if (epoll_ctl(poller, EPOLL_CTL_ADD, flows[i].fd, &event))
			return problem(answer, "epoll_ctl()");
	}
	return 0;
}

static int send_request(struct flow *flow, const struct weir_bench_order *order,
			struct weir_bench_answer *answer)
{
	uint64_t now = now_ns();

	flow->since = order->interval_ns ? flow->due : now;
	flow->due += order->interval_ns * order->connections;
	flow->missing = order->size;
	/* The socket is empty, so a request fits into it. */
	if (send(flow->fd, buffer, order->size, MSG_NOSIGNAL) != (ssize_t)order->size)
		return problem(answer, "send() of a request");
	return 0;
}

/* Whether the response is there; negative when there will be none. */
static int read_response(struct flow *flow, struct weir_bench_answer *answer)
{
	ssize_t got = recv(flow->fd, buffer, flow->missing, 0);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0) {
		errno = got ? errno : 0;
		return problem(answer, "a response");
	}
	flow->missing -= (uint32_t)got;
	return !flow->missing;
}

static bool is_due(const struct flow *flow, const struct weir_bench_order *order, uint64_t now, uint64_t end)
{
	return !flow->missing && (order->interval_ns ? flow->due <= now && flow->due < end : now < end);
}

/* Sends what is due; returns when the next one is, or how long responses may still take. */
static int send_due(const struct weir_bench_order *order, struct weir_bench_answer *answer, uint64_t end,
		    uint64_t *next)
{
	uint64_t now = now_ns();
	bool waiting = false;

	*next = end + GRACE_MS * 1000000ull;
	for (uint32_t i = 0; i < order->connections; i++) {
		if (is_due(&flows[i], order, now, end) && send_request(&flows[i], order, answer))
			return -1;
		waiting |= flows[i].missing != 0;
		if (!flows[i].missing && order->interval_ns && flows[i].due < end) {
			waiting = true;
			*next = flows[i].due < *next ? flows[i].due : *next;
		}
	}
	return waiting;
}

/* Waits until something is readable, or until then; reads it. */
static int receive(const struct weir_bench_order *order, struct weir_bench_answer *answer,
		   uint32_t *latencies, uint64_t end, uint64_t until)
{
	static struct epoll_event events[CONNECTIONS];
	uint64_t now = now_ns(), left = until > now ? until - now : 0;
	struct timespec timeout = { (time_t)(left / 1000000000ull), (long)(left % 1000000000ull) };
	int count = epoll_pwait2(poller, events, CONNECTIONS, &timeout, NULL);

	if (count < 0 && errno != EINTR)
		return problem(answer, "epoll_pwait2()");
	for (int i = 0; i < count; i++) {
		struct flow *flow = &flows[events[i].data.u32];
		int done = read_response(flow, answer);

		if (done < 0)
			return -1;
		if (!done)
			continue;
		now = now_ns();
		if (answer->samples < WEIR_BENCH_SAMPLES)
			latencies[answer->samples++] = sample_of(now - flow->since);
		answer->operations++;
		answer->bytes += order->size;
		/* As fast as it goes: the next at once, not after the others of this round. */
		if (is_due(flow, order, now, end) && send_request(flow, order, answer))
			return -1;
	}
	return 0;
}

int order_request(const struct weir_bench_order *order, struct weir_bench_answer *answer, uint32_t *series[2])
{
	uint64_t begin, end, next, last;
	int waiting;

	if (!order->connections || order->connections > CONNECTIONS || !order->size || order->size > SIZE) {
		errno = EINVAL;
		return problem(answer, "an order for requests");
	}
	if (open_flows(order, answer))
		return -1;
	begin = now_ns();
	end = begin + order->milliseconds * 1000000ull;
	last = end + GRACE_MS * 1000000ull;
	for (uint32_t i = 0; i < order->connections; i++)
		flows[i] = (struct flow){ .fd = flows[i].fd, .due = begin + i * order->interval_ns };
	answer->series = 1;
	while ((waiting = send_due(order, answer, end, &next)) > 0) {
		errno = ETIMEDOUT;
		waiting = now_ns() < last ? receive(order, answer, series[0], end, next)
					  : problem(answer, "a response");
		if (waiting < 0)
			break;
	}
	answer->elapsed_ns = now_ns() - begin;
	if (waiting < 0)
		close_flows();
	return waiting;
}
