/* cutter.c - cut a stream into blocks for several lanes: the outlet before a parallel stage.
 *
 * The cuts depend only on the bytes, never on timing or the number of lanes, so the same holds for
 * the output.
 */

#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "run/pipeline.h"
#include "segment/segment_impl.h"

/* Lines: a block ends with the slice that reaches this. */
#define LINES_BLOCK ((size_t)65536)

struct leat_cutter *leat_cutter_new(struct leat_pipeline *p, struct leat_stage_info *info,
                                    unsigned n)
{
    struct leat_cutter *c = calloc(1, sizeof *c);
    bool good;

    if (!c)
        return NULL;
    good = leat_lane_set_init(&c->lanes, p, info, n) == 0;
    c->load = calloc(n, sizeof *c->load);
    c->segments = calloc(n, sizeof *c->segments);
    c->opened = 1;
    if (info->plan.framing == LEAT_LINES) {
        c->framer = calloc(1, sizeof *c->framer);
        if (c->framer)
            leat_framer_init(c->framer, &p->pool, info->plan.delimiter, p->settings.record_max);
        good = good && c->framer;
    }
    if (info->plan.history > 0) {
        c->history = malloc(info->plan.history);
        good = good && c->history;
    }
    if (good && c->load && c->segments)
        return c;
    leat_cutter_free(c);
    return NULL;
}

void leat_cutter_free(struct leat_cutter *c)
{
    if (!c)
        return;
    if (c->framer)
        leat_framer_done(c->framer);
    free(c->framer);
    leat_slice_queue_clear(&c->framed);
    if (!c->block_sent)
        leat_block_free(c->block);
    leat_lane_order_free(c->lanes.order);
    leat_lane_set_done(&c->lanes);
    free(c->history);
    free(c->segments);
    free(c->load);
    free(c);
}

void leat_cutter_close(struct leat_cutter *c)
{
    for (unsigned i = 0; i < c->opened; i++)
        leat_pool_uncharge(c->lanes.pool, atomic_exchange(&c->segments[i]->lane.kept, 0));
    leat_stage_close(c->lanes.stage);
}

int leat_cutter_reset(struct leat_cutter *c, struct leat_pipeline *p)
{
    leat_cutter_close(c);
    if (leat_lane_set_renew(&c->lanes, p) < 0)
        return LEAT_ENOMEM;
    leat_slice_queue_clear(&c->framed);
    if (!c->block_sent)
        leat_block_free(c->block);
    c->block = NULL;
    c->block_sent = c->cut_ends = c->cut_known = false;
    if (c->framer)
        leat_framer_init(c->framer, c->lanes.pool, c->lanes.info->plan.delimiter,
                         p->settings.record_max);
    memset(c->load, 0, c->lanes.n * sizeof *c->load);
    c->opened = 1;
    leat_lane_order_reset(c->lanes.order);
    c->offset = 0;
    c->history_len = c->block_bytes = 0;
    return 0;
}

static int block_new(struct leat_cutter *c)
{
    size_t size = sizeof(struct leat_block) + c->lanes.info->type->lanes->result_size;
    struct leat_block *b = calloc(1, size);
    int r;

    leat_assert(!c->block || c->block_sent);
    if (!b)
        return leat_fail(c->lanes.stage, LEAT_ENOMEM, "out of memory");
    b->index = c->lanes.index;
    b->offset = c->offset;
    b->note = c->lanes.stage->note;
    if (c->history_len > 0) {
        r = leat_pool_get_shared(c->lanes.pool, c->share, c->history_len, &b->history.chunk);
        if (r < 0) {
            free(b);
            c->short_share = c->share;
            c->short_size = c->history_len;
            if (r == LEAT_ELIMIT)
                return LEAT_SHORT;
            return leat_fail(c->lanes.stage, r, "%s", leat_strerror(r));
        }
        memcpy(b->history.chunk->data, c->history, c->history_len);
        b->history.len = c->history_len;
    }
    c->lanes.stage->note =
        0; /* not earlier: if memory for the history is short, the block is made again */
    c->block = b;
    c->block_sent = false;
    c->block_bytes = 0;
    return 0;
}

static void history_add(struct leat_cutter *c, const uint8_t *data, size_t n)
{
    size_t max = c->lanes.info->plan.history, keep;

    if (max == 0)
        return;
    if (n >= max) {
        memcpy(c->history, data + n - max, max);
        c->history_len = max;
        return;
    }
    keep = c->history_len < max - n ? c->history_len : max - n;
    memmove(c->history, c->history + c->history_len - keep, keep);
    memcpy(c->history + keep, data, n);
    c->history_len = keep + n;
    leat_assert(c->history_len <= max);
}

/* Call cut(): how much of the head slice belongs to the block, and does the block end there? */
static int ask_cut(struct leat_cutter *c, const struct leat_slice *s, bool end)
{
    const struct leat_lanes *split = c->lanes.info->type->lanes;
    int r;

    if (split->cut) {
        c->cut_take = s->len;
        r = split->cut(c->lanes.stage, leat_slice_data(s), s->len, end, &c->cut_take);
        if (r < 0)
            return r;
        c->cut_ends = r > 0;
        if (c->cut_take > s->len || (c->cut_take == 0 && !c->cut_ends))
            return leat_fail(c->lanes.stage, LEAT_EINTERNAL, "its cut took %zu of %zu bytes",
                             c->cut_take, s->len);
    } else if (c->framer || c->lanes.info->plan.block == 0) {
        c->cut_take = s->len;
        c->cut_ends = c->block_bytes + s->len >= LINES_BLOCK;
    } else {
        size_t left = c->lanes.info->plan.block - c->block_bytes;

        leat_assert(c->block_bytes < c->lanes.info->plan.block);
        c->cut_take = s->len < left ? s->len : left;
        c->cut_ends = c->cut_take == left;
    }
    c->cut_known = true;
    return 0;
}

/* Charge the memory of the next lane, which then may get its first block. It needs as much as the
 * first lane has charged in open. Returns false if there is no further lane, or no memory for it now. */
static bool open_lane(struct leat_cutter *c)
{
    struct leat_stage_lanes *lanes = &c->lanes.info->lanes;
    uint64_t bytes = lanes->open_bytes + lanes->kept_bytes;

    leat_assert(c->opened > 0);
    if (c->opened >= lanes->most || !leat_stage_charge_spare(c->lanes.stage, bytes))
        return false;
    atomic_store(&c->segments[c->opened]->lane.kept, bytes);
    c->opened++;
    if (lanes->in_use < c->opened)
        lanes->in_use = c->opened;
    return true;
}

/* Choose the lane for the next block, or for a flush marker between two blocks.
 * Returns 0; LEAT_FULL: the writer will be woken when a lane has room; or an error. */
static int choose_lane(struct leat_cutter *c, bool mark)
{
    unsigned n = c->lanes.n, best = n;

    for (unsigned i = 0; i < c->opened; i++)
        if ((best == n || c->load[i] < c->load[best]) && leat_edge_wants(c->lanes.edges[i]))
            best = i;
    if ((best == n || c->load[best] > 0) && open_lane(c))
        best = c->opened - 1;
    if (best == n)
        return LEAT_FULL;
    c->lanes.at = best;
    c->lanes.at_known = true;
    return leat_lane_order_put(c->lanes.order,
                               (struct leat_lane_entry){.lane = best, .mark = mark});
}

static void block_sent_whole(struct leat_cutter *c)
{
    leat_assert(c->lanes.at_known && c->block);
    c->load[c->lanes.at] += c->block_bytes;
    c->lanes.at_known = false;
    c->block = NULL;
    c->block_sent = false;
    c->lanes.index++;
}

/* Send the next piece of the head slice. Returns like flush. */
static int send_piece(struct leat_cutter *c, struct leat_slice_queue *q, bool end)
{
    struct leat_slice *s = leat_slice_queue_head(q);
    struct leat_item item = {0};
    size_t take;
    int r = 0;

    if (!c->block)
        r = block_new(c);
    if (r == 0 && !c->cut_known)
        r = ask_cut(c, s, end);
    if (r == 0 && !c->lanes.at_known)
        r = choose_lane(c, false);
    if (r != 0)
        return r;
    take = c->cut_take;
    leat_assert(take <= s->len);
    leat_assert(c->lanes.at < c->opened);
    leat_assert(take > 0 || c->cut_ends);
    if (take > 0)
        item.slice =
            (struct leat_slice){.chunk = leat_chunk_ref(s->chunk), .off = s->off, .len = take};
    item.begin = c->block_sent ? NULL : c->block;
    item.end = c->cut_ends ? c->block : NULL;
    r = leat_edge_write(c->lanes.edges[c->lanes.at], &item);
    if (r != 0) {
        leat_chunk_unref(item.slice.chunk);
        return r;
    }
    c->block_sent = true;
    c->cut_known = false;
    c->block_bytes += take;
    c->offset += take;
    history_add(c, leat_slice_data(s), take);
    s->off += take;
    s->len -= take;
    if (s->len == 0) {
        leat_chunk_unref(s->chunk);
        leat_slice_queue_pop(q);
    }
    if (c->cut_ends)
        block_sent_whole(c);
    return 0;
}

/* Does a flush marker end the current block? */
static int ask_mark(struct leat_cutter *c)
{
    static const uint8_t nothing[1];
    const struct leat_lanes *split = c->lanes.info->type->lanes;
    size_t take = 0;
    int r = 1;

    if (!c->block || !(c->lanes.info->plan.flags & LEAT_FLUSHES))
        r = 0;
    else if (split->cut)
        r = split->cut(c->lanes.stage, nothing, 0, false, &take);
    if (r < 0)
        return r;
    c->cut_ends = r > 0;
    c->cut_known = true;
    return 0;
}

/* Send the flush marker at the head. If lanes buffer input (LEAT_FLUSHES), it ends the block; else
 * it goes through the lane unchanged. Returns like flush. */
static int send_mark(struct leat_cutter *c, struct leat_slice_queue *q)
{
    struct leat_item item = {.flush = true, .slice.off = leat_slice_queue_head(q)->off};
    int r = c->cut_known ? 0 : ask_mark(c);

    if (r == 0 && !c->lanes.at_known)
        r = choose_lane(c, true);
    if (r != 0)
        return r;
    item.end = c->cut_ends ? c->block : NULL;
    r = leat_edge_write(c->lanes.edges[c->lanes.at], &item);
    if (r != 0)
        return r;
    c->cut_known = false;
    leat_slice_queue_pop(q);
    if (item.end)
        block_sent_whole(c);
    else if (!c->block)
        c->lanes.at_known = false;
    return 0;
}

static int fail_cut(struct leat_segment *seg, int code)
{
    struct leat_cutter *c = seg->out.cutter;

    if (!c->lanes.stage->failure.code && c->framer && code == LEAT_ELIMIT)
        leat_fail_record(c->lanes.stage, c->framer);
    else if (!c->lanes.stage->failure.code)
        leat_fail(c->lanes.stage, code, "%s", leat_strerror(code));
    leat_outcome_report(seg->pipeline, c->lanes.info, &c->lanes.stage->failure);
    return code;
}

/* Memory is short. Fails if none will come back, else returns LEAT_SHORT. */
static int cut_short(struct leat_segment *seg)
{
    struct leat_cutter *c = seg->out.cutter;

    if (!atomic_load(&seg->memory.none))
        return LEAT_SHORT;
    if (c->framer && c->framed.n == 0)
        return fail_cut(seg, LEAT_ELIMIT);
    leat_fail(c->lanes.stage, LEAT_ELIMIT, "no memory for a block's history; raise --memory");
    return fail_cut(seg, LEAT_ELIMIT);
}

/* Send the data of the port to the lanes. Returns 0: all is sent; LEAT_FULL: the writer will be
 * woken; LEAT_SHORT: wait for the memory in short_share and short_size; LEAT_ECANCELLED: the reader
 * is gone; or an error, which is reported already. */
static int flush(struct leat_segment *seg)
{
    struct leat_cutter *c = seg->out.cutter;
    const struct leat_slot *last = &seg->slots[seg->n - 1];
    bool ended = last->done && !last->failed;
    struct leat_slice_queue *q = c->framer ? &c->framed : &seg->out.ports[0].last;
    int r;

    for (;;) {
        if (c->framer && q->n == 0) {
            leat_assert(c->framer->share != NULL);
            r = leat_framer_feed(c->framer, &seg->out.ports[0].last, ended, q);
            c->short_share = c->framer->share;
            c->short_size = c->framer->wants;
            if (r == LEAT_SHORT)
                return cut_short(seg);
            if (r < 0)
                return fail_cut(seg, r);
        }
        if (q->n == 0)
            break;
        if (leat_slice_is_mark(leat_slice_queue_head(q)))
            r = send_mark(c, q);
        else
            r = send_piece(c, q,
                           ended && q->n == 1 && seg->out.ports[0].last.n <= (c->framer ? 0u : 1u));
        if (r == LEAT_SHORT)
            return cut_short(seg);
        if (r < 0 && r != LEAT_ECANCELLED)
            return fail_cut(seg, r);
        if (r != 0)
            return r;
    }
    if (ended && c->block && c->block_sent) {
        struct leat_item item = {.end = c->block};

        r = leat_edge_write(c->lanes.edges[c->lanes.at], &item);
        if (r != 0)
            return r;
        block_sent_whole(c);
    }
    return 0;
}

/* --- as the outlet of a segment --------------------------------------------------------------- */

static enum leat_reason reason(const struct leat_segment *seg)
{
    return leat_edge_reason(seg->out.cutter->lanes.edges[seg->out.cutter->lanes.at]);
}

static int hand_over(struct leat_segment *seg)
{
    int r = flush(seg);

    if (r == 0)
        return -1;
    if (r == LEAT_FULL)
        return (int)leat_segment_park(seg, LEAT_PARK_OUT);
    if (r == LEAT_SHORT)
        return leat_segment_wait_memory(seg, seg->out.cutter->short_share,
                                        seg->out.cutter->short_size);
    return leat_segment_out_gone(seg, r != LEAT_ECANCELLED || reason(seg) != LEAT_REASON_DONE);
}

static bool is_gone(struct leat_segment *seg)
{
    return reason(seg) != LEAT_REASON_NONE;
}

static bool has_failed(const struct leat_segment *seg)
{
    return reason(seg) != LEAT_REASON_DONE;
}

/* Signal EOF or a failure to the lanes. */
static void finish(struct leat_segment *seg, enum leat_edge_state state)
{
    for (unsigned i = 0; i < seg->out.cutter->lanes.n; i++)
        leat_edge_finish(seg->out.cutter->lanes.edges[i], state);
    leat_lane_order_over(seg->out.cutter->lanes.order);
}

static void drop(struct leat_segment *seg)
{
    struct leat_cutter *c = seg->out.cutter;
    uint64_t bytes =
        leat_slice_queue_clear(&seg->out.ports[0].last) + leat_slice_queue_clear(&c->framed);

    if (c->framer)
        bytes += leat_framer_done(c->framer);
    leat_edge_lost(c->lanes.edges[c->lanes.at], bytes);
}

static void free_cutter(struct leat_segment *seg)
{
    leat_cutter_free(seg->out.cutter);
}

const struct leat_outlet_ops leat_outlet_cutter = {
    .hand_over = hand_over,
    .is_gone = is_gone,
    .has_failed = has_failed,
    .finish = finish,
    .drop = drop,
    .free = free_cutter,
    .holds = true,
};
