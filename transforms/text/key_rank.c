/* key_rank.c - the keys of an arena in an order by their numbers.
 *
 * Keys with small counts, which are most of them, are distributed by their counts in one pass. In each group an item has
 * seven bytes of the line and the number of those bytes, which decides between a line and its own beginning; the items
 * are sorted by radix, and those with equal bytes by the next seven.
 */

#include "key_rank.h"

#include <string.h>

#include "base/invariant.h"

#define CLASSES 256u /* by count; the last one has all counts from CLASSES - 1 on */
#define SMALL 24u    /* items that are sorted by insertion */
#define LEVELS                                                                                     \
    16u /* of seven bytes each; then by comparison, so that long equal lines need no stack */
#define PREFIX 7u

static int bytes_compare(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
    size_t n = n_a < n_b ? n_a : n_b;
    int r = n > 0 ? memcmp(a, b, n) : 0;

    return r != 0 ? r : n_a < n_b ? -1 : n_a > n_b;
}

int leat_key_compare(enum leat_key_order order, uint64_t value_a, const uint8_t *a, size_t n_a,
                     uint64_t value_b, const uint8_t *b, size_t n_b)
{
    if (value_a != value_b)
        return (value_a < value_b) == (order == LEAT_KEY_BY_PLACE) ? -1 : 1;
    return bytes_compare(b, n_b, a, n_a);
}

/* --- sorting ---------------------------------------------------------------------------------- */

struct sorter {
    const struct leat_key_arena *arena;
};

static uint64_t prefix_of(const struct leat_key *key, size_t from)
{
    size_t left = key->len - from, n = left < PREFIX ? left : PREFIX;
    uint8_t bytes[8] = {0};
    uint64_t prefix;

    leat_assert(from <= key->len);
    memcpy(bytes, key->bytes + from, n);
    memcpy(&prefix, bytes, sizeof prefix);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    prefix = __builtin_bswap64(prefix);
#endif
    return prefix | (left <= PREFIX ? left : PREFIX + 1);
}

static void swap(struct leat_key_item *a, struct leat_key_item *b)
{
    struct leat_key_item item = *a;

    *a = *b;
    *b = item;
}

static void insert_by_prefix(struct leat_key_item *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct leat_key_item item = v[i];
        size_t at = i;

        for (; at > 0 && v[at - 1].prefix < item.prefix; at--)
            v[at] = v[at - 1];
        v[at] = item;
    }
}

/* By the prefixes, the largest first, from the byte at `shift` on, in place. */
static void sort_prefixes(struct leat_key_item *v, size_t n, unsigned shift)
{
    size_t end[CLASSES] = {0}, at[CLASSES], sum = 0;

    if (n <= SMALL) {
        insert_by_prefix(v, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        end[255 - (v[i].prefix >> shift & 255)]++;
    for (unsigned c = 0; c < CLASSES; c++) {
        at[c] = sum;
        sum += end[c];
        end[c] = sum;
    }
    for (unsigned c = 0; c < CLASSES; c++)
        while (at[c] < end[c]) {
            unsigned to = 255 - (unsigned)(v[at[c]].prefix >> shift & 255);

            if (to == c)
                at[c]++;
            else
                swap(&v[at[c]], &v[at[to]++]);
        }
    leat_assert(end[CLASSES - 1] == n);
    for (unsigned c = 0; c < CLASSES && shift > 0; c++) {
        size_t from = c > 0 ? end[c - 1] : 0;

        if (end[c] - from > 1)
            sort_prefixes(v + from, end[c] - from, shift - 8);
    }
}

/* Is the line of a to come before that of b? Both are equal up to `from`. */
static bool line_before(const struct sorter *s, struct leat_key_item a, struct leat_key_item b,
                        size_t from)
{
    const struct leat_key *key_a = leat_key_at(s->arena, a.reference),
                          *key_b = leat_key_at(s->arena, b.reference);

    return bytes_compare(key_a->bytes + from, key_a->len - from, key_b->bytes + from,
                         key_b->len - from) > 0;
}

static void sink(const struct sorter *s, struct leat_key_item *v, size_t n, size_t i, size_t from)
{
    for (size_t child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
        if (child + 1 < n && line_before(s, v[child], v[child + 1], from))
            child++;
        if (!line_before(s, v[i], v[child], from))
            return;
        swap(&v[i], &v[child]);
    }
}

/* Lines with a long common beginning: needs no memory, and few comparisons in any case. */
static void heap_sort(const struct sorter *s, struct leat_key_item *v, size_t n, size_t from)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(s, v, n, i, from);
    for (size_t i = n; i-- > 1;) {
        swap(&v[0], &v[i]);
        sink(s, v, i, 0, from);
    }
}

/* By the lines, the greatest first. All are equal up to `from`. */
static void sort_lines(const struct sorter *s, struct leat_key_item *v, size_t n, size_t from,
                       unsigned level)
{
    if (n < 2)
        return;
    if (level == LEVELS) {
        heap_sort(s, v, n, from);
        return;
    }
    for (size_t i = 0; i < n; i++)
        v[i].prefix = prefix_of(leat_key_at(s->arena, v[i].reference), from);
    sort_prefixes(v, n, 56);
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && v[i + same].prefix == v[i].prefix;)
            same++;
        if (same > 1) {
            leat_assert((v[i].prefix & 255) == PREFIX + 1); /* no two lines are equal */
            sort_lines(s, v + i, same, from + PREFIX, level + 1);
        }
    }
}

/* By the values, the largest first, and then by the lines. */
static void sort_values(const struct sorter *s, struct leat_key_item *v, size_t n)
{
    sort_prefixes(v, n, 56);
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && v[i + same].prefix == v[i].prefix;)
            same++;
        sort_lines(s, v + i, same, 0, 0);
    }
}

/* --- ranks ------------------------------------------------------------------------------------ */

static unsigned class_of(uint64_t value)
{
    return value < CLASSES - 1 ? (unsigned)value : CLASSES - 1;
}

uint64_t leat_key_rank_need(size_t n)
{
    return (uint64_t)n * sizeof(struct leat_key_item);
}

/* Returns as leat_key_rank. */
static int make_items(struct leat_stage *s, size_t n, uint64_t limit, struct leat_key_items *ret)
{
    uint64_t bytes = leat_key_rank_need(n);

    ret->n = n;
    ret->v = NULL;
    if (n == 0)
        return 1;
    if (bytes > limit || !leat_key_spare(s, bytes))
        return 0;
    ret->v = leat_alloc_raw(s, bytes);
    return ret->v ? 1 : LEAT_ENOMEM;
}

/* How many keys have each class of counts. Returns the lowest class that is needed. */
static unsigned count_classes(const struct leat_key_arena *a, uint64_t most, size_t *classes)
{
    struct leat_key_walk w = {.at = 0};
    const struct leat_key *key;
    uint32_t reference;
    uint64_t sum = 0;
    unsigned c;

    for (; (key = leat_key_walk_get(&w, a, &reference)); leat_key_walk_on(&w, key))
        classes[class_of(key->value)]++;
    for (c = CLASSES; c-- > 1;) {
        sum += classes[c];
        if (most > 0 && sum >= most)
            return c;
    }
    return 0;
}

static int rank_by_count(struct leat_stage *s, const struct leat_key_arena *a, uint64_t most,
                         uint64_t limit, struct leat_key_items *ret)
{
    size_t classes[CLASSES] = {0}, at[CLASSES], sum = 0;
    unsigned lowest = count_classes(a, most, classes);
    const struct sorter sorter = {.arena = a};
    struct leat_key_walk w = {.at = 0};
    const struct leat_key *key;
    uint32_t reference;
    int r;

    for (unsigned c = CLASSES; c-- > lowest;) {
        at[c] = sum;
        sum += classes[c];
    }
    r = make_items(s, sum, limit, ret);
    if (r <= 0)
        return r;
    for (; (key = leat_key_walk_get(&w, a, &reference)); leat_key_walk_on(&w, key)) {
        unsigned c = class_of(key->value);

        if (c >= lowest)
            ret->v[at[c]++] = (struct leat_key_item){.prefix = key->value, .reference = reference};
    }
    sort_values(&sorter, ret->v, classes[CLASSES - 1]);
    for (unsigned c = CLASSES - 1; c-- > lowest;)
        sort_lines(&sorter, ret->v + at[c] - classes[c], classes[c], 0, 0);
    if (most > 0 && ret->n > most)
        ret->n = (size_t)most;
    return 1;
}

int leat_key_rank(struct leat_stage *s, const struct leat_key_arena *a, size_t n,
                  enum leat_key_order order, uint64_t most, uint64_t limit,
                  struct leat_key_items *ret)
{
    struct leat_key_walk w = {.at = 0};
    const struct leat_key *key;
    uint32_t reference;
    size_t i = 0;
    int r;

    if (order == LEAT_KEY_BY_COUNT)
        return rank_by_count(s, a, most, limit, ret);
    r = make_items(s, n, limit, ret);
    if (r <= 0)
        return r;
    for (; (key = leat_key_walk_get(&w, a, &reference)); leat_key_walk_on(&w, key))
        ret->v[i++] = (struct leat_key_item){.prefix = ~key->value, .reference = reference};
    leat_assert(i == n);
    if (n > 0)
        sort_prefixes(ret->v, n, 56);
    return 1;
}

void leat_key_items_done(struct leat_stage *s, struct leat_key_items *items)
{
    leat_free(s, items->v);
    *items = (struct leat_key_items){.n = 0};
}

/* --- output ----------------------------------------------------------------------------------- */

bool leat_key_write(struct leat_out *out, size_t *at, const uint8_t *head, size_t n_head,
                    const uint8_t *data, size_t n, uint8_t delimiter)
{
    const size_t total = n_head + n + 1;

    while (*at < total) {
        size_t done = *at, room;
        uint8_t *to;

        room = leat_reserve(out, &to);
        if (room == 0)
            return false;
        if (done == 0 && room >= total) {
            if (n_head > 0)
                memcpy(to, head, n_head);
            if (n > 0)
                memcpy(to + n_head, data, n);
            to[total - 1] = delimiter;
            leat_commit(out, total);
            break;
        }
        if (done < n_head)
            *at += leat_write(out, head + done, n_head - done);
        else if (done < n_head + n)
            *at += leat_write(out, data + (done - n_head), n - (done - n_head));
        else
            *at += leat_write(out, &delimiter, 1);
    }
    *at = 0;
    return true;
}
