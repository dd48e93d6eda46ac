/* option_check.c - check the options table of a stage type that a program adds.
 *
 * The parser writes values into the params by this table, so a wrong offset or kind would be a write
 * outside of them, or a number where the stage expects a pointer.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "type_check.h"

#define OPTIONS_MAX 256u
#define OPTION_NAME_MAX 63u
#define HELP_MAX 200u
#define CHOICES_MAX 1000u

#define refuse leat_type_refuse

/* One option, and its name for the text. */
struct option {
    const struct leat_option *o;
    const char *what;
    char name[OPTION_NAME_MAX + 8];
    size_t size; /* of its value */
};

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

static bool is_last(const struct leat_option *o)
{
    return !o->name && !o->short_name;
}

static bool is_number(enum leat_opt_kind kind)
{
    return kind == LEAT_OPT_INT || kind == LEAT_OPT_SIZE;
}

static bool check_name(const struct leat_type_check *c, struct option *x)
{
    const struct leat_option *o = x->o;
    char letter = o->short_name;

    if (o->name && !leat_type_name(o->name, strnlen(o->name, OPTION_NAME_MAX + 1), OPTION_NAME_MAX))
        return refuse(c,
                      "the name of an option must be 1 to %u letters, digits, '-', '_', '.' or "
                      "'+'",
                      OPTION_NAME_MAX);
    if (letter && letter != LEAT_DIGITS &&
        (!leat_type_name(&letter, 1, 1) || strchr("_.+", letter)))
        return refuse(c, "a short option must be a letter or a digit");
    if (o->name)
        snprintf(x->name, sizeof x->name, "--%s", o->name);
    else
        snprintf(x->name, sizeof x->name, "-%c", o->short_name);
    return true;
}

static bool check_place(const struct leat_type_check *c, struct option *x, size_t params_size)
{
    const struct leat_option *o = x->o;
    size_t align = 1;

    x->size = size_of_kind(o->kind, &align);
    if (x->size == 0)
        return refuse(c, "%s %s: %d is not a kind", x->what, x->name, (int)o->kind);
    if (o->offset > params_size || x->size > params_size - o->offset)
        return refuse(c, "%s %s: %zu bytes at offset %zu are outside of params_size %zu", x->what,
                      x->name, x->size, o->offset, params_size);
    if (o->offset % align != 0)
        return refuse(c, "%s %s: offset %zu is not a multiple of %zu", x->what, x->name, o->offset,
                      align);
    return true;
}

static bool check_choices(const struct leat_type_check *c, const struct option *x, int64_t *ret_n)
{
    const char *all = x->o->choices;

    *ret_n = 0;
    for (const char *p = all; p; p = strchr(p, '|')) {
        size_t n;

        p += *ret_n > 0;
        n = strcspn(p, "|");
        if (!leat_type_name(p, n, OPTION_NAME_MAX))
            return refuse(c, "%s %s: choices are names of letters and digits, as in block|drop",
                          x->what, x->name);
        for (const char *q = all; q < p; q += strcspn(q, "|") + 1)
            if (strcspn(q, "|") == n && memcmp(q, p, n) == 0)
                return refuse(c, "%s %s: choices has %.*s twice", x->what, x->name, (int)n, p);
        if (++*ret_n > (int64_t)CHOICES_MAX)
            return refuse(c, "%s %s: choices are too many", x->what, x->name);
    }
    return true;
}

/* May the option have this value, as its default or as the one without a value? */
static bool is_in_range(const struct leat_option *o, int64_t value, int64_t n_choices)
{
    switch (o->kind) {
    case LEAT_OPT_FLAG:
        return value >= INT_MIN && value <= INT_MAX;
    case LEAT_OPT_ENUM:
        return value >= 0 && value < n_choices;
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
        if (o->min == 0 && o->max == 0)
            return value >= 0;
        return value >= o->min && value <= o->max;
    case LEAT_OPT_DURATION:
        return value >= 0 && value <= (int64_t)LEAT_DURATION_MAX_MS;
    case LEAT_OPT_COUNT:
        return value >= 0;
    case LEAT_OPT_STRING:
    case LEAT_OPT_SIDE:
    case LEAT_OPT_LIST:
        break;
    }
    return value == 0;
}

static bool check_values(const struct leat_type_check *c, const struct option *x)
{
    const struct leat_option *o = x->o;
    int64_t choices = 0;

    if (is_number(o->kind) && o->min > o->max)
        return refuse(c, "%s %s: min is above max", x->what, x->name);
    if (!is_number(o->kind) && (o->min != 0 || o->max != 0))
        return refuse(c, "%s %s: min and max are for LEAT_OPT_INT and LEAT_OPT_SIZE", x->what,
                      x->name);
    if (o->kind == LEAT_OPT_SIZE && o->min < 0)
        return refuse(c, "%s %s: min: a size is not negative", x->what, x->name);
    if ((o->kind == LEAT_OPT_ENUM) != (o->choices != NULL))
        return refuse(c, "%s %s: choices are for LEAT_OPT_ENUM, which needs them", x->what,
                      x->name);
    if (!check_choices(c, x, &choices))
        return false;
    /* 0 is a default for an option that was not given, in or out of its range. */
    if (o->initial != 0 && !is_in_range(o, o->initial, choices))
        return refuse(c, "%s %s: initial is %s", x->what, x->name,
                      choices ? "not one of the choices" : "not a value of the option");
    if (o->value_optional && !is_in_range(o, o->value, choices))
        return refuse(c, "%s %s: value is not a value of the option", x->what, x->name);
    if (o->value != 0 && o->kind != LEAT_OPT_FLAG && !o->value_optional)
        return refuse(c, "%s %s: value is for LEAT_OPT_FLAG or value_optional", x->what, x->name);
    return !o->text_default || o->kind == LEAT_OPT_STRING || o->kind == LEAT_OPT_SIDE ||
           refuse(c, "%s %s: text_default is for LEAT_OPT_STRING", x->what, x->name);
}

static bool check_words(const struct leat_type_check *c, const struct option *x)
{
    const struct leat_option *o = x->o;
    char what[sizeof x->name + 40];

    if (o->short_name == LEAT_DIGITS && !is_number(o->kind) && o->kind != LEAT_OPT_COUNT)
        return refuse(c, "%s %s: short_name: LEAT_DIGITS is for numbers", x->what, x->name);
    if (o->value_optional && (o->kind == LEAT_OPT_FLAG || !o->name))
        return refuse(c, "%s %s: value_optional is for a long option with a value", x->what,
                      x->name);
    if (o->kind == LEAT_OPT_FLAG && o->metavar)
        return refuse(c, "%s %s: metavar: a flag has no value", x->what, x->name);
    snprintf(what, sizeof what, "%s %s: metavar", x->what, x->name);
    if (!leat_type_text(c, what, o->metavar, HELP_MAX, false))
        return false;
    snprintf(what, sizeof what, "%s %s: help", x->what, x->name);
    return leat_type_text(c, what, o->help, HELP_MAX, false);
}

/* May two options write to the same place? A flag may stand for a number, as --fast for --level. */
static bool may_share(enum leat_opt_kind a, enum leat_opt_kind b)
{
    bool flag = a == LEAT_OPT_FLAG || b == LEAT_OPT_FLAG;
    enum leat_opt_kind other = a == LEAT_OPT_FLAG ? b : a;

    return a == b || (flag && (other == LEAT_OPT_INT || other == LEAT_OPT_ENUM)) ||
           (a == LEAT_OPT_STRING && b == LEAT_OPT_SIDE) ||
           (a == LEAT_OPT_SIDE && b == LEAT_OPT_STRING);
}

static bool check_pair(const struct leat_type_check *c, const struct option *x,
                       const struct leat_option *before)
{
    const struct leat_option *o = x->o;
    size_t align, size = size_of_kind(before->kind, &align);

    if ((o->name && before->name && strcmp(o->name, before->name) == 0) ||
        (o->short_name && o->short_name == before->short_name))
        return refuse(c, "%s %s is there twice", x->what, x->name);
    if (o->offset == before->offset
            ? may_share(o->kind, before->kind)
            : o->offset >= before->offset + size || before->offset >= o->offset + x->size)
        return true;
    return refuse(c, "%s %s: offset %zu is in the value of another option, of another kind",
                  x->what, x->name, o->offset);
}

bool leat_type_options(const struct leat_type_check *c, const char *what,
                       const struct leat_option *options, size_t params_size)
{
    for (size_t i = 0; options && !is_last(&options[i]); i++) {
        struct option x = {.o = &options[i], .what = what};

        if (i == OPTIONS_MAX)
            return refuse(c, "more than %u options: is the {0} at the end missing?", OPTIONS_MAX);
        if (!check_name(c, &x) || !check_place(c, &x, params_size) || !check_values(c, &x) ||
            !check_words(c, &x))
            return false;
        for (size_t j = 0; j < i; j++)
            if (!check_pair(c, &x, &options[j]))
                return false;
    }
    return true;
}
