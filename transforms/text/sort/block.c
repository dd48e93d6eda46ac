/* block.c - sorts the lines of a lane.
 *
 * Lines are copied to the front of the arena, each with its key before it if there are keys, and references grow from
 * the back towards them, as in GNU sort. Sorting moves references only; the records are copied once, in order, when they
 * are output.
 */

#include "block.h"

#include "base/invariant.h"
#include "stage.h"

#define SLACK 16u /* bytes after the last record that may be read, or written while a key is made */
#define AHEAD 12u /* records that are fetched into the cache before they are copied */
#define LENGTHS 8u /* before a key: its length and that of the line */

int leat_sort_block_open(struct leat_sort_block *b, struct leat_stage *s,
                         const struct leat_sort_format *f, size_t size)
{
    size -= size % sizeof(struct leat_sort_line);
    leat_assert(size <= UINT32_MAX);
    b->stage = s;
    b->format = f;
    b->size = b->usual = size;
    b->arena = leat_alloc_raw(s, size);
    return b->arena ? 0 : LEAT_ENOMEM;
}

void leat_sort_block_close(struct leat_sort_block *b)
{
    if (b->stage)
        leat_free(b->stage, b->arena);
    b->arena = NULL;
}

static struct leat_sort_line *references(const struct leat_sort_block *b)
{
    return (struct leat_sort_line *)(void *)(b->arena + b->size) - b->n;
}

/* Bytes between the records and the references, less those of one more reference. */
static size_t room(const struct leat_sort_block *b)
{
    size_t taken = b->used + SLACK + (b->n + 1) * sizeof(struct leat_sort_line);

    return taken < b->size ? b->size - taken : 0;
}

/* A larger arena for one line. Returns 0, or fails the stage. */
static int grow(struct leat_sort_block *b, size_t size)
{
    leat_assert(b->n == 0 && b->used == 0);
    size += sizeof(struct leat_sort_line) - size % sizeof(struct leat_sort_line);
    leat_free(b->stage, b->arena);
    b->size = 0;
    b->arena = size <= UINT32_MAX ? leat_alloc_raw(b->stage, size) : NULL;
    if (!b->arena)
        return size <= UINT32_MAX
                   ? LEAT_ENOMEM
                   : leat_fail(b->stage, LEAT_ELIMIT,
                               "a line has keys of more than 4 GiB; give fewer keys");
    b->size = size;
    return 0;
}

/* --- taking lines ----------------------------------------------------------------------------- */

static void refer(struct leat_sort_block *b, size_t at, size_t len)
{
    struct leat_sort_line line = {.at = (uint32_t)at, .len = (uint32_t)len};
    uint64_t word;

    memcpy(&word, b->arena + at, sizeof word); /* at worst it has bytes of the slack */
    line.word = leat_sort_big_endian(word);
    if (len < 8)
        line.word &= len == 0 ? 0 : ~(uint64_t)0 << (64 - 8 * len);
    if (b->bounded && (b->format->reverse ? line.word < b->bound : line.word > b->bound))
        return;
    b->n++;
    *references(b) = line;
}

/* Lines are their own keys: take as many as there is room for. */
static size_t add_lines(struct leat_sort_block *b, const uint8_t *data, size_t n)
{
    size_t done = 0;

    while (done < n) {
        const uint8_t *end = memchr(data + done, b->format->eol, n - done);
        size_t len = (end ? (size_t)(end - data) : n) - done, before = b->n;

        if (room(b) < len + 1)
            break;
        memcpy(b->arena + b->used, data + done, len);
        b->arena[b->used + len] = b->format->eol;
        refer(b, b->used, len);
        b->used += b->n > before ? len + 1 : 0;
        done += len + (end != NULL);
    }
    return done;
}

/* The same, each line after its key. */
static size_t add_keyed(struct leat_sort_block *b, const uint8_t *data, size_t n)
{
    size_t done = 0;

    while (done < n) {
        const uint8_t *end = memchr(data + done, b->format->eol, n - done);
        size_t len = (end ? (size_t)(end - data) : n) - done, left = room(b), key, before = b->n;
        uint8_t *to = b->arena + b->used, *line;
        uint32_t lengths[2];

        if (left < len + 1 + LENGTHS)
            break;
        /* The line waits at the end of the room until its key is made before it. */
        line = to + left - len - 1;
        memcpy(line, data + done, len);
        line[len] = b->format->eol;
        key = b->make(b->make_arg, line, len, to + LENGTHS, left - len - 1 - LENGTHS);
        if (key == SIZE_MAX)
            break;
        memmove(to + LENGTHS + key, line, len + 1);
        lengths[0] = (uint32_t)key;
        lengths[1] = (uint32_t)len + 1;
        memcpy(to, lengths, LENGTHS);
        refer(b, b->used + LENGTHS, key + (b->format->whole ? len : 0));
        b->used += b->n > before ? LENGTHS + key + len + 1 : 0;
        done += len + (end != NULL);
    }
    return done;
}

int leat_sort_block_add(struct leat_sort_block *b, const uint8_t *data, size_t n, size_t *ret_taken)
{
    size_t done = 0, size;
    int r;

    leat_assert(!b->emits);
    for (;;) {
        done += b->make ? add_keyed(b, data + done, n - done) : add_lines(b, data + done, n - done);
        *ret_taken = done;
        if (done == n)
            return 0;
        if (b->n > 0)
            return 1;
        /* One line does not fit in an empty arena. */
        size = 2 * b->size;
        b->used = 0;
        r = grow(b, size);
        if (r < 0)
            return r;
    }
}

/* --- output ----------------------------------------------------------------------------------- */

struct place {
    uint32_t key_len, line_len;
    const uint8_t *from; /* the key and the line */
    size_t size;         /* of both */
};

static void find(const struct leat_sort_block *b, const struct leat_sort_line *line,
                 struct place *ret)
{
    uint32_t lengths[2] = {0, line->len + 1};

    ret->from = b->arena + line->at;
    if (b->format->keyed)
        memcpy(lengths, ret->from - LENGTHS, LENGTHS);
    ret->key_len = lengths[0];
    ret->line_len = lengths[1];
    ret->size = (size_t)lengths[0] + lengths[1];
}

/* The references are in ascending order. */
static const struct leat_sort_line *nth(const struct leat_sort_block *b, size_t i)
{
    const struct leat_sort_line *v = references(b);

    return b->format->reverse ? &v[b->n - 1 - i] : &v[i];
}

/* -u: is it equal to the one before it? Notes it if not. */
static bool is_repeated(struct leat_sort_block *b, const struct leat_sort_line *line)
{
    const uint8_t *key = b->arena + line->at;

    if (b->given && b->given_len == line->len && memcmp(b->given, key, line->len) == 0)
        return true;
    b->given = key;
    b->given_len = line->len;
    return false;
}

static void begin_large(struct leat_sort_block *b, const struct place *p)
{
    size_t n = leat_sort_put_head(b->format, b->head + 4, p->key_len, p->line_len);
    uint32_t packet = (uint32_t)(n + p->size) | (b->begun ? 0 : LEAT_SORT_FIRST);

    leat_assert(n + p->size < LEAT_SORT_FIRST);
    memcpy(b->head, &packet, 4);
    b->begun = true;
    b->head_at = 0;
    b->head_len = 4 + n;
    b->body = p->from;
    b->body_len = p->size;
}

/* Returns whether the large record is written. */
static bool write_large(struct leat_sort_block *b, struct leat_out *out)
{
    size_t n;

    b->head_at += leat_write(out, b->head + b->head_at, b->head_len - b->head_at);
    if (b->head_at < b->head_len)
        return false;
    n = leat_write(out, b->body, b->body_len);
    b->body += n;
    b->body_len -= n;
    return b->body_len == 0;
}

/* Fills one packet with records. Returns the bytes of it. */
static size_t fill(struct leat_sort_block *b, uint8_t *to)
{
    size_t n = 4;
    struct place p;
    uint32_t packet;

    for (; b->next < b->n && b->left > 0; b->next++) {
        const struct leat_sort_line *line = nth(b, b->next);

        if (b->next + AHEAD < b->n)
            __builtin_prefetch(b->arena + nth(b, b->next + AHEAD)->at);
        find(b, line, &p);
        if (n + LEAT_SORT_HEAD_MAX + p.size > LEAT_SORT_PACKET)
            break;
        if (b->format->unique && is_repeated(b, line))
            continue;
        n += leat_sort_put_head(b->format, to + n, p.key_len, p.line_len);
        memcpy(to + n, p.from, p.size);
        n += p.size;
        b->left--;
    }
    if (n == 4)
        return 0;
    packet = (uint32_t)(n - 4) | (b->begun ? 0 : LEAT_SORT_FIRST);
    memcpy(to, &packet, 4);
    b->begun = true;
    return n;
}

/* Begins with the record that is too large for a packet, if it is to be output. */
static void next_large(struct leat_sort_block *b)
{
    const struct leat_sort_line *line = nth(b, b->next++);
    struct place p;

    if (b->format->unique && is_repeated(b, line))
        return;
    find(b, line, &p);
    begin_large(b, &p);
    b->left--;
}

/* --top: a line after the last of so many lines of this lane is not among the first ones. */
static void note_bound(struct leat_sort_block *b)
{
    uint64_t top = b->format->top;

    if (top == 0 || b->format->unique || b->n < top)
        return;
    b->bound =
        leat_sort_word(b->arena + nth(b, (size_t)top - 1)->at, nth(b, (size_t)top - 1)->len, 0);
    b->bounded = true;
}

static int begin(struct leat_sort_block *b)
{
    leat_sort_lines(b->arena, references(b), b->n, b->format->reverse);
    b->emits = true;
    b->begun = false;
    b->next = 0;
    b->given = NULL;
    b->left = b->format->top > 0 ? b->format->top : UINT64_MAX;
    b->body_len = b->head_len = b->head_at = 0;
    return 0;
}

static int end(struct leat_sort_block *b)
{
    note_bound(b);
    b->n = b->used = 0;
    b->emits = false;
    if (b->size == b->usual)
        return 1;
    leat_free(b->stage, b->arena); /* that of a large line */
    b->size = 0;
    b->arena = leat_alloc_raw(b->stage, b->usual);
    b->size = b->arena ? b->usual : 0;
    return b->arena ? 1 : LEAT_ENOMEM;
}

int leat_sort_block_emit(struct leat_sort_block *b, struct leat_out *out)
{
    uint8_t *to;
    size_t n;

    if (!b->emits && b->n > 0)
        begin(b);
    while (b->emits) {
        if ((b->head_at < b->head_len || b->body_len > 0) && !write_large(b, out))
            return 0;
        if (b->next == b->n || b->left == 0)
            return end(b);
        if (leat_reserve_least(out, LEAT_SORT_PACKET, &to) == 0)
            return 0;
        n = fill(b, to);
        leat_commit(out, n);
        if (n == 0 && b->next < b->n && b->left > 0)
            next_large(b);
    }
    return 1;
}
