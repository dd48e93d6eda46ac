/* cmd.h - the interfaces between the files of the command. They use the library through leat.h
 * alone, and stage.h to read option tables. Only the command prints; the library never does.
 */
#ifndef CMD_H
#define CMD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <uv.h>

#include "leat.h"
#include "stage.h"

/* --- buf.c: growable text; an allocation error is checked once, at the end -------------------- */

struct buf {
    char *data; /* NUL-terminated after the first addition */
    size_t n, room;
    bool failed;
};

void buf_free(struct buf *buf);
void buf_bytes(struct buf *buf, const char *data, size_t n);
void buf_add(struct buf *buf, const char *format, ...) LEAT_PRINTF(2, 3);
void buf_fill(struct buf *buf, char c, size_t n);
/* buf_shown - text for people, escaped by leat_show; cut after SHOWN_MAX bytes. */
#define SHOWN_MAX 4400u /* longer than any path */
void buf_shown(struct buf *buf, const char *text);
/* buf_json - a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD, and characters
 * that control a terminal are escaped. */
void buf_json(struct buf *buf, const char *text);
/* buf_html - text for an HTML page or a quoted attribute; invalid bytes as above. */
void buf_html(struct buf *buf, const char *text);
/* buf_text - the content; "" if it is empty or an allocation failed. */
const char *buf_text(const struct buf *buf);

/* --- term.c: terminals, widths, layout -------------------------------------------------------- */

#define TERM_WIDTH_DEFAULT 80u
#define TERM_HEIGHT_DEFAULT 24u
#define TERM_WIDTH_MIN 20u
#define TERM_WIDTH_TEXT 100u /* of prose: longer lines are hard to read */

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct term {
    int fd;
    bool tty, color, utf8;
};

void term_init(struct term *term, int fd, enum color_when when);
/* term_width - the current columns; $COLUMNS or 80 if it is not a terminal. */
unsigned term_width(const struct term *term);
/* term_height - the current lines; 24 if it is not a terminal. */
unsigned term_height(const struct term *term);
/* term_columns - the width of n bytes of UTF-8, one column per character. */
size_t term_columns(const char *text, size_t n);
/* term_wrap - wrap the words of text[0..n) into lines of at most `width` columns. The first line
 * starts in column `at`, the others are indented. Ends with a newline. */
void term_wrap(struct buf *buf, const char *text, size_t n, size_t at, size_t indent, size_t width);

/* term_cell - text in exactly `width` columns (at least 2): cut or padded. */
void term_cell(struct buf *buf, const char *text, size_t width, bool utf8);

/* Codes for term_color, which writes an escape sequence, or nothing without `color`. */
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
enum sandbox_kind { SANDBOX_AUTO, SANDBOX_OFF, SANDBOX_REQUIRE };
/* Without --sandbox. Sanitizers and counters of coverage open files of their own: the Makefile. */
#ifndef SANDBOX_DEFAULT
#define SANDBOX_DEFAULT SANDBOX_AUTO
#endif
enum stats_kind { STATS_NONE, STATS_TABLE, STATS_JSON };

/* An option of the subcommand itself, as given: its number in subcommand.options, and its value or NULL. */
struct own_word {
    size_t option;
    const char *value;
};

struct config {
    struct leat_settings settings;
    struct leat_variable *variables;
    char **variable_names; /* owned; one per variable */
    const char *file;      /* -f */
    const char *report;    /* --report, or NULL */
    const char *trace;     /* --trace, or NULL */
    const char *metrics;   /* --metrics, or NULL */
    const char *otlp;      /* --otlp: the endpoint, "" for that of the environment, or NULL */
    const char *log;       /* --log=json: a file, "-" for standard error, or NULL */
    const char *journal;   /* --log=journal: the socket, or NULL */
    enum progress_kind progress;
    enum stats_kind stats;
    enum sandbox_kind sandbox;
    enum color_when color;
    const char **plugins; /* --plugin, n_plugins of them */
    size_t n_plugins;
    const char *test_all; /* --all of `leat test`, the word as given, or NULL */
    struct own_word *own; /* options of the subcommand, n_own of them */
    size_t n_own;
    bool finish; /* --on-interrupt=finish */
    bool json, quiet, help, version, dot;
    struct term err; /* standard error */
};

/* A global option. The table of them is the source for getopt, the help and the completion. */
struct global_option {
    const char *name;
    char short_name;     /* 0: none; LEAT_DIGITS, of a subcommand: its value, as in -19 */
    const char *metavar; /* NULL: no value */
    bool value_optional;
    const char *choices; /* "a|b|c", or NULL */
    const char *help;
};
extern const struct global_option global_options[];
extern const size_t n_global_options;

void config_init(struct config *config);
void config_done(struct config *config);
/* config_parse - parse the options of argv up to the first operand; a later call parses the rest.
 *
 * Returns the index of the first operand (argc: none), or -1 after an error message. */
int config_parse(struct config *config, int argc, char **argv);
/* config_words - how many words does the option at words[0] of n take, its value included? */
int config_words(char *const *words, int n);
/* config_is_global - is the word, such as --stats=json, a global option? */
bool config_is_global(const char *word);

/* --- fd.c ------------------------------------------------------------------------------------- */

/* fd_write_all - write n bytes; waits if the descriptor is non-blocking. Returns 0, or -1 with
 * errno. */
int fd_write_all(int fd, const char *data, size_t n);
/* fd_flush - get the error that close(2) would return for a regular file, but keep the file open:
 * NFS, FUSE and quotas report lost writes only at close. Returns 0, or -1 with errno. */
int fd_flush(int fd);

/* --- message.c: output and messages ----------------------------------------------------------- */

/* The source text of a pipeline, for the excerpt in a message; all zero: built from words. */
struct origin {
    const char *name; /* the file, or NULL: the command line */
    const char *text;
};

/* message_error - write an error. `origin` may be NULL; `status` is the exit status to report. */
void message_error(const struct config *config, const struct leat_error *error,
                   const struct origin *origin, int status);
/* error_offset_of - the unit of the offset of an error: "file", "stream", "text" or "none". */
const char *error_offset_of(const struct leat_error *error);
/* message_fail - write an error of the command itself. Returns the exit status of `code`. */
int message_fail(const struct config *config, int code, const char *format, ...) LEAT_PRINTF(3, 4);
/* out_write - write all of the text to standard output. Returns an exit status. */
int out_write(const struct buf *buf);
/* stderr_is_unread - does this errno mean that standard error is closed or a pipe without a reader?
 * Lost messages are no error then. */
bool stderr_is_unread(int error);
/* message_write - write messages or a log to a descriptor, in one write if possible, so that lines
 * of several threads do not mix. Returns 0, or -1 with errno. */
int message_write(int fd, const struct buf *buf);
/* message_warning - write a warning, unless --quiet is given. */
void message_warning(const struct config *config, const struct leat_error *warning);

/* --- plugins.c: the registry of the command ---------------------------------------------------- */

/* registry_open - the built-in stages and those of plugins: of the plugin directory, of LEAT_PLUGINS and
 * of --plugin. NULL: *ret_status is an exit status, after an error message. */
struct leat_registry *registry_open(const struct config *config, int *ret_status);

/* --- job.c: the pipeline from words, text or a file ------------------------------------------- */

struct job {
    struct leat_registry *registry;
    struct leat_pipeline *pipeline;
    struct leat_context *context; /* its workers; NULL: it runs on the loop alone */
    char *text;                   /* the content of the file of -f; owned */
};

/* job_open - build the pipeline, or write an error. Returns an exit status. Call job_close in any
 * case. */
int job_open(struct job *job, const struct config *config, int n_words, char **words);
void job_close(struct job *job);

/* --- loop.c: the event loop ------------------------------------------------------------------- */

/* loop_init - Returns 0, or an exit status after an error message. Call loop_done only after 0. */
int loop_init(const struct config *config, uv_loop_t *loop);
/* loop_begin - the first iteration of the loop, without a wait. loop_run - run the loop to its end. Reports an abort of libuv in the first iteration as an
 * error. */
void loop_begin(uv_loop_t *loop);
void loop_run(uv_loop_t *loop);
void loop_done(uv_loop_t *loop);

/* --- run.c ------------------------------------------------------------------------------------ */

/* run_job - run the pipeline to its end, with signals, progress and report. Returns an exit status;
 * does not return if the process ends by a signal. */
int run_job(const struct config *config, struct job *job);

/* --- writer.c: text for a descriptor whose reader can block ----------------------------------- */

struct writer {
    int fd;
    bool json; /* the line about left-out lines is JSON */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* All fields below: under the lock. */
    struct buf pending;
    bool started, writing, stop;
    int error; /* errno of a write; 0: none */
    unsigned long long left_out;
    pthread_t thread;
};

enum writer_kind {
    WRITER_EVENT, /* queued; left out if the queue is full */
    WRITER_STATE, /* dropped if older text is still unwritten: only the current state is useful */
};

/* thread_start - start a thread with all signals blocked: the thread of the loop handles them. Returns 0 or an
 * errno. */
int thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

void writer_init(struct writer *writer, int fd);
/* writer_put - queue a text; does not block. Thread: any. */
void writer_put(struct writer *writer, const struct buf *text, enum writer_kind kind);
/* writer_done - wait until all text is written, without a time limit. Returns 0 or an errno. */
int writer_done(struct writer *writer);

/* --- die.c ------------------------------------------------------------------------------------ */

/* die_by - end the process by the signal, so that a shell loop around it stops too. */
_Noreturn void die_by(int signal_number);
/* die_soon - end the process after `ms` at the latest, for a stopped run whose last messages may
 * block on a pipe that nobody reads. The process ends by the signal, or with the status if the
 * signal is 0. */
void die_soon(int signal_number, int status, unsigned ms);

/* --- meter.c: rate and time left, from positions ---------------------------------------------- */

struct meter {
    bool started;
    uint64_t last_ns, last_pos;
    double bytes[2], seconds[2]; /* decaying sums: fast for the rate, slow for the time left */
};

/* meter_add - record the position at a time; neither may decrease. */
void meter_add(struct meter *meter, uint64_t now_ns, uint64_t pos);
double meter_rate(const struct meter *meter); /* recent bytes per second */
/* meter_left_ns - the time until `left` bytes have passed; UINT64_MAX: unknown. */
uint64_t meter_left_ns(const struct meter *meter, uint64_t left);

/* --- bar.c: one line of progress -------------------------------------------------------------- */

/* The data of a line of progress. */
struct progress_view {
    uint64_t pos, total, elapsed_ns, left_ns; /* total 0, left_ns UINT64_MAX: unknown */
    uint64_t rate, out;                       /* bytes per second; bytes written */
    const char *slowest;                      /* the bottleneck; NULL: unknown */
    unsigned slowest_percent;
    bool finishing;
};
unsigned progress_percent(const struct progress_view *view);
/* progress_line - a line of at most width - 3 columns, with a bar if there is room. */
void progress_line(struct buf *buf, const struct progress_view *view, unsigned width, bool utf8,
                   bool color);

/* --- live.c: one row per stage ---------------------------------------------------------------- */

enum live_meter { LIVE_IN, LIVE_OUT, LIVE_BUSY, LIVE_WAIT_IN, LIVE_WAIT_OUT, LIVE_METERS };

struct live_row {
    struct leat_stage_stats stage;
    struct meter meters[LIVE_METERS];
    uint64_t in_rate, out_rate, fill, capacity; /* capacity 0: no buffer before the stage */
    unsigned busy, wait_in, wait_out;           /* recent per cent of the time */
};

struct live {
    const struct job *job;
    struct live_row *rows; /* n rows */
    size_t n, marked;      /* marked: the row of the bottleneck; SIZE_MAX: unknown */
};

/* live_init - Returns 0, or -1 if out of memory. Call live_done in any case. */
int live_init(struct live *live, const struct job *job);
void live_done(struct live *live);
/* live_look - update the rows from the pipeline. */
void live_look(struct live *live);
/* live_table - a header and as many rows as fit in `height` lines of at most `width` columns, each
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
    bool drawn;       /* an unfinished line is on the terminal */
    size_t lines;     /* complete lines above it */
};

/* progress_init - resolves PROGRESS_AUTO to a kind. */
void progress_init(struct progress *progress, const struct config *config, const struct job *job,
                   struct writer *err);
/* progress_interval_ms, progress_delay_ms - when to call progress_tick; 0: never. */
unsigned progress_interval_ms(const struct progress *progress);
unsigned progress_delay_ms(const struct progress *progress);
void progress_tick(struct progress *progress);
/* progress_status - write one line now, with any kind (SIGUSR1). */
void progress_status(struct progress *progress);
/* progress_end - erase the progress from the terminal. Call it once, after progress_init. */
void progress_end(struct progress *progress);

/* --- bottleneck.c: the stage that limits the throughput --------------------------------------- */

struct bottleneck {
    struct leat_stage_stats stage;
    size_t index;      /* of the stage */
    unsigned percent;  /* of the time of its workers */
    bool waits;        /* the stage is not busy: it waits for a device, a command or a timer */
    bool more_threads; /* more threads may help */
    bool found;
    bool unclear; /* not found: no stage was busy or waiting for long enough */
};

void bottleneck_get(const struct job *job, struct bottleneck *ret);
/* bottleneck_words - "zstd (97 % busy, 1 worker); try a lower level". Requires `found` or
 * `unclear`. */
void bottleneck_words(struct buf *buf, const struct config *config, const struct job *job,
                      const struct bottleneck *bottleneck);
/* bottleneck_sentence, _json - a line, or nothing if unknown; an object, or null. */
void bottleneck_sentence(struct buf *buf, const struct config *config, const struct job *job);
void bottleneck_json(struct buf *buf, const struct config *config, const struct job *job);

/* --- stats.c: --stats ------------------------------------------------------------------------- */

/* The resources that the process has used until now. */
struct process {
    uint64_t cpu_ns, rss_bytes;
};
struct process process_used(void);
/* stats_now, stage_now, link_now - the statistics of the library; the i-th stage or link exists. */
struct leat_stats stats_now(const struct leat_pipeline *pipeline);
struct leat_stage_stats stage_now(const struct leat_pipeline *pipeline, size_t i);
struct leat_link_stats link_now(const struct leat_pipeline *pipeline, size_t i);
/* stats_stage - leat_pipeline_stage_stats for people and for JSON: a stage that sends the same
 * bytes to several branches counts them once; its bytes_out is that of the branch with the most
 * bytes. */
void stats_stage(const struct job *job, size_t i, struct leat_stage_stats *ret);
/* stats_percent - the share of `ns` in the time of the lanes of a stage, in per cent. */
unsigned stats_percent(const struct leat_stats *stats, const struct leat_stage_stats *stage,
                       uint64_t ns);
/* stats_cpu_ns - the processor time of a stage, including the threads of its library. */
uint64_t stats_cpu_ns(const struct job *job, const struct leat_stage_stats *stage);
/* stats_write - write to standard error. Returns an exit status; 0 also if standard error has no
 * reader. */
int stats_write(const struct config *config, const struct job *job, bool failed);

/* --- samples.c: samples of the run over time -------------------------------------------------- */

#define SAMPLES_MAX 240u
#define SAMPLES_INTERVAL_MS 50u /* at first; doubled each time the table is full */
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
    uint64_t *v; /* n rows of `stride`: time, fields of each stage, fill of each link */
    size_t n_stages, n_links, stride, n;
    unsigned every, ticks;
};

/* samples_init - Returns 0, or -1 if out of memory. Call samples_done in any case. */
int samples_init(struct samples *samples, const struct job *job);
void samples_done(struct samples *samples);
void samples_tick(struct samples *samples); /* call it every SAMPLES_INTERVAL_MS */
void samples_end(struct samples *samples);  /* take the last sample */
/* The i-th sample, i < n: nanoseconds since the start; a counter of a stage; bytes in a buffer. */
uint64_t samples_at(const struct samples *samples, size_t i);
uint64_t samples_stage(const struct samples *samples, size_t i, size_t stage,
                       enum sample_field field);
uint64_t samples_fill(const struct samples *samples, size_t i, size_t link);

/* --- report.c, report_graph.c, report_chart.c: --report --------------------------------------- */

/* The data of a report page. */
struct report {
    const struct config *config;
    const struct job *job;
    const struct samples *samples;
    const struct leat_error *error; /* NULL: success */
    struct leat_stats stats;
    struct leat_stage_stats *stages; /* stats.n_stages elements */
    struct leat_link_stats *links;   /* stats.n_links elements */
    struct bottleneck bottleneck;
};

/* report_page - the complete page. Returns 0, or -1 if out of memory. */
int report_page(struct buf *buf, const struct config *config, const struct job *job,
                const struct samples *samples, const struct leat_error *error);
/* report_graph - the drawing of the stages and the data flow between them. */
void report_graph(struct buf *buf, const struct report *report, unsigned *ret_columns);
/* report_charts - throughput, use of time and buffer fill of a stage over time. */
void report_charts(struct buf *buf, const struct report *report, size_t stage);
/* report_bar - the use of time of a stage as one bar. */
void report_bar(struct buf *buf, const struct report *report, size_t stage);

/* The style element of a report. */
extern const char report_style[];

/* The first bytes of every report; they identify an older report that may be replaced. */
#define REPORT_MARK "<!doctype html><!-- leat report -->\n"

/* --- outfile.c: files that the command itself writes (--report, --trace) ---------------------- */

struct outfile {
    const struct config *config;
    const char *option, *path; /* path: the value; "-" is standard output */
    const char *mark;          /* the first bytes of a file of this kind */
    int inherited;             /* a descriptor that path names, or -1 */
    int dir;                   /* else the open directory */
    char *name;                /* and the name in it; symbolic links are resolved */
    bool replaces;             /* --force: replace this file of another kind (dev, ino) */
    dev_t dev;
    ino_t ino;
};

/* outfile_begin - check before the run that the file can be written. Refuses a file of another
 * kind, unless --force is given. Returns 0, or an exit status after an error message. Call
 * outfile_done in any case. */
int outfile_begin(struct outfile *file, const struct config *config, const char *option,
                  const char *path, const char *mark);
void outfile_done(struct outfile *file);
/* outfile_write - write all or nothing: write a temporary file in the same directory and rename
 * it. A file of another kind that appeared during the run stays, even with --force. Returns the
 * same. */
int outfile_write(const struct outfile *file, const struct buf *buf);
/* outfile_try - the same without a message. Returns 0 or an errno. Thread: any, but one at a time. */
int outfile_try(const struct outfile *file, const struct buf *buf);

/* --- sandbox.c: --sandbox ---------------------------------------------------------------------- */

/* sandbox_list - what the command may use: for the pipeline (may be NULL), for its own files, and to read
 * `files`. NULL: out of memory. */
struct leat_confinement *sandbox_list(const struct config *config,
                                      const struct leat_pipeline *pipeline, size_t n_files,
                                      char *const *files);
/* sandbox_enter - confine the process to that, as --sandbox says; there is no way back. Call it before any
 * other thread exists. Returns 0, or an exit status after an error message. */
int sandbox_enter(const struct config *config, const struct leat_pipeline *pipeline, size_t n_files,
                  char *const *files);

/* --- trace.c: --trace ------------------------------------------------------------------------- */

/* The first half keeps the first events of the run, the other half the last ones. */
#define TRACE_EVENTS_MAX 100000u
#define TRACE_MARK "{\"otherData\":{\"producer\":\"leat\""

struct trace_event {
    uint64_t at_ns, duration_ns, bytes;
    uint32_t track, kind; /* a segment and lane, or a link and lane */
};

struct trace {
    const struct job *job;
    uv_mutex_t lock;
    struct trace_event *v;  /* this and all fields below: under the lock */
    size_t n, room, oldest; /* oldest: of the second half, a ring once it is full */
    uint64_t dropped;
};

/* trace_begin - Returns 0, or -1 if out of memory. Call trace_done only after 0. */
int trace_begin(struct trace *trace, const struct job *job);
void trace_done(struct trace *trace);
void trace_event(struct trace *trace, const struct leat_event *event); /* thread: any */
void trace_page(struct buf *buf, struct trace *trace);

/* --- metrics.c: --metrics --------------------------------------------------------------------- */

/* The first bytes of the file: a comment. */
#define METRICS_MARK "# Metrics of leat.\n"

struct metrics {
    const struct config *config;
    const struct job *job;
    struct outfile file;
    char *job_name;      /* the name of the file without its suffix; owned */
    double last_success; /* of earlier runs, in seconds since 1970; 0: none is known */
    double started_at;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_lock, started;
    bool stop; /* under the lock */
};

/* metrics_begin - check the file before the run, and read the time of the last success in it. Returns 0, or an
 * exit status after an error message. Call metrics_done in any case. */
int metrics_begin(struct metrics *metrics, const struct config *config, const struct job *job);
/* metrics_start - start the thread that writes the file now and then, once, when the run has begun. */
void metrics_start(struct metrics *metrics);
/* metrics_end - write the file for the last time, with the exit status of the run. Returns 0, or an exit status
 * after an error message. */
int metrics_end(struct metrics *metrics, int status);
void metrics_done(struct metrics *metrics);

/* --- otlp.c: --otlp --------------------------------------------------------------------------- */

struct otlp;

/* otlp_new - *ret is set in any case; free it with otlp_free. Returns 0, or an exit status after an error message. */
int otlp_new(const struct config *config, const struct job *job, struct otlp **ret);
void otlp_free(struct otlp *otlp); /* NULL is fine */
/* otlp_allow - add the needs of its requests to the list. Returns 0 or LEAT_E*. */
int otlp_allow(const struct config *config, struct leat_confinement *list);
/* otlp_start - start the thread that sends, once, when the run has begun. */
void otlp_start(struct otlp *otlp);
void otlp_event(struct otlp *otlp, const struct leat_event *event); /* thread: any */
/* otlp_end - send all that is left, for two seconds at most. */
void otlp_end(struct otlp *otlp, int status, const struct leat_error *error);

/* --- log.c: --log ----------------------------------------------------------------------------- */

/* log_event_name - "opened" and so on. */
const char *log_event_name(unsigned kind);
/* log_event - queue one line of JSON. Thread: any. */
void log_event(struct writer *to, const struct job *job, const struct leat_event *event);

/* --- journal.c: --log=journal ----------------------------------------------------------------- */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal {
    int fd;             /* -1: none */
    atomic_ullong lost; /* entries that the journal did not take */
};

/* journal_open - a socket that sends to the journal. Returns it, or -1 with errno. */
int journal_open(const char *path);
/* journal_event - send an entry; does not block. Thread: any. */
void journal_event(struct journal *journal, const struct job *job, const struct leat_event *event);
void journal_warning(struct journal *journal, const struct leat_error *warning);

/* --- graph.c: leat explain -------------------------------------------------------------------- */

/* graph_draw - a drawing with line characters, if there are branches or inputs. graph_dot - the
 * graph for Graphviz. Both return 0, or -1 if out of memory. */
int graph_draw(struct buf *buf, const struct job *job, bool utf8);
int graph_dot(struct buf *buf, const struct job *job);

/* --- watch.c: report, trace and log of a run -------------------------------------------------- */

struct watch {
    const struct config *config;
    const struct job *job;
    struct samples samples; /* for --report */
    struct trace trace;     /* for --trace */
    struct metrics metrics; /* for --metrics */
    struct otlp *otlp;      /* for --otlp, or NULL */
    struct outfile report_file, trace_file;
    bool traces;
    struct journal journal; /* for --log=journal */
    int log_fd;             /* for --log=json; -1: none */
    struct writer *err;     /* standard error */
    struct writer log;      /* for log_fd, if that is not standard error */
    int log_error;          /* errno of a failed write to standard error; 0: none */
    unsigned kinds;
};

/* watch_begin - call it before the run. Returns 0, or an exit status after an error message. */
int watch_begin(struct watch *watch, const struct config *config, const struct job *job,
                struct writer *err);
/* watch_start - the run has begun: threads may read its statistics. */
void watch_start(struct watch *watch);
unsigned watch_interval_ms(const struct watch *watch); /* 0: do not call watch_tick */
void watch_tick(struct watch *watch);
/* watch_end - write the files after the run, which ended with the exit status (error NULL: success); includes
 * watch_done. Returns 0, or an exit status if a write failed. */
int watch_end(struct watch *watch, const struct leat_error *error, int status);
void watch_done(struct watch *watch);

/* --- subcommands; each returns an exit status ------------------------------------------------- */

int help_usage(const struct config *config);                          /* --help */
int help_main(const struct config *config, int argc, char **argv);    /* leat help */
int stages_main(const struct config *config, int argc, char **argv);  /* leat stages */
int explain_main(const struct config *config, int argc, char **argv); /* leat explain */
int completion_main(const struct config *config, int argc, char **argv);
int check_main(const struct config *config, int argc, char **argv); /* leat check */
extern const struct global_option check_options[];
extern const size_t n_check_options;
extern const char check_manual[];
/* check_manifest - leat check MANIFEST DIR. Returns an exit status. */
int check_manifest(const struct config *config, const char *file, const char *directory);
int test_main(const struct config *config, int argc, char **argv); /* leat test */
/* test_option - store the word and return true if it is an option of `leat test`. */
bool test_option(struct config *config, const char *word);
/* run_only_option - the name of a given option that only a run of one pipeline has, such as "stats", or NULL. */
const char *run_only_option(const struct config *config);
int man_main(const struct config *config, int argc, char **argv);     /* leat man stages */
int serve_main(const struct config *config, int argc, char **argv);   /* leat serve */
int each_main(const struct config *config, int argc, char **argv);    /* leat each */
int convert_main(const struct config *config, int argc, char **argv); /* leat convert */
extern const struct global_option each_options[]; /* and after them those of convert */
extern const size_t n_each_options, n_convert_options;
extern const char each_manual[], convert_manual[];
extern const struct global_option serve_options[];
extern const size_t n_serve_options;
extern const char serve_manual[];

/* A subcommand; the table is in the order of the help. */
struct subcommand {
    const char *name, *operands, *help;
    int (*main)(const struct config *config, int argc, char **argv);
    bool (*option)(struct config *config, const char *word); /* stores its own option; or NULL */
    const char *manual;                  /* paragraphs, with a blank line between */
    const struct global_option *options; /* of its own, *n_options of them; or NULL */
    const size_t *n_options;
    bool
        mixes; /* options may come after operands, up to `--` or a joiner, which are left for `main` */
};
extern const struct subcommand subcommands[];
extern const size_t n_subcommands;
const struct subcommand *find_subcommand(const char *name); /* NULL: none */
int help_subcommand(const struct config *config, const struct subcommand *sub);

/* --- own.c: options of one subcommand --------------------------------------------------------- */

/* own_option - does words[0] begin an option of the subcommand? Stores it in config->own. Returns how many words it
 * has; 0: it is none; -1: after an error message. */
int own_option(struct config *config, const struct subcommand *sub, char *const *words);

/* --- table.c: options of stages as text ------------------------------------------------------- */

bool option_is_last(const struct leat_option *option);
/* option_label - "-n, --lines=COUNT". */
void option_label(struct buf *buf, const struct leat_option *option);
/* option_notes - " (1 to 19, default 3)", or nothing. */
void option_notes(struct buf *buf, const struct leat_option *option);
/* stage_synopsis - "split [options] [NAME] [ [ stages ] ]". */
void stage_synopsis(struct buf *buf, const struct leat_stage_type *type);
const char *stage_kind(const struct leat_stage_type *type);
/* each_choice - the next choice of "a|b|c": returns its length and moves *at past it; 0: no
 * more. */
size_t each_choice(const char **at, const char **ret_choice);

#endif
