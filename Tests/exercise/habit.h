/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HABIT_H
#define HABIT_H

#include "traffic.h"

struct habit {
	int fd, poll;
	uint64_t size, got, reads;
	bool wrong;		/* a byte was not as sent */
	const char *broken;	/* what the kernel did otherwise than the habit relies on */
};

struct habit_kind {
	const char *name;
	uint32_t events;	/* that it asks epoll for */
	void (*read)(struct habit *h);
};
extern const struct habit_kind habit_kinds[];	/* ends with a nameless one */

#endif
