/* content.c - the content of an entry, piece by piece, with zeros in place of holes. */

#include "content.h"

#include <string.h>

#define ZEROS ((size_t)65536)

static const uint8_t zeros[ZEROS];

void leat_content_begin(struct leat_content *c, struct leat_reader *rd, struct leat_blocking *b,
                        const struct leat_reader_entry *e)
{
    *c = (struct leat_content){
        .reader = rd, .blocking = b, .size = e->has_size ? e->size : UINT64_MAX};
}

/* Only tar has holes, also at the end of a content. */
static int at_end(struct leat_content *c)
{
    c->ended = true;
    c->n = 0;
    c->offset = c->size == UINT64_MAX ? c->at : c->size;
    if (c->at < c->offset && strcmp(leat_reader_format(c->reader), "tar") != 0)
        return leat_reader_fail(c->reader, LEAT_ETRUNCATED, "its content is shorter than its size");
    return 0;
}

static int read_piece(struct leat_content *c)
{
    const void *data = NULL;
    int r = leat_reader_data(c->reader, &data, &c->n, &c->offset);

    c->data = data;
    if (r <= 0)
        return r < 0 ? r : at_end(c);
    if (c->offset < c->at || c->offset > c->size || c->n > c->size - c->offset)
        return leat_reader_fail(c->reader, LEAT_ECORRUPT, "its content is longer than its size");
    return 0;
}

int leat_content_next(struct leat_content *c, const uint8_t **ret_data, size_t *ret_n)
{
    int r = c->n == 0 && !c->ended ? read_piece(c) : 0;

    if (r < 0)
        return r;
    if (c->at < c->offset) { /* a hole */
        if (leat_is_cancelled(c->blocking))
            return LEAT_ECANCELLED;
        *ret_data = zeros;
        *ret_n = c->offset - c->at < ZEROS ? (size_t)(c->offset - c->at) : ZEROS;
        c->at += *ret_n;
        return 1;
    }
    *ret_data = c->data;
    *ret_n = c->n;
    c->at += c->n;
    c->offset += c->n;
    c->n = 0;
    return *ret_n > 0;
}
