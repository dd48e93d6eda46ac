/* test_outcome.c - which error is the root cause of a run, and which stages learn of it. */
#include "outcome/outcome.h"

#include <stdlib.h>

#include "run/pipeline.h"
#include "test.h"

#define RUNNING 2 /* enum actor_state of executor.c: a wake is noted and queues nothing */
#define NOTIFIED 3

/* 0 -> 1 -> 2, and 1 -> 3 -> 4 from the second port of stage 1; two segments. */
struct stand {
    struct leat_pipeline *pipeline;
    struct leat_stage_info infos[5];
    struct leat_link links[4];
    struct leat_segment segments[2];
    struct leat_segment *list[2];
    struct leat_detached branch;
};

static void stand_init(struct stand *s)
{
    struct leat_pipeline *p = calloc(1, sizeof *p);
    static const struct {
        unsigned from, to, port;
    } links[4] = {{0, 1, 0}, {1, 2, 0}, {1, 3, 1}, {3, 4, 0}};

    *s = (struct stand){.pipeline = p};
    ASSERT_NOT_NULL(p);
    ASSERT_EQ(pthread_mutex_init(&p->lock, NULL), 0);
    ASSERT_EQ(leat_clock_init(&p->executor.clock, true, 1), 0);
    p->executor.owner = p;
    p->graph.infos = s->infos;
    p->graph.n_infos = 5;
    p->graph.links = s->links;
    p->graph.n_links = 4;
    for (unsigned i = 0; i < 4; i++)
        s->links[i] = (struct leat_link){
            .from = &s->infos[links[i].from], .to = &s->infos[links[i].to], .port = links[i].port};
    for (unsigned i = 0; i < 2; i++) {
        s->list[i] = &s->segments[i];
        s->segments[i].actor.thread = pthread_self();
        atomic_store(&s->segments[i].actor.state, RUNNING);
    }
    p->graph.segments = s->list;
    p->graph.n_segments = 2;
}

static void stand_done(struct stand *s)
{
    pthread_mutex_destroy(&s->pipeline->lock);
    leat_clock_done(&s->pipeline->executor.clock);
    free(s->pipeline);
}

static void report(struct stand *s, int stage, int code)
{
    struct leat_error error = {.size = sizeof error, .code = code};

    leat_outcome_report(s->pipeline, stage < 0 ? NULL : &s->infos[stage], &error);
}

static unsigned woken(struct stand *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < 2; i++)
        n += atomic_exchange(&s->segments[i].actor.state, RUNNING) == NOTIFIED;
    return n;
}

/* Digits: the stages of which `failed.above` (or below) is set. */
static void assert_told(const struct stand *s, const char *above, const char *below)
{
    char a[6] = "", b[6] = "";

    for (int i = 0; i < 5; i++) {
        if (atomic_load(&s->infos[i].failed.above))
            a[strlen(a)] = (char)('0' + i);
        if (atomic_load(&s->infos[i].failed.below))
            b[strlen(b)] = (char)('0' + i);
    }
    ASSERT_STREQ(a, above);
    ASSERT_STREQ(b, below);
}

TEST(test_the_first_error_is_the_root_cause_and_a_cause_replaces_a_consequence)
{
    static const struct {
        int first, second, kept;
    } cases[] = {
        {LEAT_EIO, LEAT_ECORRUPT, LEAT_EIO},
        {LEAT_EIO, LEAT_EPIPE, LEAT_EIO},
        {LEAT_EIO, LEAT_ECANCELLED, LEAT_EIO},
        {LEAT_EPIPE, LEAT_ECORRUPT, LEAT_ECORRUPT},
        {LEAT_ECANCELLED, LEAT_ECORRUPT, LEAT_ECORRUPT},
        {LEAT_EPIPE, LEAT_ECANCELLED, LEAT_EPIPE},
        {LEAT_ECANCELLED, LEAT_EPIPE, LEAT_ECANCELLED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stand s;

        test_context("case %zu", i);
        stand_init(&s);
        ASSERT(!leat_outcome_failed(s.pipeline));
        report(&s, 2, cases[i].first);
        ASSERT_EQ(s.pipeline->outcome.error.code, cases[i].first);
        report(&s, 0, cases[i].second);
        ASSERT_EQ(s.pipeline->outcome.error.code, cases[i].kept);
        ASSERT(leat_outcome_failed(s.pipeline));
        ASSERT(!leat_outcome_aborted(s.pipeline));
        stand_done(&s);
    }
}

TEST(test_a_failure_marks_the_stages_on_both_sides_of_it)
{
    static const struct {
        int stage;
        const char *above, *below;
    } cases[] = {{0, "1234", ""}, {1, "234", "0"}, {2, "", "01"}, {3, "4", "01"}, {4, "", "013"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stand s;

        test_context("stage %d", cases[i].stage);
        stand_init(&s);
        report(&s, cases[i].stage, LEAT_ECANCELLED); /* no stage failed */
        assert_told(&s, "", "");
        report(&s, cases[i].stage, LEAT_EIO);
        assert_told(&s, cases[i].above, cases[i].below);
        stand_done(&s);
    }
}

TEST(test_a_junction_that_detaches_a_branch_does_not_see_it_fail)
{
    struct stand s;

    stand_init(&s);
    s.infos[1].plan.flags = LEAT_DETACHES;
    report(&s, 4, LEAT_EIO);
    assert_told(&s, "", "3");
    report(&s, 2, LEAT_EIO); /* the stream itself is never detached */
    assert_told(&s, "", "013");
    stand_done(&s);
}

TEST(test_the_error_of_a_detached_branch_is_not_that_of_the_run)
{
    struct stand s;

    stand_init(&s);
    s.infos[3].detached = s.infos[4].detached = &s.branch;
    report(&s, 4, LEAT_ECORRUPT);
    report(&s, 3, LEAT_EIO);
    ASSERT(leat_detached_failed(&s.branch));
    ASSERT(!leat_outcome_failed(s.pipeline));
    ASSERT_EQ(s.pipeline->outcome.error.code, 0);
    ASSERT_EQ(s.pipeline->outcome.detached.code, LEAT_ECORRUPT);
    report(&s, 2, LEAT_ETRUNCATED);
    ASSERT_EQ(s.pipeline->outcome.error.code, LEAT_ETRUNCATED);
    ASSERT_EQ(s.pipeline->outcome.detached.code, LEAT_ECORRUPT);
    stand_done(&s);
}

TEST(test_a_branch_in_a_failed_branch_has_failed)
{
    struct leat_detached outer = {.outer = NULL}, inner = {.outer = &outer};

    ASSERT(!leat_detached_failed(NULL));
    ASSERT(!leat_detached_failed(&inner));
    atomic_store(&inner.failed, true);
    ASSERT(!leat_detached_failed(&outer));
    atomic_store(&inner.failed, false);
    atomic_store(&outer.failed, true);
    ASSERT(leat_detached_failed(&inner));
}

TEST(test_a_failure_wakes_every_segment_of_a_run)
{
    for (int phase = LEAT_PHASE_BUILT; phase <= LEAT_PHASE_DONE; phase++) {
        struct stand s;

        test_context("phase %d", phase);
        stand_init(&s);
        atomic_store(&s.pipeline->outcome.phase, phase);
        report(&s, 2, LEAT_EIO);
        ASSERT_EQ(woken(&s), phase == LEAT_PHASE_RUN ? 2 : 0);
        report(&s, 4, LEAT_EIO); /* also one that is not the root cause */
        ASSERT_EQ(woken(&s), phase == LEAT_PHASE_RUN ? 2 : 0);
        ASSERT_EQ(leat_outcome_rests(s.pipeline),
                  phase == LEAT_PHASE_BUILT || phase == LEAT_PHASE_DONE);
        stand_done(&s);
    }
    ASSERT(!leat_outcome_rests(NULL));
}

TEST(test_a_cancel_before_the_start_is_final_and_has_the_code_of_an_error)
{
    static const struct {
        int given, code;
    } cases[] = {{LEAT_ETIMEDOUT, LEAT_ETIMEDOUT},
                 {0, LEAT_ECANCELLED},
                 {77, LEAT_ECANCELLED},
                 {-100000, LEAT_ECANCELLED}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stand s;

        test_context("code %d", cases[i].given);
        stand_init(&s);
        leat_pipeline_cancel(s.pipeline, cases[i].given, "enough\n");
        ASSERT(leat_outcome_aborted(s.pipeline));
        ASSERT_EQ(s.pipeline->outcome.error.code, cases[i].code);
        ASSERT_STREQ(s.pipeline->outcome.error.text, "enough\\n");
        report(&s, 2, LEAT_EIO); /* no cause replaces the caller's own */
        ASSERT_EQ(s.pipeline->outcome.error.code, cases[i].code);
        stand_done(&s);
    }
}

TEST(test_a_cancel_does_not_replace_an_error_and_comes_too_late_when_outputs_keep_their_names)
{
    struct stand s;

    stand_init(&s);
    report(&s, 2, LEAT_ECORRUPT);
    leat_pipeline_cancel(s.pipeline, LEAT_ETIMEDOUT, NULL);
    ASSERT_EQ(s.pipeline->outcome.error.code, LEAT_ECORRUPT);
    ASSERT(!s.pipeline->outcome.cancelled);
    ASSERT(leat_outcome_aborted(s.pipeline));
    stand_done(&s);
    stand_init(&s);
    s.pipeline->outcome.settled = true;
    leat_pipeline_cancel(s.pipeline, LEAT_ETIMEDOUT, NULL);
    ASSERT_EQ(s.pipeline->outcome.error.code, 0);
    ASSERT(!leat_outcome_aborted(s.pipeline));
    stand_done(&s);
}
