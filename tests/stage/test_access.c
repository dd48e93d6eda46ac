/* test_access.c - leat_plan_access: a pipeline knows which files its stages need. */
#include <stdlib.h>

#include "run/pipeline.h"
#include "stage.h"
#include "syntax/registry.h"
#include "test.h"

static enum leat_access wanted_kind;
static const char *wanted_path;

static int needy_plan(struct leat_stage *stage)
{
    return leat_plan_access(stage, wanted_path, wanted_kind);
}

static int needy_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)stage;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

static const struct leat_stage_type needy = {
    .name = "needy",
    .kind = LEAT_TRANSFORM,
    .plan = needy_plan,
    .step = needy_step,
};

/* Returns a code. All needs are in *ret, as text. */
static int needs_of(const char *text, char *ret, size_t size)
{
    struct leat_registry *registry = leat_registry_new();
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_pipeline *p = NULL;
    size_t at = 0;
    int r;

    ASSERT_NOT_NULL(registry);
    ASSERT_EQ(leat_registry_add_plain(registry, &needy), 0);
    r = leat_pipeline_from_text(registry, text, NULL, &p, &error);
    ret[0] = '\0';
    for (size_t i = 0; p && i < p->graph.n_infos; i++)
        for (size_t k = 0; k < p->graph.infos[i].needs.n; k++) {
            const struct leat_need *need = &p->graph.infos[i].needs.v[k];

            at += (size_t)snprintf(ret + at, size - at, "%s:%d:%s ", p->graph.infos[i].name,
                                   (int)need->kind, need->path ? need->path : "none");
        }
    if (r < 0)
        test_note("%s", error.text);
    leat_pipeline_unref(p);
    leat_registry_free(registry);
    return r;
}

TEST(test_the_needs_of_each_stage_are_known_before_the_run)
{
    char got[512];

    wanted_kind = LEAT_ACCESS_TREE;
    wanted_path = "tree";
    ASSERT_EQ(needs_of("read a b : needy : write c", got, sizeof got), 0);
    ASSERT_STREQ(got, "read:1:a read:1:b needy:3:tree write:2:c ");
    ASSERT_EQ(needs_of("needy", got, sizeof got), 0);
    ASSERT_STREQ(got, "needy:3:tree write:2:- ");
    ASSERT_EQ(needs_of("exec ls : exec cat : exec cat", got, sizeof got), 0);
    ASSERT_STREQ(got, "exec:9:none exec:9:none exec:9:none ");
}

TEST(test_a_kind_without_its_path_is_a_bug_of_the_stage)
{
    char got[512];

    wanted_kind = LEAT_ACCESS_READ;
    wanted_path = NULL;
    ASSERT_EQ(needs_of("needy", got, sizeof got), LEAT_EINTERNAL);
    wanted_kind = LEAT_ACCESS_NETWORK;
    wanted_path = "x";
    ASSERT_EQ(needs_of("needy", got, sizeof got), LEAT_EINTERNAL);
    wanted_kind = LEAT_ACCESS_TEMPORARY;
    ASSERT_EQ(needs_of("needy", got, sizeof got), 0);
    wanted_path = NULL;
    ASSERT_EQ(needs_of("needy", got, sizeof got), 0);
}
