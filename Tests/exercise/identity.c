/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void join_cgroup(const char *directory)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die_errno(path);
	close(fd);
}

int open_netns(const char *name_or_path)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s%s", strchr(name_or_path, '/') ? "" : "/run/netns/",
		 name_or_path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die_errno(path);
	return fd;
}

void become(long uid, long gid)
{
	if ((uid >= 0 || gid >= 0) && setgroups(0, NULL))
		die_errno("setgroups");
	if (gid >= 0 && setresgid((gid_t)gid, (gid_t)gid, (gid_t)gid))
		die_errno("setresgid");
	if (uid >= 0 && setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
		die_errno("setresuid");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die_errno(path);
	close(fd);
}

/* Writes the mappings of its parent, once that says that it has a namespace. */
static _Noreturn void map_parent(const char *mapping, int from, int to)
{
	char path[64], byte;
	pid_t parent = getppid();

	if (read(from, &byte, 1) != 1)
		die("the parent is gone");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", parent, i ? "gid_map" : "uid_map");
		write_file(path, mapping);
	}
	if (write(to, &byte, 1) != 1)
		die_errno("write");
	_exit(0);
}

void enter_user_namespace(const char *mapping)
{
	int there[2], back[2];
	pid_t helper;
	char byte = 0;

	/* Who is inside may map no ids but his own, so that somebody outside has to. */
	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		die_errno("pipe");
	helper = fork();
	if (helper < 0)
		die_errno("fork");
	if (!helper)
		map_parent(mapping, there[0], back[1]);
	close(back[1]);
	if (unshare(CLONE_NEWUSER))
		die_errno("unshare");
	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		die("the user namespace got no ids");
	waitpid(helper, NULL, 0);
}

int socket_made_by(long uid, long gid, int domain, int type, int protocol)
{
	uid_t old_uid = geteuid();
	gid_t old_gid = getegid();
	int fd;

	if (gid >= 0 && setegid((gid_t)gid))
		die_errno("setegid");
	if (uid >= 0 && seteuid((uid_t)uid))
		die_errno("seteuid");
	fd = socket(domain, type, protocol);
	if (fd < 0)
		die_errno("socket");
	if (uid >= 0 && seteuid(old_uid))
		die_errno("seteuid");
	if (gid >= 0 && setegid(old_gid))
		die_errno("setegid");
	return fd;
}
