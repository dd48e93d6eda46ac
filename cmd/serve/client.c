/* client.c - the connections, and what is asked of them: a client that is waited for must do something.
 *
 * A client that is held back by the server may do nothing. Else a request's head must be there within --timeout, since the
 * connection was made or the request before it ended, and the bytes of the body, or of the answer, must move at a low rate at
 * least. Looking at all of them a few times in each --timeout is enough; without connections nothing looks.
 *
 * libmicrohttpd 0.9.75 does not see the end of a connection that comes together with data: it reads from an edge-triggered
 * descriptor until it gets less than it asked for. The loop therefore watches for the end as well, and client_read_on makes
 * another edge. While a connection is suspended, nothing is read from it, so it is also here that a client is seen to have left:
 * if it has ended its side, and the rest of the body is not in the buffers. A client whose system still has bytes for a full
 * buffer of ours is seen to leave only when it resets the connection, or is gone for the keepalive of TCP.
 */

#if HAVE_MICROHTTPD

#include <stdlib.h>
#include <sys/ioctl.h>

#include "serve.h"

#define LOOKS 4u          /* in each --timeout */
#define SLOW_BYTES_S 100u /* a slower client is no client */

static struct client *client_of(const struct server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        s->mhd.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void client_read_on(const struct request *r)
{
    const struct client *c = client_of(r->server, r->connection);

    if (c && c->hung_up)
        (void)shutdown(c->fd, SHUT_RD);
}

/* Is it known how many bytes of the body libmicrohttpd holds, and how many come? */
static bool is_exact(const struct client *c)
{
    const struct request *r = c->request;

    return r->phase == PHASE_BODY && !r->form && !c->server->tls.cert &&
           r->body_bytes != UINT64_MAX;
}

/* The client sends no more and nothing is read from it: will a body have no end? Its last bytes may be in the socket, or in the
 * buffer of libmicrohttpd. */
static bool body_is_cut(const struct client *c, bool is_late)
{
    const struct request *r = c->request;
    uint64_t rest = r->body_bytes - r->bytes_in;
    int n = 0;

    if (r->phase != PHASE_BODY && r->phase != PHASE_WAITING)
        return false;
    if (is_late && r->phase == PHASE_BODY && !is_exact(c))
        return true;
    if (ioctl(c->fd, FIONREAD, &n) < 0)
        n = 0; /* it is closed */
    return r->body_bytes != UINT64_MAX &&
           rest > (uint64_t)n + (is_exact(c) ? r->unread : POOL_BYTES);
}

static void on_hung_up(uv_poll_t *poll, int status, int events)
{
    struct client *c = poll->data;

    (void)status;
    (void)events;
    c->hung_up = true;
    (void)uv_poll_stop(poll); /* it is open */
    (void)shutdown(c->fd, SHUT_RD);
    if (c->request && c->request->suspended && body_is_cut(c, false))
        request_leaves(c->request);
}

/* Has a client that has hung up some time to go on in, while its request is suspended? */
static bool may_wait(const struct client *c)
{
    const struct request *r = c->request;

    if (r->pull)
        return false;
    return r->phase != PHASE_BODY || is_exact(c) || r->bytes_in != c->bytes;
}

static void restart(struct client *c)
{
    c->since_ms = uv_now(&c->server->loop);
    c->bytes = c->request ? c->request->bytes_in + c->request->bytes_out : 0;
}

static void look(struct client *c)
{
    struct request *r = c->request;
    uint64_t passed_ms = uv_now(&c->server->loop) - c->since_ms;
    uint64_t timeout_ms = c->server->options.timeout_ms;

    if (r && (r->suspended || r->phase == PHASE_WAITING || r->phase == PHASE_ENDED)) {
        if (c->hung_up && r->suspended && body_is_cut(c, passed_ms >= timeout_ms))
            request_leaves(r);
        else if (!c->hung_up || may_wait(c))
            restart(c);
        else if (r->pull && r->running &&
                 passed_ms >= timeout_ms) /* nothing is sent that would tell that it has left */
            leat_pipeline_cancel(r->pipeline, LEAT_ECANCELLED, "the client left");
        return;
    }
    if (c->hung_up)
        (void)shutdown(c->fd, SHUT_RD);
    if (passed_ms < timeout_ms)
        return;
    if (r && r->bytes_in + r->bytes_out - c->bytes > SLOW_BYTES_S * passed_ms / 1000) {
        restart(c);
        return;
    }
    if (r)
        request_is_late(r);
    (void)shutdown(c->fd, SHUT_RDWR); /* libmicrohttpd reads the end */
}

static void on_look(uv_timer_t *timer)
{
    struct server *s = timer->data;
    struct client *next;

    for (struct client *c = s->clients; c; c = next) {
        next = c->next;
        look(c);
    }
    if (s->accept_paused && !s->stopping) /* there may be descriptors again */
        listen_pause(s, false);
}

static void client_begin(struct server *s, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        s->mhd.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *c = calloc(1, sizeof *c);
    uint64_t every_ms = s->options.timeout_ms / LOOKS + 1;

    s->n_connections++;
    if (!info || !c || uv_poll_init(&s->loop, &c->poll, info->connect_fd) < 0) {
        free(c);
        return; /* it is not looked after */
    }
    *context = c;
    c->server = s;
    c->fd = info->connect_fd;
    c->poll.data = c;
    (void)uv_poll_start(&c->poll, UV_DISCONNECT, on_hung_up); /* it is open */
    c->since_ms = uv_now(&s->loop);
    c->next = s->clients;
    if (s->clients)
        s->clients->before = c;
    else
        (void)uv_timer_start(&s->look, on_look, every_ms, every_ms); /* it is open */
    s->clients = c;
}

static void on_closed(uv_handle_t *poll)
{
    free(poll->data);
}

static void client_end(struct server *s, struct client *c)
{
    s->n_connections--;
    if (s->accept_paused && !s->stopping)
        listen_pause(s, false);
    if (!c)
        return;
    if (c->before)
        c->before->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->before = c->before;
    uv_close((uv_handle_t *)&c->poll, on_closed);
    if (!s->clients && s->daemon)
        (void)uv_timer_stop(&s->look);
}

void client_notify(void *server, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        client_begin(server, connection, context);
    else
        client_end(server, *context);
}

void client_asks(struct request *r)
{
    struct client *c = client_of(r->server, r->connection);

    if (!c)
        return;
    c->request = r;
    restart(c);
}

void client_waits(struct MHD_Connection *connection, const struct server *s)
{
    struct client *c = client_of(s, connection);

    if (!c)
        return;
    c->request = NULL;
    restart(c);
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
