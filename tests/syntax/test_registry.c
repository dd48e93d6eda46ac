/* test_registry.c - the registry of stages: names, aliases, and the stages at open ends. */
#include "syntax/registry.h"

#include "stage/engine_ops.h"
#include "test.h"

static int end_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    (void)out;
    in->pos = in->len;
    return LEAT_END;
}

static const struct leat_engine_ops is_default = {.is_default = true};
static const struct leat_stage_type types[] = {
    {.name = "own", .kind = LEAT_SOURCE, .step = end_step},
    {.name = "from", .kind = LEAT_SOURCE, .step = end_step, .engine = &is_default},
    {.name = "through", .kind = LEAT_TRANSFORM, .step = end_step, .engine = &is_default},
    {.name = "to",
     .aliases = "into onto",
     .kind = LEAT_SINK,
     .step = end_step,
     .engine = &is_default},
};

TEST(test_the_built_in_stages_at_open_ends_are_read_and_write)
{
    struct leat_registry *r = leat_registry_new();

    ASSERT_NOT_NULL(r);
    ASSERT_STREQ(leat_registry_default(r, LEAT_SOURCE)->name, "read");
    ASSERT_STREQ(leat_registry_default(r, LEAT_SINK)->name, "write");
    leat_registry_free(r);
}

TEST(test_the_default_stage_is_found_by_its_kind_and_fact)
{
    const struct leat_stage_type *all[] = {&types[0], &types[1], &types[2], &types[3]};
    struct leat_registry *r = leat_registry_with(all, 4), *none = leat_registry_with(all, 1);

    ASSERT_NOT_NULL(r);
    ASSERT_NOT_NULL(none);
    ASSERT(leat_registry_default(r, LEAT_SOURCE) == &types[1]);
    ASSERT(leat_registry_default(r, LEAT_SINK) == &types[3]);
    ASSERT_NULL(leat_registry_default(none, LEAT_SOURCE));
    ASSERT_NULL(leat_registry_default(none, LEAT_SINK));
    ASSERT_NULL(leat_registry_default(NULL, LEAT_SINK));
    leat_registry_free(none);
    leat_registry_free(r);
}

TEST(test_a_stage_is_found_by_its_name_and_each_alias)
{
    const struct leat_stage_type *all[] = {&types[0], &types[3]};
    struct leat_registry *r = leat_registry_with(all, 2);

    ASSERT_NOT_NULL(r);
    ASSERT(leat_registry_find(r, "own") == &types[0]);
    ASSERT(leat_registry_find(r, "to") == &types[3]);
    ASSERT(leat_registry_find(r, "into") == &types[3]);
    ASSERT(leat_registry_find(r, "onto") == &types[3]);
    ASSERT_NULL(leat_registry_find(r, "int"));
    ASSERT_NULL(leat_registry_find(r, "into onto"));
    ASSERT_NULL(leat_registry_find(r, ""));
    ASSERT_EQ(leat_registry_count(r), 2);
    ASSERT(leat_registry_at(r, 1) == &types[3]);
    ASSERT_NULL(leat_registry_at(r, 2));
    leat_registry_free(r);
}

TEST(test_an_open_end_without_a_registry_is_an_error)
{
    struct leat_pipeline *p = NULL;
    struct leat_error error = LEAT_INIT(leat_error);

    ASSERT_EQ(leat_pipeline_from_text(NULL, "", NULL, &p, &error), LEAT_EUSAGE);
    ASSERT_NULL(p);
}
