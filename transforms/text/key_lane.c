/* key_lane.c - the lanes of freq and distinct: they make a stream of records of a stream of lines. */

#include "key_lane.h"

#include <string.h>

#include "base/invariant.h"

#define HEAD 16u         /* bytes of a record before its line */
#define TABLE_KEYS 4096u /* in the table of a lane */
#define TABLE_BYTES ((uint64_t)256 << 10)
#define TABLE_SHARE 64u   /* the table has at most this part of the memory limit */
#define JUDGE_LINES 1024u /* after so many lines of a block the use of the table is known */
#define DIRECT_BLOCKS 32u /* then so many blocks do without it */
#define CARRY_FIRST ((size_t)4096)

/* --- lanes ------------------------------------------------------------------------------------ */

int leat_key_lane_open(struct leat_stage *s, struct leat_key_lane *l, bool fold, uint8_t delimiter,
                       bool at_once)
{
    uint64_t part = leat_memory_limit(s) / TABLE_SHARE;
    size_t n = TABLE_KEYS;
    int r;

    l->delimiter = delimiter;
    l->at_once = at_once;
    leat_key_hasher_init(&l->hasher, fold);
    l->table.fold = fold;
    l->table.limit = part < TABLE_BYTES ? part : TABLE_BYTES;
    while ((r = leat_keys_grow(s, &l->table, n)) == LEAT_KEYS_FULL && n > 1)
        n /= 4;
    return r < 0 ? r : 0;
}

void leat_key_lane_done(struct leat_stage *s, struct leat_key_lane *l)
{
    leat_keys_done(s, &l->table);
    leat_key_hasher_done(s, &l->hasher);
}

void leat_key_lane_begin(struct leat_key_lane *l)
{
    leat_assert(!l->writes);
    if (l->direct > 0)
        l->direct--;
    l->lines = l->found = 0;
}

int leat_key_lane_cut(size_t *bytes, size_t len, size_t *ret_take)
{
    *ret_take = len;
    *bytes += len;
    if (*bytes < LEAT_KEY_BLOCK)
        return 0;
    *bytes = 0;
    return 1;
}

static size_t record_size(size_t n)
{
    return (HEAD + n + 7) & ~(size_t)7;
}

/* Room of the output that is filled before it is committed. */
struct filler {
    struct leat_out *out;
    uint8_t *to;
    size_t room, used;
};

/* Room for a record with a line of n bytes; NULL: there is none now. */
static uint8_t *room_for(struct filler *f, size_t n)
{
    size_t need = record_size(n);

    if (need <= f->room - f->used)
        return f->to + f->used;
    if (f->used > 0)
        leat_commit(f->out, f->used);
    f->used = 0;
    f->room = leat_reserve_least(f->out, need, &f->to);
    leat_assert(f->room == 0 || f->room >= need);
    return f->room > 0 ? f->to : NULL;
}

static void put_record(struct filler *f, uint64_t hash, uint32_t count, const uint8_t *data,
                       size_t n)
{
    uint32_t numbers[2] = {count, (uint32_t)n};
    uint8_t *to = f->to + f->used;

    leat_assert(record_size(n) <= f->room - f->used);
    memset(to + record_size(n) - 8, 0, 8);
    memcpy(to, &hash, 8);
    memcpy(to + 8, numbers, 8);
    if (n > 0)
        memcpy(to + HEAD, data, n);
    f->used += record_size(n);
}

/* In a lane's table a value is the lower half of the hash, and a count. */
static uint64_t first_value(uint64_t hash)
{
    return hash << 32 | 1;
}

/* Writes what is left of the table, and clears it. Returns false if there is no room for all. */
static bool write_table(struct leat_stage *s, struct leat_key_lane *l, struct filler *f)
{
    struct leat_key *key;
    uint32_t reference;

    while ((key = leat_key_walk_get(&l->walk, &l->table.arena, &reference))) {
        if (!room_for(f, key->len))
            return false;
        put_record(f, (uint64_t)key->high << 32 | key->value >> 32, (uint32_t)key->value,
                   key->bytes, key->len);
        leat_key_walk_on(&l->walk, key);
    }
    leat_keys_clear(s, &l->table);
    l->walk = (struct leat_key_walk){.at = 0};
    l->writes = false;
    return true;
}

/* Looks a line up in the table. Returns LEAT_KEYS_OLD: the line is done; _NEW: it is new there; _FULL: it can be in no
 * table. */
static int look_up(struct leat_stage *s, struct leat_key_lane *l, const struct leat_key_line *line)
{
    struct leat_key *key;
    int r = leat_keys_add(s, &l->table, line, &key);

    if (r == LEAT_KEYS_FULL && l->at_once && l->table.n > 0) {
        leat_keys_clear(s, &l->table);
        r = leat_keys_add(s, &l->table, line, &key);
    }
    if (r == LEAT_KEYS_NEW)
        key->value = first_value(line->hash);
    if (r != LEAT_KEYS_OLD)
        return r;
    l->found++;
    key->value++;
    leat_assert((uint32_t)key->value > 1);
    if (l->table.fold && memcmp(line->data, key->bytes, line->len) < 0 && !l->at_once)
        memcpy(key->bytes, line->data, line->len);
    return r;
}

/* One line. Returns 1; 0: there is no room, or the table is to be written first; or fails. */
static int add_line(struct leat_stage *s, struct leat_key_lane *l, const struct leat_key_line *line,
                    struct filler *f)
{
    int r;

    /* A line that is new must have room, as it is known from then on. */
    if ((l->at_once || l->direct > 0) && !room_for(f, line->len))
        return 0;
    r = l->direct > 0 ? LEAT_KEYS_FULL : look_up(s, l, line);
    if (r < 0)
        return r;
    if (r == LEAT_KEYS_FULL && l->direct == 0 && l->table.n > 0) {
        l->writes = true;
        return 0;
    }
    if (r == LEAT_KEYS_FULL && !room_for(f, line->len))
        return 0;
    if (r == LEAT_KEYS_FULL || (r == LEAT_KEYS_NEW && l->at_once))
        put_record(f, line->hash, 1, line->data, line->len);
    l->lines++;
    return 1;
}

/* If most lines of a block are different, the table costs time for nothing. */
static void judge(struct leat_key_lane *l)
{
    if (l->direct > 0 || l->lines < JUDGE_LINES || l->found >= l->lines / 2)
        return;
    l->direct = DIRECT_BLOCKS;
    l->writes = l->table.n > 0 && !l->at_once;
}

/* The next lines at the cursor. Returns 1; 0: there is no room, or the table is to be written; or fails. */
static int add_lines(struct leat_stage *s, struct leat_key_lane *l, struct leat_in *in,
                     struct filler *f)
{
    struct leat_key_line lines[LEAT_KEY_BATCH];
    unsigned n = leat_key_lines(in->data + in->pos, in->len - in->pos, l->delimiter, lines);
    int r = leat_key_hash_all(s, &l->hasher, lines, n, in->data + in->len);

    if (r < 0)
        return r;
    for (unsigned i = 0; i < n; i++) {
        r = add_line(s, l, &lines[i], f);
        if (r <= 0)
            return r;
        in->pos += lines[i].len;
        in->pos += in->pos < in->len; /* the delimiter, which the last line may lack */
    }
    judge(l);
    return 1;
}

/* Returns 1: all input is used, and at the end of the block the table is written; 0: there is no room; or fails. */
static int go_on(struct leat_stage *s, struct leat_key_lane *l, struct leat_in *in,
                 struct filler *f)
{
    for (;;) {
        int r = 1;

        if (l->writes && !write_table(s, l, f))
            return 0;
        if (in->pos < in->len) {
            r = add_lines(s, l, in, f);
        } else {
            l->writes = in->end && l->table.n > 0 && !l->at_once;
            if (!l->writes)
                return 1;
        }
        if (r < 0 || (r == 0 && !l->writes))
            return r;
    }
}

int leat_key_lane_step(struct leat_stage *s, struct leat_key_lane *l, struct leat_in *in,
                       struct leat_out *out)
{
    struct filler f = {.out = out};
    int r = go_on(s, l, in, &f);

    if (f.used > 0)
        leat_commit(out, f.used);
    if (r < 0)
        return r;
    leat_assert(r == 0 || in->pos == in->len);
    return r > 0 && in->end ? LEAT_END : LEAT_MORE;
}

/* --- the joiner's side ------------------------------------------------------------------------ */

static int carry_grow(struct leat_stage *s, struct leat_key_carry *c, size_t need)
{
    size_t size = need < CARRY_FIRST ? CARRY_FIRST : need;
    uint8_t *data;

    if (need <= c->size)
        return 0;
    data = leat_alloc_raw(s, size);
    if (!data)
        return LEAT_ENOMEM;
    if (c->len > 0)
        memcpy(data, c->data, c->len);
    leat_free(s, c->data);
    c->data = data;
    c->size = size;
    return 0;
}

/* The size of the record that n bytes begin with; 0: they are too few to tell. */
static size_t size_of(const uint8_t *data, size_t n)
{
    uint32_t len;

    if (n < HEAD)
        return 0;
    memcpy(&len, data + 12, sizeof len);
    return record_size(len);
}

static struct leat_key_record record_at(const uint8_t *data)
{
    struct leat_key_record record = {.size = 0};
    uint32_t numbers[2];

    memcpy(&record.line.hash, data, 8);
    memcpy(numbers, data + 8, 8);
    record.count = numbers[0];
    record.line.len = numbers[1];
    record.line.data = data + HEAD;
    if (numbers[1] > 0 && numbers[1] <= 8) /* zeros follow the line, up to a multiple of 8 */
        memcpy(record.line.words, data + HEAD, 8);
    else if (numbers[1] > 8 && numbers[1] <= LEAT_KEY_SHORT)
        memcpy(record.line.words, data + HEAD, 16);
    return record;
}

/* Moves bytes of the input to the carry until it has so many. Returns 1 if it has, 0 if the input is used, or fails. */
static int carry_fill(struct leat_stage *s, struct leat_key_carry *c, struct leat_in *in,
                      size_t need)
{
    size_t left = in->len - in->pos, n = need - c->len;
    int r;

    leat_assert(c->len <= need);
    r = carry_grow(s, c, need);
    if (r < 0)
        return r;
    n = n < left ? n : left;
    if (n > 0)
        memcpy(c->data + c->len, in->data + in->pos, n);
    c->len += n;
    in->pos += n;
    return c->len == need;
}

/* The record in the carry. Returns 1; 0: it is not whole yet; or fails. */
static int carried(struct leat_stage *s, struct leat_key_carry *c, struct leat_in *in,
                   struct leat_key_record *record)
{
    int r = c->len < HEAD ? carry_fill(s, c, in, HEAD) : 1;

    if (r == 1)
        r = carry_fill(s, c, in, size_of(c->data, c->len));
    if (r == 1)
        *record = record_at(c->data);
    return r;
}

int leat_key_records(struct leat_stage *s, struct leat_key_carry *c, struct leat_in *in,
                     struct leat_key_record *records)
{
    size_t at = in->pos;
    int n = 0;

    if (c->len > 0)
        return carried(s, c, in, records);
    while (n < (int)LEAT_KEY_BATCH) {
        size_t size = size_of(in->data + at, in->len - at);

        if (size == 0 || size > in->len - at)
            break;
        records[n] = record_at(in->data + at);
        records[n++].size = size;
        at += size;
    }
    if (n == 0 && at < in->len)
        return carried(s, c, in, records);
    return n;
}

void leat_key_taken(struct leat_key_carry *c, struct leat_in *in,
                    const struct leat_key_record *record)
{
    leat_assert(record->size <= in->len - in->pos);
    leat_assert((record->size == 0) == (c->len > 0));
    in->pos += record->size;
    if (record->size == 0)
        c->len = 0;
}

void leat_keys_prefetch_records(const struct leat_keys *keys, const struct leat_key_record *records,
                                int n)
{
    for (int i = 0; i < n; i++)
        leat_keys_prefetch(keys, records[i].line.hash);
    for (int i = 0; i < n; i++)
        leat_keys_prefetch_key(keys, records[i].line.hash);
}

void leat_key_carry_done(struct leat_stage *s, struct leat_key_carry *c)
{
    leat_free(s, c->data);
    *c = (struct leat_key_carry){.size = 0};
}
