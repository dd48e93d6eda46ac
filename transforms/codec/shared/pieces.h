/* pieces.h - gzip, zlib and deflate as parallel stages: one engine, three wrappers.
 *
 * The input is cut into pieces of a fixed size. Each lane compresses its pieces into whole deflate
 * blocks; the join writes the header of the wrapper, combines the checksums, closes the deflate
 * stream and writes the trailer. A piece that is shorter than the others, and not ended by a flush
 * marker, can only be the last one, so its lane closes the stream itself.
 */
#ifndef LEAT_CODEC_SHARED_PIECES_H
#define LEAT_CODEC_SHARED_PIECES_H

#include "../gzip/deflater.h"

#define LEAT_WRAPPER_MAX 16u /* bytes of a header or trailer */

/* The format around the deflate stream. */
struct leat_wrapper {
    uint32_t check_init;
    uint32_t (*check)(uint32_t check, const uint8_t *data, size_t n);
    uint32_t (*combine)(uint32_t check, uint32_t of_next, uint64_t len_of_next);
    /* Write at most LEAT_WRAPPER_MAX bytes; return how many. */
    size_t (*header)(uint8_t *to, int level);
    size_t (*trailer)(uint8_t *to, uint32_t check, uint64_t total);
};

struct leat_pieces_params {
    int64_t level;
    int backend; /* 0: the best; 1: zlib */
};

/* Result of a lane for a piece. */
struct leat_pieces_result {
    uint64_t len;
    uint32_t check;
    bool last;
};

/* State of an instance; a lane and the join use different parts. */
struct leat_pieces {
    const struct leat_deflater_ops *ops;
    void *lib;
    size_t block;
    size_t made_size; /* enough for a compressed piece */
    /* For the join. */
    uint64_t total;
    uint32_t check;
    bool ended;                         /* the last piece closed the deflate stream */
    uint8_t text[LEAT_WRAPPER_MAX + 2]; /* being written: text_pos of text_len bytes are out */
    size_t text_len, text_pos;
};

/* The options; the params of a stage begin with leat_pieces_params. */
#define LEAT_PIECES_OPTIONS                                                                        \
    {.name = "level",                                                                              \
     .short_name = LEAT_DIGITS,                                                                    \
     .kind = LEAT_OPT_INT,                                                                         \
     .offset = offsetof(struct leat_pieces_params, level),                                         \
     .metavar = "N",                                                                               \
     .min = 0,                                                                                     \
     .max = LEAT_DEFLATE_LEVEL_MAX,                                                                \
     .initial = LEAT_DEFLATE_LEVEL_DEFAULT,                                                        \
     .help = "from 0 (no compression) and 1 (fastest) to 9, and 12 (smallest)"},                   \
        {.name = "fast",                                                                           \
         .kind = LEAT_OPT_FLAG,                                                                    \
         .offset = offsetof(struct leat_pieces_params, level),                                     \
         .value = 1,                                                                               \
         .initial = LEAT_DEFLATE_LEVEL_DEFAULT,                                                    \
         .help = "the same as -1"},                                                                \
        {.name = "best",                                                                           \
         .kind = LEAT_OPT_FLAG,                                                                    \
         .offset = offsetof(struct leat_pieces_params, level),                                     \
         .value = 9,                                                                               \
         .initial = LEAT_DEFLATE_LEVEL_DEFAULT,                                                    \
         .help = "the same as -9"},                                                                \
    {                                                                                              \
        .name = "backend", .kind = LEAT_OPT_ENUM,                                                  \
        .offset = offsetof(struct leat_pieces_params, backend), .metavar = "NAME",                 \
        .choices = "auto|zlib", .help = "the library to use; for tests"                            \
    }

extern const struct leat_option leat_pieces_options[];
/* Paragraphs for the manual: the levels. */
#define LEAT_PIECES_MANUAL                                                                         \
    "The input is cut into pieces, which are compressed by as many workers as "                    \
    "there are threads. The output is one stream and does not depend on their "                    \
    "number. A flush marker (see flush) ends a piece: everything before it can "                   \
    "then be decompressed.\n\n"                                                                    \
    "Level 1 is ISA-L's level 2, on pieces of 128 KiB; the first piece, and pieces "               \
    "that shrink to less than a sixteenth, use ISA-L's level 3. It is at least "                   \
    "three times as fast as the other levels, and the output is no larger than "                   \
    "that of gzip -1 (for binaries within 2 %).\n\n"                                               \
    "Levels 2 to 9 are libdeflate's, on pieces of 1 MiB, each verified after "                     \
    "compression. The output is as large as that of gzip at the same level (within "               \
    "1 %) or smaller, at two to three times the speed. At level 6, the default, "                  \
    "the pieces are of 2 MiB, and each is compressed with libdeflate's level 5, 6 "                \
    "or 7: the first at which 32 KiB from its middle are no larger than with "                     \
    "zlib's level 6. The output is therefore usually no larger than that of gzip, "                \
    "and no piece takes more time than its data needs.\n\n"                                        \
    "Levels 10 to 12 are libdeflate's, a few per cent smaller than 9 and much "                    \
    "slower; each worker uses 9 MiB. Level 0 does not compress.\n\n"                               \
    "zlib, in the manner of pigz, does level 0, and also levels 1 to 9 if --memory is "            \
    "less than 4M or this build lacks the libraries for the level. With --memory "                 \
    "below 32M the pieces are smaller, and below 16M level 6 does not choose "                     \
    "between levels; the output is then a little larger.\n\n"                                      \
    "--backend=zlib uses only zlib; it is for tests.\n\n"

int leat_pieces_plan(struct leat_stage *stage);
int leat_pieces_open(struct leat_stage *stage);
int leat_pieces_step(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     struct leat_in *in, struct leat_out *out);
int leat_pieces_join(struct leat_stage *stage, const struct leat_wrapper *wrapper,
                     enum leat_join when, const void *result, struct leat_out *out);
void leat_pieces_close(struct leat_stage *stage);

#endif
