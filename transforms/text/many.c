/* many.c - finding any of many fixed strings, by the automaton of Aho and Corasick.
 *
 * A state is how much of some string has been seen. Bytes that no string tells apart are of one
 * class, so that a row of the table is short; a state is named by the place of its row.
 */

#include "many.h"

#include <stdlib.h>
#include <string.h>

#define FOUND ((uint32_t)1 << 31) /* in a table entry: a string ends here */
#define UNSET UINT32_MAX

struct leat_many {
    size_t size;
    bool starts[256]; /* the first byte of some string */
    uint8_t class[256];
    uint32_t n_classes;
    uint32_t next[]; /* next[state + class]: the place of the next state's row, and FOUND */
};

static bool is_letter(unsigned c)
{
    return c >= 'a' && c <= 'z';
}

/* Class 0 is of the bytes that are in no string. Returns how many classes there are. */
static uint32_t make_classes(uint8_t *class, const struct leat_many_string *strings, size_t n,
                             bool fold)
{
    uint32_t classes = 1;

    memset(class, 0, 256);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < strings[i].len; k++)
            if (class[strings[i].bytes[k]] == 0 && classes < 256)
                class[strings[i].bytes[k]] = (uint8_t)classes++;
    for (unsigned c = 'a'; fold && c <= 'z'; c++)
        class[c & ~0x20u] = class[c];
    return classes;
}

/* The tree of the strings. */
static void add_strings(struct leat_many *m, const struct leat_many_string *strings, size_t n,
                        bool fold)
{
    uint32_t end = m->n_classes;

    for (size_t i = 0; i < n; i++) {
        uint32_t state = 0, *entry = NULL;
        uint8_t first = strings[i].bytes[0];

        m->starts[first] = true;
        if (fold && is_letter(first))
            m->starts[first & ~0x20u] = true;
        for (size_t k = 0; k < strings[i].len; k++) {
            entry = &m->next[state + m->class[strings[i].bytes[k]]];
            if (*entry == UNSET) {
                *entry = end;
                end += m->n_classes;
            }
            state = *entry & ~FOUND;
        }
        if (entry)
            *entry |= FOUND;
    }
}

/* Where a row says nothing, what the longest proper suffix's row says holds; rows in the order of
 * their depth, so that the suffix's row is complete. `suffix` and `queue` have a place a row. */
static void complete(struct leat_many *m, uint32_t *suffix, uint32_t *queue)
{
    const uint32_t row = m->n_classes;
    size_t head = 0, tail = 0;

    queue[tail++] = 0;
    suffix[0] = 0;
    while (head < tail) {
        uint32_t state = queue[head++];

        for (uint32_t c = 0; c < row; c++) {
            uint32_t *entry = &m->next[state + c],
                     other = state ? m->next[suffix[state / row] + c] : 0;

            if (*entry == UNSET) {
                *entry = other;
                continue;
            }
            suffix[(*entry & ~FOUND) / row] = other & ~FOUND;
            queue[tail++] = *entry & ~FOUND;
            *entry |= other & FOUND;
        }
    }
}

int leat_many_new(const struct leat_many_string *strings, size_t n, bool fold, size_t size_max,
                  struct leat_many **ret)
{
    uint8_t class[256];
    uint32_t n_classes = make_classes(class, strings, n, fold), *work;
    size_t rows = 1, size;
    struct leat_many *m;

    for (size_t i = 0; i < n; i++)
        rows += strings[i].len;
    if (rows >= (FOUND - 1) / n_classes)
        return LEAT_ELIMIT;
    size = sizeof *m + rows * n_classes * sizeof *m->next;
    if (size > size_max)
        return LEAT_ELIMIT;
    m = calloc(1, size);
    work = calloc(2 * rows, sizeof *work);
    if (!m || !work) {
        free(m);
        free(work);
        return LEAT_ENOMEM;
    }
    m->size = size;
    m->n_classes = n_classes;
    memcpy(m->class, class, sizeof class);
    memset(m->next, 0xff, rows * n_classes * sizeof *m->next);
    add_strings(m, strings, n, fold);
    complete(m, work, work + rows);
    free(work);
    *ret = m;
    return 0;
}

size_t leat_many_size(const struct leat_many *m)
{
    return m->size;
}

const uint8_t *leat_many_find(const struct leat_many *m, const uint8_t *data, size_t n)
{
    const uint8_t *p = data, *end = data + n;
    uint32_t state = 0;

    while (p < end) {
        if (state == 0) {
            while (p < end && !m->starts[*p])
                p++;
            if (p == end)
                break;
        }
        state = m->next[state + m->class[*p]];
        if (state & FOUND)
            return p;
        p++;
    }
    return NULL;
}
