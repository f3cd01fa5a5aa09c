/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return -1;
}

static int join_cgroup(const char *path)
{
	char file[4096];
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return fail(file);
	return close(fd);
}

static int join_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return fail(path);
	return close(fd);
}

/* A list with commas. */
static int stay_on(const char *processors)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (const char *at = processors; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		CPU_SET(atoi(at), &set);
	return sched_setaffinity(0, sizeof(set), &set) ? fail("sched_setaffinity()") : 0;
}

int weir_bench_processors(int *list, int capacity)
{
	int count = 0;
	cpu_set_t set;

	list[0] = 0;
	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	for (int i = 0; i < CPU_SETSIZE && count < capacity; i++)
		if (CPU_ISSET(i, &set))
			list[count++] = i;
	return count;
}

static int become(uid_t id)
{
	return setgroups(0, NULL) || setgid(id) || setuid(id) ? fail("setuid()") : 0;
}

/* What a process has of its parent that would be in the way. */
static void detach(void)
{
	struct rlimit files;
	sigset_t none;

	/* ^C is for `weir bench`, which then ends its processes itself. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	/* The run-time library of this process still needs its own; a program in its place does not. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* Waits end when they are to, not 50 microseconds later. */
	prctl(PR_SET_TIMERSLACK, 1);
}

/* A change of ids clears this, so it comes last.  A parent that has gone before has left this process to another. */
static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return fail("prctl()");
	errno = ESRCH;
	return getppid() == parent ? 0 : fail("weir bench is gone");
}

int weir_bench_process(int argc, char **argv)
{
	static const struct option options[] = {
		{ "parent", required_argument, NULL, 'P' }, { "netns", required_argument, NULL, 'n' },
		{ "cgroup", required_argument, NULL, 'c' }, { "uid", required_argument, NULL, 'u' },
		{ "cpus", required_argument, NULL, 'p' },   { 0 },
	};
	int option, status = 0, program = -1;
	pid_t parent = 0;
	long uid = -1;

	detach();
	while (!status && (option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'P':
			parent = atoi(optarg);
			break;
		case 'n':
			status = join_netns(optarg);
			break;
		case 'c':
			status = join_cgroup(optarg);
			break;
		case 'u':
			uid = atol(optarg);
			break;
		case 'p':
			status = stay_on(optarg);
			break;
		default:
			return 64;
		}
	}
	argc -= optind;
	argv += optind;
	/* Before the ids change: it may be in a directory that only root may enter. */
	if (!status && argc >= 2 && !strcmp(argv[0], "exec")) {
		program = open(argv[1], O_PATH | O_CLOEXEC);
		status = program < 0 ? fail(argv[1]) : 0;
	}
	if (status || (uid >= 0 && become((uid_t)uid)) || die_with(parent))
		return 2;
	if (argc == 1 && !strcmp(argv[0], "worker"))
		return run_worker();
	if (argc >= 1 && !strcmp(argv[0], "serve"))
		return run_server(argc, argv);
	if (program < 0)
		return 64;
	signal(SIGPIPE, SIG_DFL);
	fexecve(program, argv + 1, environ);
	return fail(argv[1]), 127;
}
