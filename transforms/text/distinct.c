/* distinct.c - outputs each line once, in the order in which the lines first appear.
 *
 * Lanes leave out lines that they have seen before (key_lane.h), and the joiner those that are in its table. Until the
 * table is full, a new line is output at once, and its value in the table is 0. Then the table is spilled (key_spill.h),
 * and new lines are kept with their places in the stream. At the end those that have no value 0 come out.
 *
 * With --approx a lane outputs its sketch (hyperloglog.h) after each block, and the joiner merges the sketches.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "base/invariant.h"
#include "hyperloglog.h"
#include "key_lane.h"
#include "key_rank.h"
#include "key_spill.h"
#include "stage.h"

struct distinct_params {
    int zero, fold, approx;
    const char *spill;
};

struct distinct {
    size_t cut_bytes;          /* in the cutter */
    struct leat_key_lane lane; /* in a lane */

    /* In the joiner: */
    struct leat_keys table;
    struct leat_key_carry carry;
    struct leat_key_spill spill; /* of tables that were full */
    uint64_t place;              /* of the last line that was new in a table after the first one */
    bool writes;                 /* the first line of the input is new, and is being written */
    bool ended;                  /* all lines are in order */
    size_t line_at;              /* bytes of the line that are written */

    /* With --approx, in a lane and in the joiner: */
    uint8_t *registers;
    size_t register_at; /* those before it are written or merged */
    char text[48];      /* the estimate */
    size_t text_len, text_at;
};

static uint8_t delimiter_of(const struct distinct_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int distinct_plan(struct leat_stage *s)
{
    const struct distinct_params *p = leat_params(s);

    leat_plan_delimiter(s, delimiter_of(p));
    leat_plan_block(s, LEAT_KEY_BLOCK, 0);
    if (p->approx && p->spill)
        return leat_fail(s, LEAT_EUSAGE, "--approx needs no temporary file; leave out --spill");
    if (p->approx)
        return 0;
    leat_plan_later(s, LEAT_KEY_LATER);
    return leat_runs_plan(s, p->spill);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int new_registers(struct leat_stage *s, struct distinct *d)
{
    d->registers = leat_alloc(s, LEAT_HLL_SIZE);
    return d->registers ? 0 : LEAT_ENOMEM;
}

static int distinct_open(struct leat_stage *s)
{
    const struct distinct_params *p = leat_params(s);
    struct distinct *d = leat_state(s);

    if (p->approx) {
        leat_key_hasher_fixed(&d->lane.hasher, p->fold);
        return new_registers(s, d);
    }
    return leat_key_lane_open(s, &d->lane, p->fold, delimiter_of(p), true);
}

static int distinct_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                        size_t *ret_take)
{
    struct distinct *d = leat_state(s);

    (void)data;
    (void)end;
    return leat_key_lane_cut(&d->cut_bytes, len, ret_take);
}

static int distinct_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct distinct *d = leat_state(s);

    (void)in;
    d->register_at = 0;
    leat_key_lane_begin(&d->lane);
    return 0;
}

/* --approx: adds the lines to the sketch, and writes it at the end of the block. */
static int sketch_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct distinct *d = leat_state(s);
    struct leat_key_line lines[LEAT_KEY_BATCH];

    while (in->pos < in->len) {
        unsigned n = leat_key_lines(in->data + in->pos, in->len - in->pos, delimiter_of(p), lines);

        int r = leat_key_hash_all(s, &d->lane.hasher, lines, n, in->data + in->len);

        if (r < 0)
            return r;
        for (unsigned i = 0; i < n; i++)
            leat_hll_add(d->registers, lines[i].hash);
        in->pos = (size_t)(lines[n - 1].data - in->data) + lines[n - 1].len;
        in->pos += in->pos < in->len; /* the delimiter, which the last line may lack */
    }
    if (!in->end)
        return LEAT_MORE;
    d->register_at +=
        leat_write(out, d->registers + d->register_at, LEAT_HLL_SIZE - d->register_at);
    return d->register_at == LEAT_HLL_SIZE ? LEAT_END : LEAT_MORE;
}

static int distinct_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct distinct *d = leat_state(s);

    if (p->approx)
        return sketch_step(s, in, out);
    return leat_key_lane_step(s, &d->lane, in, out);
}

/* --- the joiner ------------------------------------------------------------------------------- */

/* Looks a line up. Returns LEAT_KEYS_NEW: it is to be written now; _OLD: it is not; or fails. */
static int look_up(struct leat_stage *s, struct distinct *d, const struct leat_key_line *line)
{
    struct leat_key *key;
    int r = leat_keys_add(s, &d->table, line, &key);

    if (r == LEAT_KEYS_FULL && d->table.n > 0) {
        r = leat_key_spill_table(s, &d->spill, &d->table);
        if (r == 0)
            r = leat_keys_add(s, &d->table, line, &key);
    }
    if (r == LEAT_KEYS_FULL)
        return leat_key_fail_long(s, line->len);
    if (r != LEAT_KEYS_NEW || d->spill.n == 0)
        return r;
    key->value = ++d->place;
    return LEAT_KEYS_OLD;
}

/* Returns 1; 0: there is no room; or fails. */
static int add(struct leat_stage *s, struct distinct *d, const struct leat_key_record *record,
               struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);

    if (!d->writes) {
        int r = look_up(s, d, &record->line);

        if (r < 0)
            return r;
        d->writes = r == LEAT_KEYS_NEW;
    }
    if (d->writes && !leat_key_write(out, &d->line_at, NULL, 0, record->line.data, record->line.len,
                                     delimiter_of(p)))
        return 0;
    d->writes = false;
    return 1;
}

static int begin(struct leat_stage *s, struct distinct *d)
{
    const struct distinct_params *p = leat_params(s);

    if (d->table.limit > 0)
        return 0;
    d->table.fold = p->fold;
    d->spill.dir = p->spill;
    d->spill.order = LEAT_KEY_BY_PLACE;
    d->spill.fold = p->fold;
    return leat_key_spill_begin(s, &d->spill, &d->table.limit);
}

static int merge_sketch(struct leat_stage *s, struct distinct *d, struct leat_in *in)
{
    size_t n = in->len - in->pos;

    if (!d->registers && new_registers(s, d) < 0)
        return LEAT_ENOMEM;
    leat_assert(n <= LEAT_HLL_SIZE - d->register_at);
    leat_hll_merge(d->registers, d->register_at, in->data + in->pos, n);
    in->pos = in->len;
    d->register_at += n;
    leat_assert(!in->end || d->register_at == LEAT_HLL_SIZE);
    if (in->end)
        d->register_at = 0;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int write_estimate(struct leat_stage *s, struct distinct *d, struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);

    if (d->text_len == 0) {
        uint64_t estimate = d->registers ? leat_hll_estimate(d->registers) : 0;

        d->text_len = (size_t)snprintf(d->text, sizeof d->text, "%" PRIu64 " +-%s%c", estimate,
                                       LEAT_HLL_ERROR, delimiter_of(p));
    }
    d->text_at += leat_write(out, d->text + d->text_at, d->text_len - d->text_at);
    return d->text_at == d->text_len ? LEAT_END : LEAT_MORE;
}

static int distinct_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                          struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct leat_key_record records[LEAT_KEY_BATCH];
    struct distinct *d = leat_state(s);
    int n, r;

    (void)result;
    if (p->approx)
        return merge_sketch(s, d, in);
    r = begin(s, d);
    if (r < 0)
        return r;
    while ((n = leat_key_records(s, &d->carry, in, records)) > 0) {
        leat_keys_prefetch_records(&d->table, records, n);
        for (int i = 0; i < n; i++) {
            r = add(s, d, &records[i], out);
            if (r <= 0)
                return r < 0 ? r : LEAT_MORE;
            leat_key_taken(&d->carry, in, &records[i]);
        }
    }
    if (n < 0)
        return n;
    leat_assert(in->pos == in->len && !d->writes);
    return in->end ? LEAT_END : LEAT_MORE;
}

/* Puts the lines that were kept in order. */
static int end(struct leat_stage *s, struct distinct *d)
{
    int r;

    d->ended = true;
    leat_key_carry_done(s, &d->carry);
    r = d->spill.n > 0 ? leat_key_spill_table(s, &d->spill, &d->table) : 0;
    leat_keys_done(s, &d->table);
    return r < 0 || d->spill.n == 0 ? r : leat_key_spill_merge(s, &d->spill);
}

static int distinct_join(struct leat_stage *s, enum leat_join when, const void *result,
                         struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct distinct *d = leat_state(s);
    const uint8_t *data;
    uint64_t place;
    size_t n;
    int r;

    (void)result;
    if (when != LEAT_JOIN_TAIL)
        return LEAT_END;
    if (p->approx)
        return write_estimate(s, d, out);
    if (!d->ended) {
        r = end(s, d);
        if (r < 0)
            return r;
    }
    while (d->spill.merged && leat_key_spill_get(&d->spill, &place, &data, &n)) {
        if (!leat_key_write(out, &d->line_at, NULL, 0, data, n, delimiter_of(p)))
            return LEAT_MORE;
        r = leat_key_spill_on(s, &d->spill);
        if (r < 0)
            return r;
    }
    return LEAT_END;
}

static void distinct_close(struct leat_stage *s)
{
    struct distinct *d = leat_state(s);

    leat_key_lane_done(s, &d->lane);
    leat_keys_done(s, &d->table);
    leat_key_carry_done(s, &d->carry);
    leat_key_spill_done(s, &d->spill);
    leat_free(s, d->registers);
}

static const struct leat_lanes distinct_lanes = {
    .cut = distinct_cut,
    .begin = distinct_begin,
    .join = distinct_join,
    .merge = distinct_merge,
};

#define AT(field) offsetof(struct distinct_params, field)
static const struct leat_option distinct_options[] = {
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(fold),
     .help = "ignore case for the letters A to Z; the output has the first spelling"},
    {"approx", 0, LEAT_OPT_FLAG, AT(approx),
     .help = "output only an estimate of the number of different lines, and its standard error"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "the directory of the temporary file; else TMPDIR, or /var/tmp"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_distinct = {
    .name = "distinct",
    .summary = "output each line once, in the order of first appearance",
    .manual =
        "Leaves out each line that is equal to an earlier one, as `awk '!seen[$0]++'` does. Equal "
        "lines need not be next to each other. A line is output as soon as it is seen, as long as the different lines fit in the "
        "memory limit.\n\n"
        "If they do not, lines go to a temporary file, compressed, and the lines that were not "
        "output before come at the end of the input, still in the order of first appearance. The "
        "file has no name, so that nothing is left of it whatever happens; --spill chooses its "
        "directory. A full disk is an error.\n\n"
        "With --approx the only output is an estimate of the number of different lines, as in "
        "`679123 +-0.81%`: in two cases of three it is wrong by at most 0.81 percent, and hardly "
        "ever by more than 2.5 percent. It needs 16 KiB a thread, however many lines there are. It is "
        "a HyperLogLog sketch (Flajolet and others, 2007) with the estimator of Ertl (2017), and "
        "always the same for the same lines.\n\n"
        "If the last line of the input lacks its newline, the output gets one.",
    .examples = "distinct\n"
                "distinct -i : count -l\n"
                "distinct --approx",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct distinct_params),
    .state_size = sizeof(struct distinct),
    .options = distinct_options,
    .lanes = &distinct_lanes,
    .plan = distinct_plan,
    .open = distinct_open,
    .step = distinct_step,
    .close = distinct_close,
};
