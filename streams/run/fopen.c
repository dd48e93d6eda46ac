/* fopen.c - a pipeline as a FILE: what is read from it comes out of the pipeline, or what is written goes in. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/sized.h"
#include "pipeline.h"

struct cookie {
    struct leat_pipeline *pipeline;
    struct leat_push_end *push; /* one of the two */
    struct leat_pull_end *pull;
};

/* The errno of a failed run, for a caller that only knows stdio. */
static int errno_of(struct leat_pipeline *p, int code)
{
    const struct leat_error *error = leat_pipeline_error(p);

    if (error && error->sys_errno > 0)
        return error->sys_errno;
    return code == LEAT_EPIPE ? EPIPE : code == LEAT_ENOMEM ? ENOMEM : EIO;
}

static ssize_t cookie_read(void *arg, char *buffer, size_t n)
{
    struct cookie *c = arg;
    ssize_t r = leat_end_read(c->pull, buffer, n);

    if (r >= 0)
        return r;
    errno = errno_of(c->pipeline, (int)r);
    return -1;
}

/* stdio counts fewer bytes than n as an error, and so does 0. */
static ssize_t cookie_write(void *arg, const char *data, size_t n)
{
    struct cookie *c = arg;
    int r = leat_end_push_all(c->push, data, n);

    if (r == 0)
        return (ssize_t)n;
    errno = errno_of(c->pipeline, r);
    return 0;
}

/* Returns 0 or EOF. Unread output is no failure. */
static int cookie_close(void *arg)
{
    struct cookie *c = arg;
    int r;

    if (c->push)
        (void)leat_end_finish(c->push); /* a failure is that of the run */
    else
        leat_end_close(c->pull);
    r = leat_pipeline_wait(c->pipeline, -1);
    if (r < 0)
        errno = errno_of(c->pipeline, r);
    leat_pipeline_unref(c->pipeline);
    free(c);
    return r < 0 ? EOF : 0;
}

/* Returns 0 or an error, in *ret_error, too. */
static int build(const struct leat_registry *registry, struct leat_context *context,
                 const char *text, bool reads, struct cookie *c, struct leat_error *ret_error)
{
    const struct leat_settings settings = {.size = sizeof settings, .context = context};
    struct leat_builder *b = leat_builder_of(registry);
    int r;

    if (!reads)
        (void)leat_builder_push(b, NULL, &c->push); /* finish tells of all failures */
    (void)leat_builder_text(b, text, NULL);
    if (reads)
        (void)leat_builder_pull(b, NULL, &c->pull);
    r = leat_builder_finish(b, &settings, &c->pipeline, ret_error);
    leat_builder_free(b);
    return r;
}

static FILE *open_cookie(struct cookie *c, const char *mode)
{
    static const cookie_io_functions_t reads = {.read = cookie_read, .close = cookie_close};
    static const cookie_io_functions_t writes = {.write = cookie_write, .close = cookie_close};

    return fopencookie(c, mode, c->pull ? reads : writes);
}

FILE *leat_fopen_of(const struct leat_registry *registry, struct leat_context *context,
                    const char *text, const char *mode, struct leat_pipeline **ret_pipeline,
                    struct leat_error *ret_error)
{
    struct leat_error error = LEAT_INIT(leat_error);
    struct cookie *c = NULL;
    FILE *f;
    int r = 0;

    if (ret_pipeline)
        *ret_pipeline = NULL;
    if (!leat_sized_is_set(ret_error))
        return NULL;
    if (!context || !text || !mode || (strcmp(mode, "r") != 0 && strcmp(mode, "w") != 0))
        r = leat_error_set(&error, LEAT_EUSAGE,
                           "leat_fopen needs a context, a text and the mode r or w");
    if (r == 0) {
        c = calloc(1, sizeof *c);
        r = c ? build(registry, context, text, *mode == 'r', c, &error)
              : leat_error_set(&error, LEAT_ENOMEM, "out of memory");
    }
    if (r == 0) {
        r = leat_pipeline_start(c->pipeline, NULL, NULL, NULL);
        if (r < 0)
            error = *leat_pipeline_error(c->pipeline);
    }
    if (r == 0) {
        f = open_cookie(c, mode);
        if (f) {
            if (ret_pipeline)
                *ret_pipeline = leat_pipeline_ref(c->pipeline);
            return f;
        }
        r = leat_error_set(&error, LEAT_ENOMEM, "out of memory");
        leat_pipeline_cancel(c->pipeline, r, NULL);
    }
    if (c)
        leat_pipeline_unref(c->pipeline);
    free(c);
    (void)leat_error_give(ret_error, &error);
    return NULL;
}
