/* test_helper.c - the helper of a stage with `run`: its jobs are done in order, and seen when they are done. */
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "memio.h"
#include "test.h"

#define JOBS 5000u
#define MOST 8u

static struct {
    uint64_t
        slots[MOST]; /* the job is written to its slot by `run`, and its answer by the helper */
    uint64_t answers[MOST];
    atomic_uint in_work;
    unsigned called; /* jobs that the helper has begun; only it writes this */
    unsigned none;
    int (*script)(struct leat_helper *helper);
} job;

static void square(void *arg, uint64_t k)
{
    ASSERT(arg == &job);
    ASSERT_EQ(atomic_fetch_add(&job.in_work, 1), 0);
    ASSERT_EQ(job.called, k);
    ASSERT_EQ(job.slots[k % MOST], k);
    job.called++;
    job.answers[k % MOST] = k * k;
    atomic_fetch_sub(&job.in_work, 1);
}

static void (*work)(void *arg, uint64_t job) = square;

static int helps_run(struct leat_stage *s, struct leat_blocking *b)
{
    struct leat_helper *helper = leat_helper_new(s, work, &job, MOST);
    const uint8_t *data;
    size_t n;
    int r;

    job.none += !helper;
    if (helper)
        ASSERT_EQ(job.script(helper), 0);
    leat_helper_free(helper);
    do
        r = leat_pull(b, &data, &n);
    while (r == 1);
    return r < 0 ? r : LEAT_END;
}

static void run(unsigned threads, int (*script)(struct leat_helper *helper))
{
    static const struct leat_stage_type type = {
        .name = "helps", .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING, .run = helps_run};
    static const struct leat_stage_type *const types[] = {&type, NULL};
    struct memio io = {.in = "x", .in_len = 1, .types = types, .settings = {.threads = threads}};

    memset(&job, 0, sizeof job);
    job.script = script;
    ASSERT_EQ(memio_run(&io, "helps"), 0);
    memio_free(&io);
}

/* A slot is used again when its job is done. */
static int give_all(struct leat_helper *helper)
{
    uint64_t seen = 0;

    for (uint64_t k = 0; k < JOBS; k++) {
        uint64_t done = leat_helper_done(helper);

        ASSERT(seen <= done && done <= k);
        if (k - done == MOST) {
            leat_helper_wait(helper);
            done = leat_helper_done(helper);
            ASSERT_EQ(done, k);
        }
        for (; seen < done; seen++)
            ASSERT_EQ(job.answers[seen % MOST], seen * seen);
        job.slots[k % MOST] = k;
        ASSERT(leat_helper_give(helper));
    }
    leat_helper_wait(helper);
    ASSERT_EQ(leat_helper_done(helper), JOBS);
    return 0;
}

TEST(test_jobs_are_done_in_order_one_at_a_time)
{
    run(2, give_all);
    ASSERT_EQ(job.called, JOBS);
    ASSERT_EQ(job.none, 0);
}

TEST(test_with_one_thread_there_is_no_helper)
{
    run(1, give_all);
    ASSERT_EQ(job.none, 1);
}

static sem_t released; /* the first job waits for it */

static void held(void *arg, uint64_t k)
{
    if (k == 0)
        ASSERT_EQ(sem_wait(&released), 0);
    square(arg, k);
}

static int give_too_many(struct leat_helper *helper)
{
    for (uint64_t k = 0; k < MOST; k++) {
        job.slots[k] = k;
        ASSERT(leat_helper_give(helper));
    }
    ASSERT(!leat_helper_give(helper));
    ASSERT_EQ(leat_helper_done(helper), 0);
    ASSERT_EQ(sem_post(&released), 0);
    leat_helper_wait(helper);
    ASSERT_EQ(leat_helper_done(helper), MOST);
    return 0;
}

TEST(test_no_more_jobs_are_taken_than_there_are_slots)
{
    work = held;
    ASSERT_EQ(sem_init(&released, 0, 0), 0);
    run(2, give_too_many);
    ASSERT_EQ(job.called, MOST);
    work = square;
    ASSERT_EQ(sem_destroy(&released), 0);
}

/* One job is fewer than those for which the helper is woken. */
static int give_one(struct leat_helper *helper)
{
    job.slots[0] = 0;
    ASSERT(leat_helper_give(helper));
    return 0;
}

TEST(test_jobs_that_nobody_waits_for_may_be_dropped)
{
    for (unsigned i = 0; i < 200; i++) {
        run(2, give_one);
        ASSERT_LE(job.called, 1);
    }
}

static int wait_for_one(struct leat_helper *helper)
{
    give_one(helper);
    leat_helper_wait(helper);
    ASSERT_EQ(leat_helper_done(helper), 1);
    return 0;
}

TEST(test_who_waits_gets_the_answer_of_a_single_job)
{
    for (unsigned i = 0; i < 200; i++) {
        run(2, wait_for_one);
        ASSERT_EQ(job.called, 1);
    }
}
