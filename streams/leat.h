/* leat.h - the whole embedding API of libleat.
 *
 * A pipeline is stages joined by bounded edges. It is built from text, from words or stage by
 * stage, runs on the caller's libuv loop or blocking, and has one outcome. The library prints
 * nothing, never exits, keeps no global state and touches no signal disposition; a program that
 * writes to pipes or sockets should ignore SIGPIPE.
 */
#ifndef LEAT_H
#define LEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_VERSION "0.1.0"

struct uv_loop_s;
struct leat_stage_type;

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#define LEAT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LEAT_API
#define LEAT_PRINTF(f, a)
#endif

/* Error codes: code, number, exit status of the command, message.
 *
 * Data that a decoder refuses is ECORRUPT or ETRUNCATED, also where a checksum or a size of the format
 * itself does not match: some libraries do not tell that from other damage. ECHECKSUM is a digest other
 * than the one that the user expected (--expect, --check). EUSAGE is data that needs a dictionary, and
 * EUNSUPPORTED data that states, under a checksum of the header, features that the library lacks. Errors
 * of the system are EIO, but for those that have a code of their own; leat_error.sys_errno tells them
 * apart. */
#define LEAT_ERRORS(X)                                                                             \
    X(EIO, -1, 1, "input/output error")                                                            \
    X(ENOENT, -2, 1, "no such file")                                                               \
    X(EEXIST, -3, 1, "output exists")                                                              \
    X(EUSAGE, -4, 2, "usage error")                                                                \
    X(ECORRUPT, -5, 3, "corrupt data")                                                             \
    X(ETRUNCATED, -6, 3, "truncated data")                                                         \
    X(ECHECKSUM, -7, 4, "checksum mismatch")                                                       \
    X(ENETWORK, -8, 5, "network error")                                                            \
    X(ECHILD, -9, 6, "child process failed")                                                       \
    X(ELIMIT, -10, 7, "limit exceeded")                                                            \
    X(EBATCH, -11, 8, "some of a batch failed")                                                    \
    X(ETIMEDOUT, -12, 124, "timed out")                                                            \
    X(ECANCELLED, -13, 130, "cancelled")                                                           \
    X(EPIPE, -14, 141, "output closed")                                                            \
    X(ENOMEM, -15, 1, "out of memory")                                                             \
    X(ESTALL, -16, 1, "pipeline stalled")                                                          \
    X(EINTERNAL, -17, 1, "internal error")                                                         \
    X(EUNSUPPORTED, -18, 2, "not supported by this build")

enum leat_error_code {
#define X(name, number, status, text) LEAT_##name = number,
    LEAT_ERRORS(X)
#undef X
};

/* leat_strerror - the general message of a code; "success" for 0. Never NULL. */
LEAT_API const char *leat_strerror(int code);
/* leat_exit_status - the exit status that the command gives for a code (0 for 0). */
LEAT_API int leat_exit_status(int code);
/* leat_error_name - the code's name, such as "ECORRUPT". Never NULL. */
LEAT_API const char *leat_error_name(int code);

/* In which row of things leat_error.offset counts, bytes from 0. */
enum leat_offset_kind {
    LEAT_OFFSET_NONE,   /* no place is known; has_offset is false */
    LEAT_OFFSET_STREAM, /* in the stage's input (a source's: in its output) */
    LEAT_OFFSET_FILE,   /* in the file `file` */
    LEAT_OFFSET_TEXT,   /* in the text that the pipeline was built from */
    LEAT_OFFSET_WORD,   /* it is the number of a word from 1, of those that the pipeline was built
                         * from; has_offset is false */
};

/* What went wrong, once: the root cause. */
struct leat_error {
    int code;            /* 0, or LEAT_E* */
    int stage;           /* number of the stage from 1 as in `leat explain`, 0: no single stage */
    char stage_name[32]; /* "" if no single stage */
    bool has_offset;
    enum leat_offset_kind offset_of;
    uint64_t offset;
    /* The file of `read` that holds the offset, as its operand names it ("-": standard input beside
     * other files), where the stage's input is what `read` gave, unchanged; else "". Of a name that is
     * too long, the end. Not quoted: it may hold any byte but NUL. */
    char file[256];
    int sys_errno;    /* of the failed system call, such as ENOSPC; 0: none, or not known */
    int child_signal; /* that killed the child process of the stage; 0: none did */
    char text[480];   /* what, where, what to do; one line, no newline */
};

/* leat_error_format - the command's line for an error: `STAGE (#3): FILE: what (byte N)`.
 * Writes at most size bytes, the terminating NUL included. */
LEAT_API void leat_error_format(const struct leat_error *error, char *buf, size_t size);

/* leat_show - text from outside, such as a file's name, as one line that a terminal may see: control
 * characters (C1 too), characters that turn the direction of text, and bytes that are not UTF-8 become
 * \n, \t, \r or \xHH. The texts of errors and of stages are so already.
 * Writes at most size bytes, the NUL included, and "…" where it is cut. Returns buf. */
LEAT_API const char *leat_show(const char *text, char *buf, size_t size);
/* leat_show_char - the character that text begins with, as leat_show sees it. Returns its bytes; 0 if
 * they are not UTF-8, or the text is at its end. *ret_plain, which may be NULL: leat_show leaves it. */
LEAT_API size_t leat_show_char(const char *text, bool *ret_plain);

/* --- the registry: which stages there are --------------------------------------------------- */

struct leat_registry;

/* leat_registry_new - a registry that holds the built-in stages. NULL: out of memory. */
LEAT_API struct leat_registry *leat_registry_new(void);
/* leat_registry_free - no pipeline made with it may be alive. NULL is fine. */
LEAT_API void leat_registry_free(struct leat_registry *registry);
/* leat_registry_add - add one's own stage type; `type` is borrowed and must outlive the registry.
 * Its names are 1 to 31 letters, digits, '-', '_', '.' or '+', and do not begin with '-'; its options
 * lie in its params. Returns 0, LEAT_EEXIST if the name is taken, LEAT_EUSAGE if the engine could not
 * run the type, LEAT_ENOMEM.
 * Thread: any, but not while another one uses the registry, to build a pipeline or to look. */
LEAT_API int leat_registry_add(struct leat_registry *registry, const struct leat_stage_type *type);
/* leat_registry_refusal - why the last leat_registry_add refused its type, one line; "" if it did not.
 * Borrowed until the next call or leat_registry_free. */
LEAT_API const char *leat_registry_refusal(const struct leat_registry *registry);
/* leat_registry_find - by name or alias; NULL if there is none. */
LEAT_API const struct leat_stage_type *leat_registry_find(const struct leat_registry *registry,
                                                          const char *name);
LEAT_API size_t leat_registry_count(const struct leat_registry *registry);
/* leat_registry_at - the i-th type, i < count, built-ins first, in the order of stages.def. */
LEAT_API const struct leat_stage_type *leat_registry_at(const struct leat_registry *registry,
                                                        size_t i);

/* --- building ------------------------------------------------------------------------------- */

enum leat_executor_kind {
    LEAT_EXECUTOR_AUTO,   /* pool, or loop if threads is 1 */
    LEAT_EXECUTOR_POOL,   /* worker threads of the pipeline's own */
    LEAT_EXECUTOR_LOOP,   /* everything on the loop's thread */
    LEAT_EXECUTOR_SEEDED, /* on the loop's thread, in an order drawn from `seed`: for tests */
};

struct leat_variable {
    const char *name, *value;
};

/* How a pipeline is built and run. Zero means the default everywhere; what is out of its range is
 * LEAT_EUSAGE when the pipeline is built. */
struct leat_settings {
    unsigned threads; /* workers, 1 to LEAT_THREADS_MAX; 0: as many as processors */
    uint64_t memory;  /* limit in bytes; 0: 256 MiB */
    size_t chunk;     /* bytes of a chunk, 1 to LEAT_CHUNK_MAX; 0: chosen by the compiler */
    /* Longest record (line) in bytes, without its end; 0: 16 MiB or a quarter of memory. */
    uint64_t record_max;
    uint64_t timeout_ms; /* 0: none */
    enum leat_executor_kind executor;
    uint64_t seed; /* LEAT_EXECUTOR_SEEDED: the schedule, chunk and room sizes */
    size_t room;   /* the most that leat_reserve offers at once; 0: no limit but the chunk */
    /* LEAT_EXECUTOR_SEEDED: time passes as stages say (leat_spend_ns) and wait, not as it does; the
     * counters are those of a machine with `threads` processors. For tests. */
    bool virtual_time;
    bool measure_cpu; /* leat_stage_stats.cpu_ns: costs a system call or two a turn of a segment */
    bool fixed_default_io; /* do not add standard input and output at open ends (compose, tests) */
    bool force;            /* as --force of every `write` */
    const char *sums;      /* file for the SHA-256 digests of all outputs; NULL: none */
    const struct leat_variable *variables; /* for ${name} in text */
    size_t n_variables;
};

#define LEAT_CHUNK_MAX ((size_t)1 << 20)
#define LEAT_THREADS_MAX 256u
#define LEAT_MEMORY_DEFAULT ((uint64_t)256 << 20)
#define LEAT_MEMORY_MIN ((uint64_t)1 << 20)

struct leat_pipeline;

/* leat_pipeline_from_text - a pipeline from its text form, leat-syntax(5).
 *
 *   registry    borrowed; must outlive the pipeline
 *   text        the pipeline; borrowed until return
 *   settings    may be NULL; borrowed until return
 *   ret_error   may be NULL; filled in on failure
 *
 * In a pipeline /dev/fd/N is a descriptor of the program that a child would inherit. One that is
 * close-on-exec is refused (EBADF): its number may have become an internal one of the library.
 *
 * Returns 0 and the pipeline, to be freed with leat_pipeline_free; or LEAT_E*. No I/O happens. */
LEAT_API int leat_pipeline_from_text(const struct leat_registry *registry, const char *text,
                                     const struct leat_settings *settings,
                                     struct leat_pipeline **ret_pipeline,
                                     struct leat_error *ret_error);
/* leat_pipeline_from_words - the same from words, which are never split again. */
LEAT_API int leat_pipeline_from_words(const struct leat_registry *registry, size_t n_words,
                                      const char *const *words,
                                      const struct leat_settings *settings,
                                      struct leat_pipeline **ret_pipeline,
                                      struct leat_error *ret_error);

/* The builder: stage by stage, for programs that would otherwise quote. */
struct leat_builder;
/* leat_builder_new - `registry` is borrowed and must outlive the pipeline. NULL: out of memory. */
LEAT_API struct leat_builder *leat_builder_new(const struct leat_registry *registry);
/* leat_builder_free - NULL is fine; the pipeline does not need it. */
LEAT_API void leat_builder_free(struct leat_builder *builder);
/* leat_builder_stage - append a stage with its arguments (NULL-terminated, without the name).
 * Words such as ":" or "[" are ordinary arguments here. Returns 0 or LEAT_ENOMEM; a wrong
 * option is reported by leat_builder_finish. */
LEAT_API int leat_builder_stage(struct leat_builder *builder, const char *name,
                                const char *const *args);
/* leat_builder_branch_begin, _end - what is appended between them is a branch of the last stage.
 * Return 0, LEAT_EUSAGE (nothing to branch from, or no branch open), LEAT_ENOMEM. */
LEAT_API int leat_builder_branch_begin(struct leat_builder *builder);
LEAT_API int leat_builder_branch_end(struct leat_builder *builder);
/* leat_builder_finish - the pipeline, as from leat_pipeline_from_text. */
LEAT_API int leat_builder_finish(struct leat_builder *builder, const struct leat_settings *settings,
                                 struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);

/* leat_pipeline_free - NULL is fine; never while it runs. */
LEAT_API void leat_pipeline_free(struct leat_pipeline *pipeline);

/* --- running -------------------------------------------------------------------------------- */

/* Called once on the loop's thread when the outcome is known and every handle, descriptor and
 * thread of the run is gone. `error` is NULL on success; borrowed until the pipeline is freed.
 * The pipeline may be freed from within. */
typedef void (*leat_done_cb)(struct leat_pipeline *pipeline, const struct leat_error *error,
                             void *arg);

/* leat_pipeline_start - run on the caller's loop; returns at once.
 * A pipeline runs once. Returns 0, or LEAT_E* and `done` is never called.
 * Thread: the loop's. */
LEAT_API int leat_pipeline_start(struct leat_pipeline *pipeline, struct uv_loop_s *loop,
                                 leat_done_cb done, void *arg);
/* leat_pipeline_run - run to the end, blocking, on a loop of its own.
 * Returns 0 or LEAT_E*; leat_pipeline_error has the rest. */
LEAT_API int leat_pipeline_run(struct leat_pipeline *pipeline);
/* leat_pipeline_cancel - stop, and take all outputs back; the outcome is `code` with `text` (NULL: the
 * general message), unless there is an outcome already; a code that is none of LEAT_E* is ECANCELLED. It comes too late once outputs get their names,
 * or, where a stage's result goes to a pipe after that, once the pipe has all of it. Allowed from the
 * pipeline's birth until it is freed; after `done` it does nothing.
 * Thread: any; not from a signal handler, as it takes a lock: uv_signal_t calls it on the loop.
 * A child made by fork has no threads of the run: it must not touch the pipeline, but exec or _exit. */
LEAT_API void leat_pipeline_cancel(struct leat_pipeline *pipeline, int code, const char *text);
/* leat_pipeline_reserve - the program itself writes this file during the run or after it, such as a log:
 * a stage that would read it or write it fails (LEAT_EUSAGE) when it opens it. Call it before the start.
 *
 *   option  who writes it, for the message; borrowed until the pipeline is freed
 *
 * A path that is no regular file, and not a name where one can be made, is ignored. Returns 0; LEAT_EEXIST:
 * it is reserved already; LEAT_EUSAGE: the pipeline has been started; LEAT_ENOMEM. */
LEAT_API int leat_pipeline_reserve(struct leat_pipeline *pipeline, const char *path,
                                   const char *option);
/* leat_pipeline_discard - remove the temporary files of outputs now, for a program that has cancelled and
 * ends without waiting for `done`. Nothing is committed after it; a commit that has begun goes on.
 * Thread: any. */
LEAT_API void leat_pipeline_discard(struct leat_pipeline *pipeline);
/* leat_pipeline_error - the root cause, or NULL. After `done`. */
LEAT_API const struct leat_error *leat_pipeline_error(const struct leat_pipeline *pipeline);
/* leat_pipeline_warning - the i-th thing that is to be told beside the outcome, as an error with code 0:
 * an output with the suffix of another format than its own, a branch that lost data, a file that could not
 * be left as it was before, and the first file of each source that is compressed where a stage takes it for
 * text. Returns false if there are no more. After
 * `done`. */
LEAT_API bool leat_pipeline_warning(const struct leat_pipeline *pipeline, size_t i,
                                    struct leat_error *ret_warning);

/* --- sight ---------------------------------------------------------------------------------- */

struct leat_stage_stats {
    const char *name;     /* borrowed from the pipeline */
    const char *text;     /* the stage with its words, canonical */
    int number;           /* from 1, as in messages */
    int segment;          /* number of the segment that runs it, from 1 */
    unsigned workers;     /* lanes that share its work, 1 if it is not split */
    unsigned own_threads; /* of its library, which work for it besides; not in cpu_ns */
    /* Bytes that were handed to it, used or not: what was on its way to a stage that ended early, such
     * as head, counts. And bytes that it handed to the next ones, all branches added, without what
     * slow branches lost. So, after the run, bytes out of a stage are bytes into the next ones. */
    uint64_t bytes_in, bytes_out;
    /* Time since the start, all lanes added: the three together are the run's time for each lane.
     * Before it runs a stage waits for input; after its end for those behind it, as for room. */
    uint64_t busy_ns;     /* in its step function, and handing over what it gave */
    uint64_t wait_in_ns;  /* it waited for input */
    uint64_t wait_out_ns; /* it waited for room downstream */
    /* Of the waiting: */
    uint64_t wait_self_ns; /* the stage itself waited: for a pipe, a child, a timer */
    uint64_t wait_turn_ns; /* it could run, and no thread was free */
    uint64_t ended_ns;     /* it had ended, and others had not */
    uint64_t cpu_ns; /* processor time, with settings.measure_cpu; a child's when it has ended */
    uint64_t steps;
    uint64_t bytes_dropped; /* that its slow branches lost */
    uint64_t bytes_spilled; /* that went to a temporary file behind it */
};

/* A connection: what one stage gives is what another one takes. */
struct leat_link_stats {
    size_t from, to;         /* which stages, as for leat_pipeline_stage_stats */
    unsigned port;           /* 0: the stream; b: the b-th branch of `from`, from 1 */
    unsigned input;          /* 0: the stream; b: the b-th branch of `to`, from 1 */
    uint64_t bytes;          /* that `from` has handed over, used or not */
    uint64_t fill, capacity; /* bytes kept in the buffer now, and at most; 0: there is none, the two
                              * stages run in turns */
    uint64_t refusals;       /* how often the buffer was found full */
    bool outside;            /* the bytes go through a child process, uncounted */
};

struct leat_stats {
    size_t n_stages, n_links;
    uint64_t elapsed_ns;
    uint64_t source_pos, source_total;              /* bytes, of all sources; total 0: not known */
    uint64_t memory_limit, memory_peak, memory_now; /* bytes, accounted */
    bool finishing;                                 /* all data moved; syncing and committing */
};

/* leat_pipeline_stats - a snapshot; allowed while it runs. Thread: any. */
LEAT_API void leat_pipeline_stats(const struct leat_pipeline *pipeline, struct leat_stats *ret);
/* leat_pipeline_stage_stats - of the i-th stage, i < n_stages. Thread: any. */
LEAT_API void leat_pipeline_stage_stats(const struct leat_pipeline *pipeline, size_t i,
                                        struct leat_stage_stats *ret);
/* leat_pipeline_link_stats - of the i-th connection, i < n_links. Thread: any. */
LEAT_API void leat_pipeline_link_stats(const struct leat_pipeline *pipeline, size_t i,
                                       struct leat_link_stats *ret);

/* What holds the rest back. */
enum leat_bottleneck_kind {
    LEAT_BOTTLENECK_NONE, /* not known: nothing has run yet */
    LEAT_BOTTLENECK_BUSY, /* it is busy */
    LEAT_BOTTLENECK_WAIT, /* it waits for what is outside: a slow pipe, a child, a rate */
    /* No stage is the limit: even the one that is given here was held up for less than half of the
     * time, and all of them did not fill it. The run is short, or the machine has other work. */
    LEAT_BOTTLENECK_UNCLEAR,
};
struct leat_bottleneck {
    enum leat_bottleneck_kind kind;
    size_t stage;      /* which, as for leat_pipeline_stage_stats */
    double share;      /* of the time (of its lanes), 0 to 1 */
    double segment;    /* the same of all stages that take turns with it */
    double wait_turn;  /* the part of the time in which it could run and no thread was free */
    bool threads_busy; /* all threads were: more of them may help */
};
/* leat_pipeline_bottleneck - as far as it has come. Thread: any. */
LEAT_API void leat_pipeline_bottleneck(const struct leat_pipeline *pipeline,
                                       struct leat_bottleneck *ret);

/* What happens in a run. Bits, to choose from. */
enum leat_event_kind {
    LEAT_EVENT_OPENED = 1,       /* stage */
    LEAT_EVENT_STARTED = 2,      /* all are open: data moves */
    LEAT_EVENT_ENDED = 4,        /* stage: with all of its lanes */
    LEAT_EVENT_STOPPED = 8,      /* stage: it was given up, nobody wanted more of it */
    LEAT_EVENT_FAILED = 16,      /* stage, error: what is so far the root cause */
    LEAT_EVENT_COMMITTED = 32,   /* stage: its output is there */
    LEAT_EVENT_ABORTED = 64,     /* stage: its output is taken back */
    LEAT_EVENT_FINISHED = 128,   /* all is closed; error NULL: it went well */
    LEAT_EVENT_RUN = 256,        /* segment, lane: a thread ran it, from at_ns for duration_ns */
    LEAT_EVENT_FILL = 512,       /* link, lane: its buffer holds `bytes` */
    LEAT_EVENT_FULL = 1024,      /* link, lane: it had no room, the writer waits */
    LEAT_EVENT_DRAINED = 2048,   /* link, lane: there is room again, the writer goes on */
    LEAT_EVENTS_LIFE = 255,      /* from OPENED to FINISHED */
    LEAT_EVENTS_TRACE = 15 << 8, /* from RUN to DRAINED: many */
};
#define LEAT_NO_STAGE SIZE_MAX

struct leat_event {
    unsigned kind;
    uint64_t at_ns, duration_ns; /* at: since the start */
    size_t stage;                /* as for leat_pipeline_stage_stats, or LEAT_NO_STAGE */
    int segment;
    size_t link; /* as for leat_pipeline_link_stats */
    unsigned lane;
    uint64_t bytes;
    const struct leat_error *error; /* until return */
};

/* Called from any thread, from several at once: be quick, do not wait, and call nothing of the
 * pipeline but what may be called from any thread. */
typedef void (*leat_event_cb)(const struct leat_event *event, void *arg);

/* leat_pipeline_watch - be told of these kinds of events. One watcher, before the start.
 * Returns 0 or LEAT_EUSAGE. */
LEAT_API int leat_pipeline_watch(struct leat_pipeline *pipeline, unsigned kinds, leat_event_cb told,
                                 void *arg);

/* leat_pipeline_text - the canonical text; free() it. NULL: out of memory. */
LEAT_API char *leat_pipeline_text(const struct leat_pipeline *pipeline);
/* leat_pipeline_explain - stages, segments, threads, edges and the memory bound as lines of text;
 * free() it. NULL: out of memory. */
LEAT_API char *leat_pipeline_explain(const struct leat_pipeline *pipeline);

/* --- sizes and durations as people write them ------------------------------------------------ */

/* leat_parse_size - "64K", "10MB", "1.5G": K, M, G, T, P, E (also KiB…) are powers of 1024;
 * kB/KB, MB, GB… of 1000. Returns 0, LEAT_EUSAGE if it is not a size, or LEAT_ELIMIT if it is one
 * that does not fit in 64 bits. */
LEAT_API int leat_parse_size(const char *text, uint64_t *ret_bytes);
/* leat_parse_duration - "500ms", "10s", "5m", "1h", "2d", or seconds: "1.5". In milliseconds. Returns
 * 0, LEAT_EUSAGE if it is not a duration, or LEAT_ELIMIT if it exceeds LEAT_DURATION_MAX_MS. */
LEAT_API int leat_parse_duration(const char *text, uint64_t *ret_ms);
/* The longest duration, 292 years: nanoseconds since the machine started, plus it, fit in 64 bits. */
#define LEAT_DURATION_MAX_MS ((uint64_t)INT64_MAX / 1000000)

#ifdef __cplusplus
}
#endif
#endif
