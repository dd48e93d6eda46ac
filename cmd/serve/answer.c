/* answer.c - statuses and bodies of answers. */

#if HAVE_MICROHTTPD

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "serve.h"

unsigned answer_status(const struct leat_error *e, enum route_kind kind)
{
    if (e->sys_errno == ENOSPC || e->sys_errno == EDQUOT || e->sys_errno == EFBIG)
        return MHD_HTTP_INSUFFICIENT_STORAGE;
    switch (e->code) {
    case LEAT_EEXIST:
        return MHD_HTTP_CONFLICT;
    case LEAT_ENOENT:
        return kind == ROUTE_DOWNLOAD ? MHD_HTTP_NOT_FOUND : MHD_HTTP_INTERNAL_SERVER_ERROR;
    case LEAT_ECORRUPT:
    case LEAT_ETRUNCATED:
    case LEAT_ECHECKSUM:
        return kind == ROUTE_DOWNLOAD ? MHD_HTTP_INTERNAL_SERVER_ERROR
                                      : MHD_HTTP_UNPROCESSABLE_CONTENT;
    case LEAT_ELIMIT: /* with an offset it is a limit on data, such as the length of a line; else on memory */
        return e->has_offset ? MHD_HTTP_CONTENT_TOO_LARGE : MHD_HTTP_INTERNAL_SERVER_ERROR;
    case LEAT_ENETWORK:
        return MHD_HTTP_BAD_GATEWAY;
    case LEAT_ETIMEDOUT:
        return MHD_HTTP_GATEWAY_TIMEOUT;
    case LEAT_ECANCELLED:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
}

/* Files of a form that were stored before stay stored. */
static void end_object(struct request *r)
{
    if (r->form)
        form_list(r->form, &r->body);
    buf_add(&r->body, "}\n");
}

void answer_error(struct request *r, const struct leat_error *e)
{
    struct buf *b = &r->body;

    buf_add(b, "{\"error\":{\"code\":\"%s\",\"stage\":", leat_error_name(e->code));
    if (e->stage_name[0])
        buf_json(b, e->stage_name);
    else
        buf_add(b, "null");
    buf_add(b, ",\"offset\":");
    if (e->has_offset)
        buf_add(b, "%" PRIu64, e->offset);
    else
        buf_add(b, "null");
    buf_add(b, ",\"text\":");
    buf_json(b, e->text[0] ? e->text : leat_strerror(e->code));
    buf_add(b, "}");
    end_object(r);
}

void answer_text(struct request *r, const char *code, const char *text)
{
    buf_add(&r->body, "{\"error\":{\"code\":\"%s\",\"stage\":null,\"offset\":null,\"text\":", code);
    buf_json(&r->body, text);
    buf_add(&r->body, "}");
    end_object(r);
}

void answer_stored(struct request *r)
{
    buf_add(&r->body, "{\"status\":\"stored\",\"bytes\":%" PRIu64, r->bytes_in);
    end_object(r);
}

static void add_headers(const struct mhd *m, struct MHD_Response *response, const struct request *r)
{
    char seconds[16];

    /* They fail only when out of memory; the answer then lacks a header. */
    if (r->body.n > 0)
        (void)m->MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                                         r->content_type ? r->content_type : "application/json");
    if (r->status == MHD_HTTP_UNAUTHORIZED)
        (void)m->MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->allow[0] &&
        (r->status == MHD_HTTP_METHOD_NOT_ALLOWED || r->status == MHD_HTTP_NO_CONTENT))
        (void)m->MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, r->allow);
    if (r->retry_after_s > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", r->retry_after_s);
        (void)m->MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (r->server->stopping || r->closes)
        (void)m->MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
}

enum MHD_Result answer_queue(struct request *r)
{
    const struct mhd *m = &r->server->mhd;
    struct MHD_Response *response = r->response;
    enum MHD_Result result;

    r->answered = true;
    if (response) { /* of a download, which counts for itself */
        r->response = NULL;
        result = m->MHD_queue_response(r->connection, r->status, response);
        m->MHD_destroy_response(response);
        return result;
    }
    if (r->body.failed)
        return MHD_NO;
    response = m->MHD_create_response_from_buffer(r->body.n, r->body.data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    add_headers(m, response, r);
    result = m->MHD_queue_response(r->connection, r->status, response);
    m->MHD_destroy_response(response);
    r->bytes_out = r->is_head ? 0 : r->body.n;
    return result;
}

static const char *reason(unsigned status)
{
    switch (status) {
    case MHD_HTTP_BAD_REQUEST:
        return "Bad Request";
    case MHD_HTTP_UNAUTHORIZED:
        return "Unauthorized";
    case MHD_HTTP_FORBIDDEN:
        return "Forbidden";
    case MHD_HTTP_NOT_FOUND:
        return "Not Found";
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "Method Not Allowed";
    case MHD_HTTP_REQUEST_TIMEOUT:
        return "Request Timeout";
    case MHD_HTTP_CONFLICT:
        return "Conflict";
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "Content Too Large";
    case MHD_HTTP_UNPROCESSABLE_CONTENT:
        return "Unprocessable Content";
    case MHD_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "Unsupported Media Type";
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        return "Request Header Fields Too Large";
    case MHD_HTTP_NOT_IMPLEMENTED:
        return "Not Implemented";
    case MHD_HTTP_TOO_MANY_REQUESTS:
        return "Too Many Requests";
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";
    case MHD_HTTP_INSUFFICIENT_STORAGE:
        return "Insufficient Storage";
    default:
        return "Error";
    }
}

/* libmicrohttpd answers only after the whole body, or closes the connection at once, which loses the answer. Nothing
 * else is being sent now, so the answer fits into the buffer of the socket. */
void answer_early(struct request *r)
{
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct buf b = {.n = 0};
    ssize_t n = -1;

    buf_add(
        &b,
        "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
        r->status, reason(r->status), r->body.n);
    if (r->status == MHD_HTTP_UNAUTHORIZED)
        buf_add(&b, "WWW-Authenticate: Bearer\r\n");
    if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        buf_add(&b, "Allow: %s\r\n", r->allow);
    if (r->retry_after_s > 0)
        buf_add(&b, "Retry-After: %u\r\n", r->retry_after_s);
    buf_add(&b, "\r\n%s", r->is_head ? "" : buf_text(&r->body));
    if (r->server->tls.cert && !b.failed)
        n = tls_send(r, b.data, b.n);
    else if (info && !b.failed)
        n = send(info->connect_fd, b.data, b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* The client sees the end of the answer. Its further bytes are read and dropped: a reset would take the answer away. */
    if (info && n >= 0)
        (void)shutdown(info->connect_fd, SHUT_WR);
    r->bytes_out = r->is_head ? 0 : r->body.n;
    r->answered = true;
    r->phase = PHASE_REFUSED;
    if (r->server->aborted)
        request_cut(r);
    buf_free(&b);
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
