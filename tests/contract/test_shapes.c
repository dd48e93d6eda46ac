/* test_shapes.c - random pipelines against a reference model, by reference and under schedules.
 *
 *   LEAT_SHAPES=N   so many shapes instead of 2,000
 *   LEAT_SHAPE=S    only that of seed S, and show it
 *   LEAT_SHAPE_DIR=DIR  write its inputs to DIR/in-0 and so on, for the pipeline that is shown
 *
 * Each shape runs on threads and under a seeded schedule. A stall that the engine does not find itself
 * ends the test by its bounds, which count from the last shape.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

#include "memio.h"
#include "shape.h"
#include "test.h"

#define SHAPES 2000u
#define BATCHES 40u
#define SIZE_MAX_INPUT ((size_t)12 << 20)

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *given = getenv(name);

    return given ? strtoull(given, NULL, 10) : otherwise;
}

static void tell(const struct shape *shape, const struct shape_config *config, uint64_t seed)
{
    const char *given = getenv("LEAT_SHAPE_DIR"), *dir = given ? given : "DIR";
    char *text = shape_text(shape, NULL, NULL, dir);

    test_context("LEAT_SHAPE=%ju: executor %d, seed %ju, chunk %zu\n"
                 "# LEAT_SHAPE=%ju LEAT_SHAPE_DIR=%s build/tests/test_shapes # writes the inputs\n"
                 "# leat --threads=%u --memory=%ju %s",
                 (uintmax_t)seed, config->executor, (uintmax_t)config->seed, config->chunk,
                 (uintmax_t)seed, dir, config->threads, (uintmax_t)config->memory, text);
    if (getenv("LEAT_SHAPE"))
        test_note("executor %d, chunk %zu: leat --threads=%u --memory=%ju %s", config->executor,
                  config->chunk, config->threads, (uintmax_t)config->memory, text);
    free(text);
}

static void write_inputs(const struct shape *shape)
{
    const char *dir = getenv("LEAT_SHAPE_DIR");

    for (size_t i = 0; dir && i < shape->n_inputs; i++) {
        char path[4096];
        FILE *file;

        snprintf(path, sizeof path, "%s/in-%zu", dir, i);
        file = fopen(path, "wb");
        if (!file)
            FAIL("cannot write %s", path);
        ASSERT_EQ(fwrite(shape->inputs[i].bytes.data, 1, shape->inputs[i].bytes.len, file),
                  shape->inputs[i].bytes.len);
        ASSERT_EQ(fclose(file), 0);
    }
}

static void run_seed(uint64_t seed)
{
    struct shape *shape = shape_new((struct shape_draw){.state = seed}, SIZE_MAX_INPUT, true);

    if (getenv("LEAT_SHAPE"))
        write_inputs(shape);
    for (unsigned i = 0; i < 2; i++) {
        struct shape_config config = shape_draw_config(shape, i == 1);

        tell(shape, &config, seed);
        shape_run(shape, &config);
    }
    shape_free(shape);
}

/* Most of the time goes into page faults if each large block is mapped anew. A wish: sanitizers have
 * an allocator of their own. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

static void test_shapes(void)
{
    const uint64_t *batch = test_argument();
    uint64_t all = number_of("LEAT_SHAPES", test_under_sanitizer() ? SHAPES / 10 : SHAPES);
    uint64_t first = number_of("LEAT_SHAPE_FIRST", 0);

    keep_memory();
    for (uint64_t seed = *batch; seed < all; seed += BATCHES)
        run_seed(first + seed);
}

static void test_one_shape(void)
{
    run_seed(number_of("LEAT_SHAPE", 0));
}

__attribute__((constructor)) static void register_all(void)
{
    static uint64_t batches[BATCHES];

    if (getenv("LEAT_SHAPE")) {
        test_register(__FILE__, "one_shape", test_one_shape);
        return;
    }
    for (uint64_t i = 0; i < BATCHES; i++) {
        char name[64];

        batches[i] = i;
        snprintf(name, sizeof name, "shapes_%ju_and_each_%uth_on", (uintmax_t)i, BATCHES);
        test_register_with(__FILE__, name, test_shapes, &batches[i]);
    }
}
