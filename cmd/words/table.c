/* table.c - option tables as text, shared by help, manual page and completion. */

#include <inttypes.h>
#include <string.h>

#include "../cmd.h"

bool option_is_last(const struct leat_option *o)
{
    return !o->name && !o->short_name;
}

size_t each_choice(const char **at, const char **ret_choice)
{
    size_t n = strcspn(*at, "|");

    *ret_choice = *at;
    *at += n + ((*at)[n] == '|');
    return n;
}

static const char *metavar(const struct leat_option *o)
{
    return o->metavar ? o->metavar : "VALUE";
}

void option_label(struct buf *b, const struct leat_option *o)
{
    bool digits = o->short_name == LEAT_DIGITS, value = o->kind != LEAT_OPT_FLAG;

    if (digits)
        buf_add(b, "-%s", metavar(o));
    else if (o->short_name)
        buf_add(b, "-%c", o->short_name);
    if (o->short_name && o->name)
        buf_add(b, ", ");
    if (o->name)
        buf_add(b, "--%s", o->name);
    if (!value || (digits && !o->name))
        return;
    if (o->value_optional)
        buf_add(b, "[%s%s]", o->name ? "=" : "", metavar(o));
    else
        buf_add(b, "%s%s", o->name ? "=" : " ", metavar(o));
}

/* 65536 as 64K. */
static void add_size(struct buf *b, uint64_t bytes)
{
    static const char letters[] = " KMGTPE";
    size_t i = 0;

    while (bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    buf_add(b, "%" PRIu64 "%.*s", bytes, i > 0, &letters[i]);
}

static void add_figure(struct buf *b, const struct leat_option *o, int64_t v)
{
    if (o->kind == LEAT_OPT_SIZE)
        add_size(b, (uint64_t)v);
    else if (o->kind == LEAT_OPT_DURATION && v % 1000 == 0)
        buf_add(b, "%" PRId64 "s", v / 1000);
    else if (o->kind == LEAT_OPT_DURATION)
        buf_add(b, "%" PRId64 "ms", v);
    else
        buf_add(b, "%" PRId64, v);
}

static bool add_range(struct buf *b, const struct leat_option *o)
{
    const char *at = o->choices, *one;
    size_t n;

    if (o->kind == LEAT_OPT_ENUM) {
        for (bool first = true; (n = each_choice(&at, &one)) > 0; first = false)
            buf_add(b, "%s%.*s", first ? "" : *at ? ", " : " or ", (int)n, one);
        return true;
    }
    if ((o->kind != LEAT_OPT_INT && o->kind != LEAT_OPT_SIZE) || (o->min == 0 && o->max == 0))
        return false;
    add_figure(b, o, o->min);
    if (o->max == INT64_MAX) {
        buf_add(b, " or more");
        return true;
    }
    buf_add(b, " to ");
    add_figure(b, o, o->max);
    return true;
}

/* Is the default a sentinel, by which a stage sees that there is no limit or that the option is not
 * given? */
static bool stands_for_none(const struct leat_option *o)
{
    if (o->initial == INT64_MAX)
        return true;
    if (o->kind == LEAT_OPT_INT && (o->min != 0 || o->max != 0))
        return o->initial < o->min || o->initial > o->max;
    return o->initial < 0;
}

static bool add_default(struct buf *b, const struct leat_option *o, const char *separator)
{
    const char *at = o->choices, *one = "";
    size_t n = 0;

    if (o->kind == LEAT_OPT_STRING && o->text_default) {
        buf_add(b, "%sdefault %s", separator, o->text_default);
        return true;
    }
    if (o->kind == LEAT_OPT_ENUM) {
        for (int64_t i = 0; i <= o->initial; i++)
            n = each_choice(&at, &one);
        buf_add(b, "%sdefault %.*s", separator, (int)n, one);
        return true;
    }
    if (o->initial == 0 || o->kind == LEAT_OPT_FLAG || stands_for_none(o))
        return false;
    buf_add(b, "%sdefault ", separator);
    add_figure(b, o, o->initial);
    return true;
}

void option_notes(struct buf *b, const struct leat_option *o)
{
    struct buf notes = {.n = 0};
    bool any = add_range(&notes, o);

    if (add_default(&notes, o, any ? "; " : ""))
        any = true;
    if (any)
        buf_add(b, " (%s)", buf_text(&notes));
    if (notes.failed)
        b->failed = true;
    buf_free(&notes);
}

void stage_synopsis(struct buf *b, const struct leat_stage_type *t)
{
    buf_add(b, "%s", t->name);
    if (t->options && !option_is_last(t->options))
        buf_add(b, " [options]");
    if (t->operands)
        buf_add(b, t->operands_min > 0 || t->operands[0] == '[' ? " %s" : " [%s]", t->operands);
    if (t->branches_min == 0 && t->branches_max > 0)
        buf_add(b, " [ [ stages ] ]");
    for (unsigned i = 0; i < t->branches_min; i++)
        buf_add(b, t->branch_options ? " [ [options :] stages ]" : " [ stages ]");
    if (t->branches_max > t->branches_min && t->branches_max > 1)
        buf_add(b, " …");
}

const char *stage_kind(const struct leat_stage_type *t)
{
    if (t->missing)
        return "missing";
    switch (t->kind) {
    case LEAT_SOURCE:
    case LEAT_FAN_IN:
        return "readable";
    case LEAT_SINK:
        return "writable";
    case LEAT_BY_PLACE:
        return "any place";
    case LEAT_TRANSFORM:
        break;
    }
    return "transform";
}
