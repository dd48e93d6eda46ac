/* run.h - what the files share that run a pipeline. */
#ifndef LEAT_CMD_RUN_RUN_H
#define LEAT_CMD_RUN_RUN_H

#include <pthread.h>
#include <signal.h>

#include "../cmd.h"

/* Ends a cancelled run that does not end soon by itself. */
struct stop {
    void (*end)(void *arg, int signal);
    void *arg;
    uint64_t limit_ms; /* of processor time after the signal */
    uint64_t grace_ms; /* of time after it, at least */
    pthread_t thread;
    int wake_fd; /* written when the run has ended */
    bool started, takes_signals;
    sigset_t taken,
        before; /* the signals that the thread takes; those that were blocked before it did */
    /* The thread's own, once it runs. */
    bool begun;
    int signal;
    uint64_t at_ms, cpu_ms; /* when the signal came */
};

/* stop_init - choose the limits for this pipeline.
 *
 *   grace_ms  time that child processes have to end
 *   end       ends the process. The thread of `stop` calls it when the process has used more processor
 *             time after a signal than a cancelled run needs. If `end` returns, because an output would
 *             be incomplete, it is called again after a moment. */
void stop_init(struct stop *stop, const struct config *config, const struct leat_pipeline *pipeline,
               unsigned grace_ms, void (*end)(void *arg, int signal), void *arg);
/* stop_take_signals - run the loop's handlers of these signals in the thread of `stop`. A signal then
 * starts the count although the only thread of the run is in a long call. */
void stop_take_signals(struct stop *stop, const sigset_t *signals);
/* stop_pending - take a signal that the thread has not taken yet: before the loop lets go of the handlers, as it would meet the
 * default action then. Returns its number, or 0. */
int stop_pending(const struct stop *stop);
/* stop_begin - start the count: this signal arrived. */
void stop_begin(struct stop *stop, int signal);
/* stop_end - the run has ended; `end` is not called after this, and does not run. */
void stop_end(struct stop *stop);

#endif
