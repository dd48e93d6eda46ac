/* stage_impl.h - the engine's side of a stage: one instance, and what its lanes share. */
#ifndef LEAT_STAGE_IMPL_H
#define LEAT_STAGE_IMPL_H

#include "memory/cursor.h"
#include "outcome/outcome.h"
#include "sched/wait.h"
#include "syntax/tree.h"

struct leat_pipeline;
struct leat_framer;
struct leat_spill;
struct leat_segment;
struct leat_outfile;
struct leat_kept_file;
struct leat_file_map;

/* What an option of kind LEAT_OPT_SIDE collects, until the pipeline commits. */
struct leat_side_output {
    struct leat_outfile *file;
    uint8_t *data;
    size_t n;
};

/* What a stage asks for in its `plan`; before that, what its type says. */
struct leat_stage_plan {
    enum leat_nature nature;
    enum leat_framing framing;
    uint8_t delimiter;
    unsigned flags;
    size_t block, history;
    unsigned lanes_max;             /* 0: as many as there are threads */
    uint64_t later;                 /* leat_plan_later; 0: nothing */
    uint64_t output_max, ratio_max; /* leat_plan_expansion; 0: none */
    struct leat_part_options part_options;
    bool has_buffer;
    struct leat_buffer buffer; /* between this stage and the next */
    bool takes_text;           /* leat_plan_lines */
};

/* What is known of a stage's input before it runs. */
struct leat_stage_input {
    const char *name;                  /* of the file whose bytes it is, or "-" */
    const struct leat_file_map *files; /* whose bytes it is, unchanged; or NULL */
    bool binary;                       /* it is compressed: not for a terminal */
};

/* The lanes of a stage; one that is not parallel has one. */
struct leat_stage_lanes {
    atomic_uint in_use; /* all that could be opened */
    atomic_uint left;   /* instances that have not ended */
    atomic_uint kept;   /* lanes for which kept_bytes each are charged, and not by them */
    uint64_t kept_bytes;
    uint64_t open_bytes; /* charged by the first lane when it was opened */
};

/* Counters that any thread reads. */
struct leat_stage_counts {
    _Atomic uint64_t joined_bytes; /* a parallel stage's: what its join wrote */
    atomic_uint own_threads;       /* of its library */
    _Atomic uint64_t child_cpu_ns; /* of a child process that has ended */
    _Atomic uint64_t pos, total;   /* a source's */
    _Atomic uint64_t dropped;      /* bytes that slow branches lost */
    _Atomic uint64_t unread;       /* bytes on their way to it that it never took: it had ended */
};

/* One stage of the tree, or one that the engine put in: what all instances of it share. Fixed while it
 * runs, but for `lanes` and `count`, the side output and failed_below. */
struct leat_stage_info {
    const struct leat_node *node;
    const struct leat_stage_type *type; /* of a duplex: the half that this is */
    const char *name;
    char *text;
    int number;
    int segment;
    size_t index; /* among the stages that show */
    bool hidden;  /* the engine's own, not of the tree */
    struct leat_stage_plan plan;
    struct leat_stage_input input;
    struct leat_stage_lanes lanes;
    struct leat_stage_counts count;
    const char *part_template;        /* the name of a part's file, with {n}; NULL: it makes none */
    struct leat_file_map *files_read; /* of a `read`: its own; or NULL */
    struct leat_side_output side;
    struct leat_kept_file *files;            /* of leat_read_file */
    bool for_sums;                           /* a digest before an output: its line is for --sums */
    const struct leat_stage_info *digest;    /* of an output: that digest; NULL: none */
    atomic_bool failed_below;                /* its output goes to a stage that has failed */
    atomic_bool failed_above;                /* its input comes from one */
    struct leat_detached *detached;          /* the innermost such branch that it is in, or NULL */
    struct leat_stage_info *behind;          /* of a hidden stage, what follows it */
    const struct leat_stage_info *range_cut; /* what cuts its output, or NULL */
    const struct leat_stage_type *range_decoder; /* of read --range: what decodes the frames */
};

/* leat_unread_of - where bytes that this stage never took are counted. */
static inline _Atomic uint64_t *leat_unread_of(struct leat_stage_info *info)
{
    while (info->hidden && info->behind)
        info = info->behind;
    return &info->count.unread;
}

struct leat_stage {
    struct leat_pipeline *pipeline;
    struct leat_stage_info *info;
    const struct leat_stage_type *type;
    struct leat_segment *segment; /* NULL: a cutter or joiner */
    struct leat_stage *shared;    /* middle_out: its middle_in */
    void *state;
    uint64_t note;                /* a cutter's, for the block that begins next */
    bool keeps_lanes;             /* a cutter's: leat_keep_lanes was called */
    void *result;                 /* a lane's, of the current block */
    uint64_t part;                /* in a branch of split: the number of the part */
    struct leat_strings operands; /* there: with that number filled in; n is 0: as written */
    char *part_name;
    const char *part_words[2];
    struct leat_stage *renewed; /* there: the instance for the next part */
    bool prepared;
    bool open_called, closed, planning;
    bool ended; /* it said LEAT_END: a sink may commit */
    bool committed;
    uint64_t charged;
    uint64_t kept;            /* of it: for what the lane will hold from its first block on */
    const struct leat_in *in; /* during a step: for the offset of an error */
    struct leat_error failure;
    int wait_fd;
    bool wait_writable;
    uint64_t wait_ms;
    struct leat_wait wait;
    uint64_t alarm_ms; /* asked for and not armed yet */
    struct leat_wait alarm;
    int watch_fd; /* asked for and not armed yet; -1: none */
    bool watch_gone;
    uint64_t watch_ms;
    struct leat_wait watch;
    struct leat_blocking *blocking; /* LEAT_BLOCKING, once it has begun */
};

/* leat_stage_new - an instance with zeroed state. NULL: out of memory. */
struct leat_stage *leat_stage_new(struct leat_pipeline *pipeline, struct leat_stage_info *info);
void leat_stage_free(struct leat_stage *stage); /* closed, or never opened */
int leat_stage_open(struct leat_stage *stage);
/* leat_stage_prepare - the sink's prepare, once, if the stage has ended well. Its failure is reported,
 * and it does not commit then. Returns 0; or the error, if the pipeline has failed with it. */
int leat_stage_prepare(struct leat_stage *stage);
/* leat_stage_charge_spare - charge the pool with what the stage could do without; false: there is no
 * spare memory. It is not the stage's yet. */
bool leat_stage_charge_spare(struct leat_stage *stage, uint64_t bytes);
/* leat_stage_keep - bytes that have been charged to the pool for what this lane will charge. */
void leat_stage_keep(struct leat_stage *stage, uint64_t bytes);
void leat_stage_close(struct leat_stage *stage); /* at most once has an effect */
/* leat_stage_plan - calls the type's plan, with what it may change. */
int leat_stage_plan(struct leat_stage *stage);
/* leat_stage_disown - memory of leat_alloc outlives the stage; leat_disowned_free frees it. */
void leat_stage_disown(struct leat_stage *stage, void *memory);
void leat_disowned_free(struct leat_pool *pool, void *memory);
/* leat_stage_step - one step; of a LEAT_BLOCKING stage, its thread's turn. */
int leat_stage_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
/* blocking.c: the step of a stage that has a thread; and its end, which waits for the thread. */
int leat_blocking_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
void leat_blocking_end(struct leat_blocking *blocking); /* NULL is fine */
/* leat_stage_expansion - has it given too much? Fails the stage if it has: `made` bytes in all, for
 * which `used` bytes of its input were taken. Returns how many of the last bytes are too many, 0: none. */
uint64_t leat_stage_expansion(struct leat_stage *stage, uint64_t made, uint64_t used);
/* leat_stage_forced - does settings.force stand? */
bool leat_stage_forced(const struct leat_stage *stage);
/* leat_fail_record - the framer of the stage has refused a record, as too long or for want of memory:
 * LEAT_ELIMIT. */
void leat_fail_record(struct leat_stage *stage, const struct leat_framer *framer);
/* leat_fail_spill - fail the stage: the temporary file cannot be written or read. Returns the code. */
int leat_fail_spill(struct leat_stage *stage, const struct leat_spill *spill);
const char *leat_stage_side_path(const struct leat_node *node);

#endif
