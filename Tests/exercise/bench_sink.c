/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-sink: the server of the benches, in one of four modes.  accept closes
 * what it accepted DELAY connections ago, when the client is through with it (a
 * RST that came earlier would fail its connect()); greet does so, too, but sends
 * a byte first; echo gives every byte back; discard reads, and
 * acknowledges with one byte when the client has shut down its side.
 */
#include "exercise.h"

#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DELAY = 64 };

static const char *mode = "accept";

static void *run_connection(void *argument)
{
	int fd = (int)(intptr_t)argument, one = 1;
	char *buffer = malloc(256 << 10);
	ssize_t got;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (buffer && (got = recv(fd, buffer, 256 << 10, 0)) > 0)
		if (!strcmp(mode, "echo") && !send_all(fd, buffer, (size_t)got, 60000))
			break;
	if (!strcmp(mode, "discard"))
		send_all(fd, "x", 1, 1000);
	free(buffer);
	close(fd);
	return NULL;
}

static void serve(int listener)
{
	static const struct linger now = {.l_onoff = 1};
	int late[DELAY], fd;
	unsigned int next = 0;
	pthread_t thread;

	memset(late, -1, sizeof(late));
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (!strcmp(mode, "greet"))
			send_all(fd, "x", 1, 1000);
		if (!strcmp(mode, "accept") || !strcmp(mode, "greet")) {
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
			if (late[next] >= 0)
				close(late[next]);
			late[next] = fd;
			next = (next + 1) % DELAY;
		} else if (pthread_create(&thread, NULL, run_connection, (void *)(intptr_t)fd)) {
			die("no thread could be made");
		} else {
			pthread_detach(thread);
		}
	}
}

int bench_sink_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"mode", required_argument, NULL, 'm'},
		{0},
	};
	struct endpoint at;
	int option, listener, port = 0, zero = 0, one = 1;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p')
			port = (int)parse_number(optarg, 1, 65535);
		else if (option == 'm')
			mode = optarg;
		else
			return 64;
	}
	if (!port || optind != argc || !strstr("accept greet echo discard", mode))
		die("bench-sink: --port P [--mode accept|greet|echo|discard]");
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	at = need_address("::", port);
	listener = socket(AF_INET6, SOCK_STREAM, 0);
	if (listener < 0 || setsockopt(listener, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(listener, &at.any, at.length) || listen(listener, 4096))
		die_errno("bench-sink");
	print_ready();
	serve(listener);
	return 0;
}
