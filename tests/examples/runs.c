/* runs.c - an example of a codec whose encoder works on blocks in parallel.
 *
 * The format: a magic number, then for each run of a byte the byte and how often it stands there, 1 to 255.
 * Runs end at a block's end, so blocks are independent: lanes encode them, the engine keeps the order, and
 * the output does not depend on the number of lanes.
 */
#include <leat/stage.h>
#include <string.h>

#define BLOCK ((size_t)65536)

static const uint8_t magic[4] = {'R', 'U', 'N', '1'};

/* In a lane: the piece is a whole block, in->end is true, and LEAT_END says that it is encoded. */
static int runs_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    size_t n = 0;
    uint8_t *to;

    (void)stage;
    if (leat_reserve_least(out, 2 * in->len, &to) == 0) /* enough for runs of one byte each */
        return LEAT_MORE;
    while (in->pos < in->len) {
        uint8_t byte = in->data[in->pos], count = 0;

        for (; in->pos < in->len && in->data[in->pos] == byte && count < UINT8_MAX; in->pos++)
            count++;
        to[n++] = byte;
        to[n++] = count;
    }
    leat_commit(out, n);
    return LEAT_END;
}

/* Before the first block: the magic number. It runs in order, in an instance of its own. */
static int runs_join(struct leat_stage *stage, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    uint8_t *to;

    (void)stage;
    (void)result;
    if (when != LEAT_JOIN_HEAD)
        return LEAT_END;
    if (leat_reserve_least(out, sizeof magic, &to) == 0)
        return LEAT_MORE;
    memcpy(to, magic, sizeof magic);
    leat_commit(out, sizeof magic);
    return LEAT_END;
}

static const struct leat_lanes runs_lanes = {.block = BLOCK, .whole = BLOCK, .join = runs_join};
const struct leat_stage_type example_runs = {
    LEAT_STAGE_INIT,        .name = "example.runs",  .summary = "encode runs of equal bytes",
    .kind = LEAT_TRANSFORM, .nature = LEAT_PARALLEL, .lanes = &runs_lanes,
    .step = runs_step,
};

struct unruns {
    size_t seen; /* bytes of the magic number and of the pair after it */
    uint8_t byte;
    unsigned left; /* of the run, not written yet */
};

static int unruns_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct unruns *u = leat_state(stage);

    for (;;) {
        uint8_t byte;

        for (; u->left > 0; u->left--)
            if (leat_write(out, &u->byte, 1) == 0)
                return LEAT_MORE;
        if (in->pos == in->len)
            break;
        byte = in->data[in->pos];
        if (u->seen < sizeof magic && byte != magic[u->seen])
            return leat_fail(stage, LEAT_ECORRUPT, "not in runs format");
        if (u->seen == sizeof magic)
            u->byte = byte;
        if (u->seen > sizeof magic)
            u->left = byte;
        u->seen = u->seen > sizeof magic ? sizeof magic : u->seen + 1;
        in->pos++;
    }
    if (!in->end)
        return LEAT_MORE;
    return u->seen == sizeof magic ? LEAT_END
                                   : leat_fail(stage, LEAT_ETRUNCATED, "unexpected end of input");
}

const struct leat_stage_type example_unruns = {
    LEAT_STAGE_INIT,
    .name = "example.unruns",
    .summary = "decode runs of equal bytes",
    .kind = LEAT_TRANSFORM,
    .state_size = sizeof(struct unruns),
    .step = unruns_step,
};
