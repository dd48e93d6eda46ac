/* bz2_scan.c - finds the magic numbers that begin a block and end a stream of bzip2. */

#include "bz2_scan.h"

#define MASK ((UINT64_C(1) << LEAT_BZ2_MAGIC_BITS) - 1)
#define MAY_BLOCK 1u
#define MAY_END 2u

void leat_bz2_scan_init(struct leat_bz2_scan *scan)
{
    *scan = (struct leat_bz2_scan){.last = UINT64_MAX, .before = UINT64_MAX};
    for (unsigned after = 0; after < 8; after++) {
        scan->may[LEAT_BZ2_BLOCK >> (8 - after) & 0xff] |= MAY_BLOCK;
        scan->may[LEAT_BZ2_END >> (8 - after) & 0xff] |= MAY_END;
    }
}

static uint64_t found_at(uint64_t last, bool ends_too, unsigned *ret_after)
{
    for (unsigned after = 0; after < 8; after++) {
        uint64_t bits = last >> after & MASK;

        if (bits == LEAT_BZ2_BLOCK || (ends_too && bits == LEAT_BZ2_END)) {
            *ret_after = after;
            return bits;
        }
    }
    return 0;
}

size_t leat_bz2_scan_find(struct leat_bz2_scan *scan, const uint8_t *data, size_t n, bool ends_too,
                          uint64_t *ret_magic, unsigned *ret_after)
{
    uint8_t wanted = ends_too ? MAY_BLOCK | MAY_END : MAY_BLOCK;
    uint64_t last = scan->last, before = scan->before;
    size_t i;

    *ret_magic = 0;
    for (i = 0; i < n && *ret_magic == 0; i++) {
        before = before << 8 | last >> 56;
        last = last << 8 | data[i];
        if (scan->may[last >> 8 & 0xff] & wanted)
            *ret_magic = found_at(last, ends_too, ret_after);
    }
    scan->last = last;
    scan->before = before;
    return i;
}
