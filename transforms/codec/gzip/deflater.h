/* deflater.h - raw deflate encoding of one piece of a stream, by whichever library is best at a
 * level.
 *
 * Pieces are compressed independently, so that several workers can share a stream, and join into
 * one deflate stream: every piece but the last ends on a byte boundary with an empty stored block
 * (00 00 FF FF) and has no final bit.
 */
#ifndef LEAT_CODEC_DEFLATER_H
#define LEAT_CODEC_DEFLATER_H

#include "stage.h"

#define LEAT_DEFLATE_WINDOW ((size_t)32768)
#define LEAT_DEFLATE_LEVEL_MAX 12
#define LEAT_DEFLATE_LEVEL_DEFAULT 6
/* What an empty stored block takes after a piece, at most: three bits, alignment, four bytes. */
#define LEAT_DEFLATE_MARK_MAX 5u

struct leat_piece {
    const uint8_t *data;
    size_t len;             /* bytes, at least 1 */
    const uint8_t *history; /* what came before it, NULL if nothing or not wanted */
    size_t history_len;     /* at most LEAT_DEFLATE_WINDOW */
    bool last;              /* of the stream: it is to have the final bit */
};

struct leat_deflater_ops;

/* What is done at a level. */
struct leat_deflater_choice {
    const struct leat_deflater_ops *ops;
    int level;      /* the library's */
    int level_most; /* more than `level`: each piece is compressed at the lowest level of these at
                     * which a part of it is no larger than zlib makes it at zlib_level */
    int zlib_level;
    size_t block;   /* bytes of a piece */
    size_t history; /* bytes that it wants to see before a piece */
    uint64_t holds; /* bytes that one instance holds, about */
};

/* One library. */
struct leat_deflater_ops {
    int (*open)(struct leat_stage *stage, const struct leat_deflater_choice *choice,
                void **ret_lib);
    /* bound - room enough for any piece of n bytes. */
    size_t (*bound)(void *lib, size_t n);
    /* run - compress a piece. Returns 0, or fails the stage. The same piece gives the same bytes
     * whatever was compressed before. */
    int (*run)(struct leat_stage *stage, void *lib, const struct leat_piece *piece, uint8_t *to,
               size_t room, size_t *ret_made);
    void (*close)(struct leat_stage *stage, void *lib);
};

/* The open members are NULL if this build lacks the library. */
extern const struct leat_deflater_ops leat_deflater_zlib;
extern const struct leat_deflater_ops leat_deflater_isal;
extern const struct leat_deflater_ops leat_deflater_libdeflate;

/* leat_deflater_choose - the choice for a level, 0 to LEAT_DEFLATE_LEVEL_MAX, under a memory limit;
 * of zlib alone if `zlib_only`. ops is NULL: this build has no library for that level. */
struct leat_deflater_choice leat_deflater_choose(int level, bool zlib_only, uint64_t limit);
/* leat_deflater_choose_alone - the same for small pieces that are streams of their own: no history,
 * nothing tried. */
struct leat_deflater_choice leat_deflater_choose_alone(int level, bool zlib_only, uint64_t limit);

#endif
