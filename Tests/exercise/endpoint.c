/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* <linux/netfilter_ipv4.h>, <linux/netfilter_ipv6/ip6_tables.h> */
#define SO_ORIGINAL_DST 80
#define IP6T_SO_ORIGINAL_DST 80

bool parse_address(const char *text, int port, struct endpoint *out)
{
	*out = (struct endpoint){0};
	if (inet_pton(AF_INET, text, &out->ipv4.sin_addr) == 1) {
		out->ipv4.sin_family = AF_INET;
		out->length = sizeof(out->ipv4);
	} else if (inet_pton(AF_INET6, text, &out->ipv6.sin6_addr) == 1) {
		out->ipv6.sin6_family = AF_INET6;
		out->length = sizeof(out->ipv6);
	} else {
		return false;
	}
	set_port(out, port);
	return true;
}

bool parse_endpoint(const char *text, struct endpoint *out)
{
	char address[ENDPOINT_TEXT], *end;
	const char *colon = strrchr(text, ':');
	size_t size;
	long port;

	if (!colon || strlen(text) >= sizeof(address))
		return false;
	port = strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port < 0 || port > 65535)
		return false;
	size = (size_t)(colon - text);
	if (size > 2 && text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	}
	memcpy(address, text, size);
	address[size] = 0;
	return parse_address(address, (int)port, out);
}

struct endpoint need_address(const char *text, int port)
{
	struct endpoint e;

	if (!parse_address(text, port, &e))
		die("'%s' is not an IP address", text);
	return e;
}

struct endpoint need_endpoint(const char *text)
{
	struct endpoint e;

	if (!parse_endpoint(text, &e))
		die("'%s' is not ADDRESS:PORT", text);
	return e;
}

/* The IPv4-mapped form of an IPv4 endpoint, for an AF_INET6 socket. */
struct endpoint map_endpoint(struct endpoint e)
{
	struct endpoint mapped = {0};

	if (e.any.sa_family != AF_INET)
		return e;
	mapped.ipv6.sin6_family = AF_INET6;
	mapped.ipv6.sin6_port = e.ipv4.sin_port;
	mapped.ipv6.sin6_addr.s6_addr[10] = 0xff;
	mapped.ipv6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.ipv6.sin6_addr.s6_addr[12], &e.ipv4.sin_addr, 4);
	mapped.length = sizeof(mapped.ipv6);
	return mapped;
}

void set_port(struct endpoint *e, int port)
{
	if (e->any.sa_family == AF_INET)
		e->ipv4.sin_port = htons((uint16_t)port);
	else
		e->ipv6.sin6_port = htons((uint16_t)port);
}

int get_port(const struct endpoint *e)
{
	return ntohs(e->any.sa_family == AF_INET ? e->ipv4.sin_port : e->ipv6.sin6_port);
}

struct endpoint local_endpoint(int fd)
{
	struct endpoint e = {.length = sizeof(e.ipv6)};

	if (getsockname(fd, &e.any, &e.length))
		e.length = 0;
	return e;
}

struct endpoint peer_endpoint(int fd)
{
	struct endpoint e = {.length = sizeof(e.ipv6)};

	if (getpeername(fd, &e.any, &e.length))
		e.length = 0;
	return e;
}

const char *format_endpoint(const struct endpoint *e, char out[ENDPOINT_TEXT])
{
	char address[INET6_ADDRSTRLEN];

	if (!e->length)
		return NULL;
	if (e->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &e->ipv4.sin_addr, address, sizeof(address));
		snprintf(out, ENDPOINT_TEXT, "%s:%d", address, get_port(e));
		return out;
	}
	if (e->any.sa_family != AF_INET6)
		return NULL;
	inet_ntop(AF_INET6, &e->ipv6.sin6_addr, address, sizeof(address));
	snprintf(out, ENDPOINT_TEXT, "[%s]:%d", address, get_port(e));
	return out;
}

/* As Envoy and HAProxy ask: by the family of the local address, not of the socket. */
int original_destination(int fd, struct endpoint *out)
{
	struct endpoint local = local_endpoint(fd);
	bool ipv4 = local.any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&local.ipv6.sin6_addr);
	int level = ipv4 ? SOL_IP : SOL_IPV6;

	*out = (struct endpoint){0};
	out->length = ipv4 ? sizeof(out->ipv4) : sizeof(out->ipv6);
	if (!getsockopt(fd, level, ipv4 ? SO_ORIGINAL_DST : IP6T_SO_ORIGINAL_DST, &out->any,
			&out->length))
		return 0;
	out->length = 0;
	return errno;
}
