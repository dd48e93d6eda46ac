/* regex_required.c - analyses a tree before any search: the fixed strings of which every match
 * contains one, whether it matches everything, and whether its first match is its longest.
 */

#include <stdlib.h>
#include <string.h>

#include "literal.h"
#include "regex.h"
#include "stage.h"
#include "utf8.h"

#define BYTES_PER_NODE 4u

/* Consecutive bytes of every match are collected as a run at the end of `bytes`. The best run is
 * kept, or the best set of runs of which one must occur. */
struct gather {
    const struct leat_regex *regex;
    uint8_t *bytes; /* shared by all runs: each node is added at most twice */
    size_t *n_bytes;
    size_t run_at;
    struct leat_regex_required best;
    unsigned best_score;
    bool whole; /* only bytes so far */
    bool fixed; /* for leat_regex_fixed, which keeps letters that are ambiguous */
};

static void end_run(struct gather *g)
{
    size_t len = *g->n_bytes - g->run_at;
    unsigned s = leat_literal_score(g->bytes + g->run_at, len);

    if (s > g->best_score) {
        g->best.n = 1;
        g->best.v[0] = (struct leat_regex_string){(uint32_t)g->run_at, (uint32_t)len};
        g->best_score = s;
    }
    g->run_at = *g->n_bytes;
}

/* In Unicode these letters also are the lower or upper case of characters that are not ASCII. */
static bool is_ambiguous(const struct leat_regex *re, uint8_t c)
{
    return re->options.unicode && !re->for_ascii && re->options.fold && strchr("iksIKS", c) && c;
}

static void add_byte(struct gather *g, uint8_t c)
{
    if (!g->fixed && is_ambiguous(g->regex, c)) {
        g->whole = false;
        end_run(g);
        return;
    }
    if (g->regex->options.fold && c >= 'A' && c <= 'Z')
        c |= 0x20;
    g->bytes[(*g->n_bytes)++] = c;
}

static void add_char(struct gather *g, uint32_t code)
{
    uint8_t bytes[4];
    size_t n = leat_utf8_write(code, bytes);

    if (g->regex->options.fold && !g->regex->for_ascii) {
        g->whole = false;
        end_run(g);
        return;
    }
    memcpy(g->bytes + *g->n_bytes, bytes, n);
    *g->n_bytes += n;
}

static void visit(struct gather *g, uint32_t index);

static void visit_repeat(struct gather *g, const struct leat_regex_node *n)
{
    const struct leat_regex_node *child = &g->regex->nodes[n->child];

    g->whole = false;
    if (n->u.repeat.min == 0) {
        end_run(g);
        return;
    }
    /* The first round follows the nodes before; the last round precedes the nodes after. */
    visit(g, n->child);
    end_run(g);
    if (child->kind == LEAT_REGEX_BYTE)
        add_byte(g, child->u.byte);
    else if (child->kind == LEAT_REGEX_CHAR)
        add_char(g, child->u.code);
}

/* One of the strings of each branch must occur: together they are a set. */
static void visit_branches(struct gather *g, uint32_t child)
{
    struct leat_regex_required all = {.n = 0};
    unsigned lowest = UINT32_MAX;
    bool whole = true;

    end_run(g);
    for (; child != LEAT_REGEX_NONE; child = g->regex->nodes[child].next) {
        struct gather branch = {.regex = g->regex,
                                .bytes = g->bytes,
                                .n_bytes = g->n_bytes,
                                .run_at = *g->n_bytes,
                                .whole = true};

        visit(&branch, child);
        end_run(&branch);
        if (branch.best.n == 0 || all.n + branch.best.n > LEAT_REGEX_REQUIRED_MAX) {
            whole = false;
            lowest = 0;
            break;
        }
        memcpy(&all.v[all.n], branch.best.v, branch.best.n * sizeof *all.v);
        all.n += branch.best.n;
        whole = whole && branch.whole;
        if (branch.best_score < lowest)
            lowest = branch.best_score;
    }
    g->run_at = *g->n_bytes;
    g->whole = g->whole && whole;
    if (lowest == UINT32_MAX || lowest <= g->best_score)
        return;
    g->best = all;
    g->best_score = lowest;
}

static void visit(struct gather *g, uint32_t index)
{
    const struct leat_regex_node *n = &g->regex->nodes[index];
    uint32_t child;

    switch (n->kind) {
    case LEAT_REGEX_EMPTY:
        break;
    case LEAT_REGEX_ASSERT:
        g->whole = false;
        break;
    case LEAT_REGEX_BYTE:
        add_byte(g, n->u.byte);
        break;
    case LEAT_REGEX_CHAR:
        add_char(g, n->u.code);
        break;
    case LEAT_REGEX_GROUP:
        visit(g, n->child);
        break;
    case LEAT_REGEX_CAT:
        for (child = n->child; child != LEAT_REGEX_NONE; child = g->regex->nodes[child].next)
            visit(g, child);
        break;
    case LEAT_REGEX_REPEAT:
        visit_repeat(g, n);
        break;
    case LEAT_REGEX_ALT:
        g->whole = false; /* part of a pattern: more may be around it */
        visit_branches(g, n->child);
        break;
    case LEAT_REGEX_SET:
    case LEAT_REGEX_BACKREF:
        g->whole = false;
        end_run(g);
        break;
    }
}

/* The branches of the whole expression; if it is one pattern that is a group of branches, those. */
static uint32_t top_branches(const struct leat_regex *re)
{
    uint32_t at = re->nodes[re->root].child;

    for (;;) {
        const struct leat_regex_node *n = &re->nodes[at];

        if (n->next != LEAT_REGEX_NONE)
            return at;
        if (n->kind != LEAT_REGEX_GROUP && n->kind != LEAT_REGEX_ALT)
            return at;
        at = n->child;
    }
}

int leat_regex_required(const struct leat_regex *re, struct leat_regex_required *ret)
{
    size_t n_bytes = 0;
    struct gather g = {
        .regex = re, .n_bytes = &n_bytes, .whole = !re->options.word && !re->options.line};

    *ret = (struct leat_regex_required){.n = 0};
    if (re->nodes[re->root].child == LEAT_REGEX_NONE)
        return 0;
    g.bytes = calloc(2, BYTES_PER_NODE * re->n_nodes + 1);
    if (!g.bytes)
        return LEAT_ENOMEM;
    visit_branches(&g, top_branches(re));
    if (g.best.n == 0) {
        free(g.bytes);
        return 0;
    }
    *ret = g.best;
    ret->bytes = g.bytes;
    ret->whole = g.whole;
    return 0;
}

/* Fills v, one entry for each pattern; false if a pattern is more than a string. */
static bool gather_fixed(const struct leat_regex *re, uint8_t *bytes, struct leat_regex_string *v)
{
    size_t n_bytes = 0;

    for (uint32_t at = re->nodes[re->root].child; at != LEAT_REGEX_NONE; at = re->nodes[at].next) {
        struct gather g = {.regex = re,
                           .bytes = bytes,
                           .n_bytes = &n_bytes,
                           .run_at = n_bytes,
                           .whole = true,
                           .fixed = true};

        visit(&g, at);
        if (!g.whole || (n_bytes == g.run_at && re->options.word && !re->options.line))
            return false;
        *v++ = (struct leat_regex_string){(uint32_t)g.run_at, (uint32_t)(n_bytes - g.run_at)};
    }
    return true;
}

int leat_regex_fixed(const struct leat_regex *re, uint8_t **ret_bytes,
                     struct leat_regex_string **ret_v, size_t *ret_n)
{
    struct leat_regex_string *v;
    size_t n = 0;
    uint8_t *bytes;

    *ret_bytes = NULL;
    *ret_v = NULL;
    *ret_n = 0;
    for (uint32_t at = re->nodes[re->root].child; at != LEAT_REGEX_NONE; at = re->nodes[at].next)
        n++;
    if (n == 0)
        return 0;
    bytes = calloc(2, BYTES_PER_NODE * re->n_nodes + 1);
    v = calloc(n, sizeof *v);
    if (!bytes || !v || !gather_fixed(re, bytes, v)) {
        bool no_memory = !bytes || !v;

        free(bytes);
        free(v);
        return no_memory ? LEAT_ENOMEM : 0;
    }
    *ret_bytes = bytes;
    *ret_v = v;
    *ret_n = n;
    return 0;
}

static bool has_ambiguous(const struct leat_regex_set *set)
{
    return leat_regex_set_has(set, 'i') || leat_regex_set_has(set, 'k') ||
           leat_regex_set_has(set, 's');
}

bool leat_regex_is_bytes(const struct leat_regex *re)
{
    if (re->options.word && !re->options.line)
        return false;
    for (size_t i = 0; i < re->n_nodes; i++) {
        const struct leat_regex_node *n = &re->nodes[i];
        const struct leat_regex_set *set = n->kind == LEAT_REGEX_SET ? &re->sets[n->u.set] : NULL;

        if ((set && (set->inverted || set->classes || set->n_ranges > 0)) ||
            (set && re->options.fold && has_ambiguous(set)) ||
            (n->kind == LEAT_REGEX_BYTE && is_ambiguous(re, n->u.byte)) ||
            (n->kind == LEAT_REGEX_CHAR && re->options.fold) ||
            (n->kind == LEAT_REGEX_ASSERT && n->u.assertion >= LEAT_REGEX_WORD_START))
            return false;
    }
    return true;
}

bool leat_regex_is_empty(const struct leat_regex *re)
{
    uint32_t child = re->nodes[re->root].child;

    if (re->options.word || re->options.line)
        return false;
    for (; child != LEAT_REGEX_NONE; child = re->nodes[child].next)
        if (re->nodes[child].kind == LEAT_REGEX_EMPTY)
            return true;
    return false;
}

/* Counts the places where a match could continue in several ways; 2 means two or more. */
static unsigned choices(const struct leat_regex *re, uint32_t index)
{
    const struct leat_regex_node *n = &re->nodes[index];
    unsigned sum = 0;

    if (n->kind == LEAT_REGEX_ALT && re->nodes[n->child].next != LEAT_REGEX_NONE)
        return 2;
    for (uint32_t c = n->child; c != LEAT_REGEX_NONE && sum < 2; c = re->nodes[c].next)
        sum += choices(re, c);
    if (n->kind == LEAT_REGEX_REPEAT && n->u.repeat.min != n->u.repeat.max)
        sum = sum > 0 ? 2 : 1;
    else if (n->kind == LEAT_REGEX_REPEAT && sum > 0)
        sum = 2;
    return sum;
}

/* With one repetition of something of fixed length, more rounds always mean a longer match, and
 * more rounds are tried first. References to groups of variable length are not analysed. */
bool leat_regex_is_greedy(const struct leat_regex *re)
{
    return !re->has_backref && re->nodes[re->root].child != LEAT_REGEX_NONE &&
           choices(re, re->root) < 2;
}

static bool is_sequence(const struct leat_regex *re, uint32_t index)
{
    const struct leat_regex_node *n = &re->nodes[index];

    if (n->kind == LEAT_REGEX_REPEAT)
        return re->nodes[n->child].kind == LEAT_REGEX_BYTE ||
               re->nodes[n->child].kind == LEAT_REGEX_SET;
    if (n->kind == LEAT_REGEX_ALT || n->kind == LEAT_REGEX_BACKREF)
        return false;
    /* The C library misses some places of \B after a repetition. */
    if (n->kind == LEAT_REGEX_ASSERT && n->u.assertion == LEAT_REGEX_NO_WORD_EDGE)
        return false;
    for (uint32_t c = n->child; c != LEAT_REGEX_NONE; c = re->nodes[c].next)
        if (!is_sequence(re, c))
            return false;
    return true;
}

bool leat_regex_is_sequence(const struct leat_regex *re)
{
    uint32_t first = re->nodes[re->root].child;

    return first != LEAT_REGEX_NONE && re->nodes[first].next == LEAT_REGEX_NONE &&
           is_sequence(re, first);
}
