/* ports_inlet.c - several branches as the inputs of one stage: merge, paste.
 *
 * The stage runs when each branch has input or is at its end, so it can choose among all of them.
 * The edge of each branch bounds it.
 */

#include <stdlib.h>

#include "run/pipeline.h"
#include "segment_impl.h"

struct input {
    struct leat_edge *edge;
    struct leat_slice_queue in, raw;
    struct leat_framer framer;
    bool framed, ended;
    uint64_t offset; /* of the head of `in` in the branch */
};

struct leat_inputs {
    struct input *v;
    struct leat_in *shown; /* input cursors for the step, one per branch */
    size_t n;
};

struct leat_inputs *leat_inputs_new(struct leat_segment *seg)
{
    const struct leat_stage_info *info = seg->slots[0].stage->info;
    struct leat_inputs *inputs = calloc(1, sizeof *inputs);

    if (!inputs)
        return NULL;
    leat_assert(seg->n > 0 && seg->in.n_edges > 0);
    leat_assert(!seg->in.inputs);
    inputs->n = seg->in.n_edges;
    inputs->v = calloc(inputs->n, sizeof *inputs->v);
    inputs->shown = calloc(inputs->n, sizeof *inputs->shown);
    if (!inputs->v || !inputs->shown) {
        free(inputs->v);
        free(inputs->shown);
        free(inputs);
        return NULL;
    }
    for (size_t i = 0; i < inputs->n; i++) {
        inputs->v[i].edge = seg->in.edges[i];
        inputs->v[i].framed = info->plan.framing == LEAT_LINES;
        leat_framer_init(&inputs->v[i].framer, &seg->pipeline->pool, info->plan.delimiter,
                         seg->pipeline->settings.record_max);
    }
    return inputs;
}

uint64_t leat_inputs_drop(struct leat_inputs *inputs)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < inputs->n; i++) {
        bytes += leat_slice_queue_clear(&inputs->v[i].in);
        bytes += leat_slice_queue_clear(&inputs->v[i].raw);
        bytes += leat_framer_done(&inputs->v[i].framer);
    }
    return bytes;
}

void leat_inputs_free(struct leat_inputs *inputs)
{
    if (!inputs)
        return;
    leat_inputs_drop(inputs);
    free(inputs->v);
    free(inputs->shown);
    free(inputs);
}

static bool at_end(const struct input *v)
{
    return v->ended && v->in.n == 0 && v->raw.n == 0 && leat_framer_empty(&v->framer);
}

bool leat_inputs_ready(const struct leat_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n; i++)
        if (inputs->v[i].in.n == 0 && !at_end(&inputs->v[i]))
            return false;
    return true;
}

/* Read for one branch that has no input. Returns like leat_inputs_read. */
static int read_one(struct input *v)
{
    struct leat_item item = {0};
    int r = 0;

    leat_assert(v->in.n == 0);
    leat_assert(v->framed || v->raw.n == 0);
    leat_assert(v->framed || !v->ended);
    if (v->raw.n == 0 && !v->ended) {
        r = leat_edge_read(v->edge, &item);
        if (r == LEAT_END) {
            v->ended = true;
            r = 0;
        } else if (r == 0 && item.slice.chunk) {
            leat_assert(item.slice.len > 0);
            leat_assert(!item.begin && !item.end); /* no lane leads here */
            leat_slice_queue_push(v->framed ? &v->raw : &v->in, item.slice);
        }
    }
    leat_assert(!v->framed || v->framer.share != NULL);
    if (r == 0 && v->framed)
        r = leat_framer_feed(&v->framer, &v->raw, v->ended, &v->in);
    return r;
}

struct leat_framer *leat_inputs_framer(struct leat_inputs *inputs, size_t i)
{
    return i < inputs->n ? &inputs->v[i].framer : NULL;
}

int leat_inputs_read(struct leat_segment *seg, struct leat_framer **ret_framer)
{
    struct leat_inputs *inputs = seg->in.inputs;
    int result = LEAT_EMPTY;

    leat_assert(inputs->n == seg->in.n_edges);
    for (size_t i = 0; i < inputs->n; i++) {
        struct input *v = &inputs->v[i];
        int r = v->in.n > 0 || at_end(v) ? LEAT_EMPTY : read_one(v);

        if (r < 0 || (r == LEAT_SHORT && result != 0))
            *ret_framer = &v->framer;
        if (r < 0)
            return r;
        if (r == 0)
            result = 0;
        else if (result != 0 && r != LEAT_EMPTY)
            result = r;
    }
    leat_assert(result == 0 || result == LEAT_EMPTY || result == LEAT_FULL || result == LEAT_SHORT);
    return result;
}

void leat_inputs_show(struct leat_inputs *inputs, struct leat_in *in)
{
    static const uint8_t nothing[1];

    for (size_t i = 0; i < inputs->n; i++) {
        struct input *v = &inputs->v[i];
        struct leat_slice *head = leat_slice_queue_head(&v->in);

        inputs->shown[i] = (struct leat_in){.data = nothing, .end = at_end(v), .offset = v->offset};
        if (!head)
            continue;
        leat_assert(head->len > 0);
        inputs->shown[i].data = leat_slice_data(head);
        inputs->shown[i].len = head->len;
        inputs->shown[i].engine = head->chunk;
        inputs->shown[i].end =
            v->ended && v->in.n == 1 && v->raw.n == 0 && leat_framer_empty(&v->framer);
    }
    in->ports = inputs->shown;
    in->n_ports = inputs->n;
}

size_t leat_inputs_take(struct leat_inputs *inputs)
{
    size_t total = 0;

    for (size_t i = 0; i < inputs->n; i++) {
        struct input *v = &inputs->v[i];
        struct leat_slice *head = leat_slice_queue_head(&v->in);
        size_t n = inputs->shown[i].pos;

        leat_assert(n <= (head ? head->len : 0));
        leat_assert(n <= inputs->shown[i].len);
        leat_assert(v->offset == inputs->shown[i].offset); /* it was shown from here */
        if (!head || n == 0)
            continue;
        total += n;
        v->offset += n;
        head->off += n;
        head->len -= n;
        if (head->len == 0) {
            leat_chunk_unref(head->chunk);
            leat_slice_queue_pop(&v->in);
        }
    }
    return total;
}

/* --- as the inlet of a segment ---------------------------------------------------------------- */

static enum leat_step_result read_turn(struct leat_segment *seg)
{
    struct leat_stage *stage = seg->slots[0].stage;
    struct leat_framer *framer = NULL;
    int r = leat_inputs_read(seg, &framer);

    leat_assert(r >= 0 || r == LEAT_ECANCELLED || framer != NULL);
    if (r == LEAT_SHORT) {
        int turn = leat_segment_wait_memory(seg, framer->share, framer->wants);

        if (turn >= 0)
            return (enum leat_step_result)turn;
        r = LEAT_ELIMIT;
    }
    if (r == LEAT_ELIMIT)
        leat_fail_record(stage, framer);
    else if (r < 0 && r != LEAT_ECANCELLED)
        leat_fail(stage, r, "%s", leat_strerror(r));
    return leat_segment_took(seg, r);
}

static int ready(struct leat_segment *seg)
{
    seg->in.inputs = leat_inputs_new(seg);
    return seg->in.inputs ? 0 : LEAT_ENOMEM;
}

static uint64_t drop(struct leat_segment *seg)
{
    return leat_inputs_drop(seg->in.inputs);
}

static void free_inputs(struct leat_segment *seg)
{
    leat_inputs_free(seg->in.inputs);
}

static bool has_input(const struct leat_segment *seg)
{
    return leat_inputs_ready(seg->in.inputs);
}

static void show(struct leat_segment *seg, struct leat_in *in)
{
    leat_inputs_show(seg->in.inputs, in);
}

static size_t take(struct leat_segment *seg)
{
    return leat_inputs_take(seg->in.inputs);
}

const struct leat_inlet_ops leat_inlet_ports = {
    .read = read_turn,
    .ready = ready,
    .drop = drop,
    .free = free_inputs,
    .has_input = has_input,
    .show = show,
    .take = take,
    .is_junction = true,
};
