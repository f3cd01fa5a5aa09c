/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both ends of `traffic` know of a connection.  The caller says first what
 * will be sent each way; every byte depends on its stream and its position, so
 * one that is lost, doubled or overtaken is seen at once.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "exercise.h"

/* The first bytes of a connection. */
struct traffic_plan {
	uint64_t magic;
	uint64_t id;
	uint64_t bytes[2];	/* that the caller sends, after this; that the other sends */
	uint64_t abort_at;	/* the caller resets or closes when it has sent so many; 0: never */
};
#define TRAFFIC_MAGIC 0x7765697254726166ull

/* How an end behaves; a pause is up to so many milliseconds. */
struct traffic_habits {
	uint64_t seed;
	uint32_t max_message;
	uint32_t pause_one_in, pause;	/* short ones, often */
	uint32_t stall_one_in, stall;	/* long ones, seldom */
};

struct traffic_end {
	int fd;
	bool open, calls, readable, writable, ended, shut, greeted;
	struct traffic_plan plan;
	uint64_t sent, received;
	uint64_t send_at, read_at;	/* now_ns() before which it pauses */
	size_t message;			/* what is left of the message it is in */
	size_t greeting;		/* bytes of the plan that went or came */
};

struct traffic_counts {
	uint64_t connections, completed, aborted, sent, received, messages;
	uint64_t differences, truncated, errors;
	char first[256];		/* the first difference, truncation or error */
};

uint64_t traffic_random(uint64_t *state);
/* log-uniform from 1 to max */
uint64_t traffic_size(uint64_t *state, uint64_t max);
void traffic_fill(uint64_t stream, uint64_t position, uint8_t *out, size_t size);
/* The index of the first byte that is not as it was sent; size when all are. */
size_t traffic_compare(uint64_t stream, uint64_t position, const uint8_t *in, size_t size);

/* One step of a connection: reads and writes what it may now.  False: it has ended and is closed. */
bool traffic_step(struct traffic_end *e, const struct traffic_habits *habits, bool hurry, struct traffic_counts *c);
void json_traffic_counts(struct json *j, const struct traffic_counts *c);

#endif
