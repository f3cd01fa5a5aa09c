/* SPDX-License-Identifier: Apache-2.0 */
/* One client process of the storm: an epoll loop over a window of connections. */
#include "exercise.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BURST = 256 };	/* handshakes and answers awaited at once, in modes storm and reset */

enum state { FREE, CONNECTING, ASKED, HELD, DROPPED };

struct slot {
	int fd;
	enum state state;
	uint32_t index;
};

struct client {
	const struct storm *storm;
	struct storm_counts *counts;
	struct slot *slots;			/* window, and BURST that are not held yet */
	uint32_t slot_count, *free_slots, free_count;
	uint32_t *held, held_first, held_count;	/* a ring: oldest first */
	uint32_t started, finished, pending;
	int poll;
};

static bool mode_is(const struct client *c, const char *mode)
{
	return !strcmp(c->storm->mode, mode);
}

static void close_with_reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void finish(struct client *c, uint32_t at)
{
	struct slot *slot = &c->slots[at];

	if (slot->state == CONNECTING || slot->state == ASKED)
		c->pending--;
	else
		__atomic_sub_fetch(c->storm->open_now, 1, __ATOMIC_RELAXED);
	close_with_reset(slot->fd);
	slot->state = FREE;
	c->free_slots[c->free_count++] = at;
	c->finished++;
}

static void count_failure(struct client *c, int error)
{
	switch (error) {
	case ECONNREFUSED: c->counts->refused++; break;
	case ETIMEDOUT: c->counts->timed_out++; break;
	case ECONNRESET: c->counts->reset++; break;
	default:
		c->counts->errors++;
		c->counts->last_error = error;
	}
}

/* The oldest held connection makes room. */
static void release_oldest(struct client *c)
{
	uint32_t at = c->held[c->held_first];

	c->held_first = (c->held_first + 1) % c->slot_count;
	c->held_count--;
	finish(c, at);
}

static void hold(struct client *c, uint32_t at)
{
	uint64_t now, peak = __atomic_load_n(c->storm->peak_open, __ATOMIC_RELAXED);

	if (c->held_count == c->storm->window)
		release_oldest(c);
	now = __atomic_add_fetch(c->storm->open_now, 1, __ATOMIC_RELAXED);
	while (now > peak && !__atomic_compare_exchange_n(c->storm->peak_open, &peak, now, true,
							  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	c->slots[at].state = HELD;
	c->pending--;
	c->held[(c->held_first + c->held_count++) % c->slot_count] = at;
}

/* Connected: ask, or in the other modes go away at once. */
static void established(struct client *c, uint32_t at)
{
	struct slot *slot = &c->slots[at];
	struct endpoint to = storm_destination(c->storm, slot->index);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u32 = at};
	char line[ENDPOINT_TEXT + 1];

	c->counts->established++;
	if (!mode_is(c, "storm")) {
		c->counts->reset += mode_is(c, "reset");
		finish(c, at);
		return;
	}
	format_endpoint(&to, line);
	strcat(line, "\n");
	slot->state = ASKED;
	epoll_ctl(c->poll, EPOLL_CTL_MOD, slot->fd, &event);
	if (!send_all(slot->fd, line, strlen(line), 10000)) {
		count_failure(c, errno);
		finish(c, at);
	}
}

static void start(struct client *c)
{
	uint32_t at = c->free_slots[--c->free_count];
	struct slot *slot = &c->slots[at];
	struct endpoint to;
	struct epoll_event event = {.events = EPOLLOUT, .data.u32 = at};
	int error;

	slot->index = c->storm->offset + c->started++ * c->storm->stride;
	slot->state = CONNECTING;
	c->pending++;
	c->counts->attempted++;
	to = storm_destination(c->storm, slot->index);
	slot->fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (slot->fd < 0)
		die_errno("socket");
	if (mode_is(c, "timeout"))
		setsockopt(slot->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &c->storm->patience,
			   sizeof(int));
	error = connect(slot->fd, &to.any, to.length) ? errno : 0;
	if (error && error != EINPROGRESS) {
		count_failure(c, error);
		finish(c, at);
		return;
	}
	if (mode_is(c, "abort") && error) {
		struct tcp_info info = {0};
		socklen_t size = sizeof(info);

		getsockopt(slot->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
		c->counts->aborted += info.tcpi_state == TCP_SYN_SENT;
		c->counts->established += info.tcpi_state != TCP_SYN_SENT;
		finish(c, at);
		return;
	}
	if (epoll_ctl(c->poll, EPOLL_CTL_ADD, slot->fd, &event))
		die_errno("epoll_ctl");
}

static void read_answer(struct client *c, uint32_t at)
{
	char text[ENDPOINT_TEXT + 16] = "";
	ssize_t got = recv(c->slots[at].fd, text, sizeof(text) - 1, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		count_failure(c, got ? errno : ECONNRESET);
		finish(c, at);
		return;
	}
	if (!strncmp(text, "match", 5))
		c->counts->ok++;
	else if (!strncmp(text, "lost", 4))
		c->counts->lost_origin++;
	else
		c->counts->wrong_origin++;
	hold(c, at);
}

static void handle(struct client *c, const struct epoll_event *event)
{
	uint32_t at = event->data.u32;
	struct slot *slot = &c->slots[at];
	socklen_t size = sizeof(int);
	int error = 0;

	if (slot->state == CONNECTING) {
		getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error) {
			count_failure(c, error);
			finish(c, at);
		} else {
			established(c, at);
		}
	} else if (slot->state == ASKED) {
		read_answer(c, at);
	} else if (slot->state == HELD) {
		/* Nobody but this process may end a connection that is held. */
		c->counts->dropped++;
		slot->state = DROPPED;
		epoll_ctl(c->poll, EPOLL_CTL_DEL, slot->fd, NULL);
	}
}

void storm_client(const struct storm *s, struct storm_counts *counts)
{
	struct client c = {.storm = s, .counts = counts, .poll = epoll_create1(EPOLL_CLOEXEC)};
	bool burst = mode_is(&c, "storm") || mode_is(&c, "reset");
	struct epoll_event events[BURST];
	int count;

	c.slot_count = s->window + BURST;
	c.slots = calloc(c.slot_count, sizeof(*c.slots));
	c.free_slots = calloc(c.slot_count, sizeof(*c.free_slots));
	c.held = calloc(c.slot_count, sizeof(*c.held));
	if (!c.slots || !c.free_slots || !c.held || c.poll < 0)
		die_errno("storm");
	for (c.free_count = 0; c.free_count < c.slot_count; c.free_count++)
		c.free_slots[c.free_count] = c.free_count;
	while (c.finished < s->connections && now_ns() < s->deadline) {
		while (c.started < s->connections && c.free_count && (!burst || c.pending < BURST))
			start(&c);
		/* At the end, what is held stays until every answer is there. */
		if (c.started == s->connections && !c.pending)
			while (c.held_count)
				release_oldest(&c);
		if (!c.pending)
			continue;
		count = epoll_wait(c.poll, events, BURST, 100);
		for (int i = 0; i < count; i++)
			handle(&c, &events[i]);
	}
	counts->unfinished += s->connections - c.finished;
}
