/* test_many.c - many pipelines on one loop: what they share, how they take turns, and that nothing is left of them.
 *
 * LEAT_MANY=10000 runs more of them.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "leat.h"
#include "stage.h"
#include "test.h"

#define JOBS 50u
#define PLAIN ((size_t)12 << 20) /* bytes of each job */
#define FAIR_FROM ((uint64_t)4 << 20)
#define TURN_NS 1000000u /* processor time of a turn of the program's loop */

static uint64_t cpu_ns(void)
{
    struct timespec t;

    ASSERT_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- fifty jobs beside a timer -------------------------------------------------------------------- */

struct fifty {
    struct leat_registry *registry;
    struct leat_context *context;
    struct leat_pipeline *jobs[JOBS];
    unsigned done, ticks, compared;
    uint64_t turn_from, turn_most;
    unsigned threads, fds;
    uv_timer_t timer;
    uv_prepare_t prepare;
    uv_check_t check;
};

static void job_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct fifty *f = arg;

    (void)p;
    if (error)
        FAIL("%s: %s", error->stage_name, error->text);
    f->done++;
    if (f->done == JOBS)
        ASSERT_EQ(uv_timer_stop(&f->timer), 0);
}

static uint64_t bytes_of(const struct leat_pipeline *p)
{
    struct leat_stage_stats stats = LEAT_INIT(leat_stage_stats);

    leat_pipeline_stage_stats(p, 1, &stats); /* gunzip */
    return stats.bytes_out;
}

/* While all of them run: none has twice the bytes of another one. */
static void on_tick(uv_timer_t *timer)
{
    struct fifty *f = timer->data;
    uint64_t least = UINT64_MAX, most = 0;

    f->ticks++;
    if (f->ticks % 8 != 0 || f->done > 0)
        return;
    for (unsigned i = 0; i < JOBS; i++) {
        uint64_t n = bytes_of(f->jobs[i]);

        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (least < FAIR_FROM || most > PLAIN * 9 / 10) /* one that has its last bytes may be gone */
        return;
    f->compared++;
    if (most > 2 * least)
        FAIL("one job has %llu bytes, and another one %llu", (unsigned long long)most,
             (unsigned long long)least);
}

static void before_poll(uv_prepare_t *prepare)
{
    struct fifty *f = prepare->data;
    uint64_t ns = f->turn_from > 0 ? cpu_ns() - f->turn_from : 0;

    f->turn_most = ns > f->turn_most ? ns : f->turn_most;
}

static void after_poll(uv_check_t *check)
{
    struct fifty *f = check->data;

    f->turn_from = cpu_ns();
}

static void watch_loop(struct fifty *f, uv_loop_t *loop)
{
    ASSERT_EQ(uv_timer_init(loop, &f->timer), 0);
    ASSERT_EQ(uv_prepare_init(loop, &f->prepare), 0);
    ASSERT_EQ(uv_check_init(loop, &f->check), 0);
    f->timer.data = f->prepare.data = f->check.data = f;
    ASSERT_EQ(uv_timer_start(&f->timer, on_tick, 2, 2), 0);
    ASSERT_EQ(uv_prepare_start(&f->prepare, before_poll), 0);
    ASSERT_EQ(uv_check_start(&f->check, after_poll), 0);
    uv_unref((uv_handle_t *)&f->prepare);
    uv_unref((uv_handle_t *)&f->check);
}

static const char *packed_file(const struct leat_registry *registry)
{
    const char *path = test_path("plain.gz");
    struct leat_pipeline *p;
    char text[512];

    snprintf(
        text, sizeof text,
        "zero -n %zu : exec openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00112233445566778899aabbccddeeff : exec od -An -tx1 -v : head -c %zu : gzip -1 : write %s",
        PLAIN / 2, PLAIN, path);
    ASSERT_EQ(leat_pipeline_from_text(registry, text, NULL, &p, NULL), 0);
    ASSERT_EQ(leat_pipeline_run(p), 0);
    leat_pipeline_unref(p);
    return path;
}

TEST(test_fifty_jobs_on_one_loop_share_all_and_leave_the_loop_free)
{
    const struct leat_context_settings two = {
        .size = sizeof two, .threads = 2, .memory = (uint64_t)JOBS * (8 << 20)};
    const struct leat_settings settings = {.size = sizeof settings, .memory = 8 << 20};
    struct leat_settings shared = settings;
    struct fifty f = {.registry = leat_registry_new()};
    unsigned fds, threads;
    uv_loop_t loop;
    char text[512];

    ASSERT(f.registry != NULL);
    snprintf(text, sizeof text, "read %s : gunzip : zstd -1 : null", packed_file(f.registry));
    ASSERT_EQ(uv_loop_init(&loop), 0);
    watch_loop(&f, &loop);
    fds = test_count_in("/proc/self/fd");
    threads = test_count_in("/proc/self/task");
    ASSERT_EQ(leat_context_new(&two, &f.context), 0);
    ASSERT_EQ(leat_context_attach(f.context, &loop), 0);
    shared.context = f.context;
    for (unsigned i = 0; i < JOBS; i++) {
        ASSERT_EQ(leat_pipeline_from_text(f.registry, text, &shared, &f.jobs[i], NULL), 0);
        ASSERT_EQ(leat_pipeline_start(f.jobs[i], NULL, job_done, &f), 0);
    }
    ASSERT_EQ(leat_context_memory_left(f.context), 0);
    while (f.ticks < 4 && f.done == 0)
        ASSERT(uv_run(&loop, UV_RUN_ONCE));
    ASSERT_LE(test_count_in("/proc/self/task"), threads + 3 + test_under_sanitizer());
    ASSERT_LE(test_count_in("/proc/self/fd"), fds + 10 + JOBS); /* each reads a file */
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(f.done, JOBS);
    printf("# %u comparisons; the longest turn of the loop took %llu us of processor time\n",
           f.compared, (unsigned long long)f.turn_most / 1000);
    if (!test_under_sanitizer())
        ASSERT_LE(f.turn_most, TURN_NS);
    for (unsigned i = 0; i < JOBS; i++)
        leat_pipeline_unref(f.jobs[i]);
    leat_context_detach(f.context);
    leat_context_unref(f.context);
    leat_registry_free(f.registry);
    uv_close((uv_handle_t *)&f.timer, NULL);
    uv_close((uv_handle_t *)&f.prepare, NULL);
    uv_close((uv_handle_t *)&f.check, NULL);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_loop_close(&loop), 0);
}

/* --- thousands, cancelled at random points -------------------------------------------------------- */

#define AT_ONCE 40u

struct swarm {
    struct leat_registry *registry;
    struct leat_context *context;
    struct leat_pipeline *running[AT_ONCE];
    unsigned started, ended, wanted;
    uint64_t random;
    uv_idle_t idle;
};

static unsigned draw(struct swarm *s, unsigned n)
{
    s->random = s->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(s->random >> 33) % n;
}

static void one_done(struct leat_pipeline *p, const struct leat_error *error, void *arg)
{
    struct swarm *s = arg;
    unsigned i = 0;

    ASSERT(!error || error->code == LEAT_ECANCELLED);
    while (s->running[i] != p)
        i++;
    s->running[i] = NULL;
    s->ended++;
    leat_pipeline_unref(p);
}

static void start_one(struct swarm *s, unsigned i)
{
    static const char *const texts[] = {
        "zero -n 1 : null",
        "zero -n 200K : gzip : gunzip : null",
        "zero : tee [ zstd : null ] [ head -c 1M : null ] : null",
        "zero -n 3M : split -b 1M [ gzip -1 : null ]",
        "concat [ zero -n 1M ] [ zero -n 1M ] : sha256 : null",
        "zero : limit --rate=1M : null",
    };
    const struct leat_settings settings = {
        .size = sizeof settings, .context = s->context, .memory = 8 << 20};
    struct leat_error error = LEAT_INIT(leat_error);

    if (leat_pipeline_from_text(s->registry, texts[draw(s, 6)], &settings, &s->running[i], &error) <
        0)
        FAIL("%s", error.text);
    ASSERT_EQ(leat_pipeline_start(s->running[i], NULL, one_done, s), 0);
    s->started++;
}

static void on_idle(uv_idle_t *idle)
{
    struct swarm *s = idle->data;
    unsigned i = draw(s, AT_ONCE);

    if (s->running[i] && draw(s, 3) == 0)
        leat_pipeline_cancel(s->running[i], LEAT_ECANCELLED, NULL);
    else if (!s->running[i] && s->started < s->wanted)
        start_one(s, i);
    if (s->ended == s->wanted)
        ASSERT_EQ(uv_idle_stop(idle), 0);
}

static void run_swarm(struct swarm *s, uv_loop_t *loop, unsigned n)
{
    s->wanted += n;
    ASSERT_EQ(uv_idle_start(&s->idle, on_idle), 0);
    ASSERT_EQ(uv_run(loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(s->ended, s->wanted);
}

TEST(test_thousands_of_pipelines_cancelled_at_random_points_leave_nothing)
{
    const char *many = getenv("LEAT_MANY");
    unsigned n = many ? (unsigned)atoi(many) : test_under_sanitizer() ? 300 : 1500;
    const struct leat_context_settings two = {.size = sizeof two, .threads = 2};
    struct swarm s = {.registry = leat_registry_new(), .random = 20261130};
    unsigned fds, threads;
    size_t bytes;
    uv_loop_t loop;

    ASSERT(s.registry != NULL);
    ASSERT_EQ(leat_context_new(&two, &s.context), 0);
    ASSERT_EQ(uv_loop_init(&loop), 0);
    ASSERT_EQ(leat_context_attach(s.context, &loop), 0);
    ASSERT_EQ(uv_idle_init(&loop, &s.idle), 0);
    s.idle.data = &s;
    run_swarm(&s, &loop, n / 4);
    fds = test_count_in("/proc/self/fd");
    threads = test_count_in("/proc/self/task");
    bytes = mallinfo2().uordblks;
    run_swarm(&s, &loop, n - n / 4);
    ASSERT_EQ(test_count_in("/proc/self/fd"), fds);
    ASSERT_LE(test_count_in("/proc/self/task"), threads + 1); /* the second worker may start late */
    if (!test_under_sanitizer())
        ASSERT_LE(mallinfo2().uordblks, bytes + (1 << 18));
    leat_context_detach(s.context);
    leat_context_unref(s.context);
    leat_registry_free(s.registry);
    uv_close((uv_handle_t *)&s.idle, NULL);
    ASSERT_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
    ASSERT_EQ(uv_loop_close(&loop), 0);
}
