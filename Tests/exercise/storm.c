/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm: very many connections, each to a destination of its own, each asking
 * the stub proxy (storm_server.c) whether it was told that destination.
 *
 *   storm    connects, sends "ADDRESS:PORT", expects "match"; held open until
 *            --open are, then the oldest is closed for each new one
 *   reset    reset by the client as soon as it is connected
 *   refused  nobody listens on the proxy's port
 *   abort    closed while the SYN is unanswered (a server with --stall)
 *   timeout  the SYN is never answered (a server with --stall)
 *
 * Connections are closed with a RST (SO_LINGER 0), so that no port waits in
 * TIME_WAIT: an interceptor may make all of them share the proxy's address and
 * port, and then there are only as many as the client has ephemeral ports.
 */
#include "exercise.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PROCESSES = 16 };

struct shared {
	uint64_t open_now, peak_open;
	struct storm_counts counts[MAX_PROCESSES];
};

/* Destination `index` of the prefix: all addresses at the first port, then at the next. */
struct endpoint storm_destination(const struct storm *s, uint32_t index)
{
	struct endpoint e = s->prefix;
	uint32_t host = index % s->hosts, *low;

	low = e.any.sa_family == AF_INET ? &e.ipv4.sin_addr.s_addr : &e.ipv6.sin6_addr.s6_addr32[3];
	*low = htonl(ntohl(*low) + host);
	set_port(&e, s->first_port + (int)(index / s->hosts % (uint32_t)s->ports));
	return e;
}

static void parse_prefix(const char *text, struct storm *s)
{
	char address[ENDPOINT_TEXT];
	const char *slash = strchr(text, '/');
	long width, length;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		die("'%s' is not ADDRESS/LENGTH", text);
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = 0;
	s->prefix = need_address(address, 0);
	width = s->prefix.any.sa_family == AF_INET ? 32 : 128;
	length = parse_number(slash + 1, width - 24, width);
	s->hosts = 1u << (width - length);
}

static void parse_ports(const char *text, struct storm *s)
{
	int last;

	if (sscanf(text, "%d-%d", &s->first_port, &last) != 2 || s->first_port < 1 ||
	    last > 65535 || last < s->first_port)
		die("'%s' is not LOW-HIGH", text);
	s->ports = last - s->first_port + 1;
}

void json_storm_counts(struct json *j, const struct storm_counts *c)
{
	json_integer(j, "attempted", (long long)c->attempted);
	json_integer(j, "ok", (long long)c->ok);
	json_integer(j, "wrong_origin", (long long)c->wrong_origin);
	json_integer(j, "lost_origin", (long long)c->lost_origin);
	json_integer(j, "established", (long long)c->established);
	json_integer(j, "refused", (long long)c->refused);
	json_integer(j, "reset", (long long)c->reset);
	json_integer(j, "timed_out", (long long)c->timed_out);
	json_integer(j, "aborted", (long long)c->aborted);
	json_integer(j, "dropped", (long long)c->dropped);
	json_integer(j, "errors", (long long)c->errors);
	json_string(j, "last_error", errno_name(c->last_error));
	json_integer(j, "unfinished", (long long)c->unfinished);
}

static void add_counts(struct storm_counts *sum, const struct storm_counts *c)
{
	sum->attempted += c->attempted;
	sum->ok += c->ok;
	sum->wrong_origin += c->wrong_origin;
	sum->lost_origin += c->lost_origin;
	sum->established += c->established;
	sum->refused += c->refused;
	sum->reset += c->reset;
	sum->timed_out += c->timed_out;
	sum->aborted += c->aborted;
	sum->dropped += c->dropped;
	sum->errors += c->errors;
	sum->unfinished += c->unfinished;
	if (c->last_error)
		sum->last_error = c->last_error;
}

static struct shared *share(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		die_errno("mmap");
	return s;
}

static void run_processes(struct storm *s, struct shared *shared, uint32_t processes)
{
	uint32_t total = s->connections, window = s->window;
	bool failed = false;
	int status;

	for (uint32_t p = 0; p < processes; p++) {
		pid_t child;

		s->offset = p;
		s->stride = processes;
		s->connections = total / processes + (p < total % processes);
		s->window = window / processes + (p < window % processes);
		child = fork();
		if (child < 0)
			die_errno("fork");
		if (!child) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			storm_client(s, &shared->counts[p]);
			_exit(0);
		}
	}
	for (uint32_t p = 0; p < processes; p++)
		if (wait(&status) < 0 || status)
			failed = true;
	if (failed)
		die("storm: a client process failed");
}

static void parse_options(int argc, char **argv, struct storm *s, uint32_t *processes,
			  long *seconds)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"ports", required_argument, NULL, 'p'},
		{"connections", required_argument, NULL, 'n'},
		{"open", required_argument, NULL, 'o'},
		{"processes", required_argument, NULL, 'k'},
		{"mode", required_argument, NULL, 'm'},
		{"seconds", required_argument, NULL, 's'},
		{"patience", required_argument, NULL, 'w'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': parse_prefix(optarg, s); break;
		case 'p': parse_ports(optarg, s); break;
		case 'n': s->connections = (uint32_t)parse_number(optarg, 1, 10000000); break;
		case 'o': s->window = (uint32_t)parse_number(optarg, 1, 200000); break;
		case 'k': *processes = (uint32_t)parse_number(optarg, 1, MAX_PROCESSES); break;
		case 'm': s->mode = optarg; break;
		case 's': *seconds = parse_number(optarg, 1, 3600); break;
		case 'w': s->patience = (int)parse_number(optarg, 1, 60000); break;
		default: exit(64);
		}
	}
	if (!s->hosts || !s->ports || !s->connections || optind != argc)
		die("storm: --to, --ports and --connections are needed, and nothing but options");
	if (!strstr("storm reset refused abort timeout", s->mode))
		die("storm: no mode '%s'", s->mode);
	if (s->window < *processes || (uint64_t)s->hosts * (uint64_t)s->ports < s->connections)
		die("storm: fewer destinations than connections, or --open below --processes");
}

int storm_command(int argc, char **argv)
{
	struct storm s = {.mode = "storm", .window = 1000, .patience = 500};
	struct storm_counts sum = {0};
	struct shared *shared = share();
	uint32_t processes = 2;
	long seconds = 120;
	uint64_t start = now_ns();
	struct json j;

	parse_options(argc, argv, &s, &processes, &seconds);
	raise_file_limit();
	s.open_now = &shared->open_now;
	s.peak_open = &shared->peak_open;
	s.deadline = start + (uint64_t)seconds * 1000000000;
	run_processes(&s, shared, processes);
	for (uint32_t p = 0; p < processes; p++)
		add_counts(&sum, &shared->counts[p]);
	json_open(&j);
	json_string(&j, "mode", s.mode);
	json_storm_counts(&j, &sum);
	json_integer(&j, "peak_open", (long long)shared->peak_open);
	json_integer(&j, "milliseconds", (long long)((now_ns() - start) / 1000000));
	json_close(&j);
	json_print(&j);
	return sum.wrong_origin || sum.lost_origin || sum.dropped || sum.errors || sum.unfinished;
}
