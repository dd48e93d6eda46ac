/* run.c - a pipeline on a loop: signals, progress, outcome, exit status.
 *
 * The first fatal signal cancels the pipeline, which removes the uncommitted outputs. The process
 * then ends by the same signal, so that a shell loop around it stops too. After a second signal,
 * when the grace time since the first has passed, the process removes the temporary files and ends
 * at once: by then something hangs. With --on-interrupt=finish the first signal that asks for the end only ends the
 * sources, and the next one is the first.
 */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "run.h"

#define GROUP_SIGNAL_MS 100u
#define LAST_WORDS_MS 250u   /* for a standard error that is not read */
#define LAST_FILES_MS 10000u /* for the report and the trace, which can be large */
#define GRACE_MS 3000u       /* a child that ignores SIGTERM is gone by then */

/* The signals whose default action ends the process and that do not report a fault in it. */
static const struct {
    int number;
    const char *name;
} signals[] = {
    {SIGINT, "SIGINT"},   {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"},       {SIGUSR1, "SIGUSR1"},
    {SIGQUIT, "SIGQUIT"}, {SIGUSR2, "SIGUSR2"}, {SIGALRM, "SIGALRM"},     {SIGXCPU, "SIGXCPU"},
    {SIGPROF, "SIGPROF"}, {SIGPOLL, "SIGPOLL"}, {SIGVTALRM, "SIGVTALRM"}, {SIGPWR, "SIGPWR"},
};
#define N_SIGNALS (sizeof signals / sizeof *signals)

struct run {
    const struct config *config;
    struct leat_pipeline *pipeline;
    struct leat_context *context; /* NULL: the pipeline runs on the loop alone */
    uv_loop_t loop;
    uv_signal_t watches[N_SIGNALS];
    uv_timer_t tick, grace, look;
    uv_idle_t idle; /* with `check`: one last iteration, which does not wait */
    uv_check_t check;
    struct progress progress;
    struct watch watch;
    struct writer err; /* standard error during the run */
    int signal;        /* the signal that cancelled the run, or 0 */
    uint64_t signal_ms;
    bool
        rotates; /* a stage makes parts over time: SIGHUP ends the part, and the end is as with finish */
    bool finishing;   /* a signal has ended the sources */
    bool done;        /* the pipeline has ended; signals are still taken until close_all */
    struct stop stop; /* after a signal */
};

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct run *run)
{
    int pending = stop_pending(&run->stop);

    if (pending > 0 && run->done)
        run->signal = pending;
    leat_context_detach(run->context);
    uv_walk(&run->loop, close_handle, NULL);
}

static void on_waited(uv_timer_t *timer)
{
    close_all(timer->data);
}

static void on_polled(uv_check_t *check)
{
    close_all(check->data);
}

static void on_iteration(uv_idle_t *idle)
{
    struct run *run = idle->data;

    if (uv_check_start(&run->check, on_polled) < 0)
        close_all(run);
}

/* The pipeline has no handles left on the loop. One more iteration reads the signals that have
 * arrived. A signal to the process group may have ended a child before it reaches this process, so
 * the loop waits for it. */
static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct run *run = arg;
    bool by_signal = error && error->code == LEAT_ECHILD && error->child_signal > 0;
    int r = 0;

    (void)pipeline;
    run->done = true;
    if (run->signal > 0)
        close_all(run);
    else if (by_signal)
        r = uv_timer_start(&run->tick, on_waited, GROUP_SIGNAL_MS, 0);
    else
        r = uv_idle_start(&run->idle, on_iteration);
    if (r < 0)
        close_all(run);
}

static _Noreturn void end_at_once(struct run *run)
{
    (void)leat_pipeline_discard(run->pipeline); /* the user wants the end, whatever is left */
    die_by(run->signal);
}

static const char *signal_name(int number)
{
    for (size_t i = 0; i < N_SIGNALS; i++)
        if (signals[i].number == number)
            return signals[i].name;
    return "a signal";
}

/* The run was cancelled and goes on for long: outputs go, and what can be said is said. It returns if an
 * output would be half there: the run is waited for. Thread: the one of `stop`; the loop does nothing more
 * but wait for libraries. */
static void end_late(void *arg, int number)
{
    struct run *run = arg;
    struct leat_error error = {.size = sizeof error, .code = LEAT_ECANCELLED};

    if (!leat_pipeline_discard(run->pipeline))
        return;
    die_soon(number, 0, LAST_WORDS_MS);
    (void)snprintf(error.text, sizeof error.text, "stopped by %s", signal_name(number));
    /* The progress is the loop's, and the loop may still be at it: its line is left as it is. */
    if (run->config->err.tty && write(STDERR_FILENO, "\n", 1) < 0)
        die_by(number);
    if (!run->config->quiet)
        message_error(run->config, &error, NULL, 128 + number);
    die_by(number);
}

static void on_grace(uv_timer_t *timer)
{
    end_at_once(timer->data);
}

static bool asks_for_the_end(int number)
{
    return number == SIGINT || number == SIGTERM || number == SIGHUP;
}

static void on_signal(uv_signal_t *watch, int number)
{
    struct run *run = watch->data;
    uint64_t since;
    char text[64];

    if (number == SIGUSR1) {
        if (run->signal == 0)
            progress_status(&run->progress);
        return;
    }
    if (number == SIGHUP && run->rotates && run->signal == 0) {
        (void)leat_pipeline_rotate(run->pipeline); /* it does, as it did */
        return;
    }
    if ((run->config->finish || run->rotates) && !run->finishing && asks_for_the_end(number)) {
        run->finishing = true;
        leat_pipeline_finish(run->pipeline);
        return;
    }
    if (run->signal == 0) {
        run->signal = number;
        run->signal_ms = uv_now(&run->loop);
        if (run->done) /* on_waited or on_polled follows */
            return;
        snprintf(text, sizeof text, "stopped by %s", signal_name(number));
        leat_pipeline_cancel(run->pipeline, LEAT_ECANCELLED, text);
        stop_begin(&run->stop, number);
        return;
    }
    since = uv_now(&run->loop) - run->signal_ms;
    run->signal = number;
    if (uv_timer_start(&run->grace, on_grace, since < GRACE_MS ? GRACE_MS - since : 0, 0) < 0)
        end_at_once(run);
}

static void on_tick(uv_timer_t *timer)
{
    struct run *run = timer->data;

    progress_tick(&run->progress);
}

static void on_look(uv_timer_t *timer)
{
    struct run *run = timer->data;

    watch_tick(&run->watch);
}

/* A signal that the parent process ignores stays ignored (nohup, a background job of a shell). An
 * existing handler belongs to a profiler, and stays. */
static bool is_taken(int number)
{
    struct sigaction old;

    return sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_DFL;
}

static int start_handles(struct run *run)
{
    unsigned interval = progress_interval_ms(&run->progress);
    unsigned looks = watch_interval_ms(&run->watch);
    int r = uv_timer_init(&run->loop, &run->tick);
    sigset_t ours;

    run->tick.data = run->grace.data = run->look.data = run->idle.data = run->check.data = run;
    if (r == 0)
        r = uv_timer_init(&run->loop, &run->grace);
    if (r == 0)
        r = uv_timer_init(&run->loop, &run->look);
    if (r == 0)
        r = uv_idle_init(&run->loop, &run->idle);
    if (r == 0)
        r = uv_check_init(&run->loop, &run->check);
    if (r == 0 && looks > 0)
        r = uv_timer_start(&run->look, on_look, looks, looks);
    if (r == 0 && interval > 0)
        r = uv_timer_start(&run->tick, on_tick, progress_delay_ms(&run->progress), interval);
    sigemptyset(&ours);
    for (size_t i = 0; i < N_SIGNALS && r == 0; i++) {
        if (is_taken(signals[i].number))
            continue;
        if (signals[i].number != SIGUSR1)
            sigaddset(&ours, signals[i].number);
        r = uv_signal_init(&run->loop, &run->watches[i]);
        run->watches[i].data = run;
        if (r == 0)
            r = uv_signal_start(&run->watches[i], on_signal, signals[i].number);
    }
    stop_init(&run->stop, run->config, run->pipeline, GRACE_MS, end_late, run);
    run->rotates = leat_pipeline_rotate(run->pipeline) > 0; /* there is no part yet */
    if (r == 0 && !run->context && !run->config->finish && !run->rotates)
        stop_take_signals(&run->stop, &ours);
    return r;
}

/* Report lost data after success and failure: it may be the reason of a failure. */
static void warn(const struct run *run, const struct job *job)
{
    struct leat_error warning = LEAT_INIT(leat_error);

    for (size_t i = 0; leat_pipeline_warning(job->pipeline, i, &warning) > 0; i++)
        message_warning(run->config, &warning);
}

/* Has standard output lost its reader? If not, another pipe has, such as a FIFO in a branch. */
static bool stdout_is_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO};

    return poll(&p, 1, 0) == 1; /* no events requested: poll reports only errors */
}

/* After a signal or a timeout the process ends in any case, even if a write hangs. */
static void end_within(const struct run *run, const struct leat_error *error, unsigned ms)
{
    if (run->signal > 0 || (error && error->code == LEAT_ETIMEDOUT))
        die_soon(run->signal, leat_exit_status(LEAT_ETIMEDOUT), ms);
}

/* The exit status of the run; *ret_signal: the signal by which the process ends, or 0. */
static int exit_status(const struct run *run, const struct leat_error *error, int *ret_signal)
{
    *ret_signal = 0;
    if (!error)
        return 0;
    if (error->code == LEAT_EPIPE && stdout_is_gone())
        *ret_signal = SIGPIPE; /* the reader of standard output is gone: no message */
    else if (run->signal > 0)  /* the signal may have ended a child first */
        *ret_signal = run->signal;
    return *ret_signal > 0 ? 128 + *ret_signal : leat_exit_status(error->code);
}

/* Report the outcome. Returns the exit status, or ends the process by the signal of the run. */
static int finish(struct run *run, const struct job *job, int started)
{
    const struct leat_error *error = leat_pipeline_error(job->pipeline);
    struct leat_error own = {.size = sizeof own, .code = started};
    int status, number, side_status, file_status;

    stop_end(&run->stop);
    end_within(run, error, LAST_WORDS_MS);
    progress_end(&run->progress);
    run->watch.log_error = writer_done(&run->err);
    if (!error && started < 0)
        error = &own;
    side_status = stats_write(run->config, job, error != NULL);
    end_within(run, error, LAST_FILES_MS);
    status = exit_status(run, error, &number);
    file_status = watch_end(&run->watch, error, error ? status : side_status);
    side_status = file_status != 0 ? file_status : side_status;
    end_within(run, error, LAST_WORDS_MS);
    warn(run, job);
    if (!error)
        return side_status;
    if (number != SIGPIPE && !(number > 0 && run->config->quiet))
        message_error(run->config, error, NULL, status);
    if (number > 0)
        die_by(number);
    return status;
}

/* With a context: its workers open outputs as soon as it starts, so the first iteration of the loop comes before. */
static int start(struct run *run)
{
    int r;

    if (!run->context)
        return leat_pipeline_start(run->pipeline, &run->loop, on_done, run);
    r = leat_context_drive(run->context, &run->loop);
    if (r < 0)
        return r;
    loop_begin(&run->loop);
    return leat_pipeline_start(run->pipeline, NULL, on_done, run);
}

static int run_on_loop(struct run *run, struct job *job)
{
    int r, started = 0;

    progress_init(&run->progress, run->config, job, &run->err);
    r = start_handles(run);
    if (r == 0)
        started = start(run);
    if (r < 0 || started < 0)
        close_all(run);
    else
        watch_start(&run->watch);
    loop_run(&run->loop);
    if (r == 0)
        return finish(run, job, started);
    stop_end(&run->stop);
    progress_end(&run->progress);
    (void)writer_done(&run->err); /* the failure is reported below */
    watch_done(&run->watch);
    return message_fail(run->config, LEAT_EIO, "cannot watch signals: %s", uv_strerror(r));
}

int run_job(const struct config *c, struct job *job)
{
    struct run run = {.config = c, .pipeline = job->pipeline, .context = job->context};
    int status;

    writer_init(&run.err, STDERR_FILENO);
    run.err.json = c->json;
    status = watch_begin(&run.watch, c, job, &run.err);
    if (status == 0) /* before any other thread, and before libuv looks for io_uring */
        status = sandbox_enter(c, job->pipeline, 0, NULL);
    if (status == 0)
        status = loop_init(c, &run.loop);
    if (status != 0) {
        (void)writer_done(&run.err); /* nothing is queued yet */
        watch_done(&run.watch);
        return status;
    }
    status = run_on_loop(&run, job);
    loop_done(&run.loop);
    return status;
}
