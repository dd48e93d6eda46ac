/* stage.h - the stage contract: all that the writer of a stage needs.
 *
 * A stage is zeroed state of a declared size, an options table, and a step function with cursors
 * in and out. It never sees a thread, a loop or a lock, and it never logs. The engine calls at
 * most one function of one instance at a time.
 */
#ifndef LEAT_STAGE_H
#define LEAT_STAGE_H

#include "leat.h"

#ifdef __cplusplus
extern "C" {
#endif

struct leat_stage;
struct leat_out;

/* What a step returns; negative: a code made by leat_fail. */
enum leat_step {
    LEAT_MORE = 0, /* wants more input, or more room */
    LEAT_END = 1,  /* done for good; input that is left is dropped, upstream is told benignly */
    LEAT_WAIT = 2, /* sources and sinks: after leat_wait_fd or leat_wait_ms */
    /* As MORE, and a flush mark stands behind what the stage has given so far: all before it is to
     * come out of every stage that follows. See LEAT_FLUSHES. */
    LEAT_FLUSHED = 5,
    /* Sinks with `stop`: no more input is wanted, which upstream is told benignly, but it is not over:
     * `stop` is called with LEAT_STOP_DONE, and step from then on as after that. */
    LEAT_ENOUGH = 6,
    /* As ENOUGH, and the steps after it are going to fail: upstream is told then, and not that no more is
     * wanted. */
    LEAT_FAILING = 7,
};

/* The input cursor: one contiguous piece of the stream. The step advances pos. */
struct leat_in {
    const uint8_t *data;
    size_t pos, len; /* bytes; pos <= len <= LEAT_CHUNK_MAX, but a record may be longer */
    bool end;        /* nothing follows data[len-1]; in a lane of a split: of this block */
    bool flush;      /* LEAT_FLUSHES: a mark follows data[len-1]; in a lane: it ended the block */
    uint64_t offset; /* of data[0] in the stage's input */
    /* Lanes of a parallel stage only: */
    uint64_t block;         /* number of the block from 0 */
    const uint8_t *history; /* the last bytes before the block, at most leat_lanes.history */
    size_t history_len;
    uint64_t note; /* what leat_note said of it */
    /* Fan-in of LEAT_PORTS_IN only: an input for each branch, by itself. */
    struct leat_in *ports;
    size_t n_ports;
    void *engine; /* not for stages */
};

/* leat_reserve - room to write into: contiguous, uninitialised, until the next call on `out`.
 * Returns its size in bytes; 0: none now; return LEAT_MORE and be called again. */
LEAT_API size_t leat_reserve(struct leat_out *out, uint8_t **ret_to);
/* leat_commit - the first n bytes of the room last reserved are output; n may be 0. */
LEAT_API void leat_commit(struct leat_out *out, size_t n);
/* leat_write - reserve, copy and commit as much of n bytes as fits now; returns how much. */
LEAT_API size_t leat_write(struct leat_out *out, const void *data, size_t n);
/* leat_pass - the next n bytes of the input become output, by reference where that pays, and
 * in->pos moves past them. n <= in->len - in->pos. Returns how many were passed: fewer than n
 * when there is no more room now; then return LEAT_MORE. */
LEAT_API size_t leat_pass(struct leat_out *out, struct leat_in *in, size_t n);
/* leat_pass_all - as leat_pass, to every port of a junction that is still read. */
LEAT_API size_t leat_pass_all(struct leat_out *out, struct leat_in *in, size_t n);
/* leat_part_end - a stage with LEAT_PARTS: what it has given so far, if anything, is a part; what it
 * gives from its next step on is the next one. Then return LEAT_MORE. */
LEAT_API void leat_part_end(struct leat_stage *stage);
/* leat_part_size - bytes that have come out of the branch at its end for the part that runs, so far:
 * what the stages of the branch hold comes on top, and that depends on when one asks. */
LEAT_API uint64_t leat_part_size(const struct leat_stage *stage);
/* leat_port - the i-th output of a junction, i < number of its outputs; 0 is the stream that goes
 * on after the last bracket, branch b is port b + 1. An ordinary stage's only one is port 0. */
LEAT_API struct leat_out *leat_port(struct leat_out *out, size_t i);

/* A stage that runs one step inside another writes the inner one's output here, and reads it back.
 *
 * leat_nested_new - room for `size` bytes, charged to the stage. NULL: recorded as its failure.
 * leat_nested_begin - before each use as the `out` of a step.
 * leat_nested_data - what was written and not taken yet; returns how many bytes.
 * leat_nested_take - the first n of them are used. */
LEAT_API struct leat_out *leat_nested_new(struct leat_stage *stage, size_t size);
LEAT_API void leat_nested_free(struct leat_stage *stage, struct leat_out *hold);
LEAT_API void leat_nested_begin(struct leat_out *hold);
LEAT_API size_t leat_nested_data(const struct leat_out *hold, const uint8_t **ret_data);
LEAT_API void leat_nested_take(struct leat_out *hold, size_t n);

/* leat_state - the zeroed state of the declared size. */
LEAT_API void *leat_state(struct leat_stage *stage);
/* leat_params - what the options table filled in; shared by all lanes, so read-only. */
LEAT_API const void *leat_params(const struct leat_stage *stage);
/* leat_branches - how many branches a junction has. */
LEAT_API size_t leat_branches(const struct leat_stage *stage);
/* leat_branch_params - what the options of the i-th branch filled in, i < leat_branches: of type
 * branch_options, with its defaults if the branch gives none. */
LEAT_API const void *leat_branch_params(const struct leat_stage *stage, size_t i);

struct leat_strings {
    size_t n;
    const char *const *v; /* v[n] is NULL */
};
LEAT_API const struct leat_strings *leat_operands(const struct leat_stage *stage);

/* leat_fail - record what happened and return `code`, to be returned from the callback at once.
 * The byte offset is that of the input cursor; leat_fail_at states another one. The text is one
 * line: what and what to do, without stage name and offset, which the engine adds. */
LEAT_API int leat_fail(struct leat_stage *stage, int code, const char *format, ...)
    LEAT_PRINTF(3, 4);
LEAT_API int leat_fail_at(struct leat_stage *stage, int code, uint64_t offset, const char *format,
                          ...) LEAT_PRINTF(4, 5);
/* leat_fail_errno - the same for a failed system call; picks the code from err. */
LEAT_API int leat_fail_errno(struct leat_stage *stage, int err, const char *format, ...)
    LEAT_PRINTF(3, 4);

/* leat_fail_within - a step inside this stage's failed: say where, after what it said. The offset
 * becomes that of the input cursor. Returns the code of the failure. */
LEAT_API int leat_fail_within(struct leat_stage *stage, const char *format, ...) LEAT_PRINTF(2, 3);

/* leat_charge - count n bytes that a library holds for this stage (a window, a worker) against
 * the pipeline's limit. Returns 0, or fails the stage with LEAT_ELIMIT and both figures.
 * Whatever is charged when the stage closes is given back. */
LEAT_API int leat_charge(struct leat_stage *stage, uint64_t bytes);
LEAT_API void leat_uncharge(struct leat_stage *stage, uint64_t bytes);
/* leat_memory_left - bytes that may still be charged. */
LEAT_API uint64_t leat_memory_left(const struct leat_stage *stage);
/* leat_memory_spare - of these, what a stage may take that could do with less: more workers, a larger
 * buffer. The rest is left to other stages, for what leat_plan_later says. */
LEAT_API uint64_t leat_memory_spare(const struct leat_stage *stage);
/* leat_memory_enough - bytes of a limit with which this stage could charge so many, for the message that it
 * cannot: whole MiB. */
LEAT_API uint64_t leat_memory_enough(const struct leat_stage *stage, uint64_t bytes);
/* leat_alloc - zeroed, charged memory; NULL: recorded as the stage's failure (return LEAT_ENOMEM).
 * Free it with leat_free before or in close. */
LEAT_API void *leat_alloc(struct leat_stage *stage, size_t size);
/* leat_alloc_raw - the same, but not zeroed: for what is written before it is read. What a short
 * stream does not write is then not even touched. */
LEAT_API void *leat_alloc_raw(struct leat_stage *stage, size_t size);
LEAT_API void leat_free(struct leat_stage *stage, void *memory);
/* leat_threads - how many threads the pipeline runs on; for libraries with workers of their own. */
LEAT_API unsigned leat_threads(const struct leat_stage *stage);
/* leat_own_threads - from now on so many threads of the library's own work for this stage; their
 * processor time is not counted as the stage's. */
LEAT_API void leat_own_threads(struct leat_stage *stage, unsigned n);
/* leat_memory_limit - the pipeline's limit in bytes, for messages and for scaling tables. */
LEAT_API uint64_t leat_memory_limit(const struct leat_stage *stage);
/* leat_input_name - the file whose bytes these are, unchanged; "-" if there is no one such file. */
LEAT_API const char *leat_input_name(const struct leat_stage *stage);
/* leat_input_file - the i-th file of those whose bytes, one after another and unchanged, are the stage's
 * input; files without a byte count, too. It is known when a byte of it, or after it, is shown to the
 * stage. Returns false if it is not known yet, if there is none, or if the input is something else. */
struct leat_input_file {
    const char *name;    /* "-": standard input */
    uint64_t begin, end; /* in the stage's input; end UINT64_MAX: not known yet */
    uint64_t place;      /* in the file: of the byte that is at `begin` */
};
LEAT_API bool leat_input_file(const struct leat_stage *stage, size_t i,
                              struct leat_input_file *ret);
/* leat_load - load a shared library that few pipelines need, so that the others start without it;
 * from open or run. It stays loaded.
 *
 *   file     its soname: the headers it is compiled with tell which; see LAZY in the Makefile
 *   package  the Debian package that brings it, for the message
 *   names    the functions wanted, NULL after the last
 *   table    receives their addresses: a struct of as many pointers, in the same order. Make both
 *            from one list with the macros below, so that each pointer has its function's type.
 *
 * Returns 0, or fails the stage with LEAT_EUNSUPPORTED. */
LEAT_API int leat_load(struct leat_stage *stage, const char *file, const char *package,
                       const char *const *names, void *table);
#ifdef __cplusplus /* where a member must not change what its own name means */
#define LEAT_LOADED_MEMBER(function) decltype(::function) *function;
#else
#define LEAT_LOADED_MEMBER(function) __typeof__(function) *function;
#endif
#define LEAT_LOADED_NAME(function) #function,
/* leat_side - append to the stage's side output (an option of kind LEAT_OPT_SIDE), which is
 * committed with the pipeline's outputs. Returns 0; LEAT_E*: return it. At most LEAT_SIDE_MAX. */
LEAT_API int leat_side(struct leat_stage *stage, const void *data, size_t n);
#define LEAT_SIDE_MAX ((size_t)1 << 16)
/* leat_read_file - in open: the whole of a small file that leat_plan_file has asked for. It is read once
 * for all instances of the stage, and stays until the pipeline ends. Returns 0, or fails the stage. */
LEAT_API int leat_read_file(struct leat_stage *stage, const char *path, const uint8_t **ret_data,
                            size_t *ret_len);
/* leat_position - a source tells its position and total (0: not known), for progress and ETA. */
LEAT_API void leat_position(struct leat_stage *stage, uint64_t pos, uint64_t total);

/* leat_wait_fd - before returning LEAT_WAIT: be stepped again when fd is readable or writable. */
LEAT_API void leat_wait_fd(struct leat_stage *stage, int fd, bool writable);
/* leat_wait_ms - before returning LEAT_WAIT: be stepped again after that many milliseconds. */
LEAT_API void leat_wait_ms(struct leat_stage *stage, uint64_t ms);

/* leat_clock_ns - monotonic time; virtual, if the pipeline runs so (settings.virtual_time). */
LEAT_API uint64_t leat_clock_ns(const struct leat_stage *stage);
/* leat_spend_ns - on virtual time: this step takes so long. Else without effect. */
LEAT_API void leat_spend_ns(struct leat_stage *stage, uint64_t ns);

/* leat_alarm_ms - in open, step or alarm: call the type's alarm after that many milliseconds, whatever
 * the stream does meanwhile. An alarm that is set already is set anew. */
LEAT_API void leat_alarm_ms(struct leat_stage *stage, uint64_t ms);

/* For sources and sinks that must notice what happens outside while they neither move data nor wait:
 * a child process that dies, a reader that leaves. In open, step or watch: call the type's `watch`
 * once, whatever the stream does meanwhile. The next call replaces the watch before it.
 *
 * leat_watch_fd    when fd is readable, or nobody is left at its other end
 * leat_watch_gone  only when nobody is left at its other end
 * leat_watch_ms    after that many milliseconds
 *
 * A file that never makes one wait is never reported. The engine watches a duplicate of fd. */
LEAT_API void leat_watch_fd(struct leat_stage *stage, int fd);
LEAT_API void leat_watch_gone(struct leat_stage *stage, int fd);
LEAT_API void leat_watch_ms(struct leat_stage *stage, uint64_t ms);

/* --- the options table: parsing, help, manual and completion all come from it ----------------- */

enum leat_opt_kind {
    LEAT_OPT_FLAG = 1, /* int: `value` (1 if 0) when given */
    LEAT_OPT_INT,      /* int64_t, min..max; 5K is 5120 */
    LEAT_OPT_SIZE,     /* uint64_t: leat_parse_size, min..max, at most INT64_MAX as any file */
    LEAT_OPT_COUNT,    /* struct leat_count: as head -n: [+-]NUM[suffix] */
    LEAT_OPT_DURATION, /* uint64_t milliseconds, 1 to LEAT_DURATION_MAX_MS */
    LEAT_OPT_STRING,   /* const char * */
    LEAT_OPT_LIST,     /* struct leat_strings: each time it is given, appended */
    LEAT_OPT_ENUM,     /* int: index into `choices` */
    LEAT_OPT_SIDE,     /* const char *: a file for leat_side, "-" for standard output */
};

struct leat_count {
    bool given; /* false: this is the default */
    char sign;  /* '+', '-', or 0: none was written */
    uint64_t number;
};

/* One option. The table ends with an all-zero entry. */
struct leat_option {
    const char *name; /* long name without dashes; NULL: only a short one */
    char short_name;  /* 0: none; LEAT_DIGITS: a run of digits is the value (-9, -19) */
    enum leat_opt_kind kind;
    size_t offset;       /* offsetof in the params structure; several options may share one */
    const char *metavar; /* "N", "SIZE", "FILE"; NULL for flags */
    int64_t min, max;    /* LEAT_OPT_INT, _SIZE: the range; both 0: any that fits, not negative */
    int64_t initial;     /* LEAT_OPT_INT, _FLAG, _SIZE, _ENUM, _DURATION: the default */
    int value;           /* LEAT_OPT_FLAG */
    const char *choices; /* LEAT_OPT_ENUM: "block|drop|spill" */
    const char *text_default; /* LEAT_OPT_STRING: the default, or NULL */
    bool value_optional; /* --name or --name=VALUE (never as a word of its own); alone: `value` */
    const char *help;    /* one line, lower case, no full stop; or NULL: only help prints it */
};
#define LEAT_DIGITS '#'

/* How a file is written, for stages that write some. Their params structure holds one of these, and
 * their table LEAT_FILE_OPTIONS(offsetof(struct x_params, file)). */
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
    LEAT_TRANSFORM,  /* one in, one out */
    LEAT_SINK,       /* writable: no output */
    LEAT_FAN_IN,     /* its branches, one after another, are its input */
    LEAT_BY_PLACE,   /* the compiler picks from by_place */
};

enum leat_nature {
    LEAT_LIGHT = 0, /* runs with its neighbour */
    LEAT_HEAVY,     /* worth a core of its own */
    LEAT_PARALLEL,  /* independent blocks: several lanes, order restored; `split` is set */
    LEAT_BLOCKING,  /* a library that pulls: `run` in a thread of its own, instead of `step` */
};

enum leat_framing {
    LEAT_BYTES = 0,
    LEAT_LINES, /* every piece of input is whole lines; only the stream's last may lack its LF */
};

enum leat_flags {
    LEAT_PASS_THROUGH = 1,  /* its output is its input, unchanged (hash, count --to, pass) */
    LEAT_WANTS_ALL = 2,     /* goes on to the end of its input though downstream has ended */
    LEAT_NO_STDOUT_TTY = 4, /* its output is binary: not for a terminal without --force */
    LEAT_DROPS = 16,        /* junctions: a branch that is too slow loses data */
    LEAT_DETACHES = 32,     /* junctions: a branch that fails leaves the others running */
    LEAT_PORTS_IN = 64,     /* fan-in: step sees each branch by itself, in->ports, when every one
                             * has input or is at its end */
    LEAT_PARTS = 128,    /* its branch, or a file, is run anew for each part: leat_part_end. What it
                             * takes as its operand is the template of the file's name */
    LEAT_OPENS_LAST = 8, /* opened after all others (exec): no side effect of a failed start */
    LEAT_FLUSHES = 512,  /* holds input back that could come out decodable: at a flush mark
                          * (in->flush) it uses up its input, gives all it has, and returns
                          * LEAT_FLUSHED; until then it is stepped again, with room. Split: a mark
                          * ends the block, unless cut says no. Of other stages the engine hands
                          * the mark on, when they have used up what came before it and have no
                          * more to give. */
};

enum leat_stop {
    LEAT_STOP_DONE,
    LEAT_STOP_ABORT,
};

enum leat_join {
    LEAT_JOIN_HEAD,  /* before the first block; called also if there is no block at all */
    LEAT_JOIN_BLOCK, /* after the output of a block; `result` is its result */
    LEAT_JOIN_TAIL,  /* after the last */
};

/* How a SPLIT stage is split. The input is cut into blocks; each block goes to one of several
 * instances ("lanes") of the stage, whose step sees in->end at the block's end and then returns
 * LEAT_END; outputs are put together in the order of the blocks. The cuts never depend on the
 * number of lanes. cut and join run in instances of their own, which are not opened (their state
 * starts zeroed) but are closed. */
struct leat_lanes {
    size_t block;       /* input bytes in a block; 0: the engine's choice (for lines, any) */
    size_t history;     /* bytes before the block that a lane wants to see */
    size_t result_size; /* bytes of result that a lane hands over per block, zeroed first */
    /* cut - where does the current block end? Looks at data (what follows the bytes it has taken
     * so far), sets *ret_take to how many of them belong to the block, 1..len (0 only if the block
     * ends before them), and returns 1 if the block ends there, 0 if it goes on, or fails. Keeps its place in the state of an
     * instance of its own. NULL: by `block`, or at line ends. `end` is true at the end of the
     * whole input; then what is left is a block of its own, whatever it returns. With
     * LEAT_FLUSHES, len 0 says that a mark is here: 1 if the block ends with it, which goes without
     * saying where cut is NULL; 0: it does not, and the mark goes through the lane. */
    int (*cut)(struct leat_stage *stage, const uint8_t *data, size_t len, bool end,
               size_t *ret_take);
    /* begin - a new block starts in this lane; may be NULL. The state is that of the last one. */
    int (*begin)(struct leat_stage *stage, const struct leat_in *in);
    /* join - runs in order, in an instance of its own; may write to out (header, trailer) and
     * is called again with the same arguments while it returns LEAT_MORE (no room); LEAT_END:
     * done. NULL: outputs are simply put together. */
    int (*join)(struct leat_stage *stage, enum leat_join when, const void *result,
                struct leat_out *out);
    /* merge - instead of putting the outputs together, in the instance of join, which is then
     * required: a step over what the lanes gave, block by block, in order. in->end: this is the
     * rest of the block's, and `result` is its result, else NULL. in->offset means nothing, but
     * the stage may set it, for leat_fail to tell where in->pos is in the stage's input.
     * Returns LEAT_MORE, or LEAT_END when a block is done with. Called before JOIN_BLOCK. */
    int (*merge)(struct leat_stage *stage, struct leat_in *in, const void *result,
                 struct leat_out *out);
};
/* LEAT_LANE_EDGES - bytes of blocks on their way to a lane and from it: one each, and the rest of
 * another when the next one comes. */
#define LEAT_LANE_EDGES(block) (2 * (block) + (block) / LEAT_BLOCK_REST)
#define LEAT_BLOCK_REST 8u
/* leat_note - in cut: a number for the lane of the block that begins next; 0 if there is none. */
LEAT_API void leat_note(struct leat_stage *stage, uint64_t note);
/* leat_keep_lanes - in cut, before the first block has ended: there are to be `most` lanes at most, 1
 * or more, and each of them that works will hold so many bytes. They are charged now; no block goes
 * to lanes that they do not fit for. So lanes need not hold anything before it is known what. */
LEAT_API void leat_keep_lanes(struct leat_stage *stage, unsigned most, uint64_t bytes);
/* leat_lane_kept - in a lane, once, when it has its first block: what leat_keep_lanes has kept for it,
 * if anything, may be charged by it. */
LEAT_API void leat_lane_kept(struct leat_stage *stage);
/* leat_result - in a lane: where this block's result goes. */
LEAT_API void *leat_result(struct leat_stage *stage);

/* For `run` of a LEAT_BLOCKING stage. It has a thread, but never runs beside the engine's calls of
 * the same instance: either it runs, or a step of the stage is over and it waits here.
 *
 * leat_pull - the next piece of input, valid until the next call. Returns 1; 0 at the end of the
 *   input; LEAT_ECANCELLED: the stage is being closed, return at once.
 * leat_push - write all of n bytes, however long that takes. Returns 0 or LEAT_ECANCELLED. */
struct leat_blocking;
LEAT_API int leat_pull(struct leat_blocking *blocking, const uint8_t **ret_data, size_t *ret_len);
LEAT_API int leat_push(struct leat_blocking *blocking, const void *data, size_t n);

#define LEAT_FRAME_HEAD 18u
#define LEAT_RECOGNISE 16u

struct leat_stage_type {
    const char *name;     /* as in a pipeline */
    const char *aliases;  /* more names, space separated, or NULL */
    const char *summary;  /* one line, lower case, no full stop; or NULL: only help prints it */
    const char *operands; /* for help: "FILE…"; NULL: none are allowed */
    size_t operands_min, operands_max;
    bool operands_raw;    /* options end at the first operand (exec) */
    const char *manual;   /* paragraphs for the manual page, plain text, blank line between */
    const char *examples; /* pipelines, one a line; each is run by a test */
    const char *missing;  /* NULL, or the Debian package that this build lacks for it */
    enum leat_kind kind;
    enum leat_nature nature;
    enum leat_framing framing;
    unsigned flags; /* enum leat_flags */
    size_t params_size, state_size;
    const struct leat_option *options;        /* NULL: none */
    unsigned branches_min, branches_max;      /* junctions: how many [ … ] it takes */
    const struct leat_option *branch_options; /* a branch may begin with them: [ --x : stages ] */
    size_t branch_params_size;
    const struct leat_lanes *lanes;

    /* frame_holds - not NULL: it decodes frames, each by itself, and may begin with any of them, so
     * that `read --range` before it gives it only those that are needed. How many bytes decoded
     * the frame holds that begins so: LEAT_FRAME_HEAD bytes, fewer at the end of the file.
     * UINT64_MAX: it does not say. No frame holds nothing. Any thread. */
    uint64_t (*frame_holds)(const uint8_t *head, size_t n);
    /* recognise - may be NULL. The name of the format, such as "gzip", of data that begins with these
     * bytes, if the stage decodes it; else NULL. LEAT_RECOGNISE bytes, fewer if less is there. */
    const char *(*recognise)(const uint8_t *first, size_t n);
    /* suffixes - may be NULL. Of an encoder: how names of files in its format end, space separated, such as
     * ".gz .tgz". There is a warning (leat_pipeline_warning) if its output is written to a file with
     * a suffix of another encoder only. */
    const char *suffixes;
    /* plan - may be NULL. Check params and operands once, when the pipeline is built: no I/O, no
     * state. May call leat_plan_*. Fails with LEAT_EUSAGE, usually. */
    int (*plan)(struct leat_stage *stage);
    /* open - may be NULL. Get what step needs. On failure close is called all the same. */
    int (*open)(struct leat_stage *stage);
    /* step - consume, produce, or both. Given room, and input or end, it must consume, produce,
     * end or fail. A source's input is always empty and never ends. */
    int (*step)(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
    /* alarm - may be NULL; not in lanes. The time that leat_alarm_ms asked for has passed, with or
     * without input and room. Returns LEAT_MORE: go on; LEAT_END or LEAT_FLUSHED: as from
     * step; or fails. */
    int (*alarm)(struct leat_stage *stage);
    /* watch - may be NULL; not in lanes. An event that leat_watch_* asked for has come. Returns
     * LEAT_MORE: a step that waits is called now, too; of a sink LEAT_ENOUGH or LEAT_FAILING, as
     * from step; or fails. Not called after `stop`: then only step is. */
    int (*watch)(struct leat_stage *stage);
    /* run - LEAT_BLOCKING, instead of step: from the first byte to the last, with leat_pull and
     * leat_push. Returns LEAT_END, or fails; after LEAT_ECANCELLED of a call it returns that. */
    int (*run)(struct leat_stage *stage, struct leat_blocking *blocking);
    /* close - may be NULL. Free what open got; exactly once, last, also after a failed open and
     * instead of commit. A sink that was not committed undoes what it did. */
    void (*close)(struct leat_stage *stage);

    /* stop - may be NULL. Downstream wants no more (LEAT_STOP_DONE), or all is being given up
     * (LEAT_STOP_ABORT), which is also so when any other stage has failed. Without it the stage is
     * simply closed; with it, step goes on being called, with no input and no room, until it
     * returns LEAT_END or fails: a child process must be waited for. It may be called twice, the
     * second time to abort. */
    void (*stop)(struct leat_stage *stage, enum leat_stop why);

    /* Sinks that commit. prepare: flush, sync, checked; after all of the pipeline ended well.
     * commit: make it visible; after all have prepared. revert: undo a commit, as another
     * one failed; then close follows. */
    int (*prepare)(struct leat_stage *stage);
    int (*commit)(struct leat_stage *stage);
    void (*revert)(struct leat_stage *stage);

    /* LEAT_BY_PLACE: what it is as the first, the last, and a middle stage. A middle one may be
     * two: middle_in takes the input and middle_out gives the output, both on one shared state,
     * that of middle_in (see leat_shared). */
    const struct leat_stage_type *first, *last, *middle_in, *middle_out;
};

/* leat_shared - in middle_out: the state of its middle_in, which is opened first. */
LEAT_API void *leat_shared(struct leat_stage *stage);

/* For `plan` only: this instance, with these options, is of another nature than its type. */
LEAT_API void leat_plan_nature(struct leat_stage *stage, enum leat_nature nature);
LEAT_API void leat_plan_framing(struct leat_stage *stage, enum leat_framing framing);
/* leat_plan_lines - it takes its input for text, as every stage with LEAT_LINES does: there is a warning
 * (leat_pipeline_warning) if that is a file in a format that a stage recognises. */
LEAT_API void leat_plan_lines(struct leat_stage *stage);
/* leat_plan_delimiter - LEAT_LINES: what ends a record, '\n' if it is not called. */
LEAT_API void leat_plan_delimiter(struct leat_stage *stage, uint8_t delimiter);
LEAT_API void leat_plan_flags(struct leat_stage *stage, unsigned flags);
LEAT_API void leat_plan_block(struct leat_stage *stage, size_t block, size_t history);
/* leat_plan_lanes - a parallel stage: no more lanes than this, at least 1. For stages whose lanes hold
 * so much that as many as there are threads may not fit in leat_memory_limit. */
LEAT_API void leat_plan_lanes(struct leat_stage *stage, unsigned most);

/* leat_plan_later - the stage is going to charge so much when it has seen its input, as a rule: a
 * decoder's window. Lanes and workers that others could do without leave it that, up to a
 * quarter of the limit, and a sixteenth of the limit at least. */
LEAT_API void leat_plan_later(struct leat_stage *stage, uint64_t bytes);

/* leat_plan_file - open is going to need the whole of this small file ("-": standard input), at most max
 * bytes of it. It is read before any stage is opened, and one that comes slowly, such as a FIFO, keeps
 * nobody from stopping the pipeline. `path` is of the params or operands. Returns 0, or fails the
 * stage. */
LEAT_API int leat_plan_file(struct leat_stage *stage, const char *path, size_t max);

/* leat_plan_expansion - fail with LEAT_ELIMIT when the output becomes longer than `output_max` bytes,
 * or than `ratio_max` times the input that was taken for it; 0: no limit. The ratio counts when more
 * than LEAT_EXPANSION_FREE bytes have come out. No more than output_max bytes are handed on. */
LEAT_API void leat_plan_expansion(struct leat_stage *stage, uint64_t output_max,
                                  uint64_t ratio_max);
#define LEAT_EXPANSION_FREE ((uint64_t)1 << 20)

/* How much lies between a stage and who reads what it gives. */
struct leat_buffer {
    uint64_t memory;     /* bytes held in memory; 0: the engine's choice */
    uint64_t start_at;   /* bytes that must be there before the reader gets any; 0: none */
    bool spills;         /* what memory does not hold goes to a file */
    const char *dir;     /* where it is; NULL: TMPDIR, or /var/tmp */
    uint64_t spill_size; /* bytes of it at most, from LEAT_SPILL_MIN; when it is full, all wait */
};
#define LEAT_SPILL_MIN (2 * LEAT_CHUNK_MAX)
/* leat_plan_buffer - what stands behind this stage; of a junction: before each of its branches. */
LEAT_API void leat_plan_buffer(struct leat_stage *stage, const struct leat_buffer *buffer);

/* A stage with LEAT_PARTS: the number of the first one, and how its files are written. */
struct leat_part_options {
    uint64_t from;
    struct leat_file_options file;
};
LEAT_API void leat_plan_parts(struct leat_stage *stage, const struct leat_part_options *options);

/* A stage whose library was not there at build time: it is listed, and says what is missing. */
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
