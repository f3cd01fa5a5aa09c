/* SPDX-License-Identifier: Apache-2.0 */
/* listen: a server on many ports that tells every client what it sees of it (serve.c). */
#include "exercise.h"

#include <getopt.h>
#include <netinet/tcp.h>
#include <linux/mptcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PORTS = 64, MAX_ADDRESSES = 8, MAX_WORKERS = 16 };

struct listen_options {
	const char *name;
	int ports[MAX_PORTS], port_count;
	struct endpoint addresses[MAX_ADDRESSES];
	int address_count, workers;
	bool transparent, udp, dual, mptcp;
};

static void set_option(int fd, int level, int option, const char *name)
{
	int one = 1;

	if (setsockopt(fd, level, option, &one, sizeof(one)))
		die_errno(name);
}

static int open_listener(const struct listen_options *o, struct endpoint *at, int type)
{
	char text[ENDPOINT_TEXT];
	int fd, family = at->any.sa_family, queue = 256, zero = 0;
	bool mptcp = o->mptcp && type == SOCK_STREAM;

	fd = socket(family, type | SOCK_CLOEXEC, mptcp ? IPPROTO_MPTCP : 0);
	if (fd < 0)
		die_errno("socket");
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
	if (o->workers > 1)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT");
	if (family == AF_INET6 && !o->dual)
		set_option(fd, SOL_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
	else if (family == AF_INET6 && setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)))
		die_errno("IPV6_V6ONLY");
	if (o->transparent && family == AF_INET)
		set_option(fd, SOL_IP, IP_TRANSPARENT, "IP_TRANSPARENT");
	else if (o->transparent)
		set_option(fd, SOL_IPV6, IPV6_TRANSPARENT, "IPV6_TRANSPARENT");
	if (bind(fd, &at->any, at->length))
		die_errno(format_endpoint(at, text));
	if (type == SOCK_DGRAM) {
		accept_datagrams(fd, family);
		return fd;
	}
	if (!o->mptcp && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)))
		die_errno("TCP_FASTOPEN");
	if (listen(fd, 4096))
		die_errno("listen");
	return fd;
}

struct accepted {
	const struct service *service;
	int fd;
};

static void *run_connection(void *argument)
{
	struct accepted *a = argument;

	serve_connection(a->service, a->fd);
	free(a);
	return NULL;
}

static void start_thread(void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 << 10);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, run, argument))
		die("no thread could be made");
	pthread_attr_destroy(&attributes);
}

static void *run_listener(void *argument)
{
	const struct service *s = argument;
	struct accepted *a;
	int fd;

	for (;;) {
		fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		a = malloc(sizeof(*a));
		if (!a)
			die_errno("malloc");
		*a = (struct accepted){.service = s, .fd = fd};
		start_thread(run_connection, a);
	}
	return NULL;
}

static void *run_datagrams(void *argument)
{
	serve_datagrams(argument);
	return NULL;
}

struct listener {
	struct service service;
	int type;
};

static size_t open_all(const struct listen_options *o, struct listener *out)
{
	size_t count = 0;

	for (int a = 0; a < o->address_count; a++) {
		for (int p = 0; p < o->port_count; p++) {
			for (int udp = 0; udp <= o->udp; udp++) {
				struct listener *l = &out[count++];

				l->type = udp ? SOCK_DGRAM : SOCK_STREAM;
				l->service.name = o->name;
				l->service.listening = o->addresses[a];
				set_port(&l->service.listening, o->ports[p]);
				l->service.fd = open_listener(o, &l->service.listening, l->type);
			}
		}
	}
	return count;
}

static void serve_all(struct listener *listeners, size_t count)
{
	for (size_t i = 0; i < count; i++)
		start_thread(listeners[i].type == SOCK_DGRAM ? run_datagrams : run_listener,
			     &listeners[i].service);
}

static void close_all(const struct listener *listeners, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(listeners[i].service.fd);
}

static void parse_options(int argc, char **argv, struct listen_options *o)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"address", required_argument, NULL, 'a'},
		{"reuseport", required_argument, NULL, 'r'},
		{"name", required_argument, NULL, 'n'},
		{"transparent", no_argument, NULL, 't'},
		{"udp", no_argument, NULL, 'u'},
		{"dual", no_argument, NULL, 'd'},
		{"mptcp", no_argument, NULL, 'm'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			if (o->port_count == MAX_PORTS)
				die("listen: at most %d ports", MAX_PORTS);
			o->ports[o->port_count++] = (int)parse_number(optarg, 1, 65535);
			break;
		case 'a':
			if (o->address_count == MAX_ADDRESSES)
				die("listen: at most %d addresses", MAX_ADDRESSES);
			o->addresses[o->address_count++] = need_address(optarg, 0);
			break;
		case 'r': o->workers = (int)parse_number(optarg, 1, MAX_WORKERS); break;
		case 'n': o->name = optarg; break;
		case 't': o->transparent = true; break;
		case 'u': o->udp = true; break;
		case 'd': o->dual = true; break;
		case 'm': o->mptcp = true; break;
		default: exit(64);
		}
	}
	if (!o->port_count || optind != argc)
		die("listen: --port P is needed, and nothing but options");
	if (!o->address_count) {
		if (!o->dual)
			o->addresses[o->address_count++] = need_address("0.0.0.0", 0);
		o->addresses[o->address_count++] = need_address("::", 0);
	}
}

int listen_command(int argc, char **argv)
{
	static struct listener listeners[MAX_WORKERS][MAX_ADDRESSES * MAX_PORTS * 2];
	struct listen_options o = {.name = "listener", .workers = 1};
	pid_t children[MAX_WORKERS];
	size_t count = 0;
	sigset_t wanted;
	int caught;

	parse_options(argc, argv, &o);
	raise_file_limit();
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGTERM);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	for (int w = 0; w < o.workers; w++)
		count = open_all(&o, listeners[w]);
	for (int w = 1; w < o.workers; w++) {
		children[w] = fork();
		if (children[w] < 0)
			die_errno("fork");
		if (children[w]) {
			close_all(listeners[w], count);
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A worker's listeners end with it: nobody else holds them. */
		for (int other = 0; other < o.workers; other++)
			if (other == 0 || other > w)
				close_all(listeners[other], count);
		serve_all(listeners[w], count);
		for (;;)
			pause();
	}
	serve_all(listeners[0], count);
	print_ready();
	/* Nobody accepts any more when this process has ended. */
	sigwait(&wanted, &caught);
	for (int w = 1; w < o.workers; w++)
		kill(children[w], SIGKILL);
	while (wait(NULL) > 0)
		;
	return 0;
}
