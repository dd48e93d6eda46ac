/* cut.c - selects fields or bytes of each line.
 *
 * There are three ways. Fields need whole lines, since a line without a delimiter is output as it is. Bytes do not, so a
 * line of any length is output as it comes, and only the lines that are whole go to the faster function. If fields end
 * where lines end, the whole input is one line, and one thread counts its fields.
 */

#include "cut_lines.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "line_map.h"
#include "masks.h"
#include "stage.h"
#include "words.h"

#define BLOCK ((size_t)65536)

struct cut_params {
    struct leat_strings bytes, chars, fields;
    const char *delimiter, *between;
    int only_delimited, zero, complement, no_split;
};

struct cut {
    struct leat_cut cut;
    struct leat_list_range *ranges;
    bool fast;
    size_t block; /* cut_at: bytes of the block so far */

    const char *pending; /* to be output first */
    size_t pending_len;

    /* Bytes: the line that began before the cursor. Fields that end where lines end: the fields so far. */
    uint64_t count;
    size_t range;
    bool any;          /* something was selected */
    bool in_range;     /* bytes: `range` has begun */
    bool in_field;     /* fields: the cursor is in one */
    bool selected;     /* that field */
    bool end_follows;  /* an end of a line after it */
    size_t field_left; /* bytes of it after the cursor */
    bool ended;
};

static uint8_t line_end(const struct cut_params *p)
{
    return p->zero ? '\0' : '\n';
}

static bool by_fields(const struct cut_params *p)
{
    return p->fields.n > 0;
}

static const char *list_of(const struct cut_params *p)
{
    return p->fields.n > 0 ? p->fields.v[0] : p->bytes.n > 0 ? p->bytes.v[0] : p->chars.v[0];
}

/* --- options ---------------------------------------------------------------------------------- */

/* An empty word stands for a NUL byte. */
static size_t word_len(const char *word)
{
    return *word ? strlen(word) : 1;
}

static struct leat_cut settings(const struct cut_params *p)
{
    const char *delimiter = p->delimiter ? p->delimiter : "\t";
    const char *between = p->between ? p->between : by_fields(p) ? delimiter : NULL;
    struct leat_cut c = {
        .end = line_end(p),
        .delimiter = delimiter,
        .delimiter_len = word_len(delimiter),
        .between = between,
        .between_len = between ? word_len(between) : 0,
        .only_delimited = p->only_delimited,
    };

    c.joined = c.between_len == c.delimiter_len && memcmp(between, delimiter, c.between_len) == 0;
    return c;
}

static bool ends_fields(const struct cut_params *p)
{
    return by_fields(p) && p->delimiter && p->delimiter[0] == (char)line_end(p);
}

/* One byte, or one character of UTF-8. */
static bool is_character(const char *text)
{
    struct leat_utf8 utf8 = {0};
    uint8_t first = (uint8_t)text[0];
    size_t n = strlen(text);

    return n <= 1 || (n == (first < 0xe0   ? 2u
                            : first < 0xf0 ? 3u
                                           : 4u) &&
                      leat_utf8_count(&utf8, (const uint8_t *)text, n) == 1);
}

/* Returns the number of ranges, or fails. */
static int parse_list(struct leat_stage *s, struct leat_list_range *ranges)
{
    const struct cut_params *p = leat_params(s);
    char why[160] = "";
    int r = leat_list_parse(list_of(p), by_fields(p) ? "field" : "byte", p->complement, ranges, why,
                            sizeof why);

    return r < 0 ? leat_fail(s, r, "%s", why) : r;
}

static int check(struct leat_stage *s)
{
    const struct cut_params *p = leat_params(s);

    if (p->bytes.n + p->chars.n + p->fields.n == 0)
        return leat_fail(s, LEAT_EUSAGE, "needs a list of fields (-f) or of bytes (-b, -c)");
    if (p->bytes.n + p->chars.n + p->fields.n > 1)
        return leat_fail(s, LEAT_EUSAGE, "only one list can be given; join them with commas");
    if (!by_fields(p) && p->delimiter)
        return leat_fail(s, LEAT_EUSAGE, "-d is for fields (-f) only");
    if (!by_fields(p) && p->only_delimited)
        return leat_fail(s, LEAT_EUSAGE, "-s is for fields (-f) only");
    if (p->delimiter && !is_character(p->delimiter))
        return leat_fail(s, LEAT_EUSAGE,
                         "the delimiter must be a single character; fields -d splits at a string");
    return 0;
}

static int cut_plan(struct leat_stage *s)
{
    const struct cut_params *p = leat_params(s);
    struct leat_list_range *ranges;
    int r = check(s);

    if (r < 0)
        return r;
    ranges = calloc(leat_list_most(list_of(p)), sizeof *ranges);
    if (!ranges)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    r = parse_list(s, ranges);
    free(ranges);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, line_end(p));
    if (ends_fields(p))
        leat_plan_nature(s, LEAT_HEAVY);
    else
        leat_plan_flags(s, LEAT_BY_LINE);
    if (!by_fields(p)) {
        leat_plan_framing(s, LEAT_BYTES);
        leat_plan_lines(s);
    }
    return 0;
}

static int cut_open(struct leat_stage *s)
{
    const struct cut_params *p = leat_params(s);
    struct cut *c = leat_state(s);
    int r;

    c->cut = settings(p);
    c->fast = leat_masks_fast();
    c->ranges = leat_alloc(s, leat_list_most(list_of(p)) * sizeof *c->ranges);
    if (!c->ranges)
        return LEAT_ENOMEM;
    r = parse_list(s, c->ranges);
    if (r < 0)
        return r;
    c->cut.ranges = c->ranges;
    c->cut.n_ranges = (size_t)r;
    return 0;
}

static void cut_close(struct leat_stage *s)
{
    struct cut *c = leat_state(s);

    leat_free(s, c->ranges);
    c->ranges = NULL;
}

/* --- lanes ------------------------------------------------------------------------------------ */

/* A block ends with a line. */
static int cut_at(struct leat_stage *s, const uint8_t *data, size_t len, bool end, size_t *ret_take)
{
    struct cut *c = leat_state(s);
    const uint8_t *last = memrchr(data, line_end(leat_params(s)), len);

    (void)end;
    *ret_take = last ? (size_t)(last - data) + 1 : len;
    c->block += *ret_take;
    if (!last || c->block < BLOCK)
        return 0;
    c->block = 0;
    return 1;
}

static const struct leat_lanes cut_lanes = {
    .cut = cut_at,
};

/* --- output ----------------------------------------------------------------------------------- */

static void put_later(struct cut *c, const char *text, size_t n)
{
    leat_assert(c->pending_len == 0);
    c->pending = text;
    c->pending_len = n;
}

/* Returns false if there is no room for all of it. */
static bool flush(struct cut *c, struct leat_out *out)
{
    size_t n = c->pending_len > 0 ? leat_write(out, c->pending, c->pending_len) : 0;

    c->pending += n;
    c->pending_len -= n;
    return c->pending_len == 0;
}

static void put_end(struct cut *c)
{
    put_later(c, c->cut.end ? "\n" : "", 1);
}

/* --- bytes ------------------------------------------------------------------------------------ */

static size_t run_bytes(void *arg, const uint8_t *lines, size_t n, uint8_t *to, size_t room)
{
    const struct cut *c = arg;

    leat_assert(room >= n * (1 + c->cut.between_len));
    return leat_cut_bytes(&c->cut, lines, n, to);
}

static void end_line(struct cut *c)
{
    put_end(c);
    c->count = c->range = 0;
    c->any = c->in_range = false;
}

/* Skips or outputs the next bytes of the line at the cursor. Returns false if there is no room. */
static bool stream(struct cut *c, struct leat_in *in, struct leat_out *out)
{
    const struct leat_list_range *r;
    const uint8_t *from = in->data + in->pos, *end = memchr(from, c->cut.end, in->len - in->pos);
    size_t left = end ? (size_t)(end - from) : in->len - in->pos, n;

    if (left == 0) {
        in->pos++;
        end_line(c);
        return true;
    }
    if (c->range < c->cut.n_ranges && c->ranges[c->range].to <= c->count) {
        c->range++;
        c->in_range = false;
        return true;
    }
    r = c->range < c->cut.n_ranges ? &c->ranges[c->range] : NULL;
    if (!r || r->from > c->count + 1) {
        n = r && r->from - 1 - c->count < left ? (size_t)(r->from - 1 - c->count) : left;
        in->pos += n;
        c->count += n;
        return true;
    }
    if (!c->in_range && c->any)
        put_later(c, c->cut.between, c->cut.between_len);
    c->in_range = c->any = true;
    if (!flush(c, out))
        return false;
    n = r->to - c->count < left ? (size_t)(r->to - c->count) : left;
    left = leat_pass(out, in, n);
    c->count += left;
    return left == n;
}

static int step_bytes(struct cut *c, struct leat_in *in, struct leat_out *out)
{
    const struct leat_line_map map = {
        .arg = c, .end = c->cut.end, .growth = 1 + c->cut.between_len, .run = run_bytes};

    for (;;) {
        if (!flush(c, out))
            return LEAT_MORE;
        if (in->pos == in->len) {
            if (!in->end)
                return LEAT_MORE;
            if (c->count == 0)
                return LEAT_END;
            end_line(c);
            continue;
        }
        if (c->count == 0) {
            size_t n = leat_line_map_batch(&map, in, out);

            in->pos += n;
            if (n > 0)
                continue;
        }
        if (!stream(c, in, out))
            return LEAT_MORE;
    }
}

/* --- fields that end where lines end ---------------------------------------------------------- */

static bool in_list(struct cut *c, uint64_t field)
{
    while (c->range < c->cut.n_ranges && c->ranges[c->range].to < field)
        c->range++;
    return c->range < c->cut.n_ranges && c->ranges[c->range].from <= field;
}

/* A single field that lacks its end is a line without a delimiter. */
static void begin_field(struct cut *c, const struct leat_in *in)
{
    const uint8_t *from = in->data + in->pos, *end = memchr(from, c->cut.end, in->len - in->pos);

    c->in_field = true;
    c->end_follows = end != NULL;
    c->field_left = end ? (size_t)(end - from) : in->len - in->pos;
    c->count++;
    if (c->count == 1 && !end)
        c->selected = !c->cut.only_delimited;
    else
        c->selected = in_list(c, c->count);
    if (c->selected && c->any)
        put_later(c, c->cut.between, c->cut.between_len);
    c->any = c->any || c->selected;
}

/* Returns false if more input or room is needed. */
static bool use_field(struct cut *c, struct leat_in *in, struct leat_out *out)
{
    size_t left = in->len - in->pos, n = c->field_left < left ? c->field_left : left;

    if (c->selected)
        n = leat_pass(out, in, n);
    else
        in->pos += n;
    c->field_left -= n;
    if (c->field_left > 0 || (c->end_follows && in->pos == in->len))
        return false;
    in->pos += c->end_follows;
    c->in_field = false;
    return true;
}

static int step_records(struct cut *c, struct leat_in *in, struct leat_out *out)
{
    for (;;) {
        if (!flush(c, out))
            return LEAT_MORE;
        if (in->pos == in->len && !c->in_field) {
            if (!in->end)
                return LEAT_MORE;
            if (c->ended || c->count == 0 || (c->count == 1 && c->cut.only_delimited && !c->any))
                return LEAT_END;
            put_end(c);
            c->ended = true;
            continue;
        }
        if (!c->in_field)
            begin_field(c, in);
        if (!flush(c, out) || !use_field(c, in, out))
            return LEAT_MORE;
    }
}

/* --- the stage -------------------------------------------------------------------------------- */

static size_t run_fields(void *arg, const uint8_t *lines, size_t n, uint8_t *to, size_t room)
{
    const struct cut *c = arg;

    return leat_cut_fields(&c->cut, lines, n, to, room, c->fast);
}

static int cut_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct cut_params *p = leat_params(s);
    struct cut *c = leat_state(s);
    struct leat_line_map map = {
        .arg = c, .end = c->cut.end, .growth = c->cut.between_len, .run = run_fields};

    if (!by_fields(p))
        return step_bytes(c, in, out);
    return ends_fields(p) ? step_records(c, in, out) : leat_line_map_step(&map, in, out);
}

#define AT(field) offsetof(struct cut_params, field)
static const struct leat_option cut_options[] = {
    {"fields", 'f', LEAT_OPT_LIST, AT(fields), .metavar = "LIST",
     .help = "output these fields, and lines without a delimiter as they are"},
    {"delimiter", 'd', LEAT_OPT_STRING, AT(delimiter), .metavar = "C",
     .help = "fields end at C, a byte or a character of UTF-8, instead of a tab; '': NUL"},
    {"only-delimited", 's', LEAT_OPT_FLAG, AT(only_delimited),
     .help = "drop lines without a delimiter"},
    {"bytes", 'b', LEAT_OPT_LIST, AT(bytes), .metavar = "LIST", .help = "output these bytes"},
    {"characters", 'c', LEAT_OPT_LIST, AT(chars), .metavar = "LIST", .help = "the same as -b"},
    {"complement", 0, LEAT_OPT_FLAG, AT(complement), .help = "output all that is not in LIST"},
    {"output-delimiter", 0, LEAT_OPT_STRING, AT(between), .metavar = "STRING",
     .help = "output STRING between fields instead of C, or between ranges of bytes; '': NUL"},
    {NULL, 'n', LEAT_OPT_FLAG, AT(no_split), .help = "has no effect, as in GNU cut"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_cut = {
    .name = "cut",
    .summary = "select fields or bytes of each line",
    .manual =
        "Outputs the fields or bytes of each line that a list names, in the order of the line and "
        "each only once, whatever the order of the list; fields 3,1 outputs them in the order of "
        "its list. The output is that of GNU cut in the C locale: a character of -c is a byte. "
        "Only -d may also be a character of UTF-8 with several bytes.\n\n"
        "A list has numbers from 1 and ranges, separated by commas: 2,5-7,9- or -3.\n\n"
        "Several threads work at once. With -f a line may be as long as a quarter of the memory "
        "limit, and at most 16 MiB; with -b of any length. If -d is the end of lines, the whole "
        "input is one line, and one thread works.",
    .examples = "cut -d ' ' -f 1,7\n"
                "cut -b 1-20\n"
                "cut -d, -f 2- --output-delimiter=' '\n"
                "cut -c 5 --complement",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct cut_params),
    .state_size = sizeof(struct cut),
    .options = cut_options,
    .lanes = &cut_lanes,
    .plan = cut_plan,
    .open = cut_open,
    .step = cut_step,
    .close = cut_close,
};
