/* SPDX-License-Identifier: Apache-2.0 */
/* dns: a DNS query, sent in one of the ways that resolvers send one. */
#include "exercise.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct query {
	const char *kind, *name;
	struct endpoint server, second, source, pktinfo;
	int milliseconds;

	int fd;
	struct endpoint peer, local;
};

struct answer {
	struct endpoint from;
	int error;
	bool understood;
	char text[1024];
};

static const char kinds[] = "unconnected sendmsg sendmmsg io_uring connected connected-sendto "
			    "reconnected tcp multi";

static bool is(const struct query *q, const char *kind)
{
	return !strcmp(q->kind, kind);
}

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* IP_PKTINFO or IPV6_PKTINFO: this datagram's own source. */
static void set_source(struct msghdr *message, union control *control, const struct endpoint *source)
{
	bool four = source->any.sa_family == AF_INET;
	size_t size = four ? sizeof(struct in_pktinfo) : sizeof(struct in6_pktinfo);

	memset(control, 0, sizeof(*control));
	control->header.cmsg_level = four ? SOL_IP : SOL_IPV6;
	control->header.cmsg_type = four ? IP_PKTINFO : IPV6_PKTINFO;
	control->header.cmsg_len = CMSG_LEN(size);
	if (four)
		((struct in_pktinfo *)CMSG_DATA(&control->header))->ipi_spec_dst = source->ipv4.sin_addr;
	else
		((struct in6_pktinfo *)CMSG_DATA(&control->header))->ipi6_addr = source->ipv6.sin6_addr;
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(size);
}

static bool send_by_message(const struct query *q, struct iovec *data, const struct endpoint *to)
{
	struct mmsghdr message = {.msg_hdr = {.msg_iov = data, .msg_iovlen = 1}};
	union control control;
	int result;

	if (q->pktinfo.length)
		set_source(&message.msg_hdr, &control, &q->pktinfo);
	message.msg_hdr.msg_name = (void *)&to->any;
	message.msg_hdr.msg_namelen = to->length;
	if (is(q, "sendmmsg"))
		return sendmmsg(q->fd, &message, 1, 0) == 1;
	if (is(q, "sendmsg"))
		return sendmsg(q->fd, &message.msg_hdr, 0) == (ssize_t)data->iov_len;
	result = uring_sendmsg(q->fd, &message.msg_hdr);
	if (result < 0)
		errno = -result;
	return result == (int)data->iov_len;
}

static bool send_query(const struct query *q, uint16_t id, const struct endpoint *to)
{
	uint8_t message[DNS_SIZE];
	struct iovec data = {.iov_base = message, .iov_len = dns_query(message, id, q->name)};

	if (is(q, "connected") || is(q, "reconnected"))
		return send(q->fd, message, data.iov_len, 0) == (ssize_t)data.iov_len;
	if (is(q, "sendmsg") || is(q, "sendmmsg") || is(q, "io_uring"))
		return send_by_message(q, &data, to);
	return sendto(q->fd, message, data.iov_len, 0, &to->any, to->length) ==
	       (ssize_t)data.iov_len;
}

/* One datagram; sets *id to the id in it. */
static void receive_answer(const struct query *q, struct answer *a, uint16_t *id)
{
	uint8_t message[DNS_SIZE];
	struct iovec data = {.iov_base = message, .iov_len = sizeof(message)};
	struct mmsghdr header = {.msg_hdr = {.msg_iov = &data, .msg_iovlen = 1}};
	ssize_t size;

	header.msg_hdr.msg_name = &a->from.any;
	header.msg_hdr.msg_namelen = sizeof(a->from.ipv6);
	if (!wait_for(q->fd, POLLIN, q->milliseconds)) {
		a->error = errno;
		return;
	}
	a->from.length = sizeof(a->from.ipv6);
	if (is(q, "sendmmsg"))
		size = recvmmsg(q->fd, &header, 1, 0, NULL) == 1 ? (ssize_t)header.msg_len : -1;
	else if (is(q, "sendmsg"))
		size = recvmsg(q->fd, &header.msg_hdr, 0);
	else
		size = recvfrom(q->fd, message, sizeof(message), 0, &a->from.any, &a->from.length);
	if (size < 2) {
		a->error = errno;
		a->from.length = 0;
		return;
	}
	*id = (uint16_t)(message[0] << 8 | message[1]);
	a->understood = dns_text(message, (size_t)size, a->text, sizeof(a->text));
}

static int connect_socket(struct query *q, const struct endpoint *to)
{
	if (connect(q->fd, &to->any, to->length))
		return errno;
	q->peer = peer_endpoint(q->fd);
	return 0;
}

static void ask_by_datagram(struct query *q, struct answer answers[2])
{
	bool multi = is(q, "multi");
	uint16_t base = (uint16_t)getpid(), id = base;

	if (is(q, "reconnected"))
		answers->error = connect_socket(q, &q->second);
	if (!answers->error && strstr(q->kind, "connected") && !is(q, "unconnected"))
		answers->error = connect_socket(q, &q->server);
	if (!answers->error && !send_query(q, base, &q->server))
		answers->error = errno;
	if (multi && !send_query(q, (uint16_t)(base + 1), &q->second))
		answers[1].error = errno;
	for (int i = 0; i <= multi && !answers->error; i++) {
		struct answer a = {0};

		receive_answer(q, &a, &id);
		answers[a.error ? i : (uint16_t)(id - base) & 1] = a;
	}
}

static void ask_by_stream(struct query *q, struct answer *a)
{
	uint8_t message[DNS_SIZE + 2];
	size_t size = dns_query(message + 2, (uint16_t)getpid(), q->name), length = 0;
	ssize_t got;

	message[0] = (uint8_t)(size >> 8);
	message[1] = (uint8_t)size;
	a->error = connect_socket(q, &q->server);
	if (a->error)
		return;
	a->from = q->peer;
	if (!send_all(q->fd, message, size + 2, q->milliseconds)) {
		a->error = errno;
		return;
	}
	while (length < 2 || length < 2u + (unsigned int)(message[0] << 8 | message[1])) {
		if (length == sizeof(message) || !wait_for(q->fd, POLLIN, q->milliseconds)) {
			a->error = errno;
			return;
		}
		got = recv(q->fd, message + length, sizeof(message) - length, 0);
		if (got <= 0) {
			a->error = got ? errno : ECONNRESET;
			return;
		}
		length += (size_t)got;
	}
	a->understood = dns_text(message + 2, length - 2, a->text, sizeof(a->text));
}

static void answer_json(struct json *j, const struct answer *a)
{
	json_string(j, "outcome", a->understood ? "answered" : a->error == ETIMEDOUT ? "timeout" :
				  a->error == ECONNREFUSED ? "refused" : "error");
	json_string(j, "errno", errno_name(a->error));
	json_endpoint(j, "reply_from", &a->from);
	json_string(j, "answer", a->understood ? a->text : NULL);
}

static int report(const struct query *q, const struct answer answers[2])
{
	struct json j, second;

	json_open(&j);
	json_string(&j, "kind", q->kind);
	json_endpoint(&j, "server", &q->server);
	answer_json(&j, &answers[0]);
	json_endpoint(&j, "getpeername", &q->peer);
	json_endpoint(&j, "getsockname", &q->local);
	if (is(q, "multi")) {
		json_open(&second);
		json_endpoint(&second, "server", &q->second);
		answer_json(&second, &answers[1]);
		json_close(&second);
		json_raw(&j, "second", second.text);
	}
	json_close(&j);
	json_print(&j);
	return !answers[0].understood || (is(q, "multi") && !answers[1].understood);
}

int dns_command(int argc, char **argv)
{
	static const struct option options[] = {
		{"second", required_argument, NULL, '2'},
		{"name", required_argument, NULL, 'n'},
		{"source", required_argument, NULL, 's'},
		{"pktinfo", required_argument, NULL, 'p'},
		{"timeout", required_argument, NULL, 'w'},
		{"mapped", no_argument, NULL, 'm'},
		{0},
	};
	struct query q = {.name = "weir.test", .milliseconds = 5000};
	struct answer answers[2] = {0};
	const char *second = NULL;
	bool mapped = false;
	int option, port = 53;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case '2': second = optarg; break;
		case 'n': q.name = optarg; break;
		case 's': q.source = need_address(optarg, 0); break;
		case 'p': q.pktinfo = need_address(optarg, 0); break;
		case 'w': q.milliseconds = (int)parse_number(optarg, 1, 600000); break;
		case 'm': mapped = true; break;
		default: return 64;
		}
	}
	if (argc - optind < 2 || argc - optind > 3)
		die("dns: KIND SERVER [PORT], with KIND one of %s", kinds);
	q.kind = argv[optind];
	if (!strstr(kinds, q.kind))
		die("dns: no kind '%s'; there are %s", q.kind, kinds);
	if (argc - optind == 3)
		port = (int)parse_number(argv[optind + 2], 1, 65535);
	q.server = need_address(argv[optind + 1], port);
	if (!second && (is(&q, "multi") || is(&q, "reconnected")))
		die("dns %s: --second is missing", q.kind);
	if (second)
		q.second = need_address(second, port);
	if (mapped) {
		q.server = map_endpoint(q.server);
		q.second = second ? map_endpoint(q.second) : q.second;
		q.source = q.source.length ? map_endpoint(q.source) : q.source;
		q.pktinfo = q.pktinfo.length ? map_endpoint(q.pktinfo) : q.pktinfo;
	}
	q.fd = socket(q.server.any.sa_family, is(&q, "tcp") ? SOCK_STREAM : SOCK_DGRAM, 0);
	if (q.fd < 0 || (q.source.length && bind(q.fd, &q.source.any, q.source.length)))
		die_errno("socket");
	if (is(&q, "tcp"))
		ask_by_stream(&q, answers);
	else
		ask_by_datagram(&q, answers);
	q.local = local_endpoint(q.fd);
	return report(&q, answers);
}
