/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The words of the reasons, and proof that no struct that crosses has hidden padding. */
#include <weir/abi.h>

static const struct {
	const char *word;
	const char *sentence;
} reasons[] = {
#define WEIR_REASON_ROW(constant, word, sentence) { word, sentence },
	WEIR_REASONS(WEIR_REASON_ROW)
#undef WEIR_REASON_ROW
};

const char *weir_reason_word(__u32 reason)
{
	return reason < WEIR_REASON_COUNT ? reasons[reason].word : "unknown";
}

const char *weir_reason_sentence(__u32 reason)
{
	return reason < WEIR_REASON_COUNT ? reasons[reason].sentence : "";
}

static const struct {
	const char *word;
	const char *sentence;
} paths[] = {
#define WEIR_PATH_ROW(constant, word, sentence) { word, sentence },
	WEIR_PATHS(WEIR_PATH_ROW)
#undef WEIR_PATH_ROW
};

const char *weir_path_word(__u32 path)
{
	return path < WEIR_PATH_COUNT ? paths[path].word : "unknown";
}

const char *weir_path_sentence(__u32 path)
{
	return path < WEIR_PATH_COUNT ? paths[path].sentence : "";
}

#define ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " changed: raise WEIR_ABI_VERSION")
ASSERT_SIZE(weir_rule, 12);
ASSERT_SIZE(weir_policy, 96 + 2 * 32 * 12 + 64 * 64 + 3 * 8192);
ASSERT_SIZE(weir_slot, 20);
ASSERT_SIZE(weir_workload, 40 + WEIR_NAME_SIZE);
ASSERT_SIZE(weir_share, 32);
ASSERT_SIZE(weir_owner, 12);
ASSERT_SIZE(weir_prefix, 28);
ASSERT_SIZE(weir_destination, 28);
ASSERT_SIZE(weir_route, 32);
ASSERT_SIZE(weir_generations, 16);
ASSERT_SIZE(weir_user_port, 16);
ASSERT_SIZE(weir_interface_key, 24);
ASSERT_SIZE(weir_interface, 24);
ASSERT_SIZE(weir_tuple, 48);
ASSERT_SIZE(weir_door, 4);
ASSERT_SIZE(weir_origin, 44);
ASSERT_SIZE(weir_client, 16);
ASSERT_SIZE(weir_socket, 48);
ASSERT_SIZE(weir_loop, 32);
ASSERT_SIZE(weir_datagrams, 8 + 8 * 20);
ASSERT_SIZE(weir_listener, 16);
ASSERT_SIZE(weir_counter_key, 8);
ASSERT_SIZE(weir_counter, 32);
ASSERT_SIZE(weir_targets, 65536);
ASSERT_SIZE(weir_path_key, 8);
ASSERT_SIZE(weir_path_count, 24);
ASSERT_SIZE(weir_end, 32);
ASSERT_SIZE(weir_side, 112);
ASSERT_SIZE(weir_pair, 264);
ASSERT_SIZE(weir_flow, 184);
ASSERT_SIZE(weir_settings, 16);
ASSERT_SIZE(weir_attempt, 88);
