/* listen.c - the sockets that are listened to: TCP, Unix, or those of systemd. They are accepted here, because
 * libmicrohttpd knows only one. */

#if HAVE_MICROHTTPD

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve.h"

#define BACKLOG 4096       /* the kernel lowers it to net.core.somaxconn */
#define ACCEPTS_MAX 64u    /* one after another, before the loop looks at other things */
#define SYSTEMD_FD_FIRST 3 /* of sd_listen_fds(3) */
#define UNIX_PREFIX "unix:"
#define KEEPALIVE_IDLE_S 60 /* a host that is gone is noticed after two minutes */
#define KEEPALIVE_EVERY_S 15
#define KEEPALIVE_PROBES 4

/* Connections inherit it. A Unix socket has none, which is no failure. */
static void keep_alive(int fd)
{
    const int on = 1, idle = KEEPALIVE_IDLE_S, every = KEEPALIVE_EVERY_S, probes = KEEPALIVE_PROBES;

    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on); /* a socket of TCP has it */
}

static int add(struct server *s, int fd)
{
    if (s->n_listeners == LISTEN_MAX) {
        (void)close(fd);
        return message_fail(s->config, LEAT_EUSAGE, "more than %u sockets to listen to",
                            LISTEN_MAX);
    }
    keep_alive(fd);
    s->listeners[s->n_listeners++] = (struct listener){.server = s, .fd = fd};
    return 0;
}

static int fail(const struct server *s, const char *address)
{
    return message_fail(s->config, LEAT_EIO, "cannot listen at %s: %s", address, strerror(errno));
}

/* Bind and listen. The descriptor is closed on failure. */
static int begin(struct server *s, int fd, const struct sockaddr *to, socklen_t length,
                 const char *address)
{
    int one = 1, status;

    if (fd >= 0 && to->sa_family != AF_UNIX &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, to, length) == 0 && listen(fd, BACKLOG) == 0)
        return add(s, fd);
    if (fd >= 0 && to->sa_family == AF_UNIX && bind(fd, to, length) == 0 &&
        listen(fd, BACKLOG) == 0)
        return add(s, fd);
    status = fail(s, address);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

/* A socket that a killed server left is removed; one that a server listens to is not. */
static void remove_stale(const struct sockaddr_un *at)
{
    struct stat info;
    int fd;

    if (lstat(at->sun_path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 &&
        errno == ECONNREFUSED)
        (void)unlink(at->sun_path); /* bind tells of a failure */
    if (fd >= 0)
        (void)close(fd);
}

static int open_unix(struct server *s, const char *address)
{
    const char *path = address + strlen(UNIX_PREFIX);
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof at.sun_path || *path == '\0')
        return message_fail(s->config, LEAT_EUSAGE,
                            "option --listen: '%s' has no path of 1 to %zu bytes", address,
                            sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, strlen(path));
    remove_stale(&at);
    return begin(s, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                 (const struct sockaddr *)&at, sizeof at, address);
}

static int open_tcp(struct server *s, const char *address)
{
    const char *colon = strrchr(address, ':');
    bool brackets = colon && address[0] == '[' && colon > address && colon[-1] == ']';
    char *host =
        colon ? strndup(address + brackets, (size_t)(colon - address) - 2u * brackets) : NULL;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int r, status = 0;

    if (!colon || !host) {
        free(host);
        return message_fail(s->config, LEAT_EUSAGE,
                            "option --listen: '%s' is not HOST:PORT, [IPV6]:PORT or unix:PATH",
                            address);
    }
    r = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found);
    free(host);
    if (r != 0)
        return message_fail(s->config, LEAT_EUSAGE, "option --listen: '%s': %s", address,
                            gai_strerror(r));
    for (const struct addrinfo *a = found; a && status == 0;
         a = *address == ':' ? NULL : a->ai_next)
        status = begin(s, socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                       a->ai_addr, a->ai_addrlen, address);
    freeaddrinfo(found);
    return status;
}

/* The sockets that systemd has opened, if it started this process with some. */
static int take_systemd(struct server *s, bool *ret_found)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int status = 0;

    *ret_found = pid && count && strtol(pid, NULL, 10) == (long)getpid();
    for (int i = 0; *ret_found && i < (int)strtol(count, NULL, 10) && status == 0; i++) {
        int fd = SYSTEMD_FD_FIRST + i, flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            return fail(s, "the socket of LISTEN_FDS");
        status = add(s, fd);
    }
    return status;
}

int listen_open(struct server *s)
{
    const struct serve_options *o = &s->options;
    bool found = false;
    int status = o->n_listen > 0 ? 0 : take_systemd(s, &found);

    if (o->n_listen == 0 && !found)
        return open_tcp(s, "127.0.0.1:8080");
    for (size_t i = 0; i < o->n_listen && status == 0; i++)
        status = strncmp(o->listen[i], UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0
                     ? open_unix(s, o->listen[i])
                     : open_tcp(s, o->listen[i]);
    return status;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    struct server *s = l->server;
    struct sockaddr_storage from;

    (void)events;
    for (unsigned i = 0; status == 0 && i < ACCEPTS_MAX; i++) {
        socklen_t length = sizeof from;
        int fd;

        if (s->n_connections >= s->options.max_connections) {
            listen_pause(s, true);
            break;
        }
        fd = accept4(l->fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            listen_pause(s, true); /* until a connection ends, or the next sweep */
        if (fd < 0)
            break;
        /* On failure it has closed the socket. */
        (void)s->mhd.MHD_add_connection(s->daemon, fd, (const struct sockaddr *)&from, length);
    }
    server_pump(s);
}

int listen_start(struct server *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n_listeners && r == 0; i++) {
        struct listener *l = &s->listeners[i];

        r = uv_poll_init(&s->loop, &l->poll, l->fd);
        if (r < 0)
            return r;
        l->poll.data = l;
        l->polled = true;
        r = uv_poll_start(&l->poll, UV_READABLE, on_connection);
    }
    return r;
}

static void add_address(struct buf *b, int fd, const char *scheme)
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof at;
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (getsockname(fd, (struct sockaddr *)&at, &length) < 0)
        return;
    if (at.ss_family == AF_UNIX) {
        buf_add(b, UNIX_PREFIX);
        buf_shown(b, ((const struct sockaddr_un *)&at)->sun_path);
    } else if (getnameinfo((const struct sockaddr *)&at, length, host, sizeof host, port,
                           sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        buf_add(b, at.ss_family == AF_INET6 ? "%s://[%s]:%s" : "%s://%s:%s", scheme, host, port);
    }
}

void listen_tell(struct server *s)
{
    for (size_t i = 0; i < s->n_listeners && !s->config->quiet; i++) {
        struct buf line = {.n = 0}, address = {.n = 0};

        add_address(&address, s->listeners[i].fd, s->tls.cert ? "https" : "http");
        if (s->config->json) {
            buf_add(&line, "{\"type\":\"listening\",\"address\":");
            buf_json(&line, buf_text(&address));
            buf_add(&line, "}\n");
        } else {
            buf_add(&line, "leat: listening at %s\n", buf_text(&address));
        }
        writer_put(&s->log, &line, WRITER_EVENT);
        buf_free(&line);
        buf_free(&address);
    }
}

void listen_pause(struct server *s, bool paused)
{
    s->accept_paused = paused;
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];

        if (!l->polled)
            continue;
        if (paused)
            (void)uv_poll_stop(&l->poll); /* both fail only for a handle that is closed */
        else
            (void)uv_poll_start(&l->poll, UV_READABLE, on_connection);
    }
}

void listen_close(struct server *s)
{
    for (size_t i = 0; i < s->n_listeners; i++) {
        struct listener *l = &s->listeners[i];

        if (l->polled)
            uv_close((uv_handle_t *)&l->poll, NULL);
        if (l->fd >= 0)
            (void)close(l->fd); /* nothing is written to it */
        l->polled = false;
        l->fd = -1;
    }
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
