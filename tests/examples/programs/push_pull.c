/* push_pull.c - an example: a filter on one thread, which waits nowhere but in poll.
 *
 *     push_pull 'gzip -1' <IN >OUT.gz
 */
#include <leat/leat.h>
#include <poll.h>
#include <unistd.h>

static int status = -1;

/* Called once after each refusal of an end, when it can go on: poll has returned, and the loop tries again. */
static void ready(void *user)
{
    (void)user;
}

static void done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    (void)pipeline, (void)arg;
    if (error)
        fprintf(stderr, "push_pull: %s: %s\n", error->stage_name, error->text);
    status = error ? leat_exit_status(error->code) : 0;
}

static void drain(struct leat_pull_end *pull)
{
    const void *data;

    /* Less than 1 is a refusal, the end, or a failure, of which `done` tells. */
    for (ssize_t n; (n = leat_end_peek(pull, &data)) > 0; (void)leat_end_take(pull, (size_t)n))
        fwrite(data, 1, (size_t)n, stdout);
}

static void loop(struct leat_context *context, struct leat_push_end *push,
                 struct leat_pull_end *pull)
{
    static char buffer[65536];
    struct pollfd fds[] = {{leat_context_fd(context), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    ssize_t n = 1, at = 0, k; /* of n bytes, those from `at` on are to be pushed */

    for (drain(pull); status < 0; drain(pull)) {
        if (poll(fds, 2, -1) > 0 && fds[1].revents) {
            n = read(STDIN_FILENO, buffer, sizeof buffer);
            at = 0;
            if (n == 0)
                (void)leat_end_finish(push);
            if (n < 0)
                leat_end_abort(push, LEAT_EIO, "standard input cannot be read");
        }
        (void)leat_context_dispatch(context); /* calls ready and done */
        k = at < n ? leat_end_push(push, buffer + at, (size_t)(n - at)) : 0;
        at = k < 0 ? n : at + k; /* less than all is a refusal; `done` tells of a failure */
        fds[1].fd = n > 0 && at == n ? STDIN_FILENO : -1;
    }
}

int main(int argc, char **argv)
{
    const struct leat_end_settings end = {sizeof end, 0, 0, ready, NULL};
    static struct leat_settings settings = LEAT_INIT(leat_settings); /* all zero: the defaults */
    struct leat_builder *b = leat_builder_new(NULL);
    struct leat_pipeline *pipeline = NULL;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    struct leat_error error = LEAT_INIT(leat_error);

    (void)leat_builder_push(b, &end, &push); /* finish tells of all failures */
    (void)leat_builder_text(b, argc == 2 ? argv[1] : NULL, NULL);
    (void)leat_builder_pull(b, &end, &pull);
    if (leat_context_new(NULL, &settings.context) < 0 || leat_context_fd(settings.context) < 0)
        return 2;
    if (leat_builder_finish(b, &settings, &pipeline, &error) < 0)
        fprintf(stderr, "push_pull: %s\n", error.text);
    else if (leat_pipeline_start(pipeline, NULL, done, NULL) == 0)
        loop(settings.context, push, pull);
    leat_pipeline_unref(pipeline);
    leat_builder_free(b);
    leat_context_unref(settings.context);
    return status < 0 ? 2 : status | (fflush(stdout) || ferror(stdout));
}
