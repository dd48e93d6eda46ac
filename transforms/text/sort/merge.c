/* merge.c - merges runs by a tree of losers with offset-value codes (Do and Graefe 2022).
 *
 * The code of a record tells how it differs from the record that was output last: in which group of 4 bytes, and what
 * that group is. Of two records the one with the smaller code comes first, so most comparisons of a merge are those
 * of two numbers, and a byte of a key is looked at about once. Only records with the same code are compared further, and
 * the code of the loser is then the one that says how it differs from the winner. A record that is equal to the one
 * before it has the code 0, so -u costs nothing.
 */

#include "merge.h"

#include "base/invariant.h"
#include "stage.h"

#define AFTER_ALL UINT64_MAX /* the code of a run that has ended */
#define AT_MAX ((uint64_t)UINT32_MAX - 1)
#define GROUP 4u

/* The code of a record that has its first `same` bytes, and no more, in common with the one before it. */
static uint64_t code_of(const struct leat_sort_format *f, const struct leat_sort_record *r,
                        size_t same)
{
    size_t at = same - same % GROUP;
    uint32_t value = (uint32_t)(leat_sort_word(r->key, r->len, at) >> 32);

    leat_assert(at < AT_MAX);
    return (AT_MAX - at) << 32 | (f->reverse ? ~value : value);
}

static size_t place_of(uint64_t code)
{
    return (size_t)(AT_MAX - (code >> 32));
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The next record of a run. Returns 1; 0: there is none; or fails the stage. */
static int read_next(struct leat_sort_merge *m, struct leat_sort_cursor *c)
{
    size_t n;
    int r;

    while (c->at == c->end) {
        if (c->run) {
            r = leat_run_next(m->runs, c->run, &c->at, &n);
            if (r <= 0)
                return r;
            c->end = c->at + n;
        } else if (c->n_pieces > 0) {
            c->at = c->pieces->at;
            c->end = c->at + c->pieces->len;
            c->pieces++;
            c->n_pieces--;
        } else {
            return 0;
        }
    }
    leat_sort_record_at(m->format, c->at, &c->record);
    leat_assert(c->record.size <= (size_t)(c->end - c->at));
    c->at += c->record.size;
    __builtin_prefetch(c->at + 3 * c->record.size);
    return 1;
}

/* Keeps the key of the winner while the block of its run is read over. */
static int keep_last(struct leat_sort_merge *m, struct leat_sort_record *record)
{
    if (record->len > m->last_size) {
        size_t size = record->len + record->len / 2;

        leat_free(m->stage, m->last);
        m->last_size = 0;
        m->last = leat_alloc_raw(m->stage, size);
        if (!m->last)
            return LEAT_ENOMEM;
        m->last_size = size;
    }
    if (record->len > 0)
        memcpy(m->last, record->key, record->len);
    record->key = m->last;
    return 0;
}

/* The code of the winner's successor in its run. Returns 0, or fails the stage. */
static int advance(struct leat_sort_merge *m)
{
    struct leat_sort_cursor *c = &m->cursors[m->winner.run];
    struct leat_sort_record last = c->record;
    size_t least, same;
    int r = 0;

    if (c->run && c->at == c->end)
        r = keep_last(m, &last);
    if (r == 0)
        r = read_next(m, c);
    if (r < 0)
        return r;
    if (r == 0) {
        m->winner.code = AFTER_ALL;
        return 0;
    }
    least = last.len < c->record.len ? last.len : c->record.len;
    same = leat_sort_common(last.key, c->record.key, least);
    m->winner.code =
        same == last.len && same == c->record.len ? 0 : code_of(m->format, &c->record, same);
    return 0;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* Two nodes with the same code: does `a` win? Sets the code of the loser. */
static __attribute__((noinline)) bool wins(const struct leat_sort_merge *m,
                                           struct leat_sort_node *a, struct leat_sort_node *b)
{
    const struct leat_sort_record *x = &m->cursors[a->run].record, *y = &m->cursors[b->run].record;
    bool first = a->run < b->run;
    size_t least, from, same;

    leat_assert(a->code == b->code && a->run != b->run);
    if (a->code == AFTER_ALL || a->code == 0)
        return first;
    least = x->len < y->len ? x->len : y->len;
    from = place_of(a->code) + GROUP;
    from = from < least ? from : least;
    same = from + leat_sort_common(x->key + from, y->key + from, least - from);
    if (same == x->len && same == y->len) {
        *(first ? &b->code : &a->code) = 0;
        return first;
    }
    first = same < least ? x->key[same] < y->key[same] : x->len < y->len;
    first = first != m->format->reverse;
    if (first)
        b->code = code_of(m->format, y, same);
    else
        a->code = code_of(m->format, x, same);
    return first;
}

static void play(struct leat_sort_merge *m)
{
    struct leat_sort_node winner = m->winner;

    for (size_t k = (m->n + winner.run) / 2; k > 0; k /= 2) {
        struct leat_sort_node *loser = &m->losers[k], other = *loser;
        bool lost;

        if (__builtin_expect(other.code == winner.code, 0)) {
            lost = wins(m, &other, &winner);
        } else {
            lost = other.code < winner.code;
        }
        /* Without a branch: which one wins cannot be foretold. */
        loser->code = lost ? winner.code : other.code;
        loser->run = lost ? winner.run : other.run;
        winner.code = lost ? other.code : winner.code;
        winner.run = lost ? other.run : winner.run;
    }
    m->winner = winner;
}

/* Plays the matches below node k. Returns the winner. */
static struct leat_sort_node play_below(struct leat_sort_merge *m, size_t k)
{
    struct leat_sort_node a, b;
    bool first;

    if (k >= m->n) {
        const struct leat_sort_cursor *c = &m->cursors[k - m->n];

        return (struct leat_sort_node){
            c->record.start ? code_of(m->format, &c->record, 0) : AFTER_ALL, k - m->n};
    }
    a = play_below(m, 2 * k);
    b = play_below(m, 2 * k + 1);
    first = a.code == b.code ? wins(m, &a, &b) : a.code < b.code;
    m->losers[k] = first ? b : a;
    return first ? a : b;
}

/* --- the merge -------------------------------------------------------------------------------- */

uint64_t leat_sort_merge_need(size_t n)
{
    return (uint64_t)(n + 1) * (sizeof(struct leat_sort_cursor) + sizeof(struct leat_sort_node));
}

int leat_sort_merge_begin(struct leat_sort_merge *m, struct leat_stage *s,
                          const struct leat_sort_format *f, struct leat_runs *runs, size_t n)
{
    *m = (struct leat_sort_merge){.stage = s, .format = f, .runs = runs, .room = n};
    m->left = f->top > 0 ? f->top : UINT64_MAX;
    m->cursors = leat_alloc(s, (n + 1) * sizeof *m->cursors);
    m->losers = m->cursors ? leat_alloc(s, (n + 1) * sizeof *m->losers) : NULL;
    return m->losers ? 0 : LEAT_ENOMEM;
}

void leat_sort_merge_pieces(struct leat_sort_merge *m, const struct leat_sort_piece *pieces,
                            size_t n)
{
    leat_assert(m->n < m->room);
    m->cursors[m->n++] = (struct leat_sort_cursor){.pieces = pieces, .n_pieces = n};
}

void leat_sort_merge_run(struct leat_sort_merge *m, struct leat_run *run)
{
    leat_assert(m->n < m->room && m->runs);
    m->cursors[m->n++] = (struct leat_sort_cursor){.run = run};
}

int leat_sort_merge_start(struct leat_sort_merge *m)
{
    for (size_t i = 0; i < m->n; i++) {
        int r = read_next(m, &m->cursors[i]);

        if (r < 0)
            return r;
    }
    m->winner = m->n > 0 ? play_below(m, 1) : (struct leat_sort_node){AFTER_ALL, 0};
    return 0;
}

int leat_sort_merge_next(struct leat_sort_merge *m, const struct leat_sort_record **ret)
{
    int r;

    if (m->left == 0)
        return 0;
    do {
        if (m->given) {
            r = advance(m);
            if (r < 0)
                return r;
            play(m);
        }
        m->given = m->winner.code != AFTER_ALL;
        if (!m->given)
            return 0;
    } while (m->format->unique && m->winner.code == 0);
    m->left--;
    *ret = &m->cursors[m->winner.run].record;
    return 1;
}

void leat_sort_merge_end(struct leat_sort_merge *m)
{
    leat_free(m->stage, m->losers);
    leat_free(m->stage, m->cursors);
    leat_free(m->stage, m->last);
    *m = (struct leat_sort_merge){0};
}
