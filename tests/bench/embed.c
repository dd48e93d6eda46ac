/* embed.c - what the library costs a program: pipelines made and run, bytes pushed and pulled.
 *
 *   embed create N      so many pipelines `zero -n 1 : null`, one after another
 *   embed feed SIZE     10 GiB in pieces of SIZE bytes through push : pass : pull, on one thread of the program
 *   embed write SIZE    2 million pieces of SIZE bytes through push : null
 *
 * Prints nanoseconds for each pipeline or piece, and GiB/s.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "leat.h"

static struct leat_registry *registry;
static struct leat_context *context;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(long long r, const char *what)
{
    if (r >= 0)
        return;
    fprintf(stderr, "embed: %s: %s\n", what, leat_strerror((int)r));
    exit(1);
}

static void report(const char *what, double seconds, double n, double bytes)
{
    printf("%s: %.0f ns each, %.2f GiB/s\n", what, seconds * 1e9 / n, bytes / seconds / (1 << 30));
}

static void create(long n)
{
    const struct leat_settings settings = {
        .size = sizeof settings, .context = context, .memory = 1 << 20};
    double start = now();

    for (long i = 0; i < n; i++) {
        struct leat_pipeline *p;

        check(leat_pipeline_from_text(registry, "zero -n 1 : null", &settings, &p, NULL), "build");
        check(leat_pipeline_run(p), "run");
        leat_pipeline_unref(p);
    }
    report("create, run, free", now() - start, (double)n, 0);
}

static struct leat_pipeline *build(const char *text, struct leat_push_end **push,
                                   struct leat_pull_end **pull)
{
    const struct leat_settings settings = {.size = sizeof settings, .context = context};
    const struct leat_end_settings end = {.size = sizeof end, .high = 1 << 20};
    struct leat_builder *b = leat_builder_new(registry);
    struct leat_pipeline *p;
    struct leat_error error = LEAT_INIT(leat_error);

    check(b ? 0 : LEAT_ENOMEM, "builder");
    check(leat_builder_push(b, &end, push), "push");
    check(leat_builder_text(b, text, &error), "text");
    if (pull)
        check(leat_builder_pull(b, &end, pull), "pull");
    check(leat_builder_finish(b, &settings, &p, &error), error.text);
    leat_builder_free(b);
    check(leat_pipeline_start(p, NULL, NULL, NULL), "start");
    return p;
}

static size_t drain(struct leat_pull_end *pull)
{
    const void *data;
    size_t n = 0;
    ssize_t k;

    while ((k = leat_end_peek(pull, &data)) > 0) {
        check(leat_end_take(pull, (size_t)k), "take");
        n += (size_t)k;
    }
    if (k != LEAT_EAGAIN)
        check(k, "pull");
    return n;
}

static void feed(size_t size)
{
    const uint64_t all = (uint64_t)10 << 30;
    struct leat_push_end *push;
    struct leat_pull_end *pull;
    struct leat_pipeline *p = build("pass", &push, &pull);
    uint64_t in = 0, out = 0;
    double start = now();
    char *data = calloc(1, size), byte;

    check(data ? 0 : LEAT_ENOMEM, "memory");
    while (in < all) {
        size_t at = 0;

        while (at < size) {
            ssize_t k = leat_end_push(push, data + at, size - at);
            size_t drained;

            check(k, "push");
            at += (size_t)k;
            drained = drain(pull);
            out += drained;
            if (k == 0 && drained == 0) {
                check(leat_end_read(pull, &byte, 1), "read");
                out++;
            }
        }
        in += size;
    }
    check(leat_end_finish(push), "end");
    while ((leat_end_read(pull, &byte, 1)) == 1)
        out += 1 + drain(pull);
    check(leat_pipeline_wait(p, -1), "run");
    check(in == out ? 0 : LEAT_EINTERNAL, "bytes are missing");
    report("feed", now() - start, (double)(in / size), (double)in);
    leat_pipeline_unref(p);
    free(data);
}

static void write_all(size_t size)
{
    const unsigned n = 2000000;
    struct leat_push_end *push;
    struct leat_pipeline *p = build("null", &push, NULL);
    char *data = calloc(1, size);
    double start = now();

    check(data ? 0 : LEAT_ENOMEM, "memory");
    for (unsigned i = 0; i < n; i++)
        check(leat_end_push_all(push, data, size), "push");
    check(leat_end_finish(push), "end");
    check(leat_pipeline_wait(p, -1), "run");
    report("write", now() - start, n, (double)n * (double)size);
    leat_pipeline_unref(p);
    free(data);
}

int main(int argc, char **argv)
{
    const struct leat_context_settings settings = {
        .size = sizeof settings, .threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1};
    long n = argc > 2 ? atol(argv[2]) : 0;

    registry = leat_registry_new();
    check(registry ? leat_context_new(&settings, &context) : LEAT_ENOMEM, "context");
    if (n > 0 && strcmp(argv[1], "create") == 0)
        create(n);
    else if (n > 0 && strcmp(argv[1], "feed") == 0)
        feed((size_t)n);
    else if (n > 0 && strcmp(argv[1], "write") == 0)
        write_all((size_t)n);
    else
        check(LEAT_EUSAGE, "create N, feed SIZE or write SIZE");
    leat_context_unref(context);
    leat_registry_free(registry);
    return 0;
}
