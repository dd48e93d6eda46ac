/* plan.c - the plan's memory and its canonical text. */

#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* --- arena: blocks in a list, freed together -------------------------------------------------- */

#define ARENA_BLOCK ((size_t)4096)

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

struct leat_arena {
    struct arena_block *blocks;
};

struct leat_arena *leat_arena_new(void)
{
    return calloc(1, sizeof(struct leat_arena));
}

void leat_arena_free(struct leat_arena *arena)
{
    struct arena_block *block, *next;

    if (!arena)
        return;
    for (block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

static struct arena_block *block_add(struct leat_arena *arena, size_t size)
{
    struct arena_block *block;

    if (size < ARENA_BLOCK)
        size = ARENA_BLOCK;
    block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *leat_arena_alloc(struct leat_arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    const size_t align = _Alignof(max_align_t);
    void *memory;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + align - 1) / align * align;
    if (!block || block->size - block->used < size)
        block = block_add(arena, size);
    if (!block)
        return NULL;
    memory = (char *)block->data + block->used;
    block->used += size;
    return memory;
}

char *leat_arena_strdup(struct leat_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = leat_arena_alloc(arena, size);

    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void leat_plan_free(struct leat_plan *plan)
{
    if (!plan)
        return;
    leat_arena_free(plan->arena);
    free(plan);
}

/* --- canonical text --------------------------------------------------------------------------- */

/* Grows by doubling; after a failed allocation it stays empty and `failed`. */
struct text {
    char *data;
    size_t n, room;
    bool failed;
};

static void append(struct text *t, const char *data, size_t n)
{
    if (t->failed)
        return;
    if (!t->data || t->room - t->n <= n) {
        size_t room = 2 * t->room + n + 64;
        char *more = realloc(t->data, room);

        if (!more) {
            t->failed = true;
            return;
        }
        t->data = more;
        t->room = room;
    }
    memcpy(t->data + t->n, data, n);
    t->n += n;
    t->data[t->n] = '\0';
}

static void append_text(struct text *t, const char *text)
{
    append(t, text, strlen(text));
}

static char *finish(struct text *t)
{
    if (!t->failed && !t->data)
        append(t, "", 0);
    if (t->failed) {
        free(t->data);
        return NULL;
    }
    return t->data;
}

static bool must_quote(const char *word)
{
    if (*word == '\0' || *word == '#')
        return true;
    if (strchr(":|[]", *word) && word[1] == '\0')
        return true;
    if (strstr(word, "${"))
        return true;
    for (const char *p = word; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '\'' || *p == '"' || *p == '\\')
            return true;
    return false;
}

/* '…' where that can hold the word, else "…" with backslashes. */
static void append_quoted(struct text *t, const char *word)
{
    if (!strchr(word, '\'')) {
        append(t, "'", 1);
        append_text(t, word);
        append(t, "'", 1);
        return;
    }
    append(t, "\"", 1);
    for (const char *p = word; *p; p++) {
        if (*p == '"' || *p == '\\' || (*p == '$' && p[1] == '{'))
            append(t, "\\", 1);
        append(t, p, 1);
    }
    append(t, "\"", 1);
}

static void append_word(struct text *t, const char *word)
{
    if (must_quote(word))
        append_quoted(t, word);
    else
        append_text(t, word);
}

static void append_stage(struct text *t, const struct leat_node *node)
{
    append_word(t, node->type->name);
    for (size_t i = 0; i < node->args.n; i++) {
        append(t, " ", 1);
        append_word(t, node->args.v[i]);
    }
}

/* [ --match x | …: the options of a branch stand where a stage would. */
static void append_branch_options(struct text *t, const struct leat_strings *args)
{
    for (size_t i = 0; i < args->n; i++) {
        append_word(t, args->v[i]);
        append_text(t, i + 1 < args->n ? " " : " | ");
    }
}

/* Depth is limited by LEAT_PLAN_DEPTH_MAX. */
static void append_chain(struct text *t, const struct leat_chain *chain)
{
    bool first = true;

    for (size_t i = 0; i < chain->n; i++) {
        const struct leat_node *node = &chain->nodes[i];

        if (node->implied)
            continue;
        if (!first)
            append(t, " | ", 3);
        first = false;
        append_stage(t, node);
        for (size_t b = 0; b < node->n_branches; b++) {
            append(t, " [ ", 3);
            if (node->branch_options)
                append_branch_options(t, &node->branch_options[b].args);
            append_chain(t, &node->branches[b]);
            append(t, " ]", 2);
        }
    }
}

char *leat_plan_text(const struct leat_plan *plan)
{
    struct text t = {.n = 0};

    append_chain(&t, &plan->root);
    return finish(&t);
}

char *leat_node_text(const struct leat_node *node)
{
    struct text t = {.n = 0};

    append_stage(&t, node);
    return finish(&t);
}
