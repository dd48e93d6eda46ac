/* type_check.c - check a stage type that a program adds: can the engine run it?
 *
 * A wrong table is a fault of the program. It could cause a write outside the params, or a stage
 * that no text can name, so leat_registry_add refuses it, with a text that says what is wrong.
 */
#include "type_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"

#define OPTIONS_MAX 256u
#define OPTION_NAME_MAX 63u
#define PARAMS_MAX ((size_t)1 << 20)
#define STATE_MAX ((size_t)1 << 30)

/* All of enum leat_flags. */
#define FLAGS                                                                                      \
    (LEAT_PASS_THROUGH | LEAT_WANTS_ALL | LEAT_NO_STDOUT_TTY | LEAT_DROPS | LEAT_DETACHES |        \
     LEAT_PORTS_IN | LEAT_PARTS | LEAT_OPENS_LAST | LEAT_FLUSHES | LEAT_DECODES |                  \
     LEAT_WANTS_DECODED)

struct check {
    char *text;
    size_t size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct check *c, const char *format,
                                                         ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->text, c->size, format, args);
    va_end(args);
    return false;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Is it a word that never needs quotes and cannot be confused with an option? */
static bool is_name(const char *name, size_t n, size_t most)
{
    if (n == 0 || n > most || name[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(name[i]) && (name[i] == '\0' || !strchr("-_.+", name[i])))
            return false;
    return true;
}

static bool check_aliases(const struct check *c, const char *aliases)
{
    const char *p = aliases;

    while (p && *p) {
        size_t n = strcspn(p, " ");

        if (!is_name(p, n, LEAT_STAGE_NAME_MAX))
            return refuse(c, "an alias must be 1 to %u letters, digits, '-', '_', '.' or '+'",
                          LEAT_STAGE_NAME_MAX);
        p += n;
        p += strspn(p, " ");
    }
    return true;
}

/* The size of the value that the parser stores for an option of this kind; 0: unknown kind. */
static size_t size_of_kind(enum leat_opt_kind kind, size_t *ret_align)
{
#define OF(type) (*ret_align = _Alignof(type), sizeof(type))
    switch (kind) {
    case LEAT_OPT_FLAG:
    case LEAT_OPT_ENUM:
        return OF(int);
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
    case LEAT_OPT_DURATION:
        return OF(int64_t);
    case LEAT_OPT_COUNT:
        return OF(struct leat_count);
    case LEAT_OPT_STRING:
    case LEAT_OPT_SIDE:
        return OF(const char *);
    case LEAT_OPT_LIST:
        return OF(struct leat_strings);
    }
    return 0;
#undef OF
}

static const char *shown_name(const struct leat_option *o, char *buf, size_t size)
{
    if (o->name)
        snprintf(buf, size, "--%s", o->name);
    else
        snprintf(buf, size, "-%c", o->short_name);
    return buf;
}

static bool check_values(const struct check *c, const struct leat_option *o, const char *name)
{
    bool is_number = o->kind == LEAT_OPT_INT || o->kind == LEAT_OPT_SIZE;
    int64_t choices = 1;

    if (is_number && o->min > o->max)
        return refuse(c, "option %s: min is above max", name);
    if (o->kind != LEAT_OPT_ENUM)
        return true;
    if (!o->choices || !*o->choices)
        return refuse(c, "option %s: choices are missing", name);
    for (const char *p = o->choices; *p; p++)
        choices += *p == '|';
    if (o->initial < 0 || o->initial >= choices)
        return refuse(c, "option %s: initial is not one of the choices", name);
    return true;
}

static bool check_option(const struct check *c, const struct leat_option *o, size_t params_size)
{
    size_t align = 1, size = size_of_kind(o->kind, &align);
    char name[OPTION_NAME_MAX + 8];

    if (o->name && !is_name(o->name, strnlen(o->name, OPTION_NAME_MAX + 1), OPTION_NAME_MAX))
        return refuse(c,
                      "the name of an option must be 1 to %u letters, digits, '-', '_', '.' or "
                      "'+'",
                      OPTION_NAME_MAX);
    if (o->short_name && !is_alnum(o->short_name) && o->short_name != LEAT_DIGITS)
        return refuse(c, "a short option must be a letter or a digit");
    shown_name(o, name, sizeof name);
    if (size == 0)
        return refuse(c, "option %s: %d is not a kind", name, (int)o->kind);
    if (o->offset > params_size || size > params_size - o->offset)
        return refuse(c, "option %s: %zu bytes at offset %zu are outside of params_size %zu", name,
                      size, o->offset, params_size);
    if (o->offset % align != 0)
        return refuse(c, "option %s: offset %zu is not a multiple of %zu", name, o->offset, align);
    return check_values(c, o, name);
}

static bool is_last(const struct leat_option *o)
{
    return !o->name && !o->short_name;
}

static bool same(const struct leat_option *a, const struct leat_option *b)
{
    return (a->name && b->name && strcmp(a->name, b->name) == 0) ||
           (a->short_name && a->short_name == b->short_name);
}

static bool check_options(const struct check *c, const struct leat_option *options,
                          size_t params_size)
{
    char name[OPTION_NAME_MAX + 8];

    if (params_size > PARAMS_MAX)
        return refuse(c, "params_size is above %zu", PARAMS_MAX);
    for (size_t i = 0; options && !is_last(&options[i]); i++) {
        if (i == OPTIONS_MAX)
            return refuse(c, "more than %u options: is the {0} at the end missing?", OPTIONS_MAX);
        if (!check_option(c, &options[i], params_size))
            return false;
        for (size_t j = 0; j < i; j++)
            if (same(&options[i], &options[j]))
                return refuse(c, "option %s is there twice",
                              shown_name(&options[i], name, sizeof name));
    }
    return true;
}

static bool check_blocking(const struct check *c, const struct leat_stage_type *type)
{
    if (!type->run || type->kind == LEAT_FAN_IN)
        return refuse(c, "a blocking stage is a source, a transform or a sink, and has run");
    if (type->step)
        return refuse(c, "a blocking stage has run instead of step");
    if (type->flags & LEAT_FLUSHES)
        return refuse(c, "a blocking stage cannot flush");
    if (type->kind == LEAT_TRANSFORM || type->flags & LEAT_PARTS)
        return !type->stop || refuse(c, "a blocking transform, or one with parts, has no stop");
    if (type->alarm || type->watch)
        return refuse(c, "a blocking source or sink has no alarm and no watch");
    return true;
}

/* How the engine runs a stage of this type. */
static bool check_run(const struct check *c, const struct leat_stage_type *type)
{
    if (type->state_size > STATE_MAX)
        return refuse(c, "state_size is above %zu", STATE_MAX);
    if (type->kind < LEAT_SOURCE || type->kind > LEAT_FAN_IN)
        return refuse(c, "%d is not a kind", (int)type->kind);
    if (type->nature < LEAT_LIGHT || type->nature > LEAT_BLOCKING)
        return refuse(c, "%d is not a nature", (int)type->nature);
    if (type->framing != LEAT_BYTES && type->framing != LEAT_LINES)
        return refuse(c, "%d is not a framing", (int)type->framing);
    if (type->flags & ~(unsigned)FLAGS)
        return refuse(c, "0x%x are no flags", type->flags & ~(unsigned)FLAGS);
    if (type->flags & LEAT_PARTS && type->kind != LEAT_SINK)
        return refuse(c, "a stage with parts is a sink");
    if (type->nature == LEAT_PARALLEL && (!type->lanes || type->kind != LEAT_TRANSFORM))
        return refuse(c, "a parallel stage is a transform and has split");
    if (type->nature == LEAT_PARALLEL && type->lanes->merge && !type->lanes->join)
        return refuse(c, "merge needs join");
    if (type->nature == LEAT_BLOCKING)
        return check_blocking(c, type);
    if (type->run)
        return refuse(c, "only a blocking stage has run");
    return type->step || refuse(c, "step is missing");
}

/* A type of a stage by place. The text names its place first. */
static bool check_one_place(const struct check *c, const char *place,
                            const struct leat_stage_type *type, enum leat_kind kind)
{
    size_t n = (size_t)snprintf(c->text, c->size, "%s: ", place);
    const struct check rest = {c->text + n, c->size - n};

    leat_assert(n < c->size);
    if (type && type->kind != kind)
        return refuse(&rest, "it must be a %s",
                      kind == LEAT_SOURCE ? "source"
                      : kind == LEAT_SINK ? "sink"
                                          : "transform");
    if (type && type->flags & LEAT_PARTS)
        return refuse(&rest, "a stage by place has no parts");
    if (type && !check_run(&rest, type))
        return false;
    c->text[0] = '\0';
    return true;
}

static bool check_places(const struct check *c, const struct leat_stage_type *type)
{
    if (!type->first && !type->last && !type->middle_in)
        return refuse(c, "a stage by place needs first, last or middle_in");
    return check_one_place(c, "first", type->first, LEAT_SOURCE) &&
           check_one_place(c, "last", type->last, LEAT_SINK) &&
           check_one_place(c, "middle_in", type->middle_in,
                           type->middle_out ? LEAT_SINK : LEAT_TRANSFORM) &&
           check_one_place(c, "middle_out", type->middle_out, LEAT_SOURCE);
}

bool leat_type_is_sound(const struct leat_stage_type *type, char *text, size_t size)
{
    const struct check c = {text, size};

    if (!type || !type->name)
        return refuse(&c, "the name is missing");
    if (!is_name(type->name, strnlen(type->name, LEAT_STAGE_NAME_MAX + 1), LEAT_STAGE_NAME_MAX))
        return refuse(&c,
                      "a name must be 1 to %u letters, digits, '-', '_', '.' or '+', and not "
                      "begin with '-'",
                      LEAT_STAGE_NAME_MAX);
    if (type->operands_min > type->operands_max)
        return refuse(&c, "%s: operands_min is above operands_max", type->name);
    if (type->branches_min > type->branches_max)
        return refuse(&c, "%s: branches_min is above branches_max", type->name);
    return (type->kind == LEAT_BY_PLACE ? check_places(&c, type) : check_run(&c, type)) &&
           check_aliases(&c, type->aliases) &&
           check_options(&c, type->options, type->params_size) &&
           check_options(&c, type->branch_options, type->branch_params_size);
}
