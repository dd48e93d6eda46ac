/* wire.c - bytes over a connected socket, with or without TLS. */

#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/invariant.h"

int leat_wire_open(struct leat_wire *w, struct leat_stage *s,
                   const struct leat_dial_options *options, struct leat_tls *tls,
                   enum leat_end_kind end)
{
    *w = (struct leat_wire){.stage = s,
                            .name = options->address.text,
                            .listens = options->listens,
                            .tls = tls,
                            .end = end};
    leat_frames_begin(w);
    w->dial = leat_dial_new(s, options);
    return w->dial ? 0 : LEAT_ENOMEM;
}

/* --- messages --------------------------------------------------------------------------------- */

int leat_wire_lost(struct leat_wire *w, const char *why)
{
    snprintf(w->why, sizeof w->why, "%s", why);
    return LEAT_ENETWORK;
}

static int lost_errno(struct leat_wire *w, int err)
{
    const char *text = strerrordesc_np(err);
    char why[256];

    snprintf(why, sizeof why, "%s%s", text ? text : "unknown error",
             err == ECONNRESET || err == EPIPE ? ": the other end failed, or closed the connection"
             : err == ETIMEDOUT                ? ": the other end does not answer"
                                               : "");
    return leat_wire_lost(w, why);
}

int leat_wire_fail(const struct leat_wire *w)
{
    return leat_fail(w->stage, LEAT_ENETWORK,
                     "%s (%s): %s; %" PRIu64 " bytes were received, %" PRIu64 " sent", w->name,
                     leat_dial_peer(w->dial), w->why, w->got, w->sent);
}

int leat_wire_check(struct leat_wire *w)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(w->fd - 1, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    return error ? lost_errno(w, error) : 0;
}

/* --- connecting ------------------------------------------------------------------------------- */

static int shake_hands(struct leat_wire *w)
{
    int r;

    if (!w->tls)
        return 0;
    leat_wire_begin_waits(w);
    r = leat_tls_handshake(w->tls);
    if (r == 0)
        return 0;
    if (r == LEAT_EAGAIN) {
        leat_wait_fd(w->stage, w->fd - 1, leat_tls_waits_to_write(w->tls));
        leat_dial_wait(w->dial);
        r = leat_dial_late(w->dial);
        return r < 0 ? r : LEAT_WAIT;
    }
    (void)leat_wire_lost(w, leat_tls_why(w->tls));
    return leat_wire_fail(w);
}

int leat_wire_ready(struct leat_wire *w)
{
    int fd, r;

    if (w->ready)
        return 0;
    if (w->fd == 0) {
        r = leat_dial_step(w->dial, &fd);
        if (r != 0)
            return r;
        w->fd = fd + 1;
        r = w->tls ? leat_tls_begin(w->tls, fd) : 0;
        if (r < 0)
            return r;
    }
    r = shake_hands(w);
    w->ready = r == 0;
    return r;
}

/* --- bytes ------------------------------------------------------------------------------------ */

void leat_wire_begin_waits(struct leat_wire *w)
{
    w->wants_read = w->wants_write = false;
}

void leat_wire_wait(const struct leat_wire *w)
{
    if (w->wants_read)
        leat_wait_fd(w->stage, w->fd - 1, false);
    if (w->wants_write)
        leat_wait_fd(w->stage, w->fd - 1, true);
}

/* A result of TLS. */
static ssize_t of_tls(struct leat_wire *w, ssize_t r)
{
    bool writes;

    if (r == LEAT_ENETWORK)
        return leat_wire_lost(w, leat_tls_why(w->tls));
    if (r != LEAT_EAGAIN)
        return r;
    writes = leat_tls_waits_to_write(w->tls);
    w->wants_write = w->wants_write || writes;
    w->wants_read = w->wants_read || !writes;
    return r;
}

ssize_t leat_wire_read_raw(struct leat_wire *w, void *to, size_t n)
{
    ssize_t r;

    leat_assert(w->ready && n > 0);
    if (w->tls)
        return of_tls(w, leat_tls_read(w->tls, to, n));
    do
        r = recv(w->fd - 1, to, n, 0);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno != EAGAIN)
        return lost_errno(w, errno);
    if (r >= 0)
        return r;
    w->wants_read = true;
    return LEAT_EAGAIN;
}

ssize_t leat_wire_write_raw(struct leat_wire *w, const void *data, size_t n, bool more)
{
    ssize_t r;

    leat_assert(w->ready && n > 0);
    if (w->tls)
        return of_tls(w, leat_tls_write(w->tls, data, n));
    do
        r = send(w->fd - 1, data, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno != EAGAIN)
        return lost_errno(w, errno);
    if (r >= 0)
        return r;
    w->wants_write = true;
    return LEAT_EAGAIN;
}

ssize_t leat_wire_read(struct leat_wire *w, uint8_t *to, size_t n)
{
    ssize_t r =
        w->end == LEAT_END_FRAME ? leat_frames_read(w, to, n) : leat_wire_read_raw(w, to, n);

    w->got += r > 0 ? (uint64_t)r : 0;
    if (r == 0)
        w->in.ended = true;
    return r;
}

ssize_t leat_wire_write(struct leat_wire *w, const uint8_t *data, size_t n)
{
    ssize_t r = w->end == LEAT_END_FRAME ? leat_frames_write(w, data, n)
                                         : leat_wire_write_raw(w, data, n, false);

    w->sent += r > 0 ? (uint64_t)r : 0;
    return r;
}

int leat_wire_finish(struct leat_wire *w)
{
    int r = 0;

    if (w->shut)
        return 0;
    if (w->end == LEAT_END_FRAME && !w->out.ended)
        r = leat_frames_finish(w);
    if (r == 0 && w->tls && !w->said_end)
        r = (int)of_tls(w, leat_tls_end(w->tls));
    if (r != 0)
        return r;
    w->said_end = true;
    if (shutdown(w->fd - 1, SHUT_WR) < 0 && errno != ENOTCONN)
        return lost_errno(w, errno);
    w->shut = true;
    return 0;
}

/* --- close ------------------------------------------------------------------------------------ */

void leat_wire_close(struct leat_wire *w)
{
    static const struct linger at_once = {.l_onoff = 1};
    bool whole = w->shut && w->in.ended;

    leat_tls_free(w->tls);
    if (!w->ready && w->listens) /* the client should see why it was refused */
        whole = true;
    if (w->fd > 0 && !whole) /* a reset instead of a FIN; a Unix socket has none */
        (void)setsockopt(w->fd - 1, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (w->fd > 0)
        (void)close(w->fd - 1); /* the peer has told whether it has all */
    leat_dial_free(w->dial);
    w->tls = NULL;
    w->dial = NULL;
    w->fd = 0;
}
