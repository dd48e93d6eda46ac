/* request.c - an upload: the body goes to a pipeline, and the answer is the outcome of that.
 *
 * libmicrohttpd calls the handler once after the head, then with pieces of the body, then once after the body. A call that
 * cannot go on suspends the connection: nothing is read from its socket until it is resumed. It is resumed when the
 * pipeline has room (on_ready), when its outcome is known (on_done), and when there is memory for it (start_waiting).
 */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

#define DROPPED_MAX ((uint64_t)64 << 20) /* of a body after the answer */

void request_suspend(struct request *r)
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
void request_cut(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (info)
        (void)shutdown(info->connect_fd, SHUT_RDWR); /* it may be closed already */
}

/* --- the life of a request -------------------------------------------------------------------- */

/* A request may have its whole URL as the target. The path of it, which begins with a slash, or the target as it is. */
static const char *path_of(const char *method, const char *target)
{
    size_t n = strncasecmp(target, "http://", 7) == 0    ? 7
               : strncasecmp(target, "https://", 8) == 0 ? 8
                                                         : 0;
    const char *slash = target + n + strcspn(target + n, "/");

    if (n == 0 || slash == target + n)
        return target;
    if (*slash == '/')
        return slash;
    return strcmp(method, "OPTIONS") == 0 ? "*" : "/";
}

static struct request *request_new(struct server *s, struct MHD_Connection *connection,
                                   const char *method, const char *url)
{
    struct request *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->path = strdup(path_of(method, url));
    if (!r->path) {
        free(r);
        return NULL;
    }
    r->server = s;
    r->file_fd = -1;
    r->connection = connection;
    r->begun_ns = uv_hrtime();
    r->phase = PHASE_ANSWER;
    (void)snprintf(r->method, sizeof r->method, "%s", method);
    r->next = s->requests;
    if (s->requests)
        s->requests->before = r;
    s->requests = r;
    s->n_requests++;
    client_asks(r);
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
    guard_leaves(r);
    buf_free(&r->body);
    form_free(r->form);
    leat_pipeline_unref(r->pipeline);
    if (r->response)
        s->mhd.MHD_destroy_response(r->response);
    if (r->file_fd >= 0)
        (void)close(r->file_fd); /* it was read only */
    free(r->path);
    free(r);
    server_changed(s);
}

/* The answer is known. In the middle of the body it is sent at once. */
void request_answer(struct request *r, unsigned status)
{
    r->status = status;
    if (r->phase == PHASE_BODY && r->connection)
        answer_early(r);
    else
        r->phase = PHASE_ANSWER;
}

void request_refuse(struct request *r, unsigned status, const char *code, const char *text)
{
    answer_text(r, code, text);
    request_answer(r, status);
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
    guard_pipeline_done(r, error);
    if (r->pull) { /* read_pull tells, after the last bytes */
    } else if (error && !r->answered) {
        answer_error(r, error);
        request_answer(r, answer_status(error, r->route->kind));
    } else if (!error && r->form) {
        form_file_done(r);
    } else if (!error && r->phase == PHASE_ENDED) {
        answer_stored(r);
        request_answer(r, MHD_HTTP_CREATED);
    } /* else it needs no more of the body, and is answered after that */
    if (!r->pull) {
        r->push = NULL;
        r->pipeline = NULL;
        leat_pipeline_unref(pipeline);
    }
    start_waiting(r->server);
    if (r->connection)
        resume(r);
    else
        request_free(r);
}

static int build(struct request *r, struct leat_error *ret_error)
{
    const struct leat_end_settings end = {.size = sizeof end, .ready = on_ready, .user = r};
    bool is_upload = r->route->kind == ROUTE_UPLOAD;
    struct leat_builder *b = leat_builder_new(r->server->registry);
    int code = b ? 0 : LEAT_ENOMEM;

    if (code == 0 && is_upload)
        (void)leat_builder_push(b, &end, &r->push);
    if (code == 0)
        code = route_append(r->route, b, &r->places, r->file);
    if (code == 0 && !is_upload)
        (void)leat_builder_pull(b, &end, &r->pull);
    if (code == 0)
        code = leat_builder_finish(b, &r->server->settings, &r->pipeline, ret_error);
    leat_builder_free(b);
    if (code < 0 && ret_error->code == 0)
        ret_error->code = code;
    if (code < 0) {
        r->push = NULL;
        r->pull = NULL;
    }
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
        r->pull = NULL;
        answer_error(r, &error);
        request_answer(r, answer_status(&error, r->route->kind));
        return;
    }
    r->phase = r->pull ? PHASE_PULL : PHASE_BODY;
    r->running = true;
    r->server->n_running++;
}

/* Requests wait in the order in which they came. */
static void wait_for_memory(struct request *r)
{
    struct server *s = r->server;

    *s->waiting_end = r;
    s->waiting_end = &r->next_waiting;
    request_suspend(r);
}

void request_starts(struct request *r)
{
    if (r->server->n_running < r->server->running_max)
        start(r);
    else
        wait_for_memory(r);
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

/* An answer that is known before the body: at once if the client waits for that, or if it is an error. */
static enum MHD_Result answer_head(struct request *r)
{
    if (r->phase != PHASE_ANSWER || !r->has_body)
        return MHD_YES;
    if (r->expects)
        return answer_queue(r);
    if (r->status >= MHD_HTTP_BAD_REQUEST)
        answer_early(r);
    return MHD_YES;
}

static enum MHD_Result begin(struct request *r)
{
    head_look(r);
    if (r->status == 0 && r->route->kind == ROUTE_DOWNLOAD)
        (void)download_file(r);
    else if (r->status == 0)
        form_begin(r);
    if (r->status == 0 && r->form) {
        r->phase = PHASE_BODY;
    } else if (r->status == 0) {
        r->phase = PHASE_WAITING;
        request_starts(r);
        if (r->phase == PHASE_WAITING)
            return MHD_YES;
    }
    r->head_done = true;
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
        request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "ELIMIT",
                       "the body is larger than --max-body");
        if (r->push)
            leat_end_abort(r->push, LEAT_ELIMIT, "the body is larger than --max-body");
    }
    if (r->phase == PHASE_BODY && r->form)
        return form_body(r, data, size);
    if (r->phase != PHASE_BODY || !r->push) {
        drop(r, size);
        client_read_on(r);
        return r->phase != PHASE_BODY && r->bytes_in > DROPPED_MAX ? MHD_NO : MHD_YES;
    }
    n = leat_end_push(r->push, data, *size);
    if (n < 0) { /* it has failed, or needs no more: on_done tells */
        drop(r, size);
        return MHD_YES;
    }
    r->bytes_in += (uint64_t)n;
    *size -= (size_t)n;
    r->unread = *size;
    if (*size > 0)
        request_suspend(r);
    else
        client_read_on(r);
    return MHD_YES;
}

static enum MHD_Result end(struct request *r)
{
    if (r->phase == PHASE_REFUSED)
        return MHD_NO; /* closes the connection */
    if (r->phase == PHASE_BODY && r->form) {
        if (!form_end(r)) {
            request_suspend(r);
            return MHD_YES;
        }
    } else if (r->phase == PHASE_BODY) {
        r->phase = PHASE_ENDED;
        if (r->push) /* on_done tells of a failure */
            (void)leat_end_finish(r->push);
        if (!r->running) {
            answer_stored(r);
            request_answer(r, MHD_HTTP_CREATED);
        }
    }
    if (r->phase == PHASE_ANSWER || (r->phase == PHASE_PULL && download_begins(r)))
        return answer_queue(r);
    request_suspend(r);
    return MHD_YES;
}

/* ---------------------------------------------------------------------------------------------- */

enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **request)
{
    struct request *r = *request;

    if (!r) {
        r = request_new(server, connection, method, url);
        *request = r;
        if (!r)
            return MHD_NO;
        r->is_http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
        return begin(r);
    }
    if (*size > 0)
        return body(r, data, size);
    if (!r->head_done) { /* it has waited for memory */
        r->head_done = true;
        return answer_head(r);
    }
    return end(r);
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
    access_log(r);
    served_count(r);
    client_waits(r->connection, r->server);
    r->connection = NULL;
    forget_waiting(r);
    if (!r->running) {
        request_free(r);
        return;
    }
    if (r->pull)
        leat_pipeline_cancel(r->pipeline, LEAT_ECANCELLED, "the client left");
    else if (r->phase == PHASE_BODY)
        leat_end_abort(r->push, LEAT_ENETWORK, "the client left");
}

void request_leaves(struct request *r)
{
    r->has_left = true;
    r->phase = PHASE_REFUSED;
    forget_waiting(r);
    if (r->running && r->push)
        leat_end_abort(r->push, LEAT_ENETWORK, "the client left");
    resume(r); /* what is left of the body is dropped, and the end is read */
}

void request_is_late(struct request *r)
{
    if (r->phase != PHASE_BODY)
        return;
    request_refuse(r, MHD_HTTP_REQUEST_TIMEOUT, "ETIMEDOUT", "the body comes too slowly");
    if (r->push)
        leat_end_abort(r->push, LEAT_ETIMEDOUT, "the body comes too slowly");
}

void request_abort_all(struct server *s, const char *why)
{
    while (s->waiting) {
        struct request *r = s->waiting;

        forget_waiting(r);
        request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "ECANCELLED", why);
        resume(r);
    }
    for (struct request *r = s->requests; r; r = r->next) {
        if (r->running)
            leat_pipeline_cancel(r->pipeline, LEAT_ECANCELLED, why);
        /* The client does not read the answer, or does not stop sending. */
        if (r->connection && r->answered)
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
