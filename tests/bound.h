/* bound.h - wait for a child process and tell one that hangs from one that is slow.
 *
 * A bound on elapsed time fails on a slow or a busy machine. Two things show a fault on every
 * machine: a process tree that says nothing, uses nearly no processor time and has no thread that
 * could run (a hang), and one that uses a thousand times the usual processor time without a word
 * (a livelock). A process that polls does neither: a third bound, many times longer, is for it. All
 * are measured from the last progress that the child reports.
 */
#ifndef LEAT_BOUND_H
#define LEAT_BOUND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bound_limits {
    unsigned tick_ms; /* between two looks at the process tree */
    unsigned idle_s;  /* so many seconds of idle looks are a hang; 0: no bound */
    unsigned cpu_s;   /* so much processor time without progress is a livelock; 0: no bound */
    unsigned stall_s; /* so many seconds of looks without progress, whatever it does; 0: no bound */
    int report_fd;    /* where a tree that broke a bound is described */
    /* The child makes progress when this number changes. */
    uint64_t (*progress)(void *context);
    void *context;
    sigset_t forward; /* signals that the child is sent when the caller gets them */
};

enum bound_outcome { BOUND_ENDED, BOUND_HUNG, BOUND_LIVELOCK, BOUND_STALLED };

/* bound_prepare - call it before fork: blocks SIGCHLD and the signals to forward, and makes orphans
 * of the child children of the caller. The child restores `ret_mask` with sigprocmask. */
void bound_prepare(const struct bound_limits *limits, sigset_t *ret_mask);

/* bound_wait - wait for `child`; the status as waitpid gives it goes to ret_status.
 *
 * A child that breaks its bound is described on report_fd (stacks too, if gdb is installed), then
 * it and all of its descendants are killed, and `text` says what happened. */
enum bound_outcome bound_wait(pid_t child, const struct bound_limits *limits, int *ret_status,
                              char *text, size_t text_size);

/* bound_kill_rest - kill all descendants that are left; false if there was none. */
bool bound_kill_rest(void);

#endif
