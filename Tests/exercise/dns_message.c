/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough of RFC 1035: one TXT question; TXT and A answers. */
#include "exercise.h"

#include <string.h>

enum { HEADER = 12, TYPE_A = 1, TYPE_TXT = 16, TTL = 5 };

static size_t put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return 2;
}

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

/* The offset after a name, or 0 when it leaves the message. */
static size_t skip_name(const uint8_t *message, size_t size, size_t at)
{
	while (at < size && message[at] && message[at] < 0xc0)
		at += message[at] + 1u;
	if (at >= size)
		return 0;
	at += message[at] ? 2 : 1;
	return at <= size ? at : 0;
}

size_t dns_query(uint8_t out[DNS_SIZE], uint16_t id, const char *name)
{
	size_t at = HEADER, label;

	memset(out, 0, HEADER);
	put16(out, id);
	put16(out + 2, 0x0100);		/* recursion desired */
	put16(out + 4, 1);
	for (; *name; name += label + (name[label] == '.')) {
		label = strcspn(name, ".");
		if (!label || label > 63 || at + label > 255 + HEADER)
			die("'%s' is not a domain name", name);
		out[at++] = (uint8_t)label;
		memcpy(out + at, name, label);
		at += label;
	}
	out[at++] = 0;
	at += put16(out + at, TYPE_TXT);
	return at + put16(out + at, 1);
}

static size_t put_txt(uint8_t *out, const char *text)
{
	size_t left = strnlen(text, 900), at = 2, part;

	for (; left; left -= part, text += part) {
		part = left < 255 ? left : 255;
		out[at++] = (uint8_t)part;
		memcpy(out + at, text, part);
		at += part;
	}
	put16(out, (unsigned int)(at - 2));
	return at;
}

/* TXT is answered with the text, A with 240.240.0.1, anything else with nothing. */
size_t dns_reply(uint8_t out[DNS_SIZE], const uint8_t *query, size_t size, const char *text)
{
	static const uint8_t address[] = {0, 4, 240, 240, 0, 1};
	size_t end = size > HEADER ? skip_name(query, size, HEADER) : 0, at;
	unsigned int type;

	if (!end || end + 4 > size || end > 300)
		return 0;
	type = get16(query + end);
	at = end + 4;
	memcpy(out, query, at);
	put16(out + 2, 0x8180);		/* response, recursion desired and available */
	put16(out + 4, 1);
	put16(out + 6, type == TYPE_A || type == TYPE_TXT);
	memset(out + 8, 0, 4);
	if (type != TYPE_A && type != TYPE_TXT)
		return at;
	at += put16(out + at, 0xc000 | HEADER);
	at += put16(out + at, type);
	at += put16(out + at, 1);
	at += put16(out + at, 0);
	at += put16(out + at, TTL);
	if (type == TYPE_TXT)
		return at + put_txt(out + at, text);
	memcpy(out + at, address, sizeof(address));
	return at + sizeof(address);
}

bool dns_text(const uint8_t *reply, size_t size, char *out, size_t out_size)
{
	size_t at = size > HEADER ? skip_name(reply, size, HEADER) : 0, end, length = 0, part;

	if (!at || !(reply[2] & 0x80) || !get16(reply + 6))
		return false;
	at = skip_name(reply, size, at + 4);
	if (!at || at + 10 > size || get16(reply + at) != TYPE_TXT)
		return false;
	end = at + 10 + get16(reply + at + 8);
	if (end > size)
		return false;
	for (at += 10; at < end; at += part) {
		part = reply[at++];
		if (at + part > end || length + part >= out_size)
			return false;
		memcpy(out + length, reply + at, part);
		length += part;
	}
	out[length] = 0;
	return true;
}
