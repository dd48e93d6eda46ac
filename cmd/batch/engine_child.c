/* engine_child.c - a program of an engine, such as sbatch, run to its end: lines of its output, signals, status. */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define READ_BYTES 4096u

struct child {
    uv_loop_t loop;
    uv_process_t process;
    uv_pipe_t out;
    uv_signal_t signals[4];
    bool (*line)(void *user, const char *text);
    void *user;
    struct child_end *end;
    struct buf text; /* of an unfinished line */
    char room[READ_BYTES];
    bool ended;  /* by `line` */
    bool exited; /* its process id may be that of another one */
};

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void on_child_exit(uv_process_t *process, int64_t status, int number)
{
    struct child *c = process->data;

    c->exited = true;
    c->end->status = number > 0 ? 128 + number : (int)status;
    uv_close((uv_handle_t *)process, NULL);
    for (size_t i = 0; i < 4; i++)
        close_handle((uv_handle_t *)&c->signals[i], NULL);
}

static void give_line(struct child *c)
{
    if (!c->ended && !c->line(c->user, buf_text(&c->text))) {
        c->ended = true;
        if (!c->exited)
            (void)uv_process_kill(&c->process, SIGTERM); /* fails only if it has ended */
    }
    c->text.n = 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct child *c = stream->data;

    for (ssize_t i = 0; i < n; i++) {
        if (bytes->base[i] == '\n')
            give_line(c);
        else if (c->text.n < CHILD_LINE_MAX)
            buf_bytes(&c->text, bytes->base + i, 1);
    }
    if (n >= 0)
        return;
    if (c->text.n > 0)
        give_line(c);
    close_handle((uv_handle_t *)stream, NULL);
}

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret)
{
    struct child *c = handle->data;

    (void)wanted;
    *ret = uv_buf_init(c->room, sizeof c->room);
}

/* The child decides what a signal means: the batch system may go on without it. */
static void on_signal(uv_signal_t *watch, int number)
{
    struct child *c = watch->data;

    c->end->signal = number;
    (void)uv_process_kill(&c->process, number); /* fails only if it has ended */
}

static int watch_signals(struct child *c)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    int r = 0;

    for (size_t i = 0; i < 4 && r == 0; i++) {
        struct sigaction old;

        r = uv_signal_init(&c->loop, &c->signals[i]);
        c->signals[i].data = c;
        if (r == 0 && sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            r = uv_signal_start(&c->signals[i], on_signal, numbers[i]);
    }
    return r;
}

static int start(struct child *c, char **argv)
{
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {
        .file = argv[0], .args = argv, .exit_cb = on_child_exit, .stdio = stdio, .stdio_count = 3};
    int r = 0;

    c->process.data = c->out.data = c;
    if (c->line) {
        r = uv_pipe_init(&c->loop, &c->out, 0);
        stdio[1] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                          .data.stream = (uv_stream_t *)&c->out};
    }
    if (r == 0)
        r = watch_signals(c);
    if (r == 0)
        r = uv_spawn(&c->loop, &c->process, &options);
    if (r == 0 && c->line)
        r = uv_read_start((uv_stream_t *)&c->out, on_room, on_read);
    return r;
}

int child_run(const struct config *config, char **argv, bool (*line)(void *user, const char *text),
              void *user, struct child_end *ret)
{
    struct child c = {.line = line, .user = user, .end = ret};
    int status = loop_init(config, &c.loop), r;

    *ret = (struct child_end){.error = 0};
    if (status != 0)
        return status;
    loop_begin(&c.loop);
    r = start(&c, argv);
    if (r < 0) {
        ret->error = -r;
        uv_walk(&c.loop, close_handle, NULL);
    }
    loop_run(&c.loop);
    loop_done(&c.loop);
    buf_free(&c.text);
    return 0;
}

void engine_tell(const struct config *c, const char *format, ...)
{
    struct buf text = {.n = 0};
    char line[2 * SHOWN_MAX];
    va_list args;

    if (c->quiet)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (c->json) {
        buf_add(&text, "{\"type\":\"engine\",\"text\":");
        buf_json(&text, line);
        buf_add(&text, "}\n");
    } else {
        buf_add(&text, "leat: %s\n", line);
    }
    (void)message_write(STDERR_FILENO, &text); /* as in message_error */
    buf_free(&text);
}
