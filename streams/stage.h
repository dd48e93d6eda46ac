/* stage.h - the stage contract: all that the author of a stage needs.
 *
 * A stage has a state of a declared size, which begins zeroed, an options table, and a step
 * function that reads from an input cursor and writes through a writer (struct leat_out). It never
 * sees a thread, a loop or a lock, and it never logs. The engine calls at most one function of an
 * instance at a time.
 */
#ifndef LEAT_STAGE_H
#define LEAT_STAGE_H

#include "leat.h"

#ifdef __cplusplus
extern "C" {
#endif

struct leat_stage;
struct leat_out;
struct leat_engine_ops;

/* Results of a step; negative: a code made by leat_fail. */
enum leat_step {
    LEAT_MORE = 0, /* needs more input, or more room */
    LEAT_END = 1,  /* done for good; the rest of the input is dropped; no failure for upstream */
    LEAT_WAIT = 2, /* sources and sinks: after leat_wait_fd, leat_wait_ms or leat_wait_wake */
    /* Like MORE, and a flush marker follows the output up to here: every stage downstream shall
     * write out all that came before the marker. See LEAT_FLUSHES. */
    LEAT_FLUSHED = 5,
    /* Sinks with `stop`: the stage needs no more input, and upstream ends without a failure, but
     * the stage goes on: the engine calls `stop` with LEAT_STOP_DONE, then step as described at
     * `stop`. */
    LEAT_ENOUGH = 6,
    /* Like ENOUGH, but a later step will fail. Upstream learns of that failure, instead of ending
     * without one. Its output until then is dropped. */
    LEAT_FAILING = 7,
};

/* The input cursor: one contiguous piece of the stream. The step advances pos. */
struct leat_in {
    const uint8_t *data;
    size_t pos, len; /* bytes; pos <= len <= LEAT_CHUNK_MAX; a record, or a piece of
                      * leat_plan_whole, may be longer */
    bool end;        /* EOF follows data[len-1]; in a lane: the end of the block */
    bool
        flush; /* LEAT_FLUSHES: a flush marker follows data[len-1]; in a lane: it ended the block */
    uint64_t offset; /* of data[0] in the stage's input */
    /* Lanes of a parallel stage only: */
    uint64_t block;         /* number of the block from 0 */
    const uint8_t *history; /* the last bytes before the block, at most leat_lanes.history */
    size_t history_len;
    uint64_t note; /* the number that `cut` passed to leat_note for this block */
    /* Fan-ins with LEAT_PORTS_IN only: a separate input for each branch. */
    struct leat_in *ports;
    size_t n_ports;
    void *engine; /* not for stages */
};

/* leat_reserve - get room to write to: contiguous, uninitialised, valid until the next call on
 * `out`.
 * Returns its size in bytes; 0: no room now, so return LEAT_MORE, and step is called again. */
LEAT_API size_t leat_reserve(struct leat_out *out, uint8_t **ret_to);
/* leat_reserve_least - like leat_reserve, but at least n bytes of room: for a library that writes a
 * whole block at once, or for a record of a fixed size.
 *
 *   n   at most LEAT_ROOM_MAX; it may be more than a chunk; 0 counts as 1
 *
 * Returns the size of the room, at least n; 0: no room now, so return LEAT_MORE. The engine calls
 * step again after the output before it was taken, and then there is room. For more than a chunk
 * the engine keeps a buffer, charged to the stage at the first call, and copies the committed bytes
 * to chunks. The stage fails with LEAT_ELIMIT, after the step has returned LEAT_MORE, if n is
 * above LEAT_ROOM_MAX, if the buffer does not fit in the pipeline's limit, or if n is above the
 * size of a nested writer. The message states the need and the limit. */
LEAT_API size_t leat_reserve_least(struct leat_out *out, size_t n, uint8_t **ret_to);
#define LEAT_ROOM_MAX ((size_t)1 << 31)
/* leat_keep_room - in open: charge the buffer for leat_reserve_least of n bytes now, so that a lane without memory for it
 * is not used. No effect if a chunk is large enough. Returns 0, or fails the stage. */
LEAT_API int leat_keep_room(struct leat_stage *stage, size_t n);
/* leat_commit - make the first n bytes of the last reserved room output; n may be 0. */
LEAT_API void leat_commit(struct leat_out *out, size_t n);
/* leat_write - reserve, copy and commit as many of n bytes as fit now; returns how many. */
LEAT_API size_t leat_write(struct leat_out *out, const void *data, size_t n);
/* leat_pass - make the next n bytes of the input output, by reference where that is cheaper, and advance in->pos. n <=
 * in->len - in->pos. Returns how many bytes were passed; fewer than n: there is no more room now, so return LEAT_MORE. */
LEAT_API size_t leat_pass(struct leat_out *out, struct leat_in *in, size_t n);
/* leat_pass_all - like leat_pass, to every port of a junction that still has a reader. */
LEAT_API size_t leat_pass_all(struct leat_out *out, struct leat_in *in, size_t n);
/* leat_part_end - stages with LEAT_PARTS: end the current part, if it has any output or a name. Return LEAT_MORE after it;
 * the output of later steps belongs to the next part. A stage with `run` may call it at any time. */
LEAT_API void leat_part_end(struct leat_stage *stage);
/* leat_part_begin - stages with LEAT_PARTS that name their parts (leat_part_options.named): begin a
 * part, and end the one before it. Its file gets this name, which may come from untrusted data.
 * Call it before the step has written output, at most once a step; a stage with `run` may call it
 * at any time. All output until leat_part_end or the next call belongs to the part; without output
 * the file is empty. Output outside of a part is an error.
 *
 *   name  n bytes, without a NUL: a path below leat_part_options.directory. Missing directories are
 *         made, and removed again if the run fails. Empty components and `.` do not count.
 *
 * Returns 0; LEAT_ECANCELLED, in `run` only; or fails the stage with LEAT_ECORRUPT if the name is
 * empty, absolute or too long, has a NUL or a `..`, or names a directory. A name that another
 * output has, and a path through a symbolic link, fail the run when the part begins. */
LEAT_API int leat_part_begin(struct leat_stage *stage, const char *name, size_t n);
/* leat_part_size - bytes that the end of the branch has written for the current part. Bytes held by
 * the stages of the branch are not counted, so the result depends on the time of the call. */
LEAT_API uint64_t leat_part_size(const struct leat_stage *stage);
/* leat_port - the i-th output of a junction, i < number of its outputs. Port 0 is the stream that
 * goes on after the last bracket; branch b is port b + 1. An ordinary stage has only port 0. */
LEAT_API struct leat_out *leat_port(struct leat_out *out, size_t i);

/* A nested writer: for a stage that runs the step of another stage inside its own. The inner step
 * writes to it, and the outer stage reads the bytes back.
 *
 * leat_nested_new - room for `size` bytes, charged to the stage. NULL: recorded as its failure.
 * leat_nested_begin - call it before each use as the `out` of a step.
 * leat_nested_data - the bytes that were written but not taken yet; returns how many.
 * leat_nested_take - drop the first n of them. */
LEAT_API struct leat_out *leat_nested_new(struct leat_stage *stage, size_t size);
LEAT_API void leat_nested_free(struct leat_stage *stage, struct leat_out *hold);
LEAT_API void leat_nested_begin(struct leat_out *hold);
LEAT_API size_t leat_nested_data(const struct leat_out *hold, const uint8_t **ret_data);
LEAT_API void leat_nested_take(struct leat_out *hold, size_t n);

/* leat_state - the state of the declared size; it began zeroed. */
LEAT_API void *leat_state(struct leat_stage *stage);
/* leat_params - the params that the options filled in; shared by all lanes, so read-only. */
LEAT_API const void *leat_params(const struct leat_stage *stage);
/* leat_branches - how many branches a junction has. */
LEAT_API size_t leat_branches(const struct leat_stage *stage);
/* leat_branch_params - the params of the i-th branch, i < leat_branches, filled in from its options
 * by the table branch_options; the defaults if the branch has no options. */
LEAT_API const void *leat_branch_params(const struct leat_stage *stage, size_t i);

/* leat_user - the user pointer of leat_builder_own_stage, or else of the type. Lanes of a stage share it
 * and run at once, so what it points to is read-only, or has a lock. */
LEAT_API void *leat_user(const struct leat_stage *stage);

struct leat_strings {
    size_t n;
    const char *const *v; /* v[n] is NULL */
};
LEAT_API const struct leat_strings *leat_operands(const struct leat_stage *stage);

/* leat_fail - record a failure and return `code`; the callback must return it at once. The byte
 * offset is that of the input cursor; leat_fail_at sets another one. The text is one line: the
 * fault and the remedy. The engine adds the stage's name and the offset. */
LEAT_API int leat_fail(struct leat_stage *stage, int code, const char *format, ...)
    LEAT_PRINTF(3, 4);
LEAT_API int leat_fail_at(struct leat_stage *stage, int code, uint64_t offset, const char *format,
                          ...) LEAT_PRINTF(4, 5);
/* leat_fail_errno - the same for a failed system call; err determines the code. */
LEAT_API int leat_fail_errno(struct leat_stage *stage, int err, const char *format, ...)
    LEAT_PRINTF(3, 4);

/* leat_fail_within - a step that ran inside this stage's step failed: append to its text, for
 * example the place. The offset becomes that of the input cursor. Returns its code. */
LEAT_API int leat_fail_within(struct leat_stage *stage, const char *format, ...) LEAT_PRINTF(2, 3);

/* leat_warning - record a warning of the stage (leat_pipeline_warning); the run goes on. The text is
 * one line. A run keeps a few dozen warnings, so for events that may be many the stage counts them,
 * and records one warning with the count. Thread: as for leat_fail. */
LEAT_API void leat_warning(struct leat_stage *stage, const char *format, ...) LEAT_PRINTF(2, 3);

/* leat_charge - count n bytes that a library holds for this stage (a window, a worker) against
 * the pipeline's limit. Returns 0, or fails the stage with LEAT_ELIMIT; the message states the need
 * and the limit. Bytes still charged when the stage closes are uncharged then. */
LEAT_API int leat_charge(struct leat_stage *stage, uint64_t bytes);
LEAT_API void leat_uncharge(struct leat_stage *stage, uint64_t bytes);
/* leat_memory_left - bytes that may still be charged. */
LEAT_API uint64_t leat_memory_left(const struct leat_stage *stage);
/* leat_memory_spare - the part of these bytes for optional use: more workers, a larger buffer. The
 * rest stays free for the other stages that called leat_plan_later. */
LEAT_API uint64_t leat_memory_spare(const struct leat_stage *stage);
/* leat_memory_enough - the limit, in bytes and a whole number of MiB, that would let this stage
 * charge so many bytes; for the message when it cannot. */
LEAT_API uint64_t leat_memory_enough(const struct leat_stage *stage, uint64_t bytes);
/* leat_alloc - zeroed, charged memory; NULL: recorded as the stage's failure (return LEAT_ENOMEM).
 * Free it with leat_free, in close at the latest. */
LEAT_API void *leat_alloc(struct leat_stage *stage, size_t size);
/* leat_alloc_raw - the same, but not zeroed: for memory that is written before it is read. A short
 * stream then leaves the pages that it does not need untouched. */
LEAT_API void *leat_alloc_raw(struct leat_stage *stage, size_t size);
LEAT_API void leat_free(struct leat_stage *stage, void *memory);
/* leat_threads - how many threads the pipeline runs on; for libraries with workers of their own. */
LEAT_API unsigned leat_threads(const struct leat_stage *stage);
/* leat_own_threads - from now on n threads of the library work for this stage; their processor time
 * is not counted as the stage's. */
LEAT_API void leat_own_threads(struct leat_stage *stage, unsigned n);
/* leat_memory_limit - the pipeline's limit in bytes, for messages and for scaling tables. */
LEAT_API uint64_t leat_memory_limit(const struct leat_stage *stage);
/* leat_input_is_part - is the input only some frames of a file (read --range, --frames)? Then it has no mark of its end. Not
 * for `plan`. */
LEAT_API bool leat_input_is_part(const struct leat_stage *stage);
/* leat_input_name - the file whose unchanged bytes are the stage's input; "-" if it is not one
 * file. */
LEAT_API const char *leat_input_name(const struct leat_stage *stage);
/* leat_input_file - the i-th of the files whose unchanged bytes, one file after another, are the stage's input. Empty files
 * count. A file is known once the stage is shown a byte of it or of a later file. Returns false if the file is not known
 * yet, if there is none, or if the input is not the unchanged bytes of files. */
struct leat_input_file {
    const char *name;    /* "-": standard input */
    uint64_t begin, end; /* in the stage's input; end UINT64_MAX: not known yet */
    uint64_t place;      /* offset in the file of the byte at `begin` */
};
LEAT_API bool leat_input_file(const struct leat_stage *stage, size_t i,
                              struct leat_input_file *ret);
/* leat_load - load a shared library that few pipelines need, so that the others start without it.
 * Call it in open or run. The library stays loaded.
 *
 *   file     its soname, which must fit the headers of the build; see LAZY in the Makefile
 *   package  the Debian package that contains it, for the message
 *   names    the functions wanted, NULL after the last
 *   table    receives their addresses: a struct of as many pointers, in the same order. Make both
 *            from one list with the macros below, so that each pointer has its function's type.
 *
 * Returns 0, or fails the stage with LEAT_EUNSUPPORTED. */
LEAT_API int leat_load(struct leat_stage *stage, const char *file, const char *package,
                       const char *const *names, void *table);
#ifdef __cplusplus /* in C++ a member must not change the meaning of its own name */
#define LEAT_LOADED_MEMBER(function) decltype(::function) *function;
#else
#define LEAT_LOADED_MEMBER(function) __typeof__(function) *function;
#endif
#define LEAT_LOADED_NAME(function) #function,
/* leat_is_output - does an output of this pipeline write or replace the file dev:ino, with this name in
 * the directory dir_dev:dir_ino? Temporary files count. For a source that walks directories; in run. */
LEAT_API bool leat_is_output(const struct leat_stage *stage, uint64_t dev, uint64_t ino,
                             uint64_t dir_dev, uint64_t dir_ino, const char *name);
/* leat_side - append n bytes to the stage's side output (an option of kind LEAT_OPT_SIDE), which is committed with the
 * pipeline's outputs. At most LEAT_SIDE_MAX bytes in all. Returns 0, or LEAT_E*, which the callback must return. */
LEAT_API int leat_side(struct leat_stage *stage, const void *data, size_t n);
#define LEAT_SIDE_MAX ((size_t)1 << 16)
/* An output directory, for a sink that writes a tree of files. It appears whole, when the pipeline
 * succeeds, or not at all: the stage fills a directory with a temporary name beside it, which only the
 * owner may enter. A killed run leaves at most that one, and the next run with the same output
 * removes it.
 *
 * leat_outdir_open - in open. *ret_outdir may also be set on failure; close it in any case.
 *     path     borrowed until leat_outdir_close; a symbolic link is resolved
 *     Returns 0, or fails the stage: LEAT_EEXIST if there is a file, or a directory that is not
 *     empty, and neither force nor in_place is set.
 * leat_outdir_root - a descriptor of the directory to fill, for openat. It belongs to the outdir.
 * leat_outdir_unfinished - in_place: a descriptor of a directory in the same file system, in which
 *     the stage makes a file before it renames it into the root. It is removed in the end, with all
 *     that is in it.
 * leat_outdir_umask - the umask, as the file system has applied it to the temporary directory.
 * leat_outdir_set_mode - the mode of a new directory; without it 0777 less the umask.
 * leat_outdir_prepare, _commit, _revert - call these in the type's prepare, commit and revert.
 *     prepare syncs all files (syncfs). Each returns 0, or fails the stage.
 * leat_outdir_close - removes the temporary directory, or after a commit the directory that was
 *     replaced. NULL is fine.
 *
 * With in_place the stage works in the directory itself, which is made if it is missing, and a failure
 * undoes nothing. Thread: any one at a time. */
struct leat_outdir;
struct leat_outdir_options {
    bool force;    /* replace a directory that is not empty */
    bool in_place; /* add to the directory */
    bool no_sync;  /* do not wait until the files are on the disk */
};
LEAT_API int leat_outdir_open(struct leat_stage *stage, const char *path,
                              const struct leat_outdir_options *options,
                              struct leat_outdir **ret_outdir);
LEAT_API int leat_outdir_root(const struct leat_outdir *outdir);
LEAT_API int leat_outdir_unfinished(const struct leat_outdir *outdir);
LEAT_API unsigned leat_outdir_umask(const struct leat_outdir *outdir);
LEAT_API void leat_outdir_set_mode(struct leat_outdir *outdir, unsigned mode);
LEAT_API int leat_outdir_prepare(struct leat_stage *stage, struct leat_outdir *outdir);
LEAT_API int leat_outdir_commit(struct leat_stage *stage, struct leat_outdir *outdir);
LEAT_API void leat_outdir_revert(struct leat_outdir *outdir);
LEAT_API void leat_outdir_close(struct leat_outdir *outdir);
/* leat_read_file - in open: the content of a small file that leat_plan_file announced. It is read once for all instances of
 * the stage, and stays until the pipeline ends. Returns 0, or fails the stage. */
LEAT_API int leat_read_file(struct leat_stage *stage, const char *path, const uint8_t **ret_data,
                            size_t *ret_len);
/* leat_position - set a source's position and total in bytes (0: not known), for progress and ETA. */
LEAT_API void leat_position(struct leat_stage *stage, uint64_t pos, uint64_t total);
/* leat_source_position - the positions of all sources of the pipeline, added up; 0: none tells one. For a
 * limit on how much longer data may become on its way. Thread: any. */
LEAT_API uint64_t leat_source_position(const struct leat_stage *stage);

/* A checkpoint: how far a source was read, kept in a file, so that the next run begins there. The engine writes the file
 * when all that was output before is committed: at the end of a run that ends well, and with each part of a stage with
 * leat_part_options.commits if that is the only sink and all stages before it have LEAT_PASS_THROUGH or LEAT_BY_LINE. A
 * part and the position after it are committed as one, also if the process is killed between them.
 *
 * leat_plan_checkpoint - in plan, of one source of a pipeline: use this file. Returns 0, or fails the stage.
 * leat_checkpoint_get - in open: the position that was kept last; NULL and 0 bytes: there is none. Valid until open returns.
 *   Returns 0, or fails the stage: the file cannot be read, is no checkpoint, or another run uses it now.
 * leat_checkpoint_set - in step, before it returns LEAT_FLUSHED or LEAT_END, without other output after it: the position
 *   after all output until now; copied. Returns 0, or fails the stage.
 * leat_checkpoint_is_kept - in step or alarm, for a stage with leat_part_options.commits: do markers bring positions? Then a part
 *   should end at one: at in->flush, or before any output that comes after it. */
LEAT_API int leat_plan_checkpoint(struct leat_stage *stage, const char *path);
LEAT_API int leat_checkpoint_get(struct leat_stage *stage, const uint8_t **ret_data,
                                 size_t *ret_len);
LEAT_API int leat_checkpoint_set(struct leat_stage *stage, const void *data, size_t n);
LEAT_API bool leat_checkpoint_is_kept(const struct leat_stage *stage);

/* A step that returns LEAT_WAIT calls some of these first; it is called again when any of the
 * events has occurred. If the step returns something else, its requests are forgotten. A step may be
 * called although nothing has occurred, so it looks again.
 *
 * leat_wait_fd - fd is readable, or (writable) writable; for both, call it twice. A file that is
 * always ready ends the wait at once. At most LEAT_WAIT_FDS_MAX descriptors. They stay the stage's:
 * it may close one in any step, in stop or in close.
 * leat_wait_ms - so many milliseconds have passed. A later call replaces an earlier one.
 * leat_wait_wake - the stage's waker was woken since this step began. */
LEAT_API void leat_wait_fd(struct leat_stage *stage, int fd, bool writable);
LEAT_API void leat_wait_ms(struct leat_stage *stage, uint64_t ms);
LEAT_API void leat_wait_wake(struct leat_stage *stage);
#define LEAT_WAIT_FDS_MAX 16u

/* A waker: for a stage whose library calls back in a thread of its own. The callback stores what it
 * brings where the stage finds it, under a lock of the author's, and then wakes the stage. Each
 * stage has at most one waker; it is counted.
 *
 * leat_waker_new - in open or step: another reference to the stage's waker. NULL: recorded as the
 *   stage's failure (return LEAT_ENOMEM).
 * leat_waker_wake - end the stage's wait, or its next one if it does not wait now. A step that
 *   begins after the call sees what the caller did before; several calls before that step count as
 *   one. After `close` has been called it has no effect. Never waits for a step. Thread: any.
 * leat_waker_free - give one reference back; NULL is fine. The memory of a waker lasts until the
 *   last reference is given back, so a callback that comes late is harmless, even after the end of
 *   the pipeline. Thread: any.
 *
 * A pipeline in which a stage waits for its waker is not stalled. With virtual time a wake takes
 * effect at the time that the clock shows then, so the result may differ from run to run. */
struct leat_waker;
LEAT_API struct leat_waker *leat_waker_new(struct leat_stage *stage);
LEAT_API void leat_waker_wake(struct leat_waker *waker);
LEAT_API void leat_waker_free(struct leat_waker *waker);

/* leat_clock_ns - monotonic time; simulated time with settings.virtual_time. */
LEAT_API uint64_t leat_clock_ns(const struct leat_stage *stage);
/* leat_spend_ns - with virtual time: the duration of this step. No effect otherwise. */
LEAT_API void leat_spend_ns(struct leat_stage *stage, uint64_t ns);

/* leat_alarm_ms - in open, step or alarm: call the type's alarm after that many milliseconds,
 * whatever the stream does meanwhile. A later call replaces an alarm that is set already. */
LEAT_API void leat_alarm_ms(struct leat_stage *stage, uint64_t ms);

/* For sources and sinks that must notice an event outside while they neither move data nor wait: a
 * child process dies, a reader closes its end. Call one of these in open, step or watch. The engine
 * then calls the type's `watch` once, whatever the stream does meanwhile. A later call replaces the
 * watch.
 *
 * leat_watch_fd    when fd is readable, or its other end is closed
 * leat_watch_gone  only when its other end is closed
 * leat_watch_ms    after that many milliseconds
 *
 * A file that is always ready is never reported. The engine watches a duplicate of fd. */
LEAT_API void leat_watch_fd(struct leat_stage *stage, int fd);
LEAT_API void leat_watch_gone(struct leat_stage *stage, int fd);
LEAT_API void leat_watch_ms(struct leat_stage *stage, uint64_t ms);

/* --- the options table: parsing, help, manual and completion all come from it ----------------- */

enum leat_opt_kind {
    LEAT_OPT_FLAG = 1, /* int: `value` (1 if 0) when given */
    LEAT_OPT_INT,      /* int64_t, min..max; 5K is 5120 */
    LEAT_OPT_SIZE,     /* uint64_t: leat_parse_size, min..max, at most INT64_MAX, like file sizes */
    LEAT_OPT_COUNT,    /* struct leat_count: like head -n: [+-]NUM[suffix] */
    LEAT_OPT_DURATION, /* uint64_t milliseconds, 1 to LEAT_DURATION_MAX_MS */
    LEAT_OPT_STRING,   /* const char * */
    LEAT_OPT_LIST,     /* struct leat_strings: each use appends a value */
    LEAT_OPT_ENUM,     /* int: index into `choices` */
    LEAT_OPT_SIDE,     /* const char *: a file for leat_side, "-" for standard output */
};

struct leat_count {
    bool given; /* false: the option was not given, this is the default */
    char sign;  /* '+', '-', or 0: none was written */
    uint64_t number;
};

/* One option. The table ends with an all-zero entry. */
struct leat_option {
    const char *name; /* long name without dashes; NULL: only a short one */
    char short_name;  /* 0: none; LEAT_DIGITS: the option is its value, some digits (-9, -19) */
    enum leat_opt_kind kind;
    size_t offset;       /* offsetof in the params structure; several options may share one */
    const char *metavar; /* "N", "SIZE", "FILE"; NULL for flags */
    int64_t min, max;    /* LEAT_OPT_INT, _SIZE: the range; both 0: any that fits, not negative */
    int64_t initial;     /* LEAT_OPT_INT, _FLAG, _SIZE, _ENUM, _DURATION: the default */
    int value;           /* LEAT_OPT_FLAG */
    const char *choices; /* LEAT_OPT_ENUM: "block|drop|spill" */
    const char *text_default; /* LEAT_OPT_STRING: the default, or NULL */
    bool value_optional; /* --name=VALUE (one word only), or --name alone, which means `value` */
    const char *help;    /* one line, lower case, no full stop; or NULL: only help prints it */
};
#define LEAT_DIGITS '#'

/* How a file is written, for stages that write files. Their params have a member `file` of this
 * type, and their options table contains LEAT_FILE_OPTIONS(offsetof(struct x_params, file)). */
struct leat_file_options {
    int force, no_sync, sparse, drop_cache, direct;
};
#define LEAT_FILE_OPTIONS(at)                                                                      \
    LEAT_FILE_FLAG(at, force, "force", 'f',                                                        \
                   "replace a file that exists; write compressed data to a terminal"),             \
        LEAT_FILE_FLAG(at, no_sync, "no-sync", 0, "do not wait until the data is on disk"),        \
        LEAT_FILE_FLAG(at, sparse, "sparse", 0, "leave holes where there are blocks of zeros"),    \
        LEAT_FILE_FLAG(at, drop_cache, "drop-cache", 0,                                            \
                       "do not leave the file in the page cache"),                                 \
        LEAT_FILE_FLAG(at, direct, "direct", 0, "write past the page cache (O_DIRECT)")
#define LEAT_FILE_FLAG(at, member, long_name, letter, text)                                        \
    {                                                                                              \
        long_name, letter, LEAT_OPT_FLAG, (at) + offsetof(struct leat_file_options, member), NULL, \
            0, 0, 0, 0, NULL, NULL, false, text /* no designators: C++17 has none */               \
    }

/* --- the type --------------------------------------------------------------------------------- */

enum leat_kind {
    LEAT_SOURCE = 1, /* readable: no input */
    LEAT_TRANSFORM,  /* one input, one output */
    LEAT_SINK,       /* writable: no output */
    LEAT_FAN_IN,     /* its input is its branches, one after another */
    LEAT_BY_PLACE,   /* the compiler picks `first`, `last`, or `middle_in` and `middle_out` */
};

enum leat_nature {
    LEAT_LIGHT = 0, /* runs in one segment with its neighbour */
    LEAT_HEAVY,     /* so much work that it pays to give it a core of its own */
    LEAT_PARALLEL,  /* independent blocks in several lanes, order restored; `lanes` is set */
    LEAT_BLOCKING,  /* a library with a loop: `run` in a thread of its own, instead of `step` */
};

enum leat_framing {
    LEAT_BYTES = 0,
    LEAT_LINES, /* each piece of input is whole lines; only the last of the stream may lack its LF */
};

enum leat_flags {
    LEAT_PASS_THROUGH = 1,  /* its output is its input, unchanged (hash, count --to, pass) */
    LEAT_WANTS_ALL = 2,     /* it reads its input to the end even if downstream has ended; no effect
                             * in lanes */
    LEAT_NO_STDOUT_TTY = 4, /* its output is binary: not to a terminal without --force */
    LEAT_DROPS = 16,        /* junctions: a branch that is too slow loses data */
    LEAT_DETACHES = 32,     /* junctions: if a branch fails, the others go on */
    LEAT_PORTS_IN = 64,     /* fan-ins: step sees each branch separately in in->ports; it runs when
                             * each branch has input or is at its end */
    LEAT_PARTS = 128, /* sinks: the branch, or the output file, is made anew for each part: see
                             * leat_part_end. Its operand is the template of the file's name, unless
                             * the stage names the parts: see leat_part_begin */
    LEAT_INNER =
        4096, /* a stage with `run`: its branch is no part of the pipeline; leat_inner_run runs it */
    LEAT_BY_LINE =
        8192, /* what it outputs for a line depends on that line alone, and it keeps nothing back: a run that
                          * begins between two lines outputs the rest (see leat_plan_checkpoint) */
    LEAT_DECODES = 2048, /* a decoder: its output is the data that its input holds compressed */
    LEAT_WANTS_DECODED = 1024, /* its input may be compressed: the compiler puts `decode` before it,
                                * unless a decoder is there. leat_input_file then tells of the
                                * bytes before decode, which passes other data unchanged */
    LEAT_OPENS_LAST = 8, /* opens after all others (exec), so a failed start has no side effect */
    LEAT_FLUSHES = 512,  /* it buffers input that it could output decodably. At a flush marker
                          * (in->flush) it consumes its input, writes out all that it buffers, and
                          * returns LEAT_FLUSHED; until then the engine calls step again, with
                          * room. Parallel stages: a marker ends the block, unless cut returns 0.
                          * Without this flag the engine passes the marker on, after the stage has
                          * consumed the input before it and has no more output; it does so for
                          * each stage with `run`, which cannot have the flag. */
};

enum leat_stop {
    LEAT_STOP_DONE,
    LEAT_STOP_ABORT,
};

enum leat_join {
    LEAT_JOIN_HEAD,  /* before the first block; also if there is no block at all */
    LEAT_JOIN_BLOCK, /* after the output of a block; `result` is its result */
    LEAT_JOIN_TAIL,  /* after the last block */
};

/* How a LEAT_PARALLEL stage runs in lanes. The cutter cuts the input into blocks. Each block goes to one of several
 * instances ("lanes") of the stage; its step sees in->end at the end of the block and then returns LEAT_END. The joiner
 * puts the outputs together in the order of the blocks. The cuts never depend on the number of lanes. The first lane is
 * opened with the other stages, any other one when it gets its first block, if the memory that the first lane charged in
 * open is spare; the joiner reports a failure of that open in the order of the blocks. cut and join run in instances of
 * their own; these are not opened (their state begins zeroed), but they are closed. */
struct leat_lanes {
    size_t block;       /* input bytes in a block; 0: the engine's choice (for lines, any) */
    size_t history;     /* bytes before the block that a lane needs to see */
    size_t whole;       /* a lane sees pieces of so many bytes, as with leat_plan_whole; 0: any */
    size_t result_size; /* bytes of a lane's result for a block; zeroed at first */
    /* cut - find the end of the current block. `data` is the input after the bytes taken so far.
     * Sets *ret_take to how many of its bytes belong to the block, 1..len, or 0 only if the block
     * ends before them. Returns 1: the block ends there; 0: it goes on; or fails. Its state is in
     * an instance of its own. NULL: the engine cuts by `block`, or at line ends. `end` is true at
     * the end of the whole input; the rest is then the last block, whatever cut returns. With
     * LEAT_FLUSHES, len 0 means that a flush marker is here. Returns 1: the block ends here, which
     * is always so if cut is NULL; 0: it does not, and the marker goes through the lane. */
    int (*cut)(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
               size_t *ret_take);
    /* begin - a new block starts in this lane; the state is still that of the lane's last block.
     * May be NULL. */
    int (*begin)(struct leat_stage *stage, const struct leat_in *in);
    /* join - runs in the order of the blocks, in an instance of its own. It may write to out (a
     * header, a trailer). Returns LEAT_END: done; LEAT_MORE: no room, call again with the same
     * arguments; or fails. NULL: the outputs are concatenated. */
    int (*join)(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out);
    /* merge - a step over the outputs of the lanes, block by block in order, instead of their
     * concatenation. It runs in the instance of join, which is then required, before JOIN_BLOCK.
     * in->end: this is the rest of the block's output, and `result` is the block's result, else
     * NULL. in->offset has no meaning; the stage may set it, so that leat_fail knows the offset of
     * in->pos in the stage's input. Returns LEAT_MORE; LEAT_END: done with the block; or fails. */
    int (*merge)(struct leat_stage *stage, struct leat_in *in, const void *result,
                 struct leat_out *out);
};
/* LEAT_LANE_EDGES - bytes of blocks in the edges to a lane and from it: one block in each, and the
 * rest of another one when the next one comes. */
#define LEAT_LANE_EDGES(block) (2 * (block) + (block) / LEAT_BLOCK_REST)
#define LEAT_BLOCK_REST 8u
/* leat_note - in cut: set in->note for the next block to begin; 0 if it is not called. */
LEAT_API void leat_note(struct leat_stage *stage, uint64_t note);
/* leat_keep_lanes - in cut, once, before the first block has ended: limit the number of lanes to
 * `most`, at least 1, each of which needs `bytes` in addition to those that it charges in open. The
 * bytes of the first lane are charged now, those of another one before it gets its first block. A
 * lane whose bytes do not fit gets no block, unless it is the first one. */
LEAT_API void leat_keep_lanes(struct leat_stage *stage, unsigned most, uint64_t bytes);
/* leat_lane_kept - in a lane, once, at its first block: leat_charge shall use the bytes that
 * leat_keep_lanes charged for the lane, if any, first. */
LEAT_API void leat_lane_kept(struct leat_stage *stage);
/* leat_result - in a lane: the buffer for the result of the current block. */
LEAT_API void *leat_result(struct leat_stage *stage);

/* For `run` of a LEAT_BLOCKING stage: a library that has a loop of its own. `run` has a thread,
 * which begins with the first step of the stage, and uses these calls only in that thread.
 *
 * A transform, or a sink with LEAT_PARTS, takes turns with the engine: the engine calls a function
 * of the instance only while `run` waits in one of these calls, so `run` may use all services for a
 * step but leat_wait_*. A thread of the engine waits meanwhile, with one thread the loop itself. A
 * library that waits for something outside, a file, a socket, a lock, must not be a transform.
 *
 * A source (pushes) and any other sink (pulls) run beside the engine, and may block for any time:
 * no thread of the engine waits for them. Only `stop` may be called while `run` is under way. `run`
 * may use leat_state, leat_params and what else is fixed, leat_fail*, leat_warning, leat_charge, leat_alloc
 * and what frees them, leat_load, leat_side and leat_position; nothing that sets an alarm or a
 * watch, or reads the clock.
 *
 * leat_pull - the next piece of input, valid until the next call. Returns 1; 0: EOF, and always for
 *   a source; LEAT_ECANCELLED.
 * leat_push - write all n bytes; waits for room as long as needed. Returns 0 or LEAT_ECANCELLED.
 * leat_push_reserve - room of at least `least` bytes that the library writes to itself, without a
 *   copy; uninitialised, valid until the next call. Waits as leat_push does. Where the room of the
 *   stream is too small, it is memory of the stage's own, charged to the stage, and copied at the
 *   commit; with `least` 1 that never happens. Returns 0; LEAT_ECANCELLED; or an error, recorded as
 *   the stage's failure.
 * leat_push_commit - make the first n bytes of the last reserved room output, once; n may be 0.
 *   Returns 0 or LEAT_ECANCELLED.
 * leat_is_cancelled - should `run` return now? For a library that works for long without a call.
 *
 * The engine hands on the output of a source as soon as it is pushed, also if `run` fails later.
 * LEAT_ECANCELLED: downstream needs no more, or the run is being aborted; `run` frees what it holds
 * and returns that code at once. The engine then closes the stage, but only when `run` has
 * returned: see `stop` for a library that may block for long. */
struct leat_blocking;
LEAT_API int leat_pull(struct leat_blocking *blocking, const uint8_t **ret_data, size_t *ret_len);
LEAT_API int leat_push(struct leat_blocking *blocking, const void *data, size_t n);
LEAT_API int leat_push_reserve(struct leat_blocking *blocking, size_t least, uint8_t **ret_to,
                               size_t *ret_room);
LEAT_API int leat_push_commit(struct leat_blocking *blocking, size_t n);
LEAT_API bool leat_is_cancelled(struct leat_blocking *blocking);

/* A helper: a second thread for `run`, for many small jobs that block or cost much in the kernel. It does
 * them in the order in which `run` gives them. `run` keeps what they need in memory of its own, which
 * the helper may use from leat_helper_give until the job is done.
 *
 * leat_helper_new - in run, once. NULL: there is none, as the pipeline has one thread, or the system gives
 *   no more; `run` does the work itself then. That is no failure.
 *     work  called in the helper's thread with the numbers of the jobs, from 0; it calls no function of
 *           this header, and keeps its result for `run`
 *     most  jobs that are given and not done, at least 1
 * leat_helper_give - the next job is ready. The helper may sleep until there are several. Returns false:
 *   `most` jobs are not done, and this one was not given.
 * leat_helper_done - the number of jobs that are done; `run` sees all that they wrote.
 * leat_helper_wait - wait until all jobs that were given are done.
 * leat_helper_free - in run, before it returns: end the thread after the job that it is doing; the others
 *   are not done. NULL is fine. */
struct leat_helper;
LEAT_API struct leat_helper *leat_helper_new(struct leat_stage *stage,
                                             void (*work)(void *arg, uint64_t job), void *arg,
                                             unsigned most);
LEAT_API bool leat_helper_give(struct leat_helper *helper);
LEAT_API uint64_t leat_helper_done(struct leat_helper *helper);
LEAT_API void leat_helper_wait(struct leat_helper *helper);
LEAT_API void leat_helper_free(struct leat_helper *helper);

/* leat_inner_run - for `run` of a stage with LEAT_INNER that has a branch: run the stages of the branch, from their
 * beginning, with what `next` returns as input. The branch reads nothing else of the pipeline, and may not write files. It
 * has threads of its own, and a quarter of the pipeline's memory, which is charged to the stage at the first call.
 *
 *   next  the next piece of input, valid until the next call of it. Returns 1; 0: EOF; or an error
 *   put   takes n bytes of output. Returns 0 or an error
 *
 * Both are called on this thread, and `next` not until the end if the branch needs no more. Returns 0; the error of `next` or
 * `put`; LEAT_ECANCELLED; or fails the stage with the error of the branch. */
struct leat_inner_io {
    void *arg;
    int (*next)(void *arg, const uint8_t **ret_data, size_t *ret_len);
    int (*put)(void *arg, const uint8_t *data, size_t n);
};
LEAT_API int leat_inner_run(struct leat_stage *stage, const struct leat_inner_io *io);

#define LEAT_FRAME_HEAD 18u
#define LEAT_RECOGNISE 16u

/* LEAT_STAGE_ABI - the version of the contract in this header, as type.abi. A library runs the types of
 * its own version and of older ones. It grows when a struct of this header other than leat_stage_type
 * changes its layout, or when a member changes its meaning; new members at the end of leat_stage_type
 * do not change it. */
#define LEAT_STAGE_ABI 1u

/* A type of a stage. A type of a program or a plugin begins with LEAT_STAGE_INIT; all members that
 * are not set are zero:
 *
 *     static const struct leat_stage_type upper = {
 *         LEAT_STAGE_INIT, .name = "acme.upper", .kind = LEAT_TRANSFORM, .step = upper_step,
 *     };
 *
 * C++ has no designators that leave members out without a warning: there leat_stage_type_init returns a
 * type to fill in. */
#define LEAT_STAGE_INIT .abi = LEAT_STAGE_ABI, .size = sizeof(struct leat_stage_type)

struct leat_stage_type {
    unsigned abi; /* LEAT_STAGE_ABI; 0: built into the library */
    /* Bytes of this struct in the header that the program was compiled with. The library takes the
     * members beyond it to be zero. */
    size_t size;
    /* For leat_user: of all stages of the type; leat_builder_own_stage gives one to a single stage
     * instead. Built-in types, and the parts of a LEAT_BY_PLACE, have none. */
    void *user;
    /* drop - may be NULL. Frees a user pointer, when no stage can use it any more. It is called
     * exactly once for each leat_registry_add that succeeded and each leat_builder_own_stage, in the
     * thread that gives up the last use. */
    void (*drop)(void *user);
    /* The name in a pipeline. Built-in types have names without a dot. All others are called
     * `vendor.name`: 3 to 63 letters, digits, '-', '_', '+' or '.', with a dot inside; the first one is
     * no '-'. Aliases likewise. */
    const char *name;
    const char *aliases;  /* more names, space separated, or NULL */
    const char *summary;  /* one line, lower case, no full stop; or NULL: only help prints it */
    const char *operands; /* for help: "FILE…"; NULL: none are allowed */
    size_t operands_min, operands_max;
    bool operands_raw;    /* options end at the first operand (exec) */
    const char *manual;   /* paragraphs for the manual page, plain text, separated by blank lines */
    const char *examples; /* pipelines, one per line; a test runs each */
    const char *missing;  /* NULL, or the Debian package that this build lacks for the stage */
    enum leat_kind kind;
    enum leat_nature nature;
    enum leat_framing framing;
    unsigned flags; /* enum leat_flags */
    size_t params_size, state_size;
    const struct leat_option *options;   /* NULL: none */
    unsigned branches_min, branches_max; /* junctions: the number of branches [ … ] */
    const struct leat_option
        *branch_options; /* for options at the start of a branch: [ --x : … ] */
    size_t branch_params_size;
    const struct leat_lanes *lanes;

    /* frame_holds - may be NULL: else the stage decodes independent frames and may begin with any
     * of them, so that `read --range` or `--frames` before it outputs only the frames needed. The function gets
     * the first LEAT_FRAME_HEAD bytes of a frame, fewer at the end of the file, and returns how
     * many decoded bytes the frame holds; UINT64_MAX: not known. No frame is empty. Any thread. */
    uint64_t (*frame_holds)(const uint8_t *head, size_t n);
    /* recognise - may be NULL. Gets the first LEAT_RECOGNISE bytes of data, or all if there are
     * fewer.
     * Returns the name of the format, such as "gzip", if the stage decodes the data; else NULL. */
    const char *(*recognise)(const uint8_t *first, size_t n);
    /* suffixes - may be NULL. The suffixes of files in the format of an encoder, separated by
     * spaces: ".gz .tgz". A warning (leat_pipeline_warning) tells if its output is written to a
     * file whose suffix belongs to another encoder only. */
    const char *suffixes;
    /* plan - may be NULL. Checks params and operands once, when the pipeline is built: no I/O, no
     * state. May call leat_plan_*. It usually fails with LEAT_EUSAGE. */
    int (*plan)(struct leat_stage *stage);
    /* open - may be NULL. Acquires the resources for step. If it fails, close is still called. */
    int (*open)(struct leat_stage *stage);
    /* step - consumes input, produces output, or both. If it has room, and input or in->end, it
     * must consume, produce, end or fail. The input of a source is always empty and never ends. */
    int (*step)(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
    /* alarm - may be NULL; not in lanes. Called when the time of leat_alarm_ms has passed, with or
     * without input and room. Returns LEAT_MORE: go on; LEAT_END or LEAT_FLUSHED: as from step; or
     * fails. Not called after `stop`. */
    int (*alarm)(struct leat_stage *stage);
    /* watch - may be NULL; not in lanes. Called at an event that leat_watch_* asked for. Returns
     * LEAT_MORE: the engine also calls step now if it waits; a sink also LEAT_ENOUGH or
     * LEAT_FAILING, as from step; or fails. Not called after `stop`: from then on only step is
     * called. */
    int (*watch)(struct leat_stage *stage);
    /* run - LEAT_BLOCKING, instead of step: processes the whole stream with leat_pull and
     * leat_push.
     * Returns LEAT_END, also before the end of its input, or fails; if a call returned
     * LEAT_ECANCELLED, run returns it too. Once the stage is being stopped, the result has no
     * effect. */
    int (*run)(struct leat_stage *stage, struct leat_blocking *blocking);
    /* close - may be NULL. Frees the resources of open. It is called exactly once and last, also
     * after a failed open. A sink that was not committed undoes its work. */
    void (*close)(struct leat_stage *stage);

    /* stop - may be NULL. Downstream needs no more (LEAT_STOP_DONE), or the run is being aborted,
     * for example because another stage has failed (LEAT_STOP_ABORT). A stage without `stop` is
     * closed. A stage with it is stepped further, without input and room, until it returns LEAT_END
     * or fails: for example to wait for a child process. `stop` may be called twice, the second
     * time to abort.
     *
     * A blocking source or sink: the engine waits until `run` has returned, with and without `stop`,
     * and `stop` ends a wait of the library. A thread of the engine calls it: before `run` begins;
     * before, during or after the call to be interrupted; or when `run` has just returned. Its
     * effect must therefore last: it shuts a socket down, writes to an eventfd that `run` polls, or
     * sets a flag of the library. `open` makes the things that it uses, and `close` frees them. It
     * must not wait, free, close a descriptor, or call leat_fail. A type with `stop` is stopped at
     * once when the pipeline fails. A sink without it first gets the data on its way to it, if the
     * failure is upstream. */
    void (*stop)(struct leat_stage *stage, enum leat_stop why);

    /* Two-phase commit of sinks. prepare: flush, sync, check for errors; called after the whole
     * pipeline has ended without an error. commit: make the output visible; called after all sinks
     * have prepared. revert: undo a commit because another one failed; close follows. A sink without revert,
     * such as a request to a server, commits after all those with one; if another output fails after that, a
     * warning tells that its output is in place. Its commit may return LEAT_WAIT after leat_wait_fd or leat_wait_ms, and is
     * called again then. A cancel ends that wait: commit is called once more, in case that it has a result now, and
     * if it has none, the run fails. A sink that was not committed undoes its work in close. */
    int (*prepare)(struct leat_stage *stage);
    int (*commit)(struct leat_stage *stage);
    void (*revert)(struct leat_stage *stage);

    /* LEAT_BY_PLACE: the types for the first, the last, and a middle stage. A middle stage may be
     * two: middle_in reads the input and middle_out writes the output. Both use the state of
     * middle_in (see leat_shared). */
    const struct leat_stage_type *first, *last, *middle_in, *middle_out;

    /* engine - NULL, or that of a built-in type from which step, params_size and state_size are taken,
     * too: further operations of the engine's own stages (streams/stage/engine_ops.h). */
    const struct leat_engine_ops *engine;

    /* part_done - may be NULL; with leat_part_options.commits. A part is in its place and synced. Returns 0, or fails;
     * a failure for the last part is a warning. For that one the type needs a commit, or it is closed before. */
    int (*part_done)(struct leat_stage *stage);
    /* part_again - may be NULL; with leat_part_options.commits. Something else has taken the name that the stage gave to
     * leat_part_begin: writes another one, at most `room` bytes with its NUL, to `to`, in the same directory. Called in the
     * thread of the stage while the part begins or is committed, or after its last step. Returns 0, or fails. */
    int (*part_again)(struct leat_stage *stage, char *to, size_t room);
};

/* leat_stage_type_init - a type with abi and size set, and all else zero. */
static inline struct leat_stage_type leat_stage_type_init(void)
{
#ifdef __cplusplus
    struct leat_stage_type type = {};

    type.abi = LEAT_STAGE_ABI;
    type.size = sizeof type;
#else
    struct leat_stage_type type = {LEAT_STAGE_INIT};
#endif
    return type;
}

/* A plugin is a shared object with stages, which leat_registry_load adds. It needs no library:
 *
 *     static const struct leat_stage_type *const types[] = {&upper, &lower, NULL};
 *     LEAT_PLUGIN(types);
 *
 * cc -shared -fPIC $(pkg-config --cflags leat) -o acme.so acme.c. Its calls of leat_* go to the program
 * that loads it. */
struct leat_plugin {
    size_t size;                                /* bytes of this struct */
    unsigned abi;                               /* LEAT_STAGE_ABI */
    const char *version;                        /* LEAT_VERSION, for messages */
    const struct leat_stage_type *const *types; /* NULL ends them */
};
#define LEAT_PLUGIN(list)                                                                          \
    const struct leat_plugin leat_plugin = {sizeof(struct leat_plugin), LEAT_STAGE_ABI,            \
                                            LEAT_VERSION, list}
extern LEAT_API const struct leat_plugin leat_plugin; /* in a plugin only */

/* leat_shared - in middle_out: the state of its middle_in, which is opened first. */
LEAT_API void *leat_shared(struct leat_stage *stage);

/* For `plan` only: settings of this instance, with its options, in place of those of its type. */
LEAT_API void leat_plan_nature(struct leat_stage *stage, enum leat_nature nature);
LEAT_API void leat_plan_framing(struct leat_stage *stage, enum leat_framing framing);
/* leat_plan_lines - the stage reads its input as text, as every stage with LEAT_LINES does: a
 * warning (leat_pipeline_warning) tells if the input is a file in a format that a stage recognises. */
LEAT_API void leat_plan_lines(struct leat_stage *stage);
/* leat_plan_first - the stage may end without any input: the engine calls step once, with an empty input, as soon as all
 * stages are open, instead of only when there is input or its end. No effect on stages in lanes. */
LEAT_API void leat_plan_first(struct leat_stage *stage);
/* leat_plan_last - the stage's output depends only on the last `count` bytes, or on the last `count` records that end with
 * `delimiter`, of its input, and it needs all of them in memory. A source just before that can seek may then leave out
 * what comes before these, so offsets in the input are counted from where it begins. */
LEAT_API void leat_plan_last(struct leat_stage *stage, bool bytes, uint64_t count,
                             uint8_t delimiter);
/* leat_plan_seeks - the stage can read its input at any offset. If the source just before it is one file that can seek, the
 * stage gets no input but its end. Then leat_input_size is not UINT64_MAX but the size of the file, and leat_input_read copies
 * n bytes at an offset, at + n <= size. It returns 0, or fails the stage. */
LEAT_API void leat_plan_seeks(struct leat_stage *stage);
LEAT_API uint64_t leat_input_size(const struct leat_stage *stage);
LEAT_API int leat_input_read(struct leat_stage *stage, uint64_t at, void *to, size_t n);
/* leat_plan_delimiter - LEAT_LINES: the byte that ends a record; '\n' if it is not called. */
LEAT_API void leat_plan_delimiter(struct leat_stage *stage, uint8_t delimiter);
/* leat_plan_flags - LEAT_PARTS stays as the type has it, and a stage with `run` gets no
 * LEAT_FLUSHES. */
LEAT_API void leat_plan_flags(struct leat_stage *stage, unsigned flags);
LEAT_API void leat_plan_block(struct leat_stage *stage, size_t block, size_t history);
/* leat_plan_whole - the stage sees its input in pieces of exactly `size` bytes, 1 to
 * LEAT_WHOLE_MAX: for a codec that works on blocks. Only the last piece is shorter: of a block in a
 * lane; without lanes the last one of the stream, and with LEAT_FLUSHES the last one before a flush
 * marker. A lane whose blocks are cut by the engine and have at most `size` bytes thus sees each
 * block in one piece, with in->end. Otherwise an empty piece with in->end, or in->flush, may follow
 * a piece of `size` bytes. The engine copies a piece, once, only if it lies in several chunks. The
 * buffer for that is charged to the stage after open. A step that consumes a part of a piece sees
 * the rest of it again. Not for stages that read lines without lanes, nor for LEAT_PORTS_IN, nor for blocking sinks
 * without LEAT_PARTS. */
LEAT_API void leat_plan_whole(struct leat_stage *stage, size_t size);
#define LEAT_WHOLE_MAX ((size_t)1 << 30)
/* leat_plan_lanes - parallel stages: at most this many lanes, at least 1. For stages whose lanes
 * need so much memory that one lane per thread may not fit in leat_memory_limit. */
LEAT_API void leat_plan_lanes(struct leat_stage *stage, unsigned most);

/* leat_plan_later - the stage will usually charge so many bytes once it has seen its input: a
 * decoder's window. The optional lanes and workers of other stages leave this memory free: at least
 * a sixteenth and at most a quarter of the limit. */
LEAT_API void leat_plan_later(struct leat_stage *stage, uint64_t bytes);

/* leat_plan_file - open will need the whole content of this small file ("-": standard input), at most max bytes. The engine
 * reads it before it opens any stage; a slow file, such as a FIFO, does not keep the pipeline from being stopped. `path`
 * belongs to the params or operands. Returns 0, or fails the stage. */
LEAT_API int leat_plan_file(struct leat_stage *stage, const char *path, size_t max);

/* leat_plan_access - the stage itself, or its library, will use this file or directory. A program may
 * confine itself before the run to what its pipelines need; it knows that only from these calls.
 * Needs of the engine are known to it: shared libraries, side outputs, leat_plan_file, _buffer and
 * _parts. A stage that is not built in and never calls this may need anything, so a pipeline with
 * it is not confined; LEAT_ACCESS_NOTHING says that there is no need.
 *
 *   path  copied; NULL for a kind without a path. A relative one is found from the directory that
 *         is current at the start. "-", or a file that does not exist, is no error.
 *
 * Returns 0, or fails the stage. */
LEAT_API int leat_plan_access(struct leat_stage *stage, const char *path, enum leat_access kind);

/* leat_plan_expansion - fail with LEAT_ELIMIT when the output becomes longer than `output_max`
 * bytes, or than `ratio_max` times the input consumed for it; 0: no limit. The ratio is checked
 * once the output exceeds LEAT_EXPANSION_FREE bytes. At most output_max bytes are handed on. */
LEAT_API void leat_plan_expansion(struct leat_stage *stage, uint64_t output_max,
                                  uint64_t ratio_max);
#define LEAT_EXPANSION_FREE ((uint64_t)1 << 20)

/* The buffer between a stage and its reader. */
struct leat_buffer {
    uint64_t memory;     /* bytes held in memory; 0: the engine's choice */
    uint64_t start_at;   /* fill in bytes at which the reader starts; 0: at once */
    bool spills;         /* data that does not fit in memory goes to a temporary file */
    const char *dir;     /* directory of the file; NULL: TMPDIR, or /var/tmp */
    uint64_t spill_size; /* most bytes of it, at least LEAT_SPILL_MIN; the writer waits if full */
};
#define LEAT_SPILL_MIN (2 * LEAT_CHUNK_MAX)
/* leat_plan_buffer - set the buffer after this stage; for a junction: before each of its branches. */
LEAT_API void leat_plan_buffer(struct leat_stage *stage, const struct leat_buffer *buffer);

/* For stages with LEAT_PARTS: the number of the first part, and how the files are written. */
struct leat_part_options {
    uint64_t from;
    struct leat_file_options file;
    bool named;            /* the stage names each part with leat_part_begin */
    const char *directory; /* named: where the files go; NULL: the current directory */
    /* Each part is committed when its branch has ended, before the next one begins, and stays whatever comes
     * later; the last one is committed with the other outputs. A full disk is waited for. The stage names the parts, and
     * `directory` is that of its operand. */
    bool commits;
};
LEAT_API void leat_plan_parts(struct leat_stage *stage, const struct leat_part_options *options);
/* leat_rotation_asked - in alarm: has leat_pipeline_rotate been called since the last call of this function? Stages with
 * leat_part_options.commits and an alarm are called for it at once. */
LEAT_API bool leat_rotation_asked(struct leat_stage *stage);

/* A stage whose library was missing at build time: leat lists it, and its use names the package. */
#ifndef __cplusplus /* for the library's own tables only */
#define LEAT_STAGE_MISSING(ident, stage_name, text, package)                                       \
    const struct leat_stage_type leat_stage_##ident = {                                            \
        .name = stage_name,                                                                        \
        .summary = text,                                                                           \
        .kind = LEAT_TRANSFORM,                                                                    \
        .operands = "…",                                                                           \
        .operands_max = SIZE_MAX,                                                                  \
        .operands_raw = true,                                                                      \
        .missing = package,                                                                        \
    }
#endif

#ifdef __cplusplus
}
#endif
#endif
