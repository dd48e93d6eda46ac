/* zstd_seekable.h - encodes zstd's seekable format: frames of a fixed size of input, and a seek
 * table of their sizes in a skippable frame at the end, by which a reader finds the frames it
 * needs.
 *
 * Every zstd decoder reads it. A lane makes whole frames; the join collects their sizes.
 */
#ifndef LEAT_CODEC_ZSTD_ZSTD_SEEKABLE_H
#define LEAT_CODEC_ZSTD_ZSTD_SEEKABLE_H

#include <zstd.h>

#include "stage.h"

#define LEAT_ZSTD_SEEKABLE_DEFAULT (1 << 20)
#define LEAT_ZSTD_SEEKABLE_MIN ((int64_t)1 << 10)
#define LEAT_ZSTD_SEEKABLE_MAX ((int64_t)1 << 30) /* limit of the format */

/* Result of a lane for a frame. */
struct leat_zstd_seekable_result {
    uint32_t made, len; /* bytes of the frame, and of its contents */
};

struct leat_zstd_seekable {
    size_t made_size; /* enough for a frame */
    /* For the join. */
    uint8_t *table; /* of table_size bytes; table_len are filled */
    size_t table_size, table_len, table_pos;
    uint32_t frames;
    bool closed; /* the table is complete */
};

/* leat_zstd_seekable_need - bytes that libzstd holds, at most, to compress `size` bytes at once,
 * those of a dictionary included; `need` is its memory for input of any length. */
uint64_t leat_zstd_seekable_need(uint64_t need, uint64_t size);
int leat_zstd_seekable_open(struct leat_stage *stage, struct leat_zstd_seekable *s, size_t size);
int leat_zstd_seekable_step(struct leat_stage *stage, struct leat_zstd_seekable *s,
                            ZSTD_CCtx *context, struct leat_in *in, struct leat_out *out);
int leat_zstd_seekable_join(struct leat_stage *stage, struct leat_zstd_seekable *s,
                            enum leat_join when, const struct leat_zstd_seekable_result *result,
                            struct leat_out *out);
void leat_zstd_seekable_close(struct leat_stage *stage, struct leat_zstd_seekable *s);

#endif
