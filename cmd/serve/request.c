/* request.c - an upload: the body goes to a pipeline, and the answer is the outcome of that.
 *
 * libmicrohttpd calls the handler once after the head, then with pieces of the body, then once after the body. A call that
 * cannot go on suspends the connection: nothing is read from its socket until it is resumed. It is resumed when the
 * pipeline has room (on_ready), when its outcome is known (on_done), and when there is memory for it (start_waiting).
 */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define DROPPED_MAX ((uint64_t)64 << 20) /* of a body after the answer */
#define BUSY_S 1u                        /* Retry-After */

static void suspend(struct request *r)
{
    if (r->suspended)
        return;
    r->suspended = true;
    r->server->mhd.MHD_suspend_connection(r->connection);
}

static void resume(struct request *r)
{
    if (!r->suspended || !r->connection)
        return;
    r->suspended = false;
    r->server->mhd.MHD_resume_connection(r->connection);
    server_wake(r->server);
}

/* Lose the connection: libmicrohttpd reads its end. */
static void request_cut(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info)
        (void)shutdown(info->connect_fd, SHUT_RDWR); /* it may be closed already */
}

/* --- the life of a request -------------------------------------------------------------------- */

static struct request *request_new(struct server *s, struct MHD_Connection *connection,
                                   const char *method, const char *url)
{
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->path = strdup(url);
    if (!r->path) {
        free(r);
        return NULL;
    }
    r->server = s;
    r->connection = connection;
    r->begun_ns = uv_hrtime();
    r->phase = PHASE_ANSWER;
    (void)snprintf(r->method, sizeof r->method, "%s", method);
    r->next = s->requests;
    if (s->requests)
        s->requests->before = r;
    s->requests = r;
    s->n_requests++;
    return r;
}

static void request_free(struct request *r)
{
    struct server *s = r->server;

    if (r->before)
        r->before->next = r->next;
    else
        s->requests = r->next;
    if (r->next)
        r->next->before = r->before;
    s->n_requests--;
    buf_free(&r->body);
    free(r->path);
    free(r);
    server_changed(s);
}

/* The answer is known. In the middle of the body it is sent at once. */
static void answer(struct request *r, unsigned status)
{
    r->status = status;
    if (r->phase == PHASE_BODY && r->connection)
        answer_early(r);
    else
        r->phase = PHASE_ANSWER;
}

static void refuse(struct request *r, unsigned status, const char *code, const char *text)
{
    answer_text(&r->body, code, text);
    answer(r, status);
}

/* --- the pipeline ----------------------------------------------------------------------------- */

static void start_waiting(struct server *s);

static void on_ready(void *arg)
{
    resume(arg);
}

static void on_done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct request *r = arg;

    r->running = false;
    r->server->n_running--;
    if (error && !r->answered) {
        answer_error(&r->body, error);
        answer(r, answer_status(error, r->route->kind));
    } else if (!error && r->phase == PHASE_ENDED) {
        buf_add(&r->body, "{\"status\":\"stored\",\"bytes\":%llu}\n",
                (unsigned long long)r->bytes_in);
        answer(r, MHD_HTTP_CREATED);
    } /* else it needs no more of the body, and is answered after that */
    r->push = NULL;
    r->pipeline = NULL;
    leat_pipeline_unref(pipeline);
    start_waiting(r->server);
    if (r->connection)
        resume(r);
    else
        request_free(r);
}

static int build(struct request *r, struct leat_error *ret_error)
{
    const struct leat_end_settings in = {.size = sizeof in, .ready = on_ready, .user = r};
    struct leat_builder *b = leat_builder_new(r->server->registry);
    int code = b ? 0 : LEAT_ENOMEM;

    if (code == 0) {
        (void)leat_builder_push(b, &in, &r->push);
        code = route_append(r->route, b, &r->places, NULL);
    }
    if (code == 0)
        code = leat_builder_finish(b, &r->server->settings, &r->pipeline, ret_error);
    leat_builder_free(b);
    if (code < 0 && ret_error->code == 0)
        ret_error->code = code;
    if (code < 0)
        r->push = NULL;
    return code;
}

/* Start the pipeline, or answer why not. */
static void start(struct request *r)
{
    struct leat_error error = LEAT_INIT(leat_error);
    int code = build(r, &error);

    if (code == 0) {
        code = leat_pipeline_start(r->pipeline, NULL, on_done, r);
        if (code < 0 && leat_pipeline_error(r->pipeline))
            error = *leat_pipeline_error(r->pipeline);
        error.code = code;
    }
    if (code < 0) {
        leat_pipeline_unref(r->pipeline);
        r->pipeline = NULL;
        r->push = NULL;
        answer_error(&r->body, &error);
        answer(r, answer_status(&error, r->route->kind));
        return;
    }
    r->phase = PHASE_BODY;
    r->running = true;
    r->server->n_running++;
}

/* Requests wait in the order in which they came. */
static void wait_for_memory(struct request *r)
{
    struct server *s = r->server;

    r->phase = PHASE_WAITING;
    *s->waiting_end = r;
    s->waiting_end = &r->next_waiting;
    suspend(r);
}

static void forget_waiting(struct request *r)
{
    struct request **at = &r->server->waiting;

    while (*at && *at != r)
        at = &(*at)->next_waiting;
    if (!*at)
        return;
    *at = r->next_waiting;
    r->next_waiting = NULL;
    if (!*at)
        r->server->waiting_end = at;
}

static void start_waiting(struct server *s)
{
    while (s->waiting && s->n_running < s->running_max) {
        struct request *r = s->waiting;

        forget_waiting(r);
        start(r);
        resume(r);
    }
}

/* --- the head --------------------------------------------------------------------------------- */

static const char *header(const struct request *r, const char *name)
{
    return r->server->mhd.MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* Note the method in the Allow of an answer. */
static void allow(struct request *r, const char *method)
{
    size_t n = strlen(r->allow);

    if (strstr(r->allow, method))
        return;
    (void)snprintf(r->allow + n, sizeof r->allow - n, "%s%s", n > 0 ? ", " : "", method);
}

static void find_route(struct request *r)
{
    struct server *s = r->server;
    const char *bad = NULL;
    bool path_found = false;

    for (size_t i = 0; i < s->n_routes && !r->route; i++) {
        struct places places;
        const char *why;

        if (!route_matches(&s->routes[i], r->path, &places, &why))
            continue;
        path_found = true;
        allow(r, s->routes[i].method);
        if (strcmp(r->method, s->routes[i].method) != 0)
            continue;
        r->route = &s->routes[i];
        r->places = places;
        bad = why;
    }
    if (bad)
        refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", bad);
    else if (!r->route && path_found)
        refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "EUSAGE", "the path has no route for this method");
    else if (!r->route)
        refuse(r, MHD_HTTP_NOT_FOUND, "ENOENT", "there is no route for this path");
}

static void look_at_head(struct request *r)
{
    const char *length = header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *expect = header(r, MHD_HTTP_HEADER_EXPECT);
    uint64_t max = r->server->options.max_body;

    r->has_body =
        header(r, MHD_HTTP_HEADER_TRANSFER_ENCODING) || (length && strtoull(length, NULL, 10) > 0);
    r->expects = expect && strcasecmp(expect, "100-continue") == 0;
    find_route(r);
    if (r->status == 0 && max > 0 && length && strtoull(length, NULL, 10) > max)
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "ELIMIT", "the body is larger than --max-body");
    if (r->status == 0 && r->server->n_requests > r->server->options.max_inflight) {
        r->retry_after_s = BUSY_S;
        refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ELIMIT", "too many requests at once");
    }
    if (r->status == 0 && r->server->stopping)
        refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ECANCELLED", "the server is stopping");
}

/* An answer that is known before the body: at once if the client waits for that, and else after or in the body. */
static enum MHD_Result answer_head(struct request *r)
{
    if (r->phase != PHASE_ANSWER || !r->has_body)
        return MHD_YES;
    if (r->expects)
        return answer_queue(r);
    answer_early(r);
    return MHD_YES;
}

static enum MHD_Result begin(struct request *r)
{
    look_at_head(r);
    if (r->status == 0 && r->server->n_running >= r->server->running_max) {
        wait_for_memory(r);
        return MHD_YES;
    }
    r->head_done = true;
    if (r->status == 0)
        start(r);
    return answer_head(r);
}

/* --- the body --------------------------------------------------------------------------------- */

static void drop(struct request *r, size_t *size)
{
    r->bytes_in += *size;
    *size = 0;
}

static enum MHD_Result body(struct request *r, const char *data, size_t *size)
{
    uint64_t max = r->server->options.max_body;
    ssize_t n;

    if (max > 0 && r->phase == PHASE_BODY && *size > max - r->bytes_in) {
        refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "ELIMIT", "the body is larger than --max-body");
        if (r->push)
            leat_end_abort(r->push, LEAT_ELIMIT, "the body is larger than --max-body");
    }
    if (r->phase != PHASE_BODY || !r->push) {
        drop(r, size);
        return r->phase == PHASE_REFUSED && r->bytes_in > DROPPED_MAX ? MHD_NO : MHD_YES;
    }
    n = leat_end_push(r->push, data, *size);
    if (n < 0) { /* it has failed, or needs no more: on_done tells */
        drop(r, size);
        return MHD_YES;
    }
    r->bytes_in += (uint64_t)n;
    *size -= (size_t)n;
    if (*size > 0)
        suspend(r);
    return MHD_YES;
}

static enum MHD_Result end(struct request *r)
{
    if (r->phase == PHASE_REFUSED)
        return MHD_NO; /* closes the connection */
    if (r->phase == PHASE_BODY) {
        r->phase = PHASE_ENDED;
        if (r->push) /* on_done tells of a failure */
            (void)leat_end_finish(r->push);
        if (!r->running) {
            buf_add(&r->body, "{\"status\":\"stored\",\"bytes\":%llu}\n",
                    (unsigned long long)r->bytes_in);
            answer(r, MHD_HTTP_CREATED);
        }
    }
    if (r->phase == PHASE_ANSWER)
        return answer_queue(r);
    suspend(r);
    return MHD_YES;
}

/* ---------------------------------------------------------------------------------------------- */

enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **request)
{
    struct request *r = *request;

    (void)version;
    if (!r) {
        r = request_new(server, connection, method, url);
        *request = r;
        return r ? begin(r) : MHD_NO;
    }
    if (*size > 0)
        return body(r, data, size);
    if (!r->head_done) { /* it has waited for memory */
        r->head_done = true;
        return answer_head(r);
    }
    return end(r);
}

static void log_request(const struct request *r)
{
    struct buf line = {.n = 0};
    unsigned long long ms = (unsigned long long)((uv_hrtime() - r->begun_ns) / 1000000);

    if (r->server->config->quiet)
        return;
    if (r->server->config->json) {
        buf_add(&line, "{\"type\":\"request\",\"method\":");
        buf_json(&line, r->method);
        buf_add(&line, ",\"path\":");
        buf_json(&line, r->path);
        buf_add(&line, ",\"status\":%u,\"in\":%llu,\"out\":%llu,\"ms\":%llu}\n",
                r->answered ? r->status : 0, (unsigned long long)r->bytes_in,
                (unsigned long long)r->bytes_out, ms);
    } else {
        buf_shown(&line, r->method);
        buf_add(&line, " ");
        buf_shown(&line, r->path);
        if (r->answered)
            buf_add(&line, " %u", r->status);
        else
            buf_add(&line, " left");
        buf_add(&line, " in=%llu out=%llu ms=%llu\n", (unsigned long long)r->bytes_in,
                (unsigned long long)r->bytes_out, ms);
    }
    writer_put(&r->server->log, &line, WRITER_EVENT);
    buf_free(&line);
}

void request_completed(void *server, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode why)
{
    struct request *r = *request;

    (void)server;
    (void)connection;
    (void)why;
    if (!r)
        return;
    *request = NULL;
    log_request(r);
    r->connection = NULL;
    if (r->phase == PHASE_WAITING)
        forget_waiting(r);
    if (!r->running) {
        request_free(r);
        return;
    }
    if (r->phase == PHASE_BODY)
        leat_end_abort(r->push, LEAT_ENETWORK, "the client left");
}

void request_abort_all(struct server *s, const char *why)
{
    while (s->waiting) {
        struct request *r = s->waiting;

        forget_waiting(r);
        refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ECANCELLED", why);
        resume(r);
    }
    for (struct request *r = s->requests; r; r = r->next) {
        if (r->running)
            leat_pipeline_cancel(r->pipeline, LEAT_ECANCELLED, why);
        else if (r->connection &&
                 r->answered) /* the client does not read it, or does not stop sending */
            request_cut(r);
    }
}

void request_discard_all(struct server *s)
{
    for (struct request *r = s->requests; r; r = r->next)
        if (r->running)
            (void)leat_pipeline_discard(r->pipeline); /* the process ends, whatever is left */
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
