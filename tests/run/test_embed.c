/* test_embed.c - what an embedding program does: registry, builder, words, its own stage type. */
#include <ctype.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "leat.h"
#include "memio.h"
#include "stage.h"
#include "test.h"

/* --- a stage of one's own, as in leat_stage(3) --------------------------------------------------- */

struct shout_params {
    int64_t times;
    int low;
};

struct shout {
    bool opened;
    uint64_t count;
};

static int opened, closed;

static const struct leat_option shout_options[] = {
    {.name = "times",
     .short_name = 'n',
     .kind = LEAT_OPT_INT,
     .offset = offsetof(struct shout_params, times),
     .metavar = "N",
     .min = 1,
     .max = 9,
     .initial = 1,
     .help = "how loud"},
    {.name = "low",
     .short_name = 'l',
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct shout_params, low),
     .help = "lower case instead"},
    {0},
};

static int shout_open(struct leat_stage *stage)
{
    struct shout *shout = leat_state(stage);

    ASSERT(!shout->opened); /* zeroed */
    shout->opened = true;
    opened++;
    return 0;
}

static int shout_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    const struct shout_params *params = leat_params(stage);
    struct shout *shout = leat_state(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to), n = 0;

    while (in->pos < in->len && n < room) {
        int c = in->data[in->pos++];

        to[n++] = (uint8_t)(params->low ? tolower(c) : toupper(c));
        shout->count++;
    }
    leat_commit(out, n);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static void shout_close(struct leat_stage *stage)
{
    (void)stage;
    closed++;
}

static const struct leat_stage_type shout_type = {
    .name = "shout",
    .summary = "letters to upper case",
    .kind = LEAT_TRANSFORM,
    .options = shout_options,
    .params_size = sizeof(struct shout_params),
    .state_size = sizeof(struct shout),
    .open = shout_open,
    .step = shout_step,
    .close = shout_close,
};

static void add_shout(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &shout_type), 0);
}

TEST(test_a_stage_of_ones_own_works_as_a_built_in_one)
{
    struct memio io = {.in = "A leat is a channel.", .in_len = 20, .registered = add_shout};

    ASSERT_EQ(memio_run(&io, "gzip : gunzip : shout"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "A LEAT IS A CHANNEL.", 20);
    ASSERT_EQ(memio_run(&io, "shout : shout --low -n 9"), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, "a leat is a channel.", 20);
    ASSERT_EQ(opened, 3);
    ASSERT_EQ(closed, 3);
    ASSERT_EQ(memio_run(&io, "shout --times=10"), LEAT_EUSAGE);
    ASSERT_STR_HAS(io.error.text, "times");
    ASSERT_EQ(memio_run(&io, "shout --loud"), LEAT_EUSAGE);
    ASSERT_EQ(opened, 3);
    memio_free(&io);
}

/* --- libraries that are loaded when they are needed -------------------------------------------- */

static int missing_open(struct leat_stage *stage)
{
    static const char *const names[] = {"anything", NULL};
    void *table[1];

    return leat_load(stage, "libleat-needs-it-not.so.7", "libnot7", names, table);
}

static int lacking_open(struct leat_stage *stage)
{
    static const char *const names[] = {"qsort", "leat_is_not_there", NULL};
    void *table[2];

    return leat_load(stage, "libc.so.6", "libc6", names, table);
}

static void add_loading(struct leat_registry *registry, void *arg)
{
    const struct leat_stage_type *const *types = arg;

    ASSERT_EQ(leat_registry_add_plain(registry, types[0]), 0);
    ASSERT_EQ(leat_registry_add_plain(registry, types[1]), 0);
}

TEST(test_a_library_that_cannot_be_loaded_is_an_error_that_names_its_package)
{
    struct leat_stage_type missing = shout_type, lacking = shout_type;
    const struct leat_stage_type *types[] = {&missing, &lacking};
    struct memio io = {.in = "a", .in_len = 1, .registered = add_loading, .arg = types};

    missing.name = "missing";
    missing.open = missing_open;
    lacking.name = "lacking";
    lacking.open = lacking_open;
    ASSERT_EQ(memio_run(&io, "missing"), LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(io.error.text, "needs libleat-needs-it-not.so.7 of the Debian package libnot7");
    ASSERT_EQ(memio_run(&io, "lacking"), LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(io.error.text, "leat_is_not_there");
    memio_free(&io);
}

TEST(test_the_registry_refuses_what_is_not_sound)
{
    struct leat_stage_type bad = shout_type;
    struct leat_registry *registry = leat_registry_new();
    size_t count;

    ASSERT_NOT_NULL(registry);
    count = leat_registry_count(registry);
    ASSERT_GT(count, 20);
    ASSERT_NULL(leat_registry_find(registry, "shout"));
    ASSERT_EQ(leat_registry_add_plain(registry, &shout_type), 0);
    ASSERT(leat_registry_find(registry, "shout") == &shout_type);
    ASSERT(leat_registry_at(registry, count) == &shout_type);
    ASSERT_EQ(leat_registry_add_plain(registry, &shout_type), LEAT_EEXIST);
    bad.name = "gzip";
    ASSERT_EQ(leat_registry_add_plain(registry, &bad), LEAT_EEXIST);
    bad.name = "quiet";
    bad.step = NULL;
    ASSERT_EQ(leat_registry_add_plain(registry, &bad), LEAT_EUSAGE);
    bad = shout_type;
    bad.name = NULL;
    ASSERT_EQ(leat_registry_add_plain(registry, &bad), LEAT_EUSAGE);
    ASSERT_EQ(leat_registry_count(registry), count + 1);
    leat_registry_free(registry);
}

/* A change to a sound type or its only option, and a part of what is said of it. */
struct mistake {
    const char *says;
    void (*make)(struct leat_stage_type *type, struct leat_option *option);
};

#define MISTAKE(function, ...)                                                                     \
    static void function(struct leat_stage_type *type, struct leat_option *option)                 \
    {                                                                                              \
        (void)type;                                                                                \
        (void)option;                                                                              \
        __VA_ARGS__;                                                                               \
    }

MISTAKE(offset_outside, option->offset = sizeof(struct shout_params))
MISTAKE(offset_huge, option->offset = SIZE_MAX - 3)
MISTAKE(offset_askew, option->offset = 1)
MISTAKE(no_params, type->params_size = 0)
MISTAKE(huge_params, type->params_size = SIZE_MAX)
MISTAKE(kind_of_option, option->kind = (enum leat_opt_kind)77)
MISTAKE(range, option->kind = LEAT_OPT_INT; option->offset = 0; option->min = 2; option->max = 1)
MISTAKE(no_choices, option->kind = LEAT_OPT_ENUM)
MISTAKE(initial_choice, option->kind = LEAT_OPT_ENUM; option->choices = "a|b"; option->initial = 2)
MISTAKE(option_name, option->name = "a b")
MISTAKE(option_letter, option->short_name = '-')
MISTAKE(twice, option[1] = option[0])
MISTAKE(dash, type->name = "-x")
MISTAKE(comment, type->name = "a#b")
MISTAKE(control, type->name = "a\033b")
MISTAKE(empty, type->name = "")
MISTAKE(no_name, type->name = NULL)
MISTAKE(long_name, type->name = "abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345")
MISTAKE(alias_taken, type->aliases = "louder gzip")
MISTAKE(alias_askew, type->aliases = "a|b")
MISTAKE(kind, type->kind = (enum leat_kind)9)
MISTAKE(nature, type->nature = (enum leat_nature)9)
MISTAKE(framing, type->framing = (enum leat_framing)9)
MISTAKE(flag, type->flags = 1u << 20)
MISTAKE(no_step, type->step = NULL)
MISTAKE(no_run, type->nature = LEAT_BLOCKING)
MISTAKE(no_split, type->nature = LEAT_PARALLEL)
MISTAKE(operands, type->operands_min = 2)
MISTAKE(state, type->state_size = SIZE_MAX)
MISTAKE(nowhere, type->kind = LEAT_BY_PLACE)

TEST(test_a_type_that_could_not_run_is_refused_with_a_text)
{
    static const struct mistake mistakes[] = {
        {"outside of params_size", offset_outside},
        {"outside of params_size", offset_huge},
        {"multiple", offset_askew},
        {"outside of params_size", no_params},
        {"params_size", huge_params},
        {"77 is not a kind", kind_of_option},
        {"min is above max", range},
        {"choices", no_choices},
        {"choices", initial_choice},
        {"name of an option", option_name},
        {"short option", option_letter},
        {"twice", twice},
        {"begin with '-'", dash},
        {"letters", comment},
        {"letters", control},
        {"letters", empty},
        {"name is missing", no_name},
        {"63", long_name},
        {"gzip is the name of another", alias_taken},
        {"alias", alias_askew},
        {"9 is not a kind", kind},
        {"9 is not a nature", nature},
        {"9 is not a framing", framing},
        {"0x100000", flag},
        {"step is missing", no_step},
        {"run", no_run},
        {"lanes", no_split},
        {"operands_min", operands},
        {"state_size", state},
        {"first, last or middle_in", nowhere},
    };
    struct leat_registry *registry = leat_registry_new();
    size_t count;

    ASSERT_NOT_NULL(registry);
    count = leat_registry_count(registry);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct leat_option options[3] = {{.name = "low",
                                          .short_name = 'l',
                                          .kind = LEAT_OPT_FLAG,
                                          .offset = 0,
                                          .help = "to lower case"}};
        struct leat_stage_type type = shout_type;

        type.options = options;
        mistakes[i].make(&type, options);
        test_context("%s", mistakes[i].says);
        ASSERT_EQ(leat_registry_add_plain(registry, &type), LEAT_EUSAGE);
        ASSERT_STR_HAS(leat_registry_refusal(registry), mistakes[i].says);
    }
    ASSERT_EQ(leat_registry_add_plain(registry, NULL), LEAT_EUSAGE);
    ASSERT_EQ(leat_registry_add_plain(NULL, &shout_type), LEAT_EUSAGE);
    ASSERT_EQ(leat_registry_count(registry), count);
    ASSERT_EQ(leat_registry_add_plain(registry, &shout_type), 0);
    ASSERT_STREQ(leat_registry_refusal(registry), "");
    leat_registry_free(registry);
}

static const struct leat_stage_type *const *parts_of(const struct leat_stage_type *type)
{
    static const struct leat_stage_type *parts[5];

    memset(parts, 0, sizeof(parts));
    parts[0] = type;
    parts[1] = type->first;
    parts[2] = type->last;
    parts[3] = type->middle_in;
    parts[4] = type->middle_out;
    return parts;
}

static int null_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

/* Each kind of value, also a wrong one and none. */
TEST(test_an_option_needs_no_metavar)
{
    struct values {
        int64_t number, size, duration;
        struct leat_count count;
        const char *string, *side;
        struct leat_strings list;
    };
    static const struct leat_option options[] = {
        {.name = "number", .kind = LEAT_OPT_INT, .offset = offsetof(struct values, number)},
        {.name = "size", .kind = LEAT_OPT_SIZE, .offset = offsetof(struct values, size)},
        {.name = "time", .kind = LEAT_OPT_DURATION, .offset = offsetof(struct values, duration)},
        {.name = "count", .kind = LEAT_OPT_COUNT, .offset = offsetof(struct values, count)},
        {.name = "string", .kind = LEAT_OPT_STRING, .offset = offsetof(struct values, string)},
        {.name = "list", .kind = LEAT_OPT_LIST, .offset = offsetof(struct values, list)},
        {0}};
    static const struct leat_stage_type type = {.name = "swallow",
                                                .summary = "read all",
                                                .kind = LEAT_SINK,
                                                .params_size = sizeof(struct values),
                                                .options = options,
                                                .step = null_step};
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    if (leat_registry_add_plain(registry, &type) < 0)
        FAIL("%s", leat_registry_refusal(registry));
    for (size_t i = 0; options[i].name; i++)
        for (size_t k = 0; k < 2; k++) {
            struct leat_pipeline *pipeline = NULL;
            struct leat_error error = LEAT_INIT(leat_error);
            char text[64];

            snprintf(text, sizeof text, k ? "zero : swallow --%s" : "zero : swallow --%s=@",
                     options[i].name);
            test_context("%s", text);
            if (leat_pipeline_from_text(registry, text, NULL, &pipeline, &error) == 0)
                leat_pipeline_unref(pipeline);
            else
                ASSERT_STR_HAS(error.text, options[i].name);
        }
    leat_registry_free(registry);
}

TEST(test_every_built_in_type_would_be_let_in)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        for (size_t k = 0; k < 5; k++) {
            const struct leat_stage_type *part = parts_of(leat_registry_at(registry, i))[k];
            struct leat_stage_type type;

            if (!part || part->missing)
                continue;
            type = *part;
            test_context("%s", type.name);
            type.aliases = NULL;
            type.name = k ? "part" : type.name;
            type.summary = "a part";
            if (leat_registry_add_plain(registry, &type) != (k ? 0 : LEAT_EEXIST))
                FAIL("%s", leat_registry_refusal(registry));
            if (k) { /* the name is free again */
                leat_registry_free(registry);
                registry = leat_registry_new();
                ASSERT_NOT_NULL(registry);
            }
        }
    }
    leat_registry_free(registry);
}

static _Atomic bool cancel_enough;

static void *cancel_again_and_again(void *arg)
{
    while (!cancel_enough)
        leat_pipeline_cancel(arg, LEAT_ECANCELLED, "enough");
    return NULL;
}

/* Its text has words of the command in it, and is not to be searched. */
TEST(test_the_signal_that_killed_a_child_is_told_as_data)
{
    struct memio io = {.in = "a", .in_len = 1};

    ASSERT_EQ(memio_run(&io, "exec sh -c 'kill -KILL $$'"), LEAT_ECHILD);
    ASSERT_EQ(io.error.child_signal, SIGKILL);
    ASSERT_EQ(memio_run(&io, "exec sh -c 'exit 9' 'killed by signal 9'"), LEAT_ECHILD);
    ASSERT_EQ(io.error.child_signal, 0);
    memio_free(&io);
}

/* From the birth of a pipeline to its end, through its outcome. */
TEST(test_a_pipeline_is_cancelled_at_any_time_until_it_is_freed)
{
    struct leat_settings settings = {.size = sizeof settings, .threads = 2};
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    for (unsigned i = 0; i < 50; i++) {
        struct leat_pipeline *p;
        pthread_t thread;
        int r;

        ASSERT_EQ(
            leat_pipeline_from_text(registry, "zero : head -c 100K : null", &settings, &p, NULL),
            0);
        cancel_enough = false;
        if (i % 2)
            ASSERT_EQ(pthread_create(&thread, NULL, cancel_again_and_again, p), 0);
        r = leat_pipeline_run(p);
        ASSERT(r == 0 || r == LEAT_ECANCELLED);
        if (i % 2 == 0) {
            ASSERT_EQ(r, 0);
            ASSERT_EQ(pthread_create(&thread, NULL, cancel_again_and_again, p), 0);
        }
        leat_pipeline_cancel(p, LEAT_ETIMEDOUT, "too late");
        ASSERT_EQ(leat_pipeline_error(p) ? leat_pipeline_error(p)->code : 0, r);
        cancel_enough = true;
        ASSERT_EQ(pthread_join(thread, NULL), 0);
        leat_pipeline_unref(p);
    }
    leat_registry_free(registry);
}

TEST(test_two_registries_know_nothing_of_each_other)
{
    struct leat_registry *a = leat_registry_new(), *b = leat_registry_new();

    ASSERT_NOT_NULL(a);
    ASSERT_NOT_NULL(b);
    ASSERT_EQ(leat_registry_add_plain(a, &shout_type), 0);
    ASSERT_NULL(leat_registry_find(b, "shout"));
    leat_registry_free(a);
    leat_registry_free(b);
    leat_registry_free(NULL);
}

/* --- three ways to build ---------------------------------------------------------------------- */

static struct leat_registry *registry_with_ends(void)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(memio_register(registry), 0);
    return registry;
}

TEST(test_text_words_and_builder_give_the_same_pipeline)
{
    struct memio io = {.in = "a b\na : b\n", .in_len = 10};
    struct leat_settings settings = {.size = sizeof settings, .fixed_default_io = true};
    struct leat_registry *registry = registry_with_ends();
    struct leat_pipeline *pipeline[3];
    struct leat_builder *builder = leat_builder_new(registry);
    char at[64], text[256];
    char *canonical[3];
    size_t i;

    snprintf(at, sizeof(at), "--at=%lld", memio_at(&io));
    snprintf(text, sizeof(text), "memsource %s | grep -F -v 'a : b' | memsink %s", at, at);
    {
        const char *words[] = {"memsource", at,      ":", "grep",    "-F",
                               "-v",        "a : b", "|", "memsink", at};
        const char *const one[] = {at, NULL}, *const two[] = {"-F", "-v", "a : b", NULL};

        ASSERT_EQ(leat_pipeline_from_text(registry, text, &settings, &pipeline[0], NULL), 0);
        ASSERT_EQ(leat_pipeline_from_words(registry, 10, words, &settings, &pipeline[1], NULL), 0);
        ASSERT_NOT_NULL(builder);
        ASSERT_EQ(leat_builder_stage(builder, "memsource", one), 0);
        ASSERT_EQ(leat_builder_stage(builder, "grep", two), 0);
        ASSERT_EQ(leat_builder_stage(builder, "memsink", one), 0);
        ASSERT_EQ(leat_builder_finish(builder, &settings, &pipeline[2], NULL), 0);
        leat_builder_free(builder);
    }
    for (i = 0; i < 3; i++) {
        canonical[i] = leat_pipeline_text(pipeline[i]);
        ASSERT_STREQ(canonical[i], canonical[0]);
        io.given = 0;
        ASSERT_EQ(leat_pipeline_run(pipeline[i]), 0);
        ASSERT_NULL(leat_pipeline_error(pipeline[i]));
        leat_pipeline_unref(pipeline[i]);
    }
    ASSERT_BYTES_EQ(io.out, io.out_len, "a b\na b\na b\n", 12);
    for (i = 0; i < 3; i++)
        free(canonical[i]);
    memio_free(&io);
    leat_registry_free(registry);
}

TEST(test_the_builder_takes_any_word_as_an_argument)
{
    struct memio io = {.in = "x\n[\n:\n", .in_len = 6};
    struct leat_settings settings = {.size = sizeof settings, .fixed_default_io = true};
    struct leat_registry *registry = registry_with_ends();
    struct leat_builder *builder = leat_builder_new(registry);
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    char at[64];
    const char *const end[] = {at, NULL}, *const colon[] = {"-F", ":", NULL};

    snprintf(at, sizeof(at), "--at=%lld", memio_at(&io));
    ASSERT_EQ(leat_builder_stage(builder, "memsource", end), 0);
    ASSERT_EQ(leat_builder_stage(builder, "grep", colon), 0);
    ASSERT_EQ(leat_builder_stage(builder, "memsink", end), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &pipeline, &error), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_run(pipeline), 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, ":\n", 2);
    leat_pipeline_unref(pipeline);
    memio_free(&io);
    leat_registry_free(registry);
}

TEST(test_a_wrong_stage_is_an_error_that_says_what_was_meant)
{
    struct leat_registry *registry = registry_with_ends();
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    char line[600];

    ASSERT_EQ(leat_pipeline_from_text(registry, "read a | gunzp | null", NULL, &pipeline, &error),
              LEAT_EUSAGE);
    ASSERT_NULL(pipeline);
    ASSERT_EQ(error.code, LEAT_EUSAGE);
    leat_error_format(&error, line, sizeof(line));
    ASSERT_STR_HAS(line, "gunzp");
    ASSERT_STR_HAS(line, "gunzip");
    leat_registry_free(registry);
}

TEST(test_branches_of_the_builder_must_be_closed)
{
    struct leat_registry *registry = registry_with_ends();
    struct leat_builder *builder = leat_builder_new(registry);

    ASSERT_EQ(leat_builder_branch_begin(builder), LEAT_EUSAGE);
    ASSERT_EQ(leat_builder_branch_end(builder), LEAT_EUSAGE);
    leat_builder_free(builder);
    leat_builder_free(NULL);
    leat_registry_free(registry);
}

/* --- small things ----------------------------------------------------------------------------- */

TEST(test_every_code_has_a_name_a_message_and_a_status)
{
    int code;

    for (code = LEAT_EUNSUPPORTED; code < 0; code++) {
        ASSERT_EQ(leat_error_name(code)[0], 'E');
        ASSERT_GT(strlen(leat_strerror(code)), 5);
        ASSERT_GT(leat_exit_status(code), 0);
    }
    ASSERT_EQ(leat_exit_status(0), 0);
    ASSERT_STREQ(leat_strerror(0), "success");
    ASSERT_EQ(leat_exit_status(LEAT_ECORRUPT), 3);
    ASSERT_EQ(leat_exit_status(LEAT_EPIPE), 141);
    ASSERT_NOT_NULL(leat_strerror(-12345));
    ASSERT_NOT_NULL(leat_error_name(12345));
}

TEST(test_an_error_line_fits_any_buffer)
{
    struct leat_error error = {
        .size = sizeof error, .code = LEAT_EIO, .stage = 2, .has_offset = true, .offset = 77};
    char line[700], small[9];
    size_t n;

    snprintf(error.stage_name, sizeof(error.stage_name), "read");
    snprintf(error.text, sizeof(error.text), "cannot read it");
    leat_error_format(&error, line, sizeof(line));
    ASSERT_STR_HAS(line, "read (#2): cannot read it");
    ASSERT_STR_HAS(line, "77");
    for (n = 1; n < sizeof(small); n++) {
        memset(small, '!', sizeof(small));
        leat_error_format(&error, small, n);
        ASSERT_EQ(strnlen(small, n), n - 1);
        ASSERT_EQ(small[n], '!');
    }
}

TEST(test_a_file_of_the_program_is_reserved_before_the_start)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    char path[300], link[300], text[400];

    snprintf(path, sizeof path, "%s/own", test_tmp_dir());
    snprintf(link, sizeof link, "%s/link", test_tmp_dir());
    ASSERT_EQ(symlink("own", link), 0);
    for (int output = 0; output <= 1; output++) {
        FILE *file = fopen(path, "w");

        ASSERT_NOT_NULL(file);
        ASSERT_EQ(fclose(file), 0);
        snprintf(text, sizeof text, output ? "zero : head : write -f %s" : "read %s : null", path);
        ASSERT_EQ(leat_pipeline_from_text(registry, text, NULL, &pipeline, &error), 0);
        ASSERT_EQ(leat_pipeline_reserve(pipeline, "/dev/null", "nothing"), 0);
        ASSERT_EQ(leat_pipeline_reserve(pipeline, "/dev/null", "nothing"), 0);
        ASSERT_EQ(leat_pipeline_reserve(pipeline, "/no/such/place", "nothing"), 0);
        ASSERT_EQ(leat_pipeline_reserve(pipeline, link, "the journal"), output ? 0 : LEAT_EUSAGE);
        ASSERT_EQ(leat_pipeline_reserve(pipeline, path, "another one"), LEAT_EEXIST);
        ASSERT_EQ(leat_pipeline_run(pipeline), LEAT_EUSAGE);
        ASSERT_STR_HAS(leat_pipeline_error(pipeline)->text, "is the file of the journal, too");
        ASSERT_EQ(leat_pipeline_reserve(pipeline, path, "too late"), LEAT_EUSAGE);
        leat_pipeline_unref(pipeline);
    }
    leat_registry_free(registry);
}

TEST(test_the_text_and_the_explanation_of_a_pipeline)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_pipeline *pipeline = NULL;
    char *text, *explain;

    ASSERT_EQ(leat_pipeline_from_text(registry,
                                      "read  'a b'.gz :gunzip\n grep -v \"x y\" # comment\n|null",
                                      NULL, &pipeline, NULL),
              LEAT_EUSAGE); /* `:gunzip` is one word */
    ASSERT_EQ(leat_pipeline_from_text(registry,
                                      "read  'a b'.gz : gunzip\n grep -v \"x y\" # comment\n null",
                                      NULL, &pipeline, NULL),
              0);
    text = leat_pipeline_text(pipeline);
    ASSERT_STREQ(text, "read 'a b.gz' | gunzip | grep -v 'x y' | null");
    explain = leat_pipeline_explain(pipeline);
    ASSERT_STR_HAS(explain, "gunzip");
    free(text);
    free(explain);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
}

/* libuv would get its epoll set, but no pipe, and abort. */
TEST(test_a_run_without_a_free_descriptor_is_an_error)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_settings settings = {.size = sizeof settings, .fixed_default_io = true};
    struct leat_pipeline *pipeline = NULL;
    struct rlimit usual, few;
    int next = dup(STDERR_FILENO);

    ASSERT_EQ(
        leat_pipeline_from_text(registry, "zero : head -c 9 : null", &settings, &pipeline, NULL),
        0);
    ASSERT_GE(next, 0);
    ASSERT_EQ(close(next), 0);
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = (rlim_t)next + 1; /* one is free */
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    ASSERT_EQ(leat_pipeline_run(pipeline), LEAT_EIO);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
    ASSERT_STR_HAS(leat_pipeline_error(pipeline)->text, "Too many open files");
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
}
