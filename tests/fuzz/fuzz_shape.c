/* fuzz_shape.c - a random pipeline from the fuzzer's bytes, against the reference model.
 *
 * The bytes are the choices of the generator that tests/contract/test_shapes.c draws from a seed: the stages,
 * the inputs and the ends. A shape runs under a seeded schedule, so a crash can be repeated, and
 * starts no processes. It is linked with the generator and the memory ends of the tests; below is
 * what they need of the test framework. */
#include <stdarg.h>
#include <stdlib.h>

#include "memio.h"
#include "shape.h"
#include "test.h"

#define INPUT_MAX ((size_t)200000)

/* Each run makes a loop of its own. */
struct uv_loop_s *test_loop(void)
{
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *running; /* the pipeline, for a failure */

void test_fail_at(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nin: %s\n", running ? running : "?");
    abort();
}

void test_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
}

void test_assert_int(const char *file, int line, const char *op, const char *a_text,
                     const char *b_text, test_int a, test_int b)
{
    bool holds = op[0] == '=' ? a == b : op[0] == '!' ? a != b : a < b;

    if (op[0] == '>')
        holds = a > b;
    if ((op[0] == '<' || op[0] == '>') && op[1])
        holds = holds || a == b;
    if (!holds)
        test_fail_at(file, line, "expected: %s %s %s, but: %lld and %lld", a_text, op, b_text,
                     (long long)a, (long long)b);
}

void test_assert_bytes(const char *file, int line, const char *a_text, const void *a, size_t n_a,
                       const void *b, size_t n_b)
{
    if (n_a != n_b || (n_a && memcmp(a, b, n_a) != 0))
        test_fail_at(file, line, "%s: %zu bytes, expected %zu, or they differ", a_text, n_a, n_b);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64, as in test.c */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int test_thread_count(void)
{
    return 1; /* all runs on one, and the fuzzer has threads of its own */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shape_draw draw = {.bytes = data, .n_bytes = size};
    struct shape *shape = shape_new(draw, INPUT_MAX, false);
    struct shape_config config = shape_draw_config(shape, true);

    running = shape_text(shape, NULL, NULL, "DIR");
    shape_run(shape, &config);
    free(running);
    running = NULL;
    shape_free(shape);
    return 0;
}
