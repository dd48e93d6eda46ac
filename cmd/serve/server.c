/* server.c - `leat serve`: opens everything, confines the process, runs the loop, and stops when it is asked to.
 *
 * libmicrohttpd runs on the loop: its epoll set is a descriptor that the loop polls, and server_pump lets it work off what is
 * ready. One context has the memory and the workers of the pipelines of all requests.
 */

#include "../cmd.h"

#if HAVE_MICROHTTPD

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "serve.h"

#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" /* of GnuTLS */
#define PIPELINE_FDS 8u /* of a usual pipeline: outputs, and their directories */
#define SERVER_FDS 32u
#define LAST_WORDS_MS 250u /* for a log that is not read */

/* --- libmicrohttpd on the loop ---------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    server_pump(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
    server_pump(idle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* of a descriptor that the library has open: no error */
    (void)events;
    server_pump(poll->data);
}

void server_pump(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    bool timed;

    (void)s->mhd.MHD_run(s->daemon); /* fails only for a daemon with threads */
    timed = s->mhd.MHD_get_timeout(s->daemon, &ms) == MHD_YES;
    /* These three fail only for a handle that is closed. */
    if (timed && ms == 0)
        (void)uv_idle_start(&s->idle, on_idle);
    else
        (void)uv_idle_stop(&s->idle);
    if (timed && ms > 0)
        (void)uv_timer_start(&s->timer, on_timer, ms, 0);
    else
        (void)uv_timer_stop(&s->timer);
}

void server_wake(struct server *s)
{
    (void)uv_idle_start(&s->idle, on_idle); /* fails only for a handle that is closed */
}

/* Paths are decoded by us, after they were split. */
static size_t keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

/* Faults of clients, which the log tells of; and why it does not start. */
static void on_message(void *arg, const char *format, va_list args)
{
    struct server *s = arg;

    if (!s->daemon)
        (void)vsnprintf(s->start_error, sizeof s->start_error, format, args);
}

/* Append the options of TLS; the last one is END. */
static unsigned tls_options(const struct tls_files *t, struct MHD_OptionItem *o)
{
    size_t n = 0;

    if (t->cert) {
        o[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, t->cert};
        o[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, t->key};
        o[n++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)(uintptr_t)PRIORITIES};
    }
    if (t->client_ca)
        o[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, t->client_ca};
    o[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return t->cert ? MHD_USE_TLS : 0;
}

static int start_daemon(struct server *s)
{
    struct MHD_OptionItem tls[5];
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
                     MHD_USE_ERROR_LOG | tls_options(&s->tls, tls);
    /* client.c is earlier. */
    unsigned seconds = (unsigned)(2 * s->options.timeout_ms / 1000 + 1);

    s->daemon = s->mhd.MHD_start_daemon(
        flags, 0, NULL, NULL, request_handle, s, MHD_OPTION_EXTERNAL_LOGGER, on_message, s,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->options.max_connections + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, seconds,
        MHD_OPTION_NOTIFY_COMPLETED, request_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        client_notify, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY,
        tls, MHD_OPTION_END);
    if (s->daemon)
        return 0;
    s->start_error[strcspn(s->start_error, "\n")] = '\0';
    return message_fail(s->config, LEAT_EUSAGE, "serve: libmicrohttpd does not start: %s",
                        s->start_error[0] ? s->start_error : "no reason is known");
}

/* --- the end ---------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) /* client.c closes its own */
        uv_close(handle, NULL);
}

/* No request is left. */
static void on_finished(uv_timer_t *timer)
{
    struct server *s = timer->data;

    s->mhd.MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    leat_context_detach(s->context);
    uv_walk(&s->loop, close_handle, NULL);
}

void server_changed(struct server *s)
{
    /* Not here: this may be a callback of libmicrohttpd. */
    if (s->stopping && s->n_requests == 0 && s->daemon)
        (void)uv_timer_start(&s->drain, on_finished, 0, 0);
}

static void abort_requests(struct server *s)
{
    s->aborted = s->n_requests > 0;
    request_abort_all(s, "the server stopped");
}

static void on_drained(uv_timer_t *timer)
{
    abort_requests(timer->data);
}

static void log_stopping(struct server *s)
{
    struct buf line = {.n = 0};

    if (s->config->json)
        buf_add(&line, "{\"type\":\"stopping\",\"requests\":%" PRIu64 "}\n", s->n_requests);
    else
        buf_add(&line, "leat: stopping; %" PRIu64 " requests go on\n", s->n_requests);
    if (!s->config->quiet)
        writer_put(&s->log, &line, WRITER_EVENT);
    buf_free(&line);
}

static void on_signal(uv_signal_t *watch, int number)
{
    struct server *s = watch->data;

    if (s->aborted) {
        request_discard_all(s);
        die_by(number);
    }
    s->signal = number;
    if (s->stopping) {
        abort_requests(s);
        return;
    }
    s->stopping = true;
    listen_close(s);
    log_stopping(s);
    (void)uv_timer_start(&s->drain, on_drained, s->options.drain_ms, 0);
    server_changed(s);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int start_handles(struct server *s)
{
    const union MHD_DaemonInfo *info =
        s->mhd.MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int r = info ? uv_poll_init(&s->loop, &s->poll, info->epoll_fd) : UV_EINVAL;

    s->poll.data = s->timer.data = s->idle.data = s->drain.data = s->look.data = s;
    if (r == 0)
        r = uv_timer_init(&s->loop, &s->timer);
    if (r == 0)
        r = uv_timer_init(&s->loop, &s->drain);
    if (r == 0)
        r = uv_timer_init(&s->loop, &s->look);
    if (r == 0)
        r = uv_idle_init(&s->loop, &s->idle);
    for (size_t i = 0; i < 3 && r == 0; i++) {
        struct sigaction old;

        /* One that the parent process ignores stays ignored (nohup). */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue;
        r = uv_signal_init(&s->loop, &s->signals[i]);
        s->signals[i].data = s;
        if (r == 0)
            r = uv_signal_start(&s->signals[i], on_signal, numbers[i]);
    }
    if (r == 0)
        r = uv_poll_start(&s->poll, UV_READABLE, on_poll);
    return r == 0 ? listen_start(s) : r;
}

/* Clients that only connect must not take the descriptors that pipelines need. */
static void share_descriptors(struct server *s)
{
    uint64_t wanted = s->options.max_connections + s->running_max * PIPELINE_FDS + SERVER_FDS;
    uint64_t left, pipelines;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* not above the hard limit */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    if (s->options.max_connections > limit.rlim_cur / 2)
        s->options.max_connections = limit.rlim_cur / 2;
    left = limit.rlim_cur - s->options.max_connections;
    pipelines = left >= SERVER_FDS + PIPELINE_FDS ? (left - SERVER_FDS) / PIPELINE_FDS : 1;
    if (s->running_max > pipelines)
        s->running_max = pipelines;
}

static int start_context(struct server *s)
{
    const struct config *c = s->config;
    uint64_t memory = c->settings.memory ? c->settings.memory : LEAT_MEMORY_DEFAULT;
    const struct leat_context_settings settings = {
        .size = sizeof settings, .threads = c->settings.threads, .memory = memory};
    int r = leat_context_new(&settings, &s->context);

    s->settings = (struct leat_settings){.size = sizeof s->settings,
                                         .memory = s->options.request_memory,
                                         .chunk = c->settings.chunk,
                                         .record_max = c->settings.record_max,
                                         .fixed_default_io = true,
                                         .force = c->settings.force,
                                         .context = s->context};
    s->running_max = memory / s->options.request_memory;
    share_descriptors(s);
    return r < 0 ? message_fail(c, r, "serve: cannot make a context: %s", leat_strerror(r)) : 0;
}

static int read_routes(struct server *s)
{
    int status = 0;

    s->routes = calloc(s->options.n_routes, sizeof *s->routes);
    s->guards = calloc(s->options.n_routes, sizeof *s->guards);
    if (!s->routes || !s->guards)
        return message_fail(s->config, LEAT_ENOMEM, "out of memory");
    for (; s->n_routes < s->options.n_routes && status == 0; s->n_routes += status == 0)
        status = route_read(&s->routes[s->n_routes], s->config, s->registry,
                            s->options.routes[s->n_routes]);
    return status;
}

/* Run until a signal asks for the end. */
static int run(struct server *s)
{
    int r, status = loop_init(s->config, &s->loop);

    if (status != 0)
        return status;
    r = leat_context_attach(s->context, &s->loop);
    if (r == 0)
        r = start_handles(s);
    if (r == 0)
        listen_tell(s);
    else
        uv_walk(&s->loop, close_handle, NULL);
    loop_run(&s->loop);
    loop_done(&s->loop);
    if (r < 0)
        return message_fail(s->config, LEAT_EIO, "serve: cannot start: %s", uv_strerror(r));
    return 0;
}

static int open_all(struct server *s)
{
    const char *why = mhd_load(&s->mhd);
    int status;

    if (why)
        return message_fail(s->config, LEAT_EUNSUPPORTED,
                            "serve needs libmicrohttpd, of the Debian package libmicrohttpd12: %s",
                            why);
    s->registry = registry_open(s->config, &status);
    if (!s->registry)
        return status;
    status = auth_read(&s->auth, s->config, s->options.token_file);
    if (status == 0)
        status = tls_read(&s->tls, s->config, &s->options);
    if (status == 0)
        status = read_routes(s);
    if (status == 0)
        status = start_context(s);
    if (status == 0)
        status = listen_open(s);
    if (status == 0)
        status = start_daemon(s);
    if (status == 0)
        status = confine_server(s);
    return status == 0 ? fits_check(s) : status;
}

static void close_all(struct server *s)
{
    if (s->daemon)
        s->mhd.MHD_stop_daemon(s->daemon);
    listen_close(s);
    leat_context_unref(s->context);
    for (size_t i = 0; i < s->n_routes; i++)
        route_done(&s->routes[i]);
    free(s->routes);
    free(s->guards);
    serve_options_done(&s->options);
    auth_done(&s->auth);
    tls_done(&s->tls);
    leat_registry_free(s->registry);
}

int serve_main(const struct config *c, int argc, char **argv)
{
    const char *unwanted = run_only_option(c);
    struct server *s;
    int status;

    if (unwanted)
        return message_fail(c, LEAT_EUSAGE, "leat serve has no option --%s", unwanted);
    if (argc > 0)
        return message_fail(c, LEAT_EUSAGE,
                            "serve: '%s' is one word too many; a route is quoted, as in "
                            "--route 'PUT /in/{name} : zstd : write data/{name}.zst'",
                            argv[0]);
    s = calloc(1, sizeof *s);
    if (!s)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    s->config = c;
    s->waiting_end = &s->waiting;
    writer_init(&s->log, STDERR_FILENO);
    s->log.json = c->json;
    status = serve_options_read(c, &s->options);
    if (status == 0)
        status = open_all(s);
    if (status == 0)
        status = run(s);
    close_all(s);
    if (s->signal > 0) /* the reader of the log may have stopped reading */
        die_soon(s->aborted ? s->signal : 0, status, LAST_WORDS_MS);
    (void)writer_done(&s->log); /* a log without a reader is no error */
    if (s->aborted)
        die_by(s->signal);
    free(s);
    return status;
}

#else

int serve_main(const struct config *c, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return message_fail(
        c, LEAT_EUNSUPPORTED,
        "serve is not in this build: install libmicrohttpd-dev and build leat again");
}

#endif
