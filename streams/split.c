/* split.c - cutting a stream into blocks for several lanes, and joining what they make of them.
 *
 * The cuts depend on the bytes alone, never on timing or on the number of lanes, so neither does
 * the output. An error in a lane waits for its turn too: the first one in the stream is reported.
 */

#include "split.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline.h"

/* Lines: a block ends with the slice that reaches this. */
#define LINES_BLOCK ((size_t)65536)

struct leat_split_run *leat_split_new(struct leat_pipeline *p, struct leat_stage_info *info,
                                      unsigned n, bool cutter)
{
    struct leat_split_run *run = calloc(1, sizeof *run);

    if (!run)
        return NULL;
    run->info = info;
    run->pool = &p->pool;
    run->n = n;
    run->lanes = calloc(n, sizeof *run->lanes);
    if (cutter)
        run->load = calloc(n, sizeof *run->load);
    run->stage = leat_stage_new(p, info);
    if (cutter && info->framing == LEAT_LINES) {
        run->framer = calloc(1, sizeof *run->framer);
        if (run->framer)
            leat_framer_init(run->framer, run->pool, info->delimiter, p->settings.record_max);
    }
    if (cutter && info->history > 0)
        run->history = malloc(info->history);
    if (!run->lanes || !run->stage || (cutter && !run->load) ||
        (cutter && info->framing == LEAT_LINES && !run->framer) ||
        (cutter && info->history > 0 && !run->history)) {
        leat_split_free(run);
        return NULL;
    }
    return run;
}

void leat_split_free(struct leat_split_run *run)
{
    if (!run)
        return;
    if (run->framer)
        leat_framer_done(run->framer);
    free(run->framer);
    leat_queue_clear(&run->framed);
    if (!run->block_sent)
        leat_block_free(run->block);
    leat_block_free(run->joined);
    leat_chunk_unref(run->merging.chunk);
    leat_out_done(&run->out);
    leat_stage_free(run->stage);
    if (run->load) /* the cutter's */
        leat_deal_free(run->deal);
    free(run->history);
    free(run->load);
    free(run->lanes);
    free(run);
}

int leat_split_reset(struct leat_split_run *run, struct leat_pipeline *p)
{
    struct leat_stage *stage = leat_stage_new(p, run->info);
    struct leat_queue *to = run->out.to;

    if (!stage)
        return LEAT_ENOMEM;
    leat_stage_close(run->stage);
    leat_stage_free(run->stage);
    run->stage = stage;
    leat_queue_clear(&run->framed);
    if (!run->block_sent)
        leat_block_free(run->block);
    run->block = NULL;
    run->block_sent = run->cut_ends = false;
    if (run->framer)
        leat_framer_init(run->framer, run->pool, run->info->delimiter, p->settings.record_max);
    run->at = 0;
    run->at_known = false;
    if (run->load) { /* the cutter's */
        memset(run->load, 0, run->n * sizeof *run->load);
        leat_deal_reset(run->deal);
    }
    run->index = run->offset = 0;
    run->history_len = run->block_bytes = 0;
    run->cut_known = false;
    run->joined_bytes = run->used = run->marked = 0;
    run->phase = JOIN_HEAD;
    leat_out_init(&run->out, to, run->pool, p->settings.room);
    return 0;
}

void leat_split_cancel(struct leat_split_run *run, enum leat_reason reason)
{
    for (unsigned i = 0; i < run->n; i++)
        leat_edge_cancel(run->lanes[i], reason);
}

/* --- the cutter ------------------------------------------------------------------------------- */

static int block_new(struct leat_split_run *run)
{
    size_t size = sizeof(struct leat_block) + run->info->type->split->result_size;
    struct leat_block *b = calloc(1, size);
    int r;

    leat_assert(!run->block || run->block_sent);
    if (!b)
        return leat_fail(run->stage, LEAT_ENOMEM, "out of memory");
    b->index = run->index;
    b->offset = run->offset;
    b->note = run->stage->note;
    if (run->history_len > 0) {
        r = leat_pool_get_shared(run->pool, run->share, run->history_len, &b->history.chunk);
        if (r < 0) {
            free(b);
            run->short_share = run->share;
            run->short_size = run->history_len;
            if (r == LEAT_ELIMIT)
                return LEAT_SHORT;
            return leat_fail(run->stage, r, "%s", leat_strerror(r));
        }
        memcpy(b->history.chunk->data, run->history, run->history_len);
        b->history.len = run->history_len;
    }
    run->stage->note = 0; /* not before: without memory for the history the block is made again */
    run->block = b;
    run->block_sent = false;
    run->block_bytes = 0;
    return 0;
}

static void history_add(struct leat_split_run *run, const uint8_t *data, size_t n)
{
    size_t max = run->info->history, keep;

    if (max == 0)
        return;
    if (n >= max) {
        memcpy(run->history, data + n - max, max);
        run->history_len = max;
        return;
    }
    keep = run->history_len < max - n ? run->history_len : max - n;
    memmove(run->history, run->history + run->history_len - keep, keep);
    memcpy(run->history + keep, data, n);
    run->history_len = keep + n;
    leat_assert(run->history_len <= max);
}

/* How much of the head slice belongs to the block, and does it end there? */
static int ask_cut(struct leat_split_run *run, const struct leat_slice *s, bool end)
{
    const struct leat_split *split = run->info->type->split;
    int r;

    if (split->cut) {
        run->cut_take = s->len;
        r = split->cut(run->stage, leat_slice_data(s), s->len, end, &run->cut_take);
        if (r < 0)
            return r;
        run->cut_ends = r > 0;
    } else if (run->framer || run->info->block == 0) {
        run->cut_take = s->len;
        run->cut_ends = run->block_bytes + s->len >= LINES_BLOCK;
    } else {
        size_t left = run->info->block - run->block_bytes;

        leat_assert(run->block_bytes < run->info->block);
        run->cut_take = s->len < left ? s->len : left;
        run->cut_ends = run->cut_take == left;
    }
    run->cut_known = true;
    return 0;
}

/* Which lane gets what comes next, a block or a mark between two?
 * Returns 0; LEAT_FULL: the writer will be woken when there is one; or an error. */
static int choose_lane(struct leat_split_run *run, bool mark)
{
    unsigned n = run->info->workers, best = n;

    for (unsigned i = 0; i < n; i++)
        if ((best == n || run->load[i] < run->load[best]) && leat_edge_wants(run->lanes[i]))
            best = i;
    if (best == n)
        return LEAT_FULL;
    run->at = best;
    run->at_known = true;
    return leat_deal_put(run->deal, (struct leat_turn_of){.lane = best, .mark = mark});
}

static void block_sent_whole(struct leat_split_run *run)
{
    leat_assert(run->at_known && run->block);
    run->load[run->at] += run->block_bytes;
    run->at_known = false;
    run->block = NULL;
    run->block_sent = false;
    run->index++;
}

/* Sends the next piece of the head slice. Returns as leat_cut_flush. */
static int send_piece(struct leat_split_run *run, struct leat_queue *q, bool end)
{
    struct leat_slice *s = leat_queue_head(q);
    struct leat_item item = {0};
    size_t take;
    int r = 0;

    if (!run->block)
        r = block_new(run);
    if (r == 0 && !run->cut_known)
        r = ask_cut(run, s, end);
    if (r == 0 && !run->at_known)
        r = choose_lane(run, false);
    if (r != 0)
        return r;
    take = run->cut_take;
    leat_assert(take <= s->len);
    leat_assert(run->at < run->info->workers);
    leat_assert(take > 0 || run->cut_ends);
    if (take > 0)
        item.slice =
            (struct leat_slice){.chunk = leat_chunk_ref(s->chunk), .off = s->off, .len = take};
    item.begin = run->block_sent ? NULL : run->block;
    item.end = run->cut_ends ? run->block : NULL;
    r = leat_edge_write(run->lanes[run->at], &item);
    if (r != 0) {
        leat_chunk_unref(item.slice.chunk);
        return r;
    }
    run->block_sent = true;
    run->cut_known = false;
    run->block_bytes += take;
    run->offset += take;
    history_add(run, leat_slice_data(s), take);
    s->off += take;
    s->len -= take;
    if (s->len == 0) {
        leat_chunk_unref(s->chunk);
        leat_queue_pop(q);
    }
    if (run->cut_ends)
        block_sent_whole(run);
    return 0;
}

/* Does a flush mark end the current block? */
static int ask_mark(struct leat_split_run *run)
{
    static const uint8_t nothing[1];
    const struct leat_split *split = run->info->type->split;
    size_t take = 0;
    int r = 1;

    if (!run->block || !(run->info->flags & LEAT_FLUSHES))
        r = 0;
    else if (split->cut)
        r = split->cut(run->stage, nothing, 0, false, &take);
    if (r < 0)
        return r;
    run->cut_ends = r > 0;
    run->cut_known = true;
    return 0;
}

/* Sends the flush mark at the head. Where lanes hold input back it ends the block; else it goes
 * through the lane as it is. Returns as leat_cut_flush. */
static int send_mark(struct leat_split_run *run, struct leat_queue *q)
{
    struct leat_item item = {.flush = true};
    int r = run->cut_known ? 0 : ask_mark(run);

    if (r == 0 && !run->at_known)
        r = choose_lane(run, true);
    if (r != 0)
        return r;
    item.end = run->cut_ends ? run->block : NULL;
    r = leat_edge_write(run->lanes[run->at], &item);
    if (r != 0)
        return r;
    run->cut_known = false;
    leat_queue_pop(q);
    if (item.end)
        block_sent_whole(run);
    else if (!run->block)
        run->at_known = false;
    return 0;
}

static int fail_cut(struct leat_segment *seg, int code)
{
    struct leat_split_run *run = seg->cut;

    if (!run->stage->failure.code && run->framer && code == LEAT_ELIMIT)
        leat_fail_record(run->stage, run->framer);
    else if (!run->stage->failure.code)
        leat_fail(run->stage, code, "%s", leat_strerror(code));
    leat_outcome_report(seg->pipeline, run->info, &run->stage->failure);
    return code;
}

/* Memory is short. Fails when there will be none, else returns LEAT_SHORT. */
static int cut_short(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->cut;

    if (!atomic_load(&seg->no_memory))
        return LEAT_SHORT;
    if (run->framer && run->framed.n == 0)
        return fail_cut(seg, LEAT_ELIMIT);
    leat_fail(run->stage, LEAT_ELIMIT, "no memory for a block's history; raise --memory");
    return fail_cut(seg, LEAT_ELIMIT);
}

int leat_cut_flush(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->cut;
    const struct leat_slot *last = &seg->slots[seg->n - 1];
    bool ended = last->done && !last->failed;
    struct leat_queue *q = run->framer ? &run->framed : &seg->ports[0].last;
    int r;

    for (;;) {
        if (run->framer && q->n == 0) {
            r = leat_framer_feed(run->framer, &seg->ports[0].last, ended, q);
            run->short_share = run->framer->share;
            run->short_size = run->framer->wants;
            if (r == LEAT_SHORT)
                return cut_short(seg);
            if (r < 0)
                return fail_cut(seg, r);
        }
        if (q->n == 0)
            break;
        if (leat_slice_is_mark(leat_queue_head(q)))
            r = send_mark(run, q);
        else
            r = send_piece(run, q,
                           ended && q->n == 1 && seg->ports[0].last.n <= (run->framer ? 0u : 1u));
        if (r == LEAT_SHORT)
            return cut_short(seg);
        if (r < 0 && r != LEAT_ECANCELLED)
            return fail_cut(seg, r);
        if (r != 0)
            return r;
    }
    if (ended && run->block && run->block_sent) {
        struct leat_item item = {.end = run->block};

        r = leat_edge_write(run->lanes[run->at], &item);
        if (r != 0)
            return r;
        block_sent_whole(run);
    }
    return 0;
}

int leat_cut_finish(struct leat_segment *seg, enum leat_edge_state state)
{
    for (unsigned i = 0; i < seg->cut->n; i++)
        leat_edge_finish(seg->cut->lanes[i], state);
    leat_deal_over(seg->cut->deal);
    return 0;
}

void leat_cut_done(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->cut;
    uint64_t bytes = leat_queue_clear(&seg->ports[0].last) + leat_queue_clear(&run->framed);

    if (run->framer)
        bytes += leat_framer_done(run->framer);
    leat_edge_lost(run->lanes[run->at], bytes);
}

/* --- the joiner ------------------------------------------------------------------------------- */

void leat_join_done(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->join;

    leat_out_done(&run->out);
    leat_chunk_unref(run->merging.chunk);
    run->merging.chunk = NULL;
    leat_block_free(run->joined);
    run->joined = NULL;
}

static int joiner_failed(struct leat_segment *seg)
{
    seg->lane_error = seg->join->stage->failure;
    return seg->lane_error.code;
}

/* More came out than may. */
static int check_expansion(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->join;
    uint64_t made = run->joined_bytes + run->out.total;
    uint64_t over = leat_stage_expansion(run->stage, made, run->used);

    if (over == 0)
        return 0;
    leat_queue_cut(run->out.to, over);
    leat_count(&run->info->joined_bytes, 0 - over);
    return joiner_failed(seg);
}

/* After a call of join or merge that returned r; `used`: it took input.
 * Returns 1: it is through; 0: call again; LEAT_FULL: no memory; or an error. */
static int called(struct leat_segment *seg, int r, bool used)
{
    struct leat_split_run *run = seg->join;
    int checked;

    leat_out_end(&run->out);
    leat_count(&run->info->joined_bytes, run->out.step_bytes);
    if (r == LEAT_MORE && run->out.nomem)
        r = leat_fail(run->stage, LEAT_ENOMEM, "out of memory");
    else if (r == LEAT_MORE && !used && run->out.step_bytes == 0 && !run->out.full)
        r = leat_fail(run->stage, LEAT_EINTERNAL, "joining made no progress");
    if (r < 0) {
        if (!run->stage->failure.code)
            leat_fail(run->stage, r, "%s", leat_strerror(r));
        return joiner_failed(seg);
    }
    checked = check_expansion(seg);
    if (checked < 0)
        return checked;
    if (r == LEAT_END)
        return 1;
    return run->out.starved && run->out.step_bytes == 0 && !used ? LEAT_FULL : 0;
}

static int call_join(struct leat_segment *seg, enum leat_join when, const void *result)
{
    struct leat_split_run *run = seg->join;
    const struct leat_split *split = run->info->type->split;

    struct leat_in end = {.offset = run->used};
    int r;

    if (!split->join)
        return 1;
    leat_out_begin(&run->out);
    run->stage->in = when == LEAT_JOIN_TAIL ? &end : NULL; /* for the offset of an error */
    r = split->join(run->stage, when, result, &run->out);
    run->stage->in = NULL;
    return called(seg, r, false);
}

/* One call of the stage's merge. Returns as leat_join_read. */
static int call_merge(struct leat_segment *seg)
{
    static const uint8_t nothing[1];
    struct leat_split_run *run = seg->join;
    struct leat_slice *s = &run->merging;
    struct leat_in in = {
        .data = s->chunk ? leat_slice_data(s) : nothing,
        .len = s->len,
        .end = run->joined != NULL,
        .engine = s->chunk,
    };
    int r;

    leat_out_begin(&run->out);
    run->stage->in = &in;
    r = run->info->type->split->merge(run->stage, &in, run->joined ? run->joined->result : NULL,
                                      &run->out);
    run->stage->in = NULL;
    s->off += in.pos;
    s->len -= in.pos;
    if (s->len == 0) {
        leat_chunk_unref(s->chunk);
        s->chunk = NULL;
    }
    if (r == LEAT_END && (!run->joined || s->chunk))
        r = leat_fail(run->stage, LEAT_EINTERNAL, "merging ended before the end of a block");
    r = called(seg, r, in.pos > 0 || (!run->joined && s->len == 0));
    if (r < 0 || r == LEAT_FULL)
        return r;
    if (r == 1)
        run->phase = JOIN_BLOCK;
    else if (!run->joined && !s->chunk)
        run->phase = JOIN_READ;
    return 0;
}

/* A flush mark behind what was joined, if anything was since the last one. */
static void join_mark(struct leat_split_run *run)
{
    uint64_t total = run->joined_bytes + run->out.total;

    if (run->marked < total)
        leat_queue_mark(run->out.to);
    run->marked = total;
}

/* Whose turn is it? When there is none any more, any lane tells how it ended. */
static int take_turn(struct leat_split_run *run)
{
    struct leat_turn_of turn = {0};
    int r = run->at_known ? 0 : leat_deal_take(run->deal, &turn);

    if (r == LEAT_EMPTY || run->at_known)
        return r;
    run->at = turn.lane;
    run->at_mark = turn.mark;
    run->at_known = true;
    return 0;
}

static int read_lane(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->join;
    struct leat_item item = {0};
    struct leat_edge *lane;
    int r = take_turn(run);

    if (r != 0)
        return r;
    leat_assert(run->at < run->n);
    leat_assert(!run->joined && !run->merging.chunk);
    lane = run->lanes[run->at];
    r = leat_edge_read(lane, &item);
    if (r == LEAT_END) {
        run->phase = JOIN_TAIL;
        return 0;
    }
    if (r == LEAT_ECANCELLED && lane->error) {
        seg->lane_error = *lane->error;
        return seg->lane_error.code;
    }
    if (r != 0)
        return r;
    if (item.flush) {
        join_mark(run);
        run->at_known = !run->at_mark;
        return 0;
    }
    run->used = item.used;
    run->joined = item.end;
    leat_assert(!item.end || item.end->index == run->index); /* in the order of the stream */
    run->index += item.end != NULL;
    if (run->info->type->split->merge) {
        run->merging = item.slice;
        run->phase = JOIN_MERGE;
        return 0;
    }
    if (item.slice.chunk) {
        run->joined_bytes += item.slice.len;
        leat_queue_push(run->out.to, item.slice);
    }
    if (item.end)
        run->phase = JOIN_BLOCK;
    return check_expansion(seg);
}

int leat_join_read(struct leat_segment *seg)
{
    struct leat_split_run *run = seg->join;
    int r;

    switch (run->phase) {
    case JOIN_HEAD:
        r = call_join(seg, LEAT_JOIN_HEAD, NULL);
        if (r == 1)
            run->phase = JOIN_READ;
        break;
    case JOIN_READ:
        return read_lane(seg);
    case JOIN_MERGE:
        return call_merge(seg);
    case JOIN_BLOCK:
        r = call_join(seg, LEAT_JOIN_BLOCK, run->joined->result);
        if (r == 1) {
            if (run->joined->flush)
                join_mark(run);
            leat_block_free(run->joined);
            run->joined = NULL;
            run->at_known = false;
            run->phase = JOIN_READ;
        }
        break;
    case JOIN_TAIL:
        r = call_join(seg, LEAT_JOIN_TAIL, NULL);
        if (r == 1)
            run->phase = JOIN_DONE;
        break;
    case JOIN_DONE:
    default:
        return LEAT_END;
    }
    return r == 1 ? 0 : r;
}
