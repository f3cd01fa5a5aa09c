/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one accepted connection gets, by what it says first:
 *   a DNS message (its first byte is 0)   a DNS answer that carries the facts
 *   "GET ...", "HEAD ...", "POST ..."     HTTP: the facts in the header X-Weir; as the body,
 *                                         the request's body, or the facts when there is none
 *   "echo"                                a line of facts, then every byte back until the end
 *   any other line                        a line of facts; then the next line
 * The facts: which listener, what it sees of the two ends, the original destination.
 */
#include "exercise.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PATIENCE 60000

struct connection {
	const struct service *service;
	int fd;
	struct endpoint local, peer, origin;
	int origin_error;
	size_t size;
	char buffer[65536];
};

static void facts(const struct connection *c, const char *token, struct json *j)
{
	json_open(j);
	json_string(j, "name", c->service->name);
	json_integer(j, "pid", getpid());
	json_endpoint(j, "listening", &c->service->listening);
	json_integer(j, "port", get_port(&c->service->listening));
	json_endpoint(j, "peer", &c->peer);
	json_endpoint(j, "getsockname", &c->local);
	json_endpoint(j, "original_dst", &c->origin);
	json_string(j, "original_dst_errno", errno_name(c->origin_error));
	json_string(j, "token", token);
	json_close(j);
}

static bool fill(struct connection *c)
{
	ssize_t got;

	if (c->size == sizeof(c->buffer))
		return false;
	do
		got = recv(c->fd, c->buffer + c->size, sizeof(c->buffer) - c->size, 0);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	c->size += (size_t)got;
	return true;
}

static void consume(struct connection *c, size_t size)
{
	c->size -= size;
	memmove(c->buffer, c->buffer + size, c->size);
}

static void serve_dns(struct connection *c)
{
	uint8_t reply[DNS_SIZE + 2];
	struct json j;
	size_t size, length;

	facts(c, NULL, &j);
	for (;;) {
		while (c->size < 2)
			if (!fill(c))
				return;
		length = (size_t)((uint8_t)c->buffer[0] << 8 | (uint8_t)c->buffer[1]);
		while (c->size < length + 2)
			if (!fill(c))
				return;
		size = dns_reply(reply + 2, (uint8_t *)c->buffer + 2, length, j.text);
		reply[0] = (uint8_t)(size >> 8);
		reply[1] = (uint8_t)size;
		if (!size || !send_all(c->fd, reply, size + 2, PATIENCE))
			return;
		consume(c, length + 2);
	}
}

/* Sends what is in the buffer, and reads on, until `left` bytes went back. */
static void echo(struct connection *c, size_t left)
{
	size_t part;

	while (left && (c->size || fill(c))) {
		part = c->size < left ? c->size : left;
		if (!send_all(c->fd, c->buffer, part, PATIENCE))
			return;
		consume(c, part);
		left -= part;
	}
	shutdown(c->fd, SHUT_WR);
}

static void serve_http(struct connection *c)
{
	char head[18000], *end, *field;
	struct json j;
	size_t body = 0;
	int size;
	bool head_only;

	while (!memmem(c->buffer, c->size, "\r\n\r\n", 4))
		if (!fill(c))
			return;
	end = memmem(c->buffer, c->size, "\r\n\r\n", 4);
	*end = 0;
	head_only = !strncmp(c->buffer, "HEAD ", 5);
	field = strcasestr(c->buffer, "\r\ncontent-length:");
	if (field)
		body = strtoul(field + 17, NULL, 10);
	consume(c, (size_t)(end - c->buffer) + 4);
	facts(c, NULL, &j);
	size = snprintf(head, sizeof(head),
			"HTTP/1.1 200 OK\r\nX-Weir: %s\r\nContent-Length: %zu\r\n"
			"Connection: close\r\n\r\n", j.text, body ? body : j.length);
	if (!send_all(c->fd, head, (size_t)size, PATIENCE))
		return;
	if (body)
		echo(c, body);
	else if (!head_only)
		send_all(c->fd, j.text, j.length, PATIENCE);
	shutdown(c->fd, SHUT_WR);
	c->size = 0;
	while (fill(c))
		c->size = 0;
}

static void serve_lines(struct connection *c)
{
	struct json j;
	char *end;

	for (;;) {
		while (!(end = memchr(c->buffer, '\n', c->size)))
			if (!fill(c))
				return;
		*end = 0;
		facts(c, strlen(c->buffer) < 1024 ? c->buffer : "(long)", &j);
		j.text[j.length] = '\n';
		if (!send_all(c->fd, j.text, j.length + 1, PATIENCE))
			return;
		if (!strcmp(c->buffer, "echo")) {
			consume(c, (size_t)(end - c->buffer) + 1);
			return echo(c, SIZE_MAX);
		}
		consume(c, (size_t)(end - c->buffer) + 1);
	}
}

void serve_connection(const struct service *s, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		die_errno("calloc");
	c->service = s;
	c->fd = fd;
	c->local = local_endpoint(fd);
	c->peer = peer_endpoint(fd);
	c->origin_error = original_destination(fd, &c->origin);
	while (c->size < 5 && !memchr(c->buffer, '\n', c->size) && !(c->size && !c->buffer[0]))
		if (!fill(c))
			break;
	if (c->size && !c->buffer[0])
		serve_dns(c);
	else if (c->size >= 5 && (!memcmp(c->buffer, "GET ", 4) || !memcmp(c->buffer, "POST ", 5) ||
				  !memcmp(c->buffer, "HEAD ", 5)))
		serve_http(c);
	else if (c->size)
		serve_lines(c);
	close(fd);
	free(c);
}
