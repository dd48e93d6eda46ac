/* line_blocks.h - lanes of a stage that reads bytes: blocks of whole lines, whatever the length of a line.
 *
 * With LEAT_LINES the engine makes each line whole in memory, so it limits their length. A stage that can
 * read a line in pieces has LEAT_BYTES instead, and leat_line_cut for the `cut` of its lanes.
 */
#ifndef LEAT_TEXT_LINE_BLOCKS_H
#define LEAT_TEXT_LINE_BLOCKS_H

#include <string.h>

#include "stage.h"

#define LEAT_LINE_BLOCK                                                                            \
    ((size_t)65536) /* a block ends at the last line end in the piece that reaches this */

/* leat_line_cut - what `cut` returns.
 *
 *   block  bytes of the current block until now; a member of the state of cut's instance, 0 at first
 *   end    the byte that ends a line */
static inline int leat_line_cut(size_t *block, const uint8_t *data, size_t len, uint8_t end,
                                size_t *ret_take)
{
    const uint8_t *hit = NULL;

    if (*block + len >= LEAT_LINE_BLOCK)
        hit = memrchr(data, end, len);
    *ret_take = hit ? (size_t)(hit - data) + 1 : len;
    *block = hit ? 0 : *block + len;
    return hit != NULL;
}

#endif
