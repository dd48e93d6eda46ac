/* leat.h - the whole embedding API of libleat.
 *
 * A pipeline is a graph of stages, connected by bounded queues (edges). The program builds it from
 * text, from words or stage by stage, and runs it on its own libuv loop or in a blocking call. Each
 * run has one outcome. The library prints nothing, never exits, keeps no global state and changes
 * no signal disposition. A program that writes to pipes or sockets should ignore SIGPIPE.
 */
#ifndef LEAT_H
#define LEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_VERSION "0.1.0"
#define LEAT_VERSION_NUMBER 0x000100u /* a byte each: major, minor, patch */

struct uv_loop_s;
struct leat_stage_type;

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#define LEAT_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define LEAT_API
#define LEAT_PRINTF(f, a)
#endif

/* leat_version_number - LEAT_VERSION_NUMBER of the library that runs. It is at least that of the headers,
 * because the dynamic linker refuses a library without the symbols of a newer one. */
LEAT_API unsigned leat_version_number(void);

/* Error codes: code, number, exit status of the command, message.
 *
 * ECORRUPT, ETRUNCATED: a decoder refuses the data. A wrong checksum or size inside the format is
 *   one of these too, because some libraries cannot tell it from other damage.
 * ECHECKSUM: a digest differs from the one that the user expected (--expect, --check).
 * EUSAGE: also data that needs a dictionary.
 * EUNSUPPORTED: also data whose header, protected by a checksum, states features that the library
 *   lacks.
 * EIO: every system error that has no code of its own; leat_error.sys_errno tells them apart. */
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
    X(EUNSUPPORTED, -18, 2, "not supported by this build")                                         \
    X(EAGAIN, -19, 1, "not now")

enum leat_error_code {
#define X(name, number, status, text) LEAT_##name = number,
    LEAT_ERRORS(X)
#undef X
};

/* leat_strerror - the general message of a code; "success" for 0. Never NULL. */
LEAT_API const char *leat_strerror(int code);
/* leat_exit_status - the command's exit status for a code (0 for 0). */
LEAT_API int leat_exit_status(int code);
/* leat_error_name - the code's name, such as "ECORRUPT". Never NULL. */
LEAT_API const char *leat_error_name(int code);

/* The meaning of leat_error.offset. All but LEAT_OFFSET_WORD count bytes from 0. */
enum leat_offset_kind {
    LEAT_OFFSET_NONE,   /* no offset is known; has_offset is false */
    LEAT_OFFSET_STREAM, /* in the stage's input (for a source: in its output) */
    LEAT_OFFSET_FILE,   /* in the file `file` */
    LEAT_OFFSET_TEXT,   /* in the text that the pipeline was built from */
    LEAT_OFFSET_WORD,   /* the number, from 1, of one of the words that the pipeline was built
                         * from; has_offset is false */
};

/* The structs of this header that a program makes, and the library reads or fills in, begin with their size in bytes as
 * the program was compiled. LEAT_INIT sets it, and all else to zero:
 *
 *     struct leat_error error = LEAT_INIT(leat_error);
 *
 * and so does `{.size = sizeof settings, .threads = 2}` in C. The library takes the members that an older program does
 * not know to be zero, and does not fill them in; those that only a newer program knows become zero. It refuses a struct
 * without a size (LEAT_EUSAGE), and one in which a newer program has set a member that it does not know
 * (LEAT_EUNSUPPORTED). Structs that the library makes for the program may grow at their end. */
#ifdef __cplusplus
#define LEAT_INIT(type)                                                                            \
    ([] {                                                                                          \
        struct type leat_made = {};                                                                \
        leat_made.size = sizeof leat_made;                                                         \
        return leat_made;                                                                          \
    }())
#else
#define LEAT_INIT(type)                                                                            \
    {                                                                                              \
        .size = sizeof(struct type)                                                                \
    }
#endif

/* An error. For a run it is the root cause: later errors that follow from it do not replace it. */
struct leat_error {
    size_t size;         /* see LEAT_INIT; an error of the library may be copied by assignment */
    int code;            /* 0, or LEAT_E* */
    int stage;           /* number of the stage from 1 as in `leat explain`; 0: no single stage */
    char stage_name[64]; /* "" if no single stage */
    bool has_offset;
    enum leat_offset_kind offset_of;
    uint64_t offset;
    /* The file that holds the offset, named as in the operand of `read` ("-": standard input, read
     * together with other files). Set only if the stage's input is the unchanged output of `read`;
     * else "". A name that is too long keeps its end. Not quoted: any byte but NUL may occur. */
    char file[256];
    int sys_errno;    /* errno of the failed system call, such as ENOSPC; 0: none, or not known */
    int child_signal; /* the signal that killed the stage's child process; 0: none */
    char text[480];   /* the fault, its place, the remedy; one line, no newline */
};

/* leat_error_format - format an error as the command prints it: `STAGE (#3): FILE: TEXT (byte N)`.
 * Writes at most size bytes, including the terminating NUL. `error` has a size. */
LEAT_API void leat_error_format(const struct leat_error *error, char *buf, size_t size);

/* leat_show - make text from outside, such as a file name, safe to print: one line, with escapes.
 * Control characters (C1 too), characters that change the direction of text, and bytes that are not
 * UTF-8 become \n, \t, \r or \xHH. The texts of errors and of stages are escaped already.
 * `***` stands for the password of a URL: `scheme://user:***@host`.
 * Writes at most size bytes, including the NUL, and "…" where it cuts the text. Returns buf. */
LEAT_API const char *leat_show(const char *text, char *buf, size_t size);
/* leat_show_char - the length in bytes of the first character of text, or 0 if the text is empty or
 * does not begin with valid UTF-8. *ret_plain (may be NULL): would leat_show copy it unchanged? */
LEAT_API size_t leat_show_char(const char *text, bool *ret_plain);

/* --- the registry of stages ----------------------------------------------------------------- */

struct leat_registry;

/* leat_registry_new - a registry that holds the built-in stages. NULL: out of memory. */
LEAT_API struct leat_registry *leat_registry_new(void);
/* leat_registry_free - NULL is fine. Free all pipelines made with the registry before. */
LEAT_API void leat_registry_free(struct leat_registry *registry);
/* leat_registry_add - add a stage type of your own, which begins with LEAT_STAGE_INIT and is called
 * `vendor.name`. `type` is borrowed, with all that it points to, and must outlive the registry. Each
 * member is checked. On success type->drop, if it is set, is called with type->user when the registry is
 * freed. Returns 0; LEAT_EEXIST: a name is taken; LEAT_EUSAGE: the engine cannot run the type;
 * LEAT_EUNSUPPORTED: the type is of a newer header than the library; LEAT_ENOMEM.
 * Thread: any, but not while another thread uses the registry, even to read it. */
LEAT_API int leat_registry_add(struct leat_registry *registry, const struct leat_stage_type *type);
/* leat_registry_refusal - why the last leat_registry_add refused its type, one line; "" if it did
 * not. Borrowed until the next leat_registry_add or leat_registry_free. */
LEAT_API const char *leat_registry_refusal(const struct leat_registry *registry);
/* leat_registry_load - add all stages of a plugin: a shared object with the symbol leat_plugin, made with
 * the macro LEAT_PLUGIN of stage.h. A registry that has the stages of this plugin already is unchanged. The
 * plugin stays loaded until the process ends, because its threads, and other libraries, may point to it.
 *
 *   path       the file; one without a slash is in the current directory. Its code runs with all the rights
 *              of the program, already when it is loaded
 *   ret_error  may be NULL; filled in on failure
 *
 * Adds all of its stages, or none. Returns 0; LEAT_ENOENT; LEAT_EIO: the file cannot be read; LEAT_EUSAGE:
 * it is no plugin, or cannot be loaded, or the engine cannot run one of its types; LEAT_EUNSUPPORTED: it is
 * of a newer library; LEAT_EEXIST: a name is taken; LEAT_ENOMEM.
 * Thread: as for leat_registry_add. */
LEAT_API int leat_registry_load(struct leat_registry *registry, const char *path,
                                struct leat_error *ret_error);
/* leat_registry_plugin - the file of the plugin that the type is from; NULL: it is built in, or was added
 * with leat_registry_add. Borrowed from the registry. */
LEAT_API const char *leat_registry_plugin(const struct leat_registry *registry,
                                          const struct leat_stage_type *type);
/* leat_registry_find - a type by its name or alias; NULL if there is none. */
LEAT_API const struct leat_stage_type *leat_registry_find(const struct leat_registry *registry,
                                                          const char *name);
LEAT_API size_t leat_registry_count(const struct leat_registry *registry);
/* leat_registry_at - the i-th type, i < count. Built-ins come first, in the order of stages.def. */
LEAT_API const struct leat_stage_type *leat_registry_at(const struct leat_registry *registry,
                                                        size_t i);

/* --- contexts ------------------------------------------------------------------------------- */

/* Threads and memory that several pipelines share (leat_settings.context). It has a thread of its own, which
 * sleeps unless there is something to poll or to call, and `threads` workers, which start when needed. No thread
 * starts before the first pipeline does, so a program may confine itself (leat_confine) until then. A pipeline without a
 * context has workers of its own.
 *
 * Pipelines take turns: between two runs of one of them each other pipeline that can go on runs at most once
 * on each worker. A run lasts about 2 ms, or one step of a stage if that is longer. */
struct leat_context;

struct leat_context_settings {
    size_t size;      /* see LEAT_INIT */
    unsigned threads; /* workers, 1 to LEAT_THREADS_MAX; 0: one for each processor */
    uint64_t
        memory; /* bytes, the most that the limits of its running pipelines add up to; 0: no bound */
    int nice;   /* 0 to LEAT_NICE_MAX: how much lower the priority of the workers is */
};
#define LEAT_NICE_MAX 19

/* leat_context_new - settings may be NULL: the defaults. Returns 0 and one reference; LEAT_EUSAGE: a setting is
 * out of its range; LEAT_EUNSUPPORTED: see LEAT_INIT; LEAT_ENOMEM;
 * LEAT_EIO: no descriptor, three of which it has; errno tells why. */
LEAT_API int leat_context_new(const struct leat_context_settings *settings,
                              struct leat_context **ret_context);
/* leat_context_ref - one more reference; returns `context`. A pipeline holds one until it is freed. */
LEAT_API struct leat_context *leat_context_ref(struct leat_context *context);
/* leat_context_unref - NULL is fine. The last one ends the threads, and waits for that; in a callback, on one of
 * these threads, it does not wait. In a child made by fork, which has none of the threads, it frees nothing, and no
 * pipeline of the context can be started. */
LEAT_API void leat_context_unref(struct leat_context *context);
/* leat_context_memory_left - bytes that further pipelines may have as their limits; UINT64_MAX: no bound. */
LEAT_API uint64_t leat_context_memory_left(struct leat_context *context);

/* Callbacks of a context's pipelines (`done`) and of their ends (`ready`) come one after another, in the order of
 * their causes, and hold no lock. Without one of the following calls the context's own thread calls them. They
 * should not block there: deadlines and the waits of all its pipelines wait for them.
 *
 * leat_context_attach - from now on they come on this loop, on its thread, which calls this. The context adds one
 *   handle, which keeps the loop alive only while a pipeline runs. Returns 0; LEAT_EUSAGE: a loop is attached
 *   already, or leat_context_fd was called; LEAT_EUNSUPPORTED: the libuv that runs is of another major version
 *   than the one leat was built with, or older; LEAT_EIO.
 * leat_context_drive - like leat_context_attach, and the loop does the work of the context's own thread, which does not
 *   start: it polls, keeps deadlines and ends runs. For a program whose loop is never busy for long. Before the first
 *   pipeline is started; else LEAT_EUSAGE.
 * leat_context_detach - on that thread: close the handles. Run the loop once more, as after every uv_close. If a pipeline
 *   still runs, the context's own thread goes on with it.
 * leat_context_fd - for any other loop: a descriptor that is readable while callbacks are due. Returns it, or
 *   LEAT_E*. It belongs to the context.
 * leat_context_dispatch - call the callbacks that are due now, on this thread; never two threads at once. Returns
 *   0, or LEAT_EUSAGE: leat_context_fd was not called. */
LEAT_API int leat_context_attach(struct leat_context *context, struct uv_loop_s *loop);
LEAT_API int leat_context_drive(struct leat_context *context, struct uv_loop_s *loop);
LEAT_API void leat_context_detach(struct leat_context *context);
LEAT_API int leat_context_fd(struct leat_context *context);
LEAT_API int leat_context_dispatch(struct leat_context *context);

/* --- building ------------------------------------------------------------------------------- */

enum leat_executor_kind {
    LEAT_EXECUTOR_AUTO,   /* pool, or loop if threads is 1 */
    LEAT_EXECUTOR_POOL,   /* the pipeline's own worker threads */
    LEAT_EXECUTOR_LOOP,   /* everything on the loop's thread */
    LEAT_EXECUTOR_SEEDED, /* on the loop's thread, in an order drawn from `seed`: for tests */
};

/* An element of an array, so it does not grow. */
struct leat_variable {
    const char *name, *value;
};

/* How a pipeline is built and run. Zero means the default in every member. A value out of its range
 * makes building the pipeline fail with LEAT_EUSAGE. */
struct leat_settings {
    size_t size;      /* see LEAT_INIT */
    unsigned threads; /* workers, 1 to LEAT_THREADS_MAX; 0: one for each processor */
    uint64_t memory;  /* limit in bytes; 0: 256 MiB */
    size_t chunk;     /* bytes of a chunk, 1 to LEAT_CHUNK_MAX; 0: chosen by the compiler */
    /* Longest record (line) in bytes, without its end; 0: 16 MiB or a quarter of memory. */
    uint64_t record_max;
    uint64_t timeout_ms; /* 0: none */
    enum leat_executor_kind executor;
    uint64_t seed; /* LEAT_EXECUTOR_SEEDED: the schedule, chunk and room sizes */
    size_t room; /* the most bytes that leat_reserve offers at once; 0: only the chunk limits it */
    /* LEAT_EXECUTOR_SEEDED: time is simulated. Only leat_spend_ns and waits make it pass, and the
     * counters are those of a machine with `threads` processors. For tests. */
    bool virtual_time;
    bool
        measure_cpu; /* fill in leat_stage_stats.cpu_ns: 1 or 2 system calls per run of a segment */
    bool fixed_default_io; /* do not add standard input and output at open ends (compose, tests) */
    bool force;            /* like --force for every `write` */
    const char *sums;      /* file for the SHA-256 digests of all outputs; NULL: none */
    const struct leat_variable *variables; /* for ${name} in text */
    size_t n_variables;
    /* Threads and memory shared with other pipelines; NULL: its own. `threads` and `executor` must then be 0.
     * A `memory` of 0 is an eighth of the context's, at most 256 MiB. */
    struct leat_context *context;
    bool
        digests; /* keep the SHA-256 digests of all outputs, for leat_pipeline_digests; `sums` does, too */
};

#define LEAT_CHUNK_MAX ((size_t)1 << 20)
#define LEAT_THREADS_MAX 256u
#define LEAT_MEMORY_DEFAULT ((uint64_t)256 << 20)
#define LEAT_MEMORY_MIN ((uint64_t)1 << 20)

struct leat_pipeline;

/* leat_pipeline_from_text - a pipeline from its text form, leat-syntax(5).
 *
 *   registry    borrowed; must outlive the pipeline; NULL: the built-in stages
 *   text        the pipeline; borrowed until return
 *   settings    may be NULL; borrowed until return
 *   ret_error   may be NULL; filled in on failure
 *
 * /dev/fd/N in a pipeline means a descriptor of the program that a child would inherit. A
 * close-on-exec descriptor is refused (EBADF), because the library may use its number internally.
 *
 * Does no I/O. Returns 0 and the pipeline, to be freed with leat_pipeline_unref; or LEAT_E*. */
LEAT_API int leat_pipeline_from_text(const struct leat_registry *registry, const char *text,
                                     const struct leat_settings *settings,
                                     struct leat_pipeline **ret_pipeline,
                                     struct leat_error *ret_error);
/* leat_pipeline_from_words - the same from words; a word is never split further. */
LEAT_API int leat_pipeline_from_words(const struct leat_registry *registry, size_t n_words,
                                      const char *const *words,
                                      const struct leat_settings *settings,
                                      struct leat_pipeline **ret_pipeline,
                                      struct leat_error *ret_error);

/* The builder: stage by stage, so that a program need not quote anything. It keeps the first failure: each later call
 * returns its code and appends nothing, and leat_builder_finish reports it. A program may thus look at the result of
 * leat_builder_finish only, which also refuses a builder that is NULL (LEAT_ENOMEM). */
struct leat_builder;
/* leat_builder_new - `registry` is borrowed and must outlive the pipeline; NULL: the built-in stages. Returns NULL when
 * out of memory. */
LEAT_API struct leat_builder *leat_builder_new(const struct leat_registry *registry);
/* leat_builder_free - NULL is fine; the pipeline does not need the builder any more. */
LEAT_API void leat_builder_free(struct leat_builder *builder);
/* leat_builder_stage - append a stage with its arguments (NULL-terminated, without the name).
 * Words like ":" or "[" are ordinary arguments here. leat_builder_finish reports a wrong name or
 * option. Returns 0; LEAT_EUSAGE: `builder` or `name` is NULL; LEAT_ENOMEM. */
LEAT_API int leat_builder_stage(struct leat_builder *builder, const char *name,
                                const char *const *args);
/* leat_builder_own_stage - append a stage of a type that is not registered, with a user pointer for this
 * one stage. The type has passed the checks of leat_registry_add when this returns 0. It is borrowed,
 * with all that it points to, and must outlive the builder and its pipelines.
 *
 *   user  what leat_user returns in the stage; may be NULL. type->drop, if it is set, is called with it
 *         exactly once: when the builder and all its pipelines are freed, or at once if this fails and
 *         `type` is not NULL. type->user has no effect.
 *   args  as for leat_builder_stage; NULL: none
 *
 * The text of the pipeline has the type's name, but no text can name such a stage. Returns 0;
 * LEAT_EUSAGE, LEAT_EUNSUPPORTED: as leat_registry_add, and leat_builder_refusal has the reason;
 * LEAT_ENOMEM. */
LEAT_API int leat_builder_own_stage(struct leat_builder *builder,
                                    const struct leat_stage_type *type, void *user,
                                    const char *const *args);
/* leat_builder_refusal - why the last leat_builder_own_stage refused its type, one line; "" if it did
 * not. Borrowed until the next leat_builder_own_stage or leat_builder_free. */
LEAT_API const char *leat_builder_refusal(const struct leat_builder *builder);
/* leat_builder_text - append the stages of a text, as in leat-syntax(5), but without variables. Returns 0 or LEAT_E*;
 * ret_error may be NULL. */
LEAT_API int leat_builder_text(struct leat_builder *builder, const char *text,
                               struct leat_error *ret_error);
/* leat_quote - a word, such as the name of a file, for a text of a pipeline: quoted if it needs to be, so it is one word and
 * no more, whatever it contains. A word that begins with '-' is still an option, so put `--` before a name. free() it;
 * NULL: out of memory, or `word` is NULL. */
LEAT_API char *leat_quote(const char *word);
/* leat_builder_append - append all stages of `chain`, another builder, which is unchanged and may be appended again, and to
 * other builders. It has no open branch and no push or pull. User pointers of its own stages are shared by all
 * uses. Errors name the stages as those of the whole pipeline. Returns 0; LEAT_EUSAGE: it cannot be appended; the first
 * failure of `chain`; LEAT_ENOMEM. */
LEAT_API int leat_builder_append(struct leat_builder *builder, const struct leat_builder *chain);
/* leat_builder_branch_begin, _end - stages appended between them form a branch of the last stage.
 * Return 0; LEAT_EUSAGE: there is no stage to branch from, or no branch is open; LEAT_ENOMEM. */
LEAT_API int leat_builder_branch_begin(struct leat_builder *builder);
LEAT_API int leat_builder_branch_end(struct leat_builder *builder);
/* leat_builder_finish - the pipeline, as from leat_pipeline_from_text. When it fails for another reason than an earlier
 * call, it may be called again, with other settings. */
LEAT_API int leat_builder_finish(struct leat_builder *builder, const struct leat_settings *settings,
                                 struct leat_pipeline **ret_pipeline, struct leat_error *ret_error);

/* --- ends: a program pushes in and pulls out -------------------------------------------------- */

/* The two ends of a pipeline that the program itself can be: a source that it pushes bytes into, and a sink that it
 * pulls bytes out of. Each is a bounded queue. An end belongs to the pipeline that is built with it, and is valid until
 * the last leat_pipeline_unref; leat_builder_free ends one that was never built. Such a pipeline needs
 * settings.context.
 *
 * An end is used by one thread at a time; any will do. No call blocks but leat_end_push_all and leat_end_read, which must not
 * be called by a thread that calls the callbacks of the context. Bytes of large pieces are not copied again. A call may run
 * light built-in stages instead of waking a worker. Many small pieces are handed on together, after half a millisecond at most. */
struct leat_push_end;
struct leat_pull_end;

/* Called once after each refusal, when the program can go on: there is room, there are bytes, or it is over. No lock
 * is held. See leat_context_attach for the thread. */
typedef void (*leat_ready_cb)(void *user);

struct leat_end_settings {
    size_t size;   /* see LEAT_INIT */
    uint64_t high; /* bytes that the queue holds at most; 0: 256 KiB */
    uint64_t
        low; /* after a refusal: the fill in bytes at which `ready` is called; 0: half of `high` */
    leat_ready_cb ready; /* or NULL */
    void *user;          /* for `ready` */
};

/* leat_builder_push, _pull - append an end; push comes first, pull last, also in a branch. settings may be NULL. Return 0;
 * LEAT_EUSAGE: a setting is out of its range; LEAT_EUNSUPPORTED: see LEAT_INIT; LEAT_ENOMEM. */
LEAT_API int leat_builder_push(struct leat_builder *builder,
                               const struct leat_end_settings *settings,
                               struct leat_push_end **ret_push);
LEAT_API int leat_builder_pull(struct leat_builder *builder,
                               const struct leat_end_settings *settings,
                               struct leat_pull_end **ret_pull);

/* leat_builder_fd - append a descriptor of the program: what is read from it as the first stage, or written to it as the
 * last one. It is duplicated now and never made non-blocking, so the program goes on to own its own. Written bytes
 * cannot be taken back. Needs no context. Returns 0; LEAT_EUSAGE: it is not open; LEAT_ENOMEM: no descriptor is left. */
LEAT_API int leat_builder_fd(struct leat_builder *builder, int fd);

/* Calls of a push return LEAT_EPIPE when the pipeline needs no more bytes, the code of the outcome when the run has
 * failed, LEAT_ENOMEM, and LEAT_EUSAGE before the pipeline is built and after leat_end_finish.
 *
 * leat_end_push - push as many of n bytes as there is room for. Returns how many; fewer than n is a refusal.
 * leat_end_push_all - push all n bytes; waits for room. Returns 0 or LEAT_E*.
 * leat_end_reserve - room to write to, without a copy; uninitialised, valid until the next call. Returns its size;
 *   0: a refusal.
 * leat_end_commit - push the first n bytes of the last reserved room, once. Returns 0 or LEAT_E*.
 * leat_end_flush - every stage writes out the bytes that were pushed before, if its format can. Returns 0 or LEAT_E*.
 * leat_end_finish - there are no more bytes. Returns 0 or LEAT_E*.
 * leat_end_abort - the bytes are not complete, so the run fails, and no output appears: with this code (one that is
 *   not LEAT_E* means ECANCELLED) and text (copied; NULL: that of the code). It waits for no reader. No effect after the end.
 * leat_end_room - how many bytes the next try takes at most. */
LEAT_API ssize_t leat_end_push(struct leat_push_end *push, const void *data, size_t n);
LEAT_API int leat_end_push_all(struct leat_push_end *push, const void *data, size_t n);
LEAT_API ssize_t leat_end_reserve(struct leat_push_end *push, void **ret_to);
LEAT_API int leat_end_commit(struct leat_push_end *push, size_t n);
LEAT_API int leat_end_flush(struct leat_push_end *push);
LEAT_API int leat_end_finish(struct leat_push_end *push);
LEAT_API void leat_end_abort(struct leat_push_end *push, int code, const char *why);
LEAT_API size_t leat_end_room(struct leat_push_end *push);

/* leat_end_peek - look at the next bytes, which stay where they are. Returns how many; 0: that was all, and the run has
 *   succeeded: its outputs are in place; LEAT_EAGAIN: none now, a refusal; or, after the last bytes, the code of the
 *   failed run. *ret_data is valid until the next leat_end_take, _read or _close.
 * leat_end_take - drop the first n of the bytes that the last try returned. Returns 0 or LEAT_EUSAGE.
 * leat_end_read - copy up to n bytes, n > 0; waits for the first one. Returns as leat_end_peek.
 * leat_end_close - the program needs no more. That is no failure for the stages before. */
LEAT_API ssize_t leat_end_peek(struct leat_pull_end *pull, const void **ret_data);
LEAT_API int leat_end_take(struct leat_pull_end *pull, size_t n);
LEAT_API ssize_t leat_end_read(struct leat_pull_end *pull, void *buffer, size_t n);
LEAT_API void leat_end_close(struct leat_pull_end *pull);

/* leat_fopen - a FILE that reads what the pipeline puts out ("r"), or whose bytes the pipeline reads ("w"), for code
 * that knows stdio. fclose waits for the end of the run; EOF from it means that no output has appeared, and errno is
 * that of the failed call, EPIPE or EIO. What "r" leaves unread is no failure. FILEs do not seek.
 *
 *   registry, context  borrowed until fclose; registry NULL: the built-in stages; the context must not call its callbacks on this thread only
 *   text               the pipeline, without the end that the FILE is: "read a.gz : gunzip"
 *   ret_pipeline       may be NULL; else a reference to the running pipeline, or NULL on failure. After
 *                      leat_pipeline_cancel, fclose returns EOF, and no output appears: for a program that notices that
 *                      what it writes is not complete. After fclose leat_pipeline_error has the details
 *   ret_error          may be NULL; filled in on failure
 *
 * Returns NULL on failure. */
LEAT_API FILE *leat_fopen(const struct leat_registry *registry, struct leat_context *context,
                          const char *text, const char *mode, struct leat_pipeline **ret_pipeline,
                          struct leat_error *ret_error);

/* leat_pipeline_ref - one more reference; returns `pipeline`. Building gives the first one, and a run holds one
 * until `done` was called. leat_pipeline_unref - NULL is fine. The last one frees the pipeline. It never waits: a
 * pipeline that runs goes on to its end. Thread: any. */
LEAT_API struct leat_pipeline *leat_pipeline_ref(struct leat_pipeline *pipeline);
LEAT_API void leat_pipeline_unref(struct leat_pipeline *pipeline);

/* --- running -------------------------------------------------------------------------------- */

/* Called once, when the outcome is known and all handles, descriptors and threads of the run are closed: on the
 * loop's thread; with a context see leat_context_attach. `error` is NULL on success; it is borrowed until the
 * pipeline is freed. The callback may drop the last reference. */
typedef void (*leat_done_cb)(struct leat_pipeline *pipeline, const struct leat_error *error,
                             void *arg);

/* leat_pipeline_start - run on the caller's loop, or, with `loop` NULL, in the context of its settings; returns at
 * once. A pipeline can run only once. Returns 0, or LEAT_E*; then `done` is never called. LEAT_EUSAGE: both or none
 * of them are given, or it has run; LEAT_ELIMIT: the memory of the context is used by other pipelines now.
 * Thread: the loop's; with a context any, but a loop that is attached to it is only kept alive by a start on its
 * own thread. */
LEAT_API int leat_pipeline_start(struct leat_pipeline *pipeline, struct uv_loop_s *loop,
                                 leat_done_cb done, void *arg);
/* leat_pipeline_run - run to the end, blocking, on a loop of its own or in its context. There the calling thread may run
 * stages itself. Returns 0 or LEAT_E*; leat_pipeline_error has the details. */
LEAT_API int leat_pipeline_run(struct leat_pipeline *pipeline);
/* leat_pipeline_wait - wait until a run that was started has ended and `done` has been called.
 *
 *   timeout_ms  how long; 0: not at all; -1: as long as it takes
 *
 * Returns its outcome, 0 or LEAT_E*; LEAT_RUNNING: it still runs. Thread: any but that of its loop and those of its
 * context, which would wait for themselves, and the one that calls leat_context_dispatch. */
LEAT_API int leat_pipeline_wait(struct leat_pipeline *pipeline, int timeout_ms);
#define LEAT_RUNNING 1
/* leat_pipeline_cancel - stop the run and take all outputs back.
 *
 *   code  the outcome, unless there is one already; a code other than LEAT_E* means ECANCELLED
 *   text  its message; NULL: the general message of the code
 *
 * A cancel comes too late once outputs get their names, or, where a stage's result goes to a pipe
 * after that, once the pipe has all of it. Allowed as long as the caller has a reference; after
 * `done` it has no effect.
 * Thread: any, but not a signal handler, because it takes a lock; use uv_signal_t to call it on the
 * loop. A child made by fork has no threads of the run: it must not touch the pipeline, only exec
 * or _exit. */
LEAT_API void leat_pipeline_cancel(struct leat_pipeline *pipeline, int code, const char *text);
/* leat_pipeline_pause - step no source until leat_pipeline_resume; what they have put out goes on. Deadlines go on, too.
 * Allowed before the start. leat_pipeline_flush - have every stage write out what its sources have put out, and the program has
 * pushed, until now, if its format allows that. Returns 0; LEAT_EUSAGE: it does not run. Thread: any. */
LEAT_API void leat_pipeline_pause(struct leat_pipeline *pipeline);
LEAT_API void leat_pipeline_resume(struct leat_pipeline *pipeline);
LEAT_API int leat_pipeline_flush(struct leat_pipeline *pipeline);
/* leat_pipeline_finish - the sources end now, as if there was no more: what they have put out goes on, the run ends well and
 * outputs are committed. A decoder fails if its data ends in the middle. A blocking source, for example `pack`, goes on to its
 * end, because half of its output is of no use. Allowed before the start. Thread: any. */
LEAT_API void leat_pipeline_finish(struct leat_pipeline *pipeline);
/* leat_pipeline_rotate - every stage that makes parts over time, such as rotate, ends its part now, if it has one. Returns the
 * number of these stages; 0: there is none, and nothing happens. Thread: any. */
LEAT_API int leat_pipeline_rotate(struct leat_pipeline *pipeline);
/* leat_pipeline_reserve - declare a file, such as a log, that the program itself writes during or
 * after the run. A stage that opens it to read or write fails (LEAT_EUSAGE). Call before the start, and before the
 * file is changed.
 *
 *   option  the name of the writer, for the message; borrowed until the pipeline is freed
 *
 * A path that neither is nor could become a regular file is ignored. Returns 0; LEAT_EEXIST: it is
 * reserved already; LEAT_EUSAGE: a stage reads it, as its plan says, or the pipeline has been started; LEAT_ENOMEM. */
LEAT_API int leat_pipeline_reserve(struct leat_pipeline *pipeline, const char *path,
                                   const char *option);
/* leat_pipeline_discard - remove the temporary files of outputs now, for a program that has
 * cancelled the run and exits without waiting for `done`. No commit begins after it; one that has
 * begun goes on. Returns true: the program may exit; false: wait for `done`, because a commit has
 * begun, or because a file that is appended to is not cut back yet. After the latter a later call
 * may return true.
 * Thread: any. */
LEAT_API bool leat_pipeline_discard(struct leat_pipeline *pipeline);
/* leat_pipeline_error - the root cause, or NULL. Call after `done`, after leat_pipeline_wait, when a start has failed, or
 * when an end has returned the code of the run. */
LEAT_API const struct leat_error *leat_pipeline_error(const struct leat_pipeline *pipeline);
/* leat_pipeline_digests - the lines that --sums would write, with settings.sums or settings.digests: a digest, two
 * blanks and the name of each output that is in its place, as for sha256sum -c. Borrowed from the pipeline; "" if there is
 * none. Call after `done` of a run that has succeeded. */
LEAT_API const char *leat_pipeline_digests(const struct leat_pipeline *pipeline);
/* leat_pipeline_warning - the i-th warning, as an error with code 0: an output whose suffix belongs
 * to another format, a branch that lost data, a file that could not be restored, for each source
 * the first compressed file that a stage reads as text, and those of leat_warning. Returns 1; 0: there are no
 * more; LEAT_EUSAGE: ret_warning is NULL or has no size. Call after `done`. */
LEAT_API int leat_pipeline_warning(const struct leat_pipeline *pipeline, size_t i,
                                   struct leat_error *ret_warning);

/* --- access -------------------------------------------------------------------------------- */

/* A need of a pipeline besides its open descriptors: see leat_plan_access in
 * stage.h. A confined process may do nothing else. */
enum leat_access {
    LEAT_ACCESS_NOTHING, /* no path: the engine knows of everything that the stage needs */
    LEAT_ACCESS_READ,    /* read the file, or list the directory and read all below it */
    LEAT_ACCESS_OUTPUT, /* write the file as `write` does: a temporary file in its directory gets its
                            * name, or the old file's second name goes. A FIFO or device: write to it */
    LEAT_ACCESS_TREE, /* in this directory and below: list, write to, make, rename, link and remove
                            * files, directories and symbolic links, and set modes, owners and times. If it does
                            * not exist: the same in the directory that holds it */
    LEAT_ACCESS_NEW_TREE, /* the same in the directory that holds `path`: the directory `path` is made
                            * under a temporary name next to it, and renamed */
    LEAT_ACCESS_NODES,    /* no path: make devices, FIFOs and sockets in these trees, too */
    LEAT_ACCESS_TEMPORARY, /* a temporary file in this directory; no path: in TMPDIR, or /var/tmp */
    LEAT_ACCESS_USERS,     /* no path: look up names of users and groups, also in a daemon */
    LEAT_ACCESS_NETWORK,   /* no path: make sockets and connections, look up names of hosts */
    LEAT_ACCESS_ANYTHING, /* no path: anything, such as start a program. The process is not confined */
    LEAT_ACCESS_SOCKET, /* connect to this Unix socket, or make and remove it */
    LEAT_ACCESS_PORT, /* as NETWORK, but of TCP only this: `path` is "connect:N" or "listen:N", a port */
};

/* leat_pipeline_access - the i-th need of the pipeline, of any stage, i from 0: its kind, and its path as the stage names
 * it ("" for a kind without one), borrowed from the pipeline. Outputs of options, such as --sums, are not among them, nor
 * are the needs of a pipeline inside a stage, as in repack. Returns 1; 0: there is no i-th one; LEAT_EUSAGE: a pointer is
 * NULL. Allowed from building on. */
LEAT_API int leat_pipeline_access(const struct leat_pipeline *pipeline, size_t i,
                                  enum leat_access *ret_kind, const char **ret_path);

/* A confinement is a list of what the process may still use. A program makes it from its pipelines, adds
 * its own needs, and confines itself before it starts the first pipeline. The library never does that by
 * itself. */
struct leat_confinement;

/* leat_confinement_new - an empty list: descriptors that are open, the shared libraries of the system and
 * their settings, and nothing else. NULL: out of memory. */
LEAT_API struct leat_confinement *leat_confinement_new(void);
/* leat_confinement_free - NULL is fine. It does not lift a confinement. */
LEAT_API void leat_confinement_free(struct leat_confinement *confinement);
/* leat_confinement_add - allow what the pipeline needs. If one of its stages may need anything, such as
 * `exec`, or is not built in and does not say what it needs, the process must not be confined, and
 * leat_confine does nothing. Returns 0, LEAT_EUSAGE or LEAT_ENOMEM. */
LEAT_API int leat_confinement_add(struct leat_confinement *confinement,
                                  const struct leat_pipeline *pipeline);
/* leat_confinement_allow - allow what the program itself needs, such as a log. `path` is copied; NULL for
 * a kind without one. Returns 0, LEAT_EUSAGE or LEAT_ENOMEM. */
LEAT_API int leat_confinement_allow(struct leat_confinement *confinement, const char *path,
                                    enum leat_access kind);
/* leat_confinement_text - what would be allowed, as lines of text; free() it. NULL: out of memory. */
LEAT_API char *leat_confinement_text(const struct leat_confinement *confinement);

/* The parts of a confinement: bits. */
enum leat_confined {
    LEAT_CONFINED_FILES =
        1, /* Landlock: only files that are allowed can be opened, made or removed */
    LEAT_CONFINED_CALLS = 2, /* seccomp: start no program, make no socket, send no signal to others,
                              * change no mode, owner or time of a file by its name */
};
/* leat_confine - confine the process to the list, for ever. Call it before leat_pipeline_start, in the
 * thread that will call that, and before the program has other threads: those that exist keep their
 * access to files. Files are found at the time of the call; one that is put in their place later is not
 * allowed. The process and its children get no new privileges (setuid) any more.
 *
 *   required      bits: parts without which it fails; 0: as much as the kernel has
 *   ret_confined  may be NULL: the parts that are in force, also after a failure
 *   ret_error     may be NULL; filled in on failure
 *
 * Returns 0; LEAT_EUNSUPPORTED: a required part cannot be had; LEAT_EUSAGE: parts are required, but a
 * stage may need anything. */
LEAT_API int leat_confine(const struct leat_confinement *confinement, unsigned required,
                          unsigned *ret_confined, struct leat_error *ret_error);

/* --- stats and events ----------------------------------------------------------------------- */

struct leat_stage_stats {
    size_t size;      /* see LEAT_INIT */
    const char *name; /* borrowed from the pipeline */
    const char *text; /* canonical text of the stage with its words */
    int number;       /* from 1, as in messages */
    int segment;      /* number of the segment that runs it, from 1 */
    /* Lanes that were opened, each when it got its first block; before the run: lanes that may be
     * opened; 1 if it is not parallel. */
    unsigned workers;
    unsigned own_threads; /* further threads, of its library; not in cpu_ns */
    /* bytes_in counts all bytes handed to the stage, also those on their way to a stage that ended
     * early, such as head. bytes_out adds the bytes of all branches, without those that slow
     * branches lost. After the run, bytes_out of a stage is the sum of bytes_in of the next
     * ones. */
    uint64_t bytes_in, bytes_out;
    /* Time since the start, summed over all lanes. In each lane the three add up to the time of the
     * run. A stage that has not run yet waits for input; one that has ended waits for room. */
    uint64_t busy_ns;     /* in its step function, and handing over its output */
    uint64_t wait_in_ns;  /* waiting for input */
    uint64_t wait_out_ns; /* waiting for room downstream */
    /* Parts of the waiting time: */
    uint64_t wait_self_ns; /* the stage itself waited: for a pipe, a child, a timer */
    uint64_t wait_turn_ns; /* it could run, but no thread was free */
    uint64_t ended_ns;     /* it had ended, but others had not */
    uint64_t cpu_ns; /* processor time, with settings.measure_cpu; a child's once it has ended */
    uint64_t steps;
    uint64_t bytes_dropped; /* lost by its slow branches */
    uint64_t bytes_spilled; /* written to the temporary file of the buffer after it */
};

/* A connection of two stages: the output of `from` is an input of `to`. */
struct leat_link_stats {
    size_t size;             /* see LEAT_INIT */
    size_t from, to;         /* numbers of the stages, as for leat_pipeline_stage_stats */
    unsigned port;           /* 0: the stream; b: the b-th branch of `from`, from 1 */
    unsigned input;          /* 0: the stream; b: the b-th branch of `to`, from 1 */
    uint64_t bytes;          /* handed over by `from`, used or not */
    uint64_t fill, capacity; /* bytes in the buffer now, and at most; 0: no buffer, the two stages
                              * run in turns */
    uint64_t refusals;       /* how often the buffer was full at a write */
    bool outside;            /* the bytes go through a child process, uncounted */
};

struct leat_stats {
    size_t size; /* see LEAT_INIT */
    size_t n_stages, n_links;
    uint64_t elapsed_ns;
    uint64_t source_pos, source_total;              /* bytes, of all sources; total 0: not known */
    uint64_t memory_limit, memory_peak, memory_now; /* bytes, accounted */
    bool finishing;                                 /* all data moved; syncing and committing */
};

/* The following return 0, or LEAT_EUSAGE: a pointer is NULL, or there is no i-th one, and *ret is all zero; or its size
 * is not set, and it is unchanged.
 *
 * leat_pipeline_stats - a snapshot; allowed while the pipeline runs. Thread: any. */
LEAT_API int leat_pipeline_stats(const struct leat_pipeline *pipeline, struct leat_stats *ret);
/* leat_pipeline_stage_stats - stats of the i-th stage, i < n_stages. Thread: any. */
LEAT_API int leat_pipeline_stage_stats(const struct leat_pipeline *pipeline, size_t i,
                                       struct leat_stage_stats *ret);
/* leat_pipeline_link_stats - stats of the i-th connection, i < n_links. Thread: any. */
LEAT_API int leat_pipeline_link_stats(const struct leat_pipeline *pipeline, size_t i,
                                      struct leat_link_stats *ret);

/* Why a stage limits the speed of the pipeline. */
enum leat_bottleneck_kind {
    LEAT_BOTTLENECK_NONE, /* not known: nothing has run yet */
    LEAT_BOTTLENECK_BUSY, /* the stage is busy */
    LEAT_BOTTLENECK_WAIT, /* it waits for something outside: a slow pipe, a child, a rate */
    /* No stage is the limit: the segment of the reported stage worked or waited for less than half
     * of the time, and all stages together for less than 90 % of it. The run is short, or the
     * machine has other work. */
    LEAT_BOTTLENECK_UNCLEAR,
};
struct leat_bottleneck {
    size_t size; /* see LEAT_INIT */
    enum leat_bottleneck_kind kind;
    size_t stage;      /* its number, as for leat_pipeline_stage_stats */
    double share;      /* part of the time (of its lanes) that it was busy or waited, 0 to 1 */
    double segment;    /* the same for all stages of its segment, which run in turns */
    double wait_turn;  /* part of the time in which it could run but no thread was free */
    bool threads_busy; /* all threads were busy: more of them may help */
};
/* leat_pipeline_bottleneck - the bottleneck until now. Returns as leat_pipeline_stats. Thread: any. */
LEAT_API int leat_pipeline_bottleneck(const struct leat_pipeline *pipeline,
                                      struct leat_bottleneck *ret);

/* Events of a run: bits, for leat_pipeline_watch. Each comment names the members of leat_event that
 * are set. */
enum leat_event_kind {
    LEAT_EVENT_OPENED = 1,       /* stage */
    LEAT_EVENT_STARTED = 2,      /* all stages are open: data moves */
    LEAT_EVENT_ENDED = 4,        /* stage: it and all of its lanes have ended */
    LEAT_EVENT_STOPPED = 8,      /* stage: it was stopped, its output is not needed any more */
    LEAT_EVENT_FAILED = 16,      /* stage, error: the root cause until now */
    LEAT_EVENT_COMMITTED = 32,   /* stage: its output is in place */
    LEAT_EVENT_ABORTED = 64,     /* stage: its output is taken back */
    LEAT_EVENT_FINISHED = 128,   /* all is closed; error NULL: success */
    LEAT_EVENT_RUN = 256,        /* segment, lane: a thread ran it, from at_ns for duration_ns */
    LEAT_EVENT_FILL = 512,       /* link, lane: its buffer holds `bytes` */
    LEAT_EVENT_FULL = 1024,      /* link, lane: the buffer is full, the writer waits */
    LEAT_EVENT_DRAINED = 2048,   /* link, lane: there is room again, the writer goes on */
    LEAT_EVENTS_LIFE = 255,      /* from OPENED to FINISHED */
    LEAT_EVENTS_TRACE = 15 << 8, /* from RUN to DRAINED: many events */
};
#define LEAT_NO_STAGE SIZE_MAX

struct leat_event {
    size_t size; /* as the library was compiled */
    unsigned kind;
    uint64_t at_ns, duration_ns; /* at_ns: since the start */
    size_t stage;                /* as for leat_pipeline_stage_stats, or LEAT_NO_STAGE */
    int segment;
    size_t link; /* as for leat_pipeline_link_stats */
    unsigned lane;
    uint64_t bytes;
    const struct leat_error *error; /* borrowed until return */
};

/* Called from any thread, and from several at once. It must be quick, must not wait, and may call
 * only those functions of the pipeline that any thread may call. */
typedef void (*leat_event_cb)(const struct leat_event *event, void *arg);

/* leat_pipeline_watch - call `callback` for these kinds of events. One watcher per pipeline, set
 * before the start. Returns 0 or LEAT_EUSAGE. */
LEAT_API int leat_pipeline_watch(struct leat_pipeline *pipeline, unsigned kinds,
                                 leat_event_cb callback, void *arg);

/* leat_pipeline_text - the canonical text; `***` stands for the password of a URL, so that the text may be printed.
 * free() it. NULL: out of memory. */
LEAT_API char *leat_pipeline_text(const struct leat_pipeline *pipeline);
/* leat_pipeline_explain - stages, segments, threads, edges and the memory bound as lines of text;
 * free() it. NULL: out of memory. */
LEAT_API char *leat_pipeline_explain(const struct leat_pipeline *pipeline);

/* --- sizes and durations in their text form -------------------------------------------------- */

/* leat_parse_size - "64K", "10MB", "1.5G": K, M, G, T, P, E (also KiB…) are powers of 1024;
 * kB/KB, MB, GB… of 1000. Returns 0; LEAT_EUSAGE: not a size; LEAT_ELIMIT: a size that does not fit
 * in 64 bits. */
LEAT_API int leat_parse_size(const char *text, uint64_t *ret_bytes);
/* leat_parse_duration - "500ms", "10s", "5m", "1h", "2d", or seconds: "1.5"; the result is in
 * milliseconds. Returns 0; LEAT_EUSAGE: not a duration; LEAT_ELIMIT: above LEAT_DURATION_MAX_MS. */
LEAT_API int leat_parse_duration(const char *text, uint64_t *ret_ms);
/* The longest duration, 292 years: added to the nanoseconds since boot it still fits in 64 bits. */
#define LEAT_DURATION_MAX_MS ((uint64_t)INT64_MAX / 1000000)

#ifdef __cplusplus
}
#endif
#endif
