/* test_bottleneck.c - which stage is named, and in which words, of figures that no run gives on demand:
 * a machine that has other work lets all stages wait for each other.
 */
#include <stdlib.h>

#include "run/pipeline.h"
#include "test.h"

static struct leat_stats figures = LEAT_INIT(leat_stats);
static struct leat_stage_stats stages[8];

static int fake_stats(const struct leat_pipeline *p, struct leat_stats *ret)
{
    (void)p;
    *ret = figures;
    return 0;
}

static int fake_stage_stats(const struct leat_pipeline *p, size_t i, struct leat_stage_stats *ret)
{
    (void)p;
    *ret = stages[i];
    return 0;
}

#define leat_pipeline_stats fake_stats
#define leat_pipeline_stage_stats fake_stage_stats
#define leat_pipeline_bottleneck tested_bottleneck
int leat_pipeline_bottleneck(const struct leat_pipeline *p, struct leat_bottleneck *ret);
/* NOLINTBEGIN(bugprone-suspicious-include): what is tested, on figures of our own */
#include "../../cmd/run/buf.c"
#include "../../cmd/sight/bottleneck.c"
#include "../../cmd/sight/stages.c"
#include "../../cmd/words/table.c"
#include "stats/bottleneck.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define SECOND 1000000000.0

static struct leat_registry *registry;
static struct leat_pipeline *pipeline;
static struct buf words;

/* read : zstd : write on two threads, for 16 s: how long each was busy, in seconds. */
static const char *sentence(double read, double zstd, double write, double zstd_cpu)
{
    static const char *const names[] = {"read", "zstd", "write"};
    double busy[] = {read, zstd, write};
    struct leat_settings settings = {.size = sizeof settings, .threads = 2};
    struct leat_error error = LEAT_INIT(leat_error);
    struct config c = {.settings.measure_cpu = true};
    struct job job;

    buf_free(&words);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    registry = leat_registry_new();
    if (leat_pipeline_from_text(registry, "read x : zstd : write y", &settings, &pipeline, &error) <
        0)
        FAIL("%s", error.text);
    figures = (struct leat_stats){
        .size = sizeof(struct leat_stats), .n_stages = 3, .elapsed_ns = (uint64_t)(16 * SECOND)};
    for (size_t i = 0; i < 3; i++)
        stages[i] = (struct leat_stage_stats){.size = sizeof(struct leat_stage_stats),
                                              .name = names[i],
                                              .text = names[i],
                                              .number = (int)i + 1,
                                              .segment = (int)i + 1,
                                              .workers = 1,
                                              .busy_ns = (uint64_t)(busy[i] * SECOND),
                                              .cpu_ns = (uint64_t)(busy[i] * SECOND)};
    stages[1].cpu_ns = (uint64_t)(zstd_cpu * SECOND);
    job = (struct job){.pipeline = pipeline, .registry = registry};
    bottleneck_sentence(&words, &c, &job);
    return buf_text(&words);
}

static void done(void)
{
    buf_free(&words);
    leat_pipeline_unref(pipeline);
    leat_registry_free(registry);
    pipeline = NULL;
    registry = NULL;
}

TEST(test_a_stage_that_is_busy_is_named_with_advice)
{
    ASSERT_STR_HAS(sentence(1, 15.5, 1, 15), "bottleneck: zstd (97 % busy, 1 worker); try");
    ASSERT_STR_HAS(sentence(1, 8.2, 1, 8), "zstd (51 % busy");
    ASSERT_STR_HAS(sentence(14, 3, 1, 3), "bottleneck: read (88 % busy");
    done();
}

TEST(test_one_of_several_stages_of_a_name_has_its_number)
{
    struct config c = {.settings.measure_cpu = true};
    struct job job;

    (void)sentence(1, 15.5, 1, 15);
    stages[2].name = "zstd";
    job = (struct job){.pipeline = pipeline, .registry = registry};
    buf_free(&words);
    bottleneck_sentence(&words, &c, &job);
    ASSERT_STR_HAS(buf_text(&words), "bottleneck: zstd #2 (97 % busy");
    done();
}

TEST(test_from_little_evidence_no_stage_is_named_and_no_advice_given)
{
    const char *text = sentence(0.5, 5, 0.5, 3);

    ASSERT_STR_HAS(text, "bottleneck: no stage was the limit; leat got 0.0 of ");
    ASSERT_STR_HAS(text, " processor");
    ASSERT_NULL(strstr(text, "try"));
    ASSERT_NULL(strstr(text, "zstd"));
    ASSERT_STR_HAS(sentence(1, 7.5, 1, 7), "no stage was the limit");
    done();
}

TEST(test_stages_that_work_in_turn_are_no_lack_of_evidence)
{
    ASSERT_STR_HAS(sentence(5, 6, 5, 6), "bottleneck: zstd (38 % busy");
    done();
}

TEST(test_a_stage_that_waits_for_a_processor_gets_no_advice)
{
    const char *text = sentence(1, 15.5, 1, 3);

    ASSERT_STR_HAS(text, "zstd (97 % busy, 1 worker); leat got ");
    ASSERT_NULL(strstr(text, "try"));
    done();
}

TEST(test_json_has_no_name_where_there_is_none)
{
    struct config c = {.settings.measure_cpu = true};
    struct job job;

    (void)sentence(0.5, 5, 0.5, 3);
    job = (struct job){.pipeline = pipeline, .registry = registry};
    buf_free(&words);
    bottleneck_json(&words, &c, &job);
    ASSERT_STR_HAS(buf_text(&words), "{\"number\":null,\"name\":null,\"percent\":31,");
    ASSERT_STR_HAS(buf_text(&words), "\"text\":\"no stage was the limit; leat got ");
    done();
}
