/* buffer.c - a large buffer between a bursty stage and one that must not stop, as mbuffer.
 *
 * The stage only passes the stream on. The buffer is the edge after it, which leat_plan_buffer
 * sizes.
 */

#include <stddef.h>
#include <string.h>

#include "stage.h"

extern const struct leat_stage_type leat_stage_buffer;

#define SIZE_IN_MEMORY ((uint64_t)64 << 20) /* default of --size */
#define SIZE_OF_FILE ((uint64_t)1 << 30)
#define TEXT_MAX 32u

struct buffer_params {
    uint64_t size;
    const char *start_at, *spill;
};

/* Parses "80%" of the size, or a size that is at most `size`. */
static int parse_start(struct leat_stage *s, const char *text, uint64_t size, uint64_t *ret)
{
    size_t n = strlen(text);
    char number[TEXT_MAX];
    uint64_t value;

    if (n > 0 && n < sizeof number) {
        bool percent = text[n - 1] == '%';

        memcpy(number, text, n + 1);
        if (percent)
            number[n - 1] = '\0';
        if (leat_parse_size(number, &value) == 0 && value <= (percent ? 100 : size)) {
            *ret = percent ? size / 100 * value + size % 100 * value / 100 : value;
            return 0;
        }
    }
    return leat_fail(s, LEAT_EUSAGE,
                     "--start-at: '%s' is not a part of the buffer, for example 80%%", text);
}

static int buffer_plan(struct leat_stage *s)
{
    const struct buffer_params *p = leat_params(s);
    struct leat_buffer b = {.spills = p->spill != NULL};
    uint64_t size = p->size > 0 ? p->size : p->spill ? SIZE_OF_FILE : SIZE_IN_MEMORY;

    if (p->start_at) {
        int r = parse_start(s, p->start_at, size, &b.start_at);

        if (r < 0)
            return r;
    }
    if (p->spill && size < LEAT_SPILL_MIN)
        return leat_fail(s, LEAT_EUSAGE, "with --spill, --size must be at least 2M");
    if (p->spill)
        b.spill_size = size;
    else
        b.memory = size;
    if (p->spill && *p->spill)
        b.dir = p->spill;
    leat_plan_buffer(s, &b);
    return 0;
}

static int buffer_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    (void)s;
    while (in->pos < in->len)
        if (leat_pass(out, in, in->len - in->pos) == 0)
            return LEAT_MORE;
    return in->end ? LEAT_END : LEAT_MORE;
}

#define AT(field) offsetof(struct buffer_params, field)
static const struct leat_option buffer_options[] = {
    {"size", 's', LEAT_OPT_SIZE, AT(size), .metavar = "SIZE", .min = 1, .max = INT64_MAX,
     .help = "the size of the buffer (64M if not given, 1G with --spill)"},
    {"start-at", 'P', LEAT_OPT_STRING, AT(start_at), .metavar = "PART",
     .help =
         "hold the data until the buffer is filled to this level (80%, 10M), also after it ran empty"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "keep the data in a temporary file in DIR instead of memory"},
    {0},
};

const struct leat_stage_type leat_stage_buffer = {
    .name = "buffer",
    .summary = "put a large buffer between two stages",
    .manual =
        "The stages before the buffer keep running while the stages after it are busy, and the "
        "other way round, until the buffer is full or empty. This helps with a network that "
        "sends in bursts, a tape that must not stop, or a disk that is slow at times. Without "
        "this stage there is only a small buffer between two stages.\n\n"
        "The buffer counts against --memory, which must be larger than --size. With --spill, "
        "data beyond what an ordinary edge holds goes to a temporary file. The file has no name, "
        "and it is gone when the pipeline ends.\n\n"
        "With --start-at the buffer holds all data until it is filled to that level, its size is "
        "reached, or the stream has ended. When the buffer has run empty, it fills up to the "
        "level again before data goes on.",
    .examples = "read words.txt : buffer --size=16M --start-at=80% : gzip",
    .kind = LEAT_TRANSFORM,
    .flags = LEAT_PASS_THROUGH,
    .params_size = sizeof(struct buffer_params),
    .options = buffer_options,
    .plan = buffer_plan,
    .step = buffer_step,
};
