/* test_waits.c - stages that wait: for one of several descriptors, under each executor. */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "memio.h"
#include "stage.h"
#include "test.h"

static const enum leat_executor_kind executors[] = {LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL,
                                                    LEAT_EXECUTOR_SEEDED};
#define N_EXECUTORS 3u
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

static void add_types(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add(registry, &pipes_type), 0);
    ASSERT_EQ(leat_registry_add(registry, &many_type), 0);
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
    pthread_t thread;
    char text[128];

    ASSERT_EQ(pipe2(p.ack, O_CLOEXEC), 0);
    for (unsigned i = 0; i < N_PIPES; i++) {
        int ends[2];

        ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        p.from[i] = ends[0];
        p.to[i] = ends[1];
    }
    snprintf(text, sizeof text, "pipes --at=%lld | memsink --at=%lld", (long long)(intptr_t)&p,
             memio_at(io));
    ASSERT_EQ(pthread_create(&thread, NULL, write_words, &p), 0);
    ASSERT_EQ(memio_run_text(io, text), 0);
    ASSERT_EQ(pthread_join(thread, NULL), 0);
    close(p.ack[0]);
    close(p.ack[1]);
}

TEST(test_a_source_that_waits_for_several_pipes_is_stepped_when_any_is_ready)
{
    for (unsigned e = 0; e < 4 * N_EXECUTORS; e++) {
        struct memio io = {.registered = add_types,
                           .settings = {.executor = executors[e % N_EXECUTORS],
                                        .seed = e,
                                        .threads = 1 + e / N_EXECUTORS}};

        test_context("executor %d, seed %u", (int)io.settings.executor, e);
        run_pipes(&io, e / N_EXECUTORS);
        ASSERT_EQ(io.out_len, N_WORDS);
        for (unsigned i = 0; i < N_WORDS; i++)
            ASSERT_EQ(io.out[i], i % 251);
        memio_free(&io);
    }
}

TEST(test_a_stage_that_waits_for_too_many_descriptors_fails_by_its_name)
{
    struct memio io = {.registered = add_types};
    char text[64];

    snprintf(text, sizeof text, "many | memsink --at=%lld", memio_at(&io));
    ASSERT_EQ(memio_run_text(&io, text), LEAT_EINTERNAL);
    ASSERT_STREQ(io.error.stage_name, "many");
    ASSERT_STR_HAS(io.error.text, "16 descriptors");
    memio_free(&io);
}
