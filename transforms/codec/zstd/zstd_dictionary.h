/* zstd_dictionary.h - the file of --dict, for both directions.
 *
 * libzstd makes tables of a dictionary, a copy of it among them. It tells their size when they are
 * there, and only then: its estimates are not part of its stable interface.
 */
#ifndef LEAT_CODEC_ZSTD_DICTIONARY_H
#define LEAT_CODEC_ZSTD_DICTIONARY_H

#include "stage.h"

/* leat_zstd_dictionary_plan - in plan: leat_plan_file; path NULL: there is none. Returns 0, or fails the
 * stage. */
int leat_zstd_dictionary_plan(struct leat_stage *stage, const char *path);
/* leat_zstd_dictionary_read - in open: leat_read_file. Any bytes will do; those that begin as zstd
 * --train has it must be whole. Returns 0, or fails the stage. */
int leat_zstd_dictionary_read(struct leat_stage *stage, const char *path, const uint8_t **ret_data,
                              size_t *ret_len);

#endif
