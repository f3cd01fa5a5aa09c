/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

bool wait_for(int fd, short events, int milliseconds)
{
	struct pollfd p = {.fd = fd, .events = events};
	int ready;

	do
		ready = poll(&p, 1, milliseconds);
	while (ready < 0 && errno == EINTR);
	if (!ready)
		errno = ETIMEDOUT;
	return ready > 0;
}

bool send_all(int fd, const void *data, size_t size, int milliseconds)
{
	const char *at = data;
	ssize_t sent;

	while (size) {
		sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN && wait_for(fd, POLLOUT, milliseconds))
			continue;
		if (sent < 0)
			return false;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

int converse(int fd, const char *token, char *reply, size_t size, int milliseconds)
{
	size_t length = 0;
	ssize_t got;

	*reply = 0;
	if (token) {
		char line[512];
		size_t end = strnlen(token, sizeof(line) - 1);

		memcpy(line, token, end);
		line[end] = '\n';
		if (!send_all(fd, line, end + 1, milliseconds))
			return errno;
	}
	while (length < size - 1) {
		got = recv(fd, reply + length, size - 1 - length, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN && wait_for(fd, POLLIN, milliseconds))
			continue;
		if (got < 0)
			return errno;
		if (!got)
			break;
		length += (size_t)got;
		reply[length] = 0;
		if (strchr(reply, '\n'))
			break;
	}
	reply[strcspn(reply, "\n")] = 0;
	return 0;
}
