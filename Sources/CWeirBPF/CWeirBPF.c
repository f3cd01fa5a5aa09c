/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CWeirBPF.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14; Debian 12's libc headers know it, older ones do not */
#endif

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

/* What libbpf gave to the kernel with the last sk_lookup program of this thread. */
static __thread struct bpf_prog_load_opts last_options;

static int keep_options(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	(void)program;
	(void)cookie;
	last_options = *options;
	return 0;
}

__attribute__((constructor)) static void watch_options(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = keep_options);

	libbpf_register_prog_handler("sk_lookup", BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, &options);
}

struct weir_copier {
	struct bpf_prog_load_opts options;
	const char *name;
	size_t count;
	int own_map; /* stands in the instructions */
	struct bpf_insn instructions[];
};

struct weir_copier *weir_copier_new(struct bpf_program *program, int own_map)
{
	size_t count = bpf_program__insn_cnt(program);
	size_t size = count * sizeof(struct bpf_insn);
	struct weir_copier *copier = malloc(sizeof(*copier) + size);

	if (!copier)
		return NULL;
	copier->options = last_options;
	copier->options.log_level = 0;
	copier->options.log_size = 0;
	copier->options.log_buf = NULL;
	copier->name = bpf_program__name(program);
	copier->count = count;
	copier->own_map = own_map;
	memcpy(copier->instructions, bpf_program__insns(program), size);
	return copier;
}

int weir_copier_load(const struct weir_copier *copier, int other)
{
	size_t size = copier->count * sizeof(struct bpf_insn);
	struct bpf_insn *instructions = malloc(size);
	struct bpf_prog_load_opts options = copier->options;
	int program;

	if (!instructions)
		return -ENOMEM;
	memcpy(instructions, copier->instructions, size);
	for (size_t i = 0; i < copier->count; i++) {
		struct bpf_insn *instruction = &instructions[i];

		if (instruction->code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    instruction->src_reg == BPF_PSEUDO_MAP_VALUE && instruction->imm == copier->own_map)
			instruction->imm = other;
	}
	program = bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, copier->name, "Dual BSD/GPL", instructions,
				copier->count, &options);
	free(instructions);
	return program;
}

void weir_copier_free(struct weir_copier *copier)
{
	free(copier);
}

int weir_constant_create(const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);

	return bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), sizeof(uint64_t), 1, &options);
}

int weir_constant_set(int map, uint64_t value)
{
	__u32 zero = 0;
	int error = bpf_map_update_elem(map, &zero, &value, 0);

	return error ? error : bpf_map_freeze(map);
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

int weir_wait_for_programs(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

int weir_netns_enter(int netns)
{
	return setns(netns, CLONE_NEWNET) ? -errno : 0;
}

int weir_netns_create(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int control, error;

	if (unshare(CLONE_NEWNET))
		return -errno;
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = control < 0 || ioctl(control, SIOCSIFFLAGS, &loopback) ? -errno : 0;
	if (control >= 0)
		close(control);
	return error;
}

ssize_t weir_splice(int from, int to, size_t size)
{
	ssize_t moved = splice(from, NULL, to, NULL, size, SPLICE_F_NONBLOCK);

	return moved < 0 ? -errno : moved;
}

int weir_netns_cookie(int netns, uint64_t *cookie)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int error = home < 0 ? -errno : weir_netns_enter(netns);

	if (!error) {
		int socket_there = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t size = sizeof(*cookie);

		if (socket_there < 0 || getsockopt(socket_there, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size))
			error = -errno;
		if (socket_there >= 0)
			close(socket_there);
		/* Going on in the wrong namespace would be worse than not going on. */
		if (setns(home, CLONE_NEWNET))
			abort();
	}
	if (home >= 0)
		close(home);
	return error;
}

int weir_descriptor_of(int pid, int descriptor)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	if (process < 0)
		return -errno;

	int copy = (int)syscall(SYS_pidfd_getfd, process, descriptor, 0);
	int error = errno;

	close(process);
	return copy < 0 ? -error : copy;
}

int weir_mount(const char *type, const char *target)
{
	return mount(type, target, type, 0, NULL) ? -errno : 0;
}

void weir_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}
