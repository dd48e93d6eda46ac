/* test_waits.c - stages that wait for one of several descriptors, or for a waker, under each executor. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memio_runs.h"
#include "stage.h"
#include "test.h"

#define A_DAY_MS ((uint64_t)86400000)

/* --- several descriptors ---------------------------------------------------------------------- */

#define N_PIPES LEAT_WAIT_FDS_MAX
#define N_WORDS 400u

/* The source reads from all pipes; the peer writes to one of them when the last byte has come. */
struct pipes {
    int from[N_PIPES], to[N_PIPES], ack[2];
    uint64_t seed;
};

static int pipes_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct pipes *p = memio_given(stage);
    bool any = false;
    uint8_t *to;

    (void)in;
    if (leat_reserve(out, &to) == 0)
        return LEAT_MORE;
    for (unsigned i = 0; i < N_PIPES; i++) {
        ssize_t n = p->from[i] < 0 ? -1 : read(p->from[i], to, 1);

        if (n > 0) {
            leat_commit(out, 1);
            ASSERT_EQ(write(p->ack[1], to, 1), 1);
            leat_wait_fd(stage, 1000, false); /* not open, but forgotten: the step does not wait */
            return LEAT_MORE;
        }
        if (n == 0) {
            close(p->from[i]);
            p->from[i] = -1;
        }
        any = any || p->from[i] >= 0;
    }
    for (unsigned i = 0; i < N_PIPES; i++)
        leat_wait_fd(stage, p->from[i], false);
    if (p->seed % 2)
        leat_wait_ms(stage, A_DAY_MS);
    return any ? LEAT_WAIT : LEAT_END;
}

static const struct leat_stage_type pipes_type = {.name = "pipes",
                                                  .summary = "reads from several pipes",
                                                  .kind = LEAT_SOURCE,
                                                  .params_size = sizeof(struct memio_params),
                                                  .options = memio_option,
                                                  .step = pipes_step};

static int many_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    (void)out;
    for (int fd = 0; fd <= (int)LEAT_WAIT_FDS_MAX; fd++)
        leat_wait_fd(stage, fd, false);
    return LEAT_WAIT;
}

static const struct leat_stage_type many_type = {
    .name = "many", .summary = "waits for too much", .kind = LEAT_SOURCE, .step = many_step};

/* --- a waker ---------------------------------------------------------------------------------- */

#define N_GIVERS 2u
#define N_GIFTS 3000u

/* The threads of a library, which make bytes. Each keeps its reference until the test ends it. */
struct gifts {
    pthread_mutex_t lock;
    unsigned brought, ended; /* under the lock */
    struct leat_waker *wakers[N_GIVERS];
    pthread_t threads[N_GIVERS];
    pthread_barrier_t late; /* the pipeline is freed */
    bool never;             /* they wake the stage once and bring nothing */
    bool with_time;
    bool opened; /* a slow machine may reach a time limit before */
    unsigned steps;
    int fd; /* waited for, too; never ready */
};

struct giver {
    struct gifts *gifts;
    unsigned number;
};

static void *bring(void *arg)
{
    struct giver *g = arg;
    struct gifts *gifts = g->gifts;
    struct leat_waker *waker = gifts->wakers[g->number];

    free(g);
    for (unsigned i = 0; i <= N_GIFTS && !gifts->never; i++) {
        pthread_mutex_lock(&gifts->lock);
        gifts->brought += i < N_GIFTS;
        gifts->ended += i == N_GIFTS;
        leat_waker_wake(waker); /* under a lock that the step takes, too */
        pthread_mutex_unlock(&gifts->lock);
    }
    if (gifts->never)
        leat_waker_wake(waker);
    pthread_barrier_wait(&gifts->late);
    leat_waker_wake(waker);
    leat_waker_free(waker);
    return NULL;
}

static int gifts_open(struct leat_stage *stage)
{
    struct gifts *gifts = memio_given(stage);

    gifts->opened = true;
    for (unsigned i = 0; i < N_GIVERS; i++) {
        struct giver *g = malloc(sizeof *g);

        ASSERT_NOT_NULL(g);
        *g = (struct giver){gifts, i};
        gifts->wakers[i] = leat_waker_new(stage);
        ASSERT_NOT_NULL(gifts->wakers[i]);
        ASSERT_EQ(pthread_create(&gifts->threads[i], NULL, bring, g), 0);
    }
    return 0;
}

static int gifts_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct gifts *gifts = memio_given(stage);
    uint8_t *to;
    size_t room = leat_reserve(out, &to);
    bool ended;

    (void)in;
    gifts->steps++;
    if (room == 0)
        return LEAT_MORE;
    pthread_mutex_lock(&gifts->lock);
    room = room < gifts->brought ? room : gifts->brought;
    gifts->brought -= (unsigned)room;
    ended = gifts->ended == N_GIVERS && gifts->brought == 0;
    pthread_mutex_unlock(&gifts->lock);
    memset(to, 'g', room);
    leat_commit(out, room);
    if (ended)
        return LEAT_END;
    if (room > 0)
        return LEAT_MORE;
    leat_wait_wake(stage);
    leat_wait_fd(stage, gifts->fd, false);
    if (gifts->with_time)
        leat_wait_ms(stage, A_DAY_MS);
    return LEAT_WAIT;
}

static const struct leat_stage_type gifts_type = {.name = "gifts",
                                                  .summary = "what other threads bring",
                                                  .kind = LEAT_SOURCE,
                                                  .params_size = sizeof(struct memio_params),
                                                  .options = memio_option,
                                                  .open = gifts_open,
                                                  .step = gifts_step};

static int unwoken_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)in;
    (void)out;
    leat_wait_wake(stage);
    return LEAT_WAIT;
}

static const struct leat_stage_type unwoken_type = {.name = "unwoken",
                                                    .summary = "waits for a waker that is none",
                                                    .kind = LEAT_SOURCE,
                                                    .step = unwoken_step};

/* --- alarms and watches ----------------------------------------------------------------------- */

/* A sink that stops early with an alarm set, while the process can open no more descriptors. */
struct stops {
    struct rlimit limit;
    int fd; /* can be read */
    bool stopped, waited, ended;
};

static int stops_open(struct leat_stage *stage)
{
    leat_alarm_ms(stage, A_DAY_MS);
    return 0;
}

static int stops_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct stops *s = memio_given(stage);
    struct rlimit none = {.rlim_cur = 3};

    (void)in, (void)out;
    if (!s->stopped) {
        ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &s->limit), 0);
        none.rlim_max = s->limit.rlim_max;
        ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
        return LEAT_ENOUGH;
    }
    leat_alarm_ms(stage, A_DAY_MS);
    if (!s->waited) {
        s->waited = true;
        leat_wait_fd(stage, s->fd, false);
        return LEAT_WAIT;
    }
    s->ended = true;
    return LEAT_END;
}

static int stops_alarm(struct leat_stage *stage)
{
    return leat_fail(stage, LEAT_EINTERNAL, "an alarm in a stage that is stopping");
}

static void stops_stop(struct leat_stage *stage, enum leat_stop why)
{
    struct stops *s = memio_given(stage);

    ASSERT_EQ(why, LEAT_STOP_DONE);
    s->stopped = true;
}

static void stops_close(struct leat_stage *stage)
{
    struct stops *s = memio_given(stage);

    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &s->limit), 0);
}

/* A sink that will fail: upstream goes on until it does, but its input is dropped. */
static int fails_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct stops *s = memio_given(stage);

    (void)out;
    if (!s->stopped)
        return LEAT_FAILING;
    ASSERT_EQ(in->len, 0);
    ASSERT(!in->end);
    if (!s->waited) {
        s->waited = true;
        leat_wait_ms(stage, 10);
        return LEAT_WAIT;
    }
    return leat_fail(stage, LEAT_ECHILD, "planned failure");
}

static const struct leat_stage_type fails_type = {.name = "fails",
                                                  .summary = "says that it will fail",
                                                  .kind = LEAT_SINK,
                                                  .params_size = sizeof(struct memio_params),
                                                  .options = memio_option,
                                                  .step = fails_step,
                                                  .stop = stops_stop};

static const struct leat_stage_type stops_type = {.name = "stops",
                                                  .summary = "stops with an alarm set",
                                                  .kind = LEAT_SINK,
                                                  .params_size = sizeof(struct memio_params),
                                                  .options = memio_option,
                                                  .open = stops_open,
                                                  .step = stops_step,
                                                  .alarm = stops_alarm,
                                                  .stop = stops_stop,
                                                  .close = stops_close};

static int watch_open(struct leat_stage *stage)
{
    leat_watch_ms(stage, A_DAY_MS);
    return 0;
}

static int day_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    (void)in, (void)out;
    leat_wait_ms(stage, A_DAY_MS);
    return LEAT_WAIT;
}

static int pushes_run(struct leat_stage *stage, struct leat_blocking *blocking)
{
    static const uint8_t bytes[1000];

    (void)stage;
    for (;;) { /* until the stage is stopped */
        int r = leat_push(blocking, bytes, sizeof bytes);

        if (r < 0)
            return r;
    }
}

/* The type has no function for the alarm or the watch that the stage sets. */
static const struct leat_stage_type unset_types[] = {
    {.name = "no_alarm", .kind = LEAT_SOURCE, .open = stops_open, .step = day_step},
    {.name = "no_watch", .kind = LEAT_SOURCE, .open = watch_open, .step = day_step},
    {.name = "no_alarm_blocks",
     .kind = LEAT_SOURCE,
     .nature = LEAT_BLOCKING,
     .open = stops_open,
     .run = pushes_run},
    {.name = "no_watch_blocks",
     .kind = LEAT_SOURCE,
     .nature = LEAT_BLOCKING,
     .open = watch_open,
     .run = pushes_run},
};
#define N_UNSET (sizeof unset_types / sizeof *unset_types)

static const struct leat_stage_type *const types[] = {
    &pipes_type,     &many_type,      &gifts_type,     &stops_type,     &fails_type, &unwoken_type,
    &unset_types[0], &unset_types[1], &unset_types[2], &unset_types[3], NULL};

/* A run under the e-th of many settings, with the stages of this file. */
static struct memio run_under(unsigned e)
{
    struct memio io = memio_under(e);

    io.types = types;
    return io;
}

static void *write_words(void *arg)
{
    const struct pipes *p = arg;
    uint64_t random = p->seed;

    for (unsigned i = 0; i < N_WORDS; i++) {
        uint8_t byte = (uint8_t)(i % 251), back = 0;

        ASSERT_EQ(write(p->to[test_random(&random) % N_PIPES], &byte, 1), 1);
        ASSERT_EQ(read(p->ack[0], &back, 1), 1);
        ASSERT_EQ(back, byte);
    }
    for (unsigned i = 0; i < N_PIPES; i++)
        close(p->to[i]);
    return NULL;
}

static void run_pipes(struct memio *io, uint64_t seed)
{
    struct pipes p = {.seed = seed};
    const struct memio_name names[] = {{"pipes", &p}, {0}};
    pthread_t thread;

    ASSERT_EQ(pipe2(p.ack, O_CLOEXEC), 0);
    for (unsigned i = 0; i < N_PIPES; i++) {
        int ends[2];

        ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        p.from[i] = ends[0];
        p.to[i] = ends[1];
    }
    ASSERT_EQ(pthread_create(&thread, NULL, write_words, &p), 0);
    ASSERT_EQ(memio_run_named(io, names, "pipes @pipes | memsink @io"), 0);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    close(p.ack[0]);
    close(p.ack[1]);
}

TEST(test_a_source_that_waits_for_several_pipes_is_stepped_when_any_is_ready)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct memio io = run_under(e);

        run_pipes(&io, e / N_EXECUTORS);
        ASSERT_EQ(io.out_len, N_WORDS);
        for (unsigned i = 0; i < N_WORDS; i++)
            ASSERT_EQ(io.out[i], i % 251);
        memio_free(&io);
    }
}

static void fails(const char *stage, const char *says)
{
    struct memio io = {.types = types};

    test_context("%s", stage);
    ASSERT_EQ(memio_run_named(&io, NULL, "%s | memsink @io", stage), LEAT_EINTERNAL);
    ASSERT_STREQ(io.error.stage_name, stage);
    ASSERT_STR_HAS(io.error.text, says);
    memio_free(&io);
}

TEST(test_a_stage_that_waits_for_too_many_descriptors_fails_by_its_name)
{
    fails("many", "16 descriptors");
}

static int run_gifts(struct memio *io, struct gifts *gifts, const char *rest)
{
    const struct memio_name names[] = {{"gifts", gifts}, {0}};
    int ends[2], r;

    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    gifts->fd = ends[0];
    ASSERT_EQ(pthread_mutex_init(&gifts->lock, NULL), 0);
    ASSERT_EQ(pthread_barrier_init(&gifts->late, NULL, N_GIVERS + 1), 0);
    r = memio_run_named(io, names, "gifts @gifts | %smemsink @io", rest);
    if (gifts->opened)
        pthread_barrier_wait(&gifts->late);
    for (unsigned i = 0; i < N_GIVERS && gifts->opened; i++)
        ASSERT_EQ(pthread_join(gifts->threads[i], NULL), 0);
    ASSERT_EQ(pthread_barrier_destroy(&gifts->late), 0);
    ASSERT_EQ(pthread_mutex_destroy(&gifts->lock), 0);
    close(ends[0]);
    close(ends[1]);
    return r;
}

TEST(test_a_source_that_other_threads_wake_loses_nothing)
{
    for (unsigned e = 0; e < 8 * N_EXECUTORS; e++) {
        struct gifts gifts = {.with_time = e % 2};
        struct memio io = run_under(e);

        io.settings.virtual_time = e >= 6 * N_EXECUTORS && !gifts.with_time;
        ASSERT_EQ(run_gifts(&io, &gifts, e % 4 == 1 ? "gzip -1 | gunzip | " : ""), 0);
        ASSERT_EQ(io.out_len, N_GIVERS * N_GIFTS);
        for (size_t i = 0; i < io.out_len; i++)
            ASSERT_EQ(io.out[i], 'g');
        memio_free(&io);
    }
}

/* The source waits for a thread, so the run is not stalled; the threads outlive the source. */
TEST(test_a_source_that_nobody_wakes_runs_until_the_time_limit)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct gifts gifts = {.never = true};
        struct memio io = run_under(e);

        io.settings.timeout_ms = 30;
        ASSERT_EQ(run_gifts(&io, &gifts, ""), LEAT_ETIMEDOUT);
        ASSERT_LE(gifts.steps, 1 + N_GIVERS); /* a wake ends one wait */
        memio_free(&io);
    }
}

/* Readers that need no more, and a failure downstream. */
TEST(test_the_end_of_a_source_that_other_threads_wake_does_not_wait_for_them)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct gifts gifts = {0};
        struct memio io = run_under(e);
        bool sink_fails = e / N_EXECUTORS % 2;

        io.sink.fail_at = sink_fails;
        ASSERT_EQ(run_gifts(&io, &gifts, sink_fails ? "" : "head -c 1 | "),
                  sink_fails ? LEAT_EIO : 0);
        memio_free(&io);
    }
}

TEST(test_a_stage_that_waits_for_a_waker_that_it_never_made_fails_by_its_name)
{
    fails("unwoken", "waits for nothing");
}

/* No alarm is set any more, so it does not matter that there is no descriptor for a timer. */
TEST(test_the_alarm_of_a_stage_that_is_stopping_is_not_set)
{
    for (unsigned e = 0; e < N_EXECUTORS; e++) {
        struct stops stops = {.fd = eventfd(1, EFD_CLOEXEC)};
        const struct memio_name names[] = {{"stops", &stops}, {0}};
        struct memio io = run_under(e);

        io.in = "abc";
        io.in_len = 3;
        ASSERT_GE(stops.fd, 0);
        ASSERT_EQ(memio_run_named(&io, names, "memsource @io | stops @stops"), 0);
        ASSERT(stops.waited);
        ASSERT(stops.ended);
        close(stops.fd);
        memio_free(&io);
    }
}

TEST(test_a_stage_that_sets_an_alarm_or_a_watch_that_its_type_lacks_fails_by_its_name)
{
    for (unsigned e = 0; e < N_UNSET * N_EXECUTORS; e++) {
        const char *name = unset_types[e % N_UNSET].name;
        struct memio io = run_under(e / N_UNSET);

        test_context("executor %d, %s", (int)io.settings.executor, name);
        ASSERT_EQ(memio_run_named(&io, NULL, "%s | memsink @io", name), LEAT_EINTERNAL);
        ASSERT_STREQ(io.error.stage_name, name);
        ASSERT_STR_HAS(io.error.text, "its type has no");
        memio_free(&io);
    }
}

TEST(test_a_stage_that_will_fail_gets_no_more_input)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct stops stops = {.fd = -1};
        const struct memio_name names[] = {{"fails", &stops}, {0}};
        struct memio io = run_under(e);

        io.in = "abc";
        io.in_len = 3;
        io.in_repeat = 1000;
        io.piece = 1;
        ASSERT_EQ(memio_run_named(&io, names, "memsource @io | %sfails @fails",
                                  e % 2 ? "gzip -1 | gunzip | " : ""),
                  LEAT_ECHILD);
        ASSERT(stops.waited);
        memio_free(&io);
    }
}
