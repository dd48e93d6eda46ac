/* child.h - a child process of a stage: start, signals, end.
 *
 * Where there is no controlling terminal the child leads a process group of its own, and signals go to
 * the group, so that the children of a shell end with it. On a terminal the child stays in our group:
 * Ctrl-C and Ctrl-Z reach it, and it may read the terminal, as in a shell's pipeline; signals of ours
 * then go to the child alone.
 */
#ifndef LEAT_CHILD_H
#define LEAT_CHILD_H

#include <signal.h>
#include <stdatomic.h>

#include "../stage.h"

#define LEAT_CHILD_GRACE_MS 2000u /* from SIGTERM to SIGKILL */

/* All zero but pid_fd, which is -1: none was started. Two stages may share one; one of them calls
 * leat_child_end. */
struct leat_child {
    int pid_fd; /* open until leat_child_done, so that a signal never hits another process */
    pid_t pid;
    bool leads_group;
    bool by_pid_fd;       /* pid_fd reaches the group, also when its leader is gone (Linux 6.9) */
    atomic_bool live;     /* started, and not waited for */
    atomic_bool killed;   /* we ended it: its status says nothing */
    atomic_bool unwanted; /* downstream wanted no more: its status does not count */
    _Atomic uint64_t term_ns; /* when SIGTERM was sent; 0: not */
    atomic_bool killed_hard;
    siginfo_t ended; /* how; set when it is not live any more */
};

enum leat_child_state {
    LEAT_CHILD_RUNS,
    LEAT_CHILD_ENDED_WELL, /* status 0, or one that does not count */
    LEAT_CHILD_FAILED,
};

/* leat_child_start - run argv with `in` and `out` as its standard input and output; -1: ours.
 * Returns 0, or fails the stage. */
int leat_child_start(struct leat_stage *stage, struct leat_child *child, char *const *argv, int in,
                     int out);
enum leat_child_state leat_child_look(const struct leat_child *child);
/* leat_child_kill - send SIGTERM, and SIGKILL after the grace time: the stage that waits for the child
 * sends that. A child that has ended well may have left others of its group at work: they are ended if
 * the pipe to or from the child is still open (`holds_pipe`). No effect on a child that has failed:
 * leat_child_end ends its group. */
void leat_child_kill(struct leat_child *child, bool holds_pipe);
/* leat_child_end - reap the child. If it failed or was killed, also the rest of its group is gone
 * after that. Returns LEAT_END; LEAT_WAIT: it was asked of the stage; or the failure that its status
 * is, and LEAT_ECANCELLED if it was killed. */
int leat_child_end(struct leat_stage *stage, struct leat_child *child);
/* leat_child_await - for the other stage: LEAT_END when the child has ended, else LEAT_WAIT, by
 * `pid_fd`, a duplicate of the child's. */
int leat_child_await(struct leat_stage *stage, struct leat_child *child, int pid_fd);
/* leat_child_end_group - send SIGTERM to those of its group that are left, which nobody waits for. */
void leat_child_end_group(struct leat_child *child);
/* leat_child_done - close; a child that was not waited for is killed first. */
void leat_child_done(struct leat_child *child);

#endif
