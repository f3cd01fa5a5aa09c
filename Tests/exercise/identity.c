/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
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
