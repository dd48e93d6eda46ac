/* check.c - are the lines in order? (-c and -C) */

#include "check.h"

#include <inttypes.h>

#include "base/invariant.h"

#define SIZE_FIRST ((size_t)4096)
#define SHOWN 60 /* bytes of a line in the message */

void leat_sort_check_open(struct leat_sort_check *c, struct leat_stage *s,
                          const struct leat_sort_format *f, struct leat_sort_keys *keys,
                          uint64_t header, bool quiet)
{
    *c = (struct leat_sort_check){
        .stage = s, .format = f, .keys = keys, .header = header, .quiet = quiet};
}

void leat_sort_check_close(struct leat_sort_check *c)
{
    leat_free(c->stage, c->last);
    leat_free(c->stage, c->next);
    *c = (struct leat_sort_check){0};
}

/* Both buffers with `size` bytes at least; what the last line is compared by stays. */
static int grow(struct leat_sort_check *c, size_t size)
{
    uint8_t *last;

    size = size < SIZE_FIRST ? SIZE_FIRST : size;
    if (size <= c->size)
        return 0;
    last = leat_alloc_raw(c->stage, size);
    if (!last)
        return LEAT_ENOMEM;
    if (c->last_len > 0)
        memcpy(last, c->last, c->last_len);
    leat_free(c->stage, c->last);
    leat_free(c->stage, c->next);
    c->last = last;
    c->size = 0;
    c->next = leat_alloc_raw(c->stage, size);
    if (!c->next)
        return LEAT_ENOMEM;
    c->size = size;
    return 0;
}

/* Writes what a line of n bytes is compared by to `next`. Returns 0, or fails the stage. */
static int make(struct leat_sort_check *c, const uint8_t *line, size_t n, size_t *ret_len)
{
    size_t key = 0, room;
    int r = grow(c, 2 * (n + 1));

    while (r == 0 && c->format->keyed) {
        uint8_t *copy = c->next + c->size - n - 1;

        room = c->size - n - 1;
        memcpy(copy, line, n);
        copy[n] = c->format->eol;
        key = leat_sort_keys_make(c->keys, copy, n, c->next, room);
        if (key != SIZE_MAX && key + n < c->size)
            break;
        r = grow(c, 2 * c->size);
    }
    if (r < 0)
        return r;
    if (c->format->whole)
        memcpy(c->next + key, line, n);
    *ret_len = key + (c->format->whole ? n : 0);
    return 0;
}

/* Is this line in order? Returns 0, or fails the stage. */
static int look_at(struct leat_sort_check *c, const uint8_t *line, size_t n, uint64_t offset)
{
    size_t len = 0, least;
    uint8_t *swap;
    int r = make(c, line, n, &len), order = -1;

    if (r < 0)
        return r;
    if (c->any) {
        least = len < c->last_len ? len : c->last_len;
        order = memcmp(c->last, c->next, least);
        order = order != 0 ? order : (c->last_len > len) - (c->last_len < len);
        order = c->format->reverse ? -(order > 0) + (order < 0) : order;
    }
    if (order > 0 || (order == 0 && c->format->unique)) {
        int shown = c->quiet ? 0 : n < SHOWN ? (int)n : SHOWN;

        return leat_fail_at(c->stage, LEAT_EIO, offset,
                            "line %" PRIu64 " is %s%s%.*s; sort the input first", c->lines,
                            order > 0 ? "not in order" : "equal to the one before it",
                            c->quiet ? "" : ": ", shown, (const char *)line);
    }
    swap = c->last;
    c->last = c->next;
    c->next = swap;
    c->last_len = len;
    c->any = true;
    return 0;
}

int leat_sort_check_step(struct leat_sort_check *c, struct leat_in *in)
{
    while (in->pos < in->len) {
        const uint8_t *line = in->data + in->pos,
                      *end = memchr(line, c->format->eol, in->len - in->pos);
        size_t n = end ? (size_t)(end - line) : in->len - in->pos;
        int r = 0;

        if (c->lines++ >= c->header)
            r = look_at(c, line, n, in->offset + in->pos);
        if (r < 0)
            return r;
        in->pos += n + (end != NULL);
    }
    return in->end ? LEAT_END : LEAT_MORE;
}
