/* upload.c - an example: a server that stores what clients PUT, in files that appear whole or not at all.
 *
 *     upload 8080 2 'gzip -1' & curl -T FILE http://127.0.0.1:8080/        stores upload-1 and upload-2
 */
#include <leat/leat.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct upload {
    uv_tcp_t tcp; /* first */
    uv_shutdown_t shutdown;
    struct leat_push_end *push; /* NULL: the answer is given, and the rest of the body dropped */
    long long left;             /* bytes of the body to read; -1: the head comes first */
};
static struct leat_settings settings = LEAT_INIT(leat_settings);
static uv_tcp_t listener;
static const char *stages;
static int begun, ended, all;
static char dropped[65536];
static void ready(void *tcp);

/* The file is there, or it never will be. A socket that is closed with bytes to read would lose the answer. */
static void done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct upload *u = (struct upload *)arg;
    char text[700];
    int n = snprintf(text, sizeof text, "HTTP/1.0 %s\r\n\r\n%s\n",
                     error ? "500 Failed" : "201 Created", error ? error->text : "stored");
    uv_buf_t buf = uv_buf_init(text, (unsigned)n);

    (void)uv_try_write((uv_stream_t *)u, &buf, 1);
    (void)uv_shutdown(&u->shutdown, (uv_stream_t *)u, NULL);
    u->push = NULL;
    ready(u);
    leat_pipeline_unref(pipeline);
}

/* The socket is read to the memory of the stream. Without room, or after the end, on_read gets UV_ENOBUFS. */
static void alloc(uv_handle_t *tcp, size_t size, uv_buf_t *ret)
{
    struct upload *u = (struct upload *)tcp;
    void *to = dropped;
    ssize_t n = u->push ? leat_end_reserve(u->push, &to) : (ssize_t)sizeof dropped;

    (void)size; /* what libuv would like */
    *ret = uv_buf_init((char *)to, n > 0 ? (unsigned)n : 0);
}

static void on_read(uv_stream_t *tcp, ssize_t n, const uv_buf_t *buf)
{
    struct upload *u = (struct upload *)tcp;
    const char *end = NULL, *length = NULL;

    if (!u->push && n < 0) {
        uv_close((uv_handle_t *)tcp, (uv_close_cb)free);
        if (++ended == all)
            uv_close((uv_handle_t *)&listener, NULL);
    }
    if (!u->push)
        return;
    if (n > 0 && u->left < 0) /* the head of the request, in one piece */
        end = (const char *)memmem(buf->base, (size_t)n, "\r\n\r\n", 4);
    if (end)
        length = (const char *)memmem(buf->base, (size_t)n, "\r\nContent-Length:", 17);
    if (length && length < end) {
        u->left = atoll(length + 17);
        n -= end + 4 - buf->base;
        memmove(buf->base, end + 4, (size_t)n);
    }
    if (n == UV_ENOBUFS)
        uv_read_stop(tcp); /* until `ready` */
    else if (n < 0 || u->left < 0)
        leat_end_abort(u->push, LEAT_ENETWORK, "the client left, or sent no length");
    if (n < 0 || u->left < 0)
        return;
    n = n < u->left ? n : (ssize_t)u->left;
    u->left -= n;
    if (leat_end_commit(u->push, (size_t)n) == 0 && u->left == 0)
        (void)leat_end_finish(u->push);
}

static void ready(void *tcp)
{
    (void)uv_read_start((uv_stream_t *)tcp, alloc, on_read);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct upload *u = (struct upload *)calloc(1, sizeof *u);
    const struct leat_end_settings in = {sizeof in, 0, 0, ready, u};
    struct leat_builder *b = leat_builder_new(NULL);
    struct leat_pipeline *pipeline;
    char sink[40];

    snprintf(sink, sizeof sink, "write upload-%d", ++begun);
    (void)leat_builder_push(b, &in, u ? &u->push : NULL); /* finish tells of all failures */
    (void)leat_builder_text(b, stages, NULL);
    (void)leat_builder_text(b, sink, NULL);
    if (status < 0 || leat_builder_finish(b, &settings, &pipeline, NULL) < 0 ||
        uv_tcp_init(server->loop, &u->tcp) < 0 || uv_accept(server, (uv_stream_t *)u) < 0 ||
        leat_pipeline_start(pipeline, NULL, done, u) < 0)
        abort();
    u->left = -1;
    leat_builder_free(b);
    ready(u);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;

    all = argc == 4 ? atoi(argv[2]) : 0;
    stages = argv[argc - 1];
    if (all < 1 || leat_context_new(NULL, &settings.context) < 0 ||
        leat_context_attach(settings.context, loop) < 0 || uv_tcp_init(loop, &listener) < 0 ||
        uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address) < 0 ||
        uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) < 0 ||
        uv_listen((uv_stream_t *)&listener, 64, on_connection) < 0)
        return 1;
    uv_run(loop, UV_RUN_DEFAULT);
    leat_context_detach(settings.context);
    uv_run(loop, UV_RUN_DEFAULT); /* closes the handle */
    leat_context_unref(settings.context);
    return uv_loop_close(loop) < 0;
}
