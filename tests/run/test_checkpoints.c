/* test_checkpoints.c - the parts that are in place hold exactly what came before the position that is kept, in any schedule. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memio.h"
#include "outcome/checkpoint.h"
#include "stage.h"
#include "test.h"

#define PATH 4096

/* A source of numbered lines, which fails or ends at some step. */
struct numbered {
    uint64_t random;
    unsigned steps; /* left */
    bool fails;
    unsigned line;
};

static int numbered_plan(struct leat_stage *s)
{
    return leat_plan_checkpoint(s, test_path("place"));
}

static int set_place(struct leat_stage *s, const struct numbered *w)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%u", w->line);

    return leat_checkpoint_set(s, text, (size_t)n);
}

static int numbered_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct numbered *w = memio_given(s);
    unsigned n = 1 + (unsigned)(test_random(&w->random) % 20);
    char text[16];

    (void)in;
    if (w->steps == 0 && w->fails)
        return leat_fail(s, LEAT_EIO, "planned");
    if (w->steps == 0)
        return set_place(s, w) < 0 ? LEAT_ENOMEM : LEAT_END;
    w->steps--;
    for (unsigned i = 0; i < n; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "line %06u\n", w->line + 1);
        uint8_t *to;

        if (leat_reserve_least(out, len, &to) == 0)
            return LEAT_MORE;
        memcpy(to, text, len);
        leat_commit(out, len);
        w->line++;
    }
    if (test_random(&w->random) % 3 > 0)
        return LEAT_MORE;
    return set_place(s, w) < 0 ? LEAT_ENOMEM : LEAT_FLUSHED;
}

static const struct leat_stage_type numbered_type = {
    .name = "numbered",
    .summary = "lines with numbers, and positions",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct memio_params),
    .options = memio_option,
    .plan = numbered_plan,
    .step = numbered_step,
};

static void add_numbered(struct leat_registry *registry, void *arg)
{
    (void)arg;
    ASSERT_EQ(leat_registry_add_plain(registry, &numbered_type), 0);
}

/* The line up to which all is committed, by the checkpoint. */
static unsigned kept(void)
{
    struct leat_checkpoint *c = leat_checkpoint_new(test_path("place"));
    const uint8_t *data;
    char text[16] = "0";
    size_t n;

    ASSERT_NOT_NULL(c);
    ASSERT_EQ(leat_checkpoint_read(c), 0);
    n = leat_checkpoint_kept(c, &data);
    ASSERT_LT(n, sizeof text);
    if (n > 0) {
        memcpy(text, data, n);
        text[n] = '\0';
    }
    leat_checkpoint_free(c);
    return (unsigned)strtoul(text, NULL, 10);
}

/* The lines of all parts that are in place, which are removed. */
static char *parts(size_t *ret_len)
{
    char *all = NULL, name[32];
    size_t len = 0;

    for (unsigned i = 0;; i++) {
        uint8_t *data;
        size_t n;

        snprintf(name, sizeof name, "p-%u", i);
        data = test_file_read(test_path(name), &n);
        if (!data)
            break;
        all = realloc(all, len + n + 1);
        ASSERT_NOT_NULL(all);
        memcpy(all + len, data, n);
        len += n;
        free(data);
        ASSERT_EQ(unlink(test_path(name)), 0);
    }
    *ret_len = len;
    return all;
}

/* Lines 1 to n without those that the filter drops. */
static size_t expected(unsigned n, bool filtered, char *to)
{
    size_t len = 0;

    for (unsigned i = 1; i <= n; i++) {
        char line[16];
        int k = snprintf(line, sizeof line, "line %06u\n", i);

        if (filtered && strchr(line, '3'))
            continue;
        memcpy(to + len, line, (size_t)k);
        len += (size_t)k;
    }
    return len;
}

static void run(uint64_t seed, const char *between, bool filtered)
{
    struct numbered w = {
        .random = seed, .steps = 5 + (unsigned)(seed % 60), .fails = seed % 4 != 0};
    struct memio io = {.registered = add_numbered};
    char text[3 * PATH], *got, *want = malloc((size_t)1 << 20);
    size_t n, n_want;
    int r;

    ASSERT_NOT_NULL(want);
    io.settings.executor = LEAT_EXECUTOR_SEEDED;
    io.settings.virtual_time = true;
    io.settings.seed = seed;
    io.settings.threads = 1 + (unsigned)(seed % 3);
    (void)unlink(test_path("place"));
    snprintf(text, sizeof text, "numbered --at=%lld %s : rotate --size=300 %s",
             (long long)(intptr_t)&w, between, test_path("p-{n}"));
    r = memio_run_text(&io, text);
    ASSERT_EQ(r, w.fails ? LEAT_EIO : 0);
    n_want = expected(w.fails ? kept() : w.line, filtered, want);
    if (!w.fails)
        ASSERT_EQ(kept(), w.line);
    got = parts(&n);
    ASSERT_BYTES_EQ(got, n, want, n_want);
    free(got);
    free(want);
    memio_free(&io);
}

static void run_all(const char *between, bool filtered)
{
    for (uint64_t seed = 0; seed < (test_under_sanitizer() ? 10 : 40); seed++) {
        test_context("seed %ju", (uintmax_t)seed);
        run(seed, between, filtered);
    }
}

TEST(test_parts_and_position_agree)
{
    run_all("", false);
}

TEST(test_parts_and_position_agree_through_lanes_and_edges)
{
    run_all(": pass : grep -v 3 : buffer : pass", true);
}

/* The data that a stage keeps back would be lost: the position moves only at the end. */
TEST(test_a_stage_that_keeps_data_back_keeps_the_position)
{
    for (uint64_t seed = 1; seed < 8; seed++) {
        struct numbered w = {.random = seed, .steps = 40, .fails = true};
        struct memio io = {.registered = add_numbered};
        char text[3 * PATH];
        size_t n;

        (void)unlink(test_path("place"));
        snprintf(text, sizeof text, "numbered --at=%lld : head -n 1000000 : rotate --size=300 %s",
                 (long long)(intptr_t)&w, test_path("p-{n}"));
        ASSERT_EQ(memio_run_text(&io, text), LEAT_EIO);
        ASSERT_EQ(kept(), 0);
        free(parts(&n));
        memio_free(&io);
    }
}

TEST(test_two_sinks_keep_the_position_until_the_end)
{
    struct numbered w = {.random = 1, .steps = 40, .fails = true};
    struct memio io = {.registered = add_numbered};
    char text[3 * PATH];
    size_t n;

    snprintf(text, sizeof text, "numbered --at=%lld : tee [ rotate --size=300 %s ] : null",
             (long long)(intptr_t)&w, test_path("p-{n}"));
    ASSERT_EQ(memio_run_text(&io, text), LEAT_EIO);
    ASSERT_EQ(kept(), 0);
    free(parts(&n));
    w = (struct numbered){.random = 2, .steps = 40};
    ASSERT_EQ(memio_run_text(&io, text), 0);
    ASSERT_EQ(kept(), w.line);
    memio_free(&io);
}
