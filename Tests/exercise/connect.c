/* SPDX-License-Identifier: Apache-2.0 */
/* connect: one connection, made in one of the ways a program can make one. */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <linux/mptcp.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *outcome_name(int error)
{
	switch (error) {
	case 0: return "connected";
	case ECONNREFUSED: return "refused";
	case ETIMEDOUT: return "timeout";
	default: return "error";
	}
}

/* Whether the SYN carried data, so that Fast Open was not just asked for. */
static bool sent_data_in_syn(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) &&
	       info.tcpi_options & TCPI_OPT_SYN_DATA;
}

/* Whether both ends speak MPTCP; a socket that fell back to TCP has no such information. */
static bool speaks_mptcp(int fd)
{
	struct mptcp_info info = {0};
	socklen_t size = sizeof(info);

	return !getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &size);
}

/* Talks over the connection, then prints what was seen of it. */
int report_attempt(struct attempt *a, int error)
{
	struct endpoint peer = {0}, local = {0};
	char reply[4096] = "";
	struct json j;
	int talk = 0;

	if (!error) {
		peer = peer_endpoint(a->fd);
		local = local_endpoint(a->fd);
		talk = converse(a->fd, a->token_sent ? NULL : a->token, reply, sizeof(reply),
				a->milliseconds);
		/* With TCP_FASTOPEN_CONNECT there is no peer before the first write. */
		if (!peer.length)
			peer = peer_endpoint(a->fd);
	}
	json_open(&j);
	json_string(&j, "kind", a->kind);
	json_endpoint(&j, "destination", &a->destination);
	json_string(&j, "outcome", outcome_name(error));
	json_string(&j, "errno", errno_name(error));
	json_endpoint(&j, "getpeername", &peer);
	json_endpoint(&j, "getsockname", &local);
	json_string(&j, "reply", *reply ? reply : NULL);
	json_string(&j, "reply_errno", errno_name(talk));
	json_bool(&j, "in_progress", a->in_progress);
	json_bool(&j, "syn_data", !error && sent_data_in_syn(a->fd));
	json_bool(&j, "mptcp", !error && speaks_mptcp(a->fd));
	json_string(&j, "first_errno", errno_name(a->first_error));
	json_close(&j);
	json_print(&j);
	if (!error)
		usleep((useconds_t)a->hold * 1000);
	return error || talk || !*reply;
}

/* adopt: the same conversation and report on a socket that another program connected. */
int adopt_command(int argc, char **argv)
{
	struct attempt a = {.kind = "adopt", .token = "adopt", .milliseconds = 10000};

	a.destination = peer_endpoint(STDIN_FILENO);
	if (argc > 1)
		a.token = argv[1];
	/* Standard output may be the connection itself. */
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		die_errno("dup2");
	a.fd = STDIN_FILENO;
	return report_attempt(&a, a.destination.length ? 0 : ENOTCONN);
}

int connect_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"source", required_argument, NULL, 's'},
		{"source-port", required_argument, NULL, 'S'},
		{"first", required_argument, NULL, 'f'},
		{"token", required_argument, NULL, 't'},
		{"uid", required_argument, NULL, 'u'},
		{"gid", required_argument, NULL, 'g'},
		{"sock-uid", required_argument, NULL, 'U'},
		{"sock-gid", required_argument, NULL, 'G'},
		{"cgroup", required_argument, NULL, 'c'},
		{"timeout", required_argument, NULL, 'w'},
		{"hold", required_argument, NULL, 'h'},
		{0},
	};
	struct attempt a = {.token = "token", .uid = -1, .gid = -1, .sock_uid = -1, .sock_gid = -1,
			    .milliseconds = 10000, .fd = -1};
	attempt_function attempt;
	int option, source_port = 0;

	a.first = need_endpoint("127.0.0.1:9");
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's': a.source = need_address(optarg, 0); break;
		case 'S': source_port = (int)parse_number(optarg, 0, 65535); break;
		case 'f': a.first = need_endpoint(optarg); break;
		case 't': a.token = optarg; break;
		case 'u': a.uid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'g': a.gid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'U': a.sock_uid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'G': a.sock_gid = parse_number(optarg, 0, 0xfffffffe); break;
		case 'c': a.cgroup = optarg; break;
		case 'h': a.hold = (int)parse_number(optarg, 0, 600000); break;
		case 'w': a.milliseconds = (int)parse_number(optarg, 1, 600000); break;
		default: return 64;
		}
	}
	if (argc - optind != 3)
		die("connect: KIND ADDRESS PORT, with KIND one of %s", attempt_kinds());
	a.kind = argv[optind];
	a.destination = need_address(argv[optind + 1], 0);
	set_port(&a.destination, (int)parse_number(argv[optind + 2], 1, 65535));
	if (a.source.length)
		set_port(&a.source, source_port);
	attempt = find_attempt(a.kind);
	if (!attempt)
		die("connect: no kind '%s'; there are %s", a.kind, attempt_kinds());
	if (!strcmp(a.kind, "passed"))
		return pass_attempt(&a);
	if (strcmp(a.kind, "sock-uid") != 0) {
		if (a.cgroup)
			join_cgroup(a.cgroup);
		become(a.uid, a.gid);
	}
	return report_attempt(&a, attempt(&a));
}
