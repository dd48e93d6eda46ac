/* ends.h - an end of a pipeline that is in the program: what it pushes in, or pulls out.
 *
 * An end is a stage with one more side. The stage is the reader or the writer of a bounded queue of slices, as a segment
 * is of an edge, and the program is the other one. Large pieces pass by reference. The lock of an end comes before
 * those of the pool, of a waker and of the context.
 */
#ifndef LEAT_RUN_ENDS_H
#define LEAT_RUN_ENDS_H

#include "memory/writer.h"
#include "pipeline.h"
#include "sched/waker.h"

struct leat_end {
    struct leat_end *next; /* of the same pipeline */
    bool is_push;
    uint64_t high, low; /* bytes */
    uint64_t lot;       /* bytes for which the stage is woken in a burst; less than `high` */
    leat_ready_cb ready;
    void *user;
    struct leat_pipeline *pipeline; /* set when it is built; it outlives this */
    struct leat_notice notice;
    struct leat_pool_waiter
        memory; /* wakes `visit`: a wake under the pool's lock must not take that of an end */
    struct leat_visit visit;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock: */
    struct leat_slice_queue queue;
    struct leat_out out;      /* fills the queue; used by the side that writes */
    uint64_t held;            /* bytes in the queue */
    struct leat_waker *waker; /* of the stage; NULL: it is not open */
    struct leat_actor *actor; /* of the stage */
    bool plain,
        lends;        /* may a thread of the program run it: what the stages are, and in this run */
    bool stage_waits; /* for the program */
    /* Push: many small pieces come, so the stage is woken for several at once: when `lot` bytes are held, when the
     * program waits or refuses to, and at the next tick, for which `visit` is timed. */
    bool burst;
    bool due;  /* the stage takes all that is held, in a burst, too */
    bool took; /* it has, since the last tick */
    unsigned pieces, taken,
        ticked;   /* number of pushes; of those until the last step, and the last tick; they wrap */
    bool refused; /* the program got less than it wanted, and is told when there is more */
    bool ended;   /* push: leat_end_finish was called. pull: the stage has its last byte */
    bool closed;  /* the stage is gone */
    bool dismissed; /* pull: the program needs no more */
    bool over;      /* the run has ended: `code` is its outcome */
    int code;       /* push: also the code of leat_end_abort */
    char *why;      /* the text of leat_end_abort */
};

/* leat_end_new - NULL: out of memory. leat_end_free - as the drop of an own stage. */
struct leat_end *leat_end_new(bool is_push, const struct leat_end_settings *settings);
void leat_end_free(void *end);
/* leat_end_read_settings - check the settings of a program, or NULL, and fill in the defaults. Returns 0 or LEAT_E*. */
int leat_end_read_settings(const struct leat_end_settings *given, struct leat_end_settings *ret);
/* leat_end_attach - the pipeline is built. When it is freed, what its ends hold is dropped. */
void leat_end_attach(struct leat_end *end, struct leat_pipeline *pipeline);
/* leat_ends_over - the run has ended with this code. Thread: the context's. */
void leat_ends_over(struct leat_pipeline *pipeline, int code);

/* leat_end_fd_new - the user pointer of a stage of leat_end_fd_type: a duplicate of the descriptor. NULL: errno has the
 * reason. */
struct leat_end_fd;
struct leat_end_fd *leat_end_fd_new(int fd);
extern const struct leat_stage_type leat_end_fd_type;
/* leat_builder_finish_inner - leat_builder_finish, also without a context for the ends, if it never runs. */
int leat_builder_finish_inner(struct leat_builder *builder, const struct leat_settings *settings,
                              struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);

extern const struct leat_stage_type leat_end_push_type, leat_end_pull_type;

#endif
