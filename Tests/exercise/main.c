/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{"connect", connect_command,
	 "KIND ADDRESS PORT [--token T] [--source A] [--source-port P] [--first A:P] [--uid U]\n"
	 "      [--gid G] [--sock-uid U] [--sock-gid G] [--cgroup DIR] [--timeout MS]\n"
	 "      [--hold MS]\n"
	 "      KIND: blocking nonblocking io_uring fastopen fastopen-connect mptcp mapped\n"
	 "      reconnect (--first refuses; default 127.0.0.1:9) disconnect (--first accepts)\n"
	 "      bound bound-any-port bound-any-address bound-mapped (all need --source)\n"
	 "      passed (made here, or under --sock-uid; connected by a child in --uid, --cgroup)\n"
	 "      sock-uid (made under --sock-uid, connected under --uid)"},
	{"adopt", adopt_command,
	 "[TOKEN]: as connect, on the connected socket that is standard input; reports on\n"
	 "      standard error (socat TCP:A:P EXEC:'weir-exercise adopt',nofork)"},
	{"dns", dns_command,
	 "KIND SERVER [PORT] [--second SERVER] [--name N] [--source A] [--mapped] [--timeout MS]\n"
	 "      KIND: unconnected sendmsg sendmmsg io_uring connected connected-sendto\n"
	 "      reconnected (to --second first) tcp multi (asks --second too, on one socket)"},
	{"listen", listen_command,
	 "--port P... [--address A]... [--name N] [--reuseport WORKERS] [--transparent] [--udp]\n"
	 "      [--dual] [--mptcp]: answers lines, HTTP, echo and DNS with what it sees"},
	{"in", in_command,
	 "[--netns NAME|PATH] [--cgroup DIR] [--uid U] [--gid G] [--orphan]\n"
	 "      [--without-bpf] [--user-map 'INSIDE OUTSIDE COUNT'] -- COMMAND...\n"
	 "      runs it there, with this pid; it dies with its parent unless --orphan"},
	{"storm", storm_command,
	 "--to ADDRESS/LENGTH --ports LOW-HIGH --connections N --open M --processes K\n"
	 "      [--mode storm|reset|refused|abort|timeout] [--seconds S] [--patience MS]"},
	{"storm-server", storm_server_command,
	 "--port P... [--workers K] [--stall]: until SIGTERM, then prints"},
	{"reach", reach_command,
	 "[--processes K] ADDRESS:PORT@UID...: connects in turn until SIGTERM, then prints who answered"},
	{"traffic", traffic_command,
	 "A:P | --port P [--connections N] [--seconds S] [--bytes MAX] [--seed N] [--aborts]\n"
	 "      connections of random messages and pauses both ways, every byte checked"},
	{"habit", habit_command,
	 "HABIT --to A:P --port P --bytes N [--message N] [--reader proxy|application]\n"
	 "      [--proxy-uid U] [--uid U]: one connection from A:P's caller to whoever listens on P;\n"
	 "      the reader begins when all is sent, and reads by its habit:\n"
	 "      level edge edge-short read-first blocking waitall splice lowat"},
	{"stall", stall_command,
	 "--to A:P --port P [--connections N] [--message N] [--seconds S] [--proxy-uid U] [--uid U]\n"
	 "      readers that never read: how much their writers can queue, and the kernel's memory"},
	{"squeeze", squeeze_command,
	 "--to A:P --port P --memory DIR [--patience MS] [--proxy-uid U] [--uid U]\n"
	 "      a writer that a cgroup of version 1 leaves no memory for a moment: is it told when there is some?"},
	{"relay", relay_command, "--port P A:P: passes connections on by splice(), as Go programs do"},
	{"bench-sink", bench_sink_command, "--port P [--mode accept|greet|echo|discard]"},
	{"bench-connect", bench_connect_command,
	 "A:P [B:P] [--count N] [--warmup N] [--netns-a NAME|PATH] [--netns-b NAME|PATH]\n"
	 "      [--cgroup-a DIR] [--cgroup-b DIR]:\n"
	 "      connect() and close(), A and B in turn"},
	{"bench-rtt", bench_rtt_command,
	 "A:P [B:P] [--count N] [--size BYTES]: ping-pong, in turn"},
	{"bench-stream", bench_stream_command,
	 "A:P [B:P] [--rounds N] [--megabytes N] [--size BYTES]: throughput, in turn"},
};

static int usage(FILE *to)
{
	fputs("usage: weir-exercise COMMAND ...\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %s %s\n", commands[i].name, commands[i].usage);
	fputs("Prints JSON, except in.  Exit: 0 as hoped, 1 not, 2 could not run, 64 usage.\n"
	      "Build: cc -std=gnu17 -O2 -Wall -Wextra -Werror -o weir-exercise Tests/exercise/*.c\n",
	      to);
	return to == stdout ? 0 : 64;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		return usage(stdout);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return usage(stderr);
}
