/* lines.c - sorts references to records by the bytes that they are compared by.
 *
 * References are sorted by 8 bytes of the key as one number, which lies in the reference itself. Those with the same 8
 * bytes are then sorted by the next 8 that differ, and so on, so no byte of a key is compared twice at one level.
 */

#include "lines.h"

#include "base/invariant.h"
#include "format.h"

#define FEW 20u   /* are sorted by insertion */
#define MANY 200u /* the pivot is the median of nine */
#define PAIRS 6u  /* with the same word: compared as a whole */

struct work {
    const uint8_t *arena;
    bool descends;
};

/* --- by the word alone ------------------------------------------------------------------------ */

static void insert_words(struct leat_sort_line *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct leat_sort_line line = v[i];
        size_t k = i;

        for (; k > 0 && v[k - 1].word > line.word; k--)
            v[k] = v[k - 1];
        v[k] = line;
    }
}

static void sift(struct leat_sort_line *v, size_t i, size_t n)
{
    struct leat_sort_line line = v[i];

    for (size_t k; (k = 2 * i + 1) < n; i = k) {
        k += k + 1 < n && v[k + 1].word > v[k].word;
        if (v[k].word <= line.word)
            break;
        v[i] = v[k];
    }
    v[i] = line;
}

/* For inputs that make bad pivots. */
static void heap_words(struct leat_sort_line *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(v, i, n);
    for (size_t end = n - 1; end > 0; end--) {
        struct leat_sort_line line = v[0];

        v[0] = v[end];
        v[end] = line;
        sift(v, 0, end);
    }
}

static uint64_t median(uint64_t a, uint64_t b, uint64_t c)
{
    if (a < b)
        return b < c ? b : a < c ? c : a;
    return a < c ? a : b < c ? c : b;
}

static uint64_t pivot(const struct leat_sort_line *v, size_t n)
{
    size_t q = n / 8;
    uint64_t m = median(v[n / 2 - 1].word, v[n / 2].word, v[n / 2 + 1].word);

    if (n <= MANY)
        return median(v[0].word, v[n / 2].word, v[n - 1].word);
    return median(median(v[0].word, v[q].word, v[2 * q].word), m,
                  median(v[n - 1 - 2 * q].word, v[n - 1 - q].word, v[n - 1].word));
}

/* Moves the references whose word is below the pivot, or with `same` at most the pivot, to the front. Returns how many
 * there are. No branch depends on the words. */
static size_t part(struct leat_sort_line *v, size_t n, uint64_t by, bool same)
{
    size_t front = 0;

    for (size_t i = 0; i < n; i++) {
        struct leat_sort_line line = v[i];

        v[i] = v[front];
        v[front] = line;
        front += (line.word < by) | (same & (line.word == by));
    }
    return front;
}

static void sort_words(struct leat_sort_line *v, size_t n, unsigned bad)
{
    while (n > FEW) {
        uint64_t by = pivot(v, n);
        size_t front = part(v, n, by, false);

        if (front == 0) {
            front = part(v, n, by, true);
            leat_assert(front > 0);
        } else if (bad == 0) {
            heap_words(v, n);
            return;
        } else if (front < n / 2) {
            sort_words(v, front, bad - 1);
        } else {
            sort_words(v + front, n - front, bad - 1);
            n = front;
            bad--;
            continue;
        }
        bad -= bad > 0;
        v += front;
        n -= front;
    }
    insert_words(v, n);
}

static unsigned bad_pivots(size_t n)
{
    return 2 * (unsigned)(64 - __builtin_clzll((unsigned long long)n | 1)) + 8;
}

/* --- by all bytes ----------------------------------------------------------------------------- */

static bool comes_before(const struct work *w, const struct leat_sort_line *a,
                         const struct leat_sort_line *b, size_t depth)
{
    size_t n = a->len < b->len ? a->len : b->len;
    size_t from = depth < n ? depth : n;
    int c = memcmp(w->arena + a->at + from, w->arena + b->at + from, n - from);

    if (c != 0)
        return c < 0;
    if (a->len != b->len)
        return a->len < b->len;
    return (a->at < b->at) != w->descends;
}

static void insert_lines(const struct work *w, struct leat_sort_line *v, size_t n, size_t depth)
{
    for (size_t i = 1; i < n; i++) {
        struct leat_sort_line line = v[i];
        size_t k = i;

        for (; k > 0 && comes_before(w, &line, &v[k - 1], depth); k--)
            v[k] = v[k - 1];
        v[k] = line;
    }
}

/* Sorts the references whose keys end at or before `depth`, all with the same word: the shorter first, then by place.
 * They come before the others. Returns how many there are. */
static size_t sort_ended(const struct work *w, struct leat_sort_line *v, size_t n, size_t depth)
{
    size_t ended = 0;

    for (size_t i = 0; i < n; i++) {
        struct leat_sort_line line = v[i];

        if (line.len > depth)
            continue;
        v[i] = v[ended];
        line.word = (uint64_t)line.len << 32 | (w->descends ? ~line.at : line.at);
        v[ended++] = line;
    }
    sort_words(v, ended, bad_pivots(ended));
    return ended;
}

/* The bytes from `depth` on that all keys have in common. */
static size_t common(const struct work *w, const struct leat_sort_line *v, size_t n, size_t depth)
{
    size_t most = v[0].len - depth;

    for (size_t i = 1; i < n && most > 0; i++) {
        size_t len = v[i].len - depth;

        most = leat_sort_common(w->arena + v[0].at + depth, w->arena + v[i].at + depth,
                                len < most ? len : most);
    }
    return most;
}

static void sort_from(const struct work *w, struct leat_sort_line *v, size_t n, size_t depth);

/* Sorts n references that agree in all bytes before `depth`, except that keys may have ended. */
static void sort_same(const struct work *w, struct leat_sort_line *v, size_t n, size_t depth)
{
    size_t ended;

    if (n <= PAIRS) {
        insert_lines(w, v, n, depth);
        return;
    }
    ended = sort_ended(w, v, n, depth);
    v += ended;
    n -= ended;
    if (n <= PAIRS) {
        insert_lines(w, v, n, depth);
        return;
    }
    depth += common(w, v, n, depth);
    for (size_t i = 0; i < n; i++)
        v[i].word = leat_sort_word(w->arena + v[i].at, v[i].len, depth);
    sort_from(w, v, n, depth);
}

/* Sorts by the words, which are those at `depth`. */
static void sort_from(const struct work *w, struct leat_sort_line *v, size_t n, size_t depth)
{
    sort_words(v, n, bad_pivots(n));
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && v[end].word == v[i].word; end++)
            ;
        if (end - i > 1)
            sort_same(w, v + i, end - i, depth + 8);
    }
}

void leat_sort_lines(const uint8_t *arena, struct leat_sort_line *v, size_t n, bool descends)
{
    struct work w = {.arena = arena, .descends = descends};

    sort_from(&w, v, n, 0);
}
