/* test_ports.c - a fan-out whose branches end early, in many shapes: what one port drops is no other
 * port's. The runs are long enough to be passed by reference. */
#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define LINES 6000u
#define LINE_MAX_LEN 4400u

struct text {
    char *data;
    size_t n;
};

static void add_line(struct text *t, const char *key, unsigned number, size_t length)
{
    t->n += (size_t)sprintf(t->data + t->n, "%s %u ", key, number);
    memset(t->data + t->n, 'a' + (int)(number % 26), length);
    t->n += length;
    t->data[t->n++] = '\n';
}

/* Half of the lines are short and for no branch; the others are for one of `branches`. `rest` gets the
 * lines of the first kind. */
static void make_lines(unsigned branches, uint64_t seed, struct text *all, struct text *rest)
{
    static const size_t lengths[] = {60, 120, 4100, 4200, 4300};

    *all = (struct text){.data = malloc(LINES * LINE_MAX_LEN)};
    *rest = (struct text){.data = malloc(LINES * LINE_MAX_LEN)};
    ASSERT_NOT_NULL(all->data);
    ASSERT_NOT_NULL(rest->data);
    for (unsigned i = 0; i < LINES; i++) {
        char key[16];

        if (test_random(&seed) % 2) {
            size_t length = 20 + test_random(&seed) % 280;

            add_line(all, "zz", i, length);
            add_line(rest, "zz", i, length);
        } else {
            snprintf(key, sizeof key, "c%02u", (unsigned)(test_random(&seed) % branches));
            add_line(all, key, i, lengths[test_random(&seed) % 5]);
        }
    }
}

/* `route` with that many branches, each of which takes a few lines and ends. */
static char *route_of(unsigned branches)
{
    char *text = malloc(64 + branches * 64);
    size_t n;

    ASSERT_NOT_NULL(text);
    n = (size_t)sprintf(text, "route");
    for (unsigned i = 0; i < branches; i++)
        n += (size_t)sprintf(text + n, " [ -e ^c%02u : head -n %u : null ]", i, i % 7);
    return text;
}

static char *tee_of(unsigned branches, const char *branch)
{
    size_t one = strlen(branch) + 8;
    char *text = malloc(64 + branches * one);
    size_t n;

    ASSERT_NOT_NULL(text);
    n = (size_t)sprintf(text, "tee");
    for (unsigned i = 0; i < branches; i++)
        n += (size_t)sprintf(text + n, " [ %s ]", branch);
    return text;
}

static void must_give(const char *text, const struct leat_settings *settings, size_t piece,
                      const struct text *in, const struct text *out)
{
    struct memio io = {.in = in->data, .in_len = in->n, .piece = piece, .settings = *settings};

    ASSERT_EQ(memio_run(&io, text), 0);
    ASSERT_EQ(io.chunks_left, 0);
    ASSERT_EQ(io.charged_left, 0);
    ASSERT_BYTES_EQ(io.out, io.out_len, out->data, out->n);
    memio_free(&io);
}

TEST(test_what_ended_branches_of_route_do_not_take_harms_no_other_branch)
{
    static const unsigned shapes[] = {1, 4, 16, 40};
    static const unsigned threads[] = {1, 2, 16};

    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        struct text all, rest;
        char *text = route_of(shapes[k]);

        make_lines(shapes[k], 3 + k, &all, &rest);
        for (unsigned run = 0; run < 6; run++) {
            struct leat_settings settings = {.size = sizeof settings, .threads = threads[run % 3]};

            test_context("%u branches, %u threads", shapes[k], settings.threads);
            must_give(text, &settings, 0, &all, &rest);
        }
        free(all.data);
        free(rest.data);
        free(text);
    }
}

TEST(test_ended_branches_harm_no_other_branch_under_any_schedule)
{
    unsigned seeds = test_under_sanitizer() ? 4 : 24;
    struct text all, rest;
    char *text = route_of(16);

    make_lines(16, 5, &all, &rest);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        struct leat_settings settings = {
            .size = sizeof settings, .executor = LEAT_EXECUTOR_SEEDED, .seed = seed};

        settings.memory = seed % 2 ? 0 : (uint64_t)64 << 20;
        test_context("seed %u", seed);
        must_give(text, &settings, 0, &all, &rest);
    }
    free(all.data);
    free(rest.data);
    free(text);
}

TEST(test_many_ended_branches_of_tee_leave_the_stream_whole_in_little_memory)
{
    static const unsigned shapes[] = {3, 40, 64};
    static const char *const branches[] = {"head -c 1 : null", "head -n 3 : null", "null"};
    static const size_t pieces[] = {0, 3000, 5000};
    struct text all, rest;

    make_lines(8, 7, &all, &rest);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
        for (unsigned run = 0; run < 9; run++) {
            struct leat_settings settings = {.size = sizeof settings, .memory = (uint64_t)8 << 20};
            char *text = tee_of(shapes[k], branches[run % 3]);
            size_t piece = pieces[run / 3];

            settings.threads = run % 2 ? 2 : 16;
            test_context("%u branches, run %u", shapes[k], run);
            must_give(text, &settings, piece, &all, &all);
            free(text);
        }
    free(all.data);
    free(rest.data);
}

/* The digest is wrong, and only a stage that has seen all of its input can know. */
TEST(test_a_stage_whose_output_nobody_reads_any_more_still_sees_all_of_its_input)
{
    struct text all, rest;
    struct memio io = {.settings = {.threads = 2}};

    make_lines(4, 9, &all, &rest);
    io.in = all.data;
    io.in_len = all.n;
    ASSERT_EQ(memio_run(&io, "crc32 --expect=00000000 : head -c 10"), LEAT_ECHECKSUM);
    ASSERT_EQ(io.chunks_left, 0);
    memio_free(&io);
    free(all.data);
    free(rest.data);
}
