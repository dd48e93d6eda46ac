/* connection.c - the steps of a connection that is the first, the last or a middle stage. */

#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/invariant.h"

#define HELD_MAX ((size_t)65536) /* input of a middle stage on its way */
#define DROP_MAX ((size_t)16384) /* read at once of what is dropped */
#define LOOK_SOON_MS ((uint64_t)20)
#define LOOK_MS ((uint64_t)1000) /* how often a sink looks whether its data is on its way */

static uint64_t now_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* it exists on Linux */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- plan and open ---------------------------------------------------------------------------- */

static struct leat_tls_options tls_options(const struct leat_connection_params *p,
                                           const struct leat_address *a, bool listens)
{
    return (struct leat_tls_options){
        .is_server = listens,
        .host = p->servername ? p->servername : a->host,
        .ca = p->ca,
        .cert = p->cert,
        .key = p->key,
        .password_file = p->password_file,
        .alpn = p->alpn,
    };
}

/* The port alone, if it is a number, and that of name servers if there is a name to look up. */
static int plan_ports(struct leat_stage *s, const struct leat_address *a, bool listens)
{
    struct in6_addr numeric;
    unsigned long port = strtoul(a->port, NULL, 10);
    char text[24];
    int r;

    if (a->port[strspn(a->port, "0123456789")] || port > UINT16_MAX)
        return leat_plan_access(s, NULL, LEAT_ACCESS_NETWORK);
    snprintf(text, sizeof text, "%s:%lu", listens ? "listen" : "connect", port);
    r = leat_plan_access(s, text, LEAT_ACCESS_PORT);
    if (r == 0 && *a->host && inet_pton(AF_INET, a->host, &numeric) != 1 &&
        inet_pton(AF_INET6, a->host, &numeric) != 1)
        r = leat_plan_access(s, "connect:53", LEAT_ACCESS_PORT);
    return r;
}

static int plan_access(struct leat_stage *s, const struct leat_connection_params *p,
                       const struct leat_address *a, bool listens)
{
    int r = a->kind == LEAT_ADDRESS_UNIX ? leat_plan_access(s, a->path, LEAT_ACCESS_SOCKET)
                                         : plan_ports(s, a, listens);

    if (r == 0 && p->address_file)
        r = leat_plan_access(s, p->address_file, LEAT_ACCESS_OUTPUT);
    return r;
}

int leat_connection_plan(struct leat_stage *s, bool listens)
{
    const struct leat_connection_params *p = leat_params(s);
    struct leat_tls_options tls;
    struct leat_address a;
    int r = leat_address_parse(s, leat_operands(s)->v[0], listens, &a);

    if (r < 0)
        return r;
    leat_plan_first(s); /* a sink connects at once, not at its first byte */
    tls = tls_options(p, &a, listens);
    if (a.kind == LEAT_ADDRESS_TLS)
        r = leat_tls_plan(s, &tls);
    else if (p->ca || p->cert || p->key || p->password_file || p->alpn || p->servername)
        r = leat_fail(s, LEAT_EUSAGE,
                      "%s: is not encrypted, so options of TLS have no effect; "
                      "write tls://HOST:PORT",
                      a.text);
    return r < 0 ? r : plan_access(s, p, &a, listens);
}

static int open_wire(struct leat_stage *s, struct leat_connection *st, bool listens)
{
    const struct leat_connection_params *p = leat_params(s);
    struct leat_dial_options options = {.listens = listens,
                                        .retries = p->retry != 0,
                                        .wait_ms = p->wait_ms,
                                        .address_file = p->address_file};
    struct leat_tls_options tls_opts;
    struct leat_tls *tls = NULL;
    int r = leat_address_parse(s, leat_operands(s)->v[0], listens, &st->address);

    if (r < 0)
        return r;
    options.address = st->address;
    tls_opts = tls_options(p, &st->address, listens);
    if (st->address.kind == LEAT_ADDRESS_TLS)
        r = leat_tls_new(s, &tls_opts, &tls);
    if (r < 0) {
        leat_tls_free(tls);
        return r;
    }
    return leat_wire_open(&st->wire, s, &options, tls, (enum leat_end_kind)p->end);
}

int leat_connection_open(struct leat_stage *s, bool listens)
{
    return open_wire(s, leat_state(s), listens);
}

void leat_connection_close(struct leat_stage *s)
{
    struct leat_connection *st = leat_state(s);

    leat_wire_close(&st->wire);
}

/* --- a source --------------------------------------------------------------------------------- */

/* The own stream is empty, and its end tells the peer that all has arrived. */
static int finish_source(struct leat_stage *s, struct leat_wire *w)
{
    int r;

    leat_wire_begin_waits(w);
    r = leat_wire_finish(w);
    if (r == LEAT_EAGAIN) {
        leat_wire_wait(w);
        return LEAT_WAIT;
    }
    if (r < 0 && w->end == LEAT_END_FRAME)
        leat_warning(s, "%s: the other end could not be told that all has arrived: %s", w->name,
                     w->why);
    return LEAT_END;
}

int leat_connection_first_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_wire *w = &((struct leat_connection *)leat_state(s))->wire;
    int r = leat_wire_ready(w);
    uint8_t *to;
    size_t room;
    ssize_t n;

    (void)in; /* a source has none */
    if (r != 0)
        return r;
    if (w->in.ended)
        return finish_source(s, w);
    room = leat_reserve(out, &to);
    if (room == 0)
        return LEAT_MORE;
    leat_wire_begin_waits(w);
    n = leat_wire_read(w, to, room);
    if (n == LEAT_EAGAIN) {
        leat_wire_wait(w);
        return LEAT_WAIT;
    }
    if (n < 0)
        return leat_wire_fail(w);
    leat_commit(out, (size_t)n);
    leat_position(s, w->got, 0);
    return n > 0 ? LEAT_MORE : finish_source(s, w);
}

/* --- a sink ----------------------------------------------------------------------------------- */

/* The end of the stream, after which the peer may believe that it is complete, is sent in the commit: another stage of the
 * pipeline may fail until then. */

/* The peer must not wait for us to read, or it might not read either. Returns 0: its stream has ended; LEAT_EAGAIN; or an
 * error. */
static int drop_input(struct leat_connection *st)
{
    uint8_t dropped[DROP_MAX];
    ssize_t n;

    do {
        n = leat_wire_read(&st->wire, dropped, sizeof dropped);
        st->dropped += n > 0 ? (uint64_t)n : 0;
    } while (n > 0);
    return (int)n;
}

static int end_sink(struct leat_stage *s, const struct leat_connection *st)
{
    if (st->dropped > 0)
        leat_warning(s,
                     "%s: the other end sent %" PRIu64 " bytes, which were dropped; in the middle "
                     "of a pipeline the stage passes them on",
                     st->wire.name, st->dropped);
    return 0;
}

/* Is data still on its way to the peer, or, with a Unix socket, not read by it? */
static bool is_on_its_way(const struct leat_wire *w)
{
    int n = 0;

    return ioctl(w->fd - 1, SIOCOUTQ, &n) == 0 && n > 0;
}

/* The peer has not closed the connection. Returns whether its time is over. */
static bool is_too_late(struct leat_connection *st, uint64_t wait_ms)
{
    uint64_t now = now_ns();

    if (st->close_by_ns == 0 || is_on_its_way(&st->wire))
        st->close_by_ns = now + wait_ms * 1000000;
    return now >= st->close_by_ns;
}

/* All was sent: wait until the peer ends its stream, too. Before that its system may still drop data. With frames that is its
 * confirmation, which may take as long as it needs to read what is on its way. */
static int wait_for_close(struct leat_stage *s, struct leat_connection *st)
{
    const struct leat_connection_params *p = leat_params(s);
    struct leat_wire *w = &st->wire;
    int r = w->in.ended ? 0 : drop_input(st);

    if (r == 0 && w->end == LEAT_END_FIN && is_on_its_way(w)) { /* its stream ended before ours */
        r = leat_wire_check(w);
        leat_wait_ms(s, LOOK_SOON_MS);
        return r < 0 ? leat_wire_fail(w) : LEAT_WAIT;
    }
    if (r == 0)
        return end_sink(s, st);
    if (r != LEAT_EAGAIN)
        return leat_wire_fail(w);
    if (w->end == LEAT_END_FIN && is_too_late(st, p->close_ms)) {
        leat_warning(s,
                     "%s: all was sent, but the other end did not close the connection, so it is "
                     "not known whether it has all; --end=frame confirms it",
                     w->name);
        w->in.ended = true;
        return end_sink(s, st);
    }
    leat_wire_wait(w);
    if (w->end == LEAT_END_FIN)
        leat_wait_ms(s, p->close_ms < LOOK_MS ? p->close_ms : LOOK_MS);
    return LEAT_WAIT;
}

/* Send the input. Returns 0: all that there is, without its end; LEAT_EAGAIN; or an error. */
static int send_input(struct leat_wire *w, struct leat_in *in)
{
    while (in->pos < in->len) {
        ssize_t n = leat_wire_write(w, in->data + in->pos, in->len - in->pos);

        if (n < 0)
            return (int)n;
        in->pos += (size_t)n;
    }
    return 0;
}

int leat_connection_last_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_connection *st = leat_state(s);
    struct leat_wire *w = &st->wire;
    int r = leat_wire_ready(w), dropped = 0;

    (void)out;
    if (r != 0)
        return r;
    if (!st->is_watched)
        leat_watch_gone(s, w->fd - 1);
    st->is_watched = true;
    leat_wire_begin_waits(w);
    r = send_input(w, in);
    if (r == 0)
        return in->end ? LEAT_END : LEAT_MORE;
    if (r == LEAT_EAGAIN && !w->in.ended)
        dropped = drop_input(st);
    if (r != LEAT_EAGAIN || (dropped < 0 && dropped != LEAT_EAGAIN))
        return leat_wire_fail(w);
    leat_wire_wait(w);
    return LEAT_WAIT;
}

/* The connection is gone while there is nothing to send. */
int leat_connection_last_watch(struct leat_stage *s)
{
    struct leat_connection *st = leat_state(s);
    int r;

    leat_assert(!st->wire.shut);
    r = st->wire.in.ended ? 0 : drop_input(st);
    if (r == 0 || r == LEAT_EAGAIN)
        (void)leat_wire_lost(&st->wire, "the other end closed the connection");
    return leat_wire_fail(&st->wire);
}

/* Send the end. Returns 0: it was sent; LEAT_WAIT; or fails. */
static int send_end(struct leat_wire *w)
{
    int r = leat_wire_finish(w);

    if (r == 0)
        return 0;
    if (r != LEAT_EAGAIN)
        return leat_wire_fail(w);
    leat_wire_wait(w);
    return LEAT_WAIT;
}

/* It is called again while the end cannot be sent, or the other end has not confirmed it. */
int leat_connection_last_commit(struct leat_stage *s)
{
    struct leat_connection *st = leat_state(s);
    int r;

    leat_assert(st->wire.ready);
    leat_wire_begin_waits(&st->wire);
    r = send_end(&st->wire);
    if (r == 0)
        r = wait_for_close(s, st);
    st->is_unconfirmed = r == LEAT_WAIT && st->wire.shut;
    return r;
}

void leat_connection_last_close(struct leat_stage *s)
{
    const struct leat_connection *st = leat_state(s);

    if (st->is_unconfirmed)
        leat_warning(
            s, "%s: the whole stream was sent, and not confirmed: the other end may have all of it",
            st->wire.name);
    leat_connection_close(s);
}

/* --- a middle stage: the half that takes ------------------------------------------------------ */

int leat_connection_in_open(struct leat_stage *s)
{
    struct leat_connection *st = leat_state(s);
    int ends[2];

    st->input_fd = st->output_fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return leat_fail_errno(s, errno, "cannot make a pair of sockets");
    st->input_fd = ends[0];
    st->output_fd = ends[1];
    return 0;
}

int leat_connection_in_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_connection *st = leat_state(s);

    (void)out;
    while (in->pos < in->len) {
        ssize_t n = send(st->input_fd, in->data + in->pos, in->len - in->pos, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            leat_wait_fd(s, st->input_fd, true);
            return LEAT_WAIT;
        }
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) /* the other half needs no more */
            return LEAT_END;
        if (n < 0 && errno != EINTR)
            return leat_fail_errno(s, errno, "cannot hand on the input");
        in->pos += n > 0 ? (size_t)n : 0;
    }
    if (!in->end)
        return LEAT_MORE;
    atomic_store(&st->has_all, true);
    return LEAT_END;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* a socket in memory */
    *fd = -1;
}

void leat_connection_in_close(struct leat_stage *s)
{
    struct leat_connection *st = leat_state(s);

    close_end(&st->input_fd);
    if (!st->is_taken)
        close_end(&st->output_fd);
}

/* --- the half that gives ---------------------------------------------------------------------- */

int leat_connection_out_open(struct leat_stage *s, bool listens)
{
    struct leat_connection *st = leat_shared(s);

    st->is_taken = true;
    st->held = leat_alloc_raw(s, HELD_MAX);
    return st->held ? open_wire(s, st, listens) : LEAT_ENOMEM;
}

/* Take more of the input. Returns 0: there is some, or it has ended; LEAT_EAGAIN; or fails the stage. */
static int hold_input(struct leat_stage *s, struct leat_connection *st)
{
    ssize_t n;

    if (st->held_at < st->held_n || st->input_ended)
        return 0;
    do
        n = recv(st->output_fd, st->held, HELD_MAX, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return LEAT_EAGAIN;
    if (n < 0)
        return leat_fail_errno(s, errno, "cannot take the input");
    if (n == 0 && !atomic_load(&st->has_all))
        return leat_fail(s, LEAT_ECANCELLED, "its input was cut off");
    st->input_ended = n == 0;
    st->held_at = 0;
    st->held_n = (size_t)n;
    return 0;
}

/* Send what there is of the input. Returns 0: all, with its end; LEAT_EAGAIN; LEAT_ENETWORK; or fails the stage. */
static int send_held(struct leat_stage *s, struct leat_connection *st, bool *ret_waits)
{
    *ret_waits = false;
    for (;;) {
        int r = hold_input(s, st);
        ssize_t n;

        *ret_waits = r == LEAT_EAGAIN;
        if (r != 0)
            return r;
        if (st->held_at == st->held_n)
            return leat_wire_finish(&st->wire);
        n = leat_wire_write(&st->wire, st->held + st->held_at, st->held_n - st->held_at);
        if (n < 0)
            return (int)n;
        st->held_at += (size_t)n;
    }
}

static int give(struct leat_stage *s, struct leat_connection *st, uint8_t *to, size_t room,
                size_t *ret_n)
{
    struct leat_wire *w = &st->wire;
    bool waits_for_input;
    ssize_t n = 0;
    int r;

    leat_wire_begin_waits(w);
    r = send_held(s, st, &waits_for_input);
    if (r < 0 && r != LEAT_EAGAIN && r != LEAT_ENETWORK)
        return r;
    if (!w->in.ended)
        n = leat_wire_read(w, to, room);
    *ret_n = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return LEAT_MORE;                  /* before a failure to send, if there is one */
    if (r == LEAT_ENETWORK && w->in.ended) /* the peer has ended, and takes no more */
        return LEAT_END;
    if (r == LEAT_ENETWORK || (n < 0 && n != LEAT_EAGAIN))
        return leat_wire_fail(w);
    if (r == 0 && w->in.ended)
        return LEAT_END;
    leat_wire_wait(w);
    if (waits_for_input)
        leat_wait_fd(s, st->output_fd, false);
    return LEAT_WAIT;
}

int leat_connection_out_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_connection *st = leat_shared(s);
    uint8_t *to;
    size_t room, n = 0;
    int r;

    (void)in;
    r = leat_wire_ready(&st->wire);
    if (r != 0)
        return r;
    room = leat_reserve(out, &to);
    if (room == 0)
        return LEAT_MORE;
    r = give(s, st, to, room, &n);
    leat_commit(out, n);
    return r;
}

void leat_connection_out_close(struct leat_stage *s)
{
    struct leat_connection *st = leat_shared(s);

    close_end(&st->output_fd);
    leat_wire_close(&st->wire);
    if (st->held)
        leat_free(s, st->held);
    st->held = NULL;
}
