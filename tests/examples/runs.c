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

struct runs {
    uint8_t byte;
    uint8_t count; /* 0: no run is open */
};

/* Closes the open run. false: there is no room now. */
static bool put(struct runs *runs, struct leat_out *out)
{
    uint8_t *to;

    if (leat_reserve(out, &to) < 2)
        return false;
    to[0] = runs->byte;
    to[1] = runs->count;
    leat_commit(out, 2);
    runs->count = 0;
    return true;
}

/* In a lane: in->end is the end of the block, and LEAT_END says that it is encoded. */
static int runs_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct runs *runs = leat_state(stage);

    for (; in->pos < in->len; in->pos++) {
        uint8_t byte = in->data[in->pos];
        bool ends = runs->count > 0 && (byte != runs->byte || runs->count == UINT8_MAX);

        if (ends && !put(runs, out))
            return LEAT_MORE;
        runs->byte = byte;
        runs->count++;
    }
    if (!in->end)
        return LEAT_MORE;
    return runs->count > 0 && !put(runs, out) ? LEAT_MORE : LEAT_END;
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
    if (leat_reserve(out, &to) < sizeof magic)
        return LEAT_MORE;
    memcpy(to, magic, sizeof magic);
    leat_commit(out, sizeof magic);
    return LEAT_END;
}

static const struct leat_lanes runs_lanes = {.block = BLOCK, .join = runs_join};
const struct leat_stage_type example_runs = {
    .name = "runs",
    .summary = "encode runs of equal bytes",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .lanes = &runs_lanes,
    .state_size = sizeof(struct runs),
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
    .name = "unruns",
    .summary = "decode runs of equal bytes",
    .kind = LEAT_TRANSFORM,
    .state_size = sizeof(struct unruns),
    .step = unruns_step,
};
