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

static bool has(const struct leat_deflater_ops *ops)
{
    return ops->open != NULL;
}

/* The level of libdeflate for one of ours; 0: it is not the one to use. */
static int libdeflate_level(int level)
{
    static const int levels[LEAT_DEFLATE_LEVEL_MAX + 1] = {0, 1, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12};

    return levels[level];
}

struct leat_deflater_choice leat_deflater_choose(int level, bool zlib_only)
{
    struct leat_deflater_choice c = {.ops = NULL};

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
    return c;
}
