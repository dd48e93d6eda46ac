/* pool.c - the pipelines of a batch on one loop: how many run at once, signals, the end.
 *
 * As many pipelines are open as keep the workers busy: one for each worker, and more while their inputs are small, because
 * those wait for the disk most of the time. The context bounds the memory of all; a pipeline that does not get its share
 * waits until another one ends.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "batch.h"

#define FLYING_BYTES ((uint64_t)4 << 20) /* of small inputs, for each worker */
#define JOBS_MAX 64u
#define JOB_MEMORY ((uint64_t)8 << 20)
#define JOB_DESCRIPTORS 8u
#define TICK_MS 100u

/* --- how many --------------------------------------------------------------------------------- */

static unsigned jobs_max(const struct batch *b)
{
    struct rlimit files;
    uint64_t jobs = b->options->jobs;

    if (jobs == 0) {
        jobs = b->memory / JOB_MEMORY;
        jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX;
        jobs = jobs < b->threads ? b->threads : jobs;
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
        jobs > files.rlim_cur / JOB_DESCRIPTORS)
        jobs = files.rlim_cur / JOB_DESCRIPTORS;
    if (jobs > b->n_scheduled)
        jobs = b->n_scheduled;
    return jobs > 0 ? (unsigned)jobs : 1;
}

static bool may_begin(const struct batch *b)
{
    if (b->stopping || b->next == b->n_scheduled || b->live >= b->jobs_max + LIVE_EXTRA)
        return false;
    if (b->options->jobs > 0 || b->running < b->threads)
        return b->running < b->jobs_max;
    return b->running < b->jobs_max && b->flying < b->threads * FLYING_BYTES;
}

static struct work *find_waiting(const struct batch *b)
{
    struct work *w = b->works;

    while (w && !w->waits)
        w = w->next;
    return w;
}

/* Try again what waits for memory. Returns true: something still does, and something runs, whose end calls again. */
static bool wake_waiting(struct batch *b)
{
    struct work *w;

    while ((w = find_waiting(b))) {
        work_again(w); /* it may end at once, and is not there any more then */
        if (find_waiting(b) == w)
            return true;
    }
    return false;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* No work is left: end the ledger and the handles. */
static void close_all(struct batch *b)
{
    int error;

    if (b->closed)
        return;
    b->closed = true;
    error = ledger_end(b);
    if (error && b->fatal == 0)
        b->fatal = message_fail(b->config, LEAT_EIO, "each: the journal %s cannot be written: %s",
                                b->options->journal, strerror(error));
    leat_context_detach(b->context);
    uv_walk(&b->loop, close_handle, NULL);
}

void batch_more(struct batch *b)
{
    if (b->beginning || b->closed)
        return;
    b->beginning = true;
    if (b->outlet)
        outlet_move(b); /* the first work may be another one now */
    while (!wake_waiting(b) && may_begin(b)) {
        if (work_begin(b, b->schedule[b->next]) < 0) {
            b->fatal = message_fail(b->config, LEAT_ENOMEM, "out of memory");
            batch_stop(b, true);
            break;
        }
        b->next++;
    }
    b->beginning = false;
    if (b->live > 0 || (!b->stopping && b->next < b->n_scheduled))
        return;
    if (b->outlet)
        outlet_end(b);
    if (outlet_over(b))
        close_all(b);
}

/* --- stopping --------------------------------------------------------------------------------- */

void batch_stop(struct batch *b, bool cancel)
{
    bool beginning = b->beginning;

    b->stopping = true;
    b->beginning = true; /* so that no other work ends, and begins, meanwhile: `next` stays */
    for (struct work *w = b->works, *next; cancel && w; w = next) {
        next = w->next;
        work_cancel(w);
    }
    b->beginning = beginning;
}

void batch_failed(struct batch *b)
{
    size_t failed = b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED];

    if (b->stopping)
        return;
    if (b->options->on_error == ON_ERROR_STOP)
        batch_stop(b, true);
    else if (b->options->on_error == ON_ERROR_STOP_NEW)
        batch_stop(b, false);
    else if (b->options->on_error == ON_ERROR_PERCENT &&
             failed * 100 > b->inputs.n * (size_t)b->options->percent)
        batch_stop(b, false);
}

/* The first signal takes the running pipelines back, the second ends the process. */
static void on_signal(uv_signal_t *watch, int number)
{
    struct batch *b = watch->data;

    if (b->signal > 0 && !(b->config->finish && !b->cancelled)) {
        for (struct work *w = b->works; w; w = w->next)
            if (w->pipeline)
                (void)leat_pipeline_discard(w->pipeline);
        die_by(number);
    }
    b->cancelled = !b->config->finish || b->signal > 0;
    b->signal = number;
    batch_stop(b, b->cancelled);
    batch_more(b);
}

static void on_tick(uv_timer_t *timer)
{
    tell_progress(timer->data);
}

static int watch_signals(struct batch *b)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    int r = uv_timer_init(&b->loop, &b->tick);

    b->tick.data = b;
    if (r == 0 && tell_wants_ticks(b))
        r = uv_timer_start(&b->tick, on_tick, TICK_MS, TICK_MS);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && r == 0; i++) {
        struct sigaction old;

        if (sigaction(numbers[i], NULL, &old) < 0 || old.sa_handler != SIG_DFL)
            continue;
        r = uv_signal_init(&b->loop, &b->signals[i]);
        b->signals[i].data = b;
        if (r == 0)
            r = uv_signal_start(&b->signals[i], on_signal, numbers[i]);
        uv_unref((uv_handle_t *)&b->signals[i]);
    }
    return r < 0 ? message_fail(b->config, LEAT_EIO, "cannot watch signals: %s", uv_strerror(r))
                 : 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int begin_context(struct batch *b)
{
    struct leat_context_settings settings = {.size = sizeof settings, .threads = b->threads};
    int r;

    settings.memory = b->memory + (b->to_stdout ? OUTLET_MEMORY : 0);
    r = leat_context_new(&settings, &b->context);
    if (r == 0)
        r = leat_context_drive(b->context, &b->loop);
    if (r == 0)
        loop_begin(&b->loop);
    if (r == 0 && b->to_stdout)
        r = outlet_open(b);
    return r < 0 ? message_fail(b->config, r, "cannot begin the batch: %s", leat_strerror(r)) : 0;
}

static int run_on_loop(struct batch *b)
{
    int status = watch_signals(b);

    if (status == 0)
        status = begin_context(b);
    if (status == 0 && b->ledger)
        status = ledger_start(b);
    b->begun_ns = uv_hrtime();
    if (status == 0)
        batch_more(b);
    else
        close_all(b);
    loop_run(&b->loop);
    return status;
}

int batch_run(struct batch *b)
{
    int status;

    b->threads =
        b->config->settings.threads ? b->config->settings.threads : uv_available_parallelism();
    b->memory = b->config->settings.memory ? b->config->settings.memory : LEAT_MEMORY_DEFAULT;
    b->jobs_max = jobs_max(b);
    status = batch_confine(b);
    if (status == 0)
        status = loop_init(b->config, &b->loop);
    if (status != 0)
        return status;
    status = run_on_loop(b);
    outlet_free(b);
    leat_context_unref(b->context);
    loop_done(&b->loop);
    return status;
}
