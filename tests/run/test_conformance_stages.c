/* test_conformance_stages.c - rules of streams: errors and ends at every stage, references, two consumers. */
#include "ends_aid.h"

#define STAGES 4u
#define STACK_MAX 4096

/* --- errors and ends at every stage --------------------------------------------------------------- */

struct odd {
    atomic_uint drops, opens, closes;
    uint64_t after; /* bytes after which it ends or fails */
    bool fails;
    uint64_t seen;
    uintptr_t least, most; /* addresses of a local variable of its steps */
};

static int odd_open(struct leat_stage *s)
{
    struct odd *o = leat_user(s);

    atomic_fetch_add(&o->opens, 1);
    return 0;
}

static int odd_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct odd *o = leat_user(s);
    uint64_t left = o->after > o->seen ? o->after - o->seen : 0;
    size_t n = in->len - in->pos;
    uintptr_t here = (uintptr_t)&left;

    o->least = o->least && o->least < here ? o->least : here;
    o->most = o->most > here ? o->most : here;
    o->seen += leat_pass(out, in, n < left ? n : (size_t)left);
    if (o->seen == o->after)
        return o->fails ? leat_fail(s, LEAT_ECORRUPT, "the cause") : LEAT_END;
    return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
}

static void odd_close(struct leat_stage *s)
{
    struct odd *o = leat_user(s);

    atomic_fetch_add(&o->closes, 1);
}

static void odd_drop(void *user)
{
    struct odd *o = user;

    atomic_fetch_add(&o->drops, 1);
}

#define ODD(n)                                                                                     \
    {                                                                                              \
        LEAT_STAGE_INIT, .name = "test.odd", .kind = LEAT_TRANSFORM, .nature = n,                  \
                         .open = odd_open, .step = odd_step, .close = odd_close, .drop = odd_drop  \
    }
static const struct leat_stage_type odd_light = ODD(LEAT_LIGHT), odd_heavy = ODD(LEAT_HEAVY);

/* push : odd : odd : odd : odd : pull. */
static void start_odd(struct bench *b, unsigned threads, struct odd *odd, unsigned shape)
{
    begin(b, threads);
    add_push(b, 3000, 0);
    for (unsigned k = 0; k < STAGES; k++)
        ASSERT_EQ(leat_builder_own_stage(b->builder, shape >> k & 1 ? &odd_heavy : &odd_light,
                                         &odd[k], NULL),
                  0);
    add_pull(b, 3000);
    build(b, 8 << 20);
    start(b);
}

static void *push_to_the_end(void *arg)
{
    static const char data[1000];
    struct bench *b = arg;
    int r;

    while ((r = leat_end_push_all(b->push, data, sizeof data)) == 0)
        ;
    return (void *)(intptr_t)r;
}

/* Wherever a stage fails or ends, the source learns it as a failure or as an end, and the reader gets the bytes before it
 * and then the cause, or the end. */
TEST(test_a_failure_and_an_early_end_at_every_stage_reach_both_ends)
{
    for (unsigned i = 0; i < 2 * STAGES * 16; i++) {
        unsigned at = i / 2 % STAGES, shape = i / 2 / STAGES;
        bool fails = i % 2;
        struct odd odd[STAGES] = {0};
        struct bench b;
        uint64_t got = 0;
        pthread_t thread;
        void *pushed;
        char buffer[700];
        ssize_t k;

        test_context("stage %u of shape %u %s", at, shape, fails ? "fails" : "ends");
        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = s == at ? 20000 + 37 * i : UINT64_MAX;
        odd[at].fails = fails;
        start_odd(&b, thread_counts[i % 3], odd, shape);
        ASSERT_EQ(pthread_create(&thread, NULL, push_to_the_end, &b), 0);
        while ((k = leat_end_read(b.pull, buffer, sizeof buffer)) > 0)
            got += (uint64_t)k;
        ASSERT_EQ(k, fails ? LEAT_ECORRUPT : 0);
        ASSERT_EQ(got, odd[at].after);
        ASSERT_EQ(pthread_join(thread, &pushed), 0);
        ASSERT_EQ((intptr_t)pushed, fails ? LEAT_ECORRUPT : LEAT_EPIPE);
        if (fails) {
            ASSERT_EQ(leat_pipeline_error(b.pipeline)->stage, (int)at + 2);
            ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the cause");
        }
        finish(&b, fails ? LEAT_ECORRUPT : 0);
        for (unsigned s = 0; s < STAGES; s++) {
            ASSERT_EQ(atomic_load(&odd[s].drops), 1);
            ASSERT_EQ(atomic_load(&odd[s].opens), atomic_load(&odd[s].closes));
        }
    }
}

static void *close_the_pull(void *arg)
{
    struct bench *b = arg;

    leat_end_close(b->pull);
    return NULL;
}

/* The reader goes while a stage fails: the outcome is success, if it was first, or the cause. */
TEST(test_a_premature_close_never_hides_the_cause)
{
    unsigned n = test_under_sanitizer() ? 300 : 1000;

    for (unsigned i = 0; i < n; i++) {
        struct odd odd[STAGES] = {0};
        struct bench b;
        pthread_t pusher, closer;
        void *pushed;
        int r;

        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = s == i % STAGES ? 2000 + i % 4000 : UINT64_MAX;
        odd[i % STAGES].fails = true;
        start_odd(&b, thread_counts[i % 3], odd, i % 16);
        ASSERT_EQ(pthread_create(&pusher, NULL, push_to_the_end, &b), 0);
        ASSERT_EQ(pthread_create(&closer, NULL, close_the_pull, &b), 0);
        ASSERT_EQ(pthread_join(pusher, &pushed), 0);
        ASSERT_EQ(pthread_join(closer, NULL), 0);
        r = leat_pipeline_wait(b.pipeline, -1);
        test_context("run %u: pushed %d, outcome %d", i, (int)(intptr_t)pushed, r);
        ASSERT(r == 0 || r == LEAT_ECORRUPT);
        ASSERT(r == 0 ? (intptr_t)pushed == LEAT_EPIPE
                      : (intptr_t)pushed == LEAT_EPIPE || (intptr_t)pushed == LEAT_ECORRUPT);
        if (r < 0)
            ASSERT_STREQ(leat_pipeline_error(b.pipeline)->text, "the cause");
        finish(&b, r);
    }
}

/* --- depth and references ------------------------------------------------------------------------- */

TEST(test_a_million_writes_of_a_byte_do_not_nest)
{
    unsigned n = test_under_sanitizer() ? 100000 : 1000000;
    struct odd odd[STAGES] = {0};
    struct bench b;
    char got[3000];
    ssize_t k;

    for (unsigned s = 0; s < STAGES; s++)
        odd[s].after = UINT64_MAX;
    start_odd(&b, 1, odd, 0);
    for (unsigned i = 0; i < n;) {
        k = leat_end_push(b.push, "x", 1);
        ASSERT(k >= 0);
        i += (unsigned)k;
        if (k == 0)
            ASSERT_GT(leat_end_read(b.pull, got, sizeof got), 0);
    }
    ASSERT_EQ(leat_end_finish(b.push), 0);
    while ((k = leat_end_read(b.pull, got, sizeof got)) > 0)
        ;
    ASSERT_EQ(k, 0);
    finish(&b, 0);
    for (unsigned s = 0; s < STAGES; s++)
        ASSERT_LT(odd[s].most - odd[s].least, STACK_MAX);
}

TEST(test_at_the_end_no_reference_is_left)
{
    int fds = test_fd_count(), threads = test_thread_count();
    static const char data[100000];
    struct leat_stats stats = LEAT_INIT(leat_stats);

    for (unsigned i = 0; i < 4; i++) {
        struct odd odd[STAGES] = {0};
        struct bench b;
        char got[100];
        ssize_t k;

        for (unsigned s = 0; s < STAGES; s++)
            odd[s].after = UINT64_MAX;
        start_odd(&b, 2, odd, 10);
        k = leat_end_push(b.push, data, sizeof data);
        ASSERT_GT(k, 0);
        if (i == 0)
            leat_pipeline_cancel(b.pipeline, LEAT_ECANCELLED, NULL);
        else if (i == 1)
            leat_end_close(b.pull);
        else
            ASSERT_EQ(leat_end_finish(b.push), 0);
        while ((i == 0 || i == 2) && leat_end_read(b.pull, got, sizeof got) > 0)
            ;
        ASSERT_EQ(leat_pipeline_wait(b.pipeline, -1), i == 0 ? LEAT_ECANCELLED : 0);
        if (i == 1) { /* else the program may hold its last bytes */
            leat_pipeline_stats(b.pipeline, &stats);
            ASSERT_EQ(stats.memory_now, 0);
            ASSERT_EQ(leat_context_memory_left(b.context), 64 << 20);
        }
        finish(&b, i == 0 ? LEAT_ECANCELLED : 0);
        for (unsigned s = 0; s < STAGES; s++)
            ASSERT_EQ(atomic_load(&odd[s].drops), 1);
    }
    ASSERT_EQ(test_fd_count(), fds);
    ASSERT_EQ(test_thread_count(), threads);
}

/* --- one slow consumer of two --------------------------------------------------------------------- */

static void start_two(struct bench *b, unsigned threads, const char *option,
                      struct leat_pull_end **ret_slow)
{
    const struct leat_end_settings s = {.size = sizeof s, .high = 5000};

    begin(b, threads);
    add_text(b, "zero : head -c 3000000");
    ASSERT_EQ(leat_builder_stage(b->builder, "tee", (const char *[]){option, NULL}), 0);
    ASSERT_EQ(leat_builder_branch_begin(b->builder), 0);
    ASSERT_EQ(leat_builder_pull(b->builder, &s, ret_slow), 0);
    ASSERT_EQ(leat_builder_branch_end(b->builder), 0);
    add_pull(b, 5000);
    build(b, 8 << 20);
    start(b);
}

static uint64_t read_rest(struct leat_pull_end *pull)
{
    char got[4096];
    uint64_t n = 0;
    ssize_t k;

    while ((k = leat_end_read(pull, got, sizeof got)) > 0)
        n += (uint64_t)k;
    ASSERT_EQ(k, 0);
    return n;
}

static void *read_all(void *arg)
{
    uint64_t *n = malloc(sizeof *n);

    ASSERT(n != NULL);
    *n = read_rest(arg);
    return n;
}

/* The reader of the stream gets no more than the buffers of the branch hold, until the branch is read or closed. */
TEST(test_a_slow_consumer_holds_the_other_one_back_within_the_buffers)
{
    struct leat_link_stats link = LEAT_INIT(leat_link_stats);
    struct leat_pull_end *slow;
    struct leat_stats stats = LEAT_INIT(leat_stats);
    const void *data;
    struct bench b;

    for (unsigned i = 0; i < 6; i++) {
        uint64_t got = 0, bound = 5000 + 2 * 4096;
        ssize_t k;

        start_two(&b, thread_counts[i % 3], NULL, &slow);
        leat_pipeline_stats(b.pipeline, &stats);
        for (size_t n = 0; n < stats.n_links; n++) {
            leat_pipeline_link_stats(b.pipeline, n, &link);
            bound += link.capacity;
        }
        while (bytes_in(&b, 3) < 5000 || got < 5000) { /* both have their first bytes */
            k = leat_end_peek(b.pull, &data);
            if (k == LEAT_EAGAIN) {
                ASSERT_EQ(leat_pipeline_wait(b.pipeline, 1), LEAT_RUNNING);
                continue;
            }
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
            ASSERT_LE(got, bound);
        }
        while ((k = leat_end_peek(b.pull, &data)) > 0) {
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
            ASSERT_LE(got, bound);
        }
        ASSERT_EQ(k, LEAT_EAGAIN);
        if (i % 2) {
            leat_end_close(slow);
            got += read_rest(b.pull);
        } else {
            pthread_t thread;
            void *n;

            ASSERT_EQ(pthread_create(&thread, NULL, read_all, slow), 0);
            got += read_rest(b.pull);
            ASSERT_EQ(pthread_join(thread, &n), 0);
            ASSERT_EQ(*(uint64_t *)n, 3000000);
            free(n);
        }
        ASSERT_EQ(got, 3000000);
        finish(&b, 0);
    }
}

TEST(test_a_slow_consumer_that_drops_or_spills_does_not_hold_the_other_one_back)
{
    static const char *const options[] = {"--slow=drop", "--slow=spill"};
    struct leat_pull_end *slow;
    const void *data;
    struct bench b;

    for (unsigned i = 0; i < 6; i++) {
        uint64_t got = 0, rest;
        ssize_t k;

        start_two(&b, thread_counts[i % 3], options[i % 2], &slow);
        while (got < 3000000) {
            k = leat_end_peek(b.pull, &data);
            if (k == LEAT_EAGAIN) {
                ASSERT_EQ(sem_wait(&b.out.called), 0);
                continue;
            }
            ASSERT_GT(k, 0);
            ASSERT_EQ(leat_end_take(b.pull, (size_t)k), 0);
            got += (uint64_t)k;
        }
        rest = read_rest(slow);
        ASSERT(i % 2 ? rest == 3000000 : rest < 3000000);
        ASSERT_EQ(read_rest(b.pull), 0);
        finish(&b, 0);
    }
}
