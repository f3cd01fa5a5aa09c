/* SPDX-License-Identifier: Apache-2.0 */
#include "two_ends.h"

#include <netinet/tcp.h>
#include <unistd.h>

/* The parent never writes: its end closes when it ends. */
static int leash[2];

bool two_ends_option(struct two_ends *t, int option, const char *value)
{
	switch (option) {
	case 't': t->to = need_endpoint(value); break;
	case 'p': t->port = parse_number(value, 1, 65535); break;
	case 'u': t->uid = parse_number(value, 0, 65535); break;
	case 'P': t->proxy_uid = parse_number(value, 0, 65535); break;
	default: return false;
	}
	return true;
}

static int listen_as(long uid, long port)
{
	struct endpoint at = need_address("::", (int)port);
	int fd = socket_made_by(uid, uid, AF_INET6, SOCK_STREAM, 0), zero = 0, one = 1;

	if (setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) || bind(fd, &at.any, at.length) ||
	    listen(fd, 4096))
		die_errno("listen");
	return fd;
}

pid_t open_ends(const struct two_ends *t, int *ends, int count)
{
	int listener = listen_as(t->proxy_uid, t->port), one = 1;
	pid_t child;

	if (pipe(leash))
		die_errno("pipe");
	child = fork();
	if (child < 0)
		die_errno("fork");
	close(leash[!child]);
	become(child ? t->uid : t->proxy_uid, child ? t->uid : t->proxy_uid);
	for (int i = 0; i < count; i++) {
		if (!child)
			ends[i] = accept(listener, NULL, NULL);
		else
			ends[i] = socket(t->to.any.sa_family, SOCK_STREAM, 0);
		if (ends[i] < 0 || (child && connect(ends[i], &t->to.any, t->to.length)))
			die_errno(child ? "connect" : "accept");
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	close(listener);
	return child;
}

void keep_open(void)
{
	char byte;

	_exit(read(leash[0], &byte, 1) != 0);
}
