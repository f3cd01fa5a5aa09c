/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in: runs a command in a network namespace, in a cgroup, under other ids,
 * in a user namespace of its own, with the same pid, and where bpf(2) is refused.  The command dies with the thread that started it, so
 * nothing outlives a killed test (start it from a thread that stays).
 *
 * The program is opened before the ids change: one in a directory that only
 * root may enter runs all the same, but is then no script.
 */
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_program(const char *name)
{
	char path[4096];
	const char *next, *search = getenv("PATH");
	int fd;

	if (strchr(name, '/'))
		return open(name, O_PATH);
	for (; search && *search; search = *next ? next + 1 : next) {
		next = strchrnul(search, ':');
		snprintf(path, sizeof(path), "%.*s/%s", (int)(next - search), search, name);
		fd = access(path, X_OK) ? -1 : open(path, O_PATH);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* As a container runtime's seccomp profile does without CAP_BPF. */
static void refuse_bpf(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die_errno("seccomp");
}

int in_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"netns", required_argument, NULL, 'n'},
		{"cgroup", required_argument, NULL, 'c'},
		{"uid", required_argument, NULL, 'u'},
		{"gid", required_argument, NULL, 'g'},
		{"orphan", no_argument, NULL, 'o'},
		{"without-bpf", no_argument, NULL, 'b'},
		{"user-map", required_argument, NULL, 'm'},
		{0},
	};
	const char *netns = NULL, *cgroup = NULL, *mapping = NULL;
	long uid = -1, gid = -1;
	bool orphan = false, without_bpf = false;
	int option, program;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'n': netns = optarg; break;
		case 'c': cgroup = optarg; break;
		case 'u': uid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'g': gid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'o': orphan = true; break;
		case 'b': without_bpf = true; break;
		case 'm': mapping = optarg; break;
		default: return 64;
		}
	}
	if (optind >= argc)
		die("in: no command was given");
	/* Nothing of the parent's but standard input, output and error. */
	if (close_range(3, ~0U, 0))
		die_errno("close_range");
	if (cgroup)
		join_cgroup(cgroup);
	if (netns && setns(open_netns(netns), CLONE_NEWNET))
		die_errno("setns");
	if (without_bpf)
		refuse_bpf();
	program = open_program(argv[optind]);
	if (program < 0)
		die_errno(argv[optind]);
	if (mapping)
		enter_user_namespace(mapping);
	become(uid, gid);
	/* A change of ids clears this, so it comes after. */
	if (!orphan && prctl(PR_SET_PDEATHSIG, SIGKILL))
		die_errno("prctl");
	if (!orphan && getppid() == 1)
		die("in: the parent is gone already");
	if (strchr(argv[optind], '/'))
		execv(argv[optind], argv + optind);
	else
		execvp(argv[optind], argv + optind);
	fcntl(program, F_SETFD, FD_CLOEXEC);
	fexecve(program, argv + optind, environ);
	die_errno(argv[optind]);
}
