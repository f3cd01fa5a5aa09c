/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-exercise: the network programs that Weir's end-to-end tests and
 * benches are made of.  One command a file; every command prints JSON.
 * Every file includes this header first: it asks for the GNU interfaces.
 */
#ifndef EXERCISE_H
#define EXERCISE_H

#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define ENDPOINT_TEXT 64

/* An address and a port. */
struct endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	};
	socklen_t length;
};

/* command.c */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *what);
long parse_number(const char *text, long low, long high);
const char *errno_name(int error);	/* NULL for 0 */
uint64_t now_ns(void);
void print_ready(void);
void raise_file_limit(void);

/* endpoint.c */
bool parse_address(const char *text, int port, struct endpoint *out);
bool parse_endpoint(const char *text, struct endpoint *out);
struct endpoint need_address(const char *text, int port);
struct endpoint need_endpoint(const char *text);
struct endpoint map_endpoint(struct endpoint e);
void set_port(struct endpoint *e, int port);
int get_port(const struct endpoint *e);
struct endpoint local_endpoint(int fd);
struct endpoint peer_endpoint(int fd);
/* "10.0.0.1:80", "[fd00::1]:80", "[::ffff:10.0.0.1]:80"; NULL when unknown. */
const char *format_endpoint(const struct endpoint *e, char out[ENDPOINT_TEXT]);
/* What the accepted socket says it was meant for; 0 or an errno. */
int original_destination(int fd, struct endpoint *out);

/* json.c: one flat object, or nested ones by json_raw(). */
struct json {
	char text[16384];
	size_t length;
};
void json_open(struct json *j);
void json_string(struct json *j, const char *key, const char *value);
void json_integer(struct json *j, const char *key, long long value);
void json_number(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_raw(struct json *j, const char *key, const char *value);
void json_endpoint(struct json *j, const char *key, const struct endpoint *e);
void json_close(struct json *j);
void json_print(const struct json *j);

/* identity.c */
void join_cgroup(const char *directory);
int open_netns(const char *name_or_path);
void enter_user_namespace(const char *mapping);	/* "INSIDE OUTSIDE COUNT", of uids and gids */
void become(long uid, long gid);	/* for good; -1 leaves as it is */
/* A socket made under other ids than the process goes on with. */
int socket_made_by(long uid, long gid, int domain, int type, int protocol);

/* uring.c: one request through a fresh io_uring; its result or -errno. */
struct io_uring_sqe;
int uring_run(const struct io_uring_sqe *request);
int uring_connect(int fd, const struct endpoint *to);
int uring_sendmsg(int fd, const struct msghdr *message);

/* conversation.c */
bool wait_for(int fd, short events, int milliseconds);
bool send_all(int fd, const void *data, size_t size, int milliseconds);
/* Sends the token as a line (unless NULL) and reads one line; 0 or an errno. */
int converse(int fd, const char *token, char *reply, size_t size, int milliseconds);

/* One attempt to connect, of any kind; see attempt_kinds.c. */
struct attempt {
	const char *kind;
	struct endpoint destination;
	struct endpoint first;		/* reconnect, disconnect: where it goes before */
	struct endpoint source;		/* bound*: length 0 when none was given */
	const char *token;
	const char *cgroup;
	long uid, gid, sock_uid, sock_gid;
	int milliseconds, hold;		/* to wait for the other side; to stay connected */

	int fd;
	bool token_sent;		/* it went with the SYN */
	bool in_progress;		/* connect() returned before the connection was there */
	int first_error;
};
typedef int (*attempt_function)(struct attempt *a);	/* 0 or an errno */
attempt_function find_attempt(const char *kind);
const char *attempt_kinds(void);
int report_attempt(struct attempt *a, int error);	/* prints; the exit code */
int pass_attempt(struct attempt *a);			/* passed.c */

/* dns_message.c */
#define DNS_SIZE 1232
size_t dns_query(uint8_t out[DNS_SIZE], uint16_t id, const char *name);
size_t dns_reply(uint8_t out[DNS_SIZE], const uint8_t *query, size_t size, const char *text);
bool dns_text(const uint8_t *reply, size_t size, char *out, size_t out_size);

/* serve.c, serve_udp.c: what one accepted connection, one datagram gets. */
struct service {
	const char *name;
	struct endpoint listening;
	int fd;
};
void serve_connection(const struct service *s, int fd);
void serve_datagrams(const struct service *s);
void accept_datagrams(int fd, int family);

/* storm_*.c */
struct storm_counts {
	uint64_t attempted, ok, wrong_origin, lost_origin, refused, reset, timed_out, aborted;
	uint64_t established, dropped, errors, unfinished;
	int last_error;
};
struct storm {
	const char *mode;
	struct endpoint prefix;		/* first address */
	uint32_t hosts;			/* addresses in it, at most 2^24 */
	int first_port, ports;
	uint32_t connections, window;	/* of one process */
	uint32_t offset, stride;	/* this process asks for offset, offset + stride, ... */
	int patience;			/* ms, TCP_USER_TIMEOUT of mode timeout */
	uint64_t deadline;
	uint64_t *open_now, *peak_open;	/* shared between the processes */
};
struct endpoint storm_destination(const struct storm *s, uint32_t index);
void storm_client(const struct storm *s, struct storm_counts *c);
void json_storm_counts(struct json *j, const struct storm_counts *c);

/* bench.c */
struct endpoint bench_target(int argc, char **argv, int index);
void json_sample(struct json *j, const char *key, uint32_t *sample, size_t count);
uint32_t *bench_sample(size_t count);

/* bench_sockets.c: sockets made in another cgroup; at most two sources a process. */
struct bench_sockets *bench_sockets_from(const char *cgroup, int family);
int bench_socket_of(struct bench_sockets *source);

/* The commands. */
int adopt_command(int argc, char **argv);
int bench_connect_command(int argc, char **argv);
int bench_rtt_command(int argc, char **argv);
int bench_sink_command(int argc, char **argv);
int bench_stream_command(int argc, char **argv);
int connect_command(int argc, char **argv);
int dns_command(int argc, char **argv);
int habit_command(int argc, char **argv);
int in_command(int argc, char **argv);
int listen_command(int argc, char **argv);
int relay_command(int argc, char **argv);
int reach_command(int argc, char **argv);
int stall_command(int argc, char **argv);
int squeeze_command(int argc, char **argv);
int storm_command(int argc, char **argv);
int storm_server_command(int argc, char **argv);
int traffic_command(int argc, char **argv);

#endif
