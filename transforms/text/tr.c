/* tr.c - translates, deletes or squeezes bytes.
 *
 * Each piece of a few KiB is translated or has bytes deleted on its way to the output, and is then squeezed there, while
 * it is in the processor's nearest cache. Squeezing needs the byte before a block (leat_lanes.history). With -d the
 * last byte that was kept may be anywhere, so then one thread squeezes.
 */

#include <stddef.h>

#include "base/invariant.h"
#include "bytes.h"
#include "stage.h"
#include "tr_set.h"

#define PIECE ((size_t)8192)

struct tr_params {
    int complement, delete, squeeze, truncate;
};

struct tr {
    struct leat_tr_tables tables;
    struct leat_bytes_map map;
    struct leat_bytes_set deleted, squeezed;
    bool fast, has_last;
    uint8_t last; /* the last byte before the cursor, translated, that was not deleted */
};

static int build(struct leat_stage *s, struct leat_tr_tables *ret)
{
    const struct tr_params *p = leat_params(s);
    const struct leat_strings *sets = leat_operands(s);
    const struct leat_tr_options o = {.complement = p->complement,
                                      .delete = p->delete,
                                      .squeeze = p->squeeze,
                                      .truncate = p->truncate};
    char why[256] = "";
    int r = leat_tr_build(&o, sets->v[0], sets->n > 1 ? sets->v[1] : NULL, ret, why, sizeof why);

    if (r == LEAT_EUSAGE)
        return leat_fail(s, r, "%s", why);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int tr_plan(struct leat_stage *s)
{
    const struct tr_params *p = leat_params(s);
    size_t n = leat_operands(s)->n;
    struct leat_tr_tables tables;

    if (n < 2 && !p->delete &&!p->squeeze)
        return leat_fail(s, LEAT_EUSAGE, "needs a second set to translate to");
    if (n < 2 && p->delete &&p->squeeze)
        return leat_fail(s, LEAT_EUSAGE,
                         "-d with -s needs two sets: the bytes to delete, and those to squeeze");
    if (n > 1 && p->delete &&!p->squeeze)
        return leat_fail(s, LEAT_EUSAGE, "-d without -s takes one set");
    if (p->delete &&p->squeeze)
        leat_plan_nature(s, LEAT_HEAVY);
    else if (!p->squeeze)
        leat_plan_flags(s, LEAT_BY_LINE);
    return build(s, &tables);
}

static int tr_open(struct leat_stage *s)
{
    struct tr *t = leat_state(s);
    int r = build(s, &t->tables);

    if (r < 0)
        return r;
    leat_bytes_map_init(&t->map, t->tables.map);
    leat_bytes_set_init(&t->deleted, t->tables.deleted);
    leat_bytes_set_init(&t->squeezed, t->tables.squeezed);
    t->fast = leat_bytes_fast();
    return 0;
}

static int tr_begin(struct leat_stage *s, const struct leat_in *in)
{
    struct tr *t = leat_state(s);

    leat_assert(!t->tables.deletes || !t->tables.squeezes);
    t->has_last = in->history_len > 0;
    if (t->has_last)
        t->last = t->map.to[in->history[in->history_len - 1]];
    return 0;
}

/* Returns how many bytes of output n bytes of input gave. */
static size_t change(struct tr *t, const uint8_t *from, uint8_t *to, size_t n)
{
    uint8_t last = t->last;
    size_t kept = n;

    if (t->tables.deletes)
        kept = leat_bytes_delete(&t->deleted, from, to, n, t->fast);
    else if (t->tables.translates)
        leat_bytes_translate(&t->map, from, to, n, t->fast);
    if (!t->tables.squeezes || kept == 0)
        return kept;
    if (t->tables.deletes || t->tables.translates)
        from = to;
    t->last = from[kept - 1];
    kept = leat_bytes_squeeze(&t->squeezed, from, to, kept, t->has_last ? last : -1, t->fast);
    t->has_last = true;
    return kept;
}

static int tr_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct tr *t = leat_state(s);

    while (in->pos < in->len) {
        size_t left = in->len - in->pos, done = 0, room;
        uint8_t *to;

        if (!t->tables.squeezes && !t->tables.deletes && t->map.n_rows == 0) {
            if (leat_pass(out, in, left) < left)
                return LEAT_MORE;
            break;
        }
        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        while (in->pos < in->len && done < room) {
            size_t n = in->len - in->pos < PIECE ? in->len - in->pos : PIECE;

            n = n < room - done ? n : room - done;
            done += change(t, in->data + in->pos, to + done, n);
            in->pos += n;
        }
        leat_assert(done <= room);
        leat_commit(out, done);
    }
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes tr_lanes = {
    .history = 1,
    .begin = tr_begin,
};

#define AT(field) offsetof(struct tr_params, field)
static const struct leat_option tr_options[] = {
    {"complement", 'c', LEAT_OPT_FLAG, AT(complement),
     .help = "use all bytes that are not in SET1, in ascending order"},
    {NULL, 'C', LEAT_OPT_FLAG, AT(complement), .help = "the same as -c"},
    {"delete", 'd', LEAT_OPT_FLAG, AT(delete), .help = "delete the bytes of SET1"},
    {"squeeze-repeats", 's', LEAT_OPT_FLAG, AT(squeeze),
     .help = "output a byte of the last set only once where it is repeated, after all else"},
    {"truncate-set1", 't', LEAT_OPT_FLAG, AT(truncate),
     .help = "cut SET1 to the length of SET2, instead of repeating the last byte of SET2"},
    {0},
};

const struct leat_stage_type leat_stage_tr = {
    .name = "tr",
    .summary = "translate, squeeze or delete bytes",
    .operands = "SET1 [SET2]",
    .operands_min = 1,
    .operands_max = 2,
    .operands_raw = true,
    .manual =
        "With two sets, outputs for each byte of SET1 the byte at the same place in SET2, and all "
        "other bytes unchanged. With -d deletes the bytes of SET1, with -s squeezes repeats of "
        "those of the last set. The output is that of GNU tr in the C locale: a character is a "
        "byte.\n\n"
        "A set is a string of bytes, with \\NNN (octal), \\a \\b \\f \\n \\r \\t \\v "
        "and \\\\ for bytes; a-z for a range; [:alnum:] [:alpha:] [:blank:] [:cntrl:] "
        "[:digit:] [:graph:] [:lower:] [:print:] [:punct:] [:space:] [:upper:] [:xdigit:] for the "
        "bytes of a class; [=c=] for c; and in SET2 [c*n] for n times c (octal if n begins with "
        "0), or [c*] for as many as SET1 needs. [:lower:] in one set and [:upper:] at the same "
        "place of the other convert between cases. [:graph:] has no space, [:print:] has.\n\n"
        "If SET2 is shorter than SET1, its last byte is repeated; -t leaves the rest of SET1 "
        "unchanged instead.\n\n"
        "Several threads work at once, except with -d and -s together. Lines do not matter, so "
        "they may have any length.",
    .examples = "tr a-z A-Z\n"
                "tr -d '\\r'\n"
                "tr -s ' '\n"
                "tr -cs '[:alnum:]' '\\n' : head -n 5",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .params_size = sizeof(struct tr_params),
    .state_size = sizeof(struct tr),
    .options = tr_options,
    .lanes = &tr_lanes,
    .plan = tr_plan,
    .open = tr_open,
    .step = tr_step,
};
