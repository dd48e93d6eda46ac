/* test_plan.c - plans and records of shards: dealt evenly and always the same, written, read, cut anywhere. */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

/* NOLINTBEGIN(bugprone-suspicious-include): pure parts of the command, tested by themselves */
#include "../../cmd/batch/document.c"
#include "../../cmd/batch/inputs.c"
#define hash journal_hash
#include "../../cmd/batch/journal.c"
#include "../../cmd/batch/json.c"
#include "../../cmd/batch/plan.c"
#include "../../cmd/batch/record.c"
#include "../../cmd/batch/url.c"
#include "../../cmd/run/buf.c"
#include "../../cmd/run/fd.c"
/* NOLINTEND(bugprone-suspicious-include) */

static const char *name_of(size_t i)
{
    static char name[32];

    (void)snprintf(name, sizeof name, "d/f%07zu", i);
    return name;
}

/* n inputs with sizes from the seed: many small, few large. */
static void make_inputs(struct inputs *inputs, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        struct input *input = inputs_add(inputs, name_of(i), 2, NULL);

        ASSERT(input);
        input->missing = false;
        input->size = test_random(&seed) % (1u << (10 + test_random(&seed) % 16));
        input->mtime_ns = (int64_t)test_random(&seed);
    }
}

/* The largest shard against the mean, in percent. */
static unsigned imbalance(const struct inputs *inputs, uint32_t shards)
{
    uint64_t *bytes = calloc(shards, sizeof *bytes), all = 0, most = 0;

    ASSERT(bytes);
    for (size_t i = 0; i < inputs->n; i++) {
        ASSERT_LT(inputs->v[i].shard, shards);
        bytes[inputs->v[i].shard] += inputs->v[i].size;
        all += inputs->v[i].size;
    }
    for (uint32_t i = 0; i < shards; i++)
        most = bytes[i] > most ? bytes[i] : most;
    free(bytes);
    return (unsigned)(most * shards * 100 / (all ? all : 1));
}

TEST(test_shards_have_nearly_the_same_bytes)
{
    for (uint32_t shards = 1; shards <= 200; shards = shards * 3 + 1) {
        struct inputs inputs = {.n = 0};

        test_context("%u shards", (unsigned)shards);
        make_inputs(&inputs, shards * (size_t)100, shards);
        ASSERT_EQ(plan_deal(&inputs, shards), 0);
        ASSERT_LE(imbalance(&inputs, shards), 110);
        inputs_done(&inputs);
    }
}

TEST(test_empty_files_are_spread_too)
{
    struct inputs inputs = {.n = 0};
    unsigned n[8] = {0};

    for (size_t i = 0; i < 80; i++)
        ASSERT(inputs_add(&inputs, name_of(i), 0, NULL));
    ASSERT_EQ(plan_deal(&inputs, 8), 0);
    for (size_t i = 0; i < 80; i++)
        n[inputs.v[i].shard]++;
    for (size_t i = 0; i < 8; i++)
        ASSERT_EQ(n[i], 10);
    inputs_done(&inputs);
}

static void set_plan(struct plan *plan, uint32_t shards)
{
    *plan = (struct plan){
        .shards = shards, .pipeline = strdup("read {} | write '{.}\"x'"), .same = SAME_SHA256};
    (void)snprintf(plan->id, sizeof plan->id, "0123456789abcdef");
}

/* A plan of five inputs with every kind of member, written to `path`. */
static void write_sample(const char *path, struct inputs *inputs, struct plan *plan)
{
    static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    set_plan(plan, 2);
    make_inputs(inputs, 4, 3);
    ASSERT(inputs_add(inputs, "n\xff\n\"e", 1, NULL));
    inputs->v[1].sha256 = arena_copy(&inputs->arena, digest, 64);
    inputs->v[2].offset = 5;
    inputs->v[2].length = UINT64_C(1) << 40;
    inputs->v[3].mtime_ns = -7;
    ASSERT_EQ(plan_deal(inputs, 2), 0);
    ASSERT_EQ(plan_write(plan, inputs, path, "attempt", false), 0);
}

TEST(test_a_plan_comes_back_as_it_was_written)
{
    const char *path = test_path("plan");
    struct inputs wrote = {.n = 0}, all = {.n = 0};
    struct plan plan, again;
    size_t line, seen = 0;
    int error;

    write_sample(path, &wrote, &plan);
    ASSERT_EQ(plan_read(&again, &all, path, PLAN_ALL, &line, &error), 0);
    ASSERT_STREQ(again.pipeline, plan.pipeline);
    ASSERT_STREQ(again.id, plan.id);
    ASSERT_EQ(again.same, SAME_SHA256);
    ASSERT_EQ(all.n, wrote.n);
    for (size_t i = 0; i < all.n; i++) {
        const struct input *a = &wrote.v[i], *b = &all.v[i];

        ASSERT_STREQ(a->path, b->path);
        ASSERT_STREQ(a->sha256, b->sha256);
        ASSERT(a->size == b->size && a->mtime_ns == b->mtime_ns && a->offset == b->offset);
        ASSERT(a->length == b->length && a->rel == b->rel && a->shard == b->shard);
        ASSERT_EQ(b->number, i + 1);
    }
    plan_done(&again);
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct inputs some = {.n = 0};

        ASSERT_EQ(plan_read(&again, &some, path, shard, &line, &error), 0);
        for (size_t i = 0; i < some.n; i++)
            ASSERT(some.v[i].shard == shard &&
                   strcmp(some.v[i].path, wrote.v[some.v[i].number - 1].path) == 0);
        seen += some.n;
        inputs_done(&some);
        plan_done(&again);
    }
    ASSERT_EQ(seen, wrote.n);
    ASSERT_EQ(plan_write(&plan, &wrote, path, "other", false), EEXIST);
    ASSERT_EQ(plan_write(&plan, &wrote, path, "other", true), 0);
    ASSERT_EQ(test_count_in(test_tmp_dir()), 3); /* no temporary file is left */
    ASSERT_EQ(plan_read(&again, &all, test_path("none"), PLAN_ALL, &line, &error), LEAT_EIO);
    ASSERT_EQ(error, ENOENT);
    plan_done(&again);
    plan_done(&plan);
    inputs_done(&all);
    inputs_done(&wrote);
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    ASSERT(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

TEST(test_a_plan_that_is_cut_anywhere_is_refused)
{
    struct inputs wrote = {.n = 0};
    struct plan plan, again;
    char path[2][4096];
    uint8_t *text;
    size_t n, line;
    int error;

    (void)snprintf(path[0], sizeof path[0], "%s", test_path("plan"));
    (void)snprintf(path[1], sizeof path[1], "%s", test_path("cut"));
    write_sample(path[0], &wrote, &plan);
    text = test_file_read(path[0], &n);
    ASSERT(text);
    for (size_t cut = 0; cut < n - 1; cut++) { /* the last newline does not matter */
        struct inputs some = {.n = 0};

        test_context("cut after %zu bytes", cut);
        write_bytes(path[1], text, cut);
        ASSERT_EQ(plan_read(&again, &some, path[1], PLAN_ALL, &line, &error), LEAT_ECORRUPT);
        plan_done(&again);
        inputs_done(&some);
    }
    free(text);
    plan_done(&plan);
    inputs_done(&wrote);
}

/* --- records ---------------------------------------------------------------------------------- */

static void put_record(const struct plan *plan, uint32_t shard, const char *attempt, uint64_t size,
                       int want)
{
    struct recorded_output out[2] = {{.path = "o\n", .size = size, .next = &out[1]}, {.path = "p"}};
    const struct input input = {.path = "i"}, range = {.path = "r", .offset = 9, .length = 1};
    struct draft draft;

    record_begin(&draft, test_tmp_dir(), plan, shard, attempt);
    record_add(&draft, true, &input, out);
    record_add(&draft, false, &range, NULL);
    ASSERT_EQ(record_end(&draft, test_tmp_dir(), shard), want);
}

static int add_to_text(void *user, struct record_line *line)
{
    buf_add(user, "%s@%d", line->path, (int)line->offset);
    for (const struct recorded_output *out = line->outputs; out; out = out->next)
        buf_add(user, " %s=%d", out->path, (int)out->size);
    buf_add(user, ";");
    record_outputs_free(line->outputs);
    return 0;
}

static int read_back(const struct plan *plan, uint32_t shard, struct buf *text)
{
    struct arena arena = {.blocks = NULL};
    int error, r;

    text->n = 0;
    r = record_read(test_tmp_dir(), plan, shard, &arena, add_to_text, text, &error);
    arena_done(&arena);
    return r;
}

TEST(test_the_record_of_the_first_attempt_stays)
{
    struct buf text = {.n = 0};
    struct plan plan;

    set_plan(&plan, 9);
    ASSERT_EQ(read_back(&plan, 7, &text), LEAT_ENOENT);
    put_record(&plan, 7, "a", 1, 0);
    put_record(&plan, 7, "b", 2, EEXIST);
    ASSERT_EQ(read_back(&plan, 7, &text), 0);
    ASSERT_STREQ(buf_text(&text), "i@0 o\n=1 p=0;r@9;");
    ASSERT_EQ(test_count_in(test_tmp_dir()), 3);
    plan.id[0] = 'x';
    ASSERT_EQ(read_back(&plan, 7, &text), LEAT_EEXIST);
    plan_done(&plan);
    buf_free(&text);
}

TEST(test_a_record_that_is_cut_anywhere_is_refused)
{
    char path[4096];
    struct buf text = {.n = 0};
    struct plan plan;
    uint8_t *bytes;
    size_t n;

    set_plan(&plan, 9);
    put_record(&plan, 7, "a", 1, 0);
    (void)snprintf(path, sizeof path, "%s", test_path("shard-0007.json"));
    bytes = test_file_read(path, &n);
    ASSERT(bytes);
    for (size_t cut = 0; cut < n - 1; cut++) {
        test_context("cut after %zu bytes", cut);
        write_bytes(path, bytes, cut);
        ASSERT_EQ(read_back(&plan, 7, &text), LEAT_ECORRUPT);
    }
    free(bytes);
    plan_done(&plan);
    buf_free(&text);
}
