/* bz2_scan.h - finds the two magic numbers of 48 bits in a bzip2 file, at any bit: the one at the
 * start of a block, and the one at the end of a stream. They may occur within a block by chance. */
#ifndef LEAT_CODEC_BZIP2_BZ2_SCAN_H
#define LEAT_CODEC_BZIP2_BZ2_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAT_BZ2_MAGIC_BITS 48u
#define LEAT_BZ2_BLOCK UINT64_C(0x314159265359)
#define LEAT_BZ2_END UINT64_C(0x177245385090)

struct leat_bz2_scan {
    uint64_t last, before; /* the last 16 bytes, the latest in the lowest byte */
    uint8_t may[256]; /* magic numbers that may have this byte as their last but one, at some bit:
                       * 1, 2 */
};

void leat_bz2_scan_init(struct leat_bz2_scan *scan);

/* leat_bz2_scan_find - search up to the end of the next magic number; only LEAT_BZ2_BLOCK if
 * !ends_too.
 *
 *   ret_magic  which one was found; 0: none, and all n bytes were searched
 *   ret_after  how many bits of the last byte come after it, 0 to 7
 *
 * Returns how many bytes were searched. */
size_t leat_bz2_scan_find(struct leat_bz2_scan *scan, const uint8_t *data, size_t n, bool ends_too,
                          uint64_t *ret_magic, unsigned *ret_after);

#endif
