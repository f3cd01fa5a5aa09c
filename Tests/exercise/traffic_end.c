/* SPDX-License-Identifier: Apache-2.0 */
/* One end of one connection of `traffic`. */
#include "traffic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t buffer[1 << 20], expected[1 << 20];
static uint64_t state;

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint64_t traffic_random(uint64_t *s)
{
	return mix(*s += 0x9e3779b97f4a7c15ull);
}

uint64_t traffic_size(uint64_t *s, uint64_t max)
{
	uint64_t bits = (uint64_t)(64 - __builtin_clzll(max)), size;

	size = 1 + traffic_random(s) % (1ull << (traffic_random(s) % (bits + 1)));
	return size < max ? size : max;
}

void traffic_fill(uint64_t stream, uint64_t position, uint8_t *out, size_t size)
{
	uint64_t word;

	for (size_t i = 0; i < size;) {
		size_t skip = (position + i) % 8, part = 8 - skip < size - i ? 8 - skip : size - i;

		word = mix(stream ^ mix((position + i) / 8));
		memcpy(out + i, (uint8_t *)&word + skip, part);
		i += part;
	}
}

size_t traffic_compare(uint64_t stream, uint64_t position, const uint8_t *in, size_t size)
{
	size_t i = 0;

	traffic_fill(stream, position, expected, size);
	if (!memcmp(expected, in, size))
		return size;
	while (expected[i] == in[i])
		i++;
	return i;
}

static void blame(struct traffic_counts *c, uint64_t *counter, const struct traffic_end *e, const char *what, int error)
{
	if (!(*counter)++ && !c->first[0])
		snprintf(c->first, sizeof(c->first), "%s %s%s: connection %llx, sent %llu of %llu, received %llu of %llu",
			 what, error ? strerror(error) : "", e->calls ? " (caller)" : " (called)",
			 (unsigned long long)e->plan.id, (unsigned long long)e->sent,
			 (unsigned long long)e->plan.bytes[!e->calls], (unsigned long long)e->received,
			 (unsigned long long)e->plan.bytes[e->calls]);
}

static bool finish(struct traffic_end *e)
{
	close(e->fd);
	e->open = false;
	return false;
}

/* Where the two ends may go on alone: the caller said that it would end the connection early. */
static bool fail(struct traffic_end *e, struct traffic_counts *c, const char *what, int error)
{
	if (e->plan.abort_at)
		c->aborted++;
	else
		blame(c, &c->errors, e, what, error);
	return finish(e);
}

static void pause_some(uint64_t *until, const struct traffic_habits *h)
{
	if (h->stall_one_in && traffic_random(&state) % h->stall_one_in == 0)
		*until = now_ns() + traffic_random(&state) % h->stall * 1000000;
	else if (h->pause_one_in && traffic_random(&state) % h->pause_one_in == 0)
		*until = now_ns() + traffic_random(&state) % (h->pause * 1000000ull);
}

static bool read_some(struct traffic_end *e, const struct traffic_habits *h, struct traffic_counts *c)
{
	uint64_t *total = &e->plan.bytes[e->calls], stream = e->plan.id * 2 + e->calls;
	size_t wanted = traffic_size(&state, sizeof(buffer)), same;
	ssize_t got;

	if (!e->greeted)
		wanted = sizeof(e->plan) - e->greeting;
	got = recv(e->fd, e->greeted ? buffer : (uint8_t *)&e->plan + e->greeting, wanted, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN) {
		e->readable = false;
		return true;
	}
	if (got < 0)
		return fail(e, c, "recv", errno);
	if (!got) {
		e->ended = true;
		if (!e->greeted || e->received != *total) {
			if (e->greeted && e->plan.abort_at)
				return fail(e, c, "", 0);
			blame(c, &c->truncated, e, "ended early", 0);
			return finish(e);
		}
		return true;
	}
	if (!e->greeted) {
		e->greeting += (size_t)got;
		e->greeted = e->greeting == sizeof(e->plan);
		if (!e->greeted || e->plan.magic == TRAFFIC_MAGIC)
			return true;
		blame(c, &c->differences, e, "no plan", 0);
		return finish(e);
	}
	same = traffic_compare(stream, e->received, buffer, (size_t)got);
	if (same != (size_t)got) {
		e->received += same;
		blame(c, &c->differences, e, "a wrong byte", 0);
		return finish(e);
	}
	e->received += (uint64_t)got;
	c->received += (uint64_t)got;
	pause_some(&e->read_at, h);
	return true;
}

static bool abort_early(struct traffic_end *e, struct traffic_counts *c)
{
	static const struct linger now = {.l_onoff = 1};

	if (e->plan.id & 1)
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	c->aborted++;
	return finish(e);
}

static bool write_some(struct traffic_end *e, const struct traffic_habits *h, struct traffic_counts *c)
{
	uint64_t total = e->plan.bytes[!e->calls], stream = e->plan.id * 2 + !e->calls, left = total - e->sent;
	ssize_t put;

	if (!e->message) {
		e->message = traffic_size(&state, h->max_message);
		c->messages++;
	}
	if (e->message > left)
		e->message = (size_t)left;
	traffic_fill(stream, e->sent, buffer, e->message);
	put = send(e->fd, buffer, e->message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (put < 0 && errno == EAGAIN) {
		e->writable = false;
		return true;
	}
	if (put < 0)
		return fail(e, c, "send", errno);
	e->sent += (uint64_t)put;
	c->sent += (uint64_t)put;
	e->message -= (size_t)put;
	if (e->calls && e->plan.abort_at && e->sent >= e->plan.abort_at)
		return abort_early(e, c);
	if (!e->message)
		pause_some(&e->send_at, h);
	return true;
}

bool traffic_step(struct traffic_end *e, const struct traffic_habits *h, bool hurry, struct traffic_counts *c)
{
	uint64_t now = hurry ? UINT64_MAX : now_ns();

	if (!state)
		state = h->seed;
	if (e->readable && !e->ended && now >= e->read_at && !read_some(e, h, c))
		return false;
	if (!e->greeted)
		return true;
	if (e->writable && now >= e->send_at && e->sent < e->plan.bytes[!e->calls] && !write_some(e, h, c))
		return false;
	if (!e->shut && e->sent == e->plan.bytes[!e->calls]) {
		shutdown(e->fd, SHUT_WR);
		e->shut = true;
	}
	if (!e->shut || !e->ended)
		return true;
	c->completed++;
	return finish(e);
}

void json_traffic_counts(struct json *j, const struct traffic_counts *c)
{
	json_integer(j, "connections", (long long)c->connections);
	json_integer(j, "completed", (long long)c->completed);
	json_integer(j, "aborted", (long long)c->aborted);
	json_integer(j, "sent", (long long)c->sent);
	json_integer(j, "received", (long long)c->received);
	json_integer(j, "messages", (long long)c->messages);
	json_integer(j, "differences", (long long)c->differences);
	json_integer(j, "truncated", (long long)c->truncated);
	json_integer(j, "errors", (long long)c->errors);
	json_string(j, "first", c->first[0] ? c->first : NULL);
}
