/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's messages, and its calls that take option structs. */
#define _GNU_SOURCE
#include "CWeirBPF.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread char *log_buffer;
static __thread size_t log_size, log_used;

static int log_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (!log_buffer || level == LIBBPF_DEBUG)
		return 0;

	char *line = NULL;
	int length = vasprintf(&line, format, arguments);

	if (length < 0)
		return 0;

	const char *from = line;
	size_t size = (size_t)length;

	if (size >= log_size) {
		from += size - (log_size - 1);
		size = log_size - 1;
	}
	if (log_used + size >= log_size) {
		size_t drop = log_used + size - (log_size - 1);

		memmove(log_buffer, log_buffer + drop, log_used - drop);
		log_used -= drop;
	}
	memcpy(log_buffer + log_used, from, size);
	log_used += size;
	log_buffer[log_used] = 0;
	free(line);
	return 0;
}

void weir_log_capture(char *buffer, size_t size)
{
	log_buffer = buffer;
	log_size = size;
	log_used = 0;
	if (buffer && size)
		buffer[0] = 0;
	libbpf_set_print(log_print);
}

struct bpf_object *weir_object_open(const void *data, size_t size, const char *name, int *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
	struct bpf_object *object = bpf_object__open_mem(data, size, &options);

	*error = object ? 0 : -errno;
	return object;
}

int weir_program_run(int program, void *data, uint32_t size, uint32_t *result)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = size, .data_out = data,
		    .data_size_out = size, .repeat = 1);
	int error = bpf_prog_test_run_opts(program, &options);

	*result = options.retval;
	return error;
}

int weir_link_create(int program, int target, enum bpf_attach_type type)
{
	return bpf_link_create(program, target, type, NULL);
}

/* include/uapi/linux/bpf.h, from Linux 6.6 on. */
enum { WEIR_BPF_F_BEFORE = 1U << 3 };

int weir_link_create_first(int program, int cgroup, enum bpf_attach_type type)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = WEIR_BPF_F_BEFORE);

	return bpf_link_create(program, cgroup, type, &options);
}

int weir_iterator_create(int program, int map)
{
	union bpf_iter_link_info over = { .map.map_fd = (__u32)map };
	LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &over, .iter_info_len = sizeof(over));

	return bpf_link_create(program, 0, BPF_TRACE_ITER, map < 0 ? NULL : &options);
}

int weir_link_update(int link, int program)
{
	return bpf_link_update(link, program, NULL);
}

int weir_link_info(int link, struct bpf_link_info *info)
{
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(link, info, &size);
}

int weir_program_info(int program, struct bpf_prog_info *info)
{
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(program, info, &size);
}

int weir_map_info(int map, struct bpf_map_info *info)
{
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(map, info, &size);
}

int weir_cgroup_programs(int cgroup, enum bpf_attach_type type, uint32_t *ids, uint32_t capacity,
			 uint32_t *flags)
{
	__u32 count = capacity;
	int error = bpf_prog_query(cgroup, type, 0, flags, ids, &count);

	return error ? error : (int)count;
}

int weir_cgroup_order(int cgroup, enum bpf_attach_type type, uint32_t *ids, uint32_t capacity)
{
	__u32 count = capacity;
	int error = bpf_prog_query(cgroup, type, BPF_F_QUERY_EFFECTIVE, NULL, ids, &count);

	return error ? error : (int)count;
}

int weir_program_maps(int program, uint32_t *ids, uint32_t capacity)
{
	struct bpf_prog_info info = { .map_ids = (__u64)(unsigned long)ids, .nr_map_ids = capacity };
	__u32 size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(program, &info, &size);

	if (error)
		return error;
	return (int)(info.nr_map_ids < capacity ? info.nr_map_ids : capacity);
}
