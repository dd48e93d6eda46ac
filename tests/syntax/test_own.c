/* test_own.c - types of other programs: user pointers and their drop, older and newer headers, and every
 * member corrupted, which is refused with its name or has no effect on safety. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "stage.h"
#include "test.h"

/* --- user pointers ---------------------------------------------------------------------------- */

struct user {
    unsigned bytes, drops;
};

static int tally_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct user *user = leat_user(stage);

    user->bytes += (unsigned)leat_pass(out, in, in->len - in->pos);
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static int end_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage, (void)out;
    in->pos = in->len;
    return in->end ? LEAT_END : LEAT_MORE;
}

static void drop_user(void *user)
{
    ((struct user *)user)->drops++;
}

static const struct leat_stage_type tally = {
    LEAT_STAGE_INIT,        .drop = drop_user,  .name = "acme.tally",
    .kind = LEAT_TRANSFORM, .step = tally_step,
};

static struct leat_registry *new_registry(void)
{
    struct leat_registry *registry = leat_registry_new();

    ASSERT_NOT_NULL(registry);
    return registry;
}

static void stage(struct leat_builder *builder, const char *name, const char *arg)
{
    const char *const args[] = {arg, NULL};

    ASSERT_EQ(leat_builder_stage(builder, name, args), 0);
}

/* zero -n10 : tally : head -c4 : tally : null */
static struct leat_builder *build_two(const struct leat_registry *registry, struct user *users)
{
    struct leat_builder *builder = leat_builder_new(registry);

    ASSERT_NOT_NULL(builder);
    stage(builder, "zero", "-n10");
    ASSERT_EQ(leat_builder_own_stage(builder, &tally, &users[0], NULL), 0);
    stage(builder, "head", "-c4");
    ASSERT_EQ(leat_builder_own_stage(builder, &tally, &users[1], NULL), 0);
    stage(builder, "null", NULL);
    return builder;
}

TEST(test_each_own_stage_has_its_user_pointer_until_the_builder_and_all_pipelines_are_gone)
{
    struct leat_registry *registry = new_registry();
    struct user users[2] = {{0}};
    struct leat_builder *builder = build_two(registry, users);
    struct leat_settings settings = {.size = sizeof settings, .threads = 1, .chunk = 10};
    struct leat_pipeline *p[2];
    char *text;

    for (int i = 0; i < 2; i++)
        ASSERT_EQ(leat_builder_finish(builder, &settings, &p[i], NULL), 0);
    leat_builder_free(builder);
    text = leat_pipeline_text(p[0]);
    ASSERT_STREQ(text, "zero -n10 | acme.tally | head -c4 | acme.tally | null");
    free(text);
    ASSERT_EQ(leat_pipeline_run(p[0]), 0);
    ASSERT_EQ(users[0].bytes, 10);
    ASSERT_EQ(users[1].bytes, 4);
    leat_pipeline_unref(p[0]);
    ASSERT_EQ(users[0].drops + users[1].drops, 0);
    leat_pipeline_unref(p[1]); /* it never ran */
    ASSERT_EQ(users[0].drops, 1);
    ASSERT_EQ(users[1].drops, 1);
    leat_registry_free(registry);
}

TEST(test_a_user_pointer_is_dropped_once_if_building_fails)
{
    struct leat_registry *registry = new_registry();
    struct user users[2] = {{0}};
    struct leat_builder *builder = build_two(registry, users);
    struct leat_pipeline *p;

    stage(builder, "head", "-c1"); /* after a sink */
    ASSERT_EQ(leat_builder_finish(builder, NULL, &p, NULL), LEAT_EUSAGE);
    ASSERT_EQ(users[0].drops + users[1].drops, 0);
    leat_builder_free(builder);
    ASSERT_EQ(users[0].drops, 1);
    ASSERT_EQ(users[1].drops, 1);
    leat_registry_free(registry);
}

TEST(test_a_user_pointer_is_dropped_at_once_if_its_stage_is_refused)
{
    struct leat_registry *registry = new_registry();
    struct leat_builder *builder = leat_builder_new(registry);
    struct leat_stage_type bad = tally;
    struct user user = {0};

    bad.name = "tally";
    ASSERT_EQ(leat_builder_own_stage(builder, &bad, &user, NULL), LEAT_EUSAGE);
    ASSERT_STR_HAS(leat_builder_refusal(builder), "name 'tally' has no vendor");
    ASSERT_EQ(user.drops, 1);
    ASSERT_EQ(leat_builder_own_stage(NULL, &tally, &user, NULL), LEAT_EUSAGE);
    ASSERT_EQ(user.drops, 2);
    leat_builder_free(builder);
    builder = leat_builder_new(registry);
    ASSERT_EQ(leat_builder_own_stage(builder, NULL, &user, NULL), LEAT_EUSAGE);
    ASSERT_STR_HAS(leat_builder_refusal(builder), "NULL");
    ASSERT_EQ(user.drops, 2); /* there is no function to call */
    leat_builder_free(builder);
    ASSERT_EQ(user.drops, 2);
    leat_registry_free(registry);
}

TEST(test_the_user_pointer_of_a_registered_type_is_dropped_with_the_registry)
{
    struct leat_registry *registry = new_registry();
    struct user user = {0};
    struct leat_stage_type type = tally;
    struct leat_pipeline *p;

    type.user = &user;
    ASSERT_EQ(leat_registry_add(registry, &type), 0);
    ASSERT_EQ(leat_registry_add(registry, &type), LEAT_EEXIST); /* not taken */
    ASSERT_EQ(user.drops, 0);
    ASSERT_EQ(leat_pipeline_from_text(registry, "zero -n 9 | acme.tally | null", NULL, &p, NULL),
              0);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(user.bytes, 9);
    ASSERT_EQ(user.drops, 0);
    leat_registry_free(registry);
    ASSERT_EQ(user.drops, 1);
}

static void tell_drop(void *user)
{
    ASSERT_EQ(write(*(int *)user, "", 1), 1);
}

/* The program gives its reference back while the pipeline runs: the last one is on another thread. */
TEST(test_a_user_pointer_is_dropped_when_a_run_that_was_left_alone_ends)
{
    unsigned descriptors = test_count_in("/proc/self/fd");
    struct leat_registry *registry = new_registry();
    struct leat_builder *builder = leat_builder_new(registry);
    struct leat_stage_type type = {LEAT_STAGE_INIT, .drop = tell_drop, .name = "acme.end",
                                   .kind = LEAT_SINK, .step = end_step};
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_pipeline *p;
    int fds[2];
    char byte;

    ASSERT_EQ(pipe(fds), 0);
    ASSERT_EQ(leat_context_new(NULL, &settings.context), 0);
    stage(builder, "zero", "-n1M");
    ASSERT_EQ(leat_builder_own_stage(builder, &type, &fds[1], NULL), 0);
    ASSERT_EQ(leat_builder_finish(builder, &settings, &p, NULL), 0);
    leat_builder_free(builder);
    ASSERT_EQ(leat_pipeline_start(p, NULL, NULL, NULL), 0);
    leat_pipeline_unref(p);
    ASSERT_EQ(read(fds[0], &byte, 1), 1);
    leat_context_unref(settings.context);
    ASSERT_EQ(close(fds[1]), 0);
    ASSERT_EQ(read(fds[0], &byte, 1), 0); /* it was dropped once */
    ASSERT_EQ(close(fds[0]), 0);
    while (test_count_in("/proc/self/fd") >
           descriptors) /* the thread of the context ends alone, too */
        ASSERT_EQ(poll(NULL, 0, 1), 0);
    leat_registry_free(registry);
}

/* --- other headers ---------------------------------------------------------------------------- */

/* A type followed by bytes that are not its own. */
union header {
    struct leat_stage_type type;
    unsigned char bytes[sizeof(struct leat_stage_type) + 64];
};

static int add_header(union header *h, char *refusal, size_t size)
{
    struct leat_registry *registry = new_registry();
    struct leat_pipeline *p;
    struct user user = {0};
    int r;

    h->type.user = &user;
    r = leat_registry_add(registry, &h->type);
    snprintf(refusal, size, "%s", leat_registry_refusal(registry));
    if (r == 0) {
        ASSERT_EQ(leat_pipeline_from_text(registry, "zero -n9 | acme.tally | null", NULL, &p, NULL),
                  0);
        ASSERT_EQ(leat_pipeline_run(p), 0);
        ASSERT_EQ(user.bytes, 9);
        leat_pipeline_unref(p);
    }
    leat_registry_free(registry);
    ASSERT_EQ(user.drops, r == 0);
    return r;
}

TEST(test_members_beyond_the_size_of_an_older_header_count_as_zero)
{
    union header h;
    char refusal[400];

    memset(&h, 0xa5, sizeof h); /* what would be close, stop, first … is no function */
    memcpy(&h, &tally, offsetof(struct leat_stage_type, alarm));
    h.type.size = offsetof(struct leat_stage_type, alarm);
    ASSERT_EQ(add_header(&h, refusal, sizeof refusal), 0);
    h.type.size -= sizeof(void *);
    ASSERT_EQ(add_header(&h, refusal, sizeof refusal), LEAT_EUSAGE);
    ASSERT_STR_HAS(refusal, "LEAT_STAGE_INIT");
}

TEST(test_a_newer_header_is_fine_as_long_as_its_new_members_are_not_used)
{
    union header h;
    char refusal[400];

    memset(&h, 0, sizeof h);
    h.type = tally;
    h.type.size = sizeof h;
    ASSERT_EQ(add_header(&h, refusal, sizeof refusal), 0);
    h.bytes[sizeof h - 1] = 1;
    ASSERT_EQ(add_header(&h, refusal, sizeof refusal), LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(refusal, "install the newer library");
    h.type = tally;
    h.type.abi = LEAT_STAGE_ABI + 1;
    ASSERT_EQ(add_header(&h, refusal, sizeof refusal), LEAT_EUNSUPPORTED);
    ASSERT_STR_HAS(refusal, "abi is 2, but this library, version " LEAT_VERSION ", knows up to 1");
}

/* The parts of a stage by place have headers of their own. */
TEST(test_a_part_of_an_older_header_is_filled_up_too)
{
    union header h;
    struct leat_stage_type places = {LEAT_STAGE_INIT, .name = "acme.places", .kind = LEAT_BY_PLACE};
    struct leat_registry *registry = new_registry();
    struct user user = {0};
    struct leat_pipeline *p;

    memset(&h, 0xa5, sizeof h);
    memcpy(&h, &tally, offsetof(struct leat_stage_type, alarm));
    h.type.drop = NULL;
    h.type.size = offsetof(struct leat_stage_type, alarm);
    places.middle_in = &h.type;
    places.user = &user;
    if (leat_registry_add(registry, &places) < 0)
        FAIL("%s", leat_registry_refusal(registry));
    ASSERT_EQ(leat_pipeline_from_text(registry, "zero -n9 | acme.places | null", NULL, &p, NULL),
              0);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    ASSERT_EQ(user.bytes, 9);
    leat_pipeline_unref(p);
    h.type.abi = 0;
    places.name = "acme.places2";
    ASSERT_EQ(leat_registry_add(registry, &places), LEAT_EUSAGE);
    ASSERT_STR_HAS(leat_registry_refusal(registry), "LEAT_STAGE_INIT");
    leat_registry_free(registry);
}

/* --- names ------------------------------------------------------------------------------------ */

TEST(test_a_name_has_a_vendor_before_a_dot)
{
    static const char n63[] = "acme.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz012345";
    static const char n64[] = "acme.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456";
    static const struct {
        const char *name, *aliases, *said;
    } rows[] = {
        {"acme.tally", NULL, NULL},
        {"acme.tally.2+x_y-z", "acme.t acme.tt", NULL},
        {n63, NULL, NULL},
        {n64, NULL, "name must be 1 to 63"},
        {"tally", NULL, "name 'tally' has no vendor"},
        {".tally", NULL, "no vendor"},
        {"tally.", NULL, "no vendor"},
        {"..", NULL, "no vendor"},
        {"-acme.tally", NULL, "begin with '-'"},
        {"acme.t y", NULL, "letters"},
        {"acme.t/y", NULL, "letters"},
        {"", NULL, "letters"},
        {NULL, NULL, "name is missing"},
        {"acme.tally", "t", "each of aliases 't' has no vendor"},
        {"acme.tally", "acme.t acme.t", "aliases has acme.t twice"},
        {"acme.tally", "acme.t acme.tally", "aliases has the name acme.tally itself"},
        {"acme.tally", "", "aliases is empty"},
        {"acme.tally", "acme.\x1b", "aliases"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct leat_registry *registry = new_registry();
        struct leat_stage_type type = tally;
        struct user user = {0};

        test_context("row %zu", i);
        type.name = rows[i].name;
        type.aliases = rows[i].aliases;
        type.user = &user;
        ASSERT_EQ(leat_registry_add(registry, &type), rows[i].said ? LEAT_EUSAGE : 0);
        if (rows[i].said)
            ASSERT_STR_HAS(leat_registry_refusal(registry), rows[i].said);
        leat_registry_free(registry);
    }
}

/* --- plugins; tests/cli/plugins.bats builds and loads some ---------------------------------------- */

TEST(test_a_plugin_that_is_not_there_is_an_error_with_its_name)
{
    struct leat_registry *registry = new_registry();
    size_t count = leat_registry_count(registry);
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(leat_registry_load(registry, "/none/x\n.so", &error), LEAT_ENOENT);
    ASSERT_STREQ(error.text, "the plugin /none/x\\n.so: No such file or directory");
    ASSERT_EQ(leat_registry_load(registry, "/none/x.so", NULL), LEAT_ENOENT);
    ASSERT_EQ(leat_registry_load(registry, "", &error), LEAT_EUSAGE);
    ASSERT_EQ(error.code, LEAT_EUSAGE);
    ASSERT_EQ(leat_registry_load(registry, NULL, &error), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "path is NULL");
    ASSERT_EQ(leat_registry_load(NULL, "x.so", &error), LEAT_EUSAGE);
    ASSERT_STR_HAS(error.text, "registry is NULL");
    ASSERT_EQ(leat_registry_count(registry), count);
    ASSERT_NULL(leat_registry_plugin(registry, leat_registry_find(registry, "gzip")));
    ASSERT_NULL(leat_registry_plugin(NULL, &tally));
    leat_registry_free(registry);
}
