/* SPDX-License-Identifier: Apache-2.0 */
#include "exercise.h"

#include <stdarg.h>
#include <stdio.h>

static void append(struct json *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct json *j, const char *format, ...)
{
	va_list list;
	int written;

	va_start(list, format);
	written = vsnprintf(j->text + j->length, sizeof(j->text) - j->length, format, list);
	va_end(list);
	if (written < 0 || (size_t)written >= sizeof(j->text) - j->length)
		die("a JSON object is longer than %zu bytes", sizeof(j->text));
	j->length += (size_t)written;
}

static void append_quoted(struct json *j, const char *value)
{
	append(j, "\"");
	for (const unsigned char *c = (const unsigned char *)value; *c; c++) {
		if (*c == '"' || *c == '\\')
			append(j, "\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			append(j, "\\u%04x", *c);
		else
			append(j, "%c", *c);
	}
	append(j, "\"");
}

static void append_key(struct json *j, const char *key)
{
	append(j, "%s", j->length > 1 ? ", " : "");
	append_quoted(j, key);
	append(j, ": ");
}

void json_open(struct json *j)
{
	j->length = 0;
	append(j, "{");
}

void json_string(struct json *j, const char *key, const char *value)
{
	append_key(j, key);
	if (value)
		append_quoted(j, value);
	else
		append(j, "null");
}

void json_integer(struct json *j, const char *key, long long value)
{
	append_key(j, key);
	append(j, "%lld", value);
}

void json_number(struct json *j, const char *key, double value)
{
	append_key(j, key);
	append(j, "%.3f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	append_key(j, key);
	append(j, "%s", value ? "true" : "false");
}

void json_raw(struct json *j, const char *key, const char *value)
{
	append_key(j, key);
	append(j, "%s", value);
}

void json_endpoint(struct json *j, const char *key, const struct endpoint *e)
{
	char text[ENDPOINT_TEXT];

	json_string(j, key, format_endpoint(e, text));
}

void json_close(struct json *j)
{
	append(j, "}");
}

void json_print(const struct json *j)
{
	puts(j->text);
	fflush(stdout);
}
