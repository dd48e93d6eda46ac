/* many.c - finds any of many fixed strings, with the automaton of Aho and Corasick.
 *
 * A state is the longest suffix of the text read so far that is a prefix of some string. Bytes that
 * no string distinguishes are in one class, so that a row of the table is short. A state is
 * identified by the place of its row. A transition to a state that is one byte longer is an edge of
 * the tree (trie) of the strings; these transitions alone find the strings that begin at a given
 * place.
 */

#include "many.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

#define FOUND ((uint32_t)1 << 31) /* in a table entry: a string ends here */
#define UNSET UINT32_MAX
#define WHOLE 1u /* in a state's info: a whole string; the rest is its length in bytes */
#define INFO(len) ((uint32_t)(len) << 1)

#define HALF ((size_t)4096)

struct leat_many {
    size_t size;
    size_t longest;   /* bytes of the longest string */
    bool starts[256]; /* the first byte of some string */
    uint8_t class[256];
    uint32_t n_classes;
    uint32_t *info;  /* for each state, at the index of its row */
    uint32_t next[]; /* next[state + class]: the place of the next state's row, and FOUND */
};

static bool is_letter(unsigned c)
{
    return c >= 'a' && c <= 'z';
}

/* Class 0 is for bytes that are in no string. Returns the number of classes. */
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

/* Builds the tree of the strings. */
static void add_strings(struct leat_many *m, const struct leat_many_string *strings, size_t n,
                        bool fold)
{
    uint32_t end = m->n_classes;

    for (size_t i = 0; i < n; i++) {
        uint32_t state = 0, *entry = NULL;

        if (strings[i].len > m->longest)
            m->longest = strings[i].len;

        for (size_t k = 0; k < strings[i].len; k++) {
            entry = &m->next[state + m->class[strings[i].bytes[k]]];
            if (*entry == UNSET) {
                *entry = end;
                m->info[end / m->n_classes] = INFO(k + 1);
                end += m->n_classes;
            }
            state = *entry & ~FOUND;
        }
        m->info[state / m->n_classes] |= WHOLE;
        if (entry)
            *entry |= FOUND;
        if (entry)
            m->starts[strings[i].bytes[0]] = true;
    }
    for (unsigned c = 'a'; fold && c <= 'z'; c++)
        m->starts[c & ~0x20u] = m->starts[c];
}

/* Fills the empty entries of each row from the row of its longest proper suffix. Rows are processed
 * in order of depth, so the row of the suffix is complete. `suffix` and `queue` have one entry per
 * row. */
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

static int compare(const void *a, const void *b)
{
    const struct leat_many_string *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* The number of states for sorted strings: one for each different prefix. */
static size_t count_rows(const struct leat_many_string *strings, size_t n)
{
    size_t rows = 1;

    for (size_t i = 0; i < n; i++) {
        size_t same = 0;

        while (i > 0 && same < strings[i - 1].len && same < strings[i].len &&
               strings[i - 1].bytes[same] == strings[i].bytes[same])
            same++;
        rows += strings[i].len - same;
    }
    return rows;
}

int leat_many_new(struct leat_many_string *strings, size_t n, bool fold, size_t size_max,
                  struct leat_many **ret)
{
    uint8_t class[256];
    uint32_t n_classes = make_classes(class, strings, n, fold), *work;
    size_t rows, size;
    struct leat_many *m;

    qsort(strings, n, sizeof *strings, compare);
    rows = count_rows(strings, n);
    if (rows >= (FOUND - 1) / n_classes)
        return LEAT_ELIMIT;
    size = sizeof *m + rows * (n_classes + 1) * sizeof *m->next;
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
    m->info = m->next + rows * n_classes;
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

/* A processor waits for each state before it can look up the next one. Two places are therefore searched in turns: from
 * the start of a block, and from its middle. A string that is in both halves is found from the middle, as that search
 * begins with the bytes before. Returns a hit, or NULL with *at where the search ended. */
static const uint8_t *find_by_two(const struct leat_many *m, const uint8_t **at, const uint8_t *end)
{
    const uint32_t *next = m->next;
    const uint8_t *class = m->class;

    while ((size_t)(end - *at) >= 2 * HALF && m->longest <= HALF / 8) {
        const uint8_t *a = *at, *middle = a + HALF, *b = middle - m->longest, *stop = middle + HALF;
        uint32_t first = 0, second = 0;

        while (a < middle) {
            first = next[first + class[*a]];
            second = next[second + class[*b]];
            if ((first | second) & FOUND)
                break;
            a++;
            b++;
        }
        if (second & FOUND && !(first & FOUND))
            a++;
        while (!(first & FOUND) && a < middle) {
            first = next[first + class[*a]];
            a += !(first & FOUND);
        }
        if (first & FOUND)
            return a;
        if (second & FOUND)
            return b;
        while (b < stop) {
            second = next[second + class[*b]];
            if (second & FOUND)
                return b;
            b++;
        }
        *at = stop - m->longest;
    }
    return NULL;
}

const uint8_t *leat_many_find(const struct leat_many *m, const uint8_t *data, size_t n)
{
    const uint8_t *p = data, *end = data + n;
    const uint8_t *hit = find_by_two(m, &p, end);
    uint32_t state = 0;

    if (hit)
        return hit;
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

/* --- at a given place ------------------------------------------------------------------------- */

/* Descends the tree by one byte. False: no string continues with this byte. */
static inline bool descend(const struct leat_many *m, uint32_t *state, uint8_t byte)
{
    uint32_t to = m->next[*state + m->class[byte]] & ~FOUND;
    uint32_t here = m->info[*state / m->n_classes] | WHOLE;

    if ((m->info[to / m->n_classes] | WHOLE) != here + INFO(1))
        return false;
    *state = to;
    return true;
}

static inline bool is_whole(const struct leat_many *m, uint32_t state)
{
    return m->info[state / m->n_classes] & WHOLE;
}

bool leat_many_is(const struct leat_many *m, const uint8_t *text, size_t n)
{
    uint32_t state = 0;

    for (size_t i = 0; i < n; i++)
        if (!descend(m, &state, text[i]))
            return false;
    return is_whole(m, state);
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || c == '_' || is_letter(c | 0x20u);
}

static bool is_word_before(const uint8_t *line, size_t at, enum leat_many_word word)
{
    uint32_t code;
    size_t n = 1;

    if (at == 0 || line[at - 1] < 0x80 || word != LEAT_MANY_UNICODE_WORD)
        return at > 0 && is_word(line[at - 1]);
    while (n < 4 && n < at && (line[at - n] & 0xc0) == 0x80)
        n++;
    return leat_utf8_read(line + at - n, n, &code) == n && leat_utf8_is_word(code);
}

static bool is_word_after(const uint8_t *line, size_t len, size_t at, enum leat_many_word word)
{
    uint32_t code;

    if (at == len || line[at] < 0x80 || word != LEAT_MANY_UNICODE_WORD)
        return at < len && is_word(line[at]);
    return leat_utf8_read(line + at, len - at, &code) > 0 && leat_utf8_is_word(code);
}

/* The longest string that begins at `start`; 0: none. */
static size_t longest_at(const struct leat_many *m, const uint8_t *line, size_t len, size_t start,
                         enum leat_many_word word)
{
    uint32_t state = 0;
    size_t best = 0;

    if (word && is_word_before(line, start, word))
        return 0;
    for (size_t i = start; i < len && descend(m, &state, line[i]); i++)
        if (is_whole(m, state) && !(word && is_word_after(line, len, i + 1, word)))
            best = i + 1 - start;
    return best;
}

/* Where a string ends, all start places within the state are tried, because no string begins before
 * them. Each place is tried once, with all strings that begin there, also those that end later. */
bool leat_many_part(const struct leat_many *m, const uint8_t *line, size_t len, size_t from,
                    enum leat_many_word word, size_t *ret_start, size_t *ret_end)
{
    size_t tried = from;
    uint32_t state = 0;

    for (size_t i = from; i < len; i++) {
        uint32_t entry, length;

        if (state == 0 && !m->starts[line[i]])
            continue;
        entry = m->next[state + m->class[line[i]]];
        state = entry & ~FOUND;
        if (!(entry & FOUND))
            continue;
        length = m->info[state / m->n_classes] >> 1;
        for (tried = tried > i + 1 - length ? tried : i + 1 - length; tried <= i; tried++) {
            size_t n = longest_at(m, line, len, tried, word);

            if (n == 0)
                continue;
            *ret_start = tried;
            *ret_end = tried + n;
            return true;
        }
    }
    return false;
}
