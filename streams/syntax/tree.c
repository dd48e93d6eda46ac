/* tree.c - the memory of a syntax tree, and its canonical text. */

#include <stdlib.h>
#include <string.h>

#include "base/show.h"
#include "base/text.h"
#include "tree.h"

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

void leat_tree_free(struct leat_tree *plan)
{
    if (!plan)
        return;
    for (struct leat_held_own *held = plan->owns; held; held = held->next)
        leat_own_unref(held->own);
    leat_arena_free(plan->arena);
    free(plan);
}

/* --- canonical text --------------------------------------------------------------------------- */

/* Does it contain bytes that are unsafe on a terminal, or a line end, which would look like the end
 * of a stage? */
static bool must_escape(const char *word)
{
    size_t n;

    while ((n = leat_show_plain(word)) > 0)
        word += n;
    return *word != '\0';
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

/* $'…', the only quotes with escapes. */
static void append_escaped(struct leat_text *t, const char *word)
{
    char escape[4];

    leat_text_bytes(t, "$'", 2);
    while (*word) {
        size_t n = leat_show_plain(word);

        if (n == 0)
            leat_text_bytes(t, escape, leat_show_byte(escape, *word));
        else if (*word == '\'' || *word == '\\')
            leat_text_bytes(t, "\\", 1);
        leat_text_bytes(t, word, n);
        word += n > 0 ? n : 1;
    }
    leat_text_bytes(t, "'", 1);
}

/* '…' if that can hold the word, else "…" with backslashes. */
static void append_quoted(struct leat_text *t, const char *word)
{
    if (!strchr(word, '\'')) {
        leat_text_bytes(t, "'", 1);
        leat_text_add(t, "%s", word);
        leat_text_bytes(t, "'", 1);
        return;
    }
    leat_text_bytes(t, "\"", 1);
    for (const char *p = word; *p; p++) {
        if (*p == '"' || *p == '\\' || (*p == '$' && p[1] == '{'))
            leat_text_bytes(t, "\\", 1);
        leat_text_bytes(t, p, 1);
    }
    leat_text_bytes(t, "\"", 1);
}

static void append_word(struct leat_text *t, const char *word)
{
    if (must_escape(word))
        append_escaped(t, word);
    else if (must_quote(word))
        append_quoted(t, word);
    else
        leat_text_add(t, "%s", word);
}

/* For people: without the passwords of URLs. */
static void append_shown(struct leat_text *t, const char *word)
{
    struct leat_text shown = {.n = 0};
    const char *secret;
    size_t n = leat_show_password(word, &secret);
    char *text;

    if (n == 0) {
        append_word(t, word);
        return;
    }
    for (; n > 0; n = leat_show_password(word, &secret)) {
        leat_text_bytes(&shown, word, (size_t)(secret - word));
        leat_text_bytes(&shown, LEAT_SHOW_STARS, sizeof LEAT_SHOW_STARS - 1);
        word = secret + n;
    }
    leat_text_add(&shown, "%s", word);
    text = leat_text_take(&shown);
    if (text)
        append_word(t, text);
    else
        t->failed = true;
    free(text);
}

char *leat_quote(const char *word)
{
    struct leat_text t = {.n = 0};

    if (!word)
        return NULL;
    append_word(&t, word);
    return leat_text_take(&t);
}

typedef void (*append_fn)(struct leat_text *t, const char *word);

static void append_stage(struct leat_text *t, const struct leat_node *node, append_fn append)
{
    append(t, node->type->name);
    for (size_t i = 0; i < node->args.n; i++) {
        leat_text_bytes(t, " ", 1);
        append(t, node->args.v[i]);
    }
}

/* [ --match x | …: the options of a branch are in the place of a stage. */
static void append_branch_options(struct leat_text *t, const struct leat_strings *args,
                                  append_fn append)
{
    for (size_t i = 0; i < args->n; i++) {
        append(t, args->v[i]);
        leat_text_add(t, "%s", i + 1 < args->n ? " " : " | ");
    }
}

/* Depth is limited by LEAT_TREE_DEPTH_MAX. */
static void append_chain(struct leat_text *t, const struct leat_chain *chain, append_fn append)
{
    bool first = true;

    for (size_t i = 0; i < chain->n; i++) {
        const struct leat_node *node = &chain->nodes[i];

        if (node->implied)
            continue;
        if (!first)
            leat_text_bytes(t, " | ", 3);
        first = false;
        append_stage(t, node, append);
        for (size_t b = 0; b < node->n_branches; b++) {
            leat_text_bytes(t, " [ ", 3);
            if (node->branch_options)
                append_branch_options(t, &node->branch_options[b].args, append);
            append_chain(t, &node->branches[b], append);
            leat_text_bytes(t, " ]", 2);
        }
    }
}

char *leat_tree_text(const struct leat_tree *plan)
{
    struct leat_text t = {.n = 0};

    append_chain(&t, &plan->root, append_word);
    return leat_text_take(&t);
}

char *leat_tree_shown(const struct leat_tree *plan)
{
    struct leat_text t = {.n = 0};

    append_chain(&t, &plan->root, append_shown);
    return leat_text_take(&t);
}

char *leat_node_shown(const struct leat_node *node)
{
    struct leat_text t = {.n = 0};

    append_stage(&t, node, append_shown);
    return leat_text_take(&t);
}
