/* stage_impl.h - the engine's side of a stage: one instance, and what its lanes share. */
#ifndef LEAT_STAGE_STAGE_IMPL_H
#define LEAT_STAGE_STAGE_IMPL_H

#include "edge/gather.h"
#include "memory/writer.h"
#include "outcome/outcome.h"
#include "sched/wait.h"
#include "syntax/tree.h"

struct leat_pipeline;
struct leat_inner;
struct leat_framer;
struct leat_spill;
struct leat_segment;
struct leat_outfile;
struct leat_kept_file;
struct leat_file_map;

/* Data of a side output (LEAT_OPT_SIDE), until the pipeline commits. */
struct leat_side_output {
    struct leat_outfile *file;
    uint8_t *data;
    size_t n;
};

/* The input that a stage needs: leat_plan_last. */
struct leat_last {
    bool given, bytes; /* bytes: not records */
    uint64_t count;
    uint8_t delimiter;
};

/* A file that a source has lent to the stage: leat_input_read. */
struct leat_lent {
    bool given;
    int fd;
    uint64_t start, size; /* where in the file the input begins, and its bytes */
    const char *name;     /* as shown in messages; that of the source */
};

/* Settings of a stage: those of its type, as changed by its `plan`. */
struct leat_stage_plan {
    enum leat_nature nature;
    enum leat_framing framing;
    uint8_t delimiter;
    unsigned flags;
    size_t block, history;
    size_t whole;                   /* leat_plan_whole; 0: pieces of any size */
    unsigned lanes_max;             /* 0: as many as there are threads */
    uint64_t later;                 /* leat_plan_later; 0: nothing */
    uint64_t holds;                 /* leat_plan_holds; 0: nothing */
    uint64_t output_max, ratio_max; /* leat_plan_expansion; 0: none */
    struct leat_part_options part_options;
    bool has_buffer;
    struct leat_buffer buffer; /* between this stage and the next */
    bool takes_text;           /* leat_plan_lines */
    bool steps_first;          /* leat_plan_first */
    struct leat_last last;     /* leat_plan_last */
    bool seeks;                /* leat_plan_seeks */
};

/* Needs of the stage: leat_plan_access. */
struct leat_need {
    enum leat_access kind;
    char *path; /* owned; NULL: the kind has none */
};
struct leat_needs {
    struct leat_need *v;
    size_t n, room;
    bool declared; /* the stage has called leat_plan_access */
};

/* Facts about a stage's input that are known before the run. */
struct leat_stage_input {
    const char *name;                  /* the file whose bytes are the input, or "-" */
    const struct leat_file_map *files; /* the files whose unchanged bytes are the input, or NULL */
    bool binary;                       /* it is compressed: not for a terminal */
    struct leat_file_map *opens;       /* a source of files: the map that it fills; else NULL */
};

/* The lanes of a stage; a stage that is not parallel has one. */
struct leat_stage_lanes {
    atomic_uint most;    /* lanes that may be opened */
    atomic_uint in_use;  /* lanes that were opened; 0: the run has not begun */
    atomic_uint left;    /* instances that have not ended */
    atomic_bool kept;    /* kept_bytes are charged for the first lane, but not by the lane yet */
    uint64_t kept_bytes; /* of leat_keep_lanes */
    uint64_t open_bytes; /* charged by the first lane when it was opened */
};

/* Counters that any thread reads. */
struct leat_stage_counts {
    _Atomic uint64_t joined_bytes; /* parallel stages: output of `join` */
    atomic_uint own_threads;       /* threads of its library */
    _Atomic uint64_t child_cpu_ns; /* of a child process that has ended */
    _Atomic uint64_t pos, total;   /* sources: leat_position */
    _Atomic uint64_t dropped;      /* bytes that slow branches lost */
    _Atomic uint64_t charged;      /* bytes, by all instances */
    _Atomic uint64_t unread;       /* bytes sent to it but never read, because it had ended */
};

/* How the files of parts are named, for a sink and the digest before it. */
struct leat_part_names {
    /* With {n}; `by_stage`: the directory for the names that the stage gives, with a slash at its
     * end. NULL: the stage writes no parts. */
    const char *template;
    bool by_stage;
};

/* For --sums: the digest stage before each output. */
struct leat_stage_sums {
    bool is_digest;                       /* its line is for the list */
    const struct leat_stage_info *digest; /* of an output: the digest before it; NULL: none */
};

/* Has another stage failed? Any thread. */
struct leat_stage_failed {
    atomic_bool below; /* downstream of it */
    atomic_bool above; /* upstream of it */
};

/* For a source of which only a range is wanted. */
struct leat_stage_range {
    const struct leat_stage_info *cut; /* of the decoder: the stage that cuts its output, or NULL */
    const struct leat_stage_type *decoder; /* of the source: the decoder of the frames */
};

/* One stage of the tree, or one that the engine added: the part that all its instances share. Fixed
 * during the run, except `lanes`, `count`, the side output and `failed`. */
struct leat_stage_info {
    const struct leat_node *node;
    const struct leat_stage_type *type; /* for LEAT_BY_PLACE: the type that was picked */
    const char *name;
    char *text;
    int number;
    int segment;
    size_t index; /* among the stages that are not hidden */
    bool hidden;  /* added by the engine, not in the tree */
    struct leat_stage_plan plan;
    struct leat_stage_input input;
    struct leat_last
        last; /* of a source: what the next stage needs, if the source may begin there */
    struct leat_stage_info
        *lends_to; /* of a source: the next stage, which reads a file at any offset; or NULL */
    struct leat_lent lent; /* of that stage */
    struct leat_stage_lanes lanes;
    struct leat_stage_counts count;
    struct leat_part_names part;
    struct leat_side_output side;
    struct leat_kept_file *files; /* of leat_read_file */
    struct leat_needs needs;
    struct leat_stage_sums sums;
    struct leat_stage_failed failed;
    struct leat_detached *detached;     /* the innermost detached branch around it, or NULL */
    struct leat_stage_info *next_shown; /* of a hidden stage: the next stage */
    struct leat_stage_range range;
    struct leat_inner *inner; /* of LEAT_INNER: its branch; or NULL */
};

/* leat_unread_of - the counter of bytes that this stage never read. */
static inline _Atomic uint64_t *leat_unread_of(struct leat_stage_info *info)
{
    while (info->hidden && info->next_shown)
        info = info->next_shown;
    return &info->count.unread;
}

/* The thread of a blocking source or sink. It runs beside the engine, so its errors have a place of
 * their own until `run` has returned. Thread: that one, except for `thread`, which is fixed. */
struct leat_runner {
    pthread_t thread;
    bool has_input;  /* a sink */
    uint64_t offset; /* of the piece of input that it has */
    struct leat_error failure;
};

struct leat_stage {
    struct leat_pipeline *pipeline;
    struct leat_stage_info *info;
    const struct leat_stage_type *type;
    struct leat_segment *segment; /* NULL: a cutter or joiner */
    struct leat_stage *shared;    /* middle_out: its middle_in */
    void *state;
    uint64_t note;                /* cutter: leat_note for the next block */
    bool keeps_lanes;             /* cutter: leat_keep_lanes was called */
    void *result;                 /* lane: result of the current block */
    uint64_t part;                /* in a branch of split: the number of the part */
    struct leat_strings operands; /* in a branch of split: with this number; n 0: as written */
    char *part_name;
    const char *part_below; /* not NULL: the name comes from data, and stays below this directory */
    size_t part_below_n;    /* bytes of part_name before the name from data */
    const char *part_words[2];
    struct leat_stage *renewed; /* in a branch of split: the instance for the next part */
    bool prepared;
    bool open_called, closed, planning;
    bool ended; /* it returned LEAT_END: a sink may commit */
    bool commit_begun, committed;
    uint64_t
        position; /* of a source, for its next flush marker: see leat_checkpoint_set; 0: none */
    bool rotation_asked; /* see leat_rotation_asked */
    uint64_t charged;
    struct leat_gather gather; /* with plan.whole, from open to close */
    struct leat_room *rooms;   /* buffers of its writers */
    bool room_refused;         /* leat_reserve_least failed: `failure` has the reason */
    struct leat_out *out;      /* its writer; NULL: a cutter or joiner */
    uint64_t kept;            /* part of `charged`: reserved for the next leat_charge of the lane */
    const struct leat_in *in; /* during a step: for the offset of an error */
    struct leat_error failure;
    struct leat_wants wants; /* what this step asked to wait for */
    struct leat_wait wait;
    struct leat_waker *waker; /* a reference; NULL: none was made */
    uint64_t alarm_ms;        /* requested, not armed yet */
    struct leat_wait alarm;
    int watch_fd; /* requested, not armed yet; -1: none */
    bool watch_gone;
    uint64_t watch_ms;
    struct leat_wait watch;
    struct leat_blocking *blocking; /* LEAT_BLOCKING, once it has begun */
    struct leat_runner *runner;     /* of a blocking source or sink, once it has begun; or NULL */
};

/* leat_stage_new - an instance with zeroed state. NULL: out of memory. */
struct leat_stage *leat_stage_new(struct leat_pipeline *pipeline, struct leat_stage_info *info);
void leat_stage_free(struct leat_stage *stage); /* closed, or never opened */
int leat_stage_open(struct leat_stage *stage);
/* leat_stage_prepare - call the sink's prepare, once, if the stage has ended well. A failure is
 * reported and prevents its commit. Returns 0; or the error, if the pipeline has failed with it. */
int leat_stage_prepare(struct leat_stage *stage);
/* leat_stage_charge_spare - charge the pool with optional memory; false: there is no spare memory.
 * The bytes are not counted as the stage's yet. */
bool leat_stage_charge_spare(struct leat_stage *stage, uint64_t bytes);
/* leat_stage_keep - hand over to this lane bytes that are charged to the pool already, for its next
 * leat_charge. */
void leat_stage_keep(struct leat_stage *stage, uint64_t bytes);
/* leat_stage_add_charge - count n bytes that are charged to the pool as the stage's. */
void leat_stage_add_charge(struct leat_stage *stage, uint64_t n);
/* leat_stage_take_charge - count them as the stage's no longer. */
void leat_stage_take_charge(struct leat_stage *stage, uint64_t n);
void leat_stage_close(struct leat_stage *stage); /* a second call has no effect */
/* leat_stage_plan - call the type's plan, which may call leat_plan_*. */
int leat_stage_plan(struct leat_stage *stage);
/* leat_plan_check - plan_check.c: can the engine run what the plan asked for? Returns 0, or fails the stage. */
int leat_plan_check(struct leat_stage *stage);
/* leat_stage_disown - memory of leat_alloc shall outlive the stage; leat_disowned_free frees it. */
void leat_stage_disown(struct leat_stage *stage, void *memory);
void leat_disowned_free(struct leat_pool *pool, void *memory);
/* leat_stage_stops - after leat_stage_stop, is the stage stepped until it ends, instead of closed? */
bool leat_stage_stops(const struct leat_stage *stage);
/* leat_stage_stop - ask a stage with leat_stage_stops to end. */
void leat_stage_stop(struct leat_stage *stage, enum leat_stop why);
/* leat_stage_runs_beside - does the type's `run` not take turns with the engine? */
static inline bool leat_stage_runs_beside(const struct leat_stage_type *type)
{
    return type->run && type->kind != LEAT_TRANSFORM && !(type->flags & LEAT_PARTS);
}
/* blocking.c: the step of a stage that has a thread.
 *
 * leat_blocking_runs - has `run` begun and not returned? NULL: no.
 * leat_blocking_cancel - a source or a sink: from now on the calls of `run` fail, and a step only
 *   waits until it has returned.
 * leat_blocking_end - join the thread. One that takes turns may first need a turn; any other has
 *   ended. */
int leat_blocking_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
bool leat_blocking_runs(struct leat_blocking *blocking);
void leat_blocking_cancel(struct leat_blocking *blocking);
void leat_blocking_end(struct leat_stage *stage);
/* leat_blocking_next_step - in a `run` that takes turns: end the current step and wait for the next
 * one. Returns 0 or LEAT_ECANCELLED. */
int leat_blocking_next_step(struct leat_blocking *blocking);
/* leat_stage_expansion - check the limits of leat_plan_expansion: `made` bytes of output in all,
 * `used` bytes of input consumed for it. Fails the stage if it exceeds one. Returns how many of the
 * last bytes are too many; 0: none. */
uint64_t leat_stage_expansion(struct leat_stage *stage, uint64_t made, uint64_t used);
/* leat_access_has_path - does the kind name a file, a directory or a port? TEMPORARY may. */
bool leat_access_has_path(enum leat_access kind);

struct leat_port {
    bool listens; /* else it is one to connect to */
    uint16_t number;
};

/* leat_access_is_port - read the path of LEAT_ACCESS_PORT. Returns false, and *ret need not be set, if it is none. */
bool leat_access_is_port(const char *text, struct leat_port *ret);
/* leat_lent_set - lend a file to the stage; its descriptor becomes that of the stage. leat_lent_done - close it, if there is
 * one. Thread: the one that runs the source, before its end, and then the one that runs the stage. */
void leat_lent_set(struct leat_stage_info *info, const struct leat_lent *lent);
void leat_lent_done(struct leat_stage_info *info);

/* leat_needs_add - like leat_plan_access, for the engine. */
int leat_needs_add(struct leat_stage *stage, const char *path, enum leat_access kind);
/* leat_needs_done - forget what the stage needs. */
void leat_needs_done(struct leat_needs *needs);
/* leat_stage_forced - is settings.force set? */
bool leat_stage_forced(const struct leat_stage *stage);
/* leat_fail_record - fail the stage with LEAT_ELIMIT: its framer has refused a record, because it
 * is too long or does not fit in memory. */
void leat_fail_record(struct leat_stage *stage, const struct leat_framer *framer);
/* leat_fail_spill - fail the stage: the temporary file cannot be written or read. Returns the code.
 * */
int leat_fail_spill(struct leat_stage *stage, const struct leat_spill *spill);
const char *leat_stage_side_path(const struct leat_node *node);

/* leat_plan_holds - for `plan`: chunks with so many bytes stay outside of the segments. */
void leat_plan_holds(struct leat_stage *stage, uint64_t bytes);

#endif
