/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How programs read.  Each reads `size` bytes of a stream whose reader was busy
 * until all of them had arrived, and gives up when it has waited for PATIENCE.
 */
#include "habit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PATIENCE = 2000, ROOM = 1 << 20 };

static uint8_t buffer[ROOM];

/* What came, for the check of its content. */
static void take(struct habit *h, ssize_t got)
{
	if (got > 0 && traffic_compare(1, h->got, buffer, (size_t)got) != (size_t)got)
		h->wrong = true;
	if (got > 0)
		h->got += (uint64_t)got;
	h->reads++;
}

static size_t room(const struct habit *h)
{
	return h->size - h->got < ROOM ? (size_t)(h->size - h->got) : ROOM;
}

static bool wait_event(const struct habit *h)
{
	struct epoll_event event;

	return epoll_wait(h->poll, &event, 1, PATIENCE) > 0;
}

/* One read for each event. */
static void read_level(struct habit *h)
{
	while (h->got < h->size && wait_event(h))
		take(h, recv(h->fd, buffer, ROOM, MSG_DONTWAIT));
}

/* All reads until EAGAIN for each event, as Envoy. */
static void read_edge(struct habit *h)
{
	ssize_t got;

	while (h->got < h->size && wait_event(h))
		while ((got = recv(h->fd, buffer, ROOM, MSG_DONTWAIT)) > 0)
			take(h, got);
}

/* A read that returns less than there is room for means "empty", as tokio and nginx. */
static void read_edge_short(struct habit *h)
{
	ssize_t got;

	while (h->got < h->size && wait_event(h))
		do {
			got = recv(h->fd, buffer, ROOM, MSG_DONTWAIT);
			take(h, got);
		} while (got == ROOM);
}

/* A read before every wait, as Go. */
static void read_first(struct habit *h)
{
	ssize_t got;

	while (h->got < h->size) {
		got = recv(h->fd, buffer, ROOM, MSG_DONTWAIT);
		if (got > 0)
			take(h, got);
		else if (!wait_event(h))
			return;
	}
}

static void read_blocking(struct habit *h)
{
	ssize_t got;

	while (h->got < h->size && (got = recv(h->fd, buffer, ROOM, 0)) > 0)
		take(h, got);
}

/* As many as it asks for, or none. */
static void read_waitall(struct habit *h)
{
	size_t wanted;
	ssize_t got;

	while (h->got < h->size) {
		wanted = room(h);
		got = recv(h->fd, buffer, wanted, MSG_WAITALL);
		take(h, got);
		if (got != (ssize_t)wanted) {
			h->broken = "MSG_WAITALL returned less than all";
			return;
		}
	}
}

static void read_splice(struct habit *h)
{
	int ends[2];
	ssize_t got;

	if (pipe2(ends, O_NONBLOCK))
		die_errno("pipe");
	while (h->got < h->size) {
		if (!wait_for(h->fd, POLLIN, PATIENCE))
			break;
		got = splice(h->fd, NULL, ends[1], NULL, 1 << 16, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (got <= 0) {
			h->broken = "splice moved nothing while poll said that there is something";
			break;
		}
		got = read(ends[0], buffer, (size_t)got);
		take(h, got);
	}
	close(ends[0]);
	close(ends[1]);
}

/* Woken only when all of the rest is there, or as much as the kernel's limit for this allows. */
static void read_lowat(struct habit *h)
{
	while (h->got < h->size) {
		int mark = (int)room(h);
		ssize_t got;

		setsockopt(h->fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
		if (!wait_for(h->fd, POLLIN, PATIENCE))
			return;
		got = recv(h->fd, buffer, ROOM, 0);
		take(h, got);
		if (got < mark) {
			h->broken = "SO_RCVLOWAT was not waited for";
			return;
		}
	}
}

const struct habit_kind habit_kinds[] = {
	{"level", EPOLLIN, read_level},
	{"edge", EPOLLIN | EPOLLET, read_edge},
	{"edge-short", EPOLLIN | EPOLLET, read_edge_short},
	{"read-first", EPOLLIN | EPOLLET, read_first},
	{"blocking", EPOLLIN, read_blocking},
	{"waitall", EPOLLIN, read_waitall},
	{"splice", EPOLLIN, read_splice},
	{"lowat", EPOLLIN, read_lowat},
	{0},
};
