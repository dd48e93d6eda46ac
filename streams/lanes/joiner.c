/* joiner.c - the outputs of the lanes in the order of the stream: the inlet after a parallel stage.
 *
 * An error in a lane waits for its turn, so that the first error in the stream is reported.
 */

#include <stdlib.h>

#include "lanes.h"
#include "run/pipeline.h"
#include "segment/segment_impl.h"
#include "stage/room.h"

struct leat_joiner *leat_joiner_new(struct leat_pipeline *p, struct leat_stage_info *info,
                                    unsigned n)
{
    struct leat_joiner *j = calloc(1, sizeof *j);

    if (j && leat_lane_set_init(&j->lanes, p, info, n) == 0)
        return j;
    leat_joiner_free(j);
    return NULL;
}

void leat_joiner_connect(struct leat_joiner *j, struct leat_pipeline *p,
                         struct leat_slice_queue *to)
{
    leat_out_init(&j->out, to, j->lanes.pool, p->settings.room);
    leat_room_init(&j->out, j->lanes.stage);
}

void leat_joiner_free(struct leat_joiner *j)
{
    if (!j)
        return;
    leat_block_free(j->joined);
    leat_chunk_unref(j->merging.chunk);
    leat_out_done(&j->out);
    leat_lane_set_done(&j->lanes);
    free(j);
}

int leat_joiner_reset(struct leat_joiner *j, struct leat_pipeline *p)
{
    if (leat_lane_set_renew(&j->lanes, p) < 0)
        return LEAT_ENOMEM;
    j->joined_bytes = j->used = j->marked = 0;
    j->held = false;
    j->phase = JOIN_HEAD;
    leat_joiner_connect(j, p, j->out.to);
    return 0;
}

static int joiner_failed(struct leat_segment *seg)
{
    seg->lane.error = seg->in.joiner->lanes.stage->failure;
    return seg->lane.error.code;
}

/* Check the limits of leat_plan_expansion. */
static int check_expansion(struct leat_segment *seg)
{
    struct leat_joiner *j = seg->in.joiner;
    uint64_t made = j->joined_bytes + j->out.total;
    uint64_t over = leat_stage_expansion(j->lanes.stage, made, j->used);

    if (over == 0)
        return 0;
    leat_slice_queue_cut(j->out.to, over);
    leat_count(&j->lanes.info->count.joined_bytes, 0 - over);
    return joiner_failed(seg);
}

/* After a call of join or merge that returned r; `used`: it consumed input.
 * Returns 1: it is done; 0: call it again; LEAT_FULL: no memory; or an error. */
static int called(struct leat_segment *seg, int r, bool used)
{
    struct leat_joiner *j = seg->in.joiner;
    int checked;

    leat_out_end(&j->out);
    if (r >= 0 && j->lanes.stage->room_refused)
        r = j->lanes.stage->failure.code;
    j->held = leat_out_holds(&j->out);
    j->held_result = r;
    r = j->held ? LEAT_MORE : r;
    leat_count(&j->lanes.info->count.joined_bytes, j->out.step_bytes);
    if (r == LEAT_MORE && j->out.nomem)
        r = leat_fail(j->lanes.stage, LEAT_ENOMEM, "out of memory");
    else if (r == LEAT_MORE && !used && j->out.step_bytes == 0 && !j->out.full)
        r = leat_fail(j->lanes.stage, LEAT_EINTERNAL, "joining made no progress");
    if (r < 0) {
        if (!j->lanes.stage->failure.code)
            leat_fail(j->lanes.stage, r, "%s", leat_strerror(r));
        return joiner_failed(seg);
    }
    checked = check_expansion(seg);
    if (checked < 0)
        return checked;
    if (r == LEAT_END)
        return 1;
    return j->out.starved && j->out.step_bytes == 0 && !used ? LEAT_FULL : 0;
}

static int call_join(struct leat_segment *seg, enum leat_join when, const void *result)
{
    struct leat_joiner *j = seg->in.joiner;
    const struct leat_lanes *split = j->lanes.info->type->lanes;

    struct leat_in end = {.offset = j->used};
    int r;

    if (!split->join)
        return 1;
    leat_out_begin(&j->out);
    j->lanes.stage->in = when == LEAT_JOIN_TAIL ? &end : NULL; /* for the offset of an error */
    r = j->held ? j->held_result : split->join(j->lanes.stage, when, result, &j->out);
    j->lanes.stage->in = NULL;
    return called(seg, r, false);
}

static int step_merge(struct leat_joiner *j, struct leat_in *in)
{
    const void *result = j->joined ? j->joined->result : NULL;

    return j->lanes.info->type->lanes->merge(j->lanes.stage, in, result, &j->out);
}

/* One call of the stage's merge. Returns like read_next. */
static int call_merge(struct leat_segment *seg)
{
    static const uint8_t nothing[1];
    struct leat_joiner *j = seg->in.joiner;
    struct leat_slice *s = &j->merging;
    struct leat_in in = {
        .data = s->chunk ? leat_slice_data(s) : nothing,
        .len = s->len,
        .end = j->joined != NULL,
        .engine = s->chunk,
    };
    int r;

    leat_out_begin(&j->out);
    j->lanes.stage->in = &in;
    r = j->held ? j->held_result : step_merge(j, &in);
    j->lanes.stage->in = NULL;
    if (in.pos > in.len) {
        in.pos = in.len;
        r = leat_fail(j->lanes.stage, LEAT_EINTERNAL, "its merge used more input than there was");
    }
    s->off += in.pos;
    s->len -= in.pos;
    if (s->len == 0) {
        leat_chunk_unref(s->chunk);
        s->chunk = NULL;
    }
    if (r == LEAT_END && (!j->joined || s->chunk))
        r = leat_fail(j->lanes.stage, LEAT_EINTERNAL, "merging ended before the end of a block");
    r = called(seg, r, in.pos > 0 || (!j->joined && s->len == 0));
    if (r < 0 || r == LEAT_FULL)
        return r;
    if (r == 1)
        j->phase = JOIN_BLOCK;
    else if (!j->joined && !s->chunk && !j->held)
        j->phase = JOIN_READ;
    return 0;
}

/* Put a flush marker after the joined output, if there is any since the last marker. */
static void join_mark(struct leat_joiner *j, uint64_t position)
{
    uint64_t total = j->joined_bytes + j->out.total;

    if (position > 0 || j->marked < total)
        leat_slice_queue_mark_at(j->out.to, position);
    j->marked = total;
}

/* Take the next entry from the lane order. After the last one any lane tells how the stream ended.
 * */
static int take_entry(struct leat_joiner *j)
{
    struct leat_lane_entry entry = {0};
    int r = j->lanes.at_known ? 0 : leat_lane_order_take(j->lanes.order, &entry);

    if (r == LEAT_EMPTY || j->lanes.at_known)
        return r;
    j->lanes.at = entry.lane;
    j->at_mark = entry.mark;
    j->lanes.at_known = true;
    return 0;
}

static int read_lane(struct leat_segment *seg)
{
    struct leat_joiner *j = seg->in.joiner;
    struct leat_item item = {0};
    struct leat_edge *lane;
    int r = take_entry(j);

    if (r != 0)
        return r;
    leat_assert(j->lanes.at < j->lanes.n);
    leat_assert(!j->joined && !j->merging.chunk);
    lane = j->lanes.edges[j->lanes.at];
    r = leat_edge_read(lane, &item);
    if (r == LEAT_END) {
        j->phase = JOIN_TAIL;
        return 0;
    }
    if (r == LEAT_ECANCELLED && lane->error) {
        seg->lane.error = *lane->error;
        return seg->lane.error.code;
    }
    if (r != 0)
        return r;
    if (item.flush) {
        join_mark(j, item.slice.off);
        j->lanes.at_known = !j->at_mark;
        return 0;
    }
    j->used = item.used;
    j->joined = item.end;
    leat_assert(!item.end || item.end->index == j->lanes.index); /* in the order of the stream */
    j->lanes.index += item.end != NULL;
    if (j->lanes.info->type->lanes->merge) {
        j->merging = item.slice;
        j->phase = JOIN_MERGE;
        return 0;
    }
    if (item.slice.chunk) {
        j->joined_bytes += item.slice.len;
        leat_slice_queue_push(j->out.to, item.slice);
    }
    if (item.end)
        j->phase = JOIN_BLOCK;
    return check_expansion(seg);
}

/* Fill slot 0 of the segment. Returns 0; LEAT_EMPTY; LEAT_FULL; LEAT_END; LEAT_ECANCELLED (upstream
 * failed); or an error of a lane or of join, which is in segment->lane.error. */
static int read_next(struct leat_segment *seg)
{
    struct leat_joiner *j = seg->in.joiner;
    int r;

    switch (j->phase) {
    case JOIN_HEAD:
        r = call_join(seg, LEAT_JOIN_HEAD, NULL);
        if (r == 1)
            j->phase = JOIN_READ;
        break;
    case JOIN_READ:
        return read_lane(seg);
    case JOIN_MERGE:
        return call_merge(seg);
    case JOIN_BLOCK:
        r = call_join(seg, LEAT_JOIN_BLOCK, j->joined->result);
        if (r == 1) {
            if (j->joined->flush)
                join_mark(j, j->joined->position);
            leat_block_free(j->joined);
            j->joined = NULL;
            j->lanes.at_known = false;
            j->phase = JOIN_READ;
        }
        break;
    case JOIN_TAIL:
        r = call_join(seg, LEAT_JOIN_TAIL, NULL);
        if (r == 1)
            j->phase = JOIN_DONE;
        break;
    case JOIN_DONE:
    default:
        return LEAT_END;
    }
    return r == 1 ? 0 : r;
}

/* --- as the inlet of a segment ---------------------------------------------------------------- */

static enum leat_step_result read_turn(struct leat_segment *seg)
{
    int r = read_next(seg);

    if (r >= 0 || r == LEAT_ECANCELLED)
        return leat_segment_took(seg, r);
    seg->in.flow = LEAT_FLOW_FAILED;
    leat_outcome_report(seg->pipeline, seg->in.joiner->lanes.info, &seg->lane.error);
    leat_segment_cancel_input(seg, LEAT_REASON_FAILED);
    return LEAT_STEP_RAN;
}

static void cancel(struct leat_segment *seg, enum leat_reason reason)
{
    for (unsigned i = 0; i < seg->in.joiner->lanes.n; i++)
        leat_edge_cancel(seg->in.joiner->lanes.edges[i], reason);
}

static void done(struct leat_segment *seg)
{
    struct leat_joiner *j = seg->in.joiner;

    leat_out_done(&j->out);
    leat_chunk_unref(j->merging.chunk);
    j->merging.chunk = NULL;
    leat_block_free(j->joined);
    j->joined = NULL;
}

static void free_joiner(struct leat_segment *seg)
{
    leat_joiner_free(seg->in.joiner);
}

const struct leat_inlet_ops leat_inlet_joiner = {
    .read = read_turn,
    .cancel = cancel,
    .done = done,
    .free = free_joiner,
};
