/* otlp.c - --otlp: traces, metrics and logs of a run for an OpenTelemetry collector, by OTLP/HTTP in JSON.
 *
 * A thread of its own sends: metrics and logs now and then, and all three at the end, for at most END_MS. Each request is a
 * pipeline of the library, `read : put`. The run never waits for it, and never fails because of it: there is one warning. The
 * records are bounded; those without room are counted.
 * Environment: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "otlp.h"

#define END_MS ((uint64_t)2000) /* for all requests at the end */
#define INTERVAL_MS ((uint64_t)60000)
#define FIRST_WAIT_MS ((uint64_t)200) /* before the second try; it doubles */
#define HEADERS_MAX ((size_t)32)
#define TRIES_MAX 4u
#define ANSWERED "the server accepted it and answered: " /* see the warning of `put --warn-if` */
#define WORDS_MAX (HEADERS_MAX + 16)

enum signal_kind { TRACES, METRICS, LOGS, SIGNALS };

static const struct {
    const char *path, *variable;
    void (*make)(struct buf *, const struct otlp_data *);
} kinds[SIGNALS] = {
    [TRACES] = {"/v1/traces", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", otlp_traces},
    [METRICS] = {"/v1/metrics", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", otlp_metrics},
    [LOGS] = {"/v1/logs", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", otlp_logs},
};

struct otlp {
    const struct config *config;
    struct leat_context *context; /* of the requests */
    struct otlp_data data;        /* its members that change: under the lock */
    char *urls[SIGNALS];
    char *headers[HEADERS_MAX]; /* words of `put` */
    size_t n_headers;
    char bad_header[64]; /* a name that would be a file for `put`; "": there is none */
    uint64_t interval_ms, request_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started;
    /* Under the lock: */
    uint64_t end_ns;               /* monotonic: nothing is sent after it; 0: the run goes on */
    struct leat_pipeline *request; /* that runs; or NULL */
    unsigned long long failed;     /* requests */
    struct leat_error why;         /* of the last one of them */
    unsigned long long partial;    /* requests of which the collector refused a part */
    unsigned long long refused;    /* records of the last one of them */
    char partial_why[256];
};

uint64_t otlp_now_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- the environment -------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

static uint64_t milliseconds(const char *name, uint64_t otherwise)
{
    const char *value = variable(name);
    char *end;
    unsigned long long n = strtoull(value, &end, 10);

    return *value >= '0' && *value <= '9' && !*end && n > 0 && n <= UINT32_MAX ? n : otherwise;
}

/* The variable of one signal is a whole URL; an endpoint for all of them is its beginning. NULL: out of memory. */
static char *url_of(const struct config *c, enum signal_kind kind)
{
    const char *own = variable(kinds[kind].variable),
               *all = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
    struct buf url = {.n = 0};
    size_t n;

    if (*c->otlp)
        all = c->otlp;
    else if (*own)
        return strdup(own);
    if (!*all)
        all = "http://localhost:4318";
    n = strlen(all);
    while (n > 0 && all[n - 1] == '/')
        n--;
    buf_bytes(&url, all, n);
    buf_add(&url, "%s", kinds[kind].path);
    return url.failed ? NULL : url.data;
}

/* OTEL_EXPORTER_OTLP_HEADERS, "key=value,key=value", as words of `put`. Returns 0, or -1 if out of memory. */
static int take_headers(struct otlp *o)
{
    char *pairs = strdup(variable("OTEL_EXPORTER_OTLP_HEADERS")), *save = NULL;

    for (char *pair = pairs ? strtok_r(pairs, ",", &save) : NULL;
         pair && o->n_headers < HEADERS_MAX; pair = strtok_r(NULL, ",", &save)) {
        struct buf word = {.n = 0};
        char *equals = strchr(pair, '=');

        pair += strspn(pair, " ");
        if (!equals || equals <= pair)
            continue;
        *equals = '\0';
        if (*pair == '@')
            (void)snprintf(o->bad_header, sizeof o->bad_header, "%s", pair);
        otlp_decode(equals + 1);
        buf_add(&word, "--header=%s: %s", pair, equals + 1);
        o->headers[o->n_headers++] = word.data;
        if (word.failed || !word.data)
            return -1;
    }
    free(pairs);
    return pairs ? 0 : -1;
}

/* --- identifiers ------------------------------------------------------------------------------ */

/* `digits` hexadecimal digits that are not all 0. */
static void make_id(char *to, size_t digits)
{
    uint8_t bytes[TRACE_ID_DIGITS / 2];

    if (getrandom(bytes, digits / 2, GRND_NONBLOCK) != (ssize_t)(digits / 2))
        memset(bytes, (int)(otlp_now_ns() & 255), sizeof bytes);
    bytes[0] |= 1;
    for (size_t i = 0; i < digits / 2; i++)
        (void)snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static bool is_id(const char *text, size_t digits)
{
    return strspn(text, "0123456789abcdef") == digits && strspn(text, "0") < digits;
}

/* TRACEPARENT of W3C Trace Context: "00-<trace>-<parent>-<flags>". */
static void take_parent(struct otlp_data *d)
{
    const char *text = variable("TRACEPARENT");

    if (strlen(text) < 55 || strncmp(text, "ff", 2) == 0 || text[2] != '-' ||
        !is_id(text + 3, TRACE_ID_DIGITS) || text[35] != '-' || !is_id(text + 36, SPAN_ID_DIGITS) ||
        text[52] != '-')
        return;
    memcpy(d->trace_id, text + 3, TRACE_ID_DIGITS);
    memcpy(d->parent_id, text + 36, SPAN_ID_DIGITS);
}

/* --- one request ------------------------------------------------------------------------------ */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static void add_word(const char **words, size_t *n, struct buf *room, const char *option,
                     const char *value)
{
    if (!value)
        return;
    buf_add(room, "--%s=%s", option, value);
    words[(*n)++] = buf_text(room);
}

/* The pipeline `read : put URL` of a request. Its input is the descriptor; negative: /dev/null, for the confinement. */
static int make_request(const struct otlp *o, enum signal_kind kind, int fd, uint64_t timeout_ms,
                        struct leat_pipeline **ret, struct leat_error *ret_error)
{
    struct leat_settings settings = {
        .size = sizeof settings, .context = o->context, .timeout_ms = timeout_ms};
    struct leat_builder *b = leat_builder_new(NULL);
    struct buf stall = {.n = 0}, ca = {.n = 0}, certificate = {.n = 0}, key = {.n = 0};
    const char *words[WORDS_MAX] = {"--method=POST", "--header=Content-Type: application/json",
                                    "--warn-if=\"rejected", "--warn-if=\"errorMessage\""};
    static const char *const nothing[] = {"/dev/null", NULL};
    size_t n = 4;
    int r;

    for (size_t i = 0; i < o->n_headers; i++)
        words[n++] = o->headers[i];
    add_word(words, &n, &ca, "ca", or_null(variable("OTEL_EXPORTER_OTLP_CERTIFICATE")));
    add_word(words, &n, &certificate, "cert",
             or_null(variable("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")));
    add_word(words, &n, &key, "key", or_null(variable("OTEL_EXPORTER_OTLP_CLIENT_KEY")));
    buf_add(&stall, "--stall-time=%" PRIu64 "ms", timeout_ms + 1);
    words[n++] = buf_text(&stall);
    words[n++] = o->urls[kind];
    words[n] = NULL;
    if (fd >= 0)
        (void)leat_builder_fd(b, fd);
    else
        (void)leat_builder_stage(b, "read", nothing);
    (void)leat_builder_stage(b, "put", words);
    r = leat_builder_finish(b, &settings, ret, ret_error); /* and reports a failure before */
    leat_builder_free(b);
    buf_free(&stall);
    buf_free(&ca);
    buf_free(&certificate);
    buf_free(&key);
    return r;
}

/* The body as a file in memory. Returns a descriptor, or -1 with errno. */
static int body_fd(const struct buf *body)
{
    int fd = memfd_create("leat-otlp", MFD_CLOEXEC), error;

    if (fd < 0 || (fd_write_all(fd, body->data, body->n) == 0 && lseek(fd, 0, SEEK_SET) == 0))
        return fd;
    error = errno;
    (void)close(fd); /* the first error is reported */
    errno = error;
    return -1;
}

/* How long a request may take; 0: no more. */
static uint64_t time_left_ms(struct otlp *o)
{
    uint64_t now = monotonic_ns(), end;

    pthread_mutex_lock(&o->lock);
    end = o->end_ns;
    pthread_mutex_unlock(&o->lock);
    if (end == 0)
        return o->request_ms;
    end = end > now ? (end - now) / 1000000 : 0;
    return end < o->request_ms ? end : o->request_ms;
}

/* The warning of `put` has the answer. One without a number and a message refuses nothing. */
static void note_partial(struct otlp *o, const char *answer)
{
    const char *rejected = strstr(answer, "\"rejected"), *p = strstr(answer, "\"errorMessage\"");
    unsigned long long refused = 0;
    char why[sizeof o->partial_why] = "";
    size_t n = 0;

    rejected = rejected ? strchr(rejected, ':') : NULL;
    if (rejected) /* a number, or a string with one */
        refused = strtoull(rejected + 1 + strspn(rejected + 1, " \""), NULL, 10);
    p = p ? strchr(p + 1, ':') : NULL;
    p = p ? strchr(p, '"') : NULL;
    for (p = p ? p + 1 : ""; *p && *p != '"' && n < sizeof why - 1; p++) {
        p += *p == '\\' && p[1];
        why[n++] = *p;
    }
    if (refused == 0 && n == 0)
        return;
    pthread_mutex_lock(&o->lock);
    o->partial++;
    o->refused = refused;
    memcpy(o->partial_why, why, sizeof why);
    pthread_mutex_unlock(&o->lock);
}

static void look_at_answer(struct otlp *o, const struct leat_pipeline *request)
{
    struct leat_error warning = LEAT_INIT(leat_error);

    for (size_t i = 0; request && leat_pipeline_warning(request, i, &warning) > 0; i++)
        if (strstr(warning.text, ANSWERED))
            note_partial(o, warning.text);
}

/* One try. Returns 0 or a code, with *ret_error. */
static int try_post(struct otlp *o, enum signal_kind kind, const struct buf *body,
                    struct leat_error *ret_error)
{
    struct leat_pipeline *request = NULL;
    uint64_t ms = time_left_ms(o);
    int fd, r;

    *ret_error = (struct leat_error){.size = sizeof *ret_error, .code = LEAT_ETIMEDOUT};
    (void)snprintf(ret_error->text, sizeof ret_error->text, "there was no time for all of it");
    if (ms == 0)
        return LEAT_ETIMEDOUT;
    fd = body_fd(body);
    if (fd < 0) {
        ret_error->code = LEAT_EIO;
        (void)snprintf(ret_error->text, sizeof ret_error->text, "%s", strerror(errno));
        return LEAT_EIO;
    }
    r = make_request(o, kind, fd, ms, &request, ret_error);
    pthread_mutex_lock(&o->lock);
    o->request = request;
    pthread_mutex_unlock(&o->lock);
    if (r == 0)
        r = leat_pipeline_run(request);
    if (request && r < 0 && leat_pipeline_error(request))
        *ret_error = *leat_pipeline_error(request);
    if (r == 0)
        look_at_answer(o, request);
    pthread_mutex_lock(&o->lock);
    o->request = NULL;
    pthread_mutex_unlock(&o->lock);
    leat_pipeline_unref(request);
    (void)close(fd); /* a file in memory */
    return r;
}

static void note_failure(struct otlp *o, const struct leat_error *error)
{
    pthread_mutex_lock(&o->lock);
    o->failed++;
    o->why = *error;
    pthread_mutex_unlock(&o->lock);
}

/* Wait before another try, or until the end of the run. Returns false: there is no time for it. */
static bool wait_for_try(struct otlp *o, uint64_t ms)
{
    struct timespec until = {0};
    uint64_t at = monotonic_ns() + ms * 1000000;
    bool goes_on;

    until =
        (struct timespec){.tv_sec = (time_t)(at / 1000000000), .tv_nsec = (long)(at % 1000000000)};
    pthread_mutex_lock(&o->lock);
    goes_on = o->end_ns == 0 || at < o->end_ns;
    while (goes_on && pthread_cond_timedwait(&o->changed, &o->lock, &until) == 0)
        goes_on = o->end_ns == 0 || at < o->end_ns;
    pthread_mutex_unlock(&o->lock);
    return goes_on;
}

/* A failure of the network is tried again: the collector may be busy, or begin to run. */
static void post(struct otlp *o, enum signal_kind kind, const struct buf *body)
{
    uint64_t wait_ms = FIRST_WAIT_MS;
    struct leat_error error;
    int r;

    if (body->failed)
        return;
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        r = try_post(o, kind, body, &error);
        if (r != LEAT_ENETWORK || !wait_for_try(o, wait_ms))
            break;
        wait_ms *= 2;
    }
    if (r < 0)
        note_failure(o, &error);
}

/* Records that were made into a request leave the queue. */
static void send_kind(struct otlp *o, enum signal_kind kind)
{
    struct buf body = {.n = 0};
    bool any;

    pthread_mutex_lock(&o->lock);
    any = kind != LOGS || o->data.n_records > 0;
    if (any)
        kinds[kind].make(&body, &o->data);
    if (kind == LOGS)
        o->data.n_records = 0;
    pthread_mutex_unlock(&o->lock);
    if (any)
        post(o, kind, &body);
    buf_free(&body);
}

/* Returns true: the run has ended. */
static bool wait_for_end(struct otlp *o)
{
    uint64_t at = monotonic_ns() + o->interval_ms * 1000000;
    struct timespec until = {.tv_sec = (time_t)(at / 1000000000),
                             .tv_nsec = (long)(at % 1000000000)};
    bool stop;

    pthread_mutex_lock(&o->lock);
    while (o->end_ns == 0 && pthread_cond_timedwait(&o->changed, &o->lock, &until) == 0) {
    }
    stop = o->end_ns > 0;
    pthread_mutex_unlock(&o->lock);
    return stop;
}

static void *run(void *arg)
{
    struct otlp *o = arg;

    while (!wait_for_end(o)) {
        send_kind(o, METRICS);
        send_kind(o, LOGS);
    }
    for (int kind = 0; kind < SIGNALS; kind++)
        send_kind(o, (enum signal_kind)kind);
    return NULL;
}

/* --- the run ---------------------------------------------------------------------------------- */

static struct otlp_span *span_of(struct otlp_data *d, size_t stage)
{
    return stage < d->n_stages ? &d->stages[stage] : &d->run;
}

static void add_record(struct otlp_data *d, const struct leat_event *e, uint64_t now_ns)
{
    struct otlp_record *r;

    if (d->n_records == OTLP_RECORDS_MAX) {
        d->lost++;
        return;
    }
    r = &d->records[d->n_records++];
    *r = (struct otlp_record){.kind = e->kind, .at_ns = now_ns, .stage = e->stage};
    if (e->error)
        leat_error_format(e->error, r->error, sizeof r->error);
}

void otlp_event(struct otlp *o, const struct leat_event *e)
{
    uint64_t now_ns = otlp_now_ns();
    struct otlp_span *span;

    pthread_mutex_lock(&o->lock);
    span = span_of(&o->data, e->stage);
    if (e->kind == LEAT_EVENT_OPENED)
        span->from_ns = now_ns;
    else if (e->kind == LEAT_EVENT_ENDED || e->kind == LEAT_EVENT_STOPPED)
        span->to_ns = now_ns;
    add_record(&o->data, e, now_ns);
    pthread_mutex_unlock(&o->lock);
}

static int begin_data(struct otlp *o, const struct job *job)
{
    struct otlp_data *d = &o->data;
    struct leat_stats stats = stats_now(job->pipeline);

    *d = (struct otlp_data){.job = job,
                            .service = variable("OTEL_SERVICE_NAME"),
                            .attributes = variable("OTEL_RESOURCE_ATTRIBUTES"),
                            .n_stages = stats.n_stages,
                            .status = -1};
    d->records = calloc(OTLP_RECORDS_MAX, sizeof *d->records);
    d->stages = calloc(stats.n_stages, sizeof *d->stages);
    if (!d->records || !d->stages)
        return -1;
    d->run.from_ns = otlp_now_ns();
    make_id(d->trace_id, TRACE_ID_DIGITS);
    take_parent(d);
    make_id(d->run.id, SPAN_ID_DIGITS);
    for (size_t i = 0; i < d->n_stages; i++)
        make_id(d->stages[i].id, SPAN_ID_DIGITS);
    return 0;
}

static int begin_requests(struct otlp *o)
{
    static const struct leat_context_settings settings = {.size = sizeof settings, .threads = 1};

    if (leat_context_new(&settings, &o->context) < 0)
        return -1;
    for (int kind = 0; kind < SIGNALS; kind++) {
        o->urls[kind] = url_of(o->config, (enum signal_kind)kind);
        if (!o->urls[kind])
            return -1;
    }
    return take_headers(o);
}

void otlp_free(struct otlp *o)
{
    if (!o)
        return;
    for (int kind = 0; kind < SIGNALS; kind++)
        free(o->urls[kind]);
    for (size_t i = 0; i < o->n_headers; i++)
        free(o->headers[i]);
    free(o->data.records);
    free(o->data.stages);
    leat_context_unref(o->context);
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* Without its data. NULL: out of memory. */
static struct otlp *make(const struct config *c)
{
    struct otlp *o = calloc(1, sizeof *o);
    pthread_condattr_t attributes;

    if (!o)
        return NULL;
    o->config = c;
    o->interval_ms = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MS);
    o->request_ms = milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT", END_MS);
    o->request_ms = o->request_ms < END_MS ? o->request_ms : END_MS;
    (void)pthread_mutex_init(&o->lock, NULL); /* cannot fail with glibc; nor can the next calls */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&o->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (begin_requests(o) == 0)
        return o;
    otlp_free(o);
    return NULL;
}

/* Check the URLs and the files of the environment, and add their needs to the list, if it is not NULL. */
static int check_requests(const struct otlp *o, struct leat_confinement *list,
                          struct leat_error *ret_error)
{
    int r = 0;

    if (*o->bad_header) {
        r = ret_error->code = LEAT_EUSAGE;
        (void)snprintf(ret_error->text, sizeof ret_error->text,
                       "OTEL_EXPORTER_OTLP_HEADERS: '%s' is not the name of a header",
                       o->bad_header);
    }
    for (int kind = 0; kind < SIGNALS && r == 0; kind++) {
        struct leat_pipeline *request = NULL;

        r = make_request(o, (enum signal_kind)kind, -1, 0, &request, ret_error);
        if (r == 0 && list)
            r = leat_confinement_add(list, request);
        leat_pipeline_unref(request);
    }
    return r;
}

int otlp_allow(const struct config *c, struct leat_confinement *list)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct otlp *o = make(c);
    int r = o ? check_requests(o, list, &error) : LEAT_ENOMEM;

    otlp_free(o);
    return r;
}

int otlp_new(const struct config *c, const struct job *job, struct otlp **ret)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct otlp *o = make(c);
    int r;

    *ret = o;
    if (!o || begin_data(o, job) < 0)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    r = check_requests(o, NULL, &error);
    return r < 0 ? message_fail(c, r, "--otlp: %s", error.text) : 0;
}

void otlp_start(struct otlp *o)
{
    o->started = thread_start(&o->thread, run, o) == 0;
}

static void warn(const struct otlp *o)
{
    struct leat_error warning = LEAT_INIT(leat_error);

    if (o->failed > 0)
        (void)snprintf(warning.text, sizeof warning.text,
                       "--otlp: %llu requests failed, the last one with: %.300s", o->failed,
                       o->why.text);
    else if (o->data.lost > 0)
        (void)snprintf(warning.text, sizeof warning.text,
                       "--otlp: %llu log records are left out, because the collector was too slow",
                       o->data.lost);
    if (*warning.text)
        message_warning(o->config, &warning);
    if (o->partial == 0)
        return;
    (void)snprintf(
        warning.text, sizeof warning.text,
        "--otlp: the collector did not take all of %llu requests; of the last one it refused "
        "%llu: %.200s",
        o->partial, o->refused, o->partial_why);
    message_warning(o->config, &warning);
}

void otlp_end(struct otlp *o, int status, const struct leat_error *error)
{
    pthread_mutex_lock(&o->lock);
    o->data.run.to_ns = otlp_now_ns();
    o->data.status = status;
    if (error)
        leat_error_format(error, o->data.error, sizeof o->data.error);
    o->end_ns = monotonic_ns() + END_MS * 1000000;
    if (o->request) /* of the interval: its metrics come again at once */
        leat_pipeline_cancel(o->request, LEAT_ECANCELLED, NULL);
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
    if (o->started)
        (void)pthread_join(o->thread, NULL);
    else
        (void)run(o);
    warn(o);
}
