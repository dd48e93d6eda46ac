/* azblob_blocks.c - the names of the blocks of a blob, and the list of them that makes the blob. */

#include "azblob_blocks.h"

#include <string.h>
#include <sys/random.h>

#include "base/invariant.h"
#include "hmac.h"
#include "part_sizes.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
#define TAIL "</BlockList>"
#define BEFORE "<Latest>"
#define AFTER "</Latest>"

bool leat_azblob_mark(uint8_t mark[LEAT_AZBLOB_MARK])
{
    return getrandom(mark, LEAT_AZBLOB_MARK, 0) == (ssize_t)LEAT_AZBLOB_MARK;
}

void leat_azblob_id(const uint8_t mark[LEAT_AZBLOB_MARK], unsigned number, char to[LEAT_AZBLOB_ID])
{
    uint8_t id[LEAT_AZBLOB_MARK + 3];

    leat_assert(number >= 1 && number <= LEAT_AZBLOB_BLOCKS_MAX);
    memcpy(id, mark, LEAT_AZBLOB_MARK);
    for (size_t i = 0; i < 3; i++)
        id[LEAT_AZBLOB_MARK + i] = (uint8_t)(number >> (16 - 8 * i));
    leat_base64_encode(id, sizeof id, to);
}

size_t leat_azblob_list_size(unsigned n)
{
    return sizeof HEAD TAIL + n * (sizeof BEFORE AFTER - 1 + LEAT_AZBLOB_ID - 1);
}

/* `Latest` finds a block that was committed by a try whose answer was lost, too. */
void leat_azblob_list(const uint8_t mark[LEAT_AZBLOB_MARK], unsigned n, struct leat_fixed *to)
{
    char id[LEAT_AZBLOB_ID];

    leat_fixed_add(to, HEAD);
    for (unsigned i = 1; i <= n; i++) {
        leat_azblob_id(mark, i, id);
        leat_fixed_add(to, BEFORE "%s" AFTER, id);
    }
    leat_fixed_add(to, TAIL);
}
