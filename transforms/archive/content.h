/* content.h - the content of an entry, piece by piece, with zeros in place of holes. */
#ifndef LEAT_ARCHIVE_CONTENT_H
#define LEAT_ARCHIVE_CONTENT_H

#include "reader.h"

struct leat_content {
    struct leat_reader *reader;
    struct leat_blocking *blocking;
    uint64_t at;   /* bytes that were returned */
    uint64_t size; /* of the entry; UINT64_MAX: not known */
    const uint8_t *data;
    size_t n;
    uint64_t offset; /* of data */
    bool ended;      /* the reader has no more pieces */
};

/* leat_content_begin - for the entry that leat_reader_next has returned. */
void leat_content_begin(struct leat_content *content, struct leat_reader *reader,
                        struct leat_blocking *blocking, const struct leat_reader_entry *entry);
/* leat_content_next - the next piece, valid until the next call. Returns 1; 0: the end; LEAT_ECANCELLED; or fails the
 * stage: LEAT_ETRUNCATED if the content is shorter, LEAT_ECORRUPT if it is longer than the archive says. */
int leat_content_next(struct leat_content *content, const uint8_t **ret_data, size_t *ret_n);

#endif
