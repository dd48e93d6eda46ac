/* batch.h - the interfaces between the files of `leat each`.
 *
 * All of it runs on the thread of its loop, but for the thread of the ledger, which writes and syncs the journal and removes
 * sources. The workers of one context run the pipelines of all inputs.
 */
#ifndef CMD_BATCH_BATCH_H
#define CMD_BATCH_BATCH_H

#include <pthread.h>
#include <uv.h>

#include "../cmd.h"
#include "../words/pieces.h"
#include "engine.h"
#include "inputs.h"
#include "journal.h"
#include "plan.h"
#include "template.h"

/* --- options.c -------------------------------------------------------------------------------- */

enum order { ORDER_SIZE, ORDER_NAME, ORDER_GIVEN };
enum on_error { ON_ERROR_CONTINUE, ON_ERROR_STOP, ON_ERROR_STOP_NEW, ON_ERROR_PERCENT };
enum retry_on { RETRY_IO = 1, RETRY_NETWORK = 2, RETRY_TIMEOUT = 4 };

#define PATTERNS_MAX 64u
#define LISTS_MAX 64u

struct each_options {
    char **operands; /* inputs; of the command line */
    size_t n_operands;
    char **words; /* of the pipeline, n_words of them */
    size_t n_words;
    const char *files_from[LISTS_MAX], *manifests[LISTS_MAX];
    const char *include[PATTERNS_MAX + 1], *exclude[PATTERNS_MAX + 1];
    struct listing_filter filter;
    bool nul, dry_run, resume, verify, remove_source, keep_times, keep_mode;
    unsigned jobs; /* 0: as many as keep the workers busy */
    enum order order;
    enum on_error on_error;
    unsigned percent; /* of ON_ERROR_PERCENT */
    unsigned retries, retry_on;
    const char *journal; /* or NULL */
    enum same same;
    bool same_given;
    unsigned shards;           /* to deal to; 0: none */
    const char *plan, *shard;  /* files and words of the command line, or NULL */
    const char *join, *reduce; /* the plan of --join; HOW:FILE */
    bool resubmit;
    bool split; /* one input into ranges of lines */
    struct engine_options engine;
};

/* each_options_read - from config->own and the words that are left: inputs, then the pipeline. Returns 0, or an exit
 * status after a message. */
int each_options_read(struct each_options *ret, const struct config *config, int argc, char **argv);

/* --- each.c ------------------------------------------------------------------------------------- */

/* each_run - what `leat each` does. `tars`: refuse inputs whose names are not those of tar archives. */
int each_run(const struct config *config, int argc, char **argv, bool tars);

/* --- batch ------------------------------------------------------------------------------------ */

#define OUTLET_MEMORY ((uint64_t)4 << 20) /* of the pipeline that writes to standard output */
#define LIVE_EXTRA 4096u                  /* works that wait for the ledger or a retry */

struct ledger;
struct outlet;
struct page;
struct work;

struct batch {
    const struct config *config;
    struct each_options *options;
    struct leat_registry *registry;
    struct pieces pieces;
    struct buf text;     /* of the pipeline, for the journal */
    struct buf *outputs; /* templates of the names of outputs, n_outputs of them */
    size_t n_outputs;
    bool to_stdout; /* the pipelines have no sink: their output goes to standard output, in order */
    struct inputs inputs;
    size_t *schedule; /* numbers of inputs, n_scheduled of them, in the order in which they begin */
    size_t n_scheduled, next;
    struct journal_state journal;
    struct plan plan;        /* of --plan; else no shards, or those of --shard=I/N */
    uint32_t shard;          /* of this run, if `planned` */
    bool planned;            /* this run is a shard of the plan */
    bool replaces;           /* what is there of outputs */
    struct buf records;      /* the directory of the plan's records */
    struct buf journal_path; /* of this attempt */
    char attempt[ATTEMPT_MAX];
    struct ledger *ledger; /* NULL: there is no journal, and no source is removed */

    uv_loop_t loop;
    struct leat_context *context;
    uv_signal_t signals[4];
    uv_timer_t tick;
    struct work *works; /* a list of those that run, wait for a retry or for the ledger */
    unsigned running;   /* pipelines of works */
    unsigned live;      /* works in the list */
    unsigned jobs_max, threads;
    uint64_t memory; /* bytes, for all */
    bool beginning;  /* in batch_more */
    bool closed;     /* the handles are closing */
    uint64_t flying; /* bytes of inputs whose pipelines run */
    size_t counts[OUTCOMES], retried;
    size_t shown_failures;
    uint64_t bytes_done, bytes_out;
    uint64_t begun_ns;
    struct meter meter;
    bool drawn;            /* a line of progress is on the terminal */
    bool stopping;         /* begin no more */
    int signal;            /* that stopped it, or 0 */
    bool cancelled;        /* by it */
    bool pipe_closed;      /* standard output has no reader */
    int fatal;             /* exit status of an error that is not of one input; 0: none */
    struct outlet *outlet; /* of standard output, or NULL */
    struct page *page;     /* of --report, or NULL */
    int first_status;      /* of the first failed input */
};

/* --- each.c: a batch --------------------------------------------------------------------------- */

/* batch_do - the batch, once its pipeline and inputs are known. Returns an exit status. batch_done - free what it has. */
int batch_do(struct batch *batch);
void batch_done(struct batch *batch);

/* --- shard.c: a batch over several machines ------------------------------------------------------- */

/* shard_open - --plan and --shard without inputs: read the plan, and the inputs of the shard. Returns 0, or an exit status
 * after a message. */
int shard_open(struct batch *batch);
/* shard_read_plan - the plan, and the inputs of a shard or of PLAN_ALL. Returns as shard_open. */
int shard_read_plan(const struct config *config, const char *path, struct plan *plan,
                    struct inputs *inputs, uint32_t shard);
/* shard_deal - give each input its shard, and with --shard=I/N keep only those of one. Returns as shard_open. */
int shard_deal(struct batch *batch);
/* shard_plan - write the plan of the batch, and run nothing. Returns an exit status. */
int shard_plan(struct batch *batch);
/* shard_begin - the journal of this attempt, and what other attempts have done. Sets *ret_done: there is nothing to do.
 * Returns as shard_open. */
int shard_begin(struct batch *batch, bool *ret_done);
/* shard_end - the record of the shard, or of its failures. Returns the exit status of the run. */
int shard_end(struct batch *batch, int status);

/* --- range.c: one large file over shards --------------------------------------------------------- */

/* range_split - replace the input by ranges of whole lines, one for each shard. Returns 0, or an exit status after a
 * message. */
int range_split(struct batch *batch);
/* range_append - append the `read` of the pipeline, for the range of the input; `fill` as in pieces_append. Returns 0 or
 * LEAT_E*. */
int range_append(const struct batch *batch, struct leat_builder *builder, const struct input *input,
                 char *(*fill)(void *arg, const char *word), void *arg);

/* --- submit.c: the shards by an engine ------------------------------------------------------------- */

/* submit_shards - run these shards of the plan at `path` to their end: n of them, ascending; NULL: all. With --dry-run,
 * print the script. Returns an exit status, the highest of the shards. *ret_submitted: false: they were not run. */
int submit_shards(const struct config *config, const struct each_options *options, const char *path,
                  const struct plan *plan, const uint32_t *shards, size_t n, bool *ret_submitted);

/* --- check.c: the plan, before the first byte --------------------------------------------------- */

/* batch_prepare - the pipeline from the words: pieces, text, templates of outputs. Returns 0, or an exit status after a
 * message. */
int batch_prepare(struct batch *batch);
/* batch_check - refuse two inputs with one output, and an output that is an input. Returns as batch_prepare. */
int batch_check(struct batch *batch);
/* batch_refuse - say that the output of an input is the other input, or also an output of that. Returns an exit status. */
int batch_refuse(const struct batch *batch, size_t input, size_t other, const char *output,
                 bool is_input);
/* batch_outputs - the names of the outputs of an input: batch->n_outputs names, to be freed with batch_outputs_free. NULL:
 * out of memory. */
char **batch_outputs(const struct batch *batch, size_t input);
void batch_outputs_free(const struct batch *batch, char **outputs);
/* batch_build - the pipeline of an input. settings are filled in by the caller. ret_pull: for the output of one without a
 * sink; `ready` is called with `user`. `replace`: what is there of its outputs is its own. Returns 0 or LEAT_E*. */
int batch_build(const struct batch *batch, size_t input, const struct leat_settings *settings,
                const struct leat_end_settings *end, struct leat_pull_end **ret_pull,
                struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);
/* batch_fill - the word with the names of the input in its places; free() it. NULL: out of memory. */
char *batch_fill(const struct batch *batch, size_t input, const char *word);
/* batch_sample - the pipeline of a sample input; NULL: out of memory. Call leat_pipeline_unref. */
struct leat_pipeline *batch_sample(const struct batch *batch);
/* batch_dry_run - print the pipeline of each input. Returns an exit status. */
int batch_dry_run(const struct batch *batch);

/* --- alias.c: two names of one file -------------------------------------------------------------- */

/* batch_check_aliases - where outputs replace what is there, refuse two that are one file, and one that is an input, by
 * whatever names. After their directories were made. Returns as batch_prepare. */
int batch_check_aliases(const struct batch *batch);

/* --- confine.c -------------------------------------------------------------------------------- */

/* batch_make_directories - make the directories of outputs that depend on inputs. batch_confine - --sandbox. Both return 0,
 * or an exit status after a message. */
int batch_make_directories(const struct batch *batch);
int batch_confine(const struct batch *batch);

/* --- pool.c: the pipelines of a batch ----------------------------------------------------------- */

/* batch_run - run the pipelines of all scheduled inputs. Returns an exit status; does not return if the process ends by
 * a signal. */
int batch_run(struct batch *batch);
/* batch_more - begin what can begin now. */
void batch_more(struct batch *batch);
/* batch_failed - an input has failed: stop if --on-error says so. */
void batch_failed(struct batch *batch);
/* batch_stop - begin no more; `cancel`: end those that run. */
void batch_stop(struct batch *batch, bool cancel);

/* --- work.c: one input ------------------------------------------------------------------------- */

enum phase {
    PHASE_DIGEST,  /* of the input, for --same=sha256 */
    PHASE_RUN,     /* the pipeline */
    PHASE_CONTENT, /* --remove-source: the digest of the decoded input */
    PHASE_OUTPUT,  /* and of the decoded output */
    PHASE_SAME,    /* a URL: has its content stayed the same? */
    PHASE_RETRY,   /* waits for another attempt */
    PHASE_RECORD,  /* waits for the ledger */
};

struct work {
    struct batch *batch;
    struct work *next, **before;
    size_t input;
    enum phase phase;
    struct leat_pipeline *pipeline;
    struct leat_pull_end *pull; /* NULL: none, or read to its end */
    struct work *out_next;      /* in the order of standard output */
    bool wrote;                 /* some of its output is on standard output */
    bool finished;  /* the pipeline has ended, and its pull end is not read to the end yet */
    bool failed;    /* the pipeline, and after it the work */
    bool changed;   /* the input did not stay the same */
    bool replace;   /* what is there of its outputs is its own */
    bool owns;      /* none of its outputs existed when it began */
    bool removes;   /* its source goes in the end */
    bool skips;     /* an earlier run has done it */
    bool waits;     /* for memory that other pipelines use */
    uint64_t share; /* bytes of memory */
    uint64_t begun_ns, bytes_out;
    uv_timer_t timer; /* of PHASE_RETRY */
    bool has_timer;
    struct buf line;    /* what the pull end gave: the line of a digest */
    struct buf digests; /* of the outputs */
    char content[65];   /* the digest of the decoded input */
    struct leat_error error;
};

/* work_begin - begin an input. Returns 0; LEAT_EAGAIN: there is no memory now, while other pipelines run; LEAT_ENOMEM. A
 * failure of the input is recorded, and 0. */
int work_begin(struct batch *batch, size_t input);
/* work_again - try again to get the memory for its next phase. */
void work_again(struct work *work);
/* work_drained - all of its output is on standard output. */
void work_drained(struct work *work);
/* work_recorded - the ledger has written the line of the work, and removed its source if that was asked. Both are 0 or an
 * errno. */
void work_recorded(struct work *work, int journal_error, int remove_error);
/* work_cancel - end it, if its outcome is not known yet. */
void work_cancel(struct work *work);

/* --- outlet.c: standard output in the order of inputs ------------------------------------------ */

/* outlet_open - Returns 0 or LEAT_E*. outlet_add - the next work, in the order of inputs. outlet_remove - it ends.
 * outlet_is_blocked - do all others wait for this one? outlet_move - write what the first one has. outlet_end - there are no more works: when all is written, batch_more is called. outlet_over - is it? */
int outlet_open(struct batch *batch);
void outlet_add(struct batch *batch, struct work *work);
void outlet_remove(struct batch *batch, struct work *work);
bool outlet_is_blocked(const struct batch *batch, const struct work *work);
void outlet_move(struct batch *batch);
void outlet_end(struct batch *batch);
bool outlet_over(const struct batch *batch);
void outlet_free(struct batch *batch);

/* --- ledger.c: the journal, on a thread --------------------------------------------------------- */

/* ledger_open - lock the journal, load it, and cut off a torn line. Returns 0, or an exit status after a message. */
int ledger_open(struct batch *batch);
/* ledger_start - start its thread, once the loop is there and the process is confined. Returns 0 or an exit status. */
int ledger_start(struct batch *batch);
/* ledger_begin - write a line, which is taken, before this returns: a kill after it finds it. An error comes with the next
 * line. */
void ledger_begin(struct ledger *ledger, struct buf *line);
/* ledger_add - write a line, which is taken. `work` NULL: nobody waits for it. `remove`: sync the journal, and then remove
 * the source of the work. */
void ledger_add(struct ledger *ledger, struct buf *line, struct work *work, bool remove);
/* ledger_end - write all, sync and stop. Returns 0, or an errno. */
int ledger_end(struct batch *batch);
void ledger_free(struct batch *batch);

/* --- tell.c: what people read ------------------------------------------------------------------ */

/* tell_failure - the error of an input, as it happens. tell_progress - the line of progress. tell_summary - the last lines.
 * Returns 0, or an exit status if standard output fails. */
void tell_failure(struct batch *batch, const struct input *input, const struct leat_error *error);
/* tell_problem - the input cannot be read. Returns the exit status of its failure. */
int tell_problem(const struct batch *batch, const struct input *input);
void tell_outcome(struct batch *batch, const struct input *input, const struct leat_error *error);
void tell_progress(struct batch *batch);
void tell_clear(struct batch *batch);
bool tell_wants_ticks(const struct batch *batch);
int tell_summary(struct batch *batch);

#endif
