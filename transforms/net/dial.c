/* dial.c - connects to one of the addresses of a host, or accepts one connection.
 *
 * The addresses of both families take turns. The next one is tried when the one before has failed, or has not
 * answered for 250 ms, and the first that answers is used (RFC 8305).
 */

#include "dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/invariant.h"
#include "lookup.h"

#define STAGGER_NS ((uint64_t)250000000)
#define RETRY_NS ((uint64_t)100000000)
#define BUSY_MS ((uint64_t)20) /* a Unix socket whose queue is full */
#define PLACES_MAX 16u         /* addresses of a host */
#define OPEN_MAX 8u            /* sockets at once */
#define PEER_MAX 128u

/* A connection is lost when the peer has not answered for two minutes. */
#define KEEP_IDLE_S 60
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 6

struct place {
    struct sockaddr_storage address;
    socklen_t len;
};

struct socket_at {
    int fd;
    unsigned place;
};

enum phase { LOOK_UP, BEGIN, GOES_ON };

struct leat_dial {
    struct leat_stage *stage;
    struct leat_dial_options options;
    struct leat_lookup *lookup;
    enum phase phase;
    struct place places[PLACES_MAX];
    unsigned n_places, next;
    struct socket_at open[OPEN_MAX]; /* connects that go on, or listeners */
    unsigned n_open;
    uint64_t next_ns, deadline_ns;
    int error; /* of the first address that failed; 0: none */
    unsigned failed_place, n_failed;
    int retried_for; /* the last error before all were tried again; 0: none */
    bool made_path;  /* listens: the Unix socket has its name */
    char peer[PEER_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* it exists on Linux */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void close_fd(int fd)
{
    (void)close(fd); /* a socket without data */
}

/* --- messages --------------------------------------------------------------------------------- */

static const char *show_place(const struct place *p, char *to, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?", port[LEAT_ADDRESS_PORT_MAX] = "?";

    if (p->address.ss_family == AF_UNIX || p->len == 0)
        snprintf(to, size, "a Unix socket");
    else if (getnameinfo((const struct sockaddr *)&p->address, p->len, host, sizeof host, port,
                         sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(to, size, "an address");
    else
        snprintf(to, size, "%s port %s", host, port);
    return to;
}

static const char *remedy(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "; nothing listens there: check the address, and start the other end first";
    case ENOENT:
        return "; nothing listens there: start the other end first";
    case ENETUNREACH:
    case EHOSTUNREACH:
        return "; check the network and the address";
    case EACCES:
    case EPERM:
        return "; it is not allowed: check the permissions, a firewall, or --sandbox";
    case EADDRINUSE:
        return "; another program has this address: end it, or choose another one";
    case EADDRNOTAVAIL:
        return "; the address does not belong to this machine";
    default:
        return "";
    }
}

static int fail_place(struct leat_dial *d)
{
    char at[PEER_MAX], more[48] = "";
    const char *why = strerrordesc_np(d->error);

    if (d->n_failed > 1)
        snprintf(more, sizeof more, ", the first of %u addresses", d->n_failed);
    return leat_fail(d->stage, LEAT_ENETWORK, "%s: cannot %s (%s%s): %s%s", d->options.address.text,
                     d->options.listens ? "listen" : "connect",
                     show_place(&d->places[d->failed_place], at, sizeof at), more,
                     why ? why : "unknown error", remedy(d->error));
}

static void note_failure(struct leat_dial *d, unsigned place, int error)
{
    leat_assert(error > 0);
    d->n_failed++;
    if (d->error)
        return;
    d->error = error;
    d->failed_place = place;
}

/* --- addresses -------------------------------------------------------------------------------- */

static void add_place(struct leat_dial *d, const struct addrinfo *a)
{
    struct place *p = &d->places[d->n_places++];

    leat_assert(a->ai_addrlen <= sizeof p->address);
    memcpy(&p->address, a->ai_addr, a->ai_addrlen);
    p->len = a->ai_addrlen;
}

/* The next address from `at` on that is, or is not, of this family. */
static const struct addrinfo *find(const struct addrinfo *at, int family, bool same)
{
    while (at && (at->ai_family == family) != same)
        at = at->ai_next;
    return at;
}

/* The families take turns, that of the first address first. */
static void take_places(struct leat_dial *d, const struct addrinfo *list)
{
    int family = list->ai_family;
    const struct addrinfo *one = list, *other = find(list, family, false);

    while ((one || other) && d->n_places < PLACES_MAX) {
        if (one) {
            add_place(d, one);
            one = find(one->ai_next, family, true);
        }
        if (other && d->n_places < PLACES_MAX) {
            add_place(d, other);
            other = find(other->ai_next, family, false);
        }
    }
}

static int take_path(struct leat_dial *d)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    leat_assert(strlen(d->options.address.path) < sizeof un.sun_path);
    strcpy(un.sun_path, d->options.address.path);
    memcpy(&d->places[0].address, &un, sizeof un);
    d->places[0].len = sizeof un;
    d->n_places = 1;
    return 0;
}

static int look_up(struct leat_dial *d)
{
    const struct leat_address *a = &d->options.address;
    const struct addrinfo *list;
    int r;

    if (a->kind == LEAT_ADDRESS_UNIX)
        return take_path(d);
    if (!d->lookup)
        d->lookup = leat_lookup_new(d->stage, a->host, a->port, d->options.listens);
    if (!d->lookup)
        return LEAT_ENOMEM;
    r = leat_lookup_look(d->lookup, d->stage, &list);
    if (r == LEAT_WAIT)
        return r;
    if (r == EAI_SERVICE)
        return leat_fail(d->stage, LEAT_EUSAGE, "%s: there is no port '%s'", a->text, a->port);
    if (r != 0 || !list)
        return leat_fail(d->stage, LEAT_ENETWORK,
                         "%s: cannot look up the host '%s': %s; check its name and the resolver",
                         a->text, a->host, leat_lookup_why(r));
    take_places(d, list);
    leat_lookup_free(d->lookup);
    d->lookup = NULL;
    return 0;
}

/* --- a socket --------------------------------------------------------------------------------- */

static int make_socket(const struct place *p)
{
    return socket(p->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Some systems lack one or the other; the connection works without. */
static void set_up(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1}, /* a write is whole: nothing is gained by a wait for more */
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 1000 * (KEEP_IDLE_S + KEEP_COUNT * KEEP_INTERVAL_S)},
    };

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
}

static void close_open(struct leat_dial *d)
{
    for (unsigned i = 0; i < d->n_open; i++)
        close_fd(d->open[i].fd);
    d->n_open = 0;
}

static void note_peer(struct leat_dial *d, int fd)
{
    struct place p = {.len = sizeof p.address};

    if (getpeername(fd, (struct sockaddr *)&p.address, &p.len) < 0)
        p.len = 0;
    (void)show_place(&p, d->peer, sizeof d->peer);
}

/* Nobody else can connect any more. */
static void stop_listening(struct leat_dial *d)
{
    close_open(d);
    if (d->made_path)
        (void)unlink(d->options.address.path); /* it may be gone */
    d->made_path = false;
}

static int have(struct leat_dial *d, int fd, int *ret_fd)
{
    stop_listening(d);
    if (d->options.address.kind != LEAT_ADDRESS_UNIX)
        set_up(fd);
    note_peer(d, fd);
    *ret_fd = fd;
    return 0;
}

int leat_dial_late(struct leat_dial *d)
{
    char seconds[32];
    uint64_t ms = d->options.wait_ms;

    if (d->deadline_ns == 0 || now_ns() < d->deadline_ns)
        return 0;
    snprintf(seconds, sizeof seconds, "%llu.%03llu", (unsigned long long)(ms / 1000),
             (unsigned long long)(ms % 1000));
    return leat_fail(d->stage, LEAT_ENETWORK,
                     "%s: no connection after %s s%s%s; give it more time with --wait",
                     d->options.address.text, seconds, d->retried_for ? ": " : "",
                     d->retried_for ? strerrordesc_np(d->retried_for) : "");
}

/* Wait until this time at most. */
static void wait_until(struct leat_dial *d, uint64_t until_ns)
{
    uint64_t now = now_ns();

    if (d->deadline_ns > 0 && d->deadline_ns < until_ns)
        until_ns = d->deadline_ns;
    if (until_ns != UINT64_MAX)
        leat_wait_ms(d->stage, now < until_ns ? (until_ns - now) / 1000000 + 1 : 1);
}

void leat_dial_wait(struct leat_dial *d)
{
    wait_until(d, UINT64_MAX);
}

/* --- connect ---------------------------------------------------------------------------------- */

/* Begin with the next address. Returns 1: *ret_fd is connected; 0. */
static int try_next(struct leat_dial *d, int *ret_fd)
{
    unsigned at = d->next++;
    const struct place *p = &d->places[at];
    int fd = make_socket(p), r;

    d->next_ns = now_ns() + STAGGER_NS;
    r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)&p->address, p->len);
    if (r == 0) {
        *ret_fd = fd;
        return 1;
    }
    if (fd >= 0 && errno == EINPROGRESS) {
        d->open[d->n_open++] = (struct socket_at){.fd = fd, .place = at};
        return 0;
    }
    if (p->address.ss_family == AF_UNIX && fd >= 0 && errno == EAGAIN)
        d->next--; /* its queue is full: again in a moment */
    else
        note_failure(d, at, errno);
    if (fd >= 0)
        close_fd(fd);
    if (d->next > at)
        d->next_ns = 0; /* the next one at once */
    else
        d->next_ns = now_ns() + BUSY_MS * 1000000;
    return 0;
}

/* Has the i-th connect ended? Returns 1: it is connected; 0. */
static int look_at(struct leat_dial *d, unsigned i, int *ret_fd)
{
    struct pollfd p = {.fd = d->open[i].fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;

    if (poll(&p, 1, 0) <= 0)
        return 0;
    if (getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error) {
        note_failure(d, d->open[i].place, error);
        close_fd(p.fd);
        d->next_ns = 0;
    } else {
        *ret_fd = p.fd;
    }
    d->open[i] = d->open[--d->n_open];
    return error == 0;
}

/* Nothing listens there yet: try all addresses again in a moment, if that is wanted. */
static bool begin_again(struct leat_dial *d)
{
    if (!d->options.retries || (d->error != ECONNREFUSED && d->error != ENOENT))
        return false;
    d->retried_for = d->error;
    d->error = 0;
    d->n_failed = d->next = 0;
    d->next_ns = now_ns() + RETRY_NS;
    return true;
}

static int connect_step(struct leat_dial *d, int *ret_fd)
{
    for (unsigned i = d->n_open; i-- > 0;)
        if (look_at(d, i, ret_fd))
            return have(d, *ret_fd, ret_fd);
    while (d->next < d->n_places && d->n_open < OPEN_MAX && now_ns() >= d->next_ns)
        if (try_next(d, ret_fd))
            return have(d, *ret_fd, ret_fd);
    if (d->n_open == 0 && d->next == d->n_places && !begin_again(d))
        return fail_place(d);
    for (unsigned i = 0; i < d->n_open; i++)
        leat_wait_fd(d->stage, d->open[i].fd, true);
    wait_until(d, d->next < d->n_places && d->n_open < OPEN_MAX ? d->next_ns : UINT64_MAX);
    if (d->deadline_ns == 0 && d->n_open == 0) /* then there is a next one, and its time */
        leat_assert(d->next < d->n_places);
    return LEAT_WAIT;
}

/* --- listen ----------------------------------------------------------------------------------- */

/* A socket that nobody listens on was left by a program that was killed. */
static bool is_left_behind(const struct place *p, const char *path)
{
    struct stat info;
    int fd, r;

    if (lstat(path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return false;
    fd = make_socket(p);
    if (fd < 0)
        return false;
    r = connect(fd, (const struct sockaddr *)&p->address, p->len);
    close_fd(fd);
    return r < 0 && errno == ECONNREFUSED;
}

/* Returns 0 or an errno. */
static int bind_path(struct leat_dial *d, int fd, const struct place *p)
{
    const char *path = d->options.address.path;

    if (bind(fd, (const struct sockaddr *)&p->address, p->len) == 0) {
        d->made_path = true;
        return 0;
    }
    if (errno != EADDRINUSE || !is_left_behind(p, path))
        return errno == ECONNREFUSED ? EADDRINUSE : errno;
    if (unlink(path) < 0 || bind(fd, (const struct sockaddr *)&p->address, p->len) < 0)
        return errno;
    d->made_path = true;
    return 0;
}

/* Returns 0 or an errno. */
static int bind_port(int fd, const struct place *p)
{
    static const int yes = 1, no = 0;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
        return errno;
    if (p->address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no); /* IPv4 clients, too */
    return bind(fd, (const struct sockaddr *)&p->address, p->len) < 0 ? errno : 0;
}

static void listen_at(struct leat_dial *d, unsigned at)
{
    const struct place *p = &d->places[at];
    int fd = make_socket(p), error;

    if (fd < 0) {
        note_failure(d, at, errno);
        return;
    }
    error = d->options.address.kind == LEAT_ADDRESS_UNIX ? bind_path(d, fd, p) : bind_port(fd, p);
    if (error == 0 && listen(fd, 1) < 0)
        error = errno;
    if (error == 0) {
        d->open[d->n_open++] = (struct socket_at){.fd = fd, .place = at};
        return;
    }
    note_failure(d, at, error);
    close_fd(fd);
}

/* "HOST:PORT", or the path. Written under another name first, so that no half line is seen. */
static int write_address(struct leat_dial *d)
{
    const char *name = d->options.address_file;
    char line[PEER_MAX], host[INET6_ADDRSTRLEN] = "", port[LEAT_ADDRESS_PORT_MAX] = "";
    char temporary[4096];
    struct place p = {.len = sizeof p.address};
    bool v6;
    int fd, n, r;

    if (getsockname(d->open[0].fd, (struct sockaddr *)&p.address, &p.len) < 0)
        return leat_fail_errno(d->stage, errno, "%s", d->options.address.text);
    v6 = p.address.ss_family == AF_INET6;
    if (d->options.address.kind == LEAT_ADDRESS_UNIX)
        n = snprintf(line, sizeof line, "%s\n", d->options.address.path);
    else if (getnameinfo((const struct sockaddr *)&p.address, p.len, host, sizeof host, port,
                         sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        n = snprintf(line, sizeof line, v6 ? "[%s]:%s\n" : "%s:%s\n", host, port);
    else
        n = -1;
    if (n < 0 || (size_t)snprintf(temporary, sizeof temporary, "%s.%ld.tmp", name,
                                  (long)getpid()) >= sizeof temporary)
        return leat_fail_errno(d->stage, ENAMETOOLONG, "--address-file=%s", name);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return leat_fail_errno(d->stage, errno, "--address-file=%s", name);
    r = write(fd, line, (size_t)n) == n ? 0 : -1;
    if (close(fd) < 0 || r < 0 || rename(temporary, name) < 0) {
        r = leat_fail_errno(d->stage, errno, "--address-file=%s", name);
        (void)unlink(temporary); /* the failure is recorded */
    }
    return r;
}

/* With port 0, and for any host, one socket is enough: it has one port, and both families. */
static int begin_listen(struct leat_dial *d)
{
    const struct leat_address *a = &d->options.address;
    bool one = !*a->host || strcmp(a->port, "0") == 0;

    for (unsigned i = 0; i < 2 * d->n_places && d->n_open < OPEN_MAX; i++) {
        unsigned at = i % d->n_places;
        bool v6 = d->places[at].address.ss_family == AF_INET6;

        if ((i < d->n_places) != v6) /* IPv6 first */
            continue;
        if (!one || d->n_open == 0)
            listen_at(d, at);
    }
    if (d->n_open == 0)
        return fail_place(d);
    return d->options.address_file ? write_address(d) : 0;
}

static int accept_step(struct leat_dial *d, int *ret_fd)
{
    for (unsigned i = 0; i < d->n_open; i++) {
        int fd = accept4(d->open[i].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            return have(d, fd, ret_fd);
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            return leat_fail_errno(d->stage, errno, "%s: cannot accept a connection",
                                   d->options.address.text);
        leat_wait_fd(d->stage, d->open[i].fd, false);
    }
    wait_until(d, UINT64_MAX);
    return LEAT_WAIT;
}

/* --- all of it -------------------------------------------------------------------------------- */

struct leat_dial *leat_dial_new(struct leat_stage *s, const struct leat_dial_options *options)
{
    struct leat_dial *d = leat_alloc(s, sizeof *d);

    if (!d)
        return NULL;
    d->stage = s;
    d->options = *options;
    if (options->wait_ms > 0)
        d->deadline_ns = now_ns() + options->wait_ms * 1000000;
    return d;
}

int leat_dial_step(struct leat_dial *d, int *ret_fd)
{
    int r = leat_dial_late(d);

    if (r == 0 && d->phase == LOOK_UP) {
        r = look_up(d);
        if (r == LEAT_WAIT)
            wait_until(d, UINT64_MAX);
        if (r != 0)
            return r;
        d->phase = BEGIN;
    }
    if (r == 0 && d->phase == BEGIN) {
        r = d->options.listens ? begin_listen(d) : 0;
        d->phase = GOES_ON;
    }
    if (r != 0)
        return r;
    return d->options.listens ? accept_step(d, ret_fd) : connect_step(d, ret_fd);
}

const char *leat_dial_peer(const struct leat_dial *d)
{
    return d->peer;
}

void leat_dial_free(struct leat_dial *d)
{
    if (!d)
        return;
    stop_listening(d);
    leat_lookup_free(d->lookup);
    leat_free(d->stage, d);
}
