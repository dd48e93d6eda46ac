/* deflater.c - chooses the library and its level for each level.
 *
 * Measured with one thread on a tar of binaries and text, two logs and English prose: at each level
 * the output is within 1 % of that of gzip (2 % at level 1), or smaller. libdeflate supports no
 * history, so its pieces are large; ISA-L and zlib get the history of their pieces, and with ISA-L
 * smaller pieces are even smaller in total. ISA-L's level 3 would make binaries 1 % smaller, at two
 * thirds of the speed; it is used for data that shrinks much, and for data without history.
 *
 * At the default level no output should be larger than that of gzip. The level of libdeflate for
 * that depends on the data: mostly 5, for patches and source text 6 or 7. Therefore a part of each
 * piece is tried.
 */

#include "deflater.h"

#define PIECE_TRIED ((size_t)1 << 21)
#define PIECE_LARGE ((size_t)1 << 20)
#define PIECE_SMALL ((size_t)1 << 18)
#define PIECE_ISAL ((size_t)1 << 17)
#define PIECE_LEAST ((size_t)1 << 15)
/* A piece is at most this part of the memory limit: a lane holds two, and there are several
 * lanes. */
#define LIMIT_PIECES 16u
/* With a smaller limit there is memory for zlib only. */
#define LIMIT_ZLIB ((uint64_t)4 << 20)
/* With a smaller limit no levels are tried: for that each lane holds three compressors and zlib. */
#define LIMIT_TRIED ((uint64_t)16 << 20)
/* Memory of the libraries, including verification and measuring. */
#define HOLDS_ZLIB ((uint64_t)512 << 10)
#define HOLDS_LIBDEFLATE ((uint64_t)1 << 20)
#define HOLDS_TRIED ((uint64_t)3 << 20)
#define HOLDS_NEAR_OPTIMAL ((uint64_t)10 << 20)
#define HOLDS_VERIFIER ((uint64_t)256 << 10) /* and a piece */

static bool has(const struct leat_deflater_ops *ops)
{
    return ops->open != NULL;
}

/* The level of libdeflate for one of ours; 0: do not use libdeflate. */
static int libdeflate_level(int level)
{
    static const int levels[LEAT_DEFLATE_LEVEL_MAX + 1] = {0, 1, 1, 2,  4,  5, 6,
                                                           7, 8, 9, 10, 11, 12};

    return levels[level];
}

struct leat_deflater_choice leat_deflater_choose(int level, bool zlib_only, uint64_t limit)
{
    struct leat_deflater_choice c = {.ops = NULL};

    if (limit < LIMIT_ZLIB && level <= 9)
        zlib_only = true;
    if (level == 1 && !zlib_only && has(&leat_deflater_isal))
        c = (struct leat_deflater_choice){.ops = &leat_deflater_isal,
                                          .level = 2,
                                          .block = PIECE_ISAL,
                                          .holds = HOLDS_ZLIB,
                                          .history = LEAT_DEFLATE_WINDOW};
    else if (level == LEAT_DEFLATE_LEVEL_DEFAULT && !zlib_only && limit >= LIMIT_TRIED &&
             has(&leat_deflater_libdeflate))
        c = (struct leat_deflater_choice){.ops = &leat_deflater_libdeflate,
                                          .level = libdeflate_level(level) - 1,
                                          .level_most = libdeflate_level(level) + 1,
                                          .zlib_level = level,
                                          .block = PIECE_TRIED,
                                          .holds = HOLDS_TRIED};
    else if (level >= 1 && !zlib_only && has(&leat_deflater_libdeflate))
        c = (struct leat_deflater_choice){.ops = &leat_deflater_libdeflate,
                                          .level = libdeflate_level(level),
                                          .block = PIECE_LARGE,
                                          .holds =
                                              level > 9 ? HOLDS_NEAR_OPTIMAL : HOLDS_LIBDEFLATE};
    else if (level <= 9)
        c = (struct leat_deflater_choice){.ops = &leat_deflater_zlib,
                                          .level = level,
                                          .block = PIECE_SMALL,
                                          .holds = HOLDS_ZLIB,
                                          .history = level > 0 ? LEAT_DEFLATE_WINDOW : 0};
    while (c.block > PIECE_LEAST && c.block > limit / LIMIT_PIECES)
        c.block /= 2;
    if (c.ops == &leat_deflater_libdeflate)
        c.holds += HOLDS_VERIFIER + c.block;
    return c;
}

struct leat_deflater_choice leat_deflater_choose_alone(int level, bool zlib_only, uint64_t limit)
{
    struct leat_deflater_choice c = leat_deflater_choose(level, zlib_only, limit);

    if (c.level_most > c.level)
        c.level = libdeflate_level(level);
    c.level_most = 0;
    c.history = 0;
    return c;
}
