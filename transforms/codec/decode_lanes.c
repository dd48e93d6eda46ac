/* decode_lanes.c - decode in lanes, as the format's own stage does it.
 *
 * The cutter and the lane of the first block know the format by the first bytes. The cutter tells the
 * other lanes in a note, and the first lane tells the join in a byte before all that it gives. What
 * cannot be decoded in lanes is one block, which passes through the first lane as it comes. What lanes
 * hold is kept for them when the format is known, and charged by each when it has its first block.
 */

#include "decode_lanes.h"
#include "lanes.h"

/* With less it is not split: what is on its way to lanes would lack for the window of a serial
 * format. */
#define MEMORY_MIN ((uint64_t)64 << 20)
#define BLOCK_MAX ((size_t)4 << 20) /* what the formats make of a block, at most */
#define BLOCK_PARTS 64u             /* a block is no larger than this part of the limit */
#define LANES_PART 8u               /* this part is for what lanes beyond the first hold */
#define LANES_MAX 16u               /* as of zstd: a window in each must fit */
#define NOTE_SHIFT 56u

_Static_assert(LEAT_DECODER_NOTE_END == (uint64_t)1 << NOTE_SHIFT, "notes are longer");

bool leat_decode_in_lanes(const struct leat_stage *stage)
{
    const struct leat_decode_params *p = leat_params(stage);

    return p->depth == 0 && leat_threads(stage) > 1 && leat_memory_limit(stage) >= MEMORY_MIN;
}

static const struct leat_decoder_lanes *lanes_of(const struct leat_stage *stage, unsigned format)
{
    const struct leat_decoder *d = leat_format_decoder(format);

    return d && d->lanes && leat_lanes_used(stage, d->lanes) ? d->lanes : NULL;
}

/* Of any format. */
static size_t most_history(const struct leat_stage *stage)
{
    size_t most = 0;

    for (unsigned i = 0; i < LEAT_FORMATS_END; i++) {
        const struct leat_decoder_lanes *lanes = lanes_of(stage, i);

        if (lanes && lanes->history > most)
            most = lanes->history;
    }
    return most;
}

void leat_decode_lanes_plan(struct leat_stage *stage)
{
    uint64_t block = leat_memory_limit(stage) / BLOCK_PARTS;

    leat_plan_block(stage, block < BLOCK_MAX ? (size_t)block : BLOCK_MAX, most_history(stage));
    leat_plan_lanes(stage, LANES_MAX);
    leat_plan_flags(stage, LEAT_FLUSHES);
}

/* The format is known: get its state, opened if it is a lane's. */
static int get_ready(struct leat_stage *stage, struct leat_decode_lane *d, unsigned format,
                     bool is_lane)
{
    const struct leat_decoder_lanes *lanes = lanes_of(stage, format);
    const struct leat_decoder *serial = is_lane && !lanes ? leat_format_decoder(format) : NULL;
    size_t size = lanes ? lanes->state_size : serial ? serial->state_size : 0;

    d->ready = true;
    if (is_lane)
        leat_lane_kept(stage);
    if (size == 0)
        return 0;
    d->state = leat_alloc(stage, size);
    if (!d->state)
        return LEAT_ENOMEM;
    d->lanes = lanes;
    d->serial = serial;
    if (!is_lane)
        return 0;
    return lanes ? lanes->open(stage, d->state) : serial->open(stage, d->state);
}

void leat_decode_lane_close(struct leat_stage *stage, struct leat_decode_lane *d)
{
    if (d->lanes)
        d->lanes->close(stage, d->state);
    else if (d->serial)
        d->serial->close(stage, d->state);
    leat_free(stage, d->state);
}

/* --- the cutter ------------------------------------------------------------------------------- */

static int cut_on(struct leat_stage *stage, struct leat_decode_lane *d, const uint8_t *data,
                  size_t len, size_t *ret_take)
{
    uint64_t note = 0;
    int r;

    *ret_take = len;
    if (!d->lanes)
        return 0;
    r = d->lanes->cut(stage, d->state, data, len, ret_take, &note);
    if (r > 0)
        leat_note(stage, note | (uint64_t)d->first.format << NOTE_SHIFT);
    return r;
}

static void keep_lanes(struct leat_stage *stage, const struct leat_decoder_lanes *lanes)
{
    uint64_t bytes = lanes->holds + lanes->state_size;
    uint64_t n = 1 + leat_memory_limit(stage) / LANES_PART / bytes;

    leat_keep_lanes(stage, n < LANES_MAX ? (unsigned)n : LANES_MAX, bytes);
}

/* The format is known: its cutter sees the first bytes. */
static int cut_first(struct leat_stage *stage, struct leat_decode_lane *d)
{
    size_t taken = 0;
    int r = get_ready(stage, d, d->first.format, false);

    if (d->lanes)
        keep_lanes(stage, d->lanes);
    if (r == 0)
        r = cut_on(stage, d, d->first.bytes, d->first.have, &taken);
    if (r >= 0 && taken < d->first.have)
        return leat_fail(stage, LEAT_EINTERNAL, "cut within the first %zu bytes", d->first.have);
    return r;
}

static int cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
               size_t *ret_take)
{
    struct leat_decode_lane *d = leat_state(stage);
    size_t looked = 0, taken;
    int r = 0;

    if (!d->ready) {
        looked = leat_first_look(&d->first, data, len, end);
        *ret_take = looked;
        if (d->first.known)
            r = cut_first(stage, d);
        if (r != 0 || !d->first.known || looked == len)
            return r;
    }
    r = cut_on(stage, d, data + looked, len - looked, &taken);
    *ret_take = looked + taken;
    return r;
}

/* --- a lane ----------------------------------------------------------------------------------- */

static int begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct leat_decode_lane *d = leat_state(stage);
    struct leat_in of_format = *in;
    int r = 0;

    d->in_first = in->block == 0;
    if (d->in_first)
        return 0;
    of_format.note = in->note % LEAT_DECODER_NOTE_END;
    if (!d->ready)
        r = get_ready(stage, d, (unsigned)(in->note >> NOTE_SHIFT), true);
    if (r < 0)
        return r;
    if (!d->lanes)
        return leat_fail(stage, LEAT_EINTERNAL, "block %llu of what is one block",
                         (unsigned long long)in->block);
    return d->lanes->begin(stage, d->state, &of_format);
}

/* The first bytes. Returns LEAT_END when it is known what they are. */
static int look(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in)
{
    struct leat_in start = {.data = d->first.bytes, .len = d->first.have};
    int r;

    in->pos += leat_first_look(&d->first, in->data + in->pos, in->len - in->pos, in->end);
    if (!d->first.known)
        return LEAT_MORE;
    r = d->first.format == 0 ? leat_decode_unknown(stage) : 0;
    if (r == 0)
        r = get_ready(stage, d, d->first.format, true);
    if (r == 0 && d->lanes)
        r = d->lanes->begin(stage, d->state, &start);
    return r < 0 ? r : LEAT_END;
}

int leat_decode_lane_step(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in,
                          struct leat_out *out)
{
    uint8_t format;
    int r;

    if (!d->in_first)
        return d->lanes->step(stage, d->state, in, out);
    if (!d->ready) {
        r = look(stage, d, in);
        if (r != LEAT_END)
            return r;
    }
    if (!d->told) {
        format = d->lanes ? (uint8_t)d->first.format : 0;
        d->told = leat_write(out, &format, 1) == 1;
        if (!d->told)
            return LEAT_MORE;
    }
    return leat_first_run(&d->first, stage,
                          d->lanes    ? d->lanes->step
                          : d->serial ? d->serial->step
                                      : leat_plain_step,
                          d->state, in, out);
}

/* --- the join --------------------------------------------------------------------------------- */

static int merge(struct leat_stage *stage, struct leat_in *in, const void *result,
                 struct leat_out *out)
{
    struct leat_decode_lane *d = leat_state(stage);
    int r;

    if (!d->ready) {
        if (in->pos == in->len)
            return LEAT_MORE;
        r = get_ready(stage, d, in->data[in->pos++], false);
        if (r < 0)
            return r;
    }
    if (d->lanes && d->lanes->merge)
        return d->lanes->merge(stage, d->state, in, result, out);
    return leat_plain_step(stage, NULL, in, out);
}

static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    struct leat_decode_lane *d = leat_state(stage);

    if (when == LEAT_JOIN_TAIL && !d->ready) { /* there was no block, so no lane has looked */
        int r = leat_decode_unknown(stage);

        return r < 0 ? r : LEAT_END;
    }
    return d->lanes ? d->lanes->join(stage, d->state, when, result, out) : LEAT_END;
}

const struct leat_split leat_decode_split = {
    .result_size = LEAT_DECODER_RESULT_MAX,
    .cut = cut,
    .begin = begin,
    .merge = merge,
    .join = join,
};
