/* emit.h - writes many small items, such as lines, into one piece of a stage's room.
 *
 *     struct leat_emit e;
 *
 *     leat_emit_begin(&e, out);
 *     while (… && leat_emit_item(&e, &done, "> ", 2, line, len, NULL, 0))
 *         …
 *     leat_emit_end(&e);
 *
 * Between begin and end nothing else writes to `out`.
 */
#ifndef LEAT_TEXT_EMIT_H
#define LEAT_TEXT_EMIT_H

#include <string.h>

#include "stage.h"

struct leat_emit {
    struct leat_out *out;
    uint8_t *to;
    size_t room, at; /* bytes of the room, and how many of them are written; at <= room */
};

static inline void leat_emit_begin(struct leat_emit *e, struct leat_out *out)
{
    *e = (struct leat_emit){.out = out};
    e->room = leat_reserve(out, &e->to);
}

static inline void leat_emit_end(struct leat_emit *e)
{
    if (e->at > 0)
        leat_commit(e->out, e->at);
    e->room = e->at = 0;
}

/* leat_emit_room - bytes that can be written at once; 0: no room now. */
static inline size_t leat_emit_room(struct leat_emit *e)
{
    if (e->at == e->room) {
        leat_emit_end(e);
        e->room = leat_reserve(e->out, &e->to);
    }
    return e->room - e->at;
}

/* leat_emit_some - write as many of n bytes as fit now; returns how many. */
static inline size_t leat_emit_some(struct leat_emit *e, const void *data, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t fits = leat_emit_room(e);

        if (fits == 0)
            break;
        if (fits > n - done)
            fits = n - done;
        memcpy(e->to + e->at, (const uint8_t *)data + done, fits);
        e->at += fits;
        done += fits;
    }
    return done;
}

/* leat_emit_item - write a head, a body and a tail, which may be NULL if they are empty.
 *
 *   done  how many bytes of the item are written; 0 at first, and again when the item is complete
 *
 * Returns false if there is no room for all of it: call it again with the same item in the next step. */
static inline bool leat_emit_item(struct leat_emit *e, size_t *done, const void *head,
                                  size_t n_head, const void *body, size_t n_body, const void *tail,
                                  size_t n_tail)
{
    const struct {
        const void *data;
        size_t n;
    } parts[] = {{head, n_head}, {body, n_body}, {tail, n_tail}};
    size_t before = 0;

    if (*done == 0 && n_head + n_body + n_tail <= e->room - e->at) {
        uint8_t *to = e->to + e->at;

        for (size_t i = 0; i < 3; i++) {
            if (parts[i].n > 0)
                memcpy(to, parts[i].data, parts[i].n);
            to += parts[i].n;
        }
        e->at += n_head + n_body + n_tail;
        return true;
    }
    for (size_t i = 0; i < 3; before += parts[i++].n) {
        size_t from = *done - before;

        if (from >= parts[i].n)
            continue;
        *done += leat_emit_some(e, (const uint8_t *)parts[i].data + from, parts[i].n - from);
        if (*done < before + parts[i].n)
            return false;
    }
    *done = 0;
    return true;
}

#endif
