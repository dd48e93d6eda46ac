/* test_sight.c - what is said of a run is true: times add up, bytes add up, the bottleneck is the
 * one that was planted, and the time left is what it then takes. All on virtual time.
 */
#include <math.h>
#include <stdlib.h>

#include "leat.h"
#include "stage.h"
#include "syntax/registry.h"
#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): a pure part of the command, tested by itself */
#include "../../cmd/sight/meter.c"
#include "../../cmd/sight/stages.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define SEEDS 10u
#define PIECE ((size_t)65536)
#define MIB (1 << 20)

/* --- stages that take as long as they are told ------------------------------------------------ */

struct params {
    uint64_t bytes;   /* a source's */
    int64_t cost;     /* nanoseconds that a KiB takes */
    uint64_t wait_ms; /* after each piece */
    int heavy, split;
    int64_t look; /* call looked after each step */
};

struct state {
    uint64_t given;
    bool waited;
    uint64_t random;
};

/* Reads the figures during the run. */
static void (*looked)(void);
static struct leat_pipeline *running;
static bool jitter;

static const struct leat_option options[] = {
    {.name = "bytes",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct params, bytes),
     .metavar = "SIZE",
     .initial = 4 * MIB,
     .help = "how much"},
    {.name = "cost",
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct params, cost),
     .metavar = "NS",
     .max = 1000000000,
     .help = "of a KiB"},
    {.name = "wait",
     .kind = LEAT_OPT_DURATION,
     .offset = offsetof(struct params, wait_ms),
     .metavar = "TIME",
     .help = "after each piece"},
    {.name = "heavy",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct params, heavy),
     .help = "a segment of its own"},
    {.name = "split",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct params, split),
     .help = "in lanes"},
    {0},
};

static void spend(struct leat_stage *s, size_t n)
{
    const struct params *p = leat_params(s);
    struct state *st = leat_state(s);
    double ns = (double)p->cost * (double)n / 1024;

    if (jitter)
        ns *= 0.5 + (double)(test_random(&st->random) % 1000) / 1000;
    leat_spend_ns(s, (uint64_t)ns);
    if (looked && running)
        looked();
}

/* Every other call waits, if it is to wait. */
static bool wait_now(struct leat_stage *s)
{
    const struct params *p = leat_params(s);
    struct state *st = leat_state(s);

    st->waited = p->wait_ms > 0 && !st->waited;
    if (st->waited)
        leat_wait_ms(s, p->wait_ms);
    return st->waited;
}

static int src_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct params *p = leat_params(s);
    struct state *st = leat_state(s);
    uint8_t *to;
    size_t n;

    (void)in;
    if (wait_now(s))
        return LEAT_WAIT;
    n = leat_reserve(out, &to);
    n = n < PIECE ? n : PIECE;
    if (n > p->bytes - st->given)
        n = (size_t)(p->bytes - st->given);
    memset(to, 'x', n);
    leat_commit(out, n);
    st->given += n;
    leat_position(s, st->given, p->bytes);
    spend(s, n);
    return st->given == p->bytes ? LEAT_END : LEAT_MORE;
}

static int work_plan(struct leat_stage *s)
{
    const struct params *p = leat_params(s);

    if (p->heavy)
        leat_plan_nature(s, LEAT_HEAVY);
    if (p->split)
        leat_plan_nature(s, LEAT_PARALLEL);
    return 0;
}

static int work_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    size_t n = in->len - in->pos, passed = leat_pass(out, in, n < PIECE ? n : PIECE);

    spend(s, passed);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int snk_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    size_t n = in->len - in->pos < PIECE ? in->len - in->pos : PIECE;

    (void)out;
    if (n > 0 && wait_now(s))
        return LEAT_WAIT;
    in->pos += n;
    spend(s, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_lanes work_split = {.block = PIECE};

#define SLOW(ident, stage_name, stage_kind, ...)                                                   \
    static const struct leat_stage_type ident = {.name = stage_name,                               \
                                                 .summary = "as slow as it is told",               \
                                                 .kind = stage_kind,                               \
                                                 .params_size = sizeof(struct params),             \
                                                 .state_size = sizeof(struct state),               \
                                                 .options = options,                               \
                                                 __VA_ARGS__}
SLOW(src_type, "src", LEAT_SOURCE, .step = src_step);
SLOW(work_type, "work", LEAT_TRANSFORM, .step = work_step, .plan = work_plan, .lanes = &work_split);
SLOW(snk_type, "snk", LEAT_SINK, .step = snk_step);

/* A child process in the middle: two stages that each wait for it. It holds one piece. */
struct child {
    size_t taken, done;
    bool ended;
};

static int child_take(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct child *c = leat_state(s);

    (void)out;
    if (c->taken > 0 && in->len > in->pos) {
        leat_wait_ms(s, 1);
        return LEAT_WAIT;
    }
    if (in->len > in->pos) {
        c->taken = in->len - in->pos < PIECE ? in->len - in->pos : PIECE;
        in->pos += c->taken;
    }
    c->ended = in->end && in->pos == in->len;
    return c->ended ? LEAT_END : LEAT_MORE;
}

static int child_give(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct params *p = leat_params(s);
    struct child *c = leat_shared(s);
    uint8_t *to;
    size_t n;

    (void)in;
    if (c->taken == 0 && c->ended)
        return LEAT_END;
    if (c->taken == 0 || c->done == 0) {
        c->done = c->taken;
        leat_wait_ms(s, c->taken > 0 ? p->wait_ms : 1);
        return LEAT_WAIT;
    }
    n = leat_reserve(out, &to);
    n = n < c->done ? n : c->done;
    memset(to, 'y', n);
    leat_commit(out, n);
    c->done -= n;
    c->taken -= n;
    return LEAT_MORE;
}

#define HALF .name = "child", .params_size = sizeof(struct params), .options = options
static const struct leat_stage_type take_half = {
    HALF, .kind = LEAT_SINK, .state_size = sizeof(struct child), .step = child_take};
static const struct leat_stage_type give_half = {HALF, .kind = LEAT_SOURCE, .step = child_give};
static const struct leat_stage_type child_type = {HALF, .summary = "as a child process",
                                                  .kind = LEAT_BY_PLACE, .middle_in = &take_half,
                                                  .middle_out = &give_half};

/* --- one run ---------------------------------------------------------------------------------- */

struct run {
    struct leat_registry *registry;
    struct leat_pipeline *p;
    struct leat_stats stats;
    struct leat_stage_stats stages[32];
};

static void begin(struct run *r, const char *text, unsigned threads, uint64_t seed)
{
    struct leat_settings settings = {.size = sizeof settings,
                                     .threads = threads,
                                     .executor = LEAT_EXECUTOR_SEEDED,
                                     .seed = seed,
                                     .virtual_time = true,
                                     .chunk = PIECE};
    struct leat_error error = LEAT_INIT(leat_error);

    *r = (struct run){.registry = leat_registry_new()};
    ASSERT_NOT_NULL(r->registry);
    ASSERT_EQ(leat_registry_add_plain(r->registry, &src_type), 0);
    ASSERT_EQ(leat_registry_add_plain(r->registry, &work_type), 0);
    ASSERT_EQ(leat_registry_add_plain(r->registry, &snk_type), 0);
    ASSERT_EQ(leat_registry_add_plain(r->registry, &child_type), 0);
    if (leat_pipeline_from_text(r->registry, text, &settings, &r->p, &error) < 0)
        FAIL("%s", error.text);
}

static void look(struct run *r)
{
    r->stats.size = sizeof r->stats;
    leat_pipeline_stats(r->p, &r->stats);
    ASSERT_LE(r->stats.n_stages, sizeof r->stages / sizeof *r->stages);
    for (size_t i = 0; i < r->stats.n_stages; i++) {
        r->stages[i].size = sizeof r->stages[i];
        leat_pipeline_stage_stats(r->p, i, &r->stages[i]);
    }
}

static void finish(struct run *r)
{
    running = r->p;
    ASSERT_EQ(leat_pipeline_run(r->p), 0);
    running = NULL;
    look(r);
}

static void end(struct run *r)
{
    leat_pipeline_unref(r->p);
    leat_registry_free(r->registry);
}

/* Busy and waiting are the time of the run, but for `slack` (of it). */
static void check_time(const struct run *r, double slack)
{
    double elapsed = (double)r->stats.elapsed_ns;

    for (size_t i = 0; i < r->stats.n_stages; i++) {
        const struct leat_stage_stats *s = &r->stages[i];
        double sum = (double)(s->busy_ns + s->wait_in_ns + s->wait_out_ns) / s->workers;

        test_context("stage %zu (%s): busy %.3f, in %.3f, out %.3f of %.3f ms", i, s->name,
                     (double)s->busy_ns / 1e6, (double)s->wait_in_ns / 1e6,
                     (double)s->wait_out_ns / 1e6, elapsed / 1e6);
        ASSERT(fabs(sum - elapsed) <= slack * elapsed);
        ASSERT_LE(s->wait_self_ns, s->wait_in_ns + s->wait_out_ns);
        ASSERT_LE(s->wait_turn_ns, s->wait_in_ns + s->wait_out_ns);
        ASSERT_LE(s->ended_ns, s->wait_in_ns + s->wait_out_ns);
    }
}

/* All bytes that left a stage have come into the next one. */
static void check_bytes(const struct run *r)
{
    uint64_t in[32] = {0}, out[32] = {0};

    for (size_t i = 0; i < r->stats.n_links; i++) {
        struct leat_link_stats link = LEAT_INIT(leat_link_stats);

        leat_pipeline_link_stats(r->p, i, &link);
        ASSERT_LT(link.from, r->stats.n_stages);
        ASSERT_LT(link.to, r->stats.n_stages);
        out[link.from] += link.bytes;
        in[link.to] += link.bytes;
        if (link.capacity > 0)
            ASSERT_LE(link.fill, link.capacity + 2 * PIECE);
    }
    for (size_t i = 0; i < r->stats.n_stages; i++) {
        test_context("stage %zu (%s)", i, r->stages[i].name);
        ASSERT_EQ(r->stages[i].bytes_in, in[i]);
        ASSERT_EQ(r->stages[i].bytes_out, out[i]);
    }
}

/* --- planted bottlenecks ---------------------------------------------------------------------- */

static const struct planted {
    const char *what, *text;
    unsigned threads;
    size_t stage; /* the one to blame, from 0 */
    enum leat_bottleneck_kind kind;
} cases[] = {
    {"a source that reads slowly", "src --cost=9000 : work --cost=1000 : snk --cost=1000", 2, 0,
     LEAT_BOTTLENECK_BUSY},
    {"a source that waits", "src --wait=1ms : work --heavy --cost=1000 : snk", 2, 0,
     LEAT_BOTTLENECK_WAIT},
    {"a slow codec", "src --cost=100 : work --heavy --cost=200 : work --heavy --cost=9000 : snk", 4,
     2, LEAT_BOTTLENECK_BUSY},
    {"a slow codec before others",
     "src --cost=100 : work --heavy --cost=9000 : work --heavy --cost=3000 : snk --cost=500", 4, 1,
     LEAT_BOTTLENECK_BUSY},
    {"a slow stage among light ones",
     "src --cost=300 : work --cost=500 : work --cost=4000 : work --cost=500 : snk --cost=300", 2, 2,
     LEAT_BOTTLENECK_BUSY},
    {"two in turns are slower than one alone",
     "src : work --heavy --cost=5000 : work --heavy --cost=3500 : work --cost=3000 : snk", 4, 2,
     LEAT_BOTTLENECK_BUSY},
    {"a sink that writes slowly", "src : work --heavy --cost=500 : snk --cost=7000", 2, 2,
     LEAT_BOTTLENECK_BUSY},
    {"a sink that waits", "src : work --heavy --cost=800 : snk --wait=1ms", 2, 2,
     LEAT_BOTTLENECK_WAIT},
    {"a rate", "src --cost=10 : limit --rate=20M/s : work --heavy --cost=500 : snk", 2, 1,
     LEAT_BOTTLENECK_WAIT},
    {"a rate behind a codec", "src : work --heavy --cost=500 : limit --rate=20M/s : snk", 2, 2,
     LEAT_BOTTLENECK_WAIT},
    {"a child process", "src : work --heavy --cost=500 : child --wait=4ms : work --heavy : snk", 2,
     2, LEAT_BOTTLENECK_WAIT},
    {"what feeds a child process", "src --wait=200ms : child --wait=2ms : snk", 2, 0,
     LEAT_BOTTLENECK_WAIT},
    {"what takes from a child process", "src : child --wait=1ms : work --heavy --cost=900000 : snk",
     2, 3, LEAT_BOTTLENECK_BUSY},
    {"a branch", "src : tee [ work --heavy --cost=8000 : snk ] [ snk --cost=100 ] : snk --cost=900",
     4, 2, LEAT_BOTTLENECK_BUSY},
    {"an input", "merge [ src --cost=9000 ] [ src --cost=200 ] : snk --cost=100", 4, 0,
     LEAT_BOTTLENECK_BUSY},
    {"a stage in lanes", "src --cost=500 : work --split --cost=9000 : snk --cost=500", 3, 1,
     LEAT_BOTTLENECK_BUSY},
    {"what feeds the lanes", "src --cost=5000 : work --split --cost=6000 : snk --cost=500", 4, 0,
     LEAT_BOTTLENECK_BUSY},
    {"all on one thread",
     "src --cost=500 : work --heavy --cost=2000 : work --heavy --cost=6000 : "
     "snk --cost=500",
     1, 2, LEAT_BOTTLENECK_BUSY},
};
#define N_CASES (sizeof cases / sizeof *cases)

static void run_case(const struct planted *c, uint64_t seed)
{
    struct leat_bottleneck b = LEAT_INIT(leat_bottleneck);
    struct run r;

    begin(&r, c->text, c->threads, seed);
    finish(&r);
    check_time(&r, 0.02);
    leat_pipeline_bottleneck(r.p, &b);
    test_context("%s, seed %d: stage %zu, kind %d, share %.2f, segment %.2f", c->what, (int)seed,
                 b.stage, (int)b.kind, b.share, b.segment);
    ASSERT_EQ(b.stage, c->stage);
    ASSERT_EQ(b.kind, c->kind);
    ASSERT_GT((int)(b.segment * 100), 70);
    end(&r);
}

TEST(test_the_planted_bottleneck_is_named_and_times_add_up)
{
    for (size_t i = 0; i < N_CASES; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            run_case(&cases[i], seed);
}

/* Inputs that are read one after another hold up all in turn. */
TEST(test_stages_that_work_one_after_another_fill_the_time)
{
    struct leat_bottleneck b = LEAT_INIT(leat_bottleneck);
    struct run r;

    begin(&r, "concat [ src --cost=9000 ] [ src --cost=9000 ] [ src --cost=9500 ] : snk", 4, 1);
    finish(&r);
    leat_pipeline_bottleneck(r.p, &b);
    test_context("share %.2f, segment %.2f", b.share, b.segment);
    ASSERT_EQ(b.kind, LEAT_BOTTLENECK_BUSY);
    ASSERT_EQ(b.stage, 2);
    end(&r);
}

TEST(test_a_table_counts_once_what_several_branches_get)
{
    struct leat_stage_stats s = LEAT_INIT(leat_stage_stats);
    struct run r;
    struct job job;

    begin(&r, "src : tee [ snk ] [ work : snk ] : snk", 2, 1);
    finish(&r);
    job = (struct job){.pipeline = r.p, .registry = r.registry};
    stats_stage(&job, 1, &s);
    ASSERT_STREQ(s.name, "tee");
    ASSERT_EQ(s.bytes_in, 4 * MIB);
    ASSERT_EQ(s.bytes_out, 4 * MIB);
    leat_pipeline_stage_stats(r.p, 1, &s);
    ASSERT_EQ(s.bytes_out, 12 * MIB);
    end(&r);
    begin(&r, "src : route [ -e y : snk ] : snk", 2, 1);
    finish(&r);
    job = (struct job){.pipeline = r.p, .registry = r.registry};
    stats_stage(&job, 1, &s);
    ASSERT_EQ(s.bytes_out, s.bytes_in);
    end(&r);
}

/* Before what holds up, stages wait for room, and behind it for input: in one segment, in several, and
 * where a stage waits itself. */
TEST(test_a_stage_waits_for_room_before_the_slow_one_and_for_input_behind_it)
{
    static const struct planted slow[] = {
        {"in one segment", "src : work --cost=9000 : snk", 2, 1, LEAT_BOTTLENECK_BUSY},
        {"alone", "src : work --heavy : work --heavy --cost=9000 : work --heavy : snk", 4, 2,
         LEAT_BOTTLENECK_BUSY},
        {"in lanes", "src : work --split --cost=9000 : snk", 3, 1, LEAT_BOTTLENECK_BUSY},
        {"waiting", "src : limit --rate=10M/s : snk", 2, 1, LEAT_BOTTLENECK_WAIT},
    };

    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        struct run r;

        begin(&r, slow[i].text, slow[i].threads, i);
        finish(&r);
        for (size_t k = 0; k < r.stats.n_stages; k++) {
            const struct leat_stage_stats *s = &r.stages[k];
            uint64_t most = k < slow[i].stage ? s->wait_out_ns : s->wait_in_ns;

            test_context("%s: stage %zu waits %.3f ms for input, %.3f ms for room", slow[i].what, k,
                         (double)s->wait_in_ns / 1e6, (double)s->wait_out_ns / 1e6);
            if (k != slow[i].stage)
                ASSERT_GT(most, r.stats.elapsed_ns / 10 * 8);
        }
        end(&r);
    }
}

TEST(test_bytes_out_of_a_stage_are_bytes_into_the_next)
{
    for (size_t i = 0; i < N_CASES; i++) {
        struct run r;

        if (strstr(cases[i].text, "child")) /* its bytes go another way */
            continue;
        begin(&r, cases[i].text, cases[i].threads, i + 1);
        finish(&r);
        check_bytes(&r);
        end(&r);
    }
}

/* The machine's own stages, whose outputs are of other lengths than their inputs. */
TEST(test_bytes_add_up_through_codecs_branches_and_lanes)
{
    static const char *const texts[] = {
        "src : gzip : gunzip : snk",
        "src : tee [ sha256 : snk ] [ zstd : unzstd : snk ] : gzip : zstd : snk",
        "concat [ src --bytes=300K : gzip ] [ src --bytes=1M : gzip ] : gunzip : count -c : snk",
    };

    for (size_t i = 0; i < 3; i++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct run r;

            begin(&r, texts[i], threads, i);
            finish(&r);
            check_time(&r, 0.02);
            check_bytes(&r);
            end(&r);
        }
}

/* --- a look while it runs --------------------------------------------------------------------- */

static unsigned looks;

/* A stage that runs now has not counted its step yet: one of at most 9 ms. */
static void look_live(void)
{
    static struct run live;

    live.p = running;
    look(&live);
    if (live.stats.elapsed_ns < 100 * 1000000u)
        return;
    looks++;
    for (size_t i = 0; i < live.stats.n_stages; i++) {
        const struct leat_stage_stats *s = &live.stages[i];
        double sum = (double)(s->busy_ns + s->wait_in_ns + s->wait_out_ns) / s->workers;

        test_context("stage %zu (%s): %.3f of %.3f ms", i, s->name, sum / 1e6,
                     (double)live.stats.elapsed_ns / 1e6);
        ASSERT(fabs(sum - (double)live.stats.elapsed_ns) <= 0.02 * (double)live.stats.elapsed_ns);
    }
}

/* A stage that waits all the time is not woken, and its wait is counted nevertheless. */
TEST(test_times_add_up_at_every_moment_of_the_run)
{
    static const char *const texts[] = {
        "src --bytes=8M : work --heavy --cost=100 : work --heavy --cost=20000 : snk",
        "src --bytes=8M : tee [ snk --cost=20000 ] : work --heavy --cost=10 : snk",
        "src --bytes=1M --cost=300000 : work --heavy : snk",
    };

    for (size_t i = 0; i < 3; i++) {
        struct run r;

        begin(&r, texts[i], 4, i);
        looked = look_live;
        looks = 0;
        finish(&r);
        looked = NULL;
        ASSERT_GT(looks, 10);
        end(&r);
    }
}

/* --- the time left ---------------------------------------------------------------------------- */

#define TICK_NS ((uint64_t)100000000)

static struct meter meter;
static uint64_t next_tick, said_at, said_left;

/* As the command does, ten times a second; what is said when 30 % are through is kept. */
static void tick(void)
{
    struct leat_stats stats = LEAT_INIT(leat_stats);

    leat_pipeline_stats(running, &stats);
    if (stats.elapsed_ns < next_tick)
        return;
    next_tick = stats.elapsed_ns + TICK_NS;
    meter_add(&meter, stats.elapsed_ns, stats.source_pos);
    if (said_at == 0 && stats.source_pos >= stats.source_total / 10 * 3) {
        said_at = stats.elapsed_ns;
        said_left = meter_left_ns(&meter, stats.source_total - stats.source_pos);
    }
}

TEST(test_the_time_left_after_30_percent_is_right_within_15)
{
    static const char *const texts[] = {
        "src --bytes=64M --cost=300000 : work --heavy --cost=1000 : snk",
        "src --bytes=64M : work --heavy --cost=300000 : gzip : snk",
        "src --bytes=64M : limit --rate=3M/s : snk",
        "src --bytes=64M : work --split --cost=400000 : snk",
        "concat [ src --bytes=32M ] [ src --bytes=32M ] : work --heavy --cost=300000 : snk",
    };

    jitter = true;
    for (size_t i = 0; i < 5; i++) {
        double really;
        struct run r;

        begin(&r, texts[i], 3, i + 1);
        meter = (struct meter){.started = false};
        next_tick = said_at = said_left = 0;
        meter_add(&meter, 0, 0);
        looked = tick;
        finish(&r);
        looked = NULL;
        really = (double)(r.stats.elapsed_ns - said_at);
        test_context("%s: said %.3f s, took %.3f s", texts[i], (double)said_left / 1e9,
                     really / 1e9);
        ASSERT_GT(said_at, 0);
        ASSERT(fabs((double)said_left - really) <= 0.15 * really);
        end(&r);
    }
    jitter = false;
}
