/* key_merge.c - sorted runs of keys in a temporary file, and their merge. */

#include "key_merge.h"

#include <string.h>

#include "base/invariant.h"
#include "keys.h"

#define VARINT_MAX 10u

static size_t put_varint(uint8_t *to, uint64_t v)
{
    size_t n = 0;

    for (; v >= 128; v >>= 7)
        to[n++] = (uint8_t)(v | 128);
    to[n++] = (uint8_t)v;
    return n;
}

int leat_key_run_add(struct leat_runs *file, struct leat_run *run, uint64_t value,
                     const uint8_t *data, size_t n)
{
    uint8_t head[2 * VARINT_MAX], *to;
    size_t n_head = put_varint(head, value);
    int r;

    n_head += put_varint(head + n_head, n);
    r = leat_run_room(file, run, n_head + n, &to);
    if (r < 0)
        return r;
    memcpy(to, head, n_head);
    if (n > 0)
        memcpy(to + n_head, data, n);
    return 0;
}

/* --- cursors ---------------------------------------------------------------------------------- */

static uint64_t get_varint(struct leat_key_cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte;

        leat_assert(c->at < c->len && shift < 64);
        byte = c->block[c->at++];
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return v;
    }
}

/* Reads the next record. Returns 1; 0: there are no more; or fails. */
static int read_record(struct leat_stage *s, struct leat_key_merge *m, struct leat_key_cursor *c)
{
    int r = 1;

    if (c->at == c->len) {
        c->at = c->len = 0;
        r = leat_run_next(m->file, c->run, &c->block, &c->len);
    }
    if (r <= 0)
        return r;
    c->value = get_varint(c);
    c->line.len = (size_t)get_varint(c);
    leat_assert(c->line.len <= c->len - c->at);
    c->line.data = c->block + c->at;
    c->at += c->line.len;
    if (!m->hasher)
        return 1;
    r = leat_key_hash(s, m->hasher, &c->line, c->block + c->len);
    return r < 0 ? r : 1;
}

/* --- the heap --------------------------------------------------------------------------------- */

static struct leat_key_node node_of(const struct leat_key_merge *m, uint32_t cursor)
{
    const struct leat_key_cursor *c = &m->cursors[cursor];
    uint64_t rank = m->hasher                       ? c->line.hash << 32 | c->line.hash >> 32
                    : m->order == LEAT_KEY_BY_COUNT ? ~c->value
                                                    : c->value;

    return (struct leat_key_node){.rank = rank, .cursor = cursor};
}

static bool comes_before(const struct leat_key_merge *m, struct leat_key_node a,
                         struct leat_key_node b)
{
    const struct leat_key_cursor *x = &m->cursors[a.cursor], *y = &m->cursors[b.cursor];

    if (a.rank != b.rank)
        return a.rank < b.rank;
    if (m->hasher)
        return leat_keys_order(&x->line, &y->line, m->fold) < 0;
    return leat_key_compare(m->order, x->value, x->line.data, x->line.len, y->value, y->line.data,
                            y->line.len) < 0;
}

static void sink(struct leat_key_merge *m, size_t i)
{
    struct leat_key_node moved = m->heap[i];

    for (size_t child = 2 * i + 1; child < m->n; child = 2 * i + 1) {
        if (child + 1 < m->n && comes_before(m, m->heap[child + 1], m->heap[child]))
            child++;
        if (!comes_before(m, m->heap[child], moved))
            break;
        m->heap[i] = m->heap[child];
        i = child;
    }
    m->heap[i] = moved;
}

uint64_t leat_key_merge_need(const struct leat_run *run)
{
    return leat_run_need(run) + sizeof(struct leat_key_cursor) + sizeof(struct leat_key_node);
}

int leat_key_merge_begin(struct leat_stage *s, struct leat_key_merge *m, struct leat_run *runs,
                         size_t n)
{
    int r;

    leat_assert(!m->cursors && n > 0 && n <= UINT32_MAX);
    m->cursors = leat_alloc(s, n * sizeof *m->cursors);
    m->heap = leat_alloc(s, n * sizeof *m->heap);
    if (!m->cursors || !m->heap)
        return LEAT_ENOMEM;
    m->room = n;
    m->n = 0;
    for (size_t i = 0; i < n; i++)
        m->cursors[i].run = &runs[i];
    for (size_t i = 0; i < n; i++) {
        r = read_record(s, m, &m->cursors[i]);
        if (r < 0)
            return r;
        if (r > 0)
            m->heap[m->n++] = node_of(m, (uint32_t)i);
    }
    for (size_t i = m->n / 2; i-- > 0;)
        sink(m, i);
    return 0;
}

const struct leat_key_cursor *leat_key_merge_get(const struct leat_key_merge *m)
{
    return m->n > 0 ? &m->cursors[m->heap[0].cursor] : NULL;
}

int leat_key_merge_on(struct leat_stage *s, struct leat_key_merge *m)
{
    struct leat_key_cursor *c = &m->cursors[m->heap[0].cursor];
    int r = read_record(s, m, c);

    if (r < 0)
        return r;
    if (r == 0) {
        leat_run_done(m->file, c->run);
        m->heap[0] = m->heap[--m->n];
    } else {
        m->heap[0] = node_of(m, m->heap[0].cursor);
    }
    if (m->n > 0)
        sink(m, 0);
    return 0;
}

void leat_key_merge_done(struct leat_stage *s, struct leat_key_merge *m)
{
    for (size_t i = 0; i < m->room; i++)
        leat_run_done(m->file, m->cursors[i].run);
    leat_free(s, m->cursors);
    leat_free(s, m->heap);
    m->cursors = NULL;
    m->heap = NULL;
    m->n = m->room = 0;
}
