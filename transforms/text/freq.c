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
#include "key_spill.h"
#include "space_saving.h"
#include "stage.h"

#define AHEAD 12u /* lines that are fetched before they are written */

struct freq_params {
    int zero, fold, tab;
    int64_t top, approx;
    const char *spill;
};

struct freq {
    size_t cut_bytes;          /* in the cutter */
    struct leat_key_lane lane; /* in a lane */

    /* In the joiner: */
    struct leat_keys table;
    struct leat_key_carry carry;
    struct leat_key_spill spill; /* of tables that were full */
    struct leat_saving *saving;  /* --approx: instead of the table */
    const struct leat_key_arena *keys;
    struct leat_key_items items; /* of these keys, in order */
    bool ended;                  /* all lines are counted, and in order */
    size_t item;                 /* the one that is being written */
    size_t line_at;              /* bytes of the line that are written */
    uint8_t text[24];            /* a count, as it is written; many lines in a row have it */
    uint64_t text_count;
    size_t text_len;
};

static uint8_t delimiter_of(const struct freq_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int freq_plan(struct leat_stage *s)
{
    const struct freq_params *p = leat_params(s);

    leat_plan_delimiter(s, delimiter_of(p));
    if (p->approx && p->spill)
        return leat_fail(s, LEAT_EUSAGE, "--approx needs no temporary file; leave out --spill");
    if (p->approx) {
        leat_plan_nature(s, LEAT_HEAVY); /* the result depends on the order of the lines */
        return 0;
    }
    leat_plan_block(s, LEAT_KEY_BLOCK, 0);
    leat_plan_later(s, LEAT_KEY_LATER);
    return leat_runs_plan(s, p->spill);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int freq_open(struct leat_stage *s)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);

    if (p->approx) {
        leat_key_hasher_init(&f->lane.hasher, p->fold);
        f->saving = leat_saving_new(s, (size_t)p->approx, p->fold);
        return f->saving ? 0 : LEAT_ENOMEM;
    }
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

/* --- the joiner ------------------------------------------------------------------------------- */

static int add(struct leat_stage *s, struct freq *f, const struct leat_key_record *record)
{
    struct leat_key *key;
    int r = leat_keys_add(s, &f->table, &record->line, &key);

    if (r == LEAT_KEYS_FULL && f->table.n > 0) {
        r = leat_key_spill_table(s, &f->spill, &f->table);
        if (r == 0)
            r = leat_keys_add(s, &f->table, &record->line, &key);
    }
    if (r < 0)
        return r;
    if (r == LEAT_KEYS_FULL)
        return leat_key_fail_long(s, record->line.len);
    key->value += record->count;
    if (f->table.fold && memcmp(record->line.data, key->bytes, key->len) < 0)
        memcpy(key->bytes, record->line.data, key->len);
    return 0;
}

static int begin(struct leat_stage *s, struct freq *f)
{
    const struct freq_params *p = leat_params(s);

    if (f->table.limit > 0)
        return 0;
    f->table.fold = p->fold;
    f->spill.dir = p->spill;
    f->spill.order = LEAT_KEY_BY_COUNT;
    f->spill.fold = p->fold;
    f->spill.most = (uint64_t)p->top;
    return leat_key_spill_begin(s, &f->spill, &f->table.limit);
}

static int freq_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                      struct leat_out *out)
{
    struct leat_key_record records[LEAT_KEY_BATCH];
    struct freq *f = leat_state(s);
    int n, r;

    (void)result;
    (void)out;
    r = begin(s, f);
    if (r < 0)
        return r;
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
    f->text_count = count;
}

/* Puts the lines in order. */
static int end(struct leat_stage *s, struct freq *f)
{
    const struct freq_params *p = leat_params(s);
    int r = 0;

    leat_key_carry_done(s, &f->carry);
    if (f->spill.n == 0)
        r = leat_key_rank(s, &f->table.arena, f->table.n, LEAT_KEY_BY_COUNT, (uint64_t)p->top,
                          UINT64_MAX, &f->items);
    f->keys = &f->table.arena;
    f->ended = true;
    if (r != 0)
        return r < 0 ? r : 0;
    r = leat_key_spill_table(s, &f->spill, &f->table);
    leat_keys_done(s, &f->table);
    return r < 0 ? r : leat_key_spill_merge(s, &f->spill);
}

/* The next line of the output. Returns false if there are no more. */
static bool get(const struct freq *f, uint64_t *ret_count, const uint8_t **ret_data, size_t *ret_n)
{
    const struct leat_key *key;

    if (f->spill.merged)
        return leat_key_spill_get(&f->spill, ret_count, ret_data, ret_n);
    if (f->item == f->items.n)
        return false;
    if (f->items.n - f->item > AHEAD)
        __builtin_prefetch(leat_key_at(f->keys, f->items.v[f->item + AHEAD].reference));
    key = leat_key_at(f->keys, f->items.v[f->item].reference);
    *ret_count = key->value;
    *ret_data = key->bytes;
    *ret_n = key->len;
    return true;
}

static int write_lines(struct leat_stage *s, struct leat_out *out)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);
    const uint8_t *data;
    uint64_t count;
    size_t n;
    int r;

    while ((p->top == 0 || f->item < (uint64_t)p->top) && get(f, &count, &data, &n)) {
        if (f->line_at == 0 && (f->text_len == 0 || count != f->text_count))
            format_count(f, count, p->tab);
        if (!leat_key_write(out, &f->line_at, f->text, f->text_len, data, n, delimiter_of(p)))
            return LEAT_MORE;
        f->item++;
        r = f->spill.merged ? leat_key_spill_on(s, &f->spill) : 0;
        if (r < 0)
            return r;
    }
    return LEAT_END;
}

static int freq_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    struct freq *f = leat_state(s);
    int r;

    (void)result;
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (!f->ended) {
        r = end(s, f);
        if (r < 0)
            return r;
    }
    return write_lines(s, out);
}

/* --- the stage -------------------------------------------------------------------------------- */

/* --approx: puts the lines in order. */
static int end_saving(struct leat_stage *s, struct freq *f)
{
    const struct freq_params *p = leat_params(s);
    uint64_t error = leat_saving_error(f->saving);
    size_t n;
    int r = leat_saving_end(s, f->saving);

    if (r < 0)
        return r;
    f->ended = true;
    f->keys = leat_saving_keys(f->saving, &n);
    r = leat_key_rank(s, f->keys, n, LEAT_KEY_BY_COUNT, (uint64_t)p->top, UINT64_MAX, &f->items);
    if (r <= 0)
        return r < 0 ? r : leat_fail(s, LEAT_ELIMIT, "no memory to sort the lines; raise --memory");
    if (error > 0)
        leat_warning(s,
                     "counts may be too high by up to %" PRIu64
                     "; lines that occur more often than that are all counted",
                     error);
    return 0;
}

/* --approx: one step for the whole stream. */
static int saving_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct freq_params *p = leat_params(s);
    struct freq *f = leat_state(s);
    struct leat_key_line lines[LEAT_KEY_BATCH];
    int r = 0;

    while (in->pos < in->len) {
        unsigned n = leat_key_lines(in->data + in->pos, in->len - in->pos, delimiter_of(p), lines);

        r = leat_key_hash_all(s, &f->lane.hasher, lines, n, in->data + in->len);
        for (unsigned i = 0; r == 0 && i < n; i++)
            r = leat_saving_add(s, f->saving, &lines[i]);
        if (r < 0)
            return r;
        in->pos = (size_t)(lines[n - 1].data - in->data) + lines[n - 1].len;
        in->pos += in->pos < in->len; /* the delimiter, which the last line may lack */
    }
    if (!in->end)
        return LEAT_MORE;
    if (!f->ended)
        r = end_saving(s, f);
    return r < 0 ? r : write_lines(s, out);
}

static int freq_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct freq *f = leat_state(s);

    return f->saving ? saving_step(s, in, out) : leat_key_lane_step(s, &f->lane, in, out);
}

static void freq_close(struct leat_stage *s)
{
    struct freq *f = leat_state(s);

    leat_saving_free(s, f->saving);
    leat_key_lane_done(s, &f->lane);
    leat_keys_done(s, &f->table);
    leat_key_carry_done(s, &f->carry);
    leat_key_items_done(s, &f->items);
    leat_key_spill_done(s, &f->spill);
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
    {"approx", 0, LEAT_OPT_INT, AT(approx), .metavar = "N", .min = 1, .max = 100000000,
     .help = "count with only N counters: counts of frequent lines may be too high"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "the directory of the temporary file; else TMPDIR, or /var/tmp"},
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
        "If the different lines do not fit in the memory limit, they go to a temporary file, "
        "compressed, and are brought together at the end. The file has no name, so that nothing is "
        "left of it whatever happens; --spill chooses its directory. A full disk is an error.\n\n"
        "With --approx=N there are N counters. A line without one takes over the counter with the "
        "smallest count (Space-Saving: Metwally, Agrawal and El Abbadi, 2005). The output has at "
        "most N lines. No count is too low, a warning tells by how much one may be too high, and "
        "each line that occurs more often than that is in the output. With N counters and a stream of "
        "L lines this is at most L / N. One thread counts then, in memory for N lines.\n\n"
        "A last line without a newline counts as a line.",
    .examples = "freq\n"
                "freq --top=10\n"
                "freq --approx=1000 --top=10\n"
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
