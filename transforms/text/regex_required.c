/* regex_required.c - what a tree tells before any search: the fixed string that every match
 * contains, whether it matches everything, and whether its first match is its longest.
 */

#include <stdlib.h>
#include <string.h>

#include "literal.h"
#include "regex.h"
#include "stage.h"

/* Bytes that follow each other in every match are gathered in `run`; the best run is kept. */
struct gather {
    const struct leat_regex *regex;
    uint8_t *run, *best;
    size_t run_len, best_len;
    unsigned best_score;
    bool whole; /* so far nothing but bytes */
};

/* A search finds the two rarest bytes; more bytes make false alarms rarer still. */
static unsigned score(const uint8_t *bytes, size_t len)
{
    unsigned low = 255, second = 255;

    for (size_t i = 0; i < len; i++) {
        unsigned rank = leat_byte_rank(bytes[i]);

        if (rank < low) {
            second = low;
            low = rank;
        } else if (rank < second) {
            second = rank;
        }
    }
    return (255 - low) + (255 - second) + (len < 8 ? 8 * (unsigned)len : 64);
}

static void end_run(struct gather *g)
{
    unsigned s = g->run_len > 0 ? score(g->run, g->run_len) : 0;

    if (s > g->best_score) {
        memcpy(g->best, g->run, g->run_len);
        g->best_len = g->run_len;
        g->best_score = s;
    }
    g->run_len = 0;
}

static void add_byte(struct gather *g, uint8_t c)
{
    if (g->regex->options.fold && c >= 'A' && c <= 'Z')
        c |= 0x20;
    g->run[g->run_len++] = c;
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
    /* The first round follows what is before; the last one is followed by what comes next. */
    visit(g, n->child);
    end_run(g);
    if (child->kind == LEAT_REGEX_BYTE)
        add_byte(g, child->u.byte);
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
    case LEAT_REGEX_SET:
    case LEAT_REGEX_ALT:
    case LEAT_REGEX_BACKREF:
        g->whole = false;
        end_run(g);
        break;
    }
}

int leat_regex_required(const struct leat_regex *re, uint8_t **ret_bytes, size_t *ret_len,
                        bool *ret_whole)
{
    struct gather g = {.regex = re, .whole = !re->options.word && !re->options.line};
    uint32_t only = re->nodes[re->root].child;

    *ret_bytes = NULL;
    *ret_len = 0;
    *ret_whole = false;
    if (only == LEAT_REGEX_NONE || re->nodes[only].next != LEAT_REGEX_NONE)
        return 0;
    /* A repeated byte is added twice, any other once. */
    g.run = calloc(2, re->n_nodes + 1);
    g.best = calloc(2, re->n_nodes + 1);
    if (!g.run || !g.best) {
        free(g.run);
        free(g.best);
        return LEAT_ENOMEM;
    }
    visit(&g, only);
    end_run(&g);
    free(g.run);
    if (g.best_len == 0) {
        free(g.best);
        return 0;
    }
    *ret_bytes = g.best;
    *ret_len = g.best_len;
    *ret_whole = g.whole;
    return 0;
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

/* Counts the places where a match could go on in more than one way; 2 stands for any more. */
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
 * more rounds are tried first. A reference to a group of variable length is not looked into. */
bool leat_regex_is_greedy(const struct leat_regex *re)
{
    return !re->has_backref && re->nodes[re->root].child != LEAT_REGEX_NONE &&
           choices(re, re->root) < 2;
}
