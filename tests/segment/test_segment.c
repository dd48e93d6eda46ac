/* test_segment.c - a segment by itself: which of its stages is stepped, and how both ends learn what
 * came of it. The test's thread is the executor, and both neighbours. */
#include "segment/segment.h"

#include <stdlib.h>

#include "breaks.h"
#include "run/pipeline.h"
#include "test.h"

#define RUNNING 2 /* enum actor_state of executor.c: a wake is noted and queues nothing */
#define NOTIFIED 3
#define CHUNK ((size_t)4096)
#define STAGES_MAX 5u
#define LOG_MAX 4096u
#define RUNS_MAX 100000u

enum part {
    PASS,    /* hands on all input, copied */
    TAKE,    /* ends after `at` bytes */
    FAIL,    /* fails when it is shown the byte at `at` */
    IDLE,    /* does nothing */
    NO_WAIT, /* says that it waits, and has not said for what */
    LINES,   /* PASS, of whole lines */
    ALL,     /* PASS, and sees all of its input whoever reads its output */
    MARKS,   /* PASS, and gives "!" at each flush mark */
};

struct script {
    enum part part;
    uint64_t at;
};

struct stage_log {
    char steps[LOG_MAX]; /* letters: which stage was stepped */
    size_t n;
};

struct actor_state {
    struct script script;
    struct stage_log *log;
    char letter;
    uint64_t seen;
    bool end_seen, flushed;
};

static int take_some(struct actor_state *a, struct leat_in *in, struct leat_out *out)
{
    size_t n = in->len - in->pos;
    uint64_t left = a->script.part == TAKE ? a->script.at - a->seen : UINT64_MAX;
    size_t done = leat_write(out, in->data + in->pos, n < left ? n : (size_t)left);

    in->pos += done;
    a->seen += done;
    return a->script.part == TAKE && a->seen == a->script.at ? LEAT_END : LEAT_MORE;
}

static int play_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct actor_state *a = leat_state(s);
    int r;

    ASSERT_LT(a->log->n, LOG_MAX);
    if (a->log->n == 0 || a->log->steps[a->log->n - 1] != a->letter)
        a->log->steps[a->log->n++] = a->letter;
    if (a->script.part == IDLE)
        return LEAT_MORE;
    if (a->script.part == NO_WAIT)
        return LEAT_WAIT;
    if (a->script.part == FAIL && in->len > 0 && a->seen + in->len > a->script.at) {
        in->pos = (size_t)(a->script.at - a->seen);
        (void)leat_write(out, in->data, in->pos);
        return leat_fail(s, LEAT_ECORRUPT, "as planned");
    }
    if (a->script.part == LINES && in->len > 0 && !in->end)
        ASSERT_EQ(in->data[in->len - 1], '\n');
    a->end_seen = a->end_seen || in->end;
    r = take_some(a, in, out);
    if (r == LEAT_MORE && in->flush && in->pos == in->len) {
        if (leat_write(out, "!", 1) == 0)
            return LEAT_MORE;
        return LEAT_FLUSHED;
    }
    return r == LEAT_MORE && in->end && in->pos == in->len ? LEAT_END : r;
}

static const struct leat_stage_type play_type = {
    .name = "play", .state_size = sizeof(struct actor_state), .step = play_step};

struct stage_set {
    struct leat_pipeline *pipeline;
    struct leat_segment *seg;
    struct leat_edge in, out;
    struct leat_actor before, after;
    struct leat_stage_info infos[STAGES_MAX];
    struct stage_log log;
    uint64_t given, taken;
    bool ended; /* the segment has */
};

static void take_part(struct leat_actor *actor)
{
    actor->thread = pthread_self();
    atomic_store(&actor->state, RUNNING);
}

static void segment_ended(struct leat_segment *segment)
{
    for (size_t i = 0; i < segment->n; i++)
        leat_stage_close(segment->slots[i].stage);
    atomic_fetch_sub(&segment->pipeline->outcome.live, 1);
}

static struct leat_pipeline *make_pipeline(uint64_t memory)
{
    struct leat_pipeline *p = calloc(1, sizeof *p);

    ASSERT_NOT_NULL(p);
    ASSERT_EQ(leat_pool_init(&p->pool, memory, CHUNK), 0);
    ASSERT_EQ(leat_executor_init(&p->executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
    ASSERT_EQ(pthread_mutex_init(&p->lock, NULL), 0);
    p->executor.owner = p;
    p->settings.record_max = 100000;
    atomic_store(&p->outcome.live, 1);
    p->segment_done = segment_ended;
    take_part(&p->conductor);
    return p;
}

static void add_stage(struct stage_set *s, size_t i, struct script script)
{
    struct leat_stage_info *info = &s->infos[i];
    struct leat_stage *stage;
    struct actor_state *a;

    info->type = &play_type;
    info->name = "play";
    info->number = (int)i + 1;
    info->plan.delimiter = '\n';
    info->plan.framing = script.part == LINES ? LEAT_LINES : LEAT_BYTES;
    info->plan.flags = script.part == ALL     ? LEAT_WANTS_ALL
                       : script.part == MARKS ? LEAT_FLUSHES
                                              : 0;
    atomic_store(&info->lanes.left, 1);
    stage = leat_stage_new(s->pipeline, info);
    ASSERT_NOT_NULL(stage);
    a = leat_state(stage);
    a->script = script;
    a->log = &s->log;
    a->letter = (char)('a' + i);
    ASSERT_EQ(leat_segment_add(s->seg, stage), 0);
    ASSERT_EQ(leat_stage_open(stage), 0);
}

static void set_init(struct stage_set *s, size_t n, const struct script *scripts, uint64_t mark)
{
    *s = (struct stage_set){.pipeline = make_pipeline(1000 * CHUNK)};
    ASSERT_EQ(leat_edge_init(&s->in, &s->pipeline->executor, 100 * CHUNK), 0);
    ASSERT_EQ(leat_edge_init(&s->out, &s->pipeline->executor, mark), 0);
    s->seg = leat_segment_new(s->pipeline, 1, leat_segment_run);
    ASSERT_NOT_NULL(s->seg);
    s->seg->in.ops = &leat_inlet_edge;
    s->seg->out.ops = &leat_outlet_edge;
    for (size_t i = 0; i < n; i++)
        add_stage(s, i, scripts[i]);
    ASSERT_EQ(leat_segment_add_input(s->seg, &s->in), 0);
    ASSERT_EQ(leat_segment_add_output(s->seg, &s->out), 0);
    ASSERT_EQ(leat_segment_ready(s->seg), 0);
    for (size_t i = 0; i < n; i++)
        if (s->seg->slots[i].framer) {
            s->seg->slots[i].framer->share =
                leat_pool_share(&s->pipeline->pool, leat_framer_share(CHUNK));
            ASSERT_NOT_NULL(s->seg->slots[i].framer->share);
        }
    s->in.writer = &s->before;
    s->out.reader = &s->after;
    take_part(&s->before);
    take_part(&s->after);
    take_part(&s->seg->actor);
    leat_account_start(s->seg, leat_now_ns());
}

static void set_done(struct stage_set *s)
{
    leat_segment_free(s->seg);
    leat_edge_done(&s->in);
    leat_edge_done(&s->out);
    leat_executor_done(&s->pipeline->executor);
    ASSERT_EQ(s->pipeline->pool.charged, 0);
    ASSERT_EQ(leat_pool_done(&s->pipeline->pool), 0);
    pthread_mutex_destroy(&s->pipeline->lock);
    free(s->pipeline);
}

static struct actor_state *state_of(struct stage_set *s, size_t i)
{
    return leat_state(s->seg->slots[i].stage);
}

/* Byte i of the stream: digits, and a line end at each tenth. */
static uint8_t byte_at(uint64_t i)
{
    return i % 10 == 9 ? '\n' : (uint8_t)('0' + i / 10 % 10);
}

static int give(struct stage_set *s, size_t n)
{
    struct leat_item item = {.slice = {.len = n}};
    int r;

    ASSERT_EQ(leat_pool_get(&s->pipeline->pool, 0, &item.slice.chunk), 0);
    for (size_t i = 0; i < n; i++)
        item.slice.chunk->data[i] = byte_at(s->given + i);
    r = leat_edge_write(&s->in, &item);
    if (r == 0)
        s->given += n;
    else
        leat_chunk_unref(item.slice.chunk);
    return r;
}

static void give_mark(struct stage_set *s)
{
    struct leat_item mark = {.flush = true};

    ASSERT_EQ(leat_edge_write(&s->in, &mark), 0);
}

/* Until it has nothing to do. */
static void run(struct stage_set *s)
{
    for (unsigned i = 0;; i++) {
        ASSERT_LT(i, RUNS_MAX);
        if (!s->seg->actor.run(&s->seg->actor) &&
            atomic_exchange(&s->seg->actor.state, RUNNING) == RUNNING)
            break;
    }
    s->ended = atomic_load(&s->seg->finished);
}

/* Takes one item. Returns as leat_edge_read. */
static int take_item(struct stage_set *s, uint64_t most)
{
    struct leat_item item;
    int r = most ? leat_edge_read(&s->out, &item) : LEAT_EMPTY;

    if (r != 0)
        return r;
    if (item.slice.chunk) {
        for (size_t i = 0; i < item.slice.len; i++)
            ASSERT_EQ(leat_slice_data(&item.slice)[i], byte_at(s->taken + i));
        s->taken += item.slice.len;
        leat_chunk_unref(item.slice.chunk);
    }
    return 0;
}

/* Runs and reads until nothing more comes. Returns why. */
static int drain(struct stage_set *s)
{
    int r;

    do {
        run(s);
        r = take_item(s, 1);
    } while (r == 0 || atomic_load(&s->seg->actor.state) == NOTIFIED); /* the read made room */
    return r;
}

/* --- going on ----------------------------------------------------------------------------------- */

TEST(test_all_bytes_go_through_in_order_and_the_end_after_them)
{
    static const size_t pieces[] = {1, 10, 999, CHUNK};
    static const struct script lines[] = {{LINES, 0}, {PASS, 0},  {LINES, 0},
                                          {PASS, 0},  {LINES, 0}, {PASS, 0}};

    for (size_t n = 1; n <= STAGES_MAX; n++)
        for (size_t k = 0; k < 4; k++)
            for (uint64_t mark = 1; mark <= 64 * CHUNK; mark *= 64) {
                struct stage_set s;

                test_context("%zu stages, pieces of %zu, mark %u", n, pieces[k], (unsigned)mark);
                set_init(&s, n, lines + (k % 2), mark);
                for (unsigned i = 0; i < 40; i++) {
                    ASSERT_EQ(give(&s, pieces[k]), 0);
                    ASSERT_EQ(drain(&s), LEAT_EMPTY);
                }
                leat_edge_finish(&s.in, LEAT_EDGE_EOF);
                ASSERT_EQ(drain(&s), LEAT_END);
                ASSERT(s.ended);
                ASSERT_EQ(s.taken, 40 * pieces[k]);
                ASSERT_EQ(s.pipeline->outcome.error.code, 0);
                for (size_t i = 0; i < n; i++)
                    ASSERT(state_of(&s, i)->end_seen);
                set_done(&s);
            }
}

/* The output of a stage is used up before the stage is stepped again. */
TEST(test_the_most_downstream_stage_that_can_go_on_is_stepped)
{
    static const struct script scripts[] = {{PASS, 0}, {PASS, 0}, {PASS, 0}};

    for (size_t room = 1; room < 5; room++) { /* the first stage gives a slice in so many steps */
        size_t least = room > 1 ? CHUNK / 4 / room + 1 : 0;
        struct stage_set s;

        test_context("%zu steps a slice", room);
        set_init(&s, 3, scripts, 1000 * CHUNK);
        for (size_t i = 0; i < 3; i++)
            s.seg->slots[i].out.room_max = i == 0 ? least : 0;
        for (unsigned i = 0; i < 20; i++)
            ASSERT_EQ(give(&s, CHUNK / 4), 0);
        run(&s);
        ASSERT_GE(s.log.n, 60 * room);
        for (size_t i = 0; i < 60 * room; i++)
            ASSERT_EQ(s.log.steps[i], "abc"[i % 3]);
        leat_edge_finish(&s.in, LEAT_EDGE_EOF);
        ASSERT_EQ(drain(&s), LEAT_END);
        ASSERT_EQ(s.taken, 5 * CHUNK);
        set_done(&s);
    }
}

TEST(test_a_segment_whose_output_is_refused_takes_no_more_than_a_chunk_a_stage)
{
    static const struct script scripts[] = {{PASS, 0}, {PASS, 0}, {PASS, 0}};

    for (size_t n = 1; n < 4; n++) {
        struct stage_set s;
        unsigned given = 0;

        set_init(&s, n, scripts, CHUNK);
        while (given < 100 && give(&s, CHUNK) == 0) {
            run(&s);
            given++;
        }
        ASSERT_EQ(s.seg->parked, LEAT_PARK_OUT);
        ASSERT_LE(s.given - s.in.queued, (n + 2) * CHUNK);
        leat_edge_finish(&s.in, LEAT_EDGE_EOF);
        ASSERT_EQ(drain(&s), LEAT_END);
        ASSERT_EQ(s.taken, s.given);
        set_done(&s);
    }
}

TEST(test_a_segment_without_memory_waits_for_it_and_goes_on)
{
    static const struct script scripts[] = {{PASS, 0}};
    struct leat_chunk *held[1000];
    struct stage_set s;
    unsigned n = 0;

    set_init(&s, 1, scripts, 100 * CHUNK);
    ASSERT_EQ(give(&s, 100), 0);
    while (leat_pool_get(&s.pipeline->pool, 0, &held[n]) == 0)
        n++;
    run(&s);
    ASSERT_EQ(s.seg->parked, LEAT_PARK_MEMORY);
    ASSERT(s.seg->memory.waiter.listed);
    ASSERT_EQ(take_item(&s, 1), LEAT_EMPTY);
    for (unsigned i = 0; i < n; i++)
        leat_chunk_unref(held[i]);
    ASSERT_NE(atomic_exchange(&s.seg->actor.state, RUNNING), RUNNING); /* it was woken */
    leat_edge_finish(&s.in, LEAT_EDGE_EOF);
    ASSERT_EQ(drain(&s), LEAT_END);
    ASSERT_EQ(s.taken, 100);
    set_done(&s);
}

TEST(test_the_inputs_of_a_concat_come_one_after_another)
{
    static const struct script scripts[] = {{PASS, 0}};
    struct leat_edge more[2];
    struct stage_set s;

    set_init(&s, 1, scripts, 1000 * CHUNK);
    for (unsigned i = 0; i < 2; i++) {
        ASSERT_EQ(leat_edge_init(&more[i], &s.pipeline->executor, 10 * CHUNK), 0);
        ASSERT_EQ(leat_segment_add_input(s.seg, &more[i]), 0);
        more[i].writer = &s.before;
    }
    s.seg->in.ops = &leat_inlet_concat;
    s.given = 300; /* the last input comes first */
    for (unsigned i = 2; i-- > 0;) {
        struct leat_edge first = s.in;

        s.in = more[i];
        s.given = 100 * (i + 1);
        ASSERT_EQ(give(&s, 100), 0);
        leat_edge_finish(&s.in, LEAT_EDGE_EOF);
        more[i] = s.in;
        s.in = first;
    }
    run(&s);
    ASSERT_EQ(take_item(&s, 1), LEAT_EMPTY);
    s.given = 0;
    ASSERT_EQ(give(&s, 100), 0);
    leat_edge_finish(&s.in, LEAT_EDGE_EOF);
    ASSERT_EQ(drain(&s), LEAT_END);
    ASSERT_EQ(s.taken, 300);
    set_done(&s);
    for (unsigned i = 0; i < 2; i++)
        leat_edge_done(&more[i]);
}

/* --- ends --------------------------------------------------------------------------------------- */

static void end_early(size_t at, uint64_t bytes, enum part others)
{
    struct script scripts[4] = {{others, 0}, {others, 0}, {others, 0}, {others, 0}};
    struct stage_set s;

    test_context("stage %zu, after %u bytes, the others do %d", at, (unsigned)bytes, others);
    scripts[at] = (struct script){TAKE, bytes};
    set_init(&s, 4, scripts, 1000 * CHUNK);
    for (unsigned i = 0; i < 10; i++)
        ASSERT_EQ(give(&s, CHUNK), 0);
    ASSERT_EQ(drain(&s), LEAT_END);
    ASSERT(s.ended);
    ASSERT_EQ(s.taken, bytes);
    ASSERT_EQ(leat_edge_reason(&s.in), LEAT_REASON_DONE);
    ASSERT_EQ(s.pipeline->outcome.error.code, 0);
    for (size_t i = 0; i < 4; i++)
        ASSERT_EQ(s.seg->slots[i].stage->ended, i >= at);
    set_done(&s);
}

/* Its last step may give two slices, and the second one is still there when the first is shown. */
TEST(test_a_stage_that_ends_early_ends_those_before_it_and_no_other)
{
    for (size_t at = 0; at < 4; at++)
        for (uint64_t bytes = 1; bytes < 3 * CHUNK; bytes += 700) {
            end_early(at, bytes, PASS);
            end_early(at, bytes, LINES);
        }
}

TEST(test_a_failure_is_told_both_ways_after_the_bytes_before_it)
{
    for (size_t at = 0; at < 4; at++)
        for (uint64_t bytes = 0; bytes < 3 * CHUNK; bytes += 1900) {
            struct script scripts[4] = {{PASS, 0}, {PASS, 0}, {PASS, 0}, {PASS, 0}};
            struct stage_set s;

            test_context("stage %zu, after %u bytes", at, (unsigned)bytes);
            scripts[at] = (struct script){FAIL, bytes};
            set_init(&s, 4, scripts, 1000 * CHUNK);
            for (unsigned i = 0; i < 10; i++)
                ASSERT_EQ(give(&s, CHUNK), 0);
            ASSERT_EQ(drain(&s), LEAT_ECANCELLED);
            ASSERT(s.ended);
            ASSERT_EQ(s.taken, bytes);
            ASSERT_EQ(leat_edge_reason(&s.in), LEAT_REASON_FAILED);
            ASSERT_EQ(s.pipeline->outcome.error.code, LEAT_ECORRUPT);
            ASSERT_EQ(s.pipeline->outcome.error.stage, at + 1);
            ASSERT_EQ(s.pipeline->outcome.error.offset, bytes);
            for (size_t i = at; i < 4; i++)
                ASSERT(!state_of(&s, i)->end_seen); /* a failure is no end */
            set_done(&s);
        }
}

TEST(test_a_failed_input_gives_its_bytes_and_no_end)
{
    static const struct script scripts[] = {{LINES, 0}, {PASS, 0}};

    for (size_t n = 1; n < 3; n++) {
        struct stage_set s;

        set_init(&s, n, scripts, 1000 * CHUNK);
        ASSERT_EQ(give(&s, 1000), 0);
        leat_edge_finish(&s.in, LEAT_EDGE_FAILED);
        ASSERT_EQ(drain(&s), LEAT_ECANCELLED);
        ASSERT(s.ended);
        ASSERT_EQ(s.taken, 1000);
        for (size_t i = 0; i < n; i++)
            ASSERT(!state_of(&s, i)->end_seen && !s.seg->slots[i].stage->ended);
        ASSERT_EQ(s.pipeline->outcome.error.code, 0); /* who failed has told it */
        set_done(&s);
    }
}

TEST(test_a_reader_that_goes_ends_the_stages_but_for_one_that_wants_all)
{
    static const enum leat_reason reasons[] = {LEAT_REASON_DONE, LEAT_REASON_FAILED};

    for (unsigned k = 0; k < 2; k++)
        for (unsigned wants = 0; wants < 2; wants++) {
            struct script scripts[2] = {{PASS, 0}, {wants ? ALL : PASS, 0}};
            bool goes_on = wants && reasons[k] == LEAT_REASON_DONE;
            struct stage_set s;

            test_context("reason %u, wants all %u", k, wants);
            set_init(&s, 2, scripts, 1000 * CHUNK);
            ASSERT_EQ(give(&s, 1000), 0);
            run(&s);
            leat_edge_cancel(&s.out, reasons[k]);
            run(&s);
            ASSERT_EQ(s.ended, !goes_on);
            ASSERT_EQ(leat_edge_reason(&s.in), goes_on ? LEAT_REASON_NONE : reasons[k]);
            if (goes_on) {
                ASSERT_EQ(give(&s, 1000), 0);
                leat_edge_finish(&s.in, LEAT_EDGE_EOF);
                run(&s);
                ASSERT(s.ended);
                ASSERT(state_of(&s, 1)->end_seen);
                ASSERT_EQ(state_of(&s, 1)->seen, 2000);
            }
            ASSERT_EQ(s.pipeline->outcome.error.code, 0);
            set_done(&s);
        }
}

TEST(test_an_aborted_pipeline_is_given_up_at_once)
{
    static const struct script scripts[] = {{ALL, 0}, {PASS, 0}};
    struct stage_set s;

    set_init(&s, 2, scripts, 1000 * CHUNK);
    ASSERT_EQ(give(&s, 1000), 0);
    atomic_store(&s.pipeline->outcome.aborted, true);
    run(&s);
    ASSERT(s.ended);
    ASSERT_EQ(s.log.n, 0); /* without a step */
    ASSERT_EQ(leat_edge_reason(&s.in), LEAT_REASON_FAILED);
    ASSERT_EQ(take_item(&s, 1), LEAT_ECANCELLED);
    ASSERT(!s.seg->actor.run(&s.seg->actor)); /* one more run of it does nothing */
    set_done(&s);
}

/* --- stages that are wrong ---------------------------------------------------------------------- */

static void fails_with(enum part part, const char *text)
{
    struct script scripts[2] = {{PASS, 0}, {part, 0}};
    struct stage_set s;

    test_context("%s", text);
    set_init(&s, 2, scripts, 1000 * CHUNK);
    ASSERT_EQ(give(&s, 100), 0);
    ASSERT_EQ(drain(&s), LEAT_ECANCELLED);
    ASSERT_EQ(s.pipeline->outcome.error.code, LEAT_EINTERNAL);
    ASSERT_EQ(s.pipeline->outcome.error.stage, 2);
    ASSERT_STR_HAS(s.pipeline->outcome.error.text, text);
    set_done(&s);
}

TEST(test_a_stage_that_breaks_the_contract_is_named)
{
    fails_with(IDLE, "made no progress twice in a row");
    fails_with(NO_WAIT, "waits for nothing");
}

TEST(test_a_segment_is_run_by_the_thread_that_its_actor_says)
{
    static const struct script scripts[] = {{PASS, 0}};
    struct stage_set s;

    set_init(&s, 1, scripts, CHUNK);
    ASSERT_BREAKS(leat_segment_fail(s.seg, 0), "failure.code < 0");
    ASSERT_BREAKS(leat_segment_fail(s.seg, 1), "i < seg->n");
    atomic_store(&s.seg->actor.state, 0);
    ASSERT_BREAKS((void)s.seg->actor.run(&s.seg->actor), "leat_actor_runs_here(actor)");
    set_done(&s);
}

/* --- flush marks -------------------------------------------------------------------------------- */

/* All items that come out: m for a mark, b for bytes. */
static void take_kinds(struct stage_set *s, char *kinds, size_t size, uint64_t *ret_bytes)
{
    struct leat_item item;
    size_t n = 0;

    *ret_bytes = 0;
    for (run(s); leat_edge_read(&s->out, &item) == 0; run(s)) {
        ASSERT_LT(n + 1, size);
        kinds[n++] = item.flush ? 'm' : 'b';
        *ret_bytes += item.slice.len;
        leat_chunk_unref(item.slice.chunk);
    }
    kinds[n] = '\0';
}

TEST(test_a_mark_stays_between_the_bytes_that_it_came_between)
{
    static const enum part parts[] = {PASS, LINES, MARKS, ALL};

    for (size_t n = 1; n < 4; n++)
        for (size_t k = 0; k < 4; k++) {
            struct script scripts[3] = {{parts[k], 0}, {PASS, 0}, {parts[k], 0}};
            size_t marking = parts[k] == MARKS ? (n + 1) / 2 : 0;
            struct stage_set s;
            uint64_t bytes;
            char kinds[64];

            test_context("%zu stages, part %d", n, parts[k]);
            set_init(&s, n, scripts, 1000 * CHUNK);
            give_mark(&s); /* nothing came before it */
            ASSERT_EQ(give(&s, 100), 0);
            give_mark(&s);
            give_mark(&s);
            ASSERT_EQ(give(&s, 100), 0);
            give_mark(&s);
            ASSERT_EQ(give(&s, 100), 0);
            leat_edge_finish(&s.in, LEAT_EDGE_EOF);
            take_kinds(&s, kinds, sizeof kinds, &bytes);
            if (marking == 0) {
                ASSERT_STREQ(kinds, "bmbmb");
                ASSERT_EQ(bytes, 300);
            } else { /* a mark with nothing before it has a "!" before it, too */
                ASSERT_GE(bytes, 300 + 2 * marking);
                ASSERT_STR_HAS(kinds, "mbmb");
            }
            set_done(&s);
        }
}

/* A reader of one of several ports may stall; the others must not wait for it. */
TEST(test_a_segment_passes_to_its_reader_if_it_has_only_one)
{
    struct leat_executor executor;
    struct leat_edge edges[3];
    struct leat_segment *seg = leat_segment_new(NULL, 1, leat_segment_run);

    ASSERT_NOT_NULL(seg);
    ASSERT_EQ(leat_executor_init(&executor, LEAT_EXECUTOR_LOOP, 1, 0, false), 0);
    for (unsigned i = 0; i < 3; i++) {
        ASSERT_EQ(leat_edge_init(&edges[i], &executor, CHUNK), 0);
        ASSERT(!edges[i].passes);
        ASSERT_EQ(leat_segment_add_output(seg, &edges[i]), 0);
        for (unsigned k = 0; k <= i; k++)
            ASSERT_EQ(edges[k].passes, i == 0);
    }
    leat_segment_free(seg);
    for (unsigned i = 0; i < 3; i++)
        leat_edge_done(&edges[i]);
    leat_executor_done(&executor);
}

/* The records before it are handed on, and no stage may take them for all there is. */
TEST(test_a_record_that_is_too_long_is_an_error_and_no_end_comes_before_it)
{
    const struct script lines = {.part = LINES};
    struct leat_chunk *chunk;
    struct leat_item item;
    struct stage_set s;

    set_init(&s, 1, &lines, 100 * CHUNK);
    s.seg->slots[0].framer->record_max = 100;
    ASSERT_EQ(give(&s, 50), 0); /* five lines */
    ASSERT_EQ(leat_pool_get(&s.pipeline->pool, 0, &chunk), 0);
    memset(chunk->data, 'x', 200);
    item = (struct leat_item){.slice = {.chunk = chunk, .len = 200}};
    ASSERT_EQ(leat_edge_write(&s.in, &item), 0);
    leat_edge_finish(&s.in, LEAT_EDGE_EOF);
    ASSERT_EQ(drain(&s), LEAT_ECANCELLED);
    ASSERT_EQ(s.taken, 50);
    ASSERT(!state_of(&s, 0)->end_seen);
    ASSERT_EQ(s.pipeline->outcome.error.code, LEAT_ELIMIT);
    set_done(&s);
}
