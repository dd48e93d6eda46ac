/* regex_parse.c - parses POSIX basic and extended regular expressions to a tree, as GNU grep does.
 *
 * The meaning of a star at the start, of `^` and `$` in the middle, and of a brace that begins no
 * interval is that of GNU grep 3.8, which decides by the token before. If the extent of a match
 * matters, or there is a back-reference, GNU uses another matcher, which reads a repetition of an
 * assertion differently; `strict` selects that reading.
 */

#include <stdlib.h>
#include <string.h>

#include "regex_set.h"
#include "stage.h"
#include "utf8.h"

enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OR,
    TOKEN_ATOM,   /* p->atom */
    TOKEN_REPEAT, /* p->min, p->max */
};

struct parse {
    struct leat_regex *regex;
    const char *at, *end;
    bool basic, strict;
    enum token_kind token;
    struct leat_regex_node atom;
    int min, max;
    const char *behind_op; /* of a repetition: after its first character */
    uint8_t op;            /* that character */
    bool at_start;         /* at the start of a branch: a repetition has no operand yet */
    bool line_start_next;  /* at the start of the pattern, of a group or of a branch */
    unsigned open;         /* number of open groups */
    unsigned depth;
    uint32_t group_base; /* number of groups in earlier patterns */
    unsigned done;       /* bit i: group i of this pattern is complete, so \i is allowed */
};

static int parse_branches(struct parse *p, uint32_t *ret);

static int wrong(struct parse *p, const char *why)
{
    p->regex->why = why;
    return LEAT_EUSAGE;
}

static int node_new(struct leat_regex *re, const struct leat_regex_node *from, uint32_t *ret)
{
    if (re->n_nodes == re->room_nodes) {
        size_t room = re->room_nodes ? 2 * re->room_nodes : 64;
        struct leat_regex_node *more = realloc(re->nodes, room * sizeof *more);

        if (!more)
            return LEAT_ENOMEM;
        re->nodes = more;
        re->room_nodes = room;
    }
    re->nodes[re->n_nodes] = *from;
    *ret = (uint32_t)re->n_nodes++;
    return 0;
}

static int node_simple(struct leat_regex *re, enum leat_regex_kind kind, uint32_t child,
                       uint32_t *ret)
{
    struct leat_regex_node n = {.kind = kind, .child = child, .next = LEAT_REGEX_NONE};

    return node_new(re, &n, ret);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void atom_byte(struct parse *p, char c)
{
    p->atom = (struct leat_regex_node){.kind = LEAT_REGEX_BYTE, .u.byte = (uint8_t)c};
    p->token = TOKEN_ATOM;
    p->at_start = false;
}

/* An ordinary character whose first byte was read. */
static void atom_char(struct parse *p, char c)
{
    uint32_t code;
    size_t n = 0;

    if (p->regex->options.unicode && (uint8_t)c >= 0x80)
        n = leat_utf8_read((const uint8_t *)p->at - 1, (size_t)(p->end - p->at) + 1, &code);
    atom_byte(p, c);
    if (n == 0) {
        p->regex->has_raw = p->regex->has_raw || (uint8_t)c >= 0x80;
        return;
    }
    p->at += n - 1;
    p->atom = (struct leat_regex_node){.kind = LEAT_REGEX_CHAR, .u.code = code};
}

/* Anchors do not change at_start: a star after `^` is ordinary in a basic expression. */
static void atom_assert(struct parse *p, enum leat_regex_assert assertion)
{
    p->atom = (struct leat_regex_node){.kind = LEAT_REGEX_ASSERT, .u.assertion = assertion};
    p->token = TOKEN_ATOM;
}

static int atom_set(struct parse *p, struct leat_regex_set set)
{
    struct leat_regex *re = p->regex;
    uint32_t index;
    int only, r;

    if (!re->options.unicode) {
        set.classes = 0;
        set.inverted = false;
    }
    leat_regex_set_remove(&set, re->options.eol);
    only = leat_regex_set_only(&set, re->options.fold);
    if (only >= 0) {
        atom_byte(p, (char)only);
        return 0;
    }
    r = leat_regex_set_add(re, &set, &index);
    if (r < 0)
        return r;
    p->atom = (struct leat_regex_node){.kind = LEAT_REGEX_SET, .u.set = index};
    p->token = TOKEN_ATOM;
    p->at_start = false;
    return 0;
}

static int atom_class(struct parse *p, const char *name, bool inverted)
{
    struct leat_regex_set set = {.bits = {0}};

    leat_regex_set_class(&set, name, strlen(name));
    if (strcmp(name, "alnum") == 0) /* \w */
        leat_regex_set_insert(&set, '_');
    if (inverted)
        leat_regex_set_invert(&set);
    p->regex->wants_strict |= p->regex->options.unicode;
    return atom_set(p, set);
}

/* In Unicode GNU's first matcher knows only sets that are lists of characters. */
static bool is_wide(const struct leat_regex_set *set)
{
    return set->inverted || set->classes || set->has_range;
}

static int lex_bracket(struct parse *p)
{
    struct leat_regex_set set;
    const char *why = NULL;
    bool collates = false;

    p->at = leat_regex_set_parse(p->regex, &set, p->at, p->end, &collates, &why);
    if (!p->at)
        return wrong(p, why);
    p->regex->wants_strict |= collates || (p->regex->options.unicode && is_wide(&set));
    return atom_set(p, set);
}

/* Reads a number; -1 if there is none; the limit plus one if it is larger than the limit. */
static int lex_number(const char **at, const char *end)
{
    int n = -1;

    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        n = (n < 0 ? 0 : n) * 10 + (**at - '0');
        if (n > LEAT_REGEX_REPEAT_MAX)
            n = LEAT_REGEX_REPEAT_MAX + 1;
    }
    return n;
}

/* Reads after `{` or `\{`. Returns 1 for an interval, 0 for an ordinary brace. */
static int lex_interval(struct parse *p)
{
    const char *at = p->at;
    bool closed, comma = false;
    int min = lex_number(&at, p->end), max = min;

    if (at < p->end && *at == ',') {
        comma = true;
        at++;
        max = lex_number(&at, p->end);
        if (min < 0)
            min = 0;
    }
    closed = !p->basic || (at < p->end && *at++ == '\\');
    closed = closed && at < p->end && *at++ == '}';
    if (!closed || min < 0) {
        if (!p->basic && !(closed && !comma))
            return 0;
        while (p->basic && at < p->end && !(at[-1] == '\\' && *at == '}'))
            at++;
        return wrong(p, at < p->end || closed ? "invalid content of \\{\\}" : "unmatched \\{");
    }
    if (max >= 0 && min > max)
        return wrong(p, "invalid content of \\{\\}");
    if (min > LEAT_REGEX_REPEAT_MAX || max > LEAT_REGEX_REPEAT_MAX)
        return wrong(p, "regular expression too big");
    p->min = min;
    p->max = max;
    p->at = at;
    return 1;
}

static int lex_repeat(struct parse *p, char c)
{
    int r;

    p->behind_op = p->at;
    p->op = (uint8_t)c;
    if (p->basic && p->at_start) {
        atom_byte(p, c);
        return 0;
    }
    p->min = c == '+';
    p->max = c == '?' ? 1 : -1;
    if (c == '{') {
        r = lex_interval(p);
        if (r < 0)
            return r;
        if (r == 0) {
            atom_byte(p, c);
            return 0;
        }
    }
    p->at_start = false;
    p->token = TOKEN_REPEAT;
    return 0;
}

static void lex_open(struct parse *p)
{
    p->token = TOKEN_OPEN;
    p->open++;
    p->at_start = p->line_start_next = true;
}

static void lex_or(struct parse *p)
{
    p->token = TOKEN_OR;
    p->at_start = p->line_start_next = true;
}

static void lex_close(struct parse *p)
{
    p->token = TOKEN_CLOSE;
    p->at_start = false;
}

static int lex_backref(struct parse *p, char c)
{
    unsigned n = (unsigned)(c - '0');

    if (!(p->done >> n & 1))
        return wrong(p, "invalid back reference");
    p->atom = (struct leat_regex_node){.kind = LEAT_REGEX_BACKREF, .u.group = p->group_base + n};
    p->token = TOKEN_ATOM;
    p->at_start = false;
    p->regex->has_backref = p->regex->wants_strict = true;
    return 0;
}

/* Reads the character after a backslash. */
static int lex_escape(struct parse *p)
{
    char c;

    if (p->at == p->end)
        return wrong(p, "trailing backslash");
    c = *p->at++;
    if (p->basic && strchr("(){|+?", c)) {
        if (c == '(')
            lex_open(p);
        else if (c == ')')
            lex_close(p);
        else if (c == '|')
            lex_or(p);
        else
            return lex_repeat(p, c);
        return 0;
    }
    switch (c) {
    case '`':
        atom_assert(p, LEAT_REGEX_LINE_START);
        return 0;
    case '\'':
        atom_assert(p, LEAT_REGEX_LINE_END);
        return 0;
    case '<':
        atom_assert(p, LEAT_REGEX_WORD_START);
        return 0;
    case '>':
        atom_assert(p, LEAT_REGEX_WORD_END);
        return 0;
    case 'b':
        atom_assert(p, LEAT_REGEX_WORD_EDGE);
        return 0;
    case 'B':
        atom_assert(p, LEAT_REGEX_NO_WORD_EDGE);
        return 0;
    case 'w':
    case 'W':
        return atom_class(p, "alnum", c == 'W');
    case 's':
    case 'S':
        return atom_class(p, "space", c == 'S');
    default:
        if (c >= '1' && c <= '9')
            return lex_backref(p, c);
        atom_char(p, c);
        return 0;
    }
}

/* In a basic expression `$` is an anchor only at the end of the pattern, a group or a branch. GNU
 * also treats an unescaped `)` or `|` after it as an end, unless it is the last character. */
static bool dollar_is_anchor(const struct parse *p)
{
    size_t left = (size_t)(p->end - p->at);
    char next;

    if (!p->basic || left == 0)
        return true;
    if (left < 2 || (p->strict && p->at[0] != '\\'))
        return false;
    next = p->at[p->at[0] == '\\'];
    return next == ')' || next == '|';
}

static int lex(struct parse *p)
{
    bool line_start = p->line_start_next;
    struct leat_regex_set any = {.bits = {0}};
    char c;

    p->line_start_next = false;
    if (p->at == p->end) {
        p->token = TOKEN_END;
        return 0;
    }
    c = *p->at++;
    switch (c) {
    case '\\':
        return lex_escape(p);
    case '^':
        if (p->basic && !line_start)
            break;
        atom_assert(p, LEAT_REGEX_LINE_START);
        return 0;
    case '$':
        if (!dollar_is_anchor(p))
            break;
        atom_assert(p, LEAT_REGEX_LINE_END);
        return 0;
    case '*':
        return lex_repeat(p, c);
    case '[':
        return lex_bracket(p);
    case '.':
        leat_regex_set_invert(&any);
        return atom_set(p, any);
    default:
        if (p->basic)
            break;
        if (c == '+' || c == '?' || c == '{')
            return lex_repeat(p, c);
        if (c == '|')
            lex_or(p);
        else if (c == '(')
            lex_open(p);
        else if (c == ')' && p->open > 0)
            lex_close(p);
        else
            break;
        return 0;
    }
    atom_char(p, c);
    return 0;
}

/* --- the tree --------------------------------------------------------------------------------- */

static int parse_group(struct parse *p, uint32_t *ret)
{
    struct leat_regex *re = p->regex;
    uint32_t number = ++re->n_groups, child = LEAT_REGEX_NONE, local = number - p->group_base;
    int r;

    if (++p->depth > LEAT_REGEX_DEPTH_MAX)
        return wrong(p, "groups nested too deeply");
    r = lex(p);
    if (r == 0)
        r = parse_branches(p, &child);
    if (r < 0)
        return r;
    if (p->token != TOKEN_CLOSE)
        return wrong(p, "unmatched ( or \\(");
    p->open--;
    p->depth--;
    if (local < 10)
        p->done |= 1u << local;
    r = node_simple(re, LEAT_REGEX_GROUP, child, ret);
    if (r < 0)
        return r;
    re->nodes[*ret].u.group = number;
    return lex(p);
}

static int node_atom(struct parse *p, uint32_t *ret)
{
    p->atom.child = p->atom.next = LEAT_REGEX_NONE;
    return node_new(p->regex, &p->atom, ret);
}

/* In the strict reading a repetition without an operand is dropped; of an interval only the brace
 * is dropped. In a basic expression the repetition is an ordinary character. */
static int parse_stray_repeat(struct parse *p, uint32_t *ret)
{
    p->at = p->behind_op;
    if (!p->basic)
        return 0;
    atom_byte(p, (char)p->op);
    return node_atom(p, ret);
}

static int parse_atom(struct parse *p, uint32_t *ret)
{
    int r;

    while (p->strict && p->token == TOKEN_REPEAT) {
        *ret = LEAT_REGEX_NONE;
        r = parse_stray_repeat(p, ret);
        if (r == 0)
            r = lex(p);
        if (r < 0 || *ret != LEAT_REGEX_NONE)
            return r;
    }
    if (p->token == TOKEN_OPEN)
        return parse_group(p, ret);
    if (p->token != TOKEN_ATOM)
        return node_simple(p->regex, LEAT_REGEX_EMPTY, LEAT_REGEX_NONE, ret);
    r = node_atom(p, ret);
    return r < 0 ? r : lex(p);
}

/* Reduces a star of a star to one star: otherwise they would nest without limit. */
static bool fold_repeat(struct leat_regex_node *n, int min, int max)
{
    bool inner = n->kind == LEAT_REGEX_REPEAT && n->u.repeat.min <= 1 &&
                 (n->u.repeat.max < 0 || n->u.repeat.max == 1),
         outer = min <= 1 && (max < 0 || max == 1);

    if (!inner || !outer)
        return false;
    if (min < n->u.repeat.min)
        n->u.repeat.min = min;
    if (max < 0)
        n->u.repeat.max = max;
    return true;
}

static int parse_piece(struct parse *p, uint32_t *ret)
{
    struct leat_regex *re = p->regex;
    unsigned stacked = 0;
    int r = parse_atom(p, ret);

    if (r < 0)
        return r;
    if (p->strict && re->nodes[*ret].kind == LEAT_REGEX_ASSERT)
        return 0; /* a repetition after it begins the next piece */
    while (p->token == TOKEN_REPEAT) {
        if (!fold_repeat(&re->nodes[*ret], p->min, p->max)) {
            if (++stacked + p->depth > LEAT_REGEX_DEPTH_MAX)
                return wrong(p, "too many repetitions of repetitions");
            r = node_simple(re, LEAT_REGEX_REPEAT, *ret, ret);
            if (r < 0)
                return r;
            re->nodes[*ret].u.repeat.min = p->min;
            re->nodes[*ret].u.repeat.max = p->max;
        }
        r = lex(p);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_branch(struct parse *p, uint32_t *ret)
{
    struct leat_regex *re = p->regex;
    uint32_t last = LEAT_REGEX_NONE, piece = LEAT_REGEX_NONE;
    int r = parse_piece(p, &last);

    if (r < 0)
        return r;
    *ret = last;
    if (p->token == TOKEN_CLOSE || p->token == TOKEN_OR || p->token == TOKEN_END)
        return 0;
    r = node_simple(re, LEAT_REGEX_CAT, last, ret);
    while (r == 0 && p->token != TOKEN_CLOSE && p->token != TOKEN_OR && p->token != TOKEN_END) {
        r = parse_piece(p, &piece);
        if (r < 0)
            return r;
        re->nodes[last].next = piece;
        last = piece;
    }
    return r;
}

static int parse_branches(struct parse *p, uint32_t *ret)
{
    struct leat_regex *re = p->regex;
    unsigned done = p->done, done_in_any;
    uint32_t last = LEAT_REGEX_NONE, branch = LEAT_REGEX_NONE;
    int r = parse_branch(p, &last);

    if (r < 0)
        return r;
    *ret = last;
    if (p->token != TOKEN_OR)
        return 0;
    done_in_any = p->done;
    r = node_simple(re, LEAT_REGEX_ALT, last, ret);
    while (r == 0 && p->token == TOKEN_OR) {
        p->done = done; /* a branch cannot refer to groups in the ones before it */
        r = lex(p);
        if (r == 0)
            r = parse_branch(p, &branch);
        if (r < 0)
            return r;
        done_in_any |= p->done;
        p->done = done_in_any;
        re->nodes[last].next = branch;
        last = branch;
    }
    return r;
}

static int parse_regex(struct leat_regex *re, const char *pattern, size_t len, uint32_t *ret)
{
    struct parse p = {
        .regex = re,
        .at = pattern,
        .end = pattern + len,
        .basic = re->options.syntax == LEAT_REGEX_BASIC,
        .strict = re->options.strict,
        .at_start = true,
        .line_start_next = true,
        .group_base = re->n_groups,
    };
    int r = lex(&p);

    if (r == 0)
        r = parse_branches(&p, ret);
    if (r == 0 && p.token != TOKEN_END)
        r = wrong(&p, "unmatched ) or \\)");
    return r;
}

static int parse_fixed(struct leat_regex *re, const char *pattern, size_t len, uint32_t *ret)
{
    struct parse p = {.regex = re, .at = pattern, .end = pattern + len};
    uint32_t last = LEAT_REGEX_NONE, node;
    int r = node_simple(re, len > 0 ? LEAT_REGEX_CAT : LEAT_REGEX_EMPTY, LEAT_REGEX_NONE, ret);

    while (r == 0 && p.at < p.end) {
        atom_char(&p, *p.at++);
        r = node_atom(&p, &node);
        if (r < 0)
            return r;
        if (last == LEAT_REGEX_NONE)
            re->nodes[*ret].child = node;
        else
            re->nodes[last].next = node;
        last = node;
    }
    return r;
}

int leat_regex_init(struct leat_regex *re, const struct leat_regex_options *options)
{
    *re = (struct leat_regex){.options = *options, .last = LEAT_REGEX_NONE};
    return node_simple(re, LEAT_REGEX_ALT, LEAT_REGEX_NONE, &re->root);
}

void leat_regex_done(struct leat_regex *re)
{
    free(re->nodes);
    free(re->sets);
    free(re->ranges);
    *re = (struct leat_regex){.why = re->why};
}

int leat_regex_add(struct leat_regex *re, const char *pattern, size_t len)
{
    uint32_t tree = LEAT_REGEX_NONE;
    int r;

    re->why = NULL;
    if (re->options.syntax == LEAT_REGEX_FIXED)
        r = parse_fixed(re, pattern, len, &tree);
    else
        r = parse_regex(re, pattern, len, &tree);
    if (r < 0)
        return r;
    if (re->last == LEAT_REGEX_NONE)
        re->nodes[re->root].child = tree;
    else
        re->nodes[re->last].next = tree;
    re->last = tree;
    return 0;
}
