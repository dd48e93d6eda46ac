/* distinct.c - outputs each line once, in the order in which the lines first appear.
 *
 * Lanes leave out lines that they have seen before (key_lane.h), and the joiner those that are in its table.
 */

#include <stddef.h>

#include "base/invariant.h"
#include "key_lane.h"
#include "key_rank.h"
#include "stage.h"

#define TABLE_PART                                                                                 \
    5u /* the table has at most so many eighths of the memory that is free at first */

struct distinct_params {
    int zero, fold;
};

struct distinct {
    size_t cut_bytes;          /* in the cutter */
    struct leat_key_lane lane; /* in a lane */

    /* In the joiner: */
    struct leat_keys table;
    struct leat_key_carry carry;
    bool writes;    /* the first line of the input is new, and is being written */
    size_t line_at; /* bytes of it that are written */
};

static uint8_t delimiter_of(const struct distinct_params *p)
{
    return p->zero ? '\0' : '\n';
}

static int distinct_plan(struct leat_stage *s)
{
    leat_plan_delimiter(s, delimiter_of(leat_params(s)));
    leat_plan_block(s, LEAT_KEY_BLOCK, 0);
    return 0;
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int distinct_open(struct leat_stage *s)
{
    const struct distinct_params *p = leat_params(s);
    struct distinct *d = leat_state(s);

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
    leat_key_lane_begin(&d->lane);
    return 0;
}

static int distinct_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct distinct *d = leat_state(s);

    return leat_key_lane_step(s, &d->lane, in, out);
}

/* --- the joiner ------------------------------------------------------------------------------- */

/* Returns 1; 0: there is no room; or fails. */
static int add(struct leat_stage *s, struct distinct *d, const struct leat_key_record *record,
               struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct leat_key *key;
    int r;

    if (!d->writes) {
        r = leat_keys_add(s, &d->table, &record->line, &key);
        if (r < 0)
            return r;
        if (r == LEAT_KEYS_FULL)
            return leat_fail(s, LEAT_ELIMIT,
                             "too many different lines for the memory; raise --memory");
        d->writes = r == LEAT_KEYS_NEW;
    }
    if (d->writes && !leat_key_write(out, &d->line_at, NULL, 0, record->line.data, record->line.len,
                                     delimiter_of(p)))
        return 0;
    d->writes = false;
    return 1;
}

static int distinct_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                          struct leat_out *out)
{
    const struct distinct_params *p = leat_params(s);
    struct leat_key_record records[LEAT_KEY_BATCH];
    struct distinct *d = leat_state(s);
    int n, r;

    (void)result;
    if (d->table.limit == 0) {
        d->table.limit = leat_memory_spare(s) / 8 * TABLE_PART;
        d->table.fold = p->fold;
    }
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

static int distinct_join(struct leat_stage *s, enum leat_join when, const void *result,
                         struct leat_out *out)
{
    (void)s;
    (void)when;
    (void)result;
    (void)out;
    return LEAT_END;
}

static void distinct_close(struct leat_stage *s)
{
    struct distinct *d = leat_state(s);

    leat_key_lane_done(s, &d->lane);
    leat_keys_done(s, &d->table);
    leat_key_carry_done(s, &d->carry);
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
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_distinct = {
    .name = "distinct",
    .summary = "output each line once, in the order of first appearance",
    .manual =
        "Leaves out each line that is equal to an earlier one, as `awk '!seen[$0]++'` does. Equal "
        "lines need not be next to each other. A line is output as soon as it is seen.\n\n"
        "If the last line of the input lacks its newline, the output gets one.",
    .examples = "distinct\n"
                "distinct -i : count -l",
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
