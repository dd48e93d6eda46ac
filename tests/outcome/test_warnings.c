/* test_warnings.c - the warnings of a run: whose they are, how many are kept. */
#include "outcome/warnings.h"

#include <stdlib.h>

#include "run/pipeline.h"
#include "test.h"

TEST(test_a_warning_names_its_stage_and_the_first_ones_are_kept)
{
    struct leat_pipeline *p = calloc(1, sizeof *p);
    struct leat_stage_info info = {.name = "write", .number = 3};
    char text[32];

    ASSERT_NOT_NULL(p);
    ASSERT_EQ(pthread_mutex_init(&p->lock, NULL), 0);
    for (unsigned i = 0; i < LEAT_WARNINGS_MAX + 5; i++)
        leat_warn(p, &info, "number %u\x1b", i);
    ASSERT_EQ(p->warnings.n, LEAT_WARNINGS_MAX);
    for (unsigned i = 0; i < LEAT_WARNINGS_MAX; i++) {
        snprintf(text, sizeof text, "number %u\\x1b", i);
        ASSERT_STREQ(p->warnings.v[i].text, text); /* nothing that a terminal obeys */
        ASSERT_STREQ(p->warnings.v[i].stage_name, "write");
        ASSERT_EQ(p->warnings.v[i].stage, 3);
        ASSERT_EQ(p->warnings.v[i].code, 0);
    }
    ASSERT_EQ(p->outcome.error.code, 0);
    leat_warnings_done(&p->warnings);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

TEST(test_a_stage_records_a_warning_and_the_run_goes_on)
{
    struct leat_pipeline *p = calloc(1, sizeof *p);
    struct leat_stage_info info = {.name = "pack", .number = 1};
    struct leat_stage stage = {.pipeline = p, .info = &info};

    ASSERT_NOT_NULL(p);
    ASSERT_EQ(pthread_mutex_init(&p->lock, NULL), 0);
    leat_warning(&stage, "%d sockets were skipped", 3);
    ASSERT_EQ(p->warnings.n, 1);
    ASSERT_STREQ(p->warnings.v[0].text, "3 sockets were skipped");
    ASSERT_EQ(p->warnings.v[0].stage, 1);
    ASSERT_EQ(stage.failure.code, 0);
    leat_warnings_done(&p->warnings);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
