/* sort.c - sorts lines, more than fit in memory too.
 *
 * Lanes sort the lines of large blocks (sort/block.h); the joiner collects the sorted runs (sort/store.h) and, when the
 * input has ended, merges them to the output.
 */

#include <stddef.h>
#include <string.h>

#include "sort/block.h"
#include "sort/store.h"
#include "stage.h"

#define BLOCK_PART 64u /* of the memory limit: the bytes of a block are this part, */
#define BLOCK_LEAST ((size_t)32 << 10) /* but at least so many, */
#define BLOCK_MOST ((size_t)4 << 20)   /* and at most so many */

struct sort_params {
    int reverse, unique, stable, zero;
    uint64_t header;
    int64_t top;
    const char *spill;
};

/* An instance is a lane, the joiner, or the cutter. */
struct sort {
    struct leat_sort_format format;
    bool begun;
    struct leat_sort_block lane;
    struct leat_sort_store store; /* of the joiner */
    uint64_t blocks;              /* that the joiner has taken */
    size_t cut;                   /* bytes of the block that the cutter is at */
    uint64_t header_left;         /* lines of the header that the cutter has not seen */
};

static size_t block_size(const struct leat_stage *s)
{
    uint64_t part = leat_memory_limit(s) / BLOCK_PART;

    return part > BLOCK_MOST ? BLOCK_MOST : part < BLOCK_LEAST ? BLOCK_LEAST : (size_t)part;
}

static uint8_t record_end(const struct sort_params *p)
{
    return p->zero ? '\0' : '\n';
}

static void begin(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);

    if (t->begun)
        return;
    t->begun = true;
    t->header_left = p->header;
    t->format = (struct leat_sort_format){
        .whole = true,
        .reverse = p->reverse != 0,
        .unique = p->unique != 0,
        .eol = record_end(p),
        .top = p->top > 0 ? (uint64_t)p->top : 0,
    };
}

static int sort_plan(struct leat_stage *s)
{
    const struct sort_params *p = leat_params(s);

    leat_plan_delimiter(s, record_end(p));
    leat_plan_block(s, block_size(s), 0);
    return leat_runs_plan(s, p->spill);
}

/* --- lanes ------------------------------------------------------------------------------------ */

static int sort_open(struct leat_stage *s)
{
    struct sort *t = leat_state(s);
    size_t block = block_size(s);

    begin(s);
    return leat_sort_block_open(&t->lane, s, &t->format, block + block / 2);
}

static bool is_header(const struct leat_stage *s, const struct leat_in *in)
{
    const struct sort_params *p = leat_params(s);

    return p->header > 0 && in->block == 0;
}

static int sort_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sort *t = leat_state(s);
    size_t taken;
    int r;

    if (is_header(s, in)) {
        leat_pass(out, in, in->len - in->pos);
        return in->end && in->pos == in->len ? LEAT_END : LEAT_MORE;
    }
    for (;;) {
        if (t->lane.emits || (in->end && in->pos == in->len)) {
            r = leat_sort_block_emit(&t->lane, out);
            if (r < 0)
                return r;
            if (r == 0)
                return LEAT_MORE;
        }
        if (in->pos == in->len)
            return in->end ? LEAT_END : LEAT_MORE;
        r = leat_sort_block_add(&t->lane, in->data + in->pos, in->len - in->pos, &taken);
        in->pos += taken;
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        r = leat_sort_block_emit(&t->lane, out);
        if (r < 0)
            return r;
        if (r == 0)
            return LEAT_MORE;
    }
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* The end of the header in the data; all of it if the header does not end there. */
static size_t cut_header(struct sort *t, uint8_t eol, const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len && t->header_left > 0) {
        const uint8_t *end = memchr(data + at, eol, len - at);

        if (!end)
            return len;
        at = (size_t)(end - data) + 1;
        t->header_left--;
    }
    return at;
}

/* The header is a block of its own. */
static int sort_cut(struct leat_stage *s, const uint8_t *data, size_t len, bool end,
                    size_t *ret_take)
{
    struct sort *t = leat_state(s);

    (void)end;
    begin(s);
    *ret_take = len;
    if (t->header_left > 0) {
        *ret_take = cut_header(t, t->format.eol, data, len);
        return t->header_left == 0;
    }
    t->cut += len;
    if (t->cut < block_size(s))
        return 0;
    t->cut = 0;
    return 1;
}

/* --- the joiner ------------------------------------------------------------------------------- */

/* Passes the header on. The last line of the stream may lack its end. */
static int merge_header(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct sort *t = leat_state(s);

    if (in->pos < in->len)
        t->cut = in->data[in->len - 1] != t->format.eol;
    leat_pass(out, in, in->len - in->pos);
    if (!in->end || in->pos < in->len)
        return LEAT_MORE;
    t->cut -= t->cut > 0 ? leat_write(out, &t->format.eol, 1) : 0;
    return t->cut > 0 ? LEAT_MORE : LEAT_END;
}

static int sort_merge(struct leat_stage *s, struct leat_in *in, const void *result,
                      struct leat_out *out)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    int r;

    (void)result;
    if (p->header > 0 && t->blocks == 0)
        return merge_header(s, in, out);
    r = leat_sort_store_add(&t->store, in->data + in->pos, in->len - in->pos);
    in->pos = in->len;
    if (r < 0)
        return r;
    return in->end ? LEAT_END : LEAT_MORE;
}

static int sort_join(struct leat_stage *s, enum leat_join when, const void *result,
                     struct leat_out *out)
{
    const struct sort_params *p = leat_params(s);
    struct sort *t = leat_state(s);
    int r;

    (void)result;
    switch (when) {
    case LEAT_JOIN_HEAD:
        begin(s);
        r = leat_sort_store_open(&t->store, s, &t->format, p->spill, block_size(s));
        return r < 0 ? r : LEAT_END;
    case LEAT_JOIN_BLOCK:
        t->blocks++;
        return LEAT_END;
    case LEAT_JOIN_TAIL:
    default:
        r = leat_sort_store_output(&t->store, out);
        return r < 0 ? r : r == 0 ? LEAT_MORE : LEAT_END;
    }
}

static void sort_close(struct leat_stage *s)
{
    struct sort *t = leat_state(s);

    leat_sort_block_close(&t->lane);
    leat_sort_store_close(&t->store);
}

static const struct leat_lanes sort_lanes = {
    .cut = sort_cut,
    .join = sort_join,
    .merge = sort_merge,
};

#define AT(field) offsetof(struct sort_params, field)
static const struct leat_option sort_options[] = {
    {"reverse", 'r', LEAT_OPT_FLAG, AT(reverse), .help = "the greatest line first"},
    {"unique", 'u', LEAT_OPT_FLAG, AT(unique), .help = "of equal lines output only the first"},
    {"stable", 's', LEAT_OPT_FLAG, AT(stable),
     .help = "equal lines stay in the order of the input; without it their bytes decide"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero),
     .help = "lines end with a NUL byte instead of a newline"},
    {"header", 0, LEAT_OPT_SIZE, AT(header), .metavar = "N", .max = INT64_MAX, .value = 1,
     .value_optional = true, .help = "the first line, or the first N lines, stay where they are"},
    {"top", 0, LEAT_OPT_INT, AT(top), .metavar = "N", .min = 1, .max = INT64_MAX,
     .help = "output only the first N of the sorted lines"},
    {"spill", 0, LEAT_OPT_STRING, AT(spill), .metavar = "DIR",
     .help = "the directory of the temporary file; else TMPDIR, or /var/tmp"},
    {0},
};

const struct leat_stage_type leat_stage_sort = {
    .name = "sort",
    .summary = "sort lines",
    .manual =
        "Outputs the lines in the order of their bytes, as GNU sort in the C locale does, byte for byte. If the last "
        "line lacks its newline, it gets one.\n\n"
        "All threads sort at once. Lines are held in memory as far as --memory allows, and then in a temporary file, "
        "compressed, which needs about a third of the size of a log. The file has no name, so nothing is left of it, "
        "whatever ends the run. A line may be as long as a quarter of the memory limit, and at most 16 MiB.",
    .examples = "sort\n"
                "sort -r -u\n"
                "sort --header --top=10",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct sort_params),
    .state_size = sizeof(struct sort),
    .options = sort_options,
    .lanes = &sort_lanes,
    .plan = sort_plan,
    .open = sort_open,
    .step = sort_step,
    .close = sort_close,
};
