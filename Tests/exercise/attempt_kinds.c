/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to connect.  Each opens a.fd, connects it, and returns 0 or an errno. */
#include "exercise.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mptcp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void open_socket(struct attempt *a, int domain, int type, int protocol)
{
	struct timeval limit = {.tv_sec = a->milliseconds / 1000,
				.tv_usec = a->milliseconds % 1000 * 1000};

	a->fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | type, protocol);
	if (a->fd < 0)
		die_errno("socket");
	/* Bounds a blocking connect(); it then fails with EINPROGRESS. */
	if (setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		die_errno("SO_SNDTIMEO");
}

static int connect_to(struct attempt *a, const struct endpoint *to)
{
	if (!connect(a->fd, &to->any, to->length))
		return 0;
	return errno == EINPROGRESS ? ETIMEDOUT : errno;
}

static int finish_connect(struct attempt *a)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (!wait_for(a->fd, POLLOUT, a->milliseconds))
		return errno;
	getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error;
}

static int blocking(struct attempt *a)
{
	open_socket(a, a->destination.any.sa_family, 0, 0);
	return connect_to(a, &a->destination);
}

static int nonblocking(struct attempt *a)
{
	open_socket(a, a->destination.any.sa_family, SOCK_NONBLOCK, 0);
	if (!connect(a->fd, &a->destination.any, a->destination.length))
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	a->in_progress = true;
	return finish_connect(a);
}

static int by_uring(struct attempt *a)
{
	open_socket(a, a->destination.any.sa_family, 0, 0);
	return -uring_connect(a->fd, &a->destination);
}

static int mapped(struct attempt *a)
{
	a->destination = map_endpoint(a->destination);
	return blocking(a);
}

static int mptcp(struct attempt *a)
{
	open_socket(a, a->destination.any.sa_family, 0, IPPROTO_MPTCP);
	return connect_to(a, &a->destination);
}

/* The token goes with the SYN when the kernel has a cookie, else right after. */
static int fastopen(struct attempt *a)
{
	char line[512];
	size_t size = strnlen(a->token, sizeof(line) - 1);

	open_socket(a, a->destination.any.sa_family, 0, 0);
	memcpy(line, a->token, size);
	line[size] = '\n';
	if (sendto(a->fd, line, size + 1, MSG_FASTOPEN | MSG_NOSIGNAL, &a->destination.any,
		   a->destination.length) != (ssize_t)size + 1)
		return errno == EINPROGRESS ? ETIMEDOUT : errno;
	a->token_sent = true;
	return 0;
}

/* connect() returns at once; with a cookie the SYN leaves with the first write. */
static int fastopen_connect(struct attempt *a)
{
	int one = 1;

	open_socket(a, a->destination.any.sa_family, 0, 0);
	if (setsockopt(a->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)))
		die_errno("TCP_FASTOPEN_CONNECT");
	return connect_to(a, &a->destination);
}

/* The first connect() fails; the second is on the same socket. */
static int reconnect(struct attempt *a)
{
	struct endpoint first = a->first;

	if (a->destination.any.sa_family == AF_INET6 && first.any.sa_family == AF_INET)
		first = need_address("::1", get_port(&first));
	open_socket(a, a->destination.any.sa_family, 0, 0);
	a->first_error = connect_to(a, &first);
	if (!a->first_error)
		die("reconnect: the first connection was meant to fail");
	return connect_to(a, &a->destination);
}

/* The first connect() works, is undone by AF_UNSPEC, and the socket connects elsewhere. */
static int disconnect(struct attempt *a)
{
	static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	open_socket(a, a->destination.any.sa_family, 0, 0);
	a->first_error = connect_to(a, &a->first);
	if (a->first_error)
		return a->first_error;
	if (connect(a->fd, &nowhere, sizeof(nowhere)))
		return errno;
	return connect_to(a, &a->destination);
}

static int bind_and_connect(struct attempt *a, bool no_port, bool any_address)
{
	int one = 1;

	if (!a->source.length)
		die("connect %s: --source is missing", a->kind);
	if (any_address && a->source.any.sa_family == AF_INET)
		a->source.ipv4.sin_addr.s_addr = INADDR_ANY;
	else if (any_address)
		a->source.ipv6.sin6_addr = in6addr_any;
	open_socket(a, a->destination.any.sa_family, 0, 0);
	if (setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		die_errno("SO_REUSEADDR");
	if (no_port && setsockopt(a->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one)))
		die_errno("IP_BIND_ADDRESS_NO_PORT");
	if (bind(a->fd, &a->source.any, a->source.length))
		return errno;
	return connect_to(a, &a->destination);
}

static int bound(struct attempt *a)
{
	return bind_and_connect(a, false, false);
}

/* The address is bound, the port is chosen by connect(). */
static int bound_any_port(struct attempt *a)
{
	return bind_and_connect(a, true, false);
}

/* The port is bound, the address is chosen by connect(). */
static int bound_any_address(struct attempt *a)
{
	return bind_and_connect(a, false, true);
}

/* An IPv6 socket that has seen IPV6_V6ONLY = 0 and a dual-stack bind first. */
static int bound_mapped(struct attempt *a)
{
	a->destination = map_endpoint(a->destination);
	a->source = map_endpoint(a->source);
	return bind_and_connect(a, false, false);
}

static int sock_uid(struct attempt *a)
{
	a->fd = socket_made_by(a->sock_uid, a->sock_gid, a->destination.any.sa_family,
			       SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->cgroup)
		join_cgroup(a->cgroup);
	become(a->uid, a->gid);
	return connect_to(a, &a->destination);
}

static int passed(struct attempt *a)
{
	return connect_to(a, &a->destination);
}

static const struct {
	const char *name;
	attempt_function attempt;
} kinds[] = {
	{"blocking", blocking},
	{"nonblocking", nonblocking},
	{"io_uring", by_uring},
	{"fastopen", fastopen},
	{"fastopen-connect", fastopen_connect},
	{"mptcp", mptcp},
	{"mapped", mapped},
	{"reconnect", reconnect},
	{"disconnect", disconnect},
	{"bound", bound},
	{"bound-any-port", bound_any_port},
	{"bound-any-address", bound_any_address},
	{"bound-mapped", bound_mapped},
	{"passed", passed},
	{"sock-uid", sock_uid},
};

attempt_function find_attempt(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, kind))
			return kinds[i].attempt;
	return NULL;
}

const char *attempt_kinds(void)
{
	static char text[256];

	text[0] = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		strcat(text, i ? " " : "");
		strcat(text, kinds[i].name);
	}
	return text;
}
