/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach: one connection after another to each target in turn, under the
 * target's uid, until SIGTERM; counts who answered (the name of a listen).
 *
 *   reach [--processes K] ADDRESS:PORT@UID...
 *
 * Prints {"ADDRESS:PORT@UID": {"proxy": 12, "errors": 0}, ...}.  Connections
 * are closed with a RST, so that no port waits in TIME_WAIT.
 */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_TARGETS = 32, MAX_NAMES = 8, NAME_SIZE = 32, MAX_PROCESSES = 16 };

struct target {
	const char *text;
	struct endpoint to;
	long uid;
};

/* Of one target, as one process has seen it. */
struct seen {
	char names[MAX_NAMES][NAME_SIZE];
	uint64_t counts[MAX_NAMES], errors;
	int last_error;
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	(void)number;
	ended = 1;
}

static struct target need_target(const char *text)
{
	struct target t = {.text = text};
	const char *at = strrchr(text, '@');
	char address[ENDPOINT_TEXT];

	if (!at || (size_t)(at - text) >= sizeof(address))
		die("'%s' is not ADDRESS:PORT@UID", text);
	memcpy(address, text, (size_t)(at - text));
	address[at - text] = 0;
	t.to = need_endpoint(address);
	t.uid = parse_number(at + 1, 0, 0xfffffffe);
	return t;
}

/* The name in what a listener tells of itself: {"name": "proxy", ...}. */
static void count_name(struct seen *seen, const char *reply)
{
	const char *key = strstr(reply, "\"name\"");
	char name[NAME_SIZE] = "";

	if (!key || sscanf(key + 6, "%*[ :]\"%31[^\"]", name) != 1)
		strcpy(name, "unknown");
	for (int i = 0; i < MAX_NAMES; i++) {
		if (!seen->names[i][0])
			strcpy(seen->names[i], name);
		if (!strcmp(seen->names[i], name)) {
			seen->counts[i]++;
			return;
		}
	}
	die("reach: more than %d listeners answered", MAX_NAMES);
}

static int ask(const struct target *t, char *reply, size_t size)
{
	struct linger now = {.l_onoff = 1};
	int fd = socket_made_by(t->uid, -1, t->to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(fd, &t->to.any, t->to.length) ? errno : converse(fd, "who", reply, size, 10000);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	return error;
}

static void work(const struct target *targets, int count, struct seen *seen)
{
	static char reply[4096];

	for (int at = 0; !ended; at = (at + 1) % count) {
		int error = ask(&targets[at], reply, sizeof(reply));

		if (!error)
			count_name(&seen[at], reply);
		else if (!ended) {
			seen[at].errors++;
			seen[at].last_error = error;
		}
	}
}

static void report(const struct target *targets, int count, struct seen (*all)[MAX_TARGETS], int processes)
{
	struct json out;

	json_open(&out);
	for (int at = 0; at < count; at++) {
		struct seen sum = {};
		struct json one;

		for (int p = 0; p < processes; p++) {
			sum.errors += all[p][at].errors;
			if (all[p][at].last_error)
				sum.last_error = all[p][at].last_error;
			for (int i = 0; i < MAX_NAMES && all[p][at].names[i][0]; i++) {
				int slot = 0;

				while (sum.names[slot][0] && strcmp(sum.names[slot], all[p][at].names[i]))
					slot++;
				strcpy(sum.names[slot], all[p][at].names[i]);
				sum.counts[slot] += all[p][at].counts[i];
			}
		}
		json_open(&one);
		for (int i = 0; i < MAX_NAMES && sum.names[i][0]; i++)
			json_integer(&one, sum.names[i], (long long)sum.counts[i]);
		if (sum.errors)
			json_integer(&one, errno_name(sum.last_error), (long long)sum.errors);
		json_close(&one);
		json_raw(&out, targets[at].text, one.text);
	}
	json_close(&out);
	json_print(&out);
}

int reach_command(int argc, char **argv)
{
	static const struct option options[] = {{"processes", required_argument, NULL, 'p'}, {0}};
	static struct target targets[MAX_TARGETS];
	struct seen(*all)[MAX_TARGETS];
	pid_t children[MAX_PROCESSES];
	int option, count = 0, processes = 2;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'p')
			return 64;
		processes = (int)parse_number(optarg, 1, MAX_PROCESSES);
	}
	for (; optind < argc; optind++) {
		if (count == MAX_TARGETS)
			die("reach: at most %d targets", MAX_TARGETS);
		targets[count++] = need_target(argv[optind]);
	}
	if (!count)
		die("reach: no target was given");
	all = mmap(NULL, sizeof(*all) * MAX_PROCESSES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		die_errno("mmap");
	signal(SIGTERM, end);
	for (int p = 0; p < processes; p++) {
		children[p] = fork();
		if (children[p] < 0)
			die_errno("fork");
		if (children[p])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(targets, count, all[p]);
		_exit(0);
	}
	print_ready();
	while (!ended)
		pause();
	for (int p = 0; p < processes; p++) {
		kill(children[p], SIGTERM);
		waitpid(children[p], NULL, 0);
	}
	report(targets, count, all, processes);
	return 0;
}
