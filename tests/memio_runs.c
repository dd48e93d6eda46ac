/* memio_runs.c - many runs of one pipeline: under many settings, with the same output each time. */
#include "memio_runs.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

#include "test.h"

#define TEXT_MAX 8192u
#define SEEDS 300u
#define SEEDS_ASAN 30u
#define SEEDS_TSAN 4u

struct memio memio_under(unsigned e)
{
    static const enum leat_executor_kind executors[N_EXECUTORS] = {
        LEAT_EXECUTOR_LOOP, LEAT_EXECUTOR_POOL, LEAT_EXECUTOR_SEEDED};
    struct memio io = {.piece = MEMIO_RANDOM, .seed = e};

    io.settings.executor = executors[e % N_EXECUTORS];
    io.settings.seed = e;
    io.settings.threads = e % 16 + 1;
    test_context("executor %d, seed %u", (int)io.settings.executor, e);
    return io;
}

static const void *named(const struct memio *io, const struct memio_name *names, const char *name,
                         size_t n)
{
    if (n == 2 && strncmp(name, "io", 2) == 0)
        return io;
    for (; names && names->name; names++)
        if (strlen(names->name) == n && strncmp(names->name, name, n) == 0)
            return names->at;
    FAIL("no address has the name %.*s", (int)n, name);
}

int memio_run_named(struct memio *io, const struct memio_name *names, const char *format, ...)
{
    char text[TEXT_MAX], whole[TEXT_MAX];
    size_t n = 0, len;
    va_list args;

    va_start(args, format);
    ASSERT_LT(vsnprintf(text, sizeof text, format, args), (int)sizeof text);
    va_end(args);
    for (const char *at = text; *at; at += len) {
        len = strcspn(at, "@");
        n += (size_t)snprintf(whole + n, sizeof whole - n, "%.*s", (int)len, at);
        ASSERT_LT(n, sizeof whole);
        if (at[len] == '\0')
            break;
        at += len + 1;
        for (len = 0; isalnum((unsigned char)at[len]);)
            len++;
        n += (size_t)snprintf(whole + n, sizeof whole - n, "--at=%lld",
                              (long long)(intptr_t)named(io, names, at, len));
        ASSERT_LT(n, sizeof whole);
    }
    return memio_run_text(io, whole);
}

void memio_run_same(struct memio *io, const char *text, const void *expected, size_t len)
{
    const struct leat_settings *s = &io->settings;

    test_context(
        "%s, %zu bytes, piece %zd, gulp %zd, chunk %zu, room %zu, executor %d, threads %u, seed %ju",
        text, io->in_len, io->piece, io->gulp, s->chunk, s->room, (int)s->executor, s->threads,
        (uintmax_t)s->seed);
    if (memio_run(io, text) != 0)
        FAIL("code %d: %s", io->code, io->error.text);
    ASSERT_BYTES_EQ(io->out, io->out_len, expected, len);
    memio_free(io);
}

unsigned memio_seeds(void)
{
    return test_under_tsan() ? SEEDS_TSAN : test_under_sanitizer() ? SEEDS_ASAN : SEEDS;
}

void memio_run_grid(const struct memio *base, const char *text, const void *expected, size_t len)
{
    static const size_t chunks[] = {0, 1, 100, 5000}, rooms[] = {0, 1, 333};
    bool large = base->in_len > MEMIO_GRID_MAX;

    for (size_t c = 0; c < 4; c++)
        for (size_t r = 0; r < 3; r++) {
            struct memio io = *base;

            if (large && (chunks[c] == 1 || rooms[r] == 1))
                continue;
            io.piece = c % 2 ? 0 : MEMIO_RANDOM;
            io.gulp = r ? MEMIO_RANDOM : 0;
            io.settings.chunk = chunks[c];
            io.settings.room = rooms[r];
            io.settings.threads = (unsigned)(1 + c);
            memio_run_same(&io, text, expected, len);
        }
    for (unsigned seed = 0; seed < memio_seeds() && !large; seed++) {
        struct memio io = *base;

        io.piece = seed % 4 ? MEMIO_RANDOM : 0;
        io.gulp = seed % 3 ? MEMIO_RANDOM : 0;
        io.seed = io.settings.seed = seed;
        io.settings.executor = LEAT_EXECUTOR_SEEDED;
        io.settings.threads = 1 + seed % 8;
        io.settings.room = seed % 5 == 1 ? 1 + seed : 0;
        io.settings.chunk = seed % 5 == 2 ? 1 + seed * (seed % 2 ? 1 : 10) : 0;
        memio_run_same(&io, text, expected, len);
    }
}
