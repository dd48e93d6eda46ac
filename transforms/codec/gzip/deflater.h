/* deflater.h - raw deflate encoding of one piece of a stream, by the best library for the level.
 *
 * Pieces are compressed independently, so that several workers can share a stream, and their
 * outputs form one deflate stream: every piece but the last ends on a byte boundary with an empty
 * stored block (00 00 FF FF) and has no final bit.
 */
#ifndef LEAT_CODEC_GZIP_DEFLATER_H
#define LEAT_CODEC_GZIP_DEFLATER_H

#include "stage.h"

#define LEAT_DEFLATE_WINDOW ((size_t)32768)
#define LEAT_DEFLATE_LEVEL_MAX 12
#define LEAT_DEFLATE_LEVEL_DEFAULT 6
/* Size of an empty stored block after a piece, at most: three bits, alignment, four bytes. */
#define LEAT_DEFLATE_MARK_MAX 5u

struct leat_piece {
    const uint8_t *data;
    size_t len;             /* bytes, at least 1 */
    const uint8_t *history; /* the data before the piece; NULL if there is none or it is not
                             * needed */
    size_t history_len;     /* at most LEAT_DEFLATE_WINDOW */
    bool last;              /* of the stream: set the final bit */
};

struct leat_deflater_ops;

/* The method for a level. */
struct leat_deflater_choice {
    const struct leat_deflater_ops *ops;
    int level;      /* of the library */
    int level_most; /* above `level`: each piece is compressed at the lowest of these levels at
                     * which a part of it is no larger than with zlib at zlib_level */
    int zlib_level;
    size_t block;   /* bytes of a piece */
    size_t history; /* bytes that it needs of the data before a piece */
    uint64_t holds; /* bytes that one instance holds, approximately */
};

/* One library. */
struct leat_deflater_ops {
    int (*open)(struct leat_stage *stage, const struct leat_deflater_choice *choice,
                void **ret_lib);
    /* bound - enough room for any piece of n bytes. */
    size_t (*bound)(void *lib, size_t n);
    /* run - compress a piece. Returns 0, or fails the stage. The output depends on the piece only,
     * not on earlier pieces. */
    int (*run)(struct leat_stage *stage, void *lib, const struct leat_piece *piece, uint8_t *to,
               size_t room, size_t *ret_made);
    void (*close)(struct leat_stage *stage, void *lib);
};

/* The function pointers are NULL if this build lacks the library. */
extern const struct leat_deflater_ops leat_deflater_zlib;
extern const struct leat_deflater_ops leat_deflater_isal;
extern const struct leat_deflater_ops leat_deflater_libdeflate;

/* leat_deflater_choose - the method for a level, 0 to LEAT_DEFLATE_LEVEL_MAX, under a memory limit;
 * only zlib if `zlib_only`. ops is NULL if this build has no library for that level. */
struct leat_deflater_choice leat_deflater_choose(int level, bool zlib_only, uint64_t limit);
/* leat_deflater_choose_alone - the same for small pieces that are separate streams: no history, and
 * no levels are tried. */
struct leat_deflater_choice leat_deflater_choose_alone(int level, bool zlib_only, uint64_t limit);

#endif
