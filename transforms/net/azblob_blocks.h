/* azblob_blocks.h - the names of the blocks of a blob, and the list of them that makes the blob. */
#ifndef LEAT_NET_AZBLOB_BLOCKS_H
#define LEAT_NET_AZBLOB_BLOCKS_H

#include "fixed.h"

#define LEAT_AZBLOB_MARK ((size_t)15)                         /* random bytes of one run */
#define LEAT_AZBLOB_ID (((LEAT_AZBLOB_MARK + 3) / 3 * 4) + 1) /* base64, with the NUL */

/* leat_azblob_mark - random bytes, so that blocks of two runs that write the same blob are not mixed. Returns false if the
 * kernel has none. */
bool leat_azblob_mark(uint8_t mark[LEAT_AZBLOB_MARK]);
/* leat_azblob_id - the name of a block; all have the same length, as the service wants it. number: 1 to 50,000. */
void leat_azblob_id(const uint8_t mark[LEAT_AZBLOB_MARK], unsigned number, char to[LEAT_AZBLOB_ID]);
/* leat_azblob_list_size - bytes that are enough for the list of n blocks, with the NUL. */
size_t leat_azblob_list_size(unsigned n);
/* leat_azblob_list - the list of the blocks 1 to n. */
void leat_azblob_list(const uint8_t mark[LEAT_AZBLOB_MARK], unsigned n, struct leat_fixed *to);

#endif
