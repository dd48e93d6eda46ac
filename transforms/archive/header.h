/* header.h - the bytes of an entry's header, for what libarchive does not tell of it.
 *
 * libarchive reads a header from pieces of the stage's input, of which each is valid until the next one
 * comes. A header that lies in one piece is not copied.
 */
#ifndef LEAT_ARCHIVE_HEADER_H
#define LEAT_ARCHIVE_HEADER_H

#include "stage.h"

/* Longer headers are not kept. */
#define LEAT_HEADER_MAX ((size_t)1 << 20)

/* All zero but for the stage: nothing is kept. */
struct leat_header {
    struct leat_stage *stage;
    const uint8_t *piece; /* the last one */
    size_t piece_n;
    uint64_t piece_at; /* its offset */
    bool active;
    uint64_t begin; /* of the header */
    uint8_t *kept;  /* its bytes in earlier pieces, from leat_alloc */
    size_t n, size;
};

/* leat_header_begin - a header begins at this offset. For the first one libarchive may have looked farther. */
void leat_header_begin(struct leat_header *header, uint64_t offset);
/* leat_header_leave - call it before the piece becomes invalid; `in_header`: as a header is read. Returns 0, or
 * fails the stage. */
int leat_header_leave(struct leat_header *header, bool in_header);
/* leat_header_piece - the next piece, n bytes from this offset on. */
void leat_header_piece(struct leat_header *header, const void *data, size_t n, uint64_t offset);
/* leat_header_end - the header ends before this offset: its bytes, valid until the next piece; NULL: they were
 * not kept. */
const uint8_t *leat_header_end(struct leat_header *header, uint64_t offset, size_t *ret_n);
void leat_header_free(struct leat_header *header);

/* leat_header_cpio - bytes that a header of cpio has with its name, and with the target of a symbolic link; 0:
 * there is no header at the begin of the data. A name may have several NULs after it. */
uint64_t leat_header_cpio(const uint8_t *data, size_t n, bool is_symlink);
/* leat_header_is_before_1970 - does a header of pax have a modification time with a minus sign? */
bool leat_header_is_before_1970(const uint8_t *data, size_t n);

#endif
