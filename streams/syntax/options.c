/* options.c - parse the words of a stage by its options table, to params and operands, or an error.
 *
 * It knows tables only, no stage. Params and operands point into the arguments, which live in the
 * tree's arena.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

#define DIGITS_MAX 20u /* of a LEAT_DIGITS option: more do not fit in 64 bits */

struct parse {
    const struct leat_stage_type *type;
    struct leat_arena *arena;
    const struct leat_strings *args;
    size_t next; /* the next argument; the current one is next - 1 */
    char *params;
    const char **operands;
    size_t n_operands;
    struct leat_error *error;
};

/* The current option as the user wrote it, for messages: "-n", "--lines", "-19". */
struct spelling {
    char text[48];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The current argument is wrong; the message is set already. */
static int fail_here(struct parse *p, int code)
{
    if (p->error)
        p->error->offset = p->next;
    return code;
}

/* --- the table -------------------------------------------------------------------------------- */

/* The table, or an empty one; an all-zero entry ends it. */
static const struct leat_option *table(const struct leat_stage_type *type)
{
    static const struct leat_option none[1];

    return type->options ? type->options : none;
}

static bool is_last(const struct leat_option *o)
{
    return !o->name && !o->short_name;
}

static const struct leat_option *find_short(const struct leat_stage_type *type, char c)
{
    const struct leat_option *digits = NULL, *o;

    for (o = table(type); !is_last(o); o++) {
        if (o->short_name == c && c != LEAT_DIGITS)
            return o;
        if (o->short_name == LEAT_DIGITS)
            digits = o;
    }
    return is_digit(c) ? digits : NULL;
}

static void refer_to_help(struct parse *p)
{
    leat_error_add(p->error, "; see `leat help %s`", p->type->name);
}

static void unknown_long(struct parse *p, const char *name, size_t len)
{
    struct leat_near near;
    char word[64];

    snprintf(word, sizeof word, "%.*s", len < sizeof word ? (int)len : (int)sizeof word - 1, name);
    leat_near_init(&near, word);
    for (const struct leat_option *o = table(p->type); !is_last(o); o++)
        if (o->name)
            leat_near_offer(&near, o->name, strlen(o->name));
    leat_error_set(p->error, LEAT_EUSAGE, "unknown option '--%s'", leat_shown(word).text);
    if (near.best)
        leat_error_add(p->error, "; did you mean --%.*s?", (int)near.best_len, near.best);
    else
        refer_to_help(p);
}

static void ambiguous_long(struct parse *p, const char *name, size_t len)
{
    const char *separator = "";

    leat_error_set(p->error, LEAT_EUSAGE, "option '--%.*s' is ambiguous: ", (int)len, name);
    for (const struct leat_option *o = table(p->type); !is_last(o); o++) {
        if (o->name && strncmp(o->name, name, len) == 0) {
            leat_error_add(p->error, "%s--%s", separator, o->name);
            separator = ", ";
        }
    }
}

/* Find an option by its name, or by an unambiguous prefix. NULL: the error is set. */
static const struct leat_option *find_long(struct parse *p, const char *name, size_t len)
{
    const struct leat_option *found = NULL;
    size_t matches = 0;

    for (const struct leat_option *o = table(p->type); !is_last(o); o++) {
        if (!o->name || strncmp(o->name, name, len) != 0)
            continue;
        if (o->name[len] == '\0')
            return o;
        found = o;
        matches++;
    }
    if (matches == 1 && len > 0)
        return found;
    if (matches > 1 && len > 0)
        ambiguous_long(p, name, len);
    else
        unknown_long(p, name, len);
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

static void put_int64(char *to, int64_t v)
{
    memcpy(to, &v, sizeof v);
}

static void put_uint64(char *to, uint64_t v)
{
    memcpy(to, &v, sizeof v);
}

static void put_string(char *to, const char *v)
{
    memcpy(to, &v, sizeof v);
}

/* A flag is an int, or an int64_t if it shares its offset with a number (--fast with --level). */
static void put_flag(const struct parse *p, const struct leat_option *flag, int v)
{
    for (const struct leat_option *o = table(p->type); !is_last(o); o++) {
        if (o->offset == flag->offset && o->kind == LEAT_OPT_INT) {
            put_int64(p->params + flag->offset, v);
            return;
        }
    }
    memcpy(p->params + flag->offset, &v, sizeof v);
}

/* Does a parsed number fit the kind of its option? */
enum fit {
    FIT_NOT_A_NUMBER,
    FIT_TOO_LARGE, /* for any number of this kind */
    FIT_YES,       /* it is parsed; the range of the option is checked later */
};

static void number_range(const struct leat_option *o, int64_t *ret_min, int64_t *ret_max)
{
    bool any = o->min == 0 && o->max == 0;

    *ret_min = o->min;
    *ret_max = any ? INT64_MAX : o->max;
}

static enum fit parse_size(const char *value, int64_t *ret)
{
    uint64_t size = 0;
    int r = leat_parse_size(value, &size);

    if (r == LEAT_ELIMIT || size > INT64_MAX)
        return FIT_TOO_LARGE;
    *ret = (int64_t)size;
    return r == 0 ? FIT_YES : FIT_NOT_A_NUMBER;
}

/* A whole number, with the units of a size: 100K lines. */
static enum fit parse_int(const char *value, int64_t *ret)
{
    char *end;

    if (!is_digit(value[value[0] == '-']))
        return FIT_NOT_A_NUMBER;
    errno = 0;
    *ret = strtoll(value, &end, 10);
    if (*end == '\0')
        return errno == 0 ? FIT_YES : FIT_TOO_LARGE;
    return *end == '.' ? FIT_NOT_A_NUMBER : parse_size(value, ret);
}

/* 65536 as "64K": as the user would write it in an option. */
static void add_size(struct leat_error *error, uint64_t bytes)
{
    static const char letters[] = " KMGTPE";
    size_t i = 0;

    while (bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    leat_error_add(error, "%" PRIu64 "%.*s", bytes, i > 0, &letters[i]);
}

/* The end of "option --x: 'y' is not": the kind of the value, and its range. The largest possible
 * number is stated only if the value exceeded it. */
static void add_range(struct leat_error *error, const struct leat_option *o, enum fit fit)
{
    bool size = o->kind == LEAT_OPT_SIZE && o->metavar && strcmp(o->metavar, "SIZE") == 0;
    int64_t min, max;

    number_range(o, &min, &max);
    leat_error_add(error, size ? " a size" : " a number");
    if (size && fit == FIT_NOT_A_NUMBER) {
        leat_error_add(error, " such as 4096, 64K or 1.5G");
    } else if (size) {
        leat_error_add(error, " from ");
        add_size(error, (uint64_t)min);
        leat_error_add(error, " to ");
        add_size(error, (uint64_t)max);
    } else if (max == INT64_MAX && fit != FIT_TOO_LARGE) {
        leat_error_add(error, ", %" PRId64 " or more", min);
    } else {
        leat_error_add(error, " from %" PRId64 " to %" PRId64, min, max);
    }
}

/* LEAT_OPT_INT and LEAT_OPT_SIZE: both are stored in 64 bits, and neither exceeds INT64_MAX. */
static int set_number(struct parse *p, const struct leat_option *o, struct spelling as,
                      const char *value)
{
    int64_t min, max, v = 0;
    enum fit fit = o->kind == LEAT_OPT_INT ? parse_int(value, &v) : parse_size(value, &v);

    number_range(o, &min, &max);
    if (fit == FIT_YES && v >= min && v <= max) {
        put_int64(p->params + o->offset, v);
        return 0;
    }
    leat_error_set(p->error, LEAT_EUSAGE, "option %s: '%s' is not", as.text,
                   leat_shown(value).text);
    add_range(p->error, o, fit);
    return fail_here(p, LEAT_EUSAGE);
}

/* Like head -n: [+-]NUM[suffix], whole numbers only; b is 512. */
static enum fit parse_count(const char *value, struct leat_count *ret)
{
    struct leat_count c = {.given = true};
    size_t len;
    int r;

    if (*value == '+' || *value == '-')
        c.sign = *value++;
    if (strchr(value, '.'))
        return FIT_NOT_A_NUMBER;
    r = leat_parse_size(value, &c.number);
    if (r == LEAT_EUSAGE) {
        char digits[DIGITS_MAX + 1];

        len = strlen(value);
        if (len < 2 || len > DIGITS_MAX + 1 || value[len - 1] != 'b' || !is_digit(value[len - 2]))
            return FIT_NOT_A_NUMBER;
        snprintf(digits, sizeof digits, "%.*s", (int)len - 1, value);
        r = leat_parse_size(digits, &c.number);
        if (r == 0 && __builtin_mul_overflow(c.number, 512u, &c.number))
            r = LEAT_ELIMIT;
    }
    if (r < 0)
        return r == LEAT_ELIMIT ? FIT_TOO_LARGE : FIT_NOT_A_NUMBER;
    *ret = c;
    return FIT_YES;
}

static int set_count(struct parse *p, const struct leat_option *o, struct spelling as,
                     const char *value)
{
    struct leat_count count;
    enum fit fit = parse_count(value, &count);

    if (fit == FIT_YES) {
        memcpy(p->params + o->offset, &count, sizeof count);
        return 0;
    }
    leat_error_set(p->error, LEAT_EUSAGE, "option %s: '%s' is not a count ", as.text,
                   leat_shown(value).text);
    if (fit == FIT_TOO_LARGE)
        leat_error_add(p->error, "from 0 to %" PRIu64, UINT64_MAX);
    else
        leat_error_add(p->error, "such as 10, 5K or -3");
    return fail_here(p, LEAT_EUSAGE);
}

static int set_duration(struct parse *p, const struct leat_option *o, struct spelling as,
                        const char *value)
{
    uint64_t ms = 0;
    int r = leat_parse_duration(value, &ms);

    if (r == 0 && ms > 0) {
        put_uint64(p->params + o->offset, ms);
        return 0;
    }
    leat_error_set(p->error, LEAT_EUSAGE, "option %s: '%s' is not a duration ", as.text,
                   leat_shown(value).text);
    if (r == LEAT_EUSAGE)
        leat_error_add(p->error, "such as 10s, 500ms or 1.5h");
    else
        leat_error_add(p->error, "from 1ms to %" PRIu64 "d", LEAT_DURATION_MAX_MS / 86400000);
    return fail_here(p, LEAT_EUSAGE);
}

/* The first value allocates room for all: a list is never longer than the words. */
static int add_to_list(struct parse *p, const struct leat_option *o, const char *value)
{
    struct leat_strings list;
    const char **room;

    memcpy(&list, p->params + o->offset, sizeof list);
    memcpy(&room, &list.v, sizeof room); /* only stages see the list as const */
    if (!room)
        room = leat_arena_alloc(p->arena, (p->args->n + 1) * sizeof *room);
    if (!room)
        return leat_error_set(p->error, LEAT_ENOMEM, "out of memory");
    room[list.n++] = value;
    list.v = room;
    memcpy(p->params + o->offset, &list, sizeof list);
    return 0;
}

static int set_choice(struct parse *p, const struct leat_option *o, struct spelling as,
                      const char *value)
{
    const char *c = o->choices;
    struct leat_near near;

    leat_near_init(&near, value);
    for (int i = 0; *c; i++) {
        size_t n = strcspn(c, "|");

        if (strlen(value) == n && memcmp(c, value, n) == 0) {
            memcpy(p->params + o->offset, &i, sizeof i);
            return 0;
        }
        leat_near_offer(&near, c, n);
        c += n + (c[n] == '|');
    }
    leat_error_set(p->error, LEAT_EUSAGE, "option %s: '%s' is none of ", as.text,
                   leat_shown(value).text);
    for (c = o->choices; *c;) {
        size_t n = strcspn(c, "|");

        leat_error_add(p->error, "%.*s%s", (int)n, c, c[n] ? ", " : "");
        c += n + (c[n] == '|');
    }
    if (near.best)
        leat_error_add(p->error, "; did you mean %.*s?", (int)near.best_len, near.best);
    return fail_here(p, LEAT_EUSAGE);
}

static int set_value(struct parse *p, const struct leat_option *o, struct spelling as,
                     const char *value)
{
    switch (o->kind) {
    case LEAT_OPT_INT:
    case LEAT_OPT_SIZE:
        return set_number(p, o, as, value);
    case LEAT_OPT_COUNT:
        return set_count(p, o, as, value);
    case LEAT_OPT_DURATION:
        return set_duration(p, o, as, value);
    case LEAT_OPT_LIST:
        return add_to_list(p, o, value);
    case LEAT_OPT_ENUM:
        return set_choice(p, o, as, value);
    case LEAT_OPT_STRING:
    case LEAT_OPT_SIDE:
        put_string(p->params + o->offset, value);
        return 0;
    case LEAT_OPT_FLAG:
        break;
    }
    return leat_error_set(p->error, LEAT_EINTERNAL, "the options table has a wrong kind");
}

/* A flag, or an option with an optional value that was not given. */
static int set_alone(struct parse *p, const struct leat_option *o)
{
    char *to = p->params + o->offset;
    struct leat_count count = {.given = true, .number = (uint64_t)o->value};

    switch (o->kind) {
    case LEAT_OPT_FLAG:
        put_flag(p, o, o->value ? o->value : 1);
        break;
    case LEAT_OPT_INT:
        put_int64(to, o->value);
        break;
    case LEAT_OPT_SIZE:
    case LEAT_OPT_DURATION:
        put_uint64(to, (uint64_t)o->value);
        break;
    case LEAT_OPT_COUNT:
        memcpy(to, &count, sizeof count);
        break;
    case LEAT_OPT_ENUM:
        memcpy(to, &o->value, sizeof o->value);
        break;
    case LEAT_OPT_LIST:
        return add_to_list(p, o, "");
    case LEAT_OPT_STRING:
    case LEAT_OPT_SIDE:
        put_string(to, "");
        break;
    }
    return 0;
}

static void set_default(struct parse *p, const struct leat_option *o)
{
    char *to = p->params + o->offset;
    struct leat_count count = {.number = (uint64_t)o->initial};
    int choice = (int)o->initial;

    if (o->text_default && (o->kind == LEAT_OPT_STRING || o->kind == LEAT_OPT_SIDE))
        put_string(to, o->text_default);
    if (o->initial == 0)
        return;
    if (o->kind == LEAT_OPT_FLAG)
        put_flag(p, o, choice);
    else if (o->kind == LEAT_OPT_ENUM)
        memcpy(to, &choice, sizeof choice);
    else if (o->kind == LEAT_OPT_COUNT)
        memcpy(to, &count, sizeof count);
    else if (o->kind == LEAT_OPT_INT)
        put_int64(to, o->initial);
    else if (o->kind == LEAT_OPT_SIZE || o->kind == LEAT_OPT_DURATION)
        put_uint64(to, (uint64_t)o->initial);
}

/* From the last to the first: if options share an offset, the default of the first one wins. */
static void set_defaults(struct parse *p)
{
    size_t n = 0;

    while (!is_last(&table(p->type)[n]))
        n++;
    while (n > 0)
        set_default(p, &table(p->type)[--n]);
}

/* --- words ------------------------------------------------------------------------------------ */

/* The next word is the value. */
static int set_from_next(struct parse *p, const struct leat_option *o, struct spelling as)
{
    if (p->next == p->args->n) {
        leat_error_set(p->error, LEAT_EUSAGE, "option %s needs a value: %s", as.text,
                       o->metavar ? o->metavar : "VALUE");
        return fail_here(p, LEAT_EUSAGE);
    }
    return set_value(p, o, as, p->args->v[p->next++]);
}

static int parse_long(struct parse *p, const char *word)
{
    const char *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct leat_option *o = find_long(p, name, len);
    struct spelling as;

    if (!o)
        return fail_here(p, LEAT_EUSAGE);
    snprintf(as.text, sizeof as.text, "--%s", o->name);
    if (equals && o->kind == LEAT_OPT_FLAG) {
        leat_error_set(p->error, LEAT_EUSAGE, "option %s takes no value", as.text);
        return fail_here(p, LEAT_EUSAGE);
    }
    if (equals)
        return set_value(p, o, as, equals + 1);
    if (o->kind == LEAT_OPT_FLAG || o->value_optional)
        return set_alone(p, o);
    return set_from_next(p, o, as);
}

/* -19: the digits are the value; moves *at after them. In -5c at the end of a word they are the
 * value of -c instead, if that is a count, too. */
static int parse_digits(struct parse *p, const struct leat_option *o, const char **at)
{
    const struct leat_option *unit;
    struct spelling as;
    size_t n = 0;
    char *value;

    while (is_digit((*at)[n]))
        n++;
    snprintf(as.text, sizeof as.text, "-%.*s", n < DIGITS_MAX ? (int)n : (int)DIGITS_MAX, *at);
    value = leat_arena_alloc(p->arena, n + 1);
    if (!value)
        return leat_error_set(p->error, LEAT_ENOMEM, "out of memory");
    memcpy(value, *at, n);
    *at += n;
    unit = **at && (*at)[1] == '\0' ? find_short(p->type, **at) : NULL;
    if (o->kind == LEAT_OPT_COUNT && unit && unit->kind == LEAT_OPT_COUNT) {
        o = unit;
        ++*at;
    }
    return set_value(p, o, as, value);
}

/* A bundle of short options, -vn5: the first option with a value gets the rest of the word. */
static int parse_short(struct parse *p, const char *word)
{
    const char *at = word + 1;

    while (*at) {
        const struct leat_option *o = find_short(p->type, *at);
        struct spelling as = {{'-', *at}};
        int r;

        if (!o) {
            leat_error_set(p->error, LEAT_EUSAGE, "unknown option '-%s'%s%s%s", leat_shown(at).text,
                           at > word + 1 ? " in '" : "", at > word + 1 ? leat_shown(word).text : "",
                           at > word + 1 ? "'" : "");
            refer_to_help(p);
            return fail_here(p, LEAT_EUSAGE);
        }
        if (o->short_name == LEAT_DIGITS) {
            r = parse_digits(p, o, &at);
            if (r < 0)
                return r;
            continue;
        }
        at++;
        if (o->kind == LEAT_OPT_FLAG || (o->value_optional && *at == '\0')) {
            r = set_alone(p, o);
            if (r < 0)
                return r;
            continue;
        }
        return *at ? set_value(p, o, as, at) : set_from_next(p, o, as);
    }
    return 0;
}

/* A hint for a file name as an operand: how to read that file. */
static const char *file_hint(const struct leat_stage_type *type)
{
    if (type->branches_max == 0)
        return "; to read a file, begin with: read FILE";
    return type->kind == LEAT_FAN_IN ? "; its inputs are branches, such as: [ read FILE ]"
                                     : "; its outputs are branches, such as: [ write FILE ]";
}

/* A hint for a word too many: its meaning in a shell, or for the program of the same name. */
static const char *shell_hint(const struct leat_stage_type *type, const char *word)
{
    if (*word == '<')
        return "; to read a file, begin with: read FILE";
    if (*word == '>' || strcmp(word, "1>") == 0)
        return "; to write a file, end with: write FILE";
    if (strcmp(word, "&&") == 0 || strcmp(word, "||") == 0 || strcmp(word, ";") == 0)
        return "; stages are joined by : or |";
    if (*word == '[' || *word == ']' || (*word && strchr(":|]", word[strlen(word) - 1])))
        return "; the words : | [ ] need spaces around them";
    return type->branches_max > 0 || strpbrk(word, "./") ? file_hint(type) : "";
}

static int check_operands(struct parse *p)
{
    const struct leat_stage_type *type = p->type;
    size_t max = type->operands ? type->operands_max : 0;
    const char *extra;

    if (p->n_operands < type->operands_min)
        return leat_error_set(p->error, LEAT_EUSAGE, "needs %s",
                              type->operands ? type->operands : "more operands");
    if (p->n_operands <= max)
        return 0;
    extra = p->operands[max];
    if (max == 0)
        leat_error_set(p->error, LEAT_EUSAGE, "takes no operands, but there is '%s'%s",
                       leat_shown(extra).text, shell_hint(type, extra));
    else
        leat_error_set(p->error, LEAT_EUSAGE, "takes only %s; '%s' is one too many%s",
                       type->operands, leat_shown(extra).text, shell_hint(type, extra));
    for (p->next = 0; p->next < p->args->n; p->next++)
        if (p->args->v[p->next] == extra)
            break;
    p->next++;
    return fail_here(p, LEAT_EUSAGE);
}

static int parse_all(struct parse *p)
{
    bool ended = false;
    int r;

    while (p->next < p->args->n) {
        const char *word = p->args->v[p->next++];

        r = 0;
        if (ended || word[0] != '-' || word[1] == '\0') {
            p->operands[p->n_operands++] = word;
            ended = ended || p->type->operands_raw;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (word[1] == '-') {
            r = parse_long(p, word);
        } else {
            r = parse_short(p, word);
        }
        if (r < 0)
            return r;
    }
    return check_operands(p);
}

int leat_options_parse(const struct leat_stage_type *type, struct leat_arena *arena,
                       const struct leat_strings *args, void *params,
                       struct leat_strings *ret_operands, struct leat_error *ret_error)
{
    struct parse p = {
        .type = type, .arena = arena, .args = args, .params = params, .error = ret_error};
    int r;

    p.operands = leat_arena_alloc(arena, (args->n + 1) * sizeof *p.operands);
    if (!p.operands)
        return leat_error_set(ret_error, LEAT_ENOMEM, "out of memory");
    set_defaults(&p);
    r = parse_all(&p);
    if (r < 0)
        return r;
    ret_operands->n = p.n_operands;
    ret_operands->v = p.operands;
    return 0;
}
