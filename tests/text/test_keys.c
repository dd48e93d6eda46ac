/* test_keys.c - the table of lines, its spilled runs and their order, against simple loops.
 *
 * All of it needs a stage that memory is charged to: each test is a job that the stage runs. */
#include "../../transforms/text/key_lane.h"
#include "../../transforms/text/key_spill.h"

#include <stdlib.h>

#include "memio.h"
#include "test.h"

#define LINES_MAX 3000u
#define LINE_MAX 40u
#define ROUNDS 300u

struct line {
    uint8_t bytes[LINE_MAX];
    size_t len;
    uint64_t value; /* of the model */
};

static struct {
    int (*run)(struct leat_stage *s);
    uint64_t random;
    struct line lines[LINES_MAX], model[LINES_MAX];
    size_t n, n_model;
} job;

static int job_run(struct leat_stage *s, struct leat_blocking *b)
{
    const uint8_t *data;
    size_t n;
    int r;

    while ((r = leat_pull(b, &data, &n)) == 1)
        continue;
    r = r < 0 ? r : job.run(s);
    return r < 0 ? r : LEAT_END;
}

static const struct leat_stage_type job_type = {
    .name = "job", .kind = LEAT_TRANSFORM, .nature = LEAT_BLOCKING, .run = job_run};
static const struct leat_stage_type *const types[] = {&job_type, NULL};

static void run_job(int (*run)(struct leat_stage *s))
{
    struct memio io = {.in = "", .in_len = 0, .types = types};

    job.run = run;
    io.settings.threads = 2;
    if (memio_run(&io, "job") < 0)
        FAIL("%s", io.error.text);
    memio_free(&io);
}

/* --- lines ------------------------------------------------------------------------------------ */

TEST(test_lines_are_those_of_the_portable_loop)
{
    static uint8_t text[700];
    struct leat_key_line a[LEAT_KEY_BATCH], b[LEAT_KEY_BATCH];
    uint64_t random = 7;

    for (unsigned round = 0; round < 3000; round++) {
        size_t n = test_random(&random) % sizeof text;
        unsigned often = 1 + (unsigned)(test_random(&random) % 40), n_a, n_b;

        for (size_t i = 0; i < n; i++)
            text[i] = test_random(&random) % often == 0 ? '\n' : (uint8_t)test_random(&random);
        test_context("round %u, %zu bytes", round, n);
        n_a = leat_key_lines(text, n, '\n', a);
        n_b = leat_key_lines_portable(text, n, '\n', b);
        ASSERT_EQ(n_a, n_b);
        for (unsigned i = 0; i < n_a; i++) {
            ASSERT(a[i].data == b[i].data);
            ASSERT_EQ(a[i].len, b[i].len);
        }
    }
}

/* --- the table -------------------------------------------------------------------------------- */

/* Lines whose hashes are all equal are found and kept apart, if slowly. */
static int add_colliding(struct leat_stage *s)
{
    struct leat_key_hasher hasher = {.fold = false};
    struct leat_keys table = {.limit = UINT64_MAX};
    struct leat_key *key;
    char text[16];

    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 500; i++) {
            size_t n = (size_t)snprintf(text, sizeof text, "%u", i);
            struct leat_key_line line = {.data = (const uint8_t *)text, .len = n};
            int r = leat_key_hash(s, &hasher, &line, line.data + n);

            ASSERT_EQ(r, 0);
            line.hash = UINT64_MAX;
            r = leat_keys_add(s, &table, &line, &key);

            ASSERT_EQ(r, round == 0 ? LEAT_KEYS_NEW : LEAT_KEYS_OLD);
            ASSERT_EQ(key->value, round);
            key->value++;
        }
    ASSERT_EQ(table.n, 500);
    leat_keys_sort(&table);
    for (size_t i = 1; i < table.n; i++) {
        const struct leat_key *a = leat_key_at(&table.arena, (uint32_t)table.slots[i - 1]),
                              *b = leat_key_at(&table.arena, (uint32_t)table.slots[i]);

        ASSERT(a->len < b->len || (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) < 0));
    }
    leat_keys_done(s, &table);
    return 0;
}

TEST(test_lines_with_equal_hashes_are_kept_apart)
{
    run_job(add_colliding);
}

/* Fills the table with numbers until it is full, or has n; returns how many it has. */
static size_t fill(struct leat_stage *s, struct leat_keys *table, struct leat_key_hasher *hasher,
                   size_t n)
{
    struct leat_key *key;
    char text[24];

    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)snprintf(text, sizeof text, "%zu-line", i);
        struct leat_key_line line = {.data = (const uint8_t *)text, .len = len};
        int r;

        ASSERT_EQ(leat_key_hash(s, hasher, &line, line.data + line.len), 0);
        r = leat_keys_add(s, table, &line, &key);
        if (r == LEAT_KEYS_FULL)
            return i;
        ASSERT_EQ(r, LEAT_KEYS_NEW);
        key->value = i;
    }
    return n;
}

static int fill_and_sort(struct leat_stage *s)
{
    struct leat_key_hasher hasher = {.fold = false};
    struct leat_keys table = {.limit = 3 << 20};
    size_t n, again;

    leat_key_hasher_init(&hasher, false);
    n = fill(s, &table, &hasher, 1000000);
    ASSERT_LT(n, 1000000);
    ASSERT_GT(n, 30000);
    ASSERT_LE(leat_keys_bytes(&table), table.limit);
    ASSERT_EQ(table.n, n);
    leat_keys_sort(&table);
    for (size_t i = 1; i < n; i++)
        ASSERT_LE(table.slots[i - 1] >> 32, table.slots[i] >> 32);
    leat_keys_clear(s, &table);
    again = fill(s, &table, &hasher, n);
    ASSERT_EQ(again, n);
    leat_keys_done(s, &table);
    leat_key_hasher_done(s, &hasher);
    return 0;
}

TEST(test_a_table_stays_in_its_limit_and_is_sorted)
{
    run_job(fill_and_sort);
}

/* --- spilled tables against a model ----------------------------------------------------------- */

static bool model_fold;
static enum leat_key_order model_order;

static uint8_t folded(uint8_t c)
{
    return model_fold && c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static int compare_bytes(const struct line *a, const struct line *b, bool fold)
{
    for (size_t i = 0; i < a->len && i < b->len; i++) {
        uint8_t x = fold ? folded(a->bytes[i]) : a->bytes[i],
                y = fold ? folded(b->bytes[i]) : b->bytes[i];

        if (x != y)
            return x < y ? -1 : 1;
    }
    return a->len < b->len ? -1 : a->len > b->len;
}

static int by_line(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int r = compare_bytes(x, y, true);

    if (r == 0 && model_order == LEAT_KEY_BY_COUNT)
        r = compare_bytes(x, y, false);
    return r != 0 ? r : x->value < y->value ? -1 : x->value > y->value;
}

static int by_order(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->value != y->value)
        return (x->value < y->value) == (model_order == LEAT_KEY_BY_PLACE) ? -1 : 1;
    return compare_bytes(y, x, false);
}

static void draw_lines(void)
{
    static const char letters[] = "abAB\n\xff";
    uint64_t *random = &job.random;
    unsigned len_max = 1 + (unsigned)(test_random(random) % LINE_MAX);
    size_t prefix = test_random(random) % 3 ? 0 : len_max * 3 / 4;

    job.n = test_random(random) % (test_random(random) % 3 ? 300 : LINES_MAX);
    for (size_t i = 0; i < job.n; i++) {
        struct line *l = &job.lines[i];

        l->len = test_random(random) % len_max;
        for (size_t k = 0; k < l->len; k++)
            l->bytes[k] = k < prefix ? 'x' : (uint8_t)letters[test_random(random) % 7];
        l->value = model_order == LEAT_KEY_BY_COUNT ? 1 + test_random(random) % 400 : i;
    }
}

static void make_model(void)
{
    size_t n = 0;

    memcpy(job.model, job.lines, sizeof job.lines);
    qsort(job.model, job.n, sizeof *job.model, by_line);
    for (size_t i = 0; i < job.n; i++) {
        if (n == 0 || compare_bytes(&job.model[n - 1], &job.model[i], true) != 0)
            job.model[n++] = job.model[i];
        else if (model_order == LEAT_KEY_BY_COUNT)
            job.model[n - 1].value += job.model[i].value;
    }
    qsort(job.model, n, sizeof *job.model, by_order);
    job.n_model = n;
    while (model_order == LEAT_KEY_BY_PLACE && job.n_model > 0 && job.model[0].value == 0)
        memmove(job.model, job.model + 1, --job.n_model * sizeof *job.model);
}

static int feed(struct leat_stage *s, struct leat_keys *table, struct leat_key_spill *spill)
{
    struct leat_key_hasher hasher = {.fold = false};
    struct leat_key *key;
    int r = 0;

    leat_key_hasher_init(&hasher, model_fold);
    for (size_t i = 0; r >= 0 && i < job.n; i++) {
        struct leat_key_line line = {.data = job.lines[i].bytes, .len = job.lines[i].len};

        r = leat_key_hash(s, &hasher, &line, line.data + line.len);
        while (r >= 0 && (r = leat_keys_add(s, table, &line, &key)) == LEAT_KEYS_FULL) {
            ASSERT_GT(table->n, 0);
            r = leat_key_spill_table(s, spill, table);
        }
        if (r < 0)
            break;
        if (r == LEAT_KEYS_NEW)
            key->value = job.lines[i].value;
        else if (model_order == LEAT_KEY_BY_COUNT)
            key->value += job.lines[i].value;
        if (model_fold && model_order == LEAT_KEY_BY_COUNT &&
            memcmp(line.data, key->bytes, line.len) < 0)
            memcpy(key->bytes, line.data, line.len);
    }
    leat_key_hasher_done(s, &hasher);
    return r;
}

static int spill_and_compare(struct leat_stage *s)
{
    struct leat_key_spill spill = {.dir = test_tmp_dir(), .order = model_order, .fold = model_fold};
    struct leat_keys table = {.fold = model_fold};
    const uint8_t *data;
    uint64_t value;
    size_t len, i;
    int r;

    table.limit = 20000 + test_random(&job.random) % 20000;
    spill.most = model_order == LEAT_KEY_BY_COUNT && test_random(&job.random) % 2
                     ? 1 + test_random(&job.random) % 50
                     : 0;
    if (test_random(&job.random) % 2)
        spill.memory = 36000 + test_random(&job.random) % 40000;
    r = feed(s, &table, &spill);
    if (r >= 0)
        r = leat_key_spill_table(s, &spill, &table);
    leat_keys_done(s, &table);
    if (r == 0)
        r = leat_key_spill_merge(s, &spill);
    for (i = 0; r == 0 && leat_key_spill_get(&spill, &value, &data, &len); i++) {
        if (spill.most > 0 && i == spill.most)
            break;
        ASSERT_LT(i, job.n_model);
        ASSERT_EQ(value, job.model[i].value);
        ASSERT_BYTES_EQ(data, len, job.model[i].bytes, job.model[i].len);
        r = leat_key_spill_on(s, &spill);
    }
    if (r == 0)
        ASSERT_EQ(i, spill.most > 0 && spill.most < job.n_model ? spill.most : job.n_model);
    leat_key_spill_done(s, &spill);
    return r;
}

static void compare_rounds(enum leat_key_order order)
{
    job.random = 11 + order;
    for (unsigned round = 0; round < ROUNDS; round++) {
        model_order = order;
        model_fold = test_random(&job.random) % 2;
        draw_lines();
        make_model();
        test_context("round %u, %zu lines, fold %d", round, job.n, model_fold);
        run_job(spill_and_compare);
    }
}

TEST(test_spilled_counts_are_added_up_and_in_order)
{
    compare_rounds(LEAT_KEY_BY_COUNT);
}

TEST(test_spilled_places_are_the_first_ones_and_in_order)
{
    compare_rounds(LEAT_KEY_BY_PLACE);
}
