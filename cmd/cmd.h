/* cmd.h - what the files of the command share. They know the library by leat.h alone, and
 * stage.h where options tables are read. Only here is anything printed.
 */
#ifndef CMD_H
#define CMD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <uv.h>

#include "leat.h"
#include "stage.h"

/* --- buf.c: text that grows; a failed allocation is seen once, at the end --------------------- */

struct buf {
    char *data; /* NUL-terminated once something was added */
    size_t n, room;
    bool failed;
};

void buf_free(struct buf *buf);
void buf_bytes(struct buf *buf, const char *data, size_t n);
void buf_add(struct buf *buf, const char *format, ...) LEAT_PRINTF(2, 3);
void buf_fill(struct buf *buf, char c, size_t n);
/* buf_shown - text as leat_show gives it, for people; cut after SHOWN_MAX bytes. */
#define SHOWN_MAX 4400u /* more than a path can have */
void buf_shown(struct buf *buf, const char *text);
/* buf_json - a string with its quotes; what is not UTF-8 becomes U+FFFD, and characters that a terminal
 * obeys are escaped. */
void buf_json(struct buf *buf, const char *text);
/* buf_html - text in a page, or in an attribute's quotes; bad bytes as above. */
void buf_html(struct buf *buf, const char *text);
/* buf_text - what is in it; "" if nothing is, or if it failed. */
const char *buf_text(const struct buf *buf);

/* --- term.c: terminals, widths, layout -------------------------------------------------------- */

#define TERM_WIDTH_DEFAULT 80u
#define TERM_HEIGHT_DEFAULT 24u
#define TERM_WIDTH_MIN 20u
#define TERM_WIDTH_TEXT 100u /* longer lines of prose are hard to read */

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct term {
    int fd;
    bool tty, color, utf8;
};

void term_init(struct term *term, int fd, enum color_when when);
/* term_width - columns now; $COLUMNS or 80 if it is no terminal. */
unsigned term_width(const struct term *term);
/* term_height - lines now; 24 if it is no terminal. */
unsigned term_height(const struct term *term);
/* term_columns - columns that n bytes of UTF-8 take, a character each. */
size_t term_columns(const char *text, size_t n);
/* term_wrap - words of text[0..n) in lines of at most `width` columns, all but the first
 * indented; the first starts in column `at`. Ends with a newline. */
void term_wrap(struct buf *buf, const char *text, size_t n, size_t at, size_t indent, size_t width);

/* term_cell - text in exactly `width` columns, at least 2: cut or filled up. */
void term_cell(struct buf *buf, const char *text, size_t width, bool utf8);

/* Escape sequences, or nothing. */
#define TERM_BOLD "1"
#define TERM_RED "1;31"
#define TERM_GREEN "32"
#define TERM_DIM "2"
void term_color(struct buf *buf, bool color, const char *code);
void term_plain(struct buf *buf, bool color);

#define HUMAN_MAX 24u
struct human {
    char text[HUMAN_MAX];
};
struct human human_bytes(uint64_t bytes);       /* "1.2 GiB" */
struct human human_bytes_short(uint64_t bytes); /* "1.2G" */
struct human human_time(uint64_t ns);           /* "0:04", "1:02:03", "3d04h" */
struct human human_seconds(uint64_t ns);        /* "0.042 s", "12.3 s" */

/* --- config.c: the global options ------------------------------------------------------------- */

enum progress_kind {
    PROGRESS_AUTO,
    PROGRESS_BAR,
    PROGRESS_STAGES,
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_NONE,
};
enum stats_kind { STATS_NONE, STATS_TABLE, STATS_JSON };

struct config {
    struct leat_settings settings;
    struct leat_variable *variables;
    char **variable_names; /* owned, as many as variables */
    const char *file;      /* -f */
    const char *report;    /* --report, or NULL */
    const char *trace;     /* --trace, or NULL */
    const char *log;       /* --log: a file, "-" for standard error, or NULL */
    enum progress_kind progress;
    enum stats_kind stats;
    enum color_when color;
    const char *test_all; /* --all of `leat test`, as it was written, or NULL */
    bool json, quiet, help, version, dot;
    struct term err; /* standard error */
};

/* The table that getopt, the help, the completion and the manual page of the options come from. */
struct global_option {
    const char *name;
    char short_name;     /* 0: none */
    const char *metavar; /* NULL: takes no value */
    bool value_optional;
    const char *choices; /* "a|b|c", or NULL */
    const char *help;
};
extern const struct global_option global_options[];
extern const size_t n_global_options;

void config_init(struct config *config);
void config_done(struct config *config);
/* config_parse - options of argv up to the first operand; may be called again for the rest.
 *
 * Returns the index of the first operand (argc: none), or -1 after saying what is wrong. */
int config_parse(struct config *config, int argc, char **argv);
/* config_is_global - whether a word such as --stats=json is one of them. */
bool config_is_global(const char *word);

/* --- message.c: what is written --------------------------------------------------------------- */

/* The text a pipeline came from, to point into; zero: from words. */
struct origin {
    const char *name; /* the file, or NULL: the command line */
    const char *text;
};

/* message_error - `origin` may be NULL; `status` is the exit status that follows. */
void message_error(const struct config *config, const struct leat_error *error,
                   const struct origin *origin, int status);
/* error_offset_of - what the offset of an error counts in: "file", "stream", "text" or "none". */
const char *error_offset_of(const struct leat_error *error);
/* message_fail - an error of the command's own; returns the exit status of code. */
int message_fail(const struct config *config, int code, const char *format, ...) LEAT_PRINTF(3, 4);
/* out_write - text to standard output, all of it. Returns an exit status. */
int out_write(const struct buf *buf);
/* fd_write_all - returns 0, or -1 with errno; waits where somebody has set O_NONBLOCK. */
int fd_write_all(int fd, const char *data, size_t n);
/* fd_flush - what close(2) would say of a regular file, which stays open: NFS, FUSE and quotas tell only
 * there that what was written is lost. Returns 0, or -1 with errno. */
int fd_flush(int fd);
/* stderr_is_unread - standard error that is closed, or a pipe without a reader, fails so: nobody misses
 * what was to be written there. */
bool stderr_is_unread(int error);
/* message_write - text to a descriptor for what goes on beside the data, in one write if it takes it,
 * so that lines of several threads do not mix. Returns 0, or -1 with errno. */
int message_write(int fd, const struct buf *buf);
/* message_warning - what is to be told though all went well. */
void message_warning(const struct config *config, const struct leat_error *warning);

/* --- job.c: the pipeline from words, text or a file ------------------------------------------- */

struct job {
    struct leat_registry *registry;
    struct leat_pipeline *pipeline;
    char *text; /* of -f */
};

/* job_open - build, or say what is wrong. Returns an exit status; job_close in any case. */
int job_open(struct job *job, const struct config *config, int n_words, char **words);
void job_close(struct job *job);

/* --- loop.c: the event loop --------------------------------------------------------------------- */

/* loop_init - Returns 0, or an exit status after saying why there is none. loop_done if it was 0. */
int loop_init(const struct config *config, uv_loop_t *loop);
/* loop_run - run it to its end. An abort of libuv in the first turn is told as an error. */
void loop_run(uv_loop_t *loop);
void loop_done(uv_loop_t *loop);

/* --- run.c ------------------------------------------------------------------------------------ */

/* run_job - run to the end, with signals, progress and report. Returns an exit status; does not
 * return if the process ends by a signal. */
int run_job(const struct config *config, struct job *job);

/* --- writer.c: text for a reader that may be stuck ---------------------------------------------- */

struct writer {
    int fd;
    bool json; /* a line about what is left out is JSON */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* All below under the lock. */
    struct buf pending;
    bool started, writing, stop;
    int error; /* errno of a write; 0: none */
    unsigned long long left_out;
    pthread_t thread;
};

enum writer_kind {
    WRITER_EVENT, /* is wanted, if there is room for it */
    WRITER_STATE, /* is of use only when it is read at once */
};

void writer_init(struct writer *writer, int fd);
/* writer_put - does not block. Thread: any. */
void writer_put(struct writer *writer, const struct buf *text, enum writer_kind kind);
/* writer_done - wait until all is written, however long that takes. Returns 0 or an errno. */
int writer_done(struct writer *writer);

/* --- die.c ------------------------------------------------------------------------------------ */

/* die_by - end as the signal would have ended us: a shell's loop stops too. */
_Noreturn void die_by(int signal_number);
/* die_soon - it was asked to end, or its time is over: the last messages do not keep it for longer than
 * `ms` if nobody reads them. It ends by the signal, or if that is 0 with the status. */
void die_soon(int signal_number, int status, unsigned ms);

/* --- meter.c: rate and time left, from positions ---------------------------------------------- */

struct meter {
    bool started;
    uint64_t last_ns, last_pos;
    double bytes[2], seconds[2]; /* decaying sums: fast for the rate, slow for the time left */
};

/* meter_add - the position at a time; both never fall. */
void meter_add(struct meter *meter, uint64_t now_ns, uint64_t pos);
double meter_rate(const struct meter *meter); /* bytes a second, lately */
/* meter_left_ns - until `left` bytes have passed; UINT64_MAX: cannot be said. */
uint64_t meter_left_ns(const struct meter *meter, uint64_t left);

/* --- bar.c: one line of progress -------------------------------------------------------------- */

/* What a line of progress is made of. */
struct progress_view {
    uint64_t pos, total, elapsed_ns, left_ns; /* total 0, left_ns UINT64_MAX: not known */
    uint64_t rate, out;                       /* bytes a second; bytes that went out */
    const char *slowest;                      /* NULL: not known */
    unsigned slowest_percent;
    bool finishing;
};
unsigned progress_percent(const struct progress_view *view);
/* progress_line - at most width - 3 columns, a bar in it if there is room. */
void progress_line(struct buf *buf, const struct progress_view *view, unsigned width, bool utf8,
                   bool color);

/* --- live.c: a row a stage -------------------------------------------------------------------- */

enum live_meter { LIVE_IN, LIVE_OUT, LIVE_BUSY, LIVE_WAIT_IN, LIVE_WAIT_OUT, LIVE_METERS };

struct live_row {
    struct leat_stage_stats stage;
    struct meter meters[LIVE_METERS];
    uint64_t in_rate, out_rate, fill, capacity; /* capacity 0: no buffer before it */
    unsigned busy, wait_in, wait_out;           /* per cent, lately */
};

struct live {
    const struct job *job;
    struct live_row *rows; /* n of them */
    size_t n, marked;      /* the row of the bottleneck; SIZE_MAX: not known */
};

/* live_init - Returns 0, or -1 if there is no memory. live_done in any case. */
int live_init(struct live *live, const struct job *job);
void live_done(struct live *live);
/* live_look - bring the rows up to now. */
void live_look(struct live *live);
/* live_table - a head and as many rows as `height` has room for, of at most `width` columns, each
 * followed by line_end. Returns the number of lines. */
size_t live_table(struct buf *buf, const struct live *live, unsigned width, unsigned height,
                  const struct term *term, const char *line_end);
void live_lines(struct buf *buf, const struct live *live);
void live_json(struct buf *buf, const struct live *live);

/* --- progress.c ------------------------------------------------------------------------------- */

struct progress {
    enum progress_kind kind;
    const struct config *config;
    const struct job *job;
    struct writer *err;
    struct meter meter;
    struct live live; /* of PROGRESS_STAGES */
    bool drawn;       /* a line is on the terminal, without a newline */
    size_t lines;     /* and so many whole ones above it */
};

/* progress_init - chooses for PROGRESS_AUTO. */
void progress_init(struct progress *progress, const struct config *config, const struct job *job,
                   struct writer *err);
/* progress_interval_ms, progress_delay_ms - when to call progress_tick; 0: never. */
unsigned progress_interval_ms(const struct progress *progress);
unsigned progress_delay_ms(const struct progress *progress);
void progress_tick(struct progress *progress);
/* progress_status - one line, now, whatever the kind (SIGUSR1). */
void progress_status(struct progress *progress);
/* progress_end - nothing of it stays on a terminal. Once, after progress_init. */
void progress_end(struct progress *progress);

/* --- bottleneck.c: which stage holds the rest back -------------------------------------------- */

struct bottleneck {
    struct leat_stage_stats stage;
    size_t index;      /* of it */
    unsigned percent;  /* of the time that its workers had */
    bool waits;        /* it is not busy: it waits for what is outside */
    bool more_threads; /* they may help */
    bool found;
    bool unclear; /* not found: no stage was held up for long enough to be one */
};

void bottleneck_get(const struct job *job, struct bottleneck *ret);
/* bottleneck_words - "zstd (97 % busy, 1 worker); try a lower level". The bottleneck is found or unclear. */
void bottleneck_words(struct buf *buf, const struct config *config, const struct job *job,
                      const struct bottleneck *bottleneck);
/* bottleneck_sentence, _json - a line, or nothing if it is not known; an object, or null. */
void bottleneck_sentence(struct buf *buf, const struct config *config, const struct job *job);
void bottleneck_json(struct buf *buf, const struct config *config, const struct job *job);

/* --- stats.c: --stats ------------------------------------------------------------------------- */

/* What the process has used so far. */
struct process {
    uint64_t cpu_ns, rss_bytes;
};
struct process process_used(void);
/* stats_stage - leat_pipeline_stage_stats for people and for JSON: a stage that gives the same bytes to
 * several branches counts them once, as bytes_out of the branch that got most. */
void stats_stage(const struct job *job, size_t i, struct leat_stage_stats *ret);
/* stats_percent - what part of its lanes' time `ns` of a stage is. */
unsigned stats_percent(const struct leat_stats *stats, const struct leat_stage_stats *stage,
                       uint64_t ns);
/* stats_cpu_ns - a stage's processor time, with that of its library's threads. */
uint64_t stats_cpu_ns(const struct job *job, const struct leat_stage_stats *stage);
/* stats_write - to standard error. Returns an exit status, 0 also if nobody reads it any more. */
int stats_write(const struct config *config, const struct job *job, bool failed);

/* --- samples.c: looks at the run over time ----------------------------------------------------- */

#define SAMPLES_MAX 240u
#define SAMPLES_INTERVAL_MS 50u /* at first; twice as long each time that there is no more room */
#define SAMPLE_HEAD 1u          /* the time */

enum sample_field {
    SAMPLE_IN,
    SAMPLE_OUT,
    SAMPLE_BUSY,
    SAMPLE_WAIT_IN,
    SAMPLE_WAIT_OUT,
    SAMPLE_FIELDS
};

struct samples {
    const struct job *job;
    uint64_t *v; /* n rows of `stride`: time, the fields of each stage, the fill of each link */
    size_t n_stages, n_links, stride, n;
    unsigned every, ticks;
};

/* samples_init - Returns 0, or -1 if there is no memory. samples_done in any case. */
int samples_init(struct samples *samples, const struct job *job);
void samples_done(struct samples *samples);
void samples_tick(struct samples *samples); /* every SAMPLES_INTERVAL_MS */
void samples_end(struct samples *samples);  /* the last look */
/* Of the i-th look, i < n: nanoseconds since the start; a counter; bytes in the buffer. */
uint64_t samples_at(const struct samples *samples, size_t i);
uint64_t samples_stage(const struct samples *samples, size_t i, size_t stage,
                       enum sample_field field);
uint64_t samples_fill(const struct samples *samples, size_t i, size_t link);

/* --- report.c, report_graph.c, report_chart.c: --report ------------------------------------------ */

/* What a page is made of. */
struct report {
    const struct config *config;
    const struct job *job;
    const struct samples *samples;
    const struct leat_error *error; /* NULL: it went well */
    struct leat_stats stats;
    struct leat_stage_stats *stages; /* stats.n_stages of them */
    struct leat_link_stats *links;   /* stats.n_links of them */
    struct bottleneck bottleneck;
};

/* report_page - the whole page. Returns 0, or -1 if there is no memory. */
int report_page(struct buf *buf, const struct config *config, const struct job *job,
                const struct samples *samples, const struct leat_error *error);
/* report_graph - the drawing of the stages and what flows between them. */
void report_graph(struct buf *buf, const struct report *report, unsigned *ret_columns);
/* report_charts - throughput, use of time and fill of the buffer of a stage over time. */
void report_charts(struct buf *buf, const struct report *report, size_t stage);
/* report_bar - how a stage used its time, as one bar. */
void report_bar(struct buf *buf, const struct report *report, size_t stage);

/* What every report begins with, so that one may replace another. */
#define REPORT_MARK "<!doctype html><!-- leat report -->\n"

/* --- outfile.c: files that the command itself writes -------------------------------------------- */

struct outfile {
    const struct config *config;
    const char *option, *path; /* path: its value, "-" is standard output */
    const char *mark;          /* what a file of this kind begins with */
    int inherited;             /* a descriptor that path names, or -1 */
    int dir;                   /* else the directory, open, */
    char *name;                /* and the name in it: symbolic links resolved */
    bool replaces;             /* a file of another kind, as it was forced to: this one */
    dev_t dev;
    ino_t ino;
};

/* outfile_begin - before the run: can it be written? Not over a file of another kind, unless forced.
 * Returns 0, or an exit status after saying why; outfile_done in any case. */
int outfile_begin(struct outfile *file, const struct config *config, const char *option,
                  const char *path, const char *mark);
void outfile_done(struct outfile *file);
/* outfile_write - all of it or nothing: a file beside it is renamed. A file of another kind that was
 * not there before the run stays, also if forced. Returns the same. */
int outfile_write(const struct outfile *file, const struct buf *buf);

/* --- trace.c: --trace ------------------------------------------------------------------------- */

/* The first half of them are the run's first, the other half its last. */
#define TRACE_EVENTS_MAX 100000u
#define TRACE_MARK "{\"otherData\":{\"producer\":\"leat\""

struct trace_event {
    uint64_t at_ns, duration_ns, bytes;
    uint32_t track, kind; /* a segment and lane, or a link and lane */
};

struct trace {
    const struct job *job;
    uv_mutex_t lock;
    struct trace_event *v;  /* under the lock, as all below */
    size_t n, room, oldest; /* of the second half, once it is full */
    uint64_t dropped;
};

/* trace_begin - Returns 0, or -1 if there is no memory. trace_done if it was 0. */
int trace_begin(struct trace *trace, const struct job *job);
void trace_done(struct trace *trace);
void trace_event(struct trace *trace, const struct leat_event *event); /* any thread */
void trace_page(struct buf *buf, struct trace *trace);

/* --- log.c: --log ----------------------------------------------------------------------------- */

/* log_event - one line of JSON, in one write if it is short. Thread: any. */
void log_event(struct writer *to, const struct job *job, const struct leat_event *event);

/* --- graph.c: leat explain -------------------------------------------------------------------- */

/* graph_draw - a drawing in lines, if there are branches or inputs to draw. graph_dot - the graph for
 * Graphviz. Return 0, or -1 if there is no memory. */
int graph_draw(struct buf *buf, const struct job *job, bool utf8);
int graph_dot(struct buf *buf, const struct job *job);

/* --- watch.c: what is kept about a run, and written at its end ---------------------------------- */

struct watch {
    const struct config *config;
    const struct job *job;
    struct samples samples; /* for --report */
    struct trace trace;     /* for --trace */
    struct outfile report_file, trace_file;
    bool traces;
    int log_fd;         /* for --log; -1: none */
    struct writer *err; /* standard error */
    struct writer log;  /* of log_fd, if it is another one */
    int log_error;      /* errno of a line that could not be written; 0: none */
    unsigned kinds;
};

/* watch_begin - before the run. Returns 0, or an exit status after saying why not. */
int watch_begin(struct watch *watch, const struct config *config, const struct job *job,
                struct writer *err);
unsigned watch_interval_ms(const struct watch *watch); /* 0: watch_tick is not wanted */
void watch_tick(struct watch *watch);
/* watch_end - after the run (error NULL: it went well), instead of watch_done. Returns 0, or an
 * exit status if something could not be written. */
int watch_end(struct watch *watch, const struct leat_error *error);
void watch_done(struct watch *watch);

/* --- subcommands; each returns an exit status ------------------------------------------------- */

int help_usage(const struct config *config);                          /* --help */
int help_main(const struct config *config, int argc, char **argv);    /* leat help */
int stages_main(const struct config *config, int argc, char **argv);  /* leat stages */
int explain_main(const struct config *config, int argc, char **argv); /* leat explain */
int completion_main(const struct config *config, int argc, char **argv);
int test_main(const struct config *config, int argc, char **argv); /* leat test */
/* test_option - takes the word if it is an option of `leat test`. */
bool test_option(struct config *config, const char *word);
int man_main(const struct config *config, int argc, char **argv); /* leat man stages */

/* The subcommands, in the order of the help. */
struct subcommand {
    const char *name, *operands, *help;
    int (*main)(const struct config *config, int argc, char **argv);
    bool (*option)(struct config *config, const char *word); /* its own ones, or NULL */
    const char *manual; /* paragraphs, with a blank line between */
};
extern const struct subcommand subcommands[];
extern const size_t n_subcommands;
const struct subcommand *find_subcommand(const char *name); /* NULL: none */
int help_subcommand(const struct config *config, const struct subcommand *sub);

/* --- table.c: how an option of a stage is shown ----------------------------------------------- */

bool option_is_last(const struct leat_option *option);
/* option_label - "-n, --lines=COUNT". */
void option_label(struct buf *buf, const struct leat_option *option);
/* option_notes - "(1 to 19, default 3)" with a space before it, or nothing. */
void option_notes(struct buf *buf, const struct leat_option *option);
/* stage_synopsis - "split [options] [NAME] [ [ stages ] ]". */
void stage_synopsis(struct buf *buf, const struct leat_stage_type *type);
const char *stage_kind(const struct leat_stage_type *type);
/* each_choice - the next of "a|b|c": its length; moves *at behind it; 0: no more. */
size_t each_choice(const char **at, const char **ret_choice);

#endif
