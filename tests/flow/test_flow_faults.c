/* test_flow_faults.c - branches and failures: all outputs are there, or none.
 *
 * The product of junctions, kinds of failure and the branch that it happens in, each under many
 * seeded schedules and on threads; and branches that are not read or do not keep up.
 */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define SEEDS 25u
#define SINKS 4
#define TEXT_MAX 2048

/* A junction: @S is the source, @0 … @3 are sinks, and {0} … {3} the places of a failing stage. Which
 * sinks are without an output when there is a failure at a place, or at a sink: NULL, all. */
struct junction {
    const char *name, *text;
    int places, sinks;
    const char *lost_by_place[SINKS], *lost_by_sink[SINKS];
    bool opens_late; /* a detached sink is opened when the stream runs: then that is detached too */
};

static const struct junction junctions[] = {
    {"tee", "@S {0} | tee [ {1} | @1 ] [ {2} | gzip | @2 ] | {3} | @0", .places = 4, .sinks = 3},
    {"tee in tee", "@S {0} | tee [ tee [ {1} | @1 ] | {2} | @2 ] [ @3 ] | {3} | @0", .places = 4,
     .sinks = 4},
    {"tee with spills and buffers",
     "@S {0} | tee --slow=spill [ {1} | @1 ] [ buffer -P 50% | {2} | @2 ] | {3} | buffer --spill= | "
     "@0",
     .places = 4, .sinks = 3},
    {"parts", "@S {0} | tee [ {1} | split -n 40 [ {2} | gzip | null ] ] [ @1 ] | {3} | @0",
     .places = 4, .sinks = 2},
    {"route", "@S {0} | route [ -e ^1 | {1} | @1 ] [ -e ^2 | {2} | zstd | @2 ] | {3} | @0",
     .places = 4, .sinks = 3},
    {"tee behind a split", "@S {0} | grep -v x | tee [ {1} | @1 ] | {2} | gzip | tee [ @2 ] | @0",
     .places = 3, .sinks = 3},
    {"concat",
     "concat [ zero | head -c 5K | {0} ] [ @S {1} ] [ zero | head -c 9 | {2} ] | "
     "tee [ {3} | @1 ] | @0",
     .places = 4, .sinks = 2},
    {"merge", "merge [ @S {0} ] [ zero | head -c 9K | {1} ] | {2} | tee [ {3} | @1 ] | @0",
     .places = 4, .sinks = 2},
    {"paste", "paste [ zero | head -c 5K | {0} ] [ @S {1} ] | {2} | tee [ {3} | @1 ] | @0",
     .places = 4, .sinks = 2},
    {"detach", "@S {0} | tee --on-error=detach [ {1} | @1 ] [ {2} | gzip | @2 ] | {3} | @0",
     .places = 4, .sinks = 3, .lost_by_place = {[1] = "1", "2"}, .lost_by_sink = {[1] = "1", "2"}},
    {"tee in detach",
     "@S {0} | tee --on-error=detach [ {1} | tee [ {2} | @1 ] | @2 ] | tee [ @3 ] | {3} | @0",
     .places = 4, .sinks = 4, .lost_by_place = {[1] = "12", "12"},
     .lost_by_sink = {[1] = "12", "12"}},
    {"detach in detach",
     "@S {0} | tee --on-error=detach [ {1} | tee --on-error=detach [ {2} | @1 ] | @2 ] [ @3 ] | {3} "
     "| @0",
     .places = 4, .sinks = 4, .lost_by_place = {[1] = "12", "1"},
     .lost_by_sink = {[1] = "1", "12", "3"}},
    {"route in detach",
     "@S {0} | tee --slow=spill --on-error=detach [ {1} | route [ -e ^1 | {2} | @1 ] | @2 ] | {3} | "
     "@0",
     .places = 4, .sinks = 3, .lost_by_place = {[1] = "12", "12"},
     .lost_by_sink = {[1] = "12", "12"}},
    {"parts in detach",
     "@S {0} | tee --on-error=detach [ {1} | split -n 150 [ {2} | tee [ @1 ] | gzip | @2 ] ] | {3} | "
     "@0",
     .places = 4, .sinks = 3, .lost_by_place = {[1] = "12", "12"},
     .lost_by_sink = {[1] = "12", "12"}, .opens_late = true},
    {"detach in parts",
     "@S {0} | tee [ {1} | split -n 150 [ tee --on-error=detach [ {2} | @1 ] | @2 ] ] | {3} | @0",
     .places = 4, .sinks = 3, .lost_by_place = {[2] = "1"}, .lost_by_sink = {[1] = "1"}},
};
#define N_JUNCTIONS (sizeof junctions / sizeof *junctions)

/* A failure: a stage that fails at its place, or an end in memory that does. */
struct kind {
    const char *name, *stage; /* stage NULL: an end fails */
    int code;
    struct memio_fault sink, source; /* the sink is that of the place's number, if there is one */
};

static const struct kind kinds[] = {
    {"corrupt", "gunzip", LEAT_ECORRUPT, {0}, {0}},
    {"truncated", "gzip | head -c 20 | gunzip", LEAT_ETRUNCATED, {0}, {0}},
    {"checksum", "crc32 --expect=00000000", LEAT_ECHECKSUM, {0}, {0}},
    {"limit", "require --max-bytes=7", LEAT_ELIMIT, {0}, {0}},
    {"too little", "require --min-bytes=1G", LEAT_ETRUNCATED, {0}, {0}},
    {"sink fails", NULL, LEAT_EIO, {.fail_at = 3}, {0}},
    {"sink full at the end", NULL, LEAT_EIO, {.fail_prepare = LEAT_EIO}, {0}},
    {"sink does not commit", NULL, LEAT_EIO, {.fail_commit = LEAT_EIO}, {0}},
    {"sink does not open", NULL, LEAT_EEXIST, {.fail_open = LEAT_EEXIST}, {0}},
    {"cancel at a sink", NULL, LEAT_ECANCELLED, {.cancel_at = 2}, {0}},
    {"source fails", NULL, LEAT_EIO, {0}, {.fail_at = 9}},
    {"cancel at the source", NULL, LEAT_ECANCELLED, {0}, {.cancel_at = 5}},
};
#define N_KINDS (sizeof kinds / sizeof *kinds)

/* Sorted lines, some that begin with 1, 2 and 3. */
static struct memio input(void)
{
    static char text[6000];
    size_t n = 0;

    for (unsigned i = 1000; n + 16 < sizeof text; i += 5)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u line\n", i);
    return (struct memio){.in = text, .in_len = n, .piece = MEMIO_RANDOM};
}

/* The whole text, with `stage` in its place and nothing in the others. */
static void write_text(const struct junction *j, const char *stage, int place, struct memio *sinks,
                       char *to)
{
    size_t n = 0;

    for (const char *c = j->text; *c; c++) {
        if (*c == '@' && c[1] == 'S')
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "memsource --at=%lld |",
                                  memio_at(&sinks[0]));
        else if (*c == '@')
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "memsink --at=%lld",
                                  memio_at(&sinks[c[1] - '0']));
        else if (*c == '{')
            n += (size_t)snprintf(to + n, TEXT_MAX - n, "%s",
                                  stage && c[1] - '0' == place ? stage : "pass");
        else
            to[n++] = *c;
        c += *c == '@' ? 1 : *c == '{' ? 2 : 0;
        ASSERT_LT(n, TEXT_MAX);
    }
    to[n] = '\0';
}

static bool is_lost(const char *lost, int sink)
{
    return !lost || strchr(lost, '0' + sink);
}

/* Every sink has committed, in each part that it is in, and stands by it; or those that are lost not. */
static void check_outputs(const struct junction *j, const struct memio *sinks, int code,
                          const char *lost)
{
    for (int i = 0; i < j->sinks; i++) {
        int there = sinks[i].commits - sinks[i].reverts;

        if (sinks[i].sink.fail_commit && sinks[i].commits > 0)
            there = 0; /* it said no itself */
        if (there != (code && is_lost(lost, i) ? 0 : sinks[i].sink_opens))
            FAIL("code %d, and sink %d has %d outputs", code, i, there);
        ASSERT_EQ(sinks[i].sink_opens, sinks[i].sink_closes);
    }
}

static void configure(struct memio *io, uint64_t seed)
{
    io->seed = seed;
    io->settings.seed = seed;
    io->settings.chunk = 300;
    io->settings.threads = 1 + seed % 4;
    io->settings.executor = seed % 8 == 7 ? LEAT_EXECUTOR_POOL : LEAT_EXECUTOR_SEEDED;
}

/* A short branch may be through before the call that is to fail. */
static bool reached(const struct kind *k, const struct memio *sink)
{
    return k->sink.fail_at <= sink->sink_calls;
}

/* Whatever is detached: before the first byte, and a cancel. */
static bool is_of_all(const struct junction *j, const struct kind *k)
{
    return (k->sink.fail_open && !j->opens_late) || k->sink.cancel_at || k->source.cancel_at;
}

/* The sinks that have no output when such a failure happens there. */
static const char *lost_by(const struct junction *j, const struct kind *k, int place)
{
    if (is_of_all(j, k))
        return NULL;
    return k->stage ? j->lost_by_place[place] : j->lost_by_sink[place];
}

static void run_one(const struct junction *j, const struct kind *k, int place, uint64_t seed)
{
    struct memio sinks[SINKS] = {0};
    const char *lost = k ? lost_by(j, k, place) : NULL;
    char text[TEXT_MAX];
    int code, expected = 0;

    sinks[0] = input();
    configure(&sinks[0], seed);
    for (int i = 1; i < SINKS; i++)
        sinks[i].gulp = seed % 3 ? MEMIO_RANDOM : 0;
    if (k) {
        sinks[0].source = k->source;
        sinks[place].sink = k->sink;
    }
    write_text(j, k ? k->stage : NULL, place, sinks, text);
    test_context("%s, %s at place %d, seed %ju: %s", j->name, k ? k->name : "no failure", place,
                 (uintmax_t)seed, text);
    code = memio_run_text(&sinks[0], text);
    if (k && reached(k, &sinks[place]))
        expected = lost ? LEAT_EBATCH : k->code;
    if (code != expected)
        FAIL("code %d: %s: %s", code, sinks[0].error.stage_name, sinks[0].error.text);
    check_outputs(j, sinks, code, lost);
    for (int i = 0; i < SINKS; i++)
        memio_free(&sinks[i]);
}

/* An end in memory can fail where there is one; a cancel needs the pipeline, which sink 0 knows. */
static bool is_possible(const struct junction *j, const struct kind *k, int place)
{
    if (k->stage)
        return place < j->places;
    if (k->sink.cancel_at || k->source.fail_at || k->source.cancel_at)
        return place == 0;
    return place < j->sinks;
}

static void test_all_or_nothing(void)
{
    const struct junction *j = test_argument();
    unsigned seeds = test_under_sanitizer() ? SEEDS / 10 : SEEDS;

    for (uint64_t seed = 0; seed < seeds; seed++) {
        run_one(j, NULL, 0, seed);
        for (size_t k = 0; k < N_KINDS; k++)
            for (int place = 0; place < SINKS; place++)
                if (is_possible(j, &kinds[k], place))
                    run_one(j, &kinds[k], place, seed);
    }
}

__attribute__((constructor)) static void register_all(void)
{
    for (size_t i = 0; i < N_JUNCTIONS; i++) {
        char name[64];

        snprintf(name, sizeof name, "all_or_nothing_%s", junctions[i].name);
        for (char *c = name; *c; c++)
            *c = *c == ' ' ? '_' : *c;
        test_register_with(__FILE__, name, test_all_or_nothing, &junctions[i]);
    }
}

/* --- branches that are not read, or do not keep up ------------------------------------------ */

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};

/* memsource : TEXT, in which %lld is the other sink, : memsink. */
static int run_two(struct memio *io, struct memio *other, const char *format)
{
    char text[TEXT_MAX], number[32];
    const char *at = strstr(format, "@1");
    int code;

    ASSERT_NOT_NULL(at);
    snprintf(number, sizeof number, "memsink --at=%lld", memio_at(other));
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - format), format, number, at + 2);
    memio_free(other);
    code = memio_run(io, text);
    ASSERT_LE(io->stats.memory_peak, io->stats.memory_limit);
    return code;
}

TEST(test_a_branch_that_wants_nothing_more_leaves_the_others)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = input(), other = {0};

        io.in_repeat = 100;
        io.settings.executor = executors[e];
        ASSERT_EQ(run_two(&io, &other, "tee [ head -c 0 : @1 ]"), 0);
        ASSERT_EQ(io.out_len, 100 * io.in_len);
        ASSERT_EQ(other.out_len, 0);
        ASSERT_EQ(run_two(&io, &other, "tee --slow=drop [ head -n 1 : @1 ]"), 0);
        ASSERT_EQ(io.out_len, 100 * io.in_len);
        ASSERT_EQ(run_two(&io, &other, "tee [ @1 ] : head -c 0"), 0);
        ASSERT_EQ(io.out_len, 0);
        ASSERT_EQ(other.out_len, 100 * io.in_len);
        memio_free(&other);
        memio_free(&io);
    }
}

TEST(test_when_nobody_reads_any_more_an_endless_source_is_stopped)
{
    static const char *const texts[] = {"tee [ head -n 5 : @1 ] : head -n 9",
                                        "route [ -e ^1 : head -n 5 : @1 ] : head -n 0",
                                        "tee --slow=drop [ head -n 1 : @1 ] : head -n 7"};

    for (size_t e = 0; e < 3; e++)
        for (size_t i = 0; i < 3; i++) {
            struct memio io = input(), other = {0};

            test_context("executor %zu, %s", e, texts[i]);
            io.in_repeat = UINT64_MAX / 8192;
            io.settings.executor = executors[e];
            ASSERT_EQ(run_two(&io, &other, texts[i]), 0);
            memio_free(&other);
            memio_free(&io);
        }
}

/* It holds back all others: the time limit says so in the end, and memory has not grown. */
TEST(test_a_stalled_branch_blocks_within_the_limit)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = input(), other = {.sink = {.wait_every = 1}};

        io.in_repeat = UINT64_MAX / 8192;
        io.discard = true;
        io.settings.executor = executors[e];
        io.settings.memory = (uint64_t)8 << 20;
        io.settings.timeout_ms = 50;
        ASSERT_EQ(run_two(&io, &other, "tee [ @1 ]"), LEAT_ETIMEDOUT);
        ASSERT_EQ(other.out_len, 0);
        ASSERT_LE(io.out_len, io.settings.memory);
        ASSERT_EQ(run_two(&io, &other, "route [ -e ^1 : @1 ]"), LEAT_ETIMEDOUT);
        ASSERT_EQ(other.out_len, 0);
        memio_free(&other);
        memio_free(&io);
    }
}

/* Not a byte of what it is given is taken, and the stream goes on: for as long as one likes, by way of
 * drop, and as far as the file reaches, by way of spill. */
TEST(test_a_branch_that_is_stalled_for_ever_leaves_the_rest)
{
    static const char *const texts[] = {"tee --slow=drop [ @1 ]",
                                        "tee --slow=spill --spill-size=64M [ @1 ]"};

    for (size_t e = 0; e < 3; e++)
        for (size_t i = 0; i < 2; i++) {
            struct memio io = input(), other = {.sink = {.wait_every = 1}};
            uint64_t most = (uint64_t)(executors[e] == LEAT_EXECUTOR_SEEDED ? 1 : 8) << 20;

            test_context("executor %zu, %s", e, texts[i]);
            io.in_repeat = UINT64_MAX / 8192;
            io.piece = 0;
            io.discard = true;
            io.sink.cancel_at = executors[e] == LEAT_EXECUTOR_SEEDED ? 20000 : 5000;
            io.settings.executor = executors[e];
            io.settings.memory = most;
            ASSERT_EQ(run_two(&io, &other, texts[i]), LEAT_ECANCELLED);
            ASSERT_GT(io.out_len, 2 * most);
            ASSERT_EQ(other.out_len, 0);
            if (i == 0)
                ASSERT_GE(io.dropped, io.out_len - most);
            ASSERT_EQ(io.dropped > 0, i == 0);
            ASSERT_EQ(io.warnings, i == 0);
            memio_free(&other);
            memio_free(&io);
        }
}

/* Every second call it moves nothing; it gets all the same, or loses some: as the policy says. */
TEST(test_a_slow_branch_gets_all_or_loses_some)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct memio io = input(), other = {.sink = {.wait_every = 2}, .gulp = 50};
        uint64_t total = 20 * io.in_len;

        test_context("seed %ju", (uintmax_t)seed);
        io.in_repeat = 20;
        configure(&io, seed);
        ASSERT_EQ(run_two(&io, &other, "tee [ @1 ]"), 0);
        ASSERT_EQ(io.out_len, total);
        ASSERT_EQ(other.out_len, total);
        ASSERT_EQ(run_two(&io, &other, "tee --slow=drop [ @1 ]"), 0);
        ASSERT_EQ(io.out_len, total);
        ASSERT_LE(other.out_len, total);
        memio_free(&other);
        memio_free(&io);
    }
}

/* The stream itself is no branch: when it fails the branches do not go on without it. */
TEST(test_a_stream_that_fails_is_not_detached)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = input(), other = {0};

        io.in_repeat = UINT64_MAX / 8192;
        io.discard = other.discard = true;
        io.settings.executor = executors[e];
        ASSERT_EQ(run_two(&io, &other, "tee --on-error=detach [ @1 ] : require --max-bytes=1M"),
                  LEAT_ELIMIT);
        ASSERT_EQ(other.commits, 0);
        memio_free(&other);
        memio_free(&io);
    }
}

TEST(test_a_detached_branch_that_fails_is_alone)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct memio io = input(), other = {0};
        char text[TEXT_MAX];

        configure(&io, seed);
        snprintf(text, sizeof text,
                 "memsource --at=%lld | tee --on-error=detach [ gunzip | memsink --at=%lld ] | "
                 "memsink --at=%lld",
                 memio_at(&io), memio_at(&io), memio_at(&other));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EBATCH);
        ASSERT_EQ(io.commits, 0);
        ASSERT_EQ(other.commits, 1);
        ASSERT_EQ(other.out_len, io.in_len);
        memio_free(&other);
        memio_free(&io);
    }
}

/* --- a stage that has had enough and is not through ------------------------------------------- */

/* A sink that wants no more as soon as there is something, and then waits. */
struct enough {
    bool for_ever; /* until all is given up; else it fails in a moment */
    int dones, aborts;
};

static int enough_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct enough *e = memio_given(s);

    (void)out;
    if (e->dones == 0)
        return in->len > 0 || in->end ? LEAT_ENOUGH : LEAT_MORE;
    ASSERT_EQ(in->len, 0);
    if (e->aborts > 0)
        return leat_fail(s, LEAT_ECANCELLED, "stopped");
    if (!e->for_ever && e->dones++ > 2)
        return leat_fail(s, LEAT_ECHILD, "it was all in vain");
    leat_wait_ms(s, e->for_ever ? (uint64_t)1000 * 60 * 60 * 24 : 1);
    return LEAT_WAIT;
}

static void enough_stop(struct leat_stage *s, enum leat_stop why)
{
    struct enough *e = memio_given(s);

    e->dones += why == LEAT_STOP_DONE;
    e->aborts += why == LEAT_STOP_ABORT;
}

static const struct leat_stage_type enough_type = {
    .name = "enough",
    .summary = "wants little, and waits",
    .kind = LEAT_SINK,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .step = enough_step,
    .stop = enough_stop,
};

static void add_enough(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &enough_type), 0);
}

/* memsource : BEFORE enough --at=E AFTER : memsink, of an endless source. */
static int run_enough(struct memio *io, struct enough *e, const char *before, const char *after)
{
    char text[TEXT_MAX];

    io->registered = add_enough;
    io->discard = true;
    snprintf(text, sizeof text, "%s enough --at=%lld %s", before, (long long)(intptr_t)e, after);
    test_context("%s enough %s, executor %d", before, after, (int)io->settings.executor);
    return memio_run(io, text);
}

TEST(test_a_stage_that_fails_when_it_has_long_had_enough_ends_an_endless_job)
{
    static const char *const before[] = {
        "tee [", "tee [ head -n 1 :", "tee [ gzip : gunzip :", "tee [ split -n 1G [ head -n 1 :",
        "tee --slow=drop [ tee [ null ] [ head -n 2 :"};
    static const char *const after[] = {"]", "]", "]", "] ]", "] : null ]"};

    for (size_t e = 0; e < 3; e++)
        for (size_t i = 0; i < 5; i++) {
            struct memio io = input();
            struct enough enough = {.for_ever = false};

            io.in_repeat = UINT64_MAX / 8192;
            io.settings.executor = executors[e];
            ASSERT_EQ(run_enough(&io, &enough, before[i], after[i]), LEAT_ECHILD);
            ASSERT_STREQ(io.error.stage_name, "enough");
            memio_free(&io);
        }
}

TEST(test_a_stage_that_has_had_enough_is_stopped_when_the_pipeline_fails)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = input();
        struct enough enough = {.for_ever = true};

        io.in_repeat = UINT64_MAX / 8192;
        io.settings.executor = executors[e];
        ASSERT_EQ(run_enough(&io, &enough, "tee [", "] : require --max-bytes=1M"), LEAT_ELIMIT);
        ASSERT_EQ(enough.dones, 1);
        ASSERT_EQ(enough.aborts, 1);
        memio_free(&io);
    }
}

TEST(test_a_detached_branch_that_has_had_enough_may_fail)
{
    for (size_t e = 0; e < 3; e++) {
        struct memio io = input();
        struct enough enough = {.for_ever = false};

        io.in_repeat = 100;
        io.settings.executor = executors[e];
        ASSERT_EQ(run_enough(&io, &enough, "tee --on-error=detach [ head -n 1 :", "]"),
                  LEAT_EBATCH);
        ASSERT_EQ(io.out_len, 100 * io.in_len);
        ASSERT_EQ(io.commits, 1);
        memio_free(&io);
    }
}
