/* test_corrupt.c - every member of a good stage type is corrupted: the type is refused with a text that
 * names the member, or it runs without harm, also under the sanitizers. */
#include <limits.h>
#include <stdlib.h>

#include "stage.h"
#include "syntax/type_check.h"
#include "test.h"

/* --- good types of all kinds ------------------------------------------------------------------- */

struct params {
    int64_t number;
    const char *text;
    int flag, choice;
    struct leat_strings list;
    struct leat_count count;
};

static int good_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct params *params = leat_params(stage);

    if (params && params->text && params->text[0] == '!')
        return leat_fail(stage, LEAT_EIO, "asked to fail");
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int take_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage, (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int give_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage, (void)in;
    return leat_write(out, "abc\n", 4) ? LEAT_END : LEAT_MORE;
}

static int some_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    const uint8_t *data;
    size_t len;
    int r;

    (void)stage;
    while ((r = leat_pull(blocking, &data, &len)) == 1)
        if (leat_push(blocking, data, len) < 0)
            return LEAT_ECANCELLED;
    return r < 0 ? r : LEAT_END;
}

static int ok(struct leat_stage *stage)
{
    (void)stage;
    return 0;
}

static void nothing(struct leat_stage *stage)
{
    (void)stage;
}

static void stop_it(struct leat_stage *stage, enum leat_stop why)
{
    (void)stage, (void)why;
}

static uint64_t holds(const uint8_t *head, size_t n)
{
    (void)head, (void)n;
    return UINT64_MAX;
}

static const char *knows(const uint8_t *first, size_t n)
{
    (void)first, (void)n;
    return NULL;
}

static int join_blocks(struct leat_stage *stage, enum leat_join when, const void *result,
                       struct leat_out *out)
{
    (void)stage, (void)when, (void)result, (void)out;
    return LEAT_END;
}

static int merge_blocks(struct leat_stage *stage, struct leat_in *in, const void *result,
                        struct leat_out *out)
{
    (void)stage, (void)result;
    (void)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static const struct leat_option good_options[] = {
    {.name = "number",
     .short_name = 'n',
     .kind = LEAT_OPT_INT,
     .metavar = "N",
     .max = 9,
     .initial = 3},
    {.name = "text",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct params, text),
     .metavar = "T",
     .text_default = "t"},
    {.name = "flag",
     .short_name = 'f',
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct params, flag)},
    {.name = "choice",
     .kind = LEAT_OPT_ENUM,
     .offset = offsetof(struct params, choice),
     .choices = "one|two",
     .metavar = "C"},
    {.name = "list",
     .kind = LEAT_OPT_LIST,
     .offset = offsetof(struct params, list),
     .metavar = "L"},
    {.name = "count",
     .kind = LEAT_OPT_COUNT,
     .offset = offsetof(struct params, count),
     .metavar = "C",
     .value_optional = true,
     .value = 1},
    {0},
};
#define N_OPTIONS (sizeof good_options / sizeof *good_options)

static const struct leat_lanes good_lanes = {
    .block = 4, .join = join_blocks, .merge = merge_blocks, .result_size = 8};

#define COMMON                                                                                     \
    LEAT_STAGE_INIT, .name = "acme.x", .summary = "a stage", .operands = "WORD…",                  \
                     .operands_max = 2, .params_size = sizeof(struct params),                      \
                     .options = good_options
#define PART LEAT_STAGE_INIT, .name = "acme.part"

static const struct leat_stage_type part_first = {PART, .kind = LEAT_SOURCE, .step = give_step};
static const struct leat_stage_type part_last = {PART, .kind = LEAT_SINK, .step = take_step};
static const struct leat_stage_type part_middle = {PART, .kind = LEAT_TRANSFORM, .step = good_step};

static const struct leat_stage_type goods[] = {
    {COMMON, .kind = LEAT_TRANSFORM, .state_size = 16, .step = good_step},
    {COMMON, .kind = LEAT_SOURCE, .step = give_step},
    {COMMON, .kind = LEAT_SINK, .step = take_step, .prepare = ok, .commit = ok, .revert = nothing},
    {COMMON, .kind = LEAT_FAN_IN, .step = good_step, .branches_min = 1, .branches_max = 3},
    {COMMON, .kind = LEAT_TRANSFORM, .step = good_step, .branches_max = 2,
     .branch_options = good_options, .branch_params_size = sizeof(struct params)},
    {COMMON, .kind = LEAT_TRANSFORM, .nature = LEAT_PARALLEL, .framing = LEAT_LINES,
     .lanes = &good_lanes, .step = good_step},
    {COMMON, .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING, .run = some_run},
    {COMMON, .kind = LEAT_SOURCE, .nature = LEAT_BLOCKING, .run = some_run, .stop = stop_it},
    {COMMON, .kind = LEAT_SINK, .nature = LEAT_BLOCKING, .run = some_run, .stop = stop_it},
    {COMMON, .kind = LEAT_BY_PLACE, .first = &part_first, .last = &part_last,
     .middle_in = &part_middle},
};
#define N_GOODS (sizeof goods / sizeof *goods)

/* --- what is put into the members --------------------------------------------------------------- */

#define N(a) (sizeof(a) / sizeof *(a))

static const uint64_t numbers[] = {0,
                                   1,
                                   2,
                                   3,
                                   4,
                                   5,
                                   7,
                                   8,
                                   16,
                                   100,
                                   1000,
                                   1u << 20,
                                   1u << 31,
                                   UINT_MAX,
                                   INT64_MAX,
                                   UINT64_MAX,
                                   UINT64_MAX - 7};
static const char *const texts[] = {NULL,   "",        "acme.y", "x",   "a|b",           "|",
                                    "a\nb", "\x1b[2J", "\xff",   "a.",  "acme.y acme.z", ".gz .x",
                                    "gz",   "-",       "!",      "{n}", "acme.x"};
static void (*const functions[])(void) = {
    NULL,
    (void (*)(void))ok,
    (void (*)(void))nothing,
};
static const void *const tables[] = {NULL, good_options, &good_lanes};
static const struct leat_stage_type *const types[] = {
    NULL, &part_first, &part_last, &part_middle, &goods[0], &goods[3], &goods[5], &goods[9]};

enum content { NUMBER, TEXT, FUNCTION, STEP, RUN, STOP, HOLDS, KNOWS, TABLE, LANES, TYPE };

#define MEMBER(of, name, content)                                                                  \
    {                                                                                              \
#name, offsetof(struct of, name), sizeof(((struct of *)0)->name), content                  \
    }
#define TYPE_MEMBER(name, content) MEMBER(leat_stage_type, name, content)
#define OPTION_MEMBER(name, content) MEMBER(leat_option, name, content)

struct member {
    const char *name;
    size_t offset, size;
    enum content content;
};

static const struct member members[] = {
    TYPE_MEMBER(abi, NUMBER),
    TYPE_MEMBER(name, TEXT),
    TYPE_MEMBER(aliases, TEXT),
    TYPE_MEMBER(summary, TEXT),
    TYPE_MEMBER(operands, TEXT),
    TYPE_MEMBER(operands_min, NUMBER),
    TYPE_MEMBER(operands_max, NUMBER),
    TYPE_MEMBER(operands_raw, NUMBER),
    TYPE_MEMBER(manual, TEXT),
    TYPE_MEMBER(examples, TEXT),
    TYPE_MEMBER(missing, TEXT),
    TYPE_MEMBER(kind, NUMBER),
    TYPE_MEMBER(nature, NUMBER),
    TYPE_MEMBER(framing, NUMBER),
    TYPE_MEMBER(flags, NUMBER),
    TYPE_MEMBER(params_size, NUMBER),
    TYPE_MEMBER(state_size, NUMBER),
    TYPE_MEMBER(options, TABLE),
    TYPE_MEMBER(branches_min, NUMBER),
    TYPE_MEMBER(branches_max, NUMBER),
    TYPE_MEMBER(branch_options, TABLE),
    TYPE_MEMBER(branch_params_size, NUMBER),
    TYPE_MEMBER(lanes, LANES),
    TYPE_MEMBER(frame_holds, HOLDS),
    TYPE_MEMBER(recognise, KNOWS),
    TYPE_MEMBER(suffixes, TEXT),
    TYPE_MEMBER(plan, FUNCTION),
    TYPE_MEMBER(open, FUNCTION),
    TYPE_MEMBER(step, STEP),
    TYPE_MEMBER(alarm, FUNCTION),
    TYPE_MEMBER(watch, FUNCTION),
    TYPE_MEMBER(run, RUN),
    TYPE_MEMBER(close, FUNCTION),
    TYPE_MEMBER(stop, STOP),
    TYPE_MEMBER(prepare, FUNCTION),
    TYPE_MEMBER(commit, FUNCTION),
    TYPE_MEMBER(revert, FUNCTION),
    TYPE_MEMBER(first, TYPE),
    TYPE_MEMBER(last, TYPE),
    TYPE_MEMBER(middle_in, TYPE),
    TYPE_MEMBER(middle_out, TYPE),
};

static const struct member option_members[] = {
    OPTION_MEMBER(name, TEXT),         OPTION_MEMBER(short_name, NUMBER),
    OPTION_MEMBER(kind, NUMBER),       OPTION_MEMBER(offset, NUMBER),
    OPTION_MEMBER(metavar, TEXT),      OPTION_MEMBER(min, NUMBER),
    OPTION_MEMBER(max, NUMBER),        OPTION_MEMBER(initial, NUMBER),
    OPTION_MEMBER(value, NUMBER),      OPTION_MEMBER(choices, TEXT),
    OPTION_MEMBER(text_default, TEXT), OPTION_MEMBER(value_optional, NUMBER),
    OPTION_MEMBER(help, TEXT),
};

static const struct member lane_members[] = {
    MEMBER(leat_lanes, block, NUMBER), MEMBER(leat_lanes, history, NUMBER),
    MEMBER(leat_lanes, whole, NUMBER), MEMBER(leat_lanes, result_size, NUMBER),
    MEMBER(leat_lanes, begin, NUMBER), MEMBER(leat_lanes, join, NUMBER),
    MEMBER(leat_lanes, merge, NUMBER),
};

/* The i-th value for a member; NULL: there are no more. */
static const void *value(const struct member *m, size_t i)
{
    static int (*const steps[])(struct leat_stage *, struct leat_in *,
                                struct leat_out *) = {NULL, good_step, take_step, give_step};
    static int (*const runs[])(struct leat_stage *, struct leat_blocking *) = {NULL, some_run};
    static void (*const stops[])(struct leat_stage *, enum leat_stop) = {NULL, stop_it};
    static uint64_t (*const holders[])(const uint8_t *, size_t) = {NULL, holds};
    static const char *(*const knowers[])(const uint8_t *, size_t) = {NULL, knows};
    static const struct leat_lanes *const lanes[] = {NULL, &good_lanes};

    switch (m->content) {
    case NUMBER:
        if (m->size == 1) /* a bool */
            return i < 2 ? &numbers[i] : NULL;
        return i < N(numbers) ? &numbers[i] : NULL;
    case TEXT:
        return i < N(texts) ? &texts[i] : NULL;
    case FUNCTION:
        if (strcmp(m->name, "close") == 0 || strcmp(m->name, "revert") == 0)
            return i < 2 ? (i ? &functions[2] : &functions[0]) : NULL;
        return i < 2 ? &functions[i] : NULL;
    case STEP:
        return i < N(steps) ? &steps[i] : NULL;
    case RUN:
        return i < N(runs) ? &runs[i] : NULL;
    case STOP:
        return i < N(stops) ? &stops[i] : NULL;
    case HOLDS:
        return i < N(holders) ? &holders[i] : NULL;
    case KNOWS:
        return i < N(knowers) ? &knowers[i] : NULL;
    case TABLE:
        return i < 2 ? &tables[i] : NULL;
    case LANES:
        return i < N(lanes) ? &lanes[i] : NULL;
    case TYPE:
        return i < N(types) ? &types[i] : NULL;
    }
    return NULL;
}

static bool put(void *of, const struct member *m, size_t i)
{
    const void *v = value(m, i);

    if (v)
        memcpy((char *)of + m->offset, v, m->size);
    return v != NULL;
}

/* --- trying ------------------------------------------------------------------------------------- */

static const struct {
    const char *before, *after;
} pipelines[] = {
    {"zero -n 9 | ", " | null"},
    {"", " | null"},
    {"zero -n 9 | ", ""},
    {"", " [ zero -n 9 ] [ zero -n 3 ] | null"},
    {"zero -n 9 | ", " [ null ] | null"},
    {"", " --number=4 --text=a -f --list=b --list=c --count a b | null"},
    {"zero -n 9 | ", " --choice=two --count=-4 | null"},
};
static unsigned n_refused, n_run;

static void run(const struct leat_registry *registry, const char *text)
{
    struct leat_settings settings = {.size = sizeof settings,
                                     .executor = LEAT_EXECUTOR_SEEDED,
                                     .threads = 2,
                                     .chunk = 5,
                                     .memory = (uint64_t)16 << 20,
                                     .timeout_ms = 5000,
                                     .fixed_default_io = true};
    struct leat_pipeline *p = NULL;

    if (leat_pipeline_from_text(registry, text, &settings, &p, NULL) < 0)
        return;
    (void)leat_pipeline_run(p);
    leat_pipeline_unref(p);
    n_run++;
}

/* Add the type, and run it in every place if it is accepted. Returns false if it is refused; the reason
 * is in `refusal`. */
static bool try(const struct leat_stage_type *type, char *refusal, size_t size)
{
    struct leat_registry *registry = leat_registry_new();
    char text[200];
    int r;

    ASSERT_NOT_NULL(registry);
    r = leat_registry_add(registry, type);
    snprintf(refusal, size, "%s", leat_registry_refusal(registry));
    ASSERT_EQ(r == 0, refusal[0] == '\0');
    n_refused += r != 0;
    for (size_t i = 0; r == 0 && i < N(pipelines); i++) {
        snprintf(text, sizeof text, "%s%s%s", pipelines[i].before, type->name, pipelines[i].after);
        run(registry, text);
    }
    leat_registry_free(registry);
    return r == 0;
}

TEST(test_good_types_of_all_kinds_are_accepted)
{
    char refusal[400];

    for (size_t i = 0; i < N_GOODS; i++)
        if (!try(&goods[i], refusal, sizeof refusal))
            FAIL("type %zu: %s", i, refusal);
    ASSERT_GT(n_run, N_GOODS);
}

TEST(test_every_built_in_type_is_sound)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        char text[400] = "";
        const struct leat_type_check check = {text, sizeof text};

        test_context("%s", leat_registry_at(registry, i)->name);
        if (!leat_type_is_sound(&check, leat_registry_at(registry, i)))
            FAIL("%s", text);
    }
    leat_registry_free(registry);
}

TEST(test_each_wrong_member_is_refused_or_harmless)
{
    for (size_t g = 0; g < N_GOODS; g++)
        for (size_t m = 0; m < N(members); m++)
            for (size_t i = 0;; i++) {
                struct leat_stage_type type = goods[g];
                char refusal[400];

                test_context("type %zu, %s, value %zu", g, members[m].name, i);
                if (!put(&type, &members[m], i))
                    break;
                (void)try(&type, refusal, sizeof refusal);
            }
    test_note("%u refused, %u pipelines run", n_refused, n_run);
    ASSERT_GT(n_refused, 1000);
    ASSERT_GT(n_run, 1000);
}

TEST(test_each_wrong_member_of_an_option_is_refused_or_harmless)
{
    for (size_t o = 0; o < N_OPTIONS; o++)
        for (size_t m = 0; m < N(option_members); m++)
            for (size_t i = 0;; i++) {
                struct leat_option options[N_OPTIONS + 1] = {{0}};
                struct leat_stage_type type = goods[m % 2];
                char refusal[400];

                test_context("option %zu, %s, value %zu", o, option_members[m].name, i);
                memcpy(options, good_options, sizeof good_options);
                if (!put(&options[o], &option_members[m], i))
                    break;
                type.options = options;
                (void)try(&type, refusal, sizeof refusal);
            }
    test_note("%u refused, %u pipelines run", n_refused, n_run);
    ASSERT_GT(n_refused, 300);
}

TEST(test_each_wrong_number_of_lanes_is_refused_or_harmless)
{
    for (size_t m = 0; m < 4; m++)
        for (size_t i = 0; i < N(numbers); i++) {
            struct leat_stage_type type = goods[5];
            struct leat_lanes lanes = good_lanes;
            char refusal[400];

            test_context("%s, value %zu", lane_members[m].name, i);
            put(&lanes, &lane_members[m], i);
            type.lanes = &lanes;
            (void)try(&type, refusal, sizeof refusal);
        }
    ASSERT_GT(n_refused, 10);
}

/* Members in combination: drawn from a seed, three at once. */
TEST(test_wrong_members_in_combination_are_refused_or_harmless)
{
    uint64_t random = 15;
    unsigned rounds = test_under_sanitizer() ? 3000 : 20000;

    for (unsigned k = 0; k < rounds; k++) {
        struct leat_stage_type type = goods[test_random(&random) % N_GOODS];
        char refusal[400];

        for (int j = 0; j < 3; j++)
            (void)put(&type, &members[1 + test_random(&random) % (N(members) - 1)],
                      test_random(&random) % N(numbers));
        test_context("round %u", k);
        (void)try(&type, refusal, sizeof refusal);
    }
    test_note("%u refused, %u pipelines run", n_refused, n_run);
    ASSERT_GT(n_run, 1000);
}

/* --- what a plan asks for ------------------------------------------------------------------------ */

/* Two of the calls of a plan, with numbers from the list. */
struct asked {
    unsigned call[2];
    uint64_t number[2];
};

static void ask(struct leat_stage *stage, unsigned call, uint64_t number)
{
    struct leat_buffer buffer = {
        .memory = number, .start_at = number / 2, .spills = number % 2 == 1, .spill_size = number};
    struct leat_part_options parts = {.from = number, .named = number % 2 == 1};

    switch (call) {
    case 0:
        leat_plan_nature(stage, (enum leat_nature)(unsigned)number);
        break;
    case 1:
        leat_plan_framing(stage, (enum leat_framing)(unsigned)number);
        break;
    case 2:
        leat_plan_flags(stage, (unsigned)number);
        break;
    case 3:
        leat_plan_block(stage, (size_t)number, (size_t)number);
        break;
    case 4:
        leat_plan_whole(stage, (size_t)number);
        break;
    case 5:
        leat_plan_lanes(stage, (unsigned)number);
        break;
    case 6:
        leat_plan_later(stage, number);
        break;
    case 7:
        leat_plan_expansion(stage, number, number);
        break;
    case 8:
        leat_plan_buffer(stage, &buffer);
        break;
    default:
        leat_plan_parts(stage, &parts);
        break;
    }
}
#define N_ASKED 10u

static int ask_plan(struct leat_stage *stage)
{
    const struct asked *asked = leat_user(stage);

    for (int i = 0; i < 2; i++)
        ask(stage, asked->call[i], asked->number[i]);
    return 0;
}

TEST(test_any_number_that_a_plan_asks_for_is_refused_or_harmless)
{
    unsigned rounds = test_under_sanitizer() ? 2000 : 6000;
    uint64_t random = 4;

    for (unsigned k = 0; k < rounds; k++) {
        struct leat_stage_type type = goods[test_random(&random) % (N_GOODS - 1)];
        struct asked asked;
        char refusal[400];

        for (int i = 0; i < 2; i++) {
            asked.call[i] = test_random(&random) % N_ASKED;
            asked.number[i] = numbers[test_random(&random) % N(numbers)];
            if (test_random(&random) % 2)
                asked.number[i] = 1u << test_random(&random) % 14;
        }
        type.user = &asked;
        type.plan = ask_plan;
        test_context("round %u: kind %d, nature %d, call %u with %ju, call %u with %ju", k,
                     (int)type.kind, (int)type.nature, asked.call[0], (uintmax_t)asked.number[0],
                     asked.call[1], (uintmax_t)asked.number[1]);
        ASSERT(try(&type, refusal, sizeof refusal));
    }
    test_note("%u pipelines run", n_run);
    ASSERT_GT(n_run, rounds / 4);
}

/* --- texts --------------------------------------------------------------------------------------- */

/* A change to one of the good types, and the member that the text names. */
struct mistake {
    size_t good;
    const char *says;
    void (*make)(struct leat_stage_type *t);
};
#define MAKE(name, ...)                                                                            \
    static void name(struct leat_stage_type *t)                                                    \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
static const struct leat_lanes only_merge = {.merge = merge_blocks},
                               huge_block = {.block = SIZE_MAX},
                               huge_history = {.history = SIZE_MAX},
                               huge_whole = {.whole = SIZE_MAX},
                               huge_result = {.result_size = SIZE_MAX};
MAKE(summary_stop, t->summary = "a stage.")
MAKE(summary_lines, t->summary = "a\nb")
MAKE(operands_text, t->operands = "\x01")
MAKE(operands_none, t->operands = NULL)
MAKE(operands_zero, t->operands_max = 0)
MAKE(operands_min, t->operands_min = 3)
MAKE(operands_raw, t->operands = NULL; t->operands_max = 0; t->operands_raw = true)
MAKE(manual, t->manual = "\x1b")
MAKE(examples, t->examples = "\xff")
MAKE(missing, t->missing = "")
MAKE(kind, t->kind = (enum leat_kind)7)
MAKE(nature, t->nature = (enum leat_nature)7)
MAKE(framing, t->framing = (enum leat_framing)7)
MAKE(framing_source, t->framing = LEAT_LINES)
MAKE(flags, t->flags = 1u << 30)
MAKE(ports_in, t->flags = LEAT_PORTS_IN)
MAKE(drops, t->flags = LEAT_DROPS)
MAKE(wants_all, t->flags = LEAT_WANTS_ALL)
MAKE(decodes, t->flags = LEAT_DECODES)
MAKE(parts, t->flags = LEAT_PARTS)
MAKE(params, t->params_size = SIZE_MAX)
MAKE(state, t->state_size = SIZE_MAX)
MAKE(branches_min, t->branches_min = 1)
MAKE(branches_max, t->branches_max = 1)
MAKE(branches_many, t->branches_max = 5000)
MAKE(fan_in, t->branches_min = 0)
MAKE(branch_options, t->branch_options = good_options)
MAKE(branch_params, t->branch_params_size = 8)
MAKE(lanes_missing, t->lanes = NULL)
MAKE(lanes_source, t->lanes = &good_lanes)
MAKE(lanes_merge, t->lanes = &only_merge)
MAKE(lanes_block, t->lanes = &huge_block)
MAKE(lanes_history, t->lanes = &huge_history)
MAKE(lanes_whole, t->lanes = &huge_whole)
MAKE(lanes_result, t->lanes = &huge_result)
MAKE(alarm, t->alarm = ok)
MAKE(watch, t->watch = ok)
MAKE(prepare, t->prepare = ok)
MAKE(revert, t->commit = NULL)
MAKE(frame_holds, t->frame_holds = holds)
MAKE(recognise, t->recognise = knows)
MAKE(suffixes, t->suffixes = "gz")
MAKE(run_light, t->run = some_run)
MAKE(step, t->step = NULL)
MAKE(first, t->first = &part_first)
MAKE(place_step, t->step = good_step)
MAKE(place_state, t->state_size = 8)
MAKE(place_user, t->first = &goods[0])
MAKE(engine, t->engine = (const struct leat_engine_ops *)(const void *)&good_lanes)

TEST(test_the_refusal_names_the_member)
{
    static const struct mistake rows[] = {
        {0, "summary", summary_stop},
        {0, "summary", summary_lines},
        {0, "operands", operands_text},
        {0, "operands", operands_none},
        {0, "operands_max", operands_zero},
        {0, "operands_min", operands_min},
        {0, "operands_raw", operands_raw},
        {0, "manual", manual},
        {0, "examples", examples},
        {0, "missing", missing},
        {0, "kind", kind},
        {0, "nature", nature},
        {0, "framing", framing},
        {1, "framing", framing_source},
        {0, "flags", flags},
        {0, "flags", ports_in},
        {0, "flags", drops},
        {1, "flags", wants_all},
        {2, "flags", decodes},
        {0, "flags", parts},
        {0, "params_size", params},
        {0, "state_size", state},
        {0, "branches_min", branches_min},
        {1, "branches_max", branches_max},
        {2, "branches_max", branches_max},
        {6, "branches_max", branches_max},
        {0, "branches_max", branches_many},
        {3, "branches_min", fan_in},
        {0, "branch_options", branch_options},
        {0, "branch_params_size", branch_params},
        {5, "lanes", lanes_missing},
        {1, "lanes", lanes_source},
        {5, "merge", lanes_merge},
        {5, "block", lanes_block},
        {5, "history", lanes_history},
        {5, "whole", lanes_whole},
        {5, "result_size", lanes_result},
        {5, "alarm", alarm},
        {7, "alarm", alarm},
        {0, "watch", watch},
        {0, "prepare", prepare},
        {2, "revert", revert},
        {1, "frame_holds", frame_holds},
        {2, "recognise", recognise},
        {0, "suffixes", suffixes},
        {0, "run", run_light},
        {0, "step", step},
        {0, "first", first},
        {9, "functions", place_step},
        {9, "state_size", place_state},
        {9, "first: kind", place_user},
        {0, "engine", engine},
    };

    for (size_t i = 0; i < N(rows); i++) {
        struct leat_stage_type type = goods[rows[i].good];
        char refusal[400];

        test_context("row %zu: %s", i, rows[i].says);
        rows[i].make(&type);
        ASSERT(!try(&type, refusal, sizeof refusal));
        ASSERT_STR_HAS(refusal, rows[i].says);
    }
}
