/* SPDX-License-Identifier: Apache-2.0 */
/* Answers DNS queries with the facts, from the address they were sent to. */
#include "exercise.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

void accept_datagrams(int fd, int family)
{
	int one = 1;

	if (family == AF_INET ? setsockopt(fd, SOL_IP, IP_PKTINFO, &one, sizeof(one)) :
				setsockopt(fd, SOL_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)))
		die_errno("IP_PKTINFO");
}

/* Where the datagram was sent to.  Clears the interface, so that the same control answers it. */
static struct endpoint sent_to(struct msghdr *message, int port)
{
	struct endpoint to = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);

			to.ipv4 = (struct sockaddr_in){.sin_family = AF_INET,
						       .sin_addr = info->ipi_addr};
			to.length = sizeof(to.ipv4);
			info->ipi_ifindex = 0;
			info->ipi_spec_dst = info->ipi_addr;
		} else if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(c);

			to.ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
							.sin6_addr = info->ipi6_addr};
			to.length = sizeof(to.ipv6);
			if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
				info->ipi6_ifindex = 0;
		}
	}
	if (to.length)
		set_port(&to, port);
	return to;
}

void serve_datagrams(const struct service *s)
{
	uint8_t query[DNS_SIZE], reply[DNS_SIZE];
	char control[256];
	struct json j;

	for (;;) {
		struct endpoint peer = {0}, to;
		struct iovec data = {.iov_base = query, .iov_len = sizeof(query)};
		struct msghdr message = {.msg_name = &peer.any, .msg_namelen = sizeof(peer.ipv6),
					 .msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
					 .msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(s->fd, &message, 0);

		if (got < 0)
			continue;
		peer.length = message.msg_namelen;
		to = sent_to(&message, get_port(&s->listening));
		json_open(&j);
		json_string(&j, "name", s->name);
		json_integer(&j, "pid", getpid());
		json_integer(&j, "port", get_port(&s->listening));
		json_endpoint(&j, "peer", &peer);
		json_endpoint(&j, "landed_on", &to);
		json_close(&j);
		data.iov_base = reply;
		data.iov_len = dns_reply(reply, query, (size_t)got, j.text);
		if (data.iov_len && sendmsg(s->fd, &message, 0) < 0)
			continue;
	}
}
