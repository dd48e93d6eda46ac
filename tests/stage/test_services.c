/* test_services.c - the services of a stage: its memory, its errors and their places, its limits. */
#include <errno.h>
#include <stdlib.h>

#include "run/pipeline.h"
#include "stage/file_map.h"
#include "test.h"

#define MIB ((uint64_t)1 << 20)
#define LIMIT (64 * MIB)
#define N_INFOS ((size_t)3)
#define ROUNDS 20000u

/* --- a stage without a run -------------------------------------------------------------------- */

static const struct leat_stage_type source_type = {.name = "source", .kind = LEAT_SOURCE};
static const struct leat_stage_type type = {.name = "stage", .kind = LEAT_TRANSFORM};
static struct leat_node node;
static struct leat_stage_info infos[N_INFOS];
static struct leat_pipeline pipeline;
static struct leat_stage stage, other;

/* Chunks have half of the limit. */
static void begin(uint64_t limit)
{
    memset(&pipeline, 0, sizeof pipeline);
    memset(infos, 0, sizeof infos);
    memset(&node, 0, sizeof node);
    ASSERT_EQ(leat_pool_init(&pipeline.pool, limit, 4096), 0);
    leat_pool_reserve(&pipeline.pool, limit / 2);
    pipeline.settings.memory = limit;
    pipeline.settings.threads = 7;
    pipeline.graph.infos = infos;
    pipeline.graph.n_infos = N_INFOS;
    for (size_t i = 0; i < N_INFOS; i++)
        infos[i] = (struct leat_stage_info){.name = i == 1 ? "stage" : "other",
                                            .number = (int)i + 1,
                                            .type = i == 0 ? &source_type : &type,
                                            .node = &node};
    stage = (struct leat_stage){.pipeline = &pipeline, .info = &infos[1], .type = &type};
    other = (struct leat_stage){.pipeline = &pipeline, .info = &infos[2], .type = &type};
}

static void done(void)
{
    ASSERT_EQ(stage.charged, infos[1].count.charged);
    ASSERT_EQ(pipeline.pool.charged, stage.charged + other.charged);
    leat_pool_uncharge(&pipeline.pool, stage.charged + other.charged);
    ASSERT_EQ(leat_pool_done(&pipeline.pool), 0);
}

/* --- memory ----------------------------------------------------------------------------------- */

TEST(test_a_charge_counts_for_the_stage_and_the_limit)
{
    begin(LIMIT);
    ASSERT_EQ(leat_memory_limit(&stage), LIMIT);
    ASSERT_EQ(leat_memory_left(&stage), LIMIT / 2);
    ASSERT_EQ(leat_charge(&stage, 1000), 0);
    ASSERT_EQ(leat_charge(&stage, 24), 0);
    ASSERT_EQ(leat_memory_left(&stage), LIMIT / 2 - 1024);
    ASSERT_EQ(infos[1].count.charged, 1024);
    leat_uncharge(&stage, 24);
    ASSERT_EQ(infos[1].count.charged, 1000);
    ASSERT_EQ(leat_charge(&stage, LIMIT / 2 - 1000), 0);
    ASSERT_EQ(leat_memory_left(&stage), 0);
    ASSERT_EQ(leat_charge(&stage, 1), LEAT_ELIMIT);
    ASSERT_EQ(stage.failure.code, LEAT_ELIMIT);
    ASSERT_STR_HAS(stage.failure.text,
                   "needs 1 bytes of memory and 0 are left of the limit of 67108864; raise "
                   "--memory to 65M");
    ASSERT_EQ(infos[1].count.charged, LIMIT / 2);
    done();
}

TEST(test_bytes_that_are_kept_for_a_stage_are_charged_once)
{
    begin(LIMIT);
    ASSERT(leat_stage_charge_spare(&stage, 1000));
    leat_stage_keep(&stage, 1000);
    ASSERT_EQ(leat_memory_left(&stage), LIMIT / 2);
    ASSERT_EQ(leat_charge(&stage, 300), 0);
    ASSERT_EQ(pipeline.pool.charged, 1000);
    ASSERT_EQ(leat_charge(&stage, 900), 0);
    ASSERT_EQ(pipeline.pool.charged, 1200);
    ASSERT_EQ(stage.kept, 0);
    leat_uncharge(&stage, 1200);
    ASSERT_EQ(pipeline.pool.charged, 0);
    done();
}

TEST(test_optional_memory_leaves_a_part_to_the_stages_that_charge_later)
{
    begin(LIMIT);
    ASSERT_EQ(leat_memory_spare(&stage), LIMIT / 2);
    infos[2].plan.later = 1; /* a sixteenth at least */
    ASSERT_EQ(leat_memory_spare(&stage), LIMIT / 2 - LIMIT / 16);
    infos[2].plan.later = LIMIT / 8;
    ASSERT_EQ(leat_memory_spare(&stage), LIMIT / 2 - LIMIT / 8);
    infos[2].plan.later = LIMIT; /* a quarter at most */
    ASSERT_EQ(leat_memory_spare(&stage), LIMIT / 4);
    infos[0].plan.later = LIMIT;
    ASSERT_EQ(leat_memory_spare(&stage), 0);
    ASSERT_EQ(leat_memory_spare(&other), LIMIT / 4); /* its own part counts for the others only */
    /* For another lane: what the later stage has charged already is not left twice. */
    infos[0].plan.later = 0;
    ASSERT(!leat_stage_charge_spare(&stage, LIMIT / 4 + 1));
    ASSERT_EQ(leat_charge(&other, LIMIT / 8), 0);
    ASSERT(leat_stage_charge_spare(&stage, LIMIT / 4));
    leat_stage_add_charge(&stage, LIMIT / 4);
    ASSERT(!leat_stage_charge_spare(&stage, 1));
    done();
}

/* With the limit that the message names, the stage gets its memory, whatever the others then do. */
TEST(test_the_limit_that_a_message_names_is_enough)
{
    uint64_t random = 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t taken = test_random(&random) % (2 * LIMIT), bytes = test_random(&random) % LIMIT,
                 own = i % 3 == 0 ? test_random(&random) % (2 * bytes + 2) : 0,
                 others = i % 2 == 0 ? test_random(&random) % LIMIT : 0, enough;

        begin(4 * LIMIT);
        infos[1].plan.later = own;
        infos[2].plan.later = others;
        if (taken > leat_memory_left(&other))
            taken = leat_memory_left(&other);
        ASSERT_EQ(leat_charge(&other, taken), 0);
        enough = leat_memory_enough(&stage, bytes);
        done();
        test_context("taken %ju, bytes %ju, later %ju, of others %ju", (uintmax_t)taken,
                     (uintmax_t)bytes, (uintmax_t)own, (uintmax_t)others);
        ASSERT_EQ(enough % MIB, 0);
        begin(enough);
        infos[1].plan.later = own;
        infos[2].plan.later = others;
        ASSERT_EQ(leat_charge(&other, taken), 0);
        if (own > 0) /* the optional memory of another stage */
            ASSERT_EQ(leat_charge(&other, leat_memory_spare(&other)), 0);
        ASSERT_EQ(leat_charge(&stage, bytes), 0);
        if (own == 0)
            ASSERT_EQ(leat_charge(&other, others), 0);
        done();
    }
    begin(LIMIT);
    ASSERT_EQ(leat_memory_enough(&stage, UINT64_MAX / 2), UINT64_MAX / MIB * MIB);
    done();
}

TEST(test_memory_is_charged_with_its_header_and_freed)
{
    uint8_t *a, *b;

    begin(LIMIT);
    a = leat_alloc(&stage, 1000);
    b = leat_alloc_raw(&stage, 5000);
    ASSERT_NOT_NULL(a);
    ASSERT_NOT_NULL(b);
    for (size_t i = 0; i < 1000; i++)
        ASSERT_EQ(a[i], 0);
    memset(b, 1, 5000);
    ASSERT_EQ((uintptr_t)a % _Alignof(max_align_t), 0);
    ASSERT_GE(stage.charged, 6000);
    ASSERT_LE(stage.charged, 6000 + 2 * 4 * sizeof(size_t));
    leat_free(&stage, a);
    leat_free(&stage, NULL);
    ASSERT_LT(stage.charged, 5100);
    leat_stage_disown(&stage, b); /* it outlives the stage */
    ASSERT_EQ(stage.charged, 0);
    ASSERT_GE(pipeline.pool.charged, 5000);
    leat_disowned_free(&pipeline.pool, b);
    ASSERT_EQ(pipeline.pool.charged, 0);
    done();
}

TEST(test_memory_that_cannot_be_had_is_a_failure)
{
    begin(LIMIT);
    ASSERT_NULL(leat_alloc(&stage, LIMIT));
    ASSERT_EQ(stage.failure.code, LEAT_ELIMIT);
    ASSERT_NULL(leat_alloc_raw(&stage, SIZE_MAX));
    ASSERT_EQ(stage.failure.code, LEAT_ENOMEM);
    done();
    begin(UINT64_MAX);
    ASSERT_NULL(leat_alloc(&stage, SIZE_MAX / 2 - 100));
    ASSERT_EQ(stage.failure.code, LEAT_ENOMEM);
    ASSERT_STR_HAS(stage.failure.text, "out of memory (");
    ASSERT_EQ(stage.charged, 0);
    done();
}

TEST(test_the_bytes_of_the_first_lane_are_charged_by_the_cutter)
{
    struct leat_segment segment = {.lane.number = 0}, second = {.lane.number = 1};

    begin(LIMIT);
    infos[1].lanes.most = 8;
    stage.segment = &segment;
    leat_lane_kept(&stage); /* none was kept */
    ASSERT_EQ(stage.kept, 0);
    leat_keep_lanes(&stage, 0, 1000);
    ASSERT_EQ(infos[1].lanes.most, 1);
    ASSERT_EQ(pipeline.pool.charged, 1000);
    stage.segment = &second; /* its bytes come from leat_stage_keep */
    leat_lane_kept(&stage);
    ASSERT_EQ(stage.kept, 0);
    stage.segment = &segment;
    leat_lane_kept(&stage);
    ASSERT_EQ(stage.kept, 1000);
    leat_lane_kept(&stage);
    ASSERT_EQ(stage.kept, 1000);
    done();
}

/* --- errors ----------------------------------------------------------------------------------- */

TEST(test_only_errors_of_the_data_have_an_offset)
{
    static const struct {
        int code;
        bool has_offset;
    } rows[] = {{LEAT_ECORRUPT, true}, {LEAT_ETRUNCATED, true}, {LEAT_ELIMIT, true},
                {LEAT_EIO, false},     {LEAT_EUSAGE, false},    {LEAT_ENOMEM, false}};
    struct leat_in in = {.pos = 7, .len = 9, .offset = 100};

    begin(LIMIT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct leat_error *e = &stage.failure;

        stage.in = &in;
        ASSERT_EQ(leat_fail(&stage, rows[i].code, "a %s", "b"), rows[i].code);
        ASSERT_EQ(e->code, rows[i].code);
        ASSERT_STREQ(e->text, "a b");
        ASSERT_STREQ(e->stage_name, "stage");
        ASSERT_EQ(e->stage, 2);
        ASSERT_EQ(e->has_offset, rows[i].has_offset);
        ASSERT_EQ(e->offset_of, rows[i].has_offset ? LEAT_OFFSET_STREAM : LEAT_OFFSET_NONE);
        ASSERT(!rows[i].has_offset || e->offset == 107);
        stage.in = NULL; /* between two steps */
        ASSERT_EQ(leat_fail(&stage, rows[i].code, "c"), rows[i].code);
        ASSERT(!e->has_offset);
        ASSERT_EQ(leat_fail_at(&stage, rows[i].code, 5, "d"), rows[i].code);
        ASSERT(e->has_offset && e->offset == 5);
    }
    done();
}

TEST(test_a_failure_always_has_an_error_code)
{
    begin(LIMIT);
    ASSERT_EQ(leat_fail(&stage, 0, "x"), LEAT_EINTERNAL);
    ASSERT_EQ(leat_fail(&stage, LEAT_WAIT, "x"), LEAT_EINTERNAL);
    ASSERT_EQ(leat_fail_at(&stage, 5, 0, "x"), LEAT_EINTERNAL);
    ASSERT_EQ(stage.failure.code, LEAT_EINTERNAL);
    done();
}

TEST(test_a_failed_system_call_has_its_reason)
{
    static const struct {
        int err, code;
    } rows[] = {{ENOENT, LEAT_ENOENT}, {EEXIST, LEAT_EEXIST}, {EPIPE, LEAT_EPIPE},
                {ENOMEM, LEAT_ENOMEM}, {ENOSPC, LEAT_EIO},    {99999, LEAT_EIO}};

    begin(LIMIT);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ASSERT_EQ(leat_fail_errno(&stage, rows[i].err, "file%d", 1), rows[i].code);
        ASSERT_EQ(stage.failure.sys_errno, rows[i].err);
        ASSERT_STR_HAS(stage.failure.text, "file1: ");
    }
    ASSERT_STREQ(stage.failure.text, "file1: unknown error");
    leat_fail(&stage, LEAT_EIO, "another");
    ASSERT_EQ(stage.failure.sys_errno, 0);
    done();
}

TEST(test_the_text_of_an_error_is_one_line)
{
    char text[2000];

    begin(LIMIT);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    leat_fail(&stage, LEAT_EIO, "a\nb\033[1m");
    ASSERT_STREQ(stage.failure.text, "a\\nb\\x1b[1m");
    leat_fail_errno(&stage, EIO, "a\nb");
    ASSERT_STR_HAS(stage.failure.text, "nb: Input/output error");
    leat_fail_within(&stage, " in\t%d", 5);
    ASSERT_STR_HAS(stage.failure.text, "Input/output error in\\t5");
    leat_fail(&stage, LEAT_EIO, "%s", text);
    leat_fail_within(&stage, "%s", text);
    ASSERT_LT(strlen(stage.failure.text), sizeof stage.failure.text);
    done();
}

TEST(test_a_failure_inside_a_step_gets_the_place_of_the_outer_one)
{
    struct leat_in in = {.pos = 3, .offset = 20};

    begin(LIMIT);
    leat_fail_at(&stage, LEAT_EIO, 5, "inner");
    stage.in = &in;
    ASSERT_EQ(leat_fail_within(&stage, ", outer"), LEAT_EIO);
    ASSERT_STREQ(stage.failure.text, "inner, outer");
    ASSERT_EQ(stage.failure.offset, 23);
    done();
}

TEST(test_an_offset_is_one_of_a_file_if_the_input_is_files)
{
    static const char *const names[] = {"a", "b", NULL};
    static const struct leat_strings two = {.n = 2, .v = names};
    struct leat_file_map *map = leat_file_map_new(&two);
    struct leat_input_file file;
    const struct leat_error *e = &stage.failure;

    begin(LIMIT);
    ASSERT(!leat_input_file(&stage, 0, &file));
    infos[1].input.files = map;
    leat_file_map_add(map, 0, 1000); /* it was read from there on */
    leat_file_map_add(map, 10, 0);
    ASSERT(leat_input_file(&stage, 1, &file) && strcmp(file.name, "b") == 0);
    ASSERT(!leat_input_file(&stage, 2, &file));
    ASSERT(!leat_input_file(&stage, 0, NULL));
    leat_fail_at(&stage, LEAT_ECORRUPT, 4, "x");
    ASSERT_STREQ(e->file, "a");
    ASSERT_EQ(e->offset_of, LEAT_OFFSET_FILE);
    ASSERT_EQ(e->offset, 1004);
    leat_fail_at(&stage, LEAT_ECORRUPT, 10, "x");
    ASSERT_STREQ(e->file, "b");
    ASSERT_EQ(e->offset, 0);
    leat_fail_at(&stage, LEAT_ETRUNCATED, 10, "x"); /* the one that ends there */
    ASSERT_STREQ(e->file, "a");
    ASSERT_EQ(e->offset, 1010);
    leat_fail(&stage, LEAT_EIO, "x");
    ASSERT_STREQ(e->file, "");
    free(map);
    done();
}

TEST(test_standard_input_alone_is_no_file)
{
    static const char *const names[] = {"-", NULL};
    static const struct leat_strings one = {.n = 1, .v = names};
    struct leat_file_map *map = leat_file_map_new(&one);

    begin(LIMIT);
    infos[1].input.files = map;
    leat_fail_at(&stage, LEAT_ECORRUPT, 4, "x"); /* nothing is open yet */
    ASSERT_STREQ(stage.failure.file, "");
    leat_file_map_add(map, 0, 1000);
    leat_fail_at(&stage, LEAT_ECORRUPT, 4, "x");
    ASSERT_STREQ(stage.failure.file, "");
    ASSERT_EQ(stage.failure.offset_of, LEAT_OFFSET_STREAM);
    ASSERT_EQ(stage.failure.offset, 4);
    free(map);
    done();
}

static void *fail_in_run(void *arg)
{
    stage.runner->thread = pthread_self();
    leat_fail(&stage, LEAT_ECORRUPT, "in run");
    return arg;
}

/* The engine may fail the stage at the same time. */
TEST(test_the_thread_of_run_has_a_failure_of_its_own)
{
    struct leat_runner runner = {.has_input = true, .offset = 55};
    pthread_t thread;

    begin(LIMIT);
    stage.runner = &runner;
    ASSERT_EQ(pthread_create(&thread, NULL, fail_in_run, NULL), 0);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    leat_fail(&stage, LEAT_EIO, "in a step");
    ASSERT_STREQ(runner.failure.text, "in run");
    ASSERT_EQ(runner.failure.offset, 55);
    ASSERT_STREQ(stage.failure.text, "in a step");
    done();
}

/* --- limits of the output --------------------------------------------------------------------- */

TEST(test_output_beyond_its_limit_is_a_failure_that_tells_how_much)
{
    begin(LIMIT);
    ASSERT_EQ(leat_stage_expansion(&stage, UINT64_MAX, 1), 0); /* there is no limit */
    infos[1].plan.output_max = 100;
    ASSERT_EQ(leat_stage_expansion(&stage, 100, 1), 0);
    ASSERT_EQ(leat_stage_expansion(&stage, 130, 1), 30);
    ASSERT_EQ(stage.failure.code, LEAT_ELIMIT);
    ASSERT_STR_HAS(stage.failure.text, "raise --max-output");
    ASSERT_EQ(stage.failure.offset, 1);
    infos[1].plan.output_max = 0;
    infos[1].plan.ratio_max = 10;
    ASSERT_EQ(leat_stage_expansion(&stage, LEAT_EXPANSION_FREE, 1), 0);
    ASSERT_EQ(leat_stage_expansion(&stage, LEAT_EXPANSION_FREE + 10, LEAT_EXPANSION_FREE / 10 + 1),
              0);
    ASSERT_EQ(leat_stage_expansion(&stage, LEAT_EXPANSION_FREE + 10, 1000), 1);
    ASSERT_STR_HAS(stage.failure.text, "raise --max-ratio");
    done();
}

/* --- the rest --------------------------------------------------------------------------------- */

/* Sets everything that a plan can set. */
static void plan(void)
{
    static const struct leat_buffer buffer = {.memory = 5};
    static const struct leat_part_options parts = {.named = true};

    leat_plan_nature(&stage, LEAT_HEAVY);
    leat_plan_framing(&stage, LEAT_LINES);
    leat_plan_lines(&stage);
    leat_plan_delimiter(&stage, 'x');
    leat_plan_flags(&stage, LEAT_WANTS_ALL);
    leat_plan_block(&stage, 1, 2);
    leat_plan_whole(&stage, 3);
    leat_plan_buffer(&stage, &buffer);
    leat_plan_parts(&stage, &parts);
    leat_plan_lanes(&stage, 0);
    leat_plan_later(&stage, 4);
    leat_plan_expansion(&stage, 5, 6);
}

TEST(test_a_plan_is_changed_only_while_the_pipeline_is_built)
{
    static const struct leat_stage_plan none;
    const struct leat_stage_plan *p = &infos[1].plan;

    begin(LIMIT);
    plan();
    ASSERT_MEM_EQ(p, &none, sizeof none);
    stage.planning = true;
    plan();
    ASSERT_EQ(p->nature, LEAT_HEAVY);
    ASSERT_EQ(p->framing, LEAT_LINES);
    ASSERT(p->takes_text && p->has_buffer && p->part_options.named);
    ASSERT_EQ(p->delimiter, 'x');
    ASSERT_EQ(p->flags, LEAT_WANTS_ALL);
    ASSERT(p->block == 1 && p->history == 2 && p->whole == 3 && p->lanes_max == 1 && p->later == 4);
    ASSERT(p->output_max == 5 && p->ratio_max == 6);
    leat_plan_nature(&stage, LEAT_PARALLEL); /* it has no lanes */
    ASSERT_EQ(p->nature, LEAT_HEAVY);
    done();
}

TEST(test_the_positions_of_the_sources_are_added_up)
{
    struct leat_stage source;

    begin(LIMIT);
    source = (struct leat_stage){.pipeline = &pipeline, .info = &infos[0]};
    leat_position(&source, 30, 100);
    leat_position(&stage, 7, 0); /* it is no source */
    ASSERT_EQ(leat_source_position(&stage), 30);
    ASSERT_EQ(infos[0].count.total, 100);
    done();
}

TEST(test_a_stage_sees_its_own_params_and_those_of_the_stage_before_its_branches)
{
    static const char *const words[] = {"w", NULL};
    static int params, branch_params, state;
    struct leat_branch_options branches[] = {{.params = NULL}, {.params = &branch_params}};

    begin(LIMIT);
    ASSERT_NULL(leat_shared(&stage));
    ASSERT_NULL(leat_branch_params(&stage, 0));
    other.state = &state;
    stage.shared = &other;
    node.params = &params;
    node.branch_options = branches;
    node.n_branches = 2;
    infos[1].input.name = "f";
    ASSERT(leat_shared(&stage) == &state && leat_params(&stage) == &params);
    ASSERT(leat_branch_params(&stage, 1) == &branch_params && !leat_branch_params(&stage, 2));
    ASSERT_EQ(leat_branches(&stage), 2);
    ASSERT_EQ(leat_threads(&stage), 7);
    ASSERT_EQ(leat_operands(&stage)->n, 0);
    ASSERT_STREQ(leat_input_name(&stage), "f");
    /* In a part of a split both are those of the part. */
    stage.operands = (struct leat_strings){.n = 1, .v = words};
    stage.part_name = (char *)(uintptr_t) "part";
    ASSERT_STREQ(leat_operands(&stage)->v[0], "w");
    ASSERT_STREQ(leat_input_name(&stage), "part");
    done();
}
