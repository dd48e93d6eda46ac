/* test_doors.c - wrong calls of the library's functions: each is answered, none is undefined.
 *
 * A function that returns a code gives LEAT_EUSAGE, and a text where it has one to give; one that
 * returns something else gives nothing; and a broken contract that cannot be answered ends the process
 * with the invariant that it breaks. */
#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

#include "breaks.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

#define TEXT "read /dev/null | write /dev/null"

static struct leat_registry *registry;

static struct leat_pipeline *make(const char *text)
{
    struct leat_settings settings = {.size = sizeof settings, .threads = 1, .force = true};
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    if (!registry)
        registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    if (leat_pipeline_from_text(registry, text, &settings, &p, &error) != 0)
        FAIL("%s", error.text);
    return p;
}

static void drop(struct leat_pipeline *p)
{
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    registry = NULL;
}

/* --- what is not there -------------------------------------------------------------------------- */

static int text_of_nothing(struct leat_error *error)
{
    struct leat_pipeline *p = NULL;

    return leat_pipeline_from_text(registry, NULL, NULL, &p, error);
}

static int text_for_nobody(struct leat_error *error)
{
    return leat_pipeline_from_text(registry, TEXT, NULL, NULL, error);
}

static int text_without_variables(struct leat_error *error)
{
    const struct leat_settings settings = {.size = sizeof settings, .n_variables = 1};
    struct leat_pipeline *p = NULL;

    return leat_pipeline_from_text(registry, TEXT, &settings, &p, error);
}

static int text_with_half_a_variable(struct leat_error *error)
{
    const struct leat_variable variables[] = {{"a", "b"}, {"c", NULL}};
    const struct leat_settings settings = {
        .size = sizeof settings, .n_variables = 2, .variables = variables};
    struct leat_pipeline *p = NULL;

    return leat_pipeline_from_text(registry, "read ${a}", &settings, &p, error);
}

static int words_of_nothing(struct leat_error *error)
{
    struct leat_pipeline *p = NULL;

    return leat_pipeline_from_words(registry, 3, NULL, NULL, &p, error);
}

static int words_with_a_hole(struct leat_error *error)
{
    const char *const words[] = {"read", NULL, "x"};
    struct leat_pipeline *p = NULL;

    return leat_pipeline_from_words(registry, 3, words, NULL, &p, error);
}

static int words_for_nobody(struct leat_error *error)
{
    const char *const words[] = {"read", "x"};

    return leat_pipeline_from_words(registry, 2, words, NULL, NULL, error);
}

static int finish_for_nobody(struct leat_error *error)
{
    struct leat_builder *b = leat_builder_new(registry);
    int r;

    ASSERT_NOT_NULL(b);
    ASSERT_EQ(leat_builder_stage(b, "pass", NULL), 0);
    r = leat_builder_finish(b, NULL, NULL, error);
    leat_builder_free(b);
    return r;
}

TEST(test_what_is_missing_is_named)
{
    static const struct {
        const char *name;
        int (*call)(struct leat_error *error);
        const char *said;
    } calls[] = {
        {"no text", text_of_nothing, "text is NULL"},
        {"nowhere to put it", text_for_nobody, "ret_pipeline is NULL"},
        {"no variables", text_without_variables, "settings.variables is NULL"},
        {"half a variable", text_with_half_a_variable, "settings.variables[1]"},
        {"no words", words_of_nothing, "words is NULL"},
        {"a hole in the words", words_with_a_hole, "words[1] is NULL"},
        {"words, nowhere to put it", words_for_nobody, "ret_pipeline is NULL"},
        {"a builder, nowhere to put it", finish_for_nobody, "ret_pipeline is NULL"},
    };

    registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct leat_error error = LEAT_INIT(leat_error);

        test_context("%s", calls[i].name);
        ASSERT_EQ(calls[i].call(&error), LEAT_EUSAGE);
        ASSERT_EQ(error.code, LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, calls[i].said);
        ASSERT_EQ(calls[i].call(NULL), LEAT_EUSAGE);
    }
    drop(NULL);
}

/* --- no registry, and what a builder keeps -------------------------------------------------------- */

TEST(test_no_registry_is_that_of_the_built_in_stages)
{
    const char *const words[] = {"zero", "-n", "100", ":", "null"};
    struct leat_builder *b = leat_builder_new(NULL);
    struct leat_pipeline *p[3] = {NULL};

    ASSERT_EQ(
        leat_pipeline_from_text(NULL, "zero -n 100 : gzip : gunzip : null", NULL, &p[0], NULL), 0);
    ASSERT_EQ(leat_pipeline_from_words(NULL, 5, words, NULL, &p[1], NULL), 0);
    ASSERT_EQ(leat_builder_text(b, "zero -n 100 : null", NULL), 0);
    ASSERT_EQ(leat_builder_finish(b, NULL, &p[2], NULL), 0);
    leat_builder_free(b);
    for (int i = 0; i < 3; i++) {
        ASSERT_EQ(leat_pipeline_run(p[i]), 0);
        leat_pipeline_unref(p[i]);
    }
}

static int fail_stage(struct leat_builder *b)
{
    return leat_builder_stage(b, NULL, NULL);
}

static int fail_text(struct leat_builder *b)
{
    return leat_builder_text(b, "pass : [", NULL);
}

static int fail_own(struct leat_builder *b)
{
    static const struct leat_stage_type type = {LEAT_STAGE_INIT, .name = "nodot"};

    return leat_builder_own_stage(b, &type, NULL, NULL);
}

static int fail_push(struct leat_builder *b)
{
    return leat_builder_push(b, NULL, NULL);
}

static int fail_pull(struct leat_builder *b)
{
    static const struct leat_end_settings settings = {.size = sizeof settings, .high = 1, .low = 2};
    struct leat_pull_end *pull;

    return leat_builder_pull(b, &settings, &pull);
}

static int fail_fd(struct leat_builder *b)
{
    return leat_builder_fd(b, -1);
}

static int fail_begin(struct leat_builder *b)
{
    return leat_builder_branch_begin(b);
}

static int fail_end(struct leat_builder *b)
{
    return leat_builder_branch_end(b);
}

/* Each later call tells of the first failure, too, and so does finish, with its text. */
TEST(test_a_builder_keeps_its_first_failure)
{
    static const struct {
        const char *name;
        int (*call)(struct leat_builder *b);
        const char *said;
    } calls[] = {
        {"a stage without a name", fail_stage, "name is NULL"},
        {"half a text", fail_text, "bracket is not closed"},
        {"a refused type", fail_own, "nodot"},
        {"a push for nobody", fail_push, "leat_builder_push: ret_push is NULL"},
        {"a setting out of its range", fail_pull, "a setting is out of its range"},
        {"no descriptor", fail_fd, "the descriptor is not open"},
        {"a branch of nothing", fail_begin, "no stage to branch from"},
        {"no branch", fail_end, "no branch is open"},
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct leat_builder *b = leat_builder_new(NULL);
        struct leat_error error = LEAT_INIT(leat_error);
        struct leat_pipeline *p = NULL;
        struct leat_push_end *push = NULL;

        test_context("%s", calls[i].name);
        ASSERT_EQ(calls[i].call(b), LEAT_EUSAGE);
        ASSERT_EQ(leat_builder_stage(b, "pass", NULL), LEAT_EUSAGE);
        ASSERT_EQ(leat_builder_push(b, NULL, &push), LEAT_EUSAGE);
        ASSERT_NULL(push);
        ASSERT_EQ(leat_builder_text(b, "pass", &error), LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, calls[i].said);
        ASSERT_EQ(leat_builder_fd(b, 0), LEAT_EUSAGE);
        ASSERT_EQ(leat_builder_branch_begin(b), LEAT_EUSAGE);
        error = (struct leat_error)LEAT_INIT(leat_error);
        ASSERT_EQ(leat_builder_finish(b, NULL, &p, &error), LEAT_EUSAGE);
        ASSERT_NULL(p);
        ASSERT_EQ(error.code, LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, calls[i].said);
        leat_builder_free(b);
    }
}

TEST(test_no_builder_is_out_of_memory)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p = NULL;

    ASSERT_LT(leat_builder_text(NULL, "pass", &error), 0);
    ASSERT_EQ(leat_builder_finish(NULL, NULL, &p, &error), LEAT_ENOMEM);
    ASSERT_EQ(error.code, LEAT_ENOMEM);
    ASSERT_STR_HAS(error.text, "out of memory");
}

TEST(test_functions_of_nothing_give_nothing)
{
    struct leat_registry *r = leat_registry_new();
    struct leat_stage_stats stage = {.size = sizeof stage, .number = 7};
    struct leat_link_stats link = {.size = sizeof link, .port = 7};
    struct leat_bottleneck bottleneck = {.size = sizeof bottleneck, .stage = 7};
    struct leat_stats stats = {.size = sizeof stats, .n_stages = 7};
    struct leat_builder *b = leat_builder_new(r);
    struct leat_error warning = LEAT_INIT(leat_error);
    uint64_t number = 7;
    char text[8] = "x";

    ASSERT_NOT_NULL(r);
    ASSERT_NOT_NULL(b);
    leat_error_format(NULL, text, sizeof text);
    ASSERT_STREQ(text, "success");
    leat_error_format(&(struct leat_error){.size = sizeof(struct leat_error), .code = LEAT_EIO},
                      NULL, 0);
    ASSERT_STREQ(leat_show(NULL, text, sizeof text), "");
    ASSERT_NULL(leat_show("abc", NULL, 0));
    leat_registry_free(NULL);
    ASSERT_EQ(leat_registry_add(NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_registry_add(r, NULL), LEAT_EUSAGE);
    ASSERT_NE(leat_registry_refusal(r)[0], '\0');
    ASSERT_NE(leat_registry_refusal(NULL)[0], '\0');
    ASSERT_NULL(leat_registry_find(NULL, "read"));
    ASSERT_NULL(leat_registry_find(r, NULL));
    ASSERT_EQ(leat_registry_count(NULL), 0);
    ASSERT_NULL(leat_registry_at(NULL, 0));
    ASSERT_NULL(leat_registry_at(r, leat_registry_count(r)));
    ASSERT_NULL(leat_registry_at(r, SIZE_MAX));
    leat_builder_free(NULL);
    ASSERT_EQ(leat_builder_stage(NULL, "pass", NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_stage(b, NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_branch_begin(NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_branch_begin(b), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_branch_end(NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_branch_end(b), LEAT_EUSAGE);
    leat_pipeline_unref(NULL);
    ASSERT_EQ(leat_pipeline_start(NULL, test_loop(), NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_run(NULL), LEAT_EUSAGE);
    leat_pipeline_cancel(NULL, LEAT_ECANCELLED, NULL);
    leat_pipeline_discard(NULL);
    ASSERT_NULL(leat_pipeline_error(NULL));
    ASSERT_EQ(leat_pipeline_warning(NULL, 0, &warning), 0);
    ASSERT_EQ(leat_pipeline_stats(NULL, &stats), LEAT_EUSAGE);
    ASSERT_EQ(stats.n_stages, 0);
    ASSERT_EQ(leat_pipeline_stage_stats(NULL, 0, &stage), LEAT_EUSAGE);
    ASSERT_EQ(stage.number, 0);
    ASSERT_EQ(leat_pipeline_link_stats(NULL, 0, &link), LEAT_EUSAGE);
    ASSERT_EQ(link.port, 0);
    ASSERT_EQ(leat_pipeline_bottleneck(NULL, &bottleneck), LEAT_EUSAGE);
    ASSERT_EQ(bottleneck.stage, 0);
    ASSERT_EQ(leat_pipeline_watch(NULL, LEAT_EVENTS_LIFE, NULL, NULL), LEAT_EUSAGE);
    ASSERT_NULL(leat_pipeline_text(NULL));
    ASSERT_NULL(leat_pipeline_explain(NULL));
    ASSERT_EQ(leat_parse_size(NULL, &number), LEAT_EUSAGE);
    ASSERT_EQ(leat_parse_size("1", NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_parse_duration(NULL, &number), LEAT_EUSAGE);
    ASSERT_EQ(leat_parse_duration("1", NULL), LEAT_EUSAGE);
    ASSERT_EQ(number, 7);
    leat_builder_free(b);
    leat_registry_free(r);
}

TEST(test_numbers_that_mean_nothing_are_answered)
{
    static const int codes[] = {INT32_MIN, -1000, -19, 1, 1000, INT32_MAX};
    struct leat_pipeline *p = make(TEXT);
    struct leat_stage_stats stage = {.size = sizeof stage, .number = 7};
    struct leat_link_stats link = {.size = sizeof link, .port = 7};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        ASSERT_NOT_NULL(leat_strerror(codes[i]));
        ASSERT_NOT_NULL(leat_error_name(codes[i]));
        ASSERT_EQ(leat_exit_status(codes[i]), codes[i] < 0);
    }
    ASSERT_EQ(leat_pipeline_stage_stats(p, SIZE_MAX, &stage), LEAT_EUSAGE);
    ASSERT_EQ(stage.number, 0);
    ASSERT_EQ(leat_pipeline_link_stats(p, SIZE_MAX, &link), LEAT_EUSAGE);
    ASSERT_EQ(link.port, 0);
    ASSERT_EQ(leat_pipeline_stats(p, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_stage_stats(p, 0, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_link_stats(p, 0, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_bottleneck(p, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_warning(p, 0, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_pipeline_run(p), 0); /* the wrong start did no harm */
    drop(p);
}

/* A run that was stopped is no success, whatever code it was stopped with. */
TEST(test_a_cancel_without_a_code_of_an_error_is_a_cancel)
{
    static const int codes[] = {0, 1, 77, -1000};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct leat_pipeline *p = make(TEXT);

        test_context("code %d", codes[i]);
        leat_pipeline_cancel(p, codes[i], NULL);
        ASSERT_EQ(leat_pipeline_run(p), LEAT_ECANCELLED);
        ASSERT_EQ(leat_pipeline_error(p)->code, LEAT_ECANCELLED);
        drop(p);
    }
}

/* --- twice, too late, and from within ----------------------------------------------------------- */

struct visit {
    struct leat_pipeline *pipeline;
    unsigned done;
    int start, run, watch;
};

static void call_again(struct leat_pipeline *p, struct visit *v)
{
    v->start = leat_pipeline_start(p, test_loop(), NULL, NULL);
    v->run = leat_pipeline_run(p);
    v->watch = leat_pipeline_watch(p, LEAT_EVENTS_LIFE, NULL, NULL);
}

static void on_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct visit *v = arg;

    ASSERT_NULL(error);
    v->done++;
    call_again(p, v);
    leat_pipeline_cancel(p, LEAT_EIO, "too late");
    ASSERT(!leat_pipeline_discard(p)); /* it has committed: nothing is left to discard */
    ASSERT_NULL(leat_pipeline_error(p));
}

TEST(test_a_pipeline_that_runs_or_has_run_is_not_run_again)
{
    struct visit v = {.done = 0};
    struct leat_pipeline *p = make(TEXT);

    ASSERT_EQ(leat_pipeline_start(p, test_loop(), on_done, &v), 0);
    call_again(p, &v);
    ASSERT_EQ(v.start, LEAT_EUSAGE);
    ASSERT_EQ(v.run, LEAT_EUSAGE);
    ASSERT_EQ(v.watch, LEAT_EUSAGE);
    leat_pipeline_unref(leat_pipeline_ref(p)); /* the run goes on */
    v.start = v.run = v.watch = 0;
    ASSERT_EQ(uv_run(test_loop(), UV_RUN_DEFAULT), 0);
    ASSERT_EQ(v.done, 1);
    ASSERT_EQ(v.start, LEAT_EUSAGE);
    ASSERT_EQ(v.run, LEAT_EUSAGE);
    ASSERT_EQ(v.watch, LEAT_EUSAGE);
    call_again(p, &v);
    ASSERT_EQ(v.start, LEAT_EUSAGE);
    leat_pipeline_cancel(p, LEAT_EIO, "too late");
    ASSERT_NULL(leat_pipeline_error(p));
    drop(p);
}

/* All that may be called from any thread, and all that may not, in the middle of a run. */
static void on_event(const struct leat_event *event, void *arg)
{
    struct visit *v = arg;
    struct leat_bottleneck bottleneck = LEAT_INIT(leat_bottleneck);
    struct leat_error warning = LEAT_INIT(leat_error);
    struct leat_stats stats = LEAT_INIT(leat_stats);

    if (event->kind != LEAT_EVENT_ENDED)
        return;
    leat_pipeline_stats(v->pipeline, &stats);
    leat_pipeline_bottleneck(v->pipeline, &bottleneck);
    v->start = leat_pipeline_start(v->pipeline, test_loop(), NULL, NULL);
    v->run = leat_pipeline_run(v->pipeline);
    v->watch = leat_pipeline_watch(v->pipeline, 0, NULL, NULL);
    ASSERT_NULL(leat_pipeline_error(v->pipeline)); /* it is not known yet */
    ASSERT_EQ(leat_pipeline_warning(v->pipeline, 0, &warning), 0);
    leat_pipeline_unref(leat_pipeline_ref(v->pipeline));
    v->done++;
}

TEST(test_calls_from_an_event_are_answered)
{
    struct visit v = {.done = 0};
    struct leat_pipeline *p = make(TEXT);

    v.pipeline = p;
    ASSERT_EQ(leat_pipeline_watch(p, LEAT_EVENTS_LIFE, on_event, &v), 0);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    ASSERT_EQ(v.done, 2);
    ASSERT_EQ(v.start, LEAT_EUSAGE);
    ASSERT_EQ(v.run, LEAT_EUSAGE);
    ASSERT_EQ(v.watch, LEAT_EUSAGE);
    drop(p);
}

TEST(test_a_builder_may_finish_twice)
{
    struct leat_pipeline *p[2] = {NULL};
    struct leat_builder *b;

    registry = leat_registry_new();
    b = leat_builder_new(registry);
    ASSERT_NOT_NULL(b);
    ASSERT_EQ(leat_builder_stage(b, "read", (const char *const[]){"/dev/null", NULL}), 0);
    ASSERT_EQ(leat_builder_stage(b, "null", NULL), 0);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ(leat_builder_finish(b, NULL, &p[i], NULL), 0);
    leat_builder_free(b);
    for (unsigned i = 0; i < 2; i++)
        ASSERT_EQ(leat_pipeline_run(p[i]), 0);
    leat_pipeline_unref(p[0]);
    drop(p[1]);
}

/* --- stages that break the contract ------------------------------------------------------------- */

enum wrong {
    ODD_ANSWER,
    ODD_CODE,
    PAST_THE_END,
    GOOD_FAILURE,
    NO_SIDE,
    HUGE_HOLD,
    HUGE_ALLOC,
    HUGE_CHARGE,
    WAIT_CLOSED,
    WAIT_NOTHING,
    PLAN_LATE,
    OUT_OF_PLACE,
};

static enum wrong wrong;

/* Calls that have no effect here. Returns LEAT_MORE. */
static int call_out_of_place(struct leat_stage *s)
{
    struct leat_input_file file;

    leat_part_end(s);
    ASSERT_EQ(leat_part_size(s), 0);
    ASSERT_NULL(leat_branch_params(s, 0));
    ASSERT_NULL(leat_branch_params(s, SIZE_MAX));
    ASSERT(!leat_input_file(s, SIZE_MAX, &file));
    ASSERT(!leat_input_file(s, 0, NULL));
    ASSERT_NULL(leat_shared(s));
    ASSERT_NULL(leat_result(s));
    leat_note(s, 5);
    leat_lane_kept(s);
    leat_free(s, NULL);
    leat_nested_free(s, NULL);
    leat_spend_ns(s, UINT64_MAX);
    return LEAT_MORE;
}

static int plan_late(struct leat_stage *s)
{
    const struct leat_part_options options = {.from = 1};
    const struct leat_buffer buffer = {.memory = 1};

    leat_plan_nature(s, LEAT_PARALLEL);
    leat_plan_framing(s, LEAT_LINES);
    leat_plan_delimiter(s, 'x');
    leat_plan_flags(s, UINT32_MAX);
    leat_plan_block(s, 1, 1);
    leat_plan_lanes(s, 7);
    leat_plan_later(s, UINT64_MAX);
    leat_plan_expansion(s, 1, 1);
    leat_plan_lines(s);
    leat_plan_buffer(s, &buffer);
    leat_plan_parts(s, &options);
    return LEAT_MORE;
}

static int do_wrong(struct leat_stage *s, struct leat_in *in)
{
    switch (wrong) {
    case ODD_ANSWER:
        return 4711;
    case ODD_CODE:
        return -4711;
    case PAST_THE_END:
        in->pos = in->len + 1;
        return LEAT_MORE;
    case GOOD_FAILURE:
        return leat_fail(s, 0, "it went well");
    case NO_SIDE:
        return leat_side(s, "x", 1);
    case HUGE_HOLD:
        return leat_nested_new(s, SIZE_MAX - 8) ? LEAT_MORE : LEAT_ENOMEM;
    case HUGE_ALLOC:
        return leat_alloc(s, SIZE_MAX) ? LEAT_MORE : LEAT_ENOMEM;
    case HUGE_CHARGE:
        return leat_charge(s, UINT64_MAX);
    case WAIT_CLOSED:
        leat_wait_fd(s, 1000, false);
        return LEAT_WAIT;
    case WAIT_NOTHING:
        return LEAT_WAIT;
    case PLAN_LATE:
        return plan_late(s);
    default:
        return call_out_of_place(s);
    }
}

static int wrong_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    int r = do_wrong(s, in);

    if (r != LEAT_MORE || in->pos > in->len)
        return r;
    leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type wrong_type = {
    .name = "wrong", .kind = LEAT_TRANSFORM, .step = wrong_step};

static void add_wrong(struct leat_registry *r, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(r, &wrong_type), 0);
}

TEST(test_a_stage_that_breaks_the_contract_fails_by_its_name)
{
    static const struct {
        enum wrong wrong;
        int code;
        const char *said;
    } rows[] = {
        {ODD_ANSWER, LEAT_EINTERNAL, "invalid result 4711"},
        {ODD_CODE, -4711, "unknown error"},
        {PAST_THE_END, LEAT_EINTERNAL, "used more input than there was"},
        {GOOD_FAILURE, LEAT_EINTERNAL, "it went well"},
        {NO_SIDE, LEAT_EINTERNAL, "side output"},
        {HUGE_HOLD, LEAT_ENOMEM, "out of memory"},
        {HUGE_ALLOC, LEAT_ENOMEM, "out of memory"},
        {HUGE_CHARGE, LEAT_ELIMIT, "raise --memory"},
        {WAIT_CLOSED, LEAT_EIO, "cannot wait"},
        {WAIT_NOTHING, LEAT_EINTERNAL, "waits for nothing"},
        {PLAN_LATE, 0, ""},
        {OUT_OF_PLACE, 0, ""},
    };
    uint8_t *in = memio_bytes(30000);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned threads = 1; threads < 3; threads++) {
            struct memio io = {.in = in, .in_len = 30000, .registered = add_wrong};

            wrong = rows[i].wrong;
            test_context("row %zu, %u threads", i, threads);
            io.settings.threads = threads;
            ASSERT_EQ(memio_run(&io, "wrong"), rows[i].code);
            if (rows[i].code != 0) {
                ASSERT_STREQ(io.error.stage_name, "wrong");
                ASSERT_STR_HAS(io.error.text, rows[i].said);
            } else {
                ASSERT_BYTES_EQ(io.out, io.out_len, in, 30000);
            }
            memio_free(&io);
        }
    free(in);
}
