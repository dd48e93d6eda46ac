/* deflater.c - which library compresses at which level.
 *
 * Measured for one thread on a tar of binaries and text, a log with patches and English prose;
 * at each level the output is within 1 % of that of gzip, or smaller. libdeflate knows no history,
 * so its pieces are large; ISA-L and zlib are given the history of theirs, and with ISA-L smaller
 * pieces are smaller in sum, too.
 */

#include "deflater.h"

#define PIECE_LARGE ((size_t)1 << 20)
#define PIECE_SMALL ((size_t)1 << 18)
#define PIECE_LEAST ((size_t)1 << 15)
/* A piece is at most this part of the memory limit: a lane holds two, and there are several. */
#define LIMIT_PIECES 16u
/* With less than this there is room for zlib only. */
#define LIMIT_ZLIB ((uint64_t)4 << 20)

static bool has(const struct leat_deflater_ops *ops)
{
    return ops->open != NULL;
}

/* The level of libdeflate for one of ours; 0: it is not the one to use. */
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
                                          .block = PIECE_SMALL,
                                          .history = LEAT_DEFLATE_WINDOW};
    else if (level >= 1 && !zlib_only && has(&leat_deflater_libdeflate))
        c = (struct leat_deflater_choice){.ops = &leat_deflater_libdeflate,
                                          .level = libdeflate_level(level),
                                          .block = PIECE_LARGE};
    else if (level <= 9)
        c = (struct leat_deflater_choice){.ops = &leat_deflater_zlib,
                                          .level = level,
                                          .block = PIECE_SMALL,
                                          .history = level > 0 ? LEAT_DEFLATE_WINDOW : 0};
    while (c.block > PIECE_LEAST && c.block > limit / LIMIT_PIECES)
        c.block /= 2;
    return c;
}
