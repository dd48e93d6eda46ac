/* fields.c - selects fields of each line, in the order of the list.
 *
 * Lines are independent, so they are selected in lanes; the work on memory is in fields_lines.h.
 */

#include "fields_lines.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "line_map.h"
#include "masks.h"
#include "stage.h"

struct fields_params {
    const char *separator, *between;
    int zero;
    struct leat_count last; /* -N */
};

struct fields {
    struct leat_fields fields;
    struct leat_fields_item *items;
    bool fast;
};

static uint8_t line_end(const struct fields_params *p)
{
    return p->zero ? '\0' : '\n';
}

/* `fields -2` has no operand: its list is the option. */
static int parse(struct leat_stage *s, struct leat_fields_item *items)
{
    const struct fields_params *p = leat_params(s);
    const struct leat_strings *operands = leat_operands(s);
    char why[160] = "";
    int r;

    if (operands->n == 0) {
        items[0].from = items[0].to = -(int64_t)p->last.number;
        items[0].is_range = false;
        return 1;
    }
    r = leat_fields_list_parse(operands->v[0], items, why, sizeof why);
    return r < 0 ? leat_fail(s, r, "%s", why) : r;
}

static size_t items_most(struct leat_stage *s)
{
    const struct leat_strings *operands = leat_operands(s);

    return operands->n > 0 ? leat_fields_list_most(operands->v[0]) : 1;
}

static int fields_plan(struct leat_stage *s)
{
    const struct fields_params *p = leat_params(s);
    struct leat_fields_item *items;
    int r;

    if (leat_operands(s)->n + p->last.given != 1)
        return leat_fail(s, LEAT_EUSAGE,
                         "needs one list of fields, such as 3,1; a list that begins with a minus "
                         "comes after --");
    if (p->last.given && (p->last.number == 0 || p->last.number > INT64_MAX / 16))
        return leat_fail(s, LEAT_EUSAGE, "-N is the N-th field from the end, and N at least 1");
    if (p->separator && !*p->separator)
        return leat_fail(s, LEAT_EUSAGE,
                         "the separator is empty; without -d fields are separated "
                         "by blanks");
    if (p->separator && memchr(p->separator, line_end(p), strlen(p->separator)))
        return leat_fail(s, LEAT_EUSAGE, "the separator ends lines, so no line contains it");
    items = calloc(items_most(s), sizeof *items);
    if (!items)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    r = parse(s, items);
    free(items);
    if (r < 0)
        return r;
    leat_plan_delimiter(s, line_end(p));
    return 0;
}

static int fields_open(struct leat_stage *s)
{
    const struct fields_params *p = leat_params(s);
    struct fields *f = leat_state(s);
    int r;

    f->items = leat_alloc(s, items_most(s) * sizeof *f->items);
    if (!f->items)
        return LEAT_ENOMEM;
    r = parse(s, f->items);
    if (r < 0)
        return r;
    f->fast = leat_masks_fast();
    f->fields = (struct leat_fields){
        .items = f->items,
        .n_items = (size_t)r,
        .end = line_end(p),
        .separator = p->separator,
        .separator_len = p->separator ? strlen(p->separator) : 0,
        .between = p->between,
        .between_len = strlen(p->between),
    };
    leat_fields_init(&f->fields);
    return 0;
}

static void fields_close(struct leat_stage *s)
{
    struct fields *f = leat_state(s);

    leat_free(s, f->items);
    f->items = NULL;
}

static size_t run(void *arg, const uint8_t *lines, size_t n, uint8_t *to, size_t room)
{
    const struct fields *f = arg;

    return leat_fields_lines(&f->fields, lines, n, to, room, f->fast);
}

static int fields_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct fields *f = leat_state(s);
    const struct leat_line_map map = {
        .arg = f, .end = f->fields.end, .growth = f->fields.growth, .run = run};

    return leat_line_map_step(&map, in, out);
}

static const struct leat_lanes fields_lanes = {
    .block = 0,
};

#define AT(field) offsetof(struct fields_params, field)
static const struct leat_option fields_options[] = {
    {"delimiter", 'd', LEAT_OPT_STRING, AT(separator), .metavar = "SEP",
     .help = "each SEP, a byte or a string, ends a field, instead of runs of blanks"},
    {"field-separator", 'F', LEAT_OPT_STRING, AT(separator), .metavar = "SEP",
     .help = "the same as -d"},
    {"output-delimiter", 'o', LEAT_OPT_STRING, AT(between), .metavar = "SEP", .text_default = " ",
     .help = "comes between fields in the output"},
    {NULL, LEAT_DIGITS, LEAT_OPT_COUNT, AT(last), .metavar = "N",
     .help = "instead of LIST: the N-th field from the end"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_fields = {
    .name = "fields",
    .summary = "output fields of each line in any order",
    .operands = "LIST",
    .operands_max = 1,
    .manual =
        "Outputs the fields of each line that a list names, in the order of the list, also more "
        "than once. Fields are what awk takes for fields: between runs of blanks (blanks and tabs, "
        "with -z newlines too), where those at the begin and the end of the line do not count; or "
        "with -d what is between two separators, which is empty if one follows another. Between "
        "fields the output has one blank, or that of -o.\n\n"
        "A list has numbers from 1, separated by commas. -1 is the last field, -2 the one before "
        "it. 2:4 or 2-4 are the fields 2 to 4, 3: all from the third one on, :-2 all but the last "
        "one. A field that the line does not have is empty; of a range only the fields that there "
        "are are output. A list that begins with a minus comes after --.\n\n"
        "Several threads work at once. A line may be as long as a quarter of the memory limit, and "
        "at most 16 MiB.",
    .examples = "fields 3,1,-1\n"
                "fields 7 : head -n 3\n"
                "fields -d ';' -o ';' 2:4,1\n"
                "fields -1\n"
                "fields -- -2,1",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_PARALLEL,
    .framing = LEAT_LINES,
    .flags = LEAT_BY_LINE,
    .params_size = sizeof(struct fields_params),
    .state_size = sizeof(struct fields),
    .options = fields_options,
    .lanes = &fields_lanes,
    .plan = fields_plan,
    .open = fields_open,
    .step = fields_step,
    .close = fields_close,
};
