/* test_struct_sizes.c - every function of leat.h with a struct of the program: without a size, of an older program, and of a
 * newer one; and settings that are out of their range.
 */

#include <stdio.h>
#include <string.h>

#include "leat.h"
#include "test.h"

#define TEXT "zero -n 1000 : null"

static struct leat_registry *registry;
static struct leat_pipeline *pipeline; /* one that was built */

static void begin(void)
{
    registry = leat_registry_new();
    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(leat_pipeline_from_text(registry, TEXT, NULL, &pipeline, NULL), 0);
}

static void end(void)
{
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
}

/* --- errors ----------------------------------------------------------------------------------- */

static int fail_text(struct leat_error *error)
{
    struct leat_pipeline *p;

    return leat_pipeline_from_text(registry, "nothing-like-it", NULL, &p, error);
}

static int fail_words(struct leat_error *error)
{
    const char *const words[] = {"nothing-like-it"};
    struct leat_pipeline *p;

    return leat_pipeline_from_words(registry, 1, words, NULL, &p, error);
}

static int fail_builder_text(struct leat_error *error)
{
    struct leat_builder *b = leat_builder_new(registry);
    int r = leat_builder_text(b, "'", error);

    leat_builder_free(b);
    return r;
}

static int fail_finish(struct leat_error *error)
{
    struct leat_builder *b = leat_builder_new(registry);
    struct leat_pipeline *p;
    int r = leat_builder_stage(b, "nothing-like-it", NULL);

    ASSERT_EQ(r, 0);
    r = leat_builder_finish(b, NULL, &p, error);
    leat_builder_free(b);
    return r;
}

static int fail_load(struct leat_error *error)
{
    return leat_registry_load(registry, NULL, error);
}

static int fail_confine(struct leat_error *error)
{
    return leat_confine(NULL, 0, NULL, error);
}

static int fail_fopen(struct leat_error *error)
{
    FILE *f = leat_fopen(registry, NULL, "pass", "r", NULL, error);

    ASSERT_NULL(f);
    return LEAT_EUSAGE;
}

TEST(test_errors_know_their_size)
{
    static int (*const calls[])(struct leat_error *) = {
        fail_text, fail_words, fail_builder_text, fail_finish, fail_load, fail_confine, fail_fopen};

    begin();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct {
            struct leat_error known;
            char tail[64];
        } e = {.known = {.size = 0, .code = 7}};

        test_context("call %zu", i);
        ASSERT_EQ(calls[i](&e.known), LEAT_EUSAGE); /* not set */
        ASSERT_EQ(e.known.code, 7);
        e.known.size = offsetof(struct leat_error, text) + 8; /* an older program */
        memset(e.known.text, 'x', sizeof e.known.text);
        ASSERT_EQ(calls[i](&e.known), LEAT_EUSAGE);
        ASSERT_EQ(e.known.code, LEAT_EUSAGE);
        ASSERT_EQ(e.known.size, offsetof(struct leat_error, text) + 8);
        ASSERT_NE(e.known.text[0], 'x');
        ASSERT_EQ(e.known.text[8], 'x');
        e.known.size = sizeof e; /* a newer one */
        memset(e.tail, 'x', sizeof e.tail);
        ASSERT_EQ(calls[i](&e.known), LEAT_EUSAGE);
        ASSERT_NE(e.known.text[8], 'x');
        ASSERT_EQ(e.tail[0], 0);
        ASSERT_EQ(e.tail[63], 0);
    }
    end();
}

TEST(test_an_error_is_formatted_as_far_as_it_is_known)
{
    struct leat_error error = {.size = sizeof error, .code = LEAT_EIO, .text = "it broke"};
    char line[200];

    leat_error_format(&error, line, sizeof line);
    ASSERT_STREQ(line, "it broke");
    error.size = offsetof(struct leat_error, text); /* a text that the program does not know */
    leat_error_format(&error, line, sizeof line);
    ASSERT_STREQ(line, "input/output error");
    error.size = 0;
    leat_error_format(&error, line, sizeof line);
    ASSERT_STR_HAS(line, "LEAT_INIT");
}

static void keep_size(const struct leat_event *event, void *arg)
{
    size_t *sizes = arg;

    sizes[0] = event->size;
    if (event->error)
        sizes[1] = event->error->size;
}

TEST(test_an_error_of_the_library_can_be_copied)
{
    struct leat_error copy;
    size_t sizes[2] = {0};
    char line[200];

    begin();
    ASSERT_EQ(leat_pipeline_watch(pipeline, LEAT_EVENTS_LIFE, keep_size, sizes), 0);
    leat_pipeline_cancel(pipeline, LEAT_ELIMIT, "too much");
    ASSERT_EQ(leat_pipeline_run(pipeline), LEAT_ELIMIT);
    copy = *leat_pipeline_error(pipeline);
    ASSERT_EQ(copy.size, sizeof copy);
    leat_error_format(&copy, line, sizeof line);
    ASSERT_STREQ(line, "too much");
    ASSERT_EQ(fail_text(&copy), LEAT_EUSAGE); /* it may be filled in again */
    ASSERT_EQ(copy.code, LEAT_EUSAGE);
    ASSERT_EQ(sizes[0], sizeof(struct leat_event));
    ASSERT_EQ(sizes[1], sizeof(struct leat_error));
    end();
}

/* --- settings --------------------------------------------------------------------------------- */

static int with_text(const struct leat_settings *s, struct leat_error *error)
{
    struct leat_pipeline *p = NULL;
    int r = leat_pipeline_from_text(registry, TEXT, s, &p, error);

    leat_pipeline_unref(p);
    return r;
}

static int with_words(const struct leat_settings *s, struct leat_error *error)
{
    const char *const words[] = {"zero", ":", "null"};
    struct leat_pipeline *p = NULL;
    int r = leat_pipeline_from_words(registry, 3, words, s, &p, error);

    leat_pipeline_unref(p);
    return r;
}

static int with_builder(const struct leat_settings *s, struct leat_error *error)
{
    struct leat_builder *b = leat_builder_new(registry);
    struct leat_pipeline *p = NULL;
    int r = leat_builder_text(b, TEXT, NULL);

    ASSERT_EQ(r, 0);
    r = leat_builder_finish(b, s, &p, error);
    leat_builder_free(b);
    leat_pipeline_unref(p);
    return r;
}

TEST(test_settings_know_their_size)
{
    static int (*const calls[])(const struct leat_settings *,
                                struct leat_error *) = {with_text, with_words, with_builder};

    begin();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct leat_error error = LEAT_INIT(leat_error);
        struct {
            struct leat_settings known;
            char tail[16];
        } s = {.known = {.size = 0}};

        test_context("call %zu", i);
        ASSERT_EQ(calls[i](&s.known, &error), LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, "settings.size is 0");
        s.known.size = sizeof(void *);
        ASSERT_EQ(calls[i](&s.known, &error), LEAT_EUSAGE);
        s.known.size = offsetof(struct leat_settings, chunk); /* an older program: */
        s.known.threads = 1;
        s.known.chunk = SIZE_MAX; /* out of range, but not a part of its settings */
        ASSERT_EQ(calls[i](&s.known, &error), 0);
        s.known.chunk = 0;
        s.known.size = sizeof s; /* a newer one */
        ASSERT_EQ(calls[i](&s.known, &error), 0);
        s.tail[15] = 1;
        ASSERT_EQ(calls[i](&s.known, &error), LEAT_EUNSUPPORTED);
        ASSERT_STR_HAS(error.text, "does not know");
        s.known.size = 1 << 20;
        ASSERT_EQ(calls[i](&s.known, &error), LEAT_EUSAGE);
    }
    end();
}

TEST(test_settings_that_cannot_be_are_refused)
{
    static const struct {
        struct leat_settings settings;
        const char *says;
    } wrong[] = {
        {{.threads = 100000}, "settings.threads is 100000, but 256 are the most"},
        {{.threads = 257}, "settings.threads"},
        {{.executor = (enum leat_executor_kind)77}, "settings.executor is 77"},
        {{.executor = (enum leat_executor_kind)(LEAT_EXECUTOR_SEEDED + 1)}, "settings.executor"},
        {{.chunk = LEAT_CHUNK_MAX + 1}, "settings.chunk is 1048577 bytes"},
    };

    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct leat_pipeline *p = NULL;
        struct leat_error error = LEAT_INIT(leat_error);
        struct leat_settings settings = wrong[i].settings;

        test_context("case %zu", i);
        settings.size = sizeof settings;
        ASSERT_EQ(leat_pipeline_from_text(registry, "zero -n 1 | null", &settings, &p, &error),
                  LEAT_EUSAGE);
        ASSERT_STR_HAS(error.text, wrong[i].says);
        ASSERT_NULL(p);
    }
    end();
}

static int push_with(const struct leat_end_settings *settings)
{
    struct leat_builder *b = leat_builder_new(registry);
    struct leat_push_end *push;
    int r = leat_builder_push(b, settings, &push);

    leat_builder_free(b);
    return r;
}

TEST(test_settings_of_contexts_and_ends_know_their_size)
{
    struct leat_context_settings c = {.size = 0};
    struct leat_end_settings s = {.size = 0};
    struct leat_context *context;

    begin();
    ASSERT_EQ(leat_context_new(&c, &context), LEAT_EUSAGE);
    ASSERT_EQ(push_with(&s), LEAT_EUSAGE);
    c.size = s.size = SIZE_MAX;
    ASSERT_EQ(leat_context_new(&c, &context), LEAT_EUSAGE);
    ASSERT_EQ(push_with(&s), LEAT_EUSAGE);
    c.size = offsetof(struct leat_context_settings, nice);
    c.nice = 1000; /* not a part of it */
    ASSERT_EQ(leat_context_new(&c, &context), 0);
    leat_context_unref(context);
    s.size = offsetof(struct leat_end_settings, low);
    s.low = UINT64_MAX; /* not a part of it */
    ASSERT_EQ(push_with(&s), 0);
    end();
}

/* --- figures ---------------------------------------------------------------------------------- */

static int get_stats(void *ret)
{
    return leat_pipeline_stats(pipeline, ret);
}

static int get_stage(void *ret)
{
    return leat_pipeline_stage_stats(pipeline, 0, ret);
}

static int get_link(void *ret)
{
    return leat_pipeline_link_stats(pipeline, 0, ret);
}

static int get_bottleneck(void *ret)
{
    return leat_pipeline_bottleneck(pipeline, ret);
}

TEST(test_figures_know_their_size)
{
    static int (*const calls[])(void *) = {get_stats, get_stage, get_link, get_bottleneck};
    static const size_t sizes[] = {sizeof(struct leat_stats), sizeof(struct leat_stage_stats),
                                   sizeof(struct leat_link_stats), sizeof(struct leat_bottleneck)};

    begin();
    ASSERT_EQ(leat_pipeline_run(pipeline), 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        size_t room[64];
        unsigned char *bytes = (unsigned char *)room;

        test_context("call %zu", i);
        memset(room, 'x', sizeof room);
        room[0] = 0;
        ASSERT_EQ(calls[i](room), LEAT_EUSAGE);
        ASSERT_EQ(bytes[sizeof(size_t)], 'x');
        room[0] = sizes[i];
        ASSERT_EQ(calls[i](room), 0);
        ASSERT_EQ(room[0], sizes[i]);
        ASSERT_EQ(bytes[sizes[i]], 'x');
        memset(room, 'x', sizeof room);
        room[0] = sizes[i] - 8; /* an older program */
        ASSERT_EQ(calls[i](room), 0);
        ASSERT_EQ(bytes[sizes[i] - 8], 'x');
        room[0] = sizes[i] + 8; /* a newer one */
        ASSERT_EQ(calls[i](room), 0);
        ASSERT_EQ(bytes[sizes[i] + 7], 0);
        ASSERT_EQ(bytes[sizes[i] + 8], 'x');
    }
    end();
}

TEST(test_warnings_know_their_size)
{
    struct leat_error warning = {.size = 0};

    begin();
    ASSERT_EQ(leat_pipeline_run(pipeline), 0);
    ASSERT_EQ(leat_pipeline_warning(pipeline, 0, &warning), LEAT_EUSAGE);
    warning.size = sizeof warning;
    ASSERT_EQ(leat_pipeline_warning(pipeline, 0, &warning), 0);
    end();
}
