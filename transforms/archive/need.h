/* need.h - the memory that libarchive takes to read a zip or 7z archive, which it does not tell: for the
 * dictionaries of its decoders, and for the table of contents.
 *
 * Both functions read the archive's own table of contents. A damaged table is no error here, because libarchive will
 * find the damage.
 */
#ifndef LEAT_ARCHIVE_NEED_H
#define LEAT_ARCHIVE_NEED_H

#include "stage.h"

struct leat_need {
    uint64_t table;   /* bytes for the table of contents */
    uint64_t decoder; /* for the content of entries, at most */
};

/* leat_zip_need, leat_7z_need - the memory for the archive in the file, which has `size` bytes. Returns 0, or
 * fails the stage. */
int leat_zip_need(struct leat_stage *stage, int fd, uint64_t size, struct leat_need *ret);
int leat_7z_need(struct leat_stage *stage, int fd, uint64_t size, struct leat_need *ret);

/* leat_need_read - n bytes of the file at this offset. Returns false if it has fewer, or cannot be read. */
bool leat_need_read(int fd, void *to, size_t n, uint64_t at);
/* leat_need_u16, leat_need_u32, leat_need_u64 - the number at this place, the lowest byte first. */
uint16_t leat_need_u16(const uint8_t *from);
uint32_t leat_need_u32(const uint8_t *from);
uint64_t leat_need_u64(const uint8_t *from);
/* leat_need_lzma2 - the dictionary of LZMA2 that this byte means. */
uint64_t leat_need_lzma2(uint8_t code);

#endif
