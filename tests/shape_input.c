/* shape_input.c - the inputs of a shape: lines of mixed lengths that begin with tags. */
#include "shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define LINE_MAX_BYTES ((size_t)150000)
#define LONG_INPUT ((size_t)3 << 20) /* bytes of a long input */

/* How the lengths of an input's lines are mixed. */
enum mix { MIX_ALL, MIX_SHORT, MIX_LONG, MIX_HUGE, N_MIXES };

static size_t draw_length(uint64_t *random, enum mix mix)
{
    unsigned kind = (unsigned)(test_random(random) % 100);
    uint64_t more = test_random(random);

    if (kind < 2)
        return 1; /* nothing but its end */
    if (mix == MIX_HUGE && kind < 40)
        return 65000 + more % (LINE_MAX_BYTES - 65000);
    if (mix == MIX_LONG || (mix != MIX_SHORT && kind < 45))
        return 4060 + more % 240;
    return kind < 70 ? 20 + more % 80 : 100 + more % 200;
}

/* One line of n bytes: a tag, its number, and filler that differs from line to line. */
static void write_line(uint8_t *to, size_t n, unsigned tag, uint64_t number)
{
    char head[64];
    size_t len;

    if (tag % 8 == 7)
        len = (size_t)snprintf(head, sizeof head, "zz%u %ju ", tag, (uintmax_t)number);
    else
        len = (size_t)snprintf(head, sizeof head, "c%02u %ju ", tag, (uintmax_t)number);
    memset(to, (int)('a' + number % 26), n);
    memcpy(to, head, len < n ? len : n);
    to[n - 1] = '\n';
}

static int by_bytes(const void *a, const void *b)
{
    const struct shape_bytes *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int r = memcmp(x->data, y->data, n);

    return r ? r : x->len < y->len ? -1 : x->len > y->len;
}

/* Lines are compared without their ends. `displaced`: but for two lines side by side. */
static struct shape_bytes sorted(struct shape *shape, struct shape_bytes in, bool displaced,
                                 uint64_t *random)
{
    struct shape_bytes *lines;
    uint8_t *to = shape_alloc(shape, in.len);
    size_t n = 0, len = 0;

    for (size_t at = 0; at < in.len; n++)
        at += shape_line_end((struct shape_bytes){in.data + at, in.len - at}, 1);
    lines = calloc(n + 1, sizeof *lines);
    ASSERT_NOT_NULL(lines);
    n = 0;
    for (size_t at = 0; at < in.len; n++) {
        struct shape_bytes rest = {in.data + at, in.len - at};
        size_t line = shape_line_end(rest, 1);

        lines[n] = (struct shape_bytes){rest.data, line - 1};
        at += line;
    }
    qsort(lines, n, sizeof *lines, by_bytes);
    if (displaced && n > 1) {
        size_t at = (size_t)(test_random(random) % (n - 1));
        struct shape_bytes line = lines[at];

        lines[at] = lines[at + 1];
        lines[at + 1] = line;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(to + len, lines[i].data, lines[i].len);
        to[len + lines[i].len] = '\n';
        len += lines[i].len + 1;
    }
    free(lines);
    return (struct shape_bytes){to, len};
}

static void make_input(struct shape *shape, struct shape_input *input, size_t size)
{
    uint64_t random = input->seed, number = 0;
    enum mix mix = (enum mix)(test_random(&random) % N_MIXES);
    uint8_t *to = shape_alloc(shape, size + LINE_MAX_BYTES);
    size_t len = 0;

    while (len < size) {
        size_t n = draw_length(&random, mix);

        write_line(to + len, n, (unsigned)(test_random(&random) % (shape->n_tags + 1)), number++);
        len += n;
    }
    if (len > size)
        len = size;
    if (len > 0 && test_random(&random) % 2)
        to[len - 1] = '\n';
    input->bytes = (struct shape_bytes){to, len};
    if (input->sorted && len > 0) {
        to[len - 1] = '\n';
        input->bytes = sorted(shape, input->bytes, input->displaced, &random);
        input->bytes.len -= test_random(&random) % 2; /* without the last end */
    }
}

static size_t draw_size(struct shape *shape, bool is_long)
{
    static const size_t most[] = {65536,  0,      100,     65536,   300000,  300000, 300000,
                                  600000, 600000, 1200000, 2000000, 4000000, 300000, 65536};
    size_t limit = most[shape_below(&shape->draw, sizeof most / sizeof *most)];

    if (is_long)
        return shape->size_max < LONG_INPUT
                   ? shape->size_max
                   : LONG_INPUT + (size_t)shape_below(&shape->draw, LONG_INPUT);
    limit = limit < shape->size_max ? limit : shape->size_max;
    return (size_t)shape_below(&shape->draw, limit + 1);
}

/* The first one is sorted, for merge. */
void shape_draw_inputs(struct shape *shape)
{
    shape->n_inputs = 1 + (size_t)shape_below(&shape->draw, SHAPE_INPUTS_MAX);
    if (shape->early && shape->n_inputs == 1)
        shape->n_inputs = 2;
    for (size_t i = 0; i < shape->n_inputs; i++) {
        struct shape_input *input = &shape->inputs[i];
        struct shape_bytes *bytes = &input->bytes;

        input->seed = shape_below(&shape->draw, UINT32_MAX);
        input->displaced = i == 1 && shape_below(&shape->draw, 4) == 3;
        input->sorted = i == 0 || input->displaced;
        make_input(shape, input, draw_size(shape, shape->early && i + 1 == shape->n_inputs));
        shape->total_bytes += bytes->len;
        for (size_t at = 0; at < bytes->len; shape->total_lines++)
            at += shape_line_end((struct shape_bytes){bytes->data + at, bytes->len - at}, 1);
    }
}
