/* zstd_dictionary.h - the file of --dict, for both directions.
 *
 * libzstd makes tables of a dictionary, and a copy of it. It reports their size only after they are
 * made: its estimates are not part of its stable interface.
 */
#ifndef LEAT_CODEC_ZSTD_ZSTD_DICTIONARY_H
#define LEAT_CODEC_ZSTD_ZSTD_DICTIONARY_H

#include "stage.h"

/* leat_zstd_dictionary_plan - call in plan, as leat_plan_file; path NULL: no dictionary. Returns 0,
 * or fails the stage. */
int leat_zstd_dictionary_plan(struct leat_stage *stage, const char *path);
/* leat_zstd_dictionary_read - call in open, as leat_read_file. Any bytes are allowed; a file that
 * begins like the output of zstd --train must be complete. Returns 0, or fails the stage. */
int leat_zstd_dictionary_read(struct leat_stage *stage, const char *path, const uint8_t **ret_data,
                              size_t *ret_len);

#endif
