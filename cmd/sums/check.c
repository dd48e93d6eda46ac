/* check.c - leat check SUMS...: reads the files that lists of digests name, and reports which are as the lists say.
 *
 * Each file gets its own pipeline, `read FILE : sha256 --expect=DIGEST : null`, in one context. As many run at once as there
 * are threads, and more while they are small. The state of a line is one byte, so results wait for their turn without a
 * bound on how far one file is ahead of another.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sums.h"

#define AT_ONCE_MAX 64u
#define SHARE_BYTES ((uint64_t)8 << 20)  /* memory of a pipeline */
#define FLYING_BYTES ((uint64_t)4 << 20) /* of small files, for each thread */
#define DESCRIPTORS 4u                   /* of a pipeline, at most */
#define OUT_BYTES 65536u
#define FILES_ALLOWED_MAX 256u /* to the sandbox by their names; then by their directories */

struct counts {
    size_t ok, failed, unreadable;
};

/* A place in all lists. */
struct cursor {
    size_t list, sum;
};

struct checks {
    const struct config *config;
    const struct sum_options *options;
    struct leat_registry *registry;
    uv_loop_t loop;
    struct leat_context *context;
    struct sum_list *lists;
    size_t n_lists, n; /* n: all sums */
    struct cursor next, shown;
    struct counts counts, all; /* of the list that is shown; of those before */
    struct buf out;
    struct sum_record record;
    unsigned threads, at_once, running;
    uint64_t flying;
    bool starting;
    bool bad_list, unreadable_list, unverified;
    int status; /* exit status of an error that ends the check, such as a failed write; 0: none */
};

/* A file that is read. */
struct reading {
    struct checks *checks;
    struct sum_list *list;
    struct sum *sum;
    struct leat_pipeline *pipeline;
    struct stat info; /* before */
};

/* --- lines ------------------------------------------------------------------------------------ */

static void flush_out(struct checks *k)
{
    if (k->out.n > 0 && k->status == 0)
        k->status = out_write(&k->out);
    k->out.n = 0;
}

/* A line of messages, after the lines of results that come before it. */
LEAT_PRINTF(2, 3) static void tell(struct checks *k, const char *format, ...)
{
    struct buf text = {.n = 0};
    char line[SHOWN_MAX + 512];
    va_list ap;

    flush_out(k);
    va_start(ap, format);
    (void)vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    buf_add(&text, "leat: %s\n", line);
    (void)message_write(STDERR_FILENO, &text); /* as in message_error */
    buf_free(&text);
}

/* As sha256sum does: a name with a newline has escapes, and its line begins with a backslash. */
static void add_name(struct buf *b, const char *name)
{
    if (!strchr(name, '\n')) {
        buf_bytes(b, name, strlen(name));
        return;
    }
    buf_bytes(b, "\\", 1);
    while (*name) {
        size_t n = strcspn(name, "\\\n\r");

        buf_bytes(b, name, n);
        name += n;
        if (*name)
            buf_add(b, "\\%c", *name == '\n' ? 'n' : *name == '\r' ? 'r' : '\\');
        name += *name != '\0';
    }
}

static const char *const words[] = {
    [SUM_OK] = "OK",
    [SUM_KNOWN] = "OK",
    [SUM_FAILED] = "FAILED",
    [SUM_UNREADABLE] = "FAILED open or read",
};

static void add_json(struct checks *k, const struct sum_list *list, const struct sum *s)
{
    static const char *const outcomes[] = {
        [SUM_OK] = "ok",           [SUM_KNOWN] = "ok",
        [SUM_FAILED] = "failed",   [SUM_UNREADABLE] = "unreadable",
        [SUM_MISSING] = "missing",
    };

    buf_add(&k->out, "{\"type\":\"check\",\"list\":");
    buf_json(&k->out, list->file);
    buf_add(&k->out, ",\"file\":");
    buf_json(&k->out, s->name);
    buf_add(&k->out, ",\"algorithm\":\"%s\",\"outcome\":\"%s\"", sums_stage(s->kind),
            outcomes[s->state]);
    if (s->state == SUM_KNOWN)
        buf_add(&k->out, ",\"skipped\":true");
    if (s->error) {
        buf_add(&k->out, ",\"text\":");
        buf_json(&k->out, s->error);
    }
    buf_add(&k->out, "}\n");
}

static void show_sum(struct checks *k, const struct sum_list *list, const struct sum *s)
{
    bool ok = s->state == SUM_OK || s->state == SUM_KNOWN;
    char shown[SHOWN_MAX];

    k->counts.ok += ok;
    k->counts.failed += s->state == SUM_FAILED;
    k->counts.unreadable += s->state == SUM_UNREADABLE;
    if (s->state == SUM_UNREADABLE && !k->config->json)
        tell(k, "%s: %s", leat_show(s->name, shown, sizeof shown),
             s->error ? s->error : leat_strerror(LEAT_ENOMEM));
    if (k->options->status || (ok && k->config->quiet))
        return;
    if (k->config->json) {
        add_json(k, list, s);
    } else if (s->state != SUM_MISSING) {
        add_name(&k->out, s->name);
        buf_add(&k->out, ": %s\n", words[s->state]);
    }
    if (k->out.n > OUT_BYTES)
        flush_out(k);
}

static void warn_counts(struct checks *k, const struct sum_list *list)
{
    if (list->bad > 0)
        tell(k, "WARNING: %zu line%s improperly formatted", list->bad,
             list->bad == 1 ? " is" : "s are");
    if (k->counts.unreadable > 0)
        tell(k, "WARNING: %zu listed file%s could not be read", k->counts.unreadable,
             k->counts.unreadable == 1 ? "" : "s");
    if (k->counts.failed > 0)
        tell(k, "WARNING: %zu computed checksum%s did NOT match", k->counts.failed,
             k->counts.failed == 1 ? "" : "s");
}

static void end_list(struct checks *k, const struct sum_list *list)
{
    char shown[SHOWN_MAX];
    bool verified = k->counts.ok > 0;

    (void)leat_show(strcmp(list->file, "-") == 0 ? "standard input" : list->file, shown,
                    sizeof shown);
    k->unreadable_list = k->unreadable_list || list->unreadable;
    if (list->n == 0 && !list->unreadable) {
        k->bad_list = true;
        tell(k, "%s: no properly formatted checksum lines found", shown);
    } else if (!list->unreadable) {
        k->bad_list = k->bad_list || (k->options->strict && list->bad > 0);
        if (!k->options->status && !k->config->json)
            warn_counts(k, list);
        if (k->options->ignore_missing && !verified) {
            k->unverified = true;
            if (!k->options->status)
                tell(k, "%s: no file was verified", shown);
        }
    }
    k->all.ok += k->counts.ok;
    k->all.failed += k->counts.failed;
    k->all.unreadable += k->counts.unreadable;
    k->counts = (struct counts){.ok = 0};
}

/* Write the lines of what is known, in order. */
static void show(struct checks *k)
{
    while (k->shown.list < k->n_lists && k->status == 0) {
        const struct sum_list *list = &k->lists[k->shown.list];

        for (; k->shown.sum < list->n && k->status == 0; k->shown.sum++) {
            if (list->v[k->shown.sum].state == SUM_WAITS) {
                flush_out(k);
                return;
            }
            show_sum(k, list, &list->v[k->shown.sum]);
        }
        if (k->status == 0)
            end_list(k, list);
        k->shown = (struct cursor){.list = k->shown.list + 1};
    }
    flush_out(k);
}

/* --- one file --------------------------------------------------------------------------------- */

static void start_more(struct checks *k);
static int start(struct reading *r, struct leat_error *error);

/* The error without the name, which the line has already. */
static void set_unreadable(struct sum *s, const char *text)
{
    char shown[SHOWN_MAX];
    size_t n = strlen(leat_show(s->name, shown, sizeof shown));

    if (strncmp(text, shown, n) == 0 && strncmp(text + n, ": ", 2) == 0)
        text += n + 2;
    s->state = SUM_UNREADABLE;
    s->error = strdup(text);
}

static void ended(struct reading *r, const struct leat_error *error)
{
    struct checks *k = r->checks;
    struct sum *s = r->sum;
    struct stat now;

    k->flying -= (uint64_t)r->info.st_size;
    leat_pipeline_unref(r->pipeline);
    if (!error) {
        s->state = SUM_OK;
        if (s->either)
            r->list->blake2b = s->kind == SUM_BLAKE2B;
        if (k->record.file && stat(s->name, &now) == 0 && now.st_size == r->info.st_size &&
            now.st_mtim.tv_sec == r->info.st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == r->info.st_mtim.tv_nsec)
            known_add(&k->record, s, &now);
    } else if (error->code == LEAT_ECHECKSUM) {
        s->state = SUM_FAILED;
    } else {
        set_unreadable(s, error->text[0] ? error->text : leat_strerror(error->code));
    }
    free(r);
}

/* 128 digits that are not of the one algorithm may be of the other one. Returns true: it reads again. */
static bool try_other(struct reading *r, const struct leat_error *error)
{
    struct leat_error second = LEAT_INIT(leat_error);

    if (!error || error->code != LEAT_ECHECKSUM || !r->sum->either || r->sum->again ||
        strcmp(r->sum->name, "-") == 0)
        return false;
    r->sum->again = true;
    r->sum->kind = r->sum->kind == SUM_SHA512 ? SUM_BLAKE2B : SUM_SHA512;
    leat_pipeline_unref(r->pipeline);
    r->pipeline = NULL;
    if (start(r, &second) == 0)
        return true;
    ended(r, &second);
    return true;
}

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct reading *r = arg;
    struct checks *k = r->checks;
    struct leat_error copy = LEAT_INIT(leat_error);

    (void)pipeline;
    if (error)
        copy = *error; /* it ends with the pipeline */
    k->running--;
    if (!try_other(r, error ? &copy : NULL))
        ended(r, error ? &copy : NULL);
    start_more(k);
}

static int build(struct reading *r, const struct leat_settings *settings, struct leat_error *error)
{
    char expect[160];
    const char *const file[] = {"--", r->sum->name, NULL}, *const none[] = {NULL};
    const char *const args[] = {expect, NULL};
    struct leat_builder *b = leat_builder_new(r->checks->registry);
    int code = b ? 0 : LEAT_ENOMEM;

    (void)snprintf(expect, sizeof expect, "--expect=%s", r->sum->digest);
    if (code == 0)
        code = leat_builder_stage(b, "read", strcmp(r->sum->name, "-") == 0 ? file + 1 : file);
    if (code == 0)
        code = leat_builder_stage(b, sums_stage(r->sum->kind), args);
    if (code == 0)
        code = leat_builder_stage(b, "null", none);
    if (code == 0)
        code = leat_builder_finish(b, settings, &r->pipeline, error);
    leat_builder_free(b);
    return code;
}

/* Begin to read. Returns 0, or LEAT_E* and *error. */
static int start(struct reading *r, struct leat_error *error)
{
    struct checks *k = r->checks;
    struct leat_settings s = k->config->settings;
    int code;

    s.context = k->context;
    s.threads = 0;
    s.executor = LEAT_EXECUTOR_AUTO;
    s.memory = (s.memory ? s.memory : LEAT_MEMORY_DEFAULT) / k->at_once;
    if (s.memory < LEAT_MEMORY_MIN)
        s.memory = LEAT_MEMORY_MIN;
    code = build(r, &s, error);
    if (code == 0) {
        code = leat_pipeline_start(r->pipeline, NULL, on_done, r);
        if (code < 0 && leat_pipeline_error(r->pipeline))
            *error = *leat_pipeline_error(r->pipeline);
    }
    if (code == 0)
        k->running++;
    else if (error->code == 0)
        error->code = code;
    return code;
}

/* The next line. An outcome that needs no reading is known at once. */
static void begin(struct checks *k, struct sum_list *list, struct sum *s)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct reading *r;
    struct stat info = {.st_size = 0};

    if (strcmp(s->name, "-") != 0 && stat(s->name, &info) < 0) {
        if (errno == ENOENT && k->options->ignore_missing)
            s->state = SUM_MISSING;
        else
            set_unreadable(s, strerror(errno));
        return;
    }
    if (known_knows(&k->record, s, &info)) {
        s->state = SUM_KNOWN;
        return;
    }
    if (s->either)
        s->kind = list->blake2b ? SUM_BLAKE2B : SUM_SHA512;
    r = calloc(1, sizeof *r);
    if (!r) {
        set_unreadable(s, leat_strerror(LEAT_ENOMEM));
        return;
    }
    *r = (struct reading){.checks = k, .list = list, .sum = s, .info = info};
    k->flying += (uint64_t)info.st_size;
    if (start(r, &error) < 0)
        ended(r, &error);
}

static bool may_begin(const struct checks *k)
{
    if (k->status != 0 || k->next.list == k->n_lists || k->running >= k->at_once)
        return false;
    return k->running < k->threads || k->flying < k->threads * FLYING_BYTES;
}

static void start_more(struct checks *k)
{
    if (k->starting)
        return;
    k->starting = true;
    while (may_begin(k)) {
        struct sum_list *list = &k->lists[k->next.list];

        if (k->next.sum < list->n)
            begin(k, list, &list->v[k->next.sum++]);
        else
            k->next = (struct cursor){.list = k->next.list + 1};
    }
    k->starting = false;
    show(k);
    if (k->status == 0)
        k->status = known_write(&k->record);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Allow the file; or the directory of the file, unless it is that of the last one. */
static int allow(const struct checks *k, struct leat_confinement *list, const char *name,
                 struct buf *last)
{
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) + 1 : 0;
    struct stat info;

    if (k->n <= FILES_ALLOWED_MAX)
        return stat(name, &info) < 0 ? 0 : leat_confinement_allow(list, name, LEAT_ACCESS_READ);
    if (last->n == n + 1 && memcmp(last->data, name, n) == 0)
        return 0;
    last->n = 0;
    buf_bytes(last, name, n);
    buf_bytes(last, ".", 1);
    if (last->failed)
        return LEAT_ENOMEM;
    return stat(buf_text(last), &info) < 0
               ? 0
               : leat_confinement_allow(list, buf_text(last), LEAT_ACCESS_READ);
}

static int confine(const struct checks *k)
{
    const struct config *c = k->config;
    unsigned required =
        c->sandbox == SANDBOX_REQUIRE ? LEAT_CONFINED_FILES | LEAT_CONFINED_CALLS : 0;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_confinement *list;
    struct buf last = {.n = 0};
    int r;

    if (c->sandbox == SANDBOX_OFF)
        return 0;
    list = sandbox_list(c, NULL, 0, NULL);
    r = list ? 0 : LEAT_ENOMEM;
    for (size_t i = 0; i < k->n_lists; i++)
        for (size_t j = 0; j < k->lists[i].n && r == 0; j++)
            r = allow(k, list, k->lists[i].v[j].name, &last);
    buf_free(&last);
    if (r == 0)
        r = leat_confine(list, required, NULL, &error);
    leat_confinement_free(list);
    if (r == LEAT_ENOMEM)
        return message_fail(c, r, "out of memory");
    return r < 0 ? message_fail(c, r, "--sandbox=require: %s", error.text) : 0;
}

static unsigned at_once(const struct checks *k)
{
    uint64_t memory = k->config->settings.memory, n;
    struct rlimit files;

    n = (memory ? memory : LEAT_MEMORY_DEFAULT) / SHARE_BYTES;
    n = n < AT_ONCE_MAX ? n : AT_ONCE_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY &&
        n > files.rlim_cur / DESCRIPTORS)
        n = files.rlim_cur / DESCRIPTORS;
    return n > 0 ? (unsigned)n : 1;
}

static int run_all(struct checks *k)
{
    struct leat_context_settings settings = {.size = sizeof settings};
    int r, status = confine(k);

    k->threads =
        k->config->settings.threads ? k->config->settings.threads : uv_available_parallelism();
    k->at_once = at_once(k);
    settings.threads = k->threads;
    if (status == 0)
        status = loop_init(k->config, &k->loop);
    if (status != 0)
        return status;
    r = leat_context_new(&settings, &k->context);
    if (r == 0)
        r = leat_context_drive(k->context, &k->loop);
    if (r == 0)
        start_more(k);
    else
        k->status = message_fail(k->config, r, "cannot begin the check: %s", leat_strerror(r));
    loop_run(&k->loop);
    leat_context_detach(k->context);
    leat_context_unref(k->context);
    (void)uv_run(&k->loop, UV_RUN_DEFAULT); /* its handle is closed */
    loop_done(&k->loop);
    return k->status;
}

static int exit_status(const struct checks *k)
{
    if (k->all.failed > 0)
        return leat_exit_status(LEAT_ECHECKSUM);
    if (k->all.unreadable > 0 || k->unreadable_list || k->unverified)
        return leat_exit_status(LEAT_EIO);
    return k->bad_list ? leat_exit_status(LEAT_ECORRUPT) : 0;
}

static int parse_all(struct checks *k, char **files)
{
    int first = 0;

    for (size_t i = 0; i < k->n_lists; i++) {
        struct sum_list *list = &k->lists[i];
        int status;

        list->file = files[i];
        status = sums_parse(list, k->config, k->options->warn);
        if (first == 0 && status != leat_exit_status(LEAT_EIO)) /* as of a manifest */
            first = status;
        k->n += list->n;
    }
    return first;
}

int sums_main(const struct config *c, const struct sum_options *options, size_t n, char **files)
{
    struct checks k = {.config = c, .options = options, .n_lists = n};
    int status, last;

    k.record = (struct sum_record){.config = c, .file = options->journal, .fd = -1};
    k.registry = registry_open(c, &status);
    if (!k.registry)
        return status;
    k.lists = calloc(n, sizeof *k.lists);
    status = k.lists ? parse_all(&k, files) : message_fail(c, LEAT_ENOMEM, "out of memory");
    if (status == 0)
        status = known_open(&k.record, options->resume);
    if (status == 0)
        status = run_all(&k);
    if (status == 0)
        status = exit_status(&k);
    last = known_done(&k.record);
    for (size_t i = 0; k.lists && i < n; i++)
        sums_done(&k.lists[i]);
    free(k.lists);
    buf_free(&k.out);
    leat_registry_free(k.registry);
    return status ? status : last;
}
