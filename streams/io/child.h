/* child.h - a child process of a stage: start, signals, end.
 *
 * Without a controlling terminal the child leads a process group of its own, and signals go to the
 * group, so that the children of a shell end with it. On a terminal the child stays in our group:
 * Ctrl-C and Ctrl-Z reach it, and it may read the terminal, as in a pipeline of a shell. Our own
 * signals then go to the child only.
 */
#ifndef LEAT_IO_CHILD_H
#define LEAT_IO_CHILD_H

#include <signal.h>
#include <stdatomic.h>

#include "../stage.h"

#define LEAT_CHILD_GRACE_MS 2000u /* from SIGTERM to SIGKILL */

/* All zero except pid_fd -1: not started. Two stages may share a child; one of them calls
 * leat_child_end. */
struct leat_child {
    int pid_fd; /* open until leat_child_done, so that a signal never hits another process */
    pid_t pid;
    bool leads_group;
    bool by_pid_fd;       /* pid_fd reaches the group, also when its leader is gone (Linux 6.9) */
    atomic_bool live;     /* started, and not waited for yet */
    atomic_bool killed;   /* we ended it: its status means nothing */
    atomic_bool unwanted; /* downstream needed no more: its status does not count */
    _Atomic uint64_t unwanted_ns; /* since when */
    _Atomic uint64_t term_ns;     /* when SIGTERM was sent; 0: not sent */
    atomic_bool killed_hard;
    siginfo_t ended; /* how it ended; set when it is not live any more */
};

enum leat_child_state {
    LEAT_CHILD_RUNS,
    LEAT_CHILD_ENDED_WELL, /* status 0, or one that does not count */
    LEAT_CHILD_FAILED,
};

/* leat_child_start - run argv with `in` and `out` as its standard input and output; -1: inherited
 * from us. Returns 0, or fails the stage. */
int leat_child_start(struct leat_stage *stage, struct leat_child *child, char *const *argv, int in,
                     int out);
enum leat_child_state leat_child_look(const struct leat_child *child);
/* leat_child_kill - send SIGTERM. After the grace time the stage that waits for the child sends
 * SIGKILL. If the child has ended well but processes of its group still run, they are ended if they
 * hold the pipe to or from the child open (`holds_pipe`). No effect on a child that has failed:
 * leat_child_end ends its group. */
void leat_child_kill(struct leat_child *child, bool holds_pipe);
/* leat_child_let_go - downstream needs no more: the status of the child does not count. The stage that waits for it sends
 * SIGTERM if it still runs after the grace time, and SIGKILL after another one. */
void leat_child_let_go(struct leat_child *child);
/* leat_child_end - reap the child. If it failed or was killed, this also ends the rest of its
 * group.
 * Returns LEAT_END; LEAT_WAIT, after it has called leat_wait_*; the failure that the status stands
 * for; or LEAT_ECANCELLED if it was killed. */
int leat_child_end(struct leat_stage *stage, struct leat_child *child);
/* leat_child_await - for the other stage: LEAT_END if the child has ended; else wait for `pid_fd`,
 * a duplicate of the child's, and return LEAT_WAIT. */
int leat_child_await(struct leat_stage *stage, struct leat_child *child, int pid_fd);
/* leat_child_end_group - send SIGTERM to the remaining processes of its group; nobody waits for
 * them. */
void leat_child_end_group(struct leat_child *child);
/* leat_child_done - close the descriptor; kill the child first if it was not waited for. */
void leat_child_done(struct leat_child *child);

#endif
