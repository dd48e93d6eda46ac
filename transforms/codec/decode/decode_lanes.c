/* decode_lanes.c - `decode` in lanes, in the way of the format's own stage.
 *
 * A block never spans two files. The cutter, and the lane with the first block of a file, recognise
 * the format by the first bytes. The cutter passes it to the other lanes in a note, and each lane
 * passes it to the join in a tag, a byte before the block's output. The first file decides which
 * format has lanes, and how much memory each lane needs. A file that is not decoded in lanes is one
 * block.
 */

#include "decode_lanes.h"

#include <string.h>

#include "../shared/lanes.h"

/* With less memory the stage is not parallel: the blocks in transit would use the memory that a
 * serial format needs for its window. */
#define MEMORY_MIN ((uint64_t)64 << 20)
#define BLOCK_MAX ((size_t)4 << 20) /* limit for the formats' output of a block */
#define BLOCK_PARTS 64u             /* a block is at most this part of the limit */
#define LANES_PART 8u               /* this part is for the lanes beyond the first */
#define LANES_MAX 16u               /* as in zstd: there must be memory for a window in each */
/* A note holds: the note of the format's lanes, the format that has lanes, and whether the block
 * begins a file. */
#define NOTE_SHIFT 56u
#define NOTE_FILE ((uint64_t)1 << 63)
#define NOTE_FORMAT 0x3fu
/* The tag of a block. If the block begins a file: its format, or 0 if it is not decoded in
 * lanes. */
#define TAG_GOES_ON 0xffu
#define TAG_EMPTY 0xfeu

_Static_assert((LEAT_DECODER_NOTE_END - 1) >> (NOTE_SHIFT - 1) == 1, "notes are longer");
_Static_assert(LEAT_FORMATS_END <= NOTE_FORMAT + 1, "formats do not fit in a note");

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

/* The largest history of any format. */
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

/* The format that has lanes is known: allocates its state, and opens it for a lane. */
static int get_ready(struct leat_stage *stage, struct leat_decode_lane *d, unsigned format,
                     bool is_lane)
{
    const struct leat_decoder_lanes *lanes = lanes_of(stage, format);

    d->ready = true;
    if (is_lane)
        leat_lane_kept(stage);
    if (!lanes)
        return 0;
    d->state = leat_alloc(stage, lanes->state_size);
    if (!d->state)
        return LEAT_ENOMEM;
    d->lanes = lanes;
    d->format = format;
    return is_lane ? lanes->open(stage, d->state) : 0;
}

static void end_serial(struct leat_stage *stage, struct leat_decode_lane *d)
{
    if (d->serial)
        d->serial->close(stage, d->serial_state);
    leat_free(stage, d->serial_state);
    d->serial = NULL;
    d->serial_state = NULL;
}

void leat_decode_lane_close(struct leat_stage *stage, struct leat_decode_lane *d)
{
    if (d->lanes)
        d->lanes->close(stage, d->state);
    leat_free(stage, d->state);
    end_serial(stage, d);
}

/* --- cutter ----------------------------------------------------------------------------------- */

static void note_file(struct leat_stage *stage, const struct leat_decode_lane *d)
{
    leat_note(stage, NOTE_FILE | (uint64_t)d->format << NOTE_SHIFT);
}

static int cut_on(struct leat_stage *stage, struct leat_decode_lane *d, const uint8_t *data,
                  size_t len, size_t *ret_take)
{
    uint64_t note = 0;
    int r;

    *ret_take = len;
    if (!d->in_lanes)
        return 0;
    r = d->lanes->cut(stage, d->state, data, len, ret_take, &note);
    if (r > 0)
        leat_note(stage, note | (uint64_t)d->format << NOTE_SHIFT);
    return r;
}

static void keep_lanes(struct leat_stage *stage, const struct leat_decoder_lanes *lanes)
{
    uint64_t bytes = lanes->holds + lanes->state_size;
    uint64_t n = 1 + leat_memory_limit(stage) / LANES_PART / bytes;

    leat_keep_lanes(stage, n < LANES_MAX ? (unsigned)n : LANES_MAX, bytes);
}

/* The format of the file is known: passes the first bytes to the cutter of its lanes. */
static int cut_first(struct leat_stage *stage, struct leat_decode_lane *d)
{
    size_t taken = 0;
    int r = 0;

    d->file_ready = true;
    if (!d->ready) {
        r = get_ready(stage, d, d->first.format, false);
        if (d->lanes)
            keep_lanes(stage, d->lanes);
    }
    d->in_lanes = d->lanes && d->format == d->first.format;
    if (r == 0)
        r = cut_on(stage, d, d->first.bytes, d->first.have, &taken);
    if (r >= 0 && taken < d->first.have)
        return leat_fail(stage, LEAT_EINTERNAL, "cut within the first %zu bytes", d->first.have);
    return r;
}

/* Cuts bytes of one file. `end`: no more follow in it. */
static int cut_file(struct leat_stage *stage, struct leat_decode_lane *d, const uint8_t *data,
                    size_t len, bool end, size_t *ret_take)
{
    size_t looked = 0, taken;
    int r = 0;

    if (!d->file_ready) {
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

/* Moves to the file that contains the next byte. Returns false if that is the current one. */
static bool next_file(struct leat_stage *stage, struct leat_decode_lane *d)
{
    struct leat_input_file next;
    bool any = false;

    while (leat_input_file(stage, d->file + 1, &next) && next.begin <= d->at) {
        d->file++;
        any = true;
    }
    if (!any)
        return false;
    d->first = (struct leat_first){.known = false};
    d->file_ready = d->in_lanes = false;
    if (d->lanes)
        memset(d->state, 0, d->lanes->state_size);
    return true;
}

/* The next block is the first one of a file. */
static int cut_at_file(struct leat_stage *stage, struct leat_decode_lane *d)
{
    note_file(stage, d);
    d->begins = d->empty = true;
    return 1;
}

static int cut(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
               size_t *ret_take)
{
    struct leat_decode_lane *d = leat_state(stage);
    struct leat_input_file next = {.begin = UINT64_MAX};
    bool first = d->file == 0 && d->at == 0;
    size_t n = len;
    int r;

    if (len > 0 && next_file(stage, d) && !first && !(d->begins && d->empty)) {
        *ret_take = 0;
        return cut_at_file(stage, d);
    }
    if (leat_input_file(stage, d->file + 1, &next) && next.begin <= d->at + len) {
        n = (size_t)(next.begin - d->at);
        end = true;
    }
    r = cut_file(stage, d, data, n, end, ret_take);
    if (r < 0)
        return r;
    d->at += *ret_take;
    d->empty = d->empty && *ret_take == 0;
    if (*ret_take > 0 && next_file(stage, d))
        return cut_at_file(stage, d);
    if (r > 0) {
        d->begins = false;
        d->empty = true;
    }
    return r;
}

/* --- lane ------------------------------------------------------------------------------------- */

static int begin(struct leat_stage *stage, const struct leat_in *in)
{
    struct leat_decode_lane *d = leat_state(stage);
    unsigned format = (unsigned)(in->note >> NOTE_SHIFT) & NOTE_FORMAT;
    int r = 0;

    d->in_first = in->block == 0 || in->note & NOTE_FILE;
    d->note = in->note % LEAT_DECODER_NOTE_END;
    d->told = d->begun = d->file_ready = false;
    end_serial(stage, d);
    if (d->in_first)
        d->first = (struct leat_first){.at = in->offset};
    if (!d->ready && in->block > 0)
        r = get_ready(stage, d, format, true);
    if (r < 0)
        return r;
    d->in_lanes = !d->in_first;
    if (d->in_first || d->lanes)
        return 0;
    return leat_fail(stage, LEAT_EINTERNAL, "block %llu of data that is one block",
                     (unsigned long long)in->block);
}

static int begin_serial(struct leat_stage *stage, struct leat_decode_lane *d)
{
    const struct leat_decoder *serial = leat_format_decoder(d->first.format);

    if (!serial)
        return 0;
    d->serial_state = leat_alloc(stage, serial->state_size);
    if (!d->serial_state)
        return LEAT_ENOMEM;
    d->serial = serial;
    return serial->open(stage, d->serial_state);
}

/* Examines the first bytes of a file. Returns LEAT_END when its format is known. */
static int look(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in)
{
    struct leat_in start = {.data = d->first.bytes, .len = d->first.have, .offset = d->first.at};
    int r;

    in->pos += leat_first_look(&d->first, in->data + in->pos, in->len - in->pos, in->end);
    if (!d->first.known)
        return LEAT_MORE;
    r = d->first.format == 0 ? leat_decode_unknown(stage, d->first.at) : 0;
    if (r == 0 && !d->ready)
        r = get_ready(stage, d, d->first.format, true);
    if (r < 0)
        return r;
    d->file_ready = true;
    d->in_lanes = d->lanes && d->format == d->first.format;
    start.len = d->first.have;
    r = d->in_lanes ? d->lanes->begin(stage, d->state, &start) : begin_serial(stage, d);
    return r < 0 ? r : LEAT_END;
}

/* Writes the block's tag, once. Returns LEAT_END when it is written. */
static int tell(struct leat_decode_lane *d, uint8_t tag, struct leat_out *out)
{
    d->told = d->told || leat_write(out, &tag, 1) == 1;
    return d->told ? LEAT_END : LEAT_MORE;
}

/* A later block of a file. It is empty if the end of the file was seen only with the next file. */
static int go_on(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in,
                 struct leat_out *out)
{
    struct leat_in of_format = *in;
    bool empty = !d->begun && in->pos == in->len;
    int r;

    if (empty && !in->end)
        return LEAT_MORE;
    r = tell(d, empty ? TAG_EMPTY : TAG_GOES_ON, out);
    if (empty || r != LEAT_END)
        return r;
    of_format.note = d->note;
    r = d->begun ? 0 : d->lanes->begin(stage, d->state, &of_format);
    d->begun = true;
    return r < 0 ? r : d->lanes->step(stage, d->state, in, out);
}

int leat_decode_lane_step(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in,
                          struct leat_out *out)
{
    int r = LEAT_END;

    if (!d->in_first)
        return go_on(stage, d, in, out);
    if (!d->file_ready)
        r = look(stage, d, in);
    if (r == LEAT_END)
        r = tell(d, d->in_lanes ? (uint8_t)d->first.format : 0, out);
    if (r != LEAT_END)
        return r;
    return leat_first_run(&d->first, stage,
                          d->in_lanes ? d->lanes->step
                          : d->serial ? d->serial->step
                                      : leat_plain_step,
                          d->in_lanes ? d->state : d->serial_state, in, out);
}

/* --- join ------------------------------------------------------------------------------------- */

/* Moves to the next file that has bytes, or to the first. */
static void join_file(struct leat_stage *stage, struct leat_decode_lane *d, bool first)
{
    struct leat_input_file file;

    d->file += !first;
    while (leat_input_file(stage, d->file, &file) && file.begin == file.end)
        d->file++;
}

/* The current file ends. Returns LEAT_END, LEAT_MORE if there is no room, or fails. */
static int end_file(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in,
                    struct leat_out *out)
{
    struct leat_input_file file;
    int r;

    if (!d->in_lanes)
        return LEAT_END;
    if (leat_input_file(stage, d->file, &file))
        in->offset = file.end - in->pos;
    r = d->lanes->join(stage, d->state, LEAT_JOIN_TAIL, NULL, out);
    if (r != LEAT_END)
        return r;
    d->lanes->close(stage, d->state);
    memset(d->state, 0, d->lanes->state_size);
    return LEAT_END;
}

/* Reads the tag, the byte before a block's output. Returns LEAT_END when it is read. */
static int take_tag(struct leat_stage *stage, struct leat_decode_lane *d, struct leat_in *in,
                    struct leat_out *out)
{
    uint8_t tag;
    int r;

    if (in->pos == in->len)
        return LEAT_MORE;
    tag = in->data[in->pos];
    if (tag != TAG_GOES_ON && tag != TAG_EMPTY) {
        r = d->later_file ? end_file(stage, d, in, out) : LEAT_END;
        if (r == LEAT_END && tag != 0 && !d->ready) {
            r = get_ready(stage, d, tag, false);
            r = r < 0 ? r : LEAT_END;
        }
        if (r != LEAT_END)
            return r;
        join_file(stage, d, !d->later_file);
        d->later_file = true;
        d->in_lanes = tag != 0;
    }
    in->pos++;
    d->empty_block = tag == TAG_EMPTY;
    d->tagged = true;
    return LEAT_END;
}

static int merge(struct leat_stage *stage, struct leat_in *in, const void *result,
                 struct leat_out *out)
{
    struct leat_decode_lane *d = leat_state(stage);
    int r = d->tagged ? LEAT_END : take_tag(stage, d, in, out);

    if (r != LEAT_END)
        return r;
    if (d->in_lanes && d->lanes->merge && !d->empty_block)
        r = d->lanes->merge(stage, d->state, in, result, out);
    else
        r = leat_plain_step(stage, NULL, in, out);
    if (r == LEAT_END)
        d->tagged = false;
    return r;
}

/* With --strict an empty file is an error; no block reports it. */
static int check_empty_files(struct leat_stage *stage, const struct leat_decode_lane *d)
{
    struct leat_input_file file;
    int r = 0;

    if (!d->later_file) /* there was no block, so no lane has checked */
        return leat_decode_unknown(stage, 0);
    for (size_t i = 0; r == 0 && leat_input_file(stage, i, &file); i++)
        if (file.begin == file.end)
            r = leat_decode_unknown(stage, file.begin);
    return r;
}

static int join(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out)
{
    struct leat_decode_lane *d = leat_state(stage);

    if (when == LEAT_JOIN_TAIL) {
        int r = check_empty_files(stage, d);

        if (r < 0)
            return r;
    }
    if (!d->in_lanes || (when == LEAT_JOIN_BLOCK && d->empty_block))
        return LEAT_END;
    return d->lanes->join(stage, d->state, when, result, out);
}

const struct leat_lanes leat_decode_split = {
    .result_size = LEAT_DECODER_RESULT_MAX,
    .cut = cut,
    .begin = begin,
    .merge = merge,
    .join = join,
};
