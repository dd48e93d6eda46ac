/* work.c - one input: its pipeline, further attempts, the comparison before its source is removed, and its record.
 *
 * A work goes through phases, each of which is a pipeline, a timer or a line for the ledger; the end of one begins the next.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "page.h"
#include "suffix.h"
#include "url.h"

#define RETRY_FIRST_MS 500u
#define RETRY_MAX_MS 60000u
#define LINE_KEPT 4096u                  /* bytes of a digest, or of the facts of a URL */
#define SMALL_BYTES ((uint64_t)16 << 20) /* of an input, and of its memory */

static void go_on(struct work *w);
static void fail(struct work *w);
static void identified(struct work *w, const char *digest);

static struct input *input_of(const struct work *w)
{
    return &w->batch->inputs.v[w->input];
}

static const char *path_of(const struct work *w)
{
    return input_of(w)->path;
}

/* --- errors ----------------------------------------------------------------------------------- */

LEAT_PRINTF(3, 4) static void set_error(struct work *w, int code, const char *format, ...)
{
    va_list ap;

    w->error = (struct leat_error){.size = sizeof w->error, .code = code};
    va_start(ap, format);
    (void)vsnprintf(w->error.text, sizeof w->error.text, format, ap);
    va_end(ap);
}

static bool may_retry(const struct work *w)
{
    const struct each_options *o = w->batch->options;
    unsigned fault = 0;

    if (w->error.code == LEAT_EIO && w->error.sys_errno != ENOSPC && w->error.sys_errno != EACCES)
        fault = RETRY_IO;
    if (w->error.code == LEAT_ENETWORK)
        fault = RETRY_NETWORK;
    if (w->error.code == LEAT_ETIMEDOUT)
        fault = RETRY_TIMEOUT;
    return (o->retry_on & fault) && input_of(w)->attempts <= o->retries && !w->batch->stopping &&
           !w->wrote;
}

/* --- pipelines -------------------------------------------------------------------------------- */

static void on_ready(void *user);

static void drop_pipeline(struct work *w)
{
    leat_pipeline_unref(w->pipeline);
    w->pipeline = NULL;
    w->pull = NULL;
}

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct work *w = arg;
    struct batch *b = w->batch;

    (void)pipeline;
    w->finished = true;
    w->failed = error != NULL;
    b->running--;
    if (w->phase == PHASE_RUN)
        b->flying -= input_of(w)->size;
    if (error)
        w->error = *error;
    if (w->pull && w->phase == PHASE_RUN)
        outlet_move(b); /* it calls work_drained at the end of the output */
    else if (w->pull)
        on_ready(w);
    else
        work_drained(w);
    batch_more(b); /* memory is free again, or the work has ended */
}

/* Read the line of a digest. */
static void on_ready(void *user)
{
    struct work *w = user;
    const void *data;
    ssize_t n = LEAT_EAGAIN;

    if (w->phase == PHASE_RUN) {
        outlet_move(w->batch);
        return;
    }
    while (w->pull && (n = leat_end_peek(w->pull, &data)) > 0) {
        if (w->line.n < LINE_KEPT)
            buf_bytes(&w->line, data, (size_t)n);
        (void)leat_end_take(w->pull, (size_t)n);
    }
    if (n != LEAT_EAGAIN)
        work_drained(w);
}

void work_drained(struct work *w)
{
    w->pull = NULL;
    if (w->finished) {
        w->finished = false;
        go_on(w);
    }
}

static struct leat_settings settings_of(const struct work *w)
{
    struct leat_settings s = w->batch->config->settings;

    s.context = w->batch->context;
    s.threads = 0;
    s.memory = w->share;
    s.force = s.force || w->replace || w->batch->replaces;
    s.digests = w->phase == PHASE_RUN && w->batch->ledger && w->batch->n_outputs > 0;
    return s;
}

/* `read FILE : decode : sha256`, or without `decode`. */
static int build_digest(struct work *w, const char *file, bool decodes,
                        const struct leat_settings *settings, const struct leat_end_settings *end)
{
    const char *const read[] = {"--", file, NULL}, *const none[] = {NULL};
    const char *decoder = suffix_unsigned(file);
    struct leat_builder *b = leat_builder_new(w->batch->registry);
    int r = b ? leat_builder_stage(b, "read", read) : LEAT_ENOMEM;

    if (r == 0 && decodes)
        r = leat_builder_stage(b, decoder ? decoder : "decode", none);
    if (r == 0)
        r = leat_builder_stage(b, "sha256", none);
    if (r == 0)
        r = leat_builder_pull(b, end, &w->pull);
    if (r == 0)
        r = leat_builder_finish(b, settings, &w->pipeline, &w->error);
    leat_builder_free(b);
    if (r < 0 && w->error.code == 0)
        set_error(w, r, "%s", leat_strerror(r));
    return r;
}

/* `get --head URL`, with the options of the pipeline's source. */
static int build_head(struct work *w, const struct leat_settings *settings,
                      const struct leat_end_settings *end)
{
    char **words = url_head_words(w->batch, w->input);
    struct leat_builder *b = leat_builder_new(w->batch->registry);
    int r = b && words ? leat_builder_stage(b, "get", (const char *const *)words) : LEAT_ENOMEM;

    if (r == 0)
        r = leat_builder_pull(b, end, &w->pull);
    if (r == 0)
        r = leat_builder_finish(b, settings, &w->pipeline, &w->error);
    leat_builder_free(b);
    url_words_free(words);
    if (r < 0 && w->error.code == 0)
        set_error(w, r, "%s", leat_strerror(r));
    return r;
}

static int build(struct work *w)
{
    const struct leat_end_settings end = {.size = sizeof end, .ready = on_ready, .user = w};
    struct leat_settings settings = settings_of(w);
    char **outputs;
    int r;

    w->error = (struct leat_error)LEAT_INIT(leat_error);
    w->line.n = 0;
    w->finished = w->failed = false;
    if (w->phase == PHASE_RUN)
        return batch_build(w->batch, w->input, &settings, w->batch->to_stdout ? &end : NULL,
                           &w->pull, &w->pipeline, &w->error);
    if (w->phase == PHASE_SAME)
        return build_head(w, &settings, &end);
    if (w->phase != PHASE_OUTPUT)
        return build_digest(w, path_of(w), w->phase == PHASE_CONTENT, &settings, &end);
    outputs = batch_outputs(w->batch, w->input);
    r = outputs ? build_digest(w, outputs[0], true, &settings, &end) : LEAT_ENOMEM;
    if (!outputs)
        set_error(w, r, "%s", leat_strerror(r));
    batch_outputs_free(w->batch, outputs);
    return r;
}

/* Begin the pipeline of the phase. Returns 0; LEAT_EAGAIN: other pipelines use the memory; or an error that is set. */
static int start(struct work *w)
{
    struct batch *b = w->batch;
    int r = build(w);

    if (r == 0) {
        r = leat_pipeline_start(w->pipeline, NULL, on_done, w);
        if (r == LEAT_ELIMIT && b->running > 0 && !outlet_is_blocked(b, w)) {
            drop_pipeline(w);
            return LEAT_EAGAIN;
        }
        if (r < 0 && leat_pipeline_error(w->pipeline))
            w->error = *leat_pipeline_error(w->pipeline);
        else if (r < 0)
            set_error(w, r, "%s", leat_strerror(r));
    }
    if (r < 0) {
        drop_pipeline(w);
        return r;
    }
    b->running++;
    if (w->phase == PHASE_RUN) {
        b->flying += input_of(w)->size;
        if (w->pull)
            outlet_move(b); /* the first try: `ready` comes after a refusal only */
    }
    return 0;
}

/* As start, in the middle of a work. */
static void start_or_fail(struct work *w)
{
    int r = start(w);

    if (r == LEAT_EAGAIN)
        w->waits = true; /* batch_more tries again */
    else if (r < 0)
        fail(w);
}

void work_again(struct work *w)
{
    w->waits = false;
    start_or_fail(w);
}

/* --- the end of a phase ----------------------------------------------------------------------- */

static void on_retry(uv_timer_t *timer)
{
    struct work *w = timer->data;

    w->phase = PHASE_RUN;
    input_of(w)->attempts++;
    start_or_fail(w);
}

/* Wait before another attempt: twice as long each time, give or take a half. Returns false: no timer. */
static bool wait_for_retry(struct work *w)
{
    unsigned attempt = input_of(w)->attempts < 8 ? input_of(w)->attempts : 8;
    uint64_t ms = (uint64_t)RETRY_FIRST_MS << attempt;
    uint32_t jitter = 0;

    ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    (void)uv_random(NULL, NULL, &jitter, sizeof jitter, 0, NULL); /* without it, no jitter */
    if (!w->has_timer && uv_timer_init(&w->batch->loop, &w->timer) < 0)
        return false;
    w->has_timer = true;
    w->timer.data = w;
    w->phase = PHASE_RETRY;
    w->batch->retried++;
    return uv_timer_start(&w->timer, on_retry, ms / 2 + jitter % (ms + 1), 0) == 0;
}

/* More memory, if there is more than its share. */
static bool take_more_memory(struct work *w)
{
    uint64_t all = w->batch->memory;

    if (w->error.code != LEAT_ELIMIT || w->share >= all)
        return false;
    w->share = 4 * w->share < all ? 4 * w->share : all;
    start_or_fail(w);
    return true;
}

static void record(struct work *w, struct buf *line, bool remove)
{
    w->phase = PHASE_RECORD;
    if (w->batch->ledger) {
        ledger_add(w->batch->ledger, line, w, remove);
        return;
    }
    buf_free(line);
    work_recorded(w, 0, 0);
}

/* Is there none of its outputs now? Then those that a killed run leaves are its own. */
static bool outputs_are_new(const struct batch *b, char *const *outputs)
{
    struct stat info;

    for (size_t i = 0; i < b->n_outputs; i++)
        if (lstat(outputs[i], &info) == 0 || errno != ENOENT)
            return false;
    return b->n_outputs > 0;
}

/* Are there outputs, which did not exist when the input was begun? */
static bool leaves_outputs(const struct work *w)
{
    char **outputs = w->owns || w->replace ? batch_outputs(w->batch, w->input) : NULL;
    bool left = outputs && !outputs_are_new(w->batch, outputs);

    batch_outputs_free(w->batch, outputs);
    return left;
}

/* The phase has failed, and w->error says why. */
static void fail(struct work *w)
{
    struct buf line = {.n = 0};

    if (w->phase == PHASE_RUN && !w->wrote &&
        (take_more_memory(w) || (may_retry(w) && wait_for_retry(w))))
        return;
    w->failed = true;
    if (w->batch->ledger)
        journal_failed(&line, input_of(w), leat_exit_status(w->error.code), w->error.text,
                       leaves_outputs(w));
    record(w, &line, false);
}

/* The outputs get the time and the permissions of the input. */
static int keep_attributes(struct work *w, char *const *outputs)
{
    const struct each_options *o = w->batch->options;
    struct stat info;
    int error = 0;

    if (!o->keep_times && !o->keep_mode)
        return 0;
    if (stat(path_of(w), &info) < 0)
        return errno;
    for (size_t i = 0; i < w->batch->n_outputs && error == 0; i++) {
        const struct timespec times[2] = {info.st_atim, info.st_mtim};
        int fd = open(outputs[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd < 0 || (o->keep_mode && fchmod(fd, info.st_mode & 0777) < 0) ||
            (o->keep_times && futimens(fd, times) < 0))
            error = errno;
        if (fd >= 0)
            (void)close(fd); /* it was only read */
    }
    return error;
}

/* The input is done: say so in the journal. */
static void record_done(struct work *w)
{
    struct input *input = input_of(w);
    struct buf line = {.n = 0};
    char **outputs = batch_outputs(w->batch, w->input);
    const char *digests = w->digests.n > 0 ? buf_text(&w->digests) : "";
    int error = outputs ? keep_attributes(w, outputs) : ENOMEM;

    if (error) {
        set_error(w, LEAT_EIO, "cannot give the output the attributes of the input: %s",
                  strerror(error));
        w->error.sys_errno = error;
        batch_outputs_free(w->batch, outputs);
        w->phase = PHASE_RECORD;
        fail(w);
        return;
    }
    for (size_t i = 0; i < w->batch->n_outputs; i++) {
        struct stat info;

        if (stat(outputs[i], &info) == 0)
            w->bytes_out += (uint64_t)info.st_size;
    }
    w->batch->bytes_out += w->bytes_out;
    if (w->batch->ledger)
        journal_done(&line, input, outputs, w->batch->n_outputs, digests, w->removes);
    batch_outputs_free(w->batch, outputs);
    record(w, &line, w->removes);
}

/* Did the input stay the same while it was read? */
static bool is_unchanged(const struct work *w)
{
    struct url_facts facts;
    struct stat info;

    if (input_is_url(input_of(w)))
        return url_facts_read(buf_text(&w->line), &facts) && url_is_same(input_of(w), &facts);
    return stat(path_of(w), &info) == 0 && input_is_same(input_of(w), &info);
}

static void fail_changed(struct work *w)
{
    w->changed = true;
    set_error(w, LEAT_EIO, "%s",
              input_is_url(input_of(w))
                  ? "the content of the URL changed before all of it was read; run it again"
                  : "the file changed while it was read; run it again when nothing writes to it");
    w->phase = PHASE_RECORD;
    fail(w);
}

static void copy_digest(const struct work *w, char to[65])
{
    (void)snprintf(to, 65, "%.64s", buf_text(&w->line));
}

/* The pipeline of the phase has ended well. */
static void succeed(struct work *w)
{
    char digest[65];

    switch (w->phase) {
    case PHASE_RUN:
        if (input_is_url(input_of(w))) {
            w->phase = PHASE_SAME;
            start_or_fail(w);
            return;
        }
        if (!is_unchanged(w)) {
            fail_changed(w);
            return;
        }
        if (!w->removes) {
            record_done(w);
            return;
        }
        w->phase = PHASE_CONTENT;
        start_or_fail(w);
        return;
    case PHASE_CONTENT:
        copy_digest(w, w->content);
        w->phase = PHASE_OUTPUT;
        start_or_fail(w);
        return;
    case PHASE_OUTPUT:
        copy_digest(w, digest);
        if (strcmp(digest, w->content) == 0) {
            record_done(w);
            return;
        }
        set_error(w, LEAT_ECHECKSUM,
                  "the decoded output does not have the content of the input, which is kept");
        fail(w);
        return;
    case PHASE_SAME:
        if (is_unchanged(w))
            record_done(w);
        else
            fail_changed(w);
        return;
    case PHASE_DIGEST:
        copy_digest(w, digest);
        identified(w, digest);
        return;
    default:
        return;
    }
}

static void go_on(struct work *w)
{
    if (!w->failed && w->phase == PHASE_RUN && w->pipeline) {
        w->digests.n = 0;
        buf_add(&w->digests, "%s", leat_pipeline_digests(w->pipeline));
    }
    drop_pipeline(w);
    if (w->failed) {
        w->failed = false; /* there may be another attempt */
        fail(w);
    } else {
        succeed(w);
    }
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* Run the pipeline. Returns as start. */
static int run(struct work *w)
{
    struct batch *b = w->batch;
    char **outputs = b->ledger ? batch_outputs(b, w->input) : NULL;
    struct buf line = {.n = 0};
    int r;

    w->phase = PHASE_RUN;
    if (outputs && outputs_are_new(b, outputs)) {
        w->owns = true;
        journal_begin(&line, input_of(w), outputs, b->n_outputs);
        ledger_begin(b->ledger, &line); /* before there is an output */
    }
    batch_outputs_free(b, outputs);
    r = start(w);
    if (r != LEAT_EAGAIN && r < 0)
        fail(w);
    return r == LEAT_EAGAIN ? r : 0;
}

/* It cannot be read, as is known since the list was made. */
static void fail_problem(struct work *w)
{
    const char *text;
    int code = input_problem(input_of(w), &text);

    set_error(w, code, "%s", text);
    w->phase = PHASE_RECORD;
    fail(w);
}

/* Begin the first phase that the verdict asks for. Returns as start. */
static int begin(struct work *w, enum verdict verdict)
{
    w->removes = w->batch->options->remove_source && verdict != VERDICT_SKIP;
    w->replace = verdict == VERDICT_AGAIN;
    if (verdict == VERDICT_MISSING) {
        set_error(w, LEAT_ENOENT,
                  w->batch->options->journal
                      ? "no such file, and the journal does not say that it is done"
                      : "no such file");
        w->phase = PHASE_RECORD;
        fail(w);
        return 0;
    }
    if (verdict == VERDICT_SKIP || verdict == VERDICT_REMOVE) {
        w->skips = true;
        if (verdict == VERDICT_SKIP) {
            w->phase = PHASE_RECORD;
            work_recorded(w, 0, 0);
            return 0;
        }
        w->phase = PHASE_CONTENT;
        start_or_fail(w);
        return 0;
    }
    return run(w);
}

/* --same=sha256: the digest of the input is known. */
static void identified(struct work *w, const char *digest)
{
    struct input *input = input_of(w);
    enum verdict verdict;

    input->sha256 = arena_copy(&w->batch->inputs.arena, digest, strlen(digest));
    if (!input->sha256) {
        set_error(w, LEAT_ENOMEM, "out of memory");
        fail(w);
        return;
    }
    verdict = journal_decide(&w->batch->journal, input, w->batch->options->remove_source);
    if (begin(w, verdict) == LEAT_EAGAIN)
        w->waits = true;
}

static uint64_t share_of(const struct batch *b, const struct input *input)
{
    size_t left = b->n_scheduled - b->next + b->running;
    uint64_t share = b->memory / b->jobs_max;
    unsigned at_once = left < b->threads ? (unsigned)left : b->threads;

    if (b->options->jobs == 0 && input->size >= SMALL_BYTES)
        share = b->memory / (at_once ? at_once : 1);
    return share < LEAT_MEMORY_MIN ? LEAT_MEMORY_MIN : share;
}

int work_begin(struct batch *b, size_t i)
{
    struct work *w = calloc(1, sizeof *w);
    bool digests = b->options->same == SAME_SHA256 && b->ledger && !b->inputs.v[i].missing;
    int r = 0;

    if (!w)
        return LEAT_ENOMEM;
    *w = (struct work){.batch = b, .input = i, .before = &b->works, .next = b->works};
    w->begun_ns = uv_hrtime();
    w->share = share_of(b, &b->inputs.v[i]);
    w->error = (struct leat_error)LEAT_INIT(leat_error);
    b->inputs.v[i].attempts = 1;
    if (b->works)
        b->works->before = &w->next;
    b->works = w;
    b->live++;
    outlet_add(b, w);
    if (input_has_problem(&b->inputs.v[i])) {
        fail_problem(w);
    } else if (digests) {
        w->phase = PHASE_DIGEST;
        r = start(w);
        if (r < 0 && r != LEAT_EAGAIN)
            fail(w);
    } else {
        r = begin(w, journal_decide(&b->journal, &b->inputs.v[i], b->options->remove_source));
    }
    if (r == LEAT_EAGAIN)
        w->waits = true;
    return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void free_work(struct work *w)
{
    buf_free(&w->line);
    buf_free(&w->digests);
    free(w);
}

static void on_closed(uv_handle_t *handle)
{
    free_work(handle->data);
}

static void end(struct work *w, enum outcome outcome)
{
    struct batch *b = w->batch;
    struct input *input = input_of(w);

    if (outcome == OUTCOME_FAILED && w->error.code == LEAT_ECANCELLED && b->stopping)
        outcome = OUTCOME_DROPPED;
    *w->before = w->next;
    if (w->next)
        w->next->before = w->before;
    b->live--;
    outlet_remove(b, w);
    input->outcome = (uint8_t)outcome;
    b->counts[outcome]++;
    if (outcome != OUTCOME_DROPPED)
        b->bytes_done += input->size;
    if (outcome == OUTCOME_FAILED || outcome == OUTCOME_CHANGED) {
        if (b->first_status == 0)
            b->first_status = leat_exit_status(w->error.code);
        tell_failure(b, input, &w->error);
        batch_failed(b);
    }
    tell_outcome(b, input, &w->error);
    page_add(b, input, &w->error,
             &(struct page_row){.bytes_out = w->bytes_out,
                                .ns = uv_hrtime() - w->begun_ns,
                                .has_out = b->n_outputs > 0 && outcome == OUTCOME_DONE});
    if (w->has_timer)
        uv_close((uv_handle_t *)&w->timer, on_closed);
    else
        free_work(w);
    batch_more(b); /* does nothing inside itself */
}

void work_recorded(struct work *w, int journal_error, int remove_error)
{
    struct batch *b = w->batch;

    if (journal_error && b->fatal == 0) {
        b->fatal = message_fail(b->config, LEAT_EIO,
                                "each: the journal %s cannot be written: %s; the batch is stopped",
                                b->options->journal, strerror(journal_error));
        batch_stop(b, true);
    } else if (remove_error && !w->failed) {
        w->failed = true;
        set_error(w, LEAT_EIO, "the input is kept: %s",
                  remove_error == ESTALE   ? "another file has its name now"
                  : remove_error == EMLINK ? "it has another name (a hard link)"
                  : remove_error == ELOOP  ? "it is a symbolic link"
                                           : strerror(remove_error));
    }
    end(w, w->changed  ? OUTCOME_CHANGED
           : w->failed ? OUTCOME_FAILED
           : w->skips  ? OUTCOME_SKIPPED
                       : OUTCOME_DONE);
}

void work_cancel(struct work *w)
{
    if (w->pipeline && !w->finished)
        leat_pipeline_cancel(w->pipeline, LEAT_ECANCELLED, "the batch was stopped");
    if (w->phase == PHASE_RETRY && w->has_timer && uv_is_active((uv_handle_t *)&w->timer)) {
        (void)uv_timer_stop(&w->timer);
        w->phase = PHASE_RECORD;
        fail(w);
    } else if (w->waits) {
        w->waits = false;
        w->phase = PHASE_RECORD;
        set_error(w, LEAT_ECANCELLED, "the batch was stopped");
        fail(w);
    }
}
