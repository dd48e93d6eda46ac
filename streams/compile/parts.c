/* parts.c - a stage that cuts the stream into parts, and the branch that runs for each part. */

#include <stdio.h>
#include <string.h>

#include "compiler.h"
#include "parts/part_name.h"
#include "stage/engine_ops.h"

#define NEEDS_NUMBER                                                                                \
    "the name of a part's file needs {n}, its number, or {n:04}, with at least so many digits; 20 " \
    "are the most"

/* Would all parts get the same name? "-" is standard output. */
static bool is_one_name(const char *name)
{
    return strcmp(name, "-") != 0 && !leat_part_is_template(name);
}

static const struct leat_option file_options[] = {LEAT_FILE_OPTIONS(0), {0}};
#define N_FILE_OPTIONS (sizeof file_options / sizeof *file_options - 1)

static bool is_given(const struct leat_file_options *options, size_t i)
{
    return *(const int *)((const char *)options + file_options[i].offset) != 0;
}

/* Convert the options to words in `args`, which has room for all. */
static int add_file_options(struct leat_compiler *pl, const struct leat_file_options *options,
                            const char **words, size_t *n)
{
    for (size_t i = 0; i < N_FILE_OPTIONS; i++) {
        size_t size = strlen(file_options[i].name) + sizeof "--";
        char *word;

        if (!is_given(options, i))
            continue;
        word = leat_arena_alloc(pl->p->tree->arena, size);
        if (!word)
            return leat_compile_no_memory(pl);
        snprintf(word, size, "--%s", file_options[i].name);
        words[(*n)++] = word;
    }
    return 0;
}

/* The operand of the default sink for a stage that names the parts: the directory, with a slash. */
static int add_directory(struct leat_compiler *pl, const struct leat_node *node,
                         const char *directory, const char **ret_word)
{
    size_t n = directory ? strlen(directory) : 0;
    char *word;

    if (!directory)
        return leat_compile_no_memory(pl);
    if (n == 0)
        return leat_compile_fail(pl, node, "the name of the directory is empty");
    word = leat_arena_alloc(pl->p->tree->arena, n + sizeof "/");
    if (!word)
        return leat_compile_no_memory(pl);
    snprintf(word, n + sizeof "/", "%s%s", directory, directory[n - 1] == '/' ? "" : "/");
    *ret_word = word;
    return 0;
}

/* That of the operand. */
static const char *own_directory(const struct leat_compiler *pl, const struct leat_node *node)
{
    const char *name = node->operands.v[0], *slash = strrchr(name, '/');

    char *directory;

    if (!slash)
        return ".";
    directory = leat_arena_alloc(pl->p->tree->arena, (size_t)(slash - name) + sizeof "/");
    if (directory)
        memcpy(directory, name, (size_t)(slash - name) + 1);
    return directory;
}

/* The operand of the default sink: the template for the names of the parts, or their directory. */
static int add_name(struct leat_compiler *pl, const struct leat_node *node,
                    const struct leat_part_options *options, const char **ret_word)
{
    if (options->commits)
        return add_directory(pl, node, own_directory(pl, node), ret_word);
    if (options->named)
        return add_directory(pl, node, options->directory ? options->directory : ".", ret_word);
    if (node->operands.n == 0)
        return leat_compile_fail(pl, node, "needs a name for the parts, such as part-{n:04}");
    if (is_one_name(node->operands.v[0]))
        return leat_compile_fail(pl, node, NEEDS_NUMBER);
    *ret_word = node->operands.v[0];
    return 0;
}

/* Add the default sink for each part, with the stage's options for files. */
static int imply_part(struct leat_compiler *pl, const struct leat_node *node,
                      const struct leat_part_options *options)
{
    const char **words =
        leat_arena_alloc(pl->p->tree->arena, (N_FILE_OPTIONS + 2) * sizeof(*words));
    struct leat_strings args = {.n = 0, .v = words};
    int r;

    if (!words || add_file_options(pl, &options->file, words, &args.n) < 0)
        return leat_compile_no_memory(pl);
    words[args.n++] = "--";
    r = add_name(pl, node, options, &words[args.n++]);
    return r < 0 ? r : leat_compile_imply(pl, LEAT_SINK, &args);
}

/* The branch of a stage that cuts the stream into parts. It gets a file at its end, unless it ends
 * with its own sink. */
static int add_part_chain(struct leat_compiler *pl, const struct leat_node *node,
                          const struct leat_part_options *options)
{
    static const struct leat_chain none;
    const struct leat_chain *c = node->n_branches > 0 ? &node->branches[0] : &none;
    const struct leat_stage_type *last = c->n > 0 ? c->nodes[c->n - 1].type : NULL;
    bool template = !options->named && node->operands.n > 0, named = template || options->named;
    bool ends = last && (named ? last->kind == LEAT_SINK : leat_compile_ends(last));
    int r = 0;

    if (template && ends)
        return leat_compile_fail(pl, node,
                                 "has a name for the parts, and its branch ends with a writable");
    for (size_t i = 0; i < N_FILE_OPTIONS && ends; i++)
        if (is_given(&options->file, i))
            return leat_compile_fail(pl, node,
                                     "writes no file, because its branch ends with a writable: "
                                     "give --force, --no-sync and the like to that one");
    for (size_t i = 0; i < c->n && r == 0; i++)
        r = pl->node(pl, &c->nodes[i], false, i + 1 == c->n && ends);
    return r < 0 || ends ? r : imply_part(pl, node, options);
}

int leat_compile_parts(struct leat_compiler *pl, const struct leat_node *node,
                       const struct leat_part_options *options)
{
    struct leat_pipeline *p = pl->p;
    struct leat_segment *from = pl->cur;
    struct leat_parts *parts;
    int r;

    if (options->commits && pl->p->outputs.digests)
        return leat_compile_fail(pl, node,
                                 "--sums lists what appears at the end of the run; use sha256 "
                                 "in the branch");
    parts = leat_parts_new(from, options);
    if (!parts)
        return leat_compile_no_memory(pl);
    from->out.parts = parts;
    from->out.ops = &leat_outlet_parts;
    parts->first = p->graph.n_segments;
    parts->first_edge = p->graph.n_edges;
    r = leat_compile_cut(pl);
    pl->parts = parts;
    if (r == 0)
        r = add_part_chain(pl, node, options);
    if (r == 0 && pl->cur->n > 0)
        parts->out = pl->cur->slots[pl->cur->n - 1].info;
    pl->parts = NULL;
    parts->n = p->graph.n_segments - parts->first;
    parts->n_edges = p->graph.n_edges - parts->first_edge;
    for (size_t i = 0; i < parts->n; i++) {
        p->graph.segments[parts->first + i]->part_of = parts;
        atomic_store(&p->graph.segments[parts->first + i]->finished, true);
    }
    return r;
}

/* Refuse options with which all parts would write the same file. */
int leat_compile_check_part(struct leat_compiler *pl, const struct leat_node *node)
{
    if (node->type->flags & LEAT_PARTS)
        return leat_compile_fail(pl, node, "is not allowed in a branch that runs for each part");
    if (leat_engine_ops_of(node->type)->is_end)
        return leat_compile_fail(pl, node, "is one end, and the branch runs anew for each part");
    if (leat_stage_side_path(node))
        return leat_compile_fail(
            pl, node, "--to would be one file for all parts; use tee [ … : write NAME-{n} ]");
    if (leat_compile_output(node) && !node->implied && is_one_name(leat_compile_output(node)))
        return leat_compile_fail(pl, node, NEEDS_NUMBER);
    return 0;
}
