/* SPDX-License-Identifier: Apache-2.0 */
/* What `habit` and `stall` share: an application that calls, and a proxy that is called, in one program. */
#ifndef TWO_ENDS_H
#define TWO_ENDS_H

#include "exercise.h"

#include <getopt.h>

struct two_ends {
	struct endpoint to;	/* what the application asks for */
	long port;		/* where the proxy listens */
	long uid, proxy_uid;
};

/* Elements of getopt_long's array, each with a letter that two_ends_option() knows. */
#define TWO_ENDS_OPTIONS                                                                          \
	{"to", required_argument, NULL, 't'}, {"port", required_argument, NULL, 'p'},             \
	{"uid", required_argument, NULL, 'u'}, {"proxy-uid", required_argument, NULL, 'P'}

/* Takes one of these options; false if it is another. */
bool two_ends_option(struct two_ends *t, int option, const char *value);

/*
 * Forks: the child is the proxy, this process the application, each with its
 * uid, so that neither may signal the other.  Fills `ends` with the connections of this process, in the order of the
 * calls.  Returns the child's id, 0 in the child.
 */
pid_t open_ends(const struct two_ends *t, int *ends, int count);

/* In the child: keeps its connections until this program's first process has ended. */
_Noreturn void keep_open(void);

#endif
