/* test_events.c - who is told of what, and when it says that it happened. */
#include "outcome/events.h"

#include <stdlib.h>

#include "run/pipeline.h"
#include "test.h"

#define START ((uint64_t)1000000000) /* VIRTUAL_START of clock.c */

struct heard {
    unsigned n;
    struct leat_event last;
};

static void hear(const struct leat_event *event, void *arg)
{
    struct heard *h = arg;

    h->n++;
    h->last = *event;
}

/* Three stages, the middle one hidden. */
struct stand {
    struct leat_pipeline *pipeline;
    struct leat_stage_info infos[3];
    struct heard heard;
};

static void stand_init(struct stand *s, unsigned kinds)
{
    struct leat_pipeline *p = calloc(1, sizeof *p);

    *s = (struct stand){.pipeline = p};
    ASSERT_NOT_NULL(p);
    ASSERT_EQ(leat_clock_init(&p->executor.clock, true, 1), 0);
    p->executor.owner = p;
    p->graph.infos = s->infos;
    p->graph.n_infos = 3;
    s->infos[1].hidden = true;
    s->infos[2].index = 1;
    atomic_store(&p->started_ns, START);
    ASSERT_EQ(leat_pipeline_watch(p, kinds, hear, &s->heard), 0);
}

static void stand_done(struct stand *s)
{
    leat_clock_done(&s->pipeline->executor.clock);
    free(s->pipeline);
}

TEST(test_a_watcher_hears_the_kinds_that_it_asked_for_and_no_others)
{
    for (unsigned asked = 1; asked <= LEAT_EVENT_FINISHED; asked *= 2)
        for (unsigned kind = 1; kind <= LEAT_EVENT_FINISHED; kind *= 2) {
            struct stand s;

            test_context("asked %#x, told %#x", asked, kind);
            stand_init(&s, asked);
            leat_tell_stage(s.pipeline, kind, &s.infos[0], NULL);
            ASSERT_EQ(s.heard.n, asked == kind);
            if (asked == kind)
                ASSERT_EQ(s.heard.last.kind, kind);
            stand_done(&s);
        }
}

TEST(test_a_hidden_stage_is_not_told_of_and_does_not_count)
{
    struct stand s;

    stand_init(&s, LEAT_EVENTS_LIFE);
    leat_tell_stage(s.pipeline, LEAT_EVENT_OPENED, &s.infos[1], NULL);
    ASSERT_EQ(s.heard.n, 0);
    leat_tell_stage(s.pipeline, LEAT_EVENT_OPENED, &s.infos[2], NULL);
    ASSERT_EQ(s.heard.n, 1);
    ASSERT_EQ(s.heard.last.stage, 1);
    leat_tell_stage(s.pipeline, LEAT_EVENT_STARTED, NULL, NULL);
    ASSERT_EQ(s.heard.last.stage, LEAT_NO_STAGE);
    stand_done(&s);
}

TEST(test_an_event_has_the_time_since_the_start_and_its_error)
{
    const struct leat_error error = {.size = sizeof error, .code = LEAT_EIO};
    struct stand s;

    stand_init(&s, LEAT_EVENTS_LIFE);
    leat_clock_spend(&s.pipeline->executor.clock, 123);
    leat_tell_stage(s.pipeline, LEAT_EVENT_FAILED, &s.infos[0], &error);
    ASSERT_EQ(s.heard.last.at_ns, 123);
    ASSERT(s.heard.last.error == &error);
    atomic_store(&s.pipeline->started_ns, 0); /* before the start */
    leat_tell_stage(s.pipeline, LEAT_EVENT_OPENED, &s.infos[0], NULL);
    ASSERT_EQ(s.heard.last.at_ns, 0);
    ASSERT_NULL(s.heard.last.error);
    stand_done(&s);
}

TEST(test_a_run_of_a_segment_has_its_begin_its_length_and_its_first_stage)
{
    struct leat_slot slot = {.stage = NULL};
    struct leat_segment seg = {.number = 4, .lane = {.number = 2}, .slots = &slot, .n = 1};
    struct stand s;

    stand_init(&s, LEAT_EVENT_RUN);
    seg.pipeline = s.pipeline;
    slot.info = &s.infos[2];
    leat_tell_run(&seg, START + 10, START + 35);
    ASSERT_EQ(s.heard.last.kind, LEAT_EVENT_RUN);
    ASSERT_EQ(s.heard.last.at_ns, 10);
    ASSERT_EQ(s.heard.last.duration_ns, 25);
    ASSERT_EQ(s.heard.last.segment, 4);
    ASSERT_EQ(s.heard.last.lane, 2);
    ASSERT_EQ(s.heard.last.stage, 1);
    slot.info = &s.infos[1];
    leat_tell_run(&seg, START + 10, START + 5); /* another time line: no length */
    ASSERT_EQ(s.heard.last.duration_ns, 0);
    ASSERT_EQ(s.heard.last.stage, LEAT_NO_STAGE);
    seg.n = 0;
    leat_tell_run(&seg, START, START);
    ASSERT_EQ(s.heard.last.stage, LEAT_NO_STAGE);
    stand_done(&s);
}

TEST(test_an_edge_of_no_connection_is_not_told_of)
{
    struct leat_edge edge = {.link = 3, .lane = 1};
    struct stand s;

    stand_init(&s, LEAT_EVENT_FULL);
    edge.executor = &s.pipeline->executor;
    atomic_store(&edge.filled, 77);
    leat_tell_edge(&edge, LEAT_EVENT_FILL);
    ASSERT_EQ(s.heard.n, 0);
    leat_tell_edge(&edge, LEAT_EVENT_FULL);
    ASSERT_EQ(s.heard.n, 1);
    ASSERT_EQ(s.heard.last.link, 3);
    ASSERT_EQ(s.heard.last.lane, 1);
    ASSERT_EQ(s.heard.last.bytes, 77);
    edge.link = LEAT_NO_LINK;
    leat_tell_edge(&edge, LEAT_EVENT_FULL);
    ASSERT_EQ(s.heard.n, 1);
    stand_done(&s);
}

TEST(test_one_watches_before_the_start_or_not_at_all)
{
    struct stand s;

    stand_init(&s, LEAT_EVENTS_LIFE);
    ASSERT_EQ(leat_pipeline_watch(s.pipeline, LEAT_EVENTS_LIFE, NULL, NULL), 0);
    leat_tell_stage(s.pipeline, LEAT_EVENT_OPENED, &s.infos[0], NULL);
    ASSERT_EQ(s.heard.n, 0);
    for (int phase = LEAT_PHASE_OPEN; phase <= LEAT_PHASE_DONE; phase++) {
        atomic_store(&s.pipeline->outcome.phase, phase);
        ASSERT_EQ(leat_pipeline_watch(s.pipeline, LEAT_EVENTS_LIFE, hear, &s.heard), LEAT_EUSAGE);
    }
    stand_done(&s);
}
