/* freq.c - counts equal lines, and outputs each once with its count, the most frequent ones first.
 *
 * Lanes count the lines of a block (key_lane.h), and the joiner adds the counts up in one table. The output is that of
 * sort | uniq -c | sort -rn in the C locale.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"
#include "key_lane.h"
#include "key_rank.h"
#include "stage.h"

#define TABLE_PART                                                                                 \
    5u /* the table has at most so many eighths of the memory that is free at first */

struct freq_params {
    int zero, fold, tab;
    int64_t top;
};

struct freq {
    size_t cut_bytes;          /* in the cutter */
    struct leat_key_lane lane; /* in a lane */

    /* In the joiner: */
    struct leat_keys table;
    struct leat_key_carry carry;
    struct leat_key_items items;
    bool ranked;
    size_t item;      /* the one that is being written */
    size_t item_at;   /* bytes of it that are written */
    uint8_t text[24]; /* its count */
    size_t text_len;
};

static uint8_t delimiter_of(const struct freq_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int freq_plan(struct leat_stage *s)
{
    leat_plan_delimiter(s, delimiter_of(leat_params(s)));
    leat_plan_block(s, LEAT_KEY_BLOCK, 0);
    return 0;
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int freq_open(struct leat_stage *s)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);

    return leat_key_lane_open(s, &f->lane, p->fold, delimiter_of(p), false);
}

static int freq_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                    size_t *ret_take)
{
    struct freq *f = leat_state(s);

    (void)data;
    (void)end;
    return leat_key_lane_cut(&f->cut_bytes, len, ret_take);
}

static int freq_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct freq *f = leat_state(s);

    (void)in;
    leat_key_lane_begin(&f->lane);
    return 0;
}

static int freq_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct freq *f = leat_state(s);

    return leat_key_lane_step(s, &f->lane, in, out);
}

/* --- the joiner ------------------------------------------------------------------------------- */

static int add(struct leat_stage *s, struct freq *f, const struct leat_key_record *record)
{
    struct leat_key *key;
    int r = leat_keys_add(s, &f->table, &record->line, &key);

    if (r < 0)
        return r;
    if (r == LEAT_KEYS_FULL)
        return leat_fail(s, LEAT_ELIMIT, "too many different lines for the memory; raise --memory");
    key->value += record->count;
    if (f->table.fold && memcmp(record->line.data, key->bytes, key->len) < 0)
        memcpy(key->bytes, record->line.data, key->len);
    return 0;
}

static int freq_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                      struct leat_out *out)
{
    const struct freq_params *p = leat_params(s);
    struct leat_key_record records[LEAT_KEY_BATCH];
    struct freq *f = leat_state(s);
    int n, r;

    (void)result;
    (void)out;
    if (f->table.limit == 0) {
        f->table.limit = leat_memory_spare(s) / 8 * TABLE_PART;
        f->table.fold = p->fold;
    }
    while ((n = leat_key_records(s, &f->carry, in, records)) > 0) {
        leat_keys_prefetch_records(&f->table, records, n);
        for (int i = 0; i < n; i++) {
            r = add(s, f, &records[i]);
            if (r < 0)
                return r;
            leat_key_taken(&f->carry, in, &records[i]);
        }
    }
    if (n < 0)
        return n;
    leat_assert(in->pos == in->len);
    return in->end ? LEAT_END : LEAT_MORE;
}

/* The count as uniq -c writes it. */
static void format_count(struct freq *f, uint64_t count, bool tab)
{
    int n =
        snprintf((char *)f->text, sizeof f->text, tab ? "%" PRIu64 "\t" : "%7" PRIu64 " ", count);

    leat_assert(n > 0 && (size_t)n < sizeof f->text);
    f->text_len = (size_t)n;
}

static int write_ranked(struct leat_stage *s, struct leat_out *out)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);

    for (; f->item < f->items.n; f->item++) {
        const struct leat_key *key = leat_key_at(&f->table.arena, f->items.v[f->item].reference);

        if (f->item_at == 0)
            format_count(f, key->value, p->tab);
        if (!leat_key_write(out, &f->item_at, f->text, f->text_len, key->bytes, key->len,
                            delimiter_of(p)))
            return LEAT_MORE;
    }
    return LEAT_END;
}

static int freq_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);
    int r;

    (void)result;
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (!f->ranked) {
        r = leat_key_rank(s, &f->table.arena, f->table.n, LEAT_KEY_BY_COUNT, (uint64_t)p->top,
                          UINT64_MAX, &f->items);
        if (r < 0)
            return r;
        if (r == 0)
            return leat_fail(s, LEAT_ELIMIT, "no memory to sort the lines; raise --memory");
        f->ranked = true;
    }
    return write_ranked(s, out);
}

static void freq_close(struct leat_stage *s)
{
    struct freq *f = leat_state(s);

    leat_key_lane_done(s, &f->lane);
    leat_keys_done(s, &f->table);
    leat_key_carry_done(s, &f->carry);
    leat_key_items_done(s, &f->items);
}

static const struct leat_lanes freq_lanes = {
    .cut = freq_cut,
    .begin = freq_begin,
    .join = freq_join,
    .merge = freq_merge,
};

#define AT(field) offsetof(struct freq_params, field)
static const struct leat_option freq_options[] = {
    {"top", 'n', LEAT_OPT_INT, AT(top), .metavar = "N", .min = 1, .max = INT64_MAX, .initial = 0,
     .help = "output only the first N lines"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(fold),
     .help = "ignore case for the letters A to Z; the output has the smallest spelling"},
    {"tab", 0, LEAT_OPT_FLAG, AT(tab), .help = "a tab after the count, and no blanks before it"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_freq = {
    .name = "freq",
    .summary = "count equal lines, the most frequent ones first",
    .manual =
        "Outputs each different line once, with the number of times that it occurs. The output is "
        "that of `sort | uniq -c | sort -rn` in the C locale, byte for byte: the largest count "
        "first, and lines with equal counts in reverse order of their bytes. With -i it is that "
        "of `sort -f | uniq -ci | sort -rn`.\n\n"
        "The lines are counted in a hash table and not sorted, so the time depends little on "
        "their number. Several threads count at once.\n\n"
        "A last line without a newline counts as a line.",
    .examples = "freq\n"
                "freq --top=10\n"
                "read big.log.gz : gunzip : grep -F ' 500 ' : freq --top=5",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct freq_params),
    .state_size = sizeof(struct freq),
    .options = freq_options,
    .lanes = &freq_lanes,
    .plan = freq_plan,
    .open = freq_open,
    .step = freq_step,
    .close = freq_close,
};
