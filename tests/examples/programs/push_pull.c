/* push_pull.c - an example: a filter on one thread, which waits nowhere but in poll.
 *
 *     push_pull 'gzip -1' <IN >OUT.gz
 */
#include <leat/leat.h>
#include <poll.h>
#include <unistd.h>

static struct leat_push_end *push;
static struct leat_pull_end *pull;
static char buffer[65536];
static size_t at, len; /* of what is read and not pushed yet */
static int status = -1;

/* A push that is not complete is a refusal: then `feed` is called once, when there is room. */
static void feed(void *user)
{
    ssize_t k = leat_end_push(push, buffer + at, len - at);

    (void)user;
    at = k < 0 ? len : at + (size_t)k; /* `done` tells why */
}

/* LEAT_EAGAIN is a refusal: then `drain` is called once, when there are bytes or it is over. */
static void drain(void *user)
{
    const void *data;
    ssize_t k;

    (void)user;
    while ((k = leat_end_peek(pull, &data)) > 0) {
        fwrite(data, 1, (size_t)k, stdout);
        (void)leat_end_take(pull, (size_t)k);
    }
}

static void done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    (void)pipeline, (void)arg;
    drain(NULL); /* the last bytes */
    if (error)
        fprintf(stderr, "push_pull: %s: %s\n", error->stage_name, error->text);
    status = error ? leat_exit_status(error->code) : fflush(stdout) || ferror(stdout);
}

static void loop(struct leat_context *context)
{
    bool more = true;

    for (drain(NULL); status < 0; (void)leat_context_dispatch(context)) {
        struct pollfd fds[] = {{leat_context_fd(context), POLLIN, 0},
                               {more && at == len ? STDIN_FILENO : -1, POLLIN, 0}};
        ssize_t n = poll(fds, 2, -1) > 0 && fds[1].revents ? read(0, buffer, sizeof buffer) : -1;

        if (fds[1].revents == 0)
            continue;
        more = n > 0;
        at = 0;
        len = more ? (size_t)n : 0;
        feed(NULL);
        if (n == 0)
            (void)leat_end_finish(push);
        if (n < 0)
            leat_end_abort(push, LEAT_EIO, "standard input cannot be read");
    }
}

int main(int argc, char **argv)
{
    const struct leat_end_settings in = {sizeof in, 0, 0, feed, NULL};
    const struct leat_end_settings out = {sizeof out, 0, 0, drain, NULL};
    static struct leat_settings settings; /* all zero: the defaults */
    struct leat_registry *registry = leat_registry_new();
    struct leat_builder *b = registry ? leat_builder_new(registry) : NULL;
    struct leat_pipeline *pipeline = NULL;
    static struct leat_error error;

    if (argc == 2 && b && leat_context_new(NULL, &settings.context) == 0 &&
        leat_builder_push(b, &in, &push) == 0 && leat_builder_text(b, argv[1], &error) == 0 &&
        leat_builder_pull(b, &out, &pull) == 0 &&
        leat_builder_finish(b, &settings, &pipeline, &error) == 0 &&
        leat_context_fd(settings.context) >= 0 &&
        leat_pipeline_start(pipeline, NULL, done, NULL) == 0)
        loop(settings.context);
    else
        fprintf(stderr, "push_pull: %s\n", error.text);
    leat_pipeline_unref(pipeline);
    leat_builder_free(b);
    leat_context_unref(settings.context);
    leat_registry_free(registry);
    return status < 0 ? 2 : status;
}
