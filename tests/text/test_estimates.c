/* test_estimates.c - freq --approx against a simple Space-Saving, and distinct --approx against its standard error. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define COUNTERS_MAX 40u
#define ROUNDS 400u

struct counter {
    char text[16];
    uint64_t count, since; /* the number of the line at which it got its count */
};

static struct {
    struct counter counters[COUNTERS_MAX];
    size_t n, room;
    uint64_t lines, error;
} model;

static void model_add(const char *text)
{
    struct counter *c = NULL;

    model.lines++;
    for (size_t i = 0; i < model.n && !c; i++)
        if (strcmp(model.counters[i].text, text) == 0)
            c = &model.counters[i];
    if (!c && model.n < model.room) {
        c = &model.counters[model.n++];
        c->count = 0;
    } else if (!c) {
        c = &model.counters[0];
        for (size_t i = 1; i < model.n; i++)
            if (model.counters[i].count < c->count ||
                (model.counters[i].count == c->count && model.counters[i].since < c->since))
                c = &model.counters[i];
        model.error = c->count;
    }
    snprintf(c->text, sizeof c->text, "%s", text);
    c->count++;
    c->since = model.lines;
}

static int by_count(const void *a, const void *b)
{
    const struct counter *x = a, *y = b;

    return x->count != y->count ? (x->count < y->count ? 1 : -1) : strcmp(y->text, x->text);
}

static size_t model_output(char *to, size_t room)
{
    size_t len = 0;

    qsort(model.counters, model.n, sizeof *model.counters, by_count);
    for (size_t i = 0; i < model.n; i++)
        len += (size_t)snprintf(to + len, room - len, "%7ju %s\n",
                                (uintmax_t)model.counters[i].count, model.counters[i].text);
    return len;
}

TEST(test_freq_with_few_counters_is_space_saving)
{
    static char in[64 * 1024], expected[8192];
    uint64_t random = 5;
    char stage[32];

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct memio io = {.in = in, .piece = MEMIO_RANDOM, .seed = round};
        unsigned n = (unsigned)(test_random(&random) % 3000), most;
        size_t len;

        memset(&model, 0, sizeof model);
        model.room = 1 + test_random(&random) % COUNTERS_MAX;
        most = 1 + (unsigned)(test_random(&random) % (3 * model.room));
        for (unsigned i = 0; i < n; i++) {
            uint64_t a = test_random(&random) % most, b = test_random(&random) % most;
            char text[16];

            snprintf(text, sizeof text, "%ju%s", (uintmax_t)(a < b ? a : b), a % 9 ? "" : "-line");
            model_add(text);
            io.in_len += (size_t)snprintf(in + io.in_len, sizeof in - io.in_len, "%s\n", text);
        }
        len = model_output(expected, sizeof expected);
        snprintf(stage, sizeof stage, "freq --approx=%zu", model.room);
        test_context("round %u: %s, %u lines", round, stage, n);
        io.settings.chunk = round % 3 ? 1 + test_random(&random) % 5000 : 0;
        io.settings.threads = 1 + round % 3;
        if (memio_run(&io, stage) < 0)
            FAIL("%s", io.error.text);
        ASSERT_BYTES_EQ(io.out, io.out_len, expected, len);
        ASSERT_EQ(io.warnings, model.error > 0);
        memio_free(&io);
    }
}

/* Long lines that come and go: the memory for them stays bounded. */
TEST(test_counters_with_changing_lines_stay_in_memory)
{
    enum { LINE = 100000, LINES = 300 };
    struct memio io = {.in_len = (size_t)LINE * LINES};
    char *in = malloc(io.in_len);

    ASSERT_NOT_NULL(in);
    memset(in, 'x', io.in_len);
    for (unsigned i = 0; i < LINES; i++) {
        char number[16];
        int n = snprintf(number, sizeof number, "%u-", i);

        memcpy(in + (size_t)i * LINE, number, (size_t)n);
        in[(size_t)(i + 1) * LINE - 1] = '\n';
    }
    io.in = in;
    io.settings.memory = 12 << 20;
    if (memio_run(&io, "freq --approx=3 --tab") < 0)
        FAIL("%s", io.error.text);
    ASSERT_EQ(io.out_len, 3 * (LINE + 4));
    ASSERT_MEM_EQ(io.out, "100\t299-", 8);
    memio_free(&io);
    free(in);
}

TEST(test_distinct_estimates_within_its_error)
{
    static const unsigned counts[] = {0, 1, 2, 10, 100, 1000, 5000, 20000, 60000, 200000, 700000};
    static char in[8 << 20];

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct memio io = {.in = in};
        double estimate;

        for (unsigned k = 0; k < counts[i]; k++)
            io.in_len += (size_t)snprintf(in + io.in_len, sizeof in - io.in_len, "%x\n", k);
        test_context("%u lines", counts[i]);
        io.settings.threads = 2;
        if (memio_run(&io, "distinct --approx") < 0)
            FAIL("%s", io.error.text);
        ASSERT_STR_HAS((const char *)io.out, " +-0.81%\n");
        estimate = strtod((const char *)io.out, NULL);
        /* three standard errors */
        ASSERT(estimate >= counts[i] * 0.9756 && estimate <= counts[i] * 1.0244);
        memio_free(&io);
    }
}

TEST(test_an_estimate_counts_a_line_once)
{
    struct memio io = {.in = "a\nA\nb\na\n\n\nb", .in_len = 11};

    if (memio_run(&io, "distinct --approx -i") < 0)
        FAIL("%s", io.error.text);
    ASSERT_BYTES_EQ(io.out, io.out_len, "3 +-0.81%\n", 10);
    memio_free(&io);
}
