/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a program that libbpf has prepared once, and the array that each copy has of its own. */
#include "CWeirBPF.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
