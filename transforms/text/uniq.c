/* uniq.c - drops, counts or shows lines that repeat the line before them.
 *
 * The line that the next one is compared with stays in the input while a step runs; at the end of the step it is copied
 * to a buffer of the stage. All that is output for a line is output before the line is consumed, so a step that runs
 * out of room begins with the same line again.
 */

#include <stddef.h>
#include <string.h>

#include "base/invariant.h"
#include "masks.h"
#include "stage.h"
#include "uniq_key.h"

#define HELD_FIRST ((size_t)4096)
#define COUNT_MAX ((size_t)24) /* bytes of a count, with the blank after it */

/* As the choices of --all-repeated and --group. */
enum all_repeated { ALL_NO, ALL_NONE, ALL_PREPEND, ALL_SEPARATE };
enum group { GROUP_NO, GROUP_SEPARATE, GROUP_PREPEND, GROUP_APPEND, GROUP_BOTH };

struct uniq_params {
    int count, repeated, unique, ignore_case, zero;
    int all_repeated, group;
    int64_t skip_fields, skip_bytes, compare_bytes;
};

/* Without its end. */
struct line {
    const uint8_t *bytes, *key;
    size_t len, key_len;
};

struct uniq {
    struct line before; /* bytes NULL: there is none */
    uint64_t repeats;   /* of the group so far, its first line not counted */
    bool any_group;     /* -D: a group was output. --group: a line was output */
    bool ended;
    uint8_t *held; /* the bytes of `before` between steps */
    size_t held_size;
    uint8_t end;
    bool fast;                 /* leat_masks_fast() */
    bool shows_first;          /* lines are output as they come */
    bool first, later, unique; /* which lines of a group are output; lines without repeats */

    uint8_t *to; /* room, of which `made` bytes are written */
    size_t room, made;
};

/* --- comparing -------------------------------------------------------------------------------- */

static void find_key(const struct uniq_params *p, struct line *line, bool fast)
{
    const uint8_t *at = line->bytes, *end = at + line->len;
    size_t left;

    if (p->skip_fields > 0)
        at = leat_uniq_skip(at, end, (uint64_t)p->skip_fields, fast);
    left = (size_t)(end - at);
    at += (uint64_t)p->skip_bytes < left ? (size_t)p->skip_bytes : left;
    left = (size_t)(end - at);
    line->key = at;
    line->key_len = p->compare_bytes >= 0 && (uint64_t)p->compare_bytes < left
                        ? (size_t)p->compare_bytes
                        : left;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

static bool equal(const struct uniq_params *p, const struct line *a, const struct line *b)
{
    if (a->key_len != b->key_len)
        return false;
    if (!p->ignore_case)
        return memcmp(a->key, b->key, a->key_len) == 0;
    for (size_t i = 0; i < a->key_len; i++)
        if (lower(a->key[i]) != lower(b->key[i]))
            return false;
    return true;
}

/* --- output ----------------------------------------------------------------------------------- */

static void commit(struct uniq *u, struct leat_out *out)
{
    leat_assert(u->made <= u->room);
    if (u->made > 0)
        leat_commit(out, u->made);
    u->room = u->made = 0;
}

/* Makes room for n bytes. Returns false if there is none now. */
static bool need(struct uniq *u, struct leat_out *out, size_t n)
{
    if (u->room - u->made >= n)
        return true;
    commit(u, out);
    u->room = leat_reserve_least(out, n, &u->to);
    return u->room >= n;
}

static void put(struct uniq *u, const void *from, size_t n)
{
    leat_assert(n <= u->room - u->made);
    memcpy(u->to + u->made, from, n);
    u->made += n;
}

static void put_end(struct uniq *u)
{
    put(u, &u->end, 1);
}

static void put_line(struct uniq *u, const struct line *line)
{
    put(u, line->bytes, line->len);
    put_end(u);
}

/* The number is at least seven characters wide. */
static void put_count(struct uniq *u, uint64_t n)
{
    char text[COUNT_MAX];
    size_t at = sizeof text;

    text[--at] = ' ';
    do
        text[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    while (sizeof text - at < 8)
        text[--at] = ' ';
    put(u, text + at, sizeof text - at);
}

/* Outputs the line before, if it is wanted. `goes_on`: the next line repeats it. */
static void put_before(struct uniq *u, const struct uniq_params *p, bool goes_on)
{
    if (!(u->repeats == 0 ? u->unique : goes_on ? u->later : u->first))
        return;
    if (p->count)
        put_count(u, u->repeats + 1);
    put_line(u, &u->before);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Only the first line of each group, or with --group all lines. */
static bool show_first(struct uniq *u, const struct uniq_params *p, const struct line *line,
                       struct leat_out *out)
{
    bool is_new = !u->before.bytes || !equal(p, &u->before, line);

    if (!is_new && p->group == GROUP_NO)
        return true;
    if (!need(u, out, line->len + 2))
        return false;
    if (is_new && p->group != GROUP_NO &&
        (p->group == GROUP_PREPEND || p->group == GROUP_BOTH || u->any_group))
        put_end(u);
    put_line(u, line);
    u->before = *line;
    u->any_group = true;
    return true;
}

/* The line before can be output when it is known whether this one repeats it. */
static bool show_before(struct uniq *u, const struct uniq_params *p, const struct line *line,
                        struct leat_out *out)
{
    bool repeats;

    if (!u->before.bytes) {
        u->before = *line;
        return true;
    }
    repeats = equal(p, &u->before, line);
    if (repeats && !u->later) {
        u->repeats++;
        return true;
    }
    if (!need(u, out, u->before.len + 2 + COUNT_MAX))
        return false;
    u->repeats += repeats;
    if (repeats && u->repeats == 1) {
        if (p->all_repeated == ALL_PREPEND || (p->all_repeated == ALL_SEPARATE && u->any_group))
            put_end(u);
    } else if (!repeats && u->repeats > 0) {
        u->any_group = true;
    }
    put_before(u, p, repeats);
    u->before = *line;
    if (!repeats)
        u->repeats = 0;
    return true;
}

/* At the end of the input. Returns false if there is no room. */
static bool finish(struct uniq *u, const struct uniq_params *p, struct leat_out *out)
{
    if (u->ended || !u->before.bytes)
        return true;
    if (!need(u, out, u->before.len + 2 + COUNT_MAX))
        return false;
    if (!u->shows_first)
        put_before(u, p, false);
    else if (p->group == GROUP_APPEND || p->group == GROUP_BOTH)
        put_end(u);
    u->ended = true;
    return true;
}

/* Copies the line before from the input to the buffer. */
static int hold(struct leat_stage *s, struct uniq *u)
{
    size_t key = (size_t)(u->before.key - u->before.bytes), size;

    if (!u->before.bytes || u->before.bytes == u->held)
        return 0;
    if (!u->held || u->before.len > u->held_size) {
        size = u->held_size > 0 ? u->held_size : HELD_FIRST;
        while (size < u->before.len)
            size *= 2;
        leat_free(s, u->held);
        u->held_size = 0;
        u->held = leat_alloc_raw(s, size);
        if (!u->held)
            return LEAT_ENOMEM;
        u->held_size = size;
    }
    memcpy(u->held, u->before.bytes, u->before.len);
    u->before.bytes = u->held;
    u->before.key = u->held + key;
    return 0;
}

/* --- the stage -------------------------------------------------------------------------------- */

static int uniq_plan(struct leat_stage *s)
{
    const struct uniq_params *p = leat_params(s);

    if (p->group != GROUP_NO && (p->count || p->repeated || p->unique || p->all_repeated))
        return leat_fail(s, LEAT_EUSAGE,
                         "--group shows all lines, so -c, -d, -D and -u are not "
                         "allowed with it");
    if (p->count && p->all_repeated)
        return leat_fail(s, LEAT_EUSAGE,
                         "-c shows one line of a group, and -D all of them; only "
                         "one of them can be given");
    leat_plan_delimiter(s, p->zero ? '\0' : '\n');
    return 0;
}

static int uniq_open(struct leat_stage *s)
{
    const struct uniq_params *p = leat_params(s);
    struct uniq *u = leat_state(s);

    u->end = p->zero ? '\0' : '\n';
    u->fast = leat_masks_fast();
    u->unique = !p->repeated && !p->all_repeated;
    u->first = !p->unique;
    u->later = p->all_repeated != ALL_NO;
    u->shows_first = u->unique && u->first && !p->count;
    return 0;
}

static void uniq_close(struct leat_stage *s)
{
    struct uniq *u = leat_state(s);

    leat_free(s, u->held);
    u->held = NULL;
}

static bool use_line(struct uniq *u, const struct uniq_params *p, struct leat_in *in,
                     struct leat_out *out)
{
    const uint8_t *from = in->data + in->pos, *end = memchr(from, u->end, in->len - in->pos);
    struct line line = {.bytes = from, .len = end ? (size_t)(end - from) : in->len - in->pos};

    find_key(p, &line, u->fast);
    if (!(u->shows_first ? show_first(u, p, &line, out) : show_before(u, p, &line, out)))
        return false;
    in->pos += line.len + (end != NULL);
    return true;
}

static int uniq_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    const struct uniq_params *p = leat_params(s);
    struct uniq *u = leat_state(s);
    bool room = true, done;
    int r;

    while (room && in->pos < in->len)
        room = use_line(u, p, in, out);
    done = room && in->end && finish(u, p, out);
    commit(u, out);
    if (done)
        return LEAT_END;
    r = hold(s, u);
    return r < 0 ? r : LEAT_MORE;
}

#define AT(field) offsetof(struct uniq_params, field)
static const struct leat_option uniq_options[] = {
    {"count", 'c', LEAT_OPT_FLAG, AT(count),
     .help = "output before each line how often it came, seven characters wide"},
    {"repeated", 'd', LEAT_OPT_FLAG, AT(repeated),
     .help = "only lines that are repeated, each once"},
    {"unique", 'u', LEAT_OPT_FLAG, AT(unique), .help = "only lines that are not repeated"},
    {NULL, 'D', LEAT_OPT_FLAG, AT(all_repeated), .value = ALL_NONE,
     .help = "only lines that are repeated, all of them"},
    {"all-repeated", 0, LEAT_OPT_ENUM, AT(all_repeated), .metavar = "METHOD",
     .choices = "no|none|prepend|separate", .value_optional = true, .value = ALL_NONE,
     .help = "the same as -D, with an empty line before each group, or between groups"},
    {"group", 0, LEAT_OPT_ENUM, AT(group), .metavar = "METHOD",
     .choices = "no|separate|prepend|append|both", .value_optional = true, .value = GROUP_SEPARATE,
     .help = "all lines, with an empty line between groups, or before or after each"},
    {"ignore-case", 'i', LEAT_OPT_FLAG, AT(ignore_case),
     .help = "ignore case for the letters A to Z"},
    {"skip-fields", 'f', LEAT_OPT_INT, AT(skip_fields), .metavar = "N", .max = INT64_MAX,
     .help = "do not compare the first N fields, which are blanks and then other bytes"},
    {"skip-chars", 's', LEAT_OPT_INT, AT(skip_bytes), .metavar = "N", .max = INT64_MAX,
     .help = "do not compare the N bytes after these fields"},
    {"check-chars", 'w', LEAT_OPT_INT, AT(compare_bytes), .metavar = "N", .min = -1,
     .max = INT64_MAX, .initial = -1, .help = "compare at most N bytes; -1: all"},
    {"zero-terminated", 'z', LEAT_OPT_FLAG, AT(zero), .help = "lines end with a NUL byte"},
    {0},
};

const struct leat_stage_type leat_stage_uniq = {
    .name = "uniq",
    .summary = "drop or count lines that repeat the line before",
    .manual =
        "Outputs one line of each group of equal lines that follow one another, or those that the "
        "options select. The output is that of GNU uniq in the C locale: a character is a byte, "
        "and the line that stands for a group is its first one.\n\n"
        "Equal lines that are apart are not found: distinct drops those, and freq counts them.\n\n"
        "A line may be as long as a quarter of the memory limit, and at most 16 MiB. The last line "
        "before is kept in memory, and nothing else.",
    .examples = "uniq\n"
                "uniq -c\n"
                "uniq -d -f 1\n"
                "uniq --group=both -w 10",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_HEAVY,
    .framing = LEAT_LINES,
    .params_size = sizeof(struct uniq_params),
    .state_size = sizeof(struct uniq),
    .options = uniq_options,
    .plan = uniq_plan,
    .open = uniq_open,
    .step = uniq_step,
    .close = uniq_close,
};
