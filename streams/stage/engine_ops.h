/* engine_ops.h - operations of the engine's own stages, beyond the contract of stage.h.
 *
 * The compiler and io/transfer.c ask a type for them, so they name no stage. A type without a
 * table, and a NULL in a table, mean: no, none.
 */
#ifndef LEAT_STAGE_ENGINE_OPS_H
#define LEAT_STAGE_ENGINE_OPS_H

#include "outcome/checkpoint.h"
#include "stage.h"

struct leat_fd;
struct leat_file_map;
struct leat_node;

struct leat_engine_ops {
    bool hidden; /* the engine adds the stage: it is not in the tree, and no statistics show it */
    bool
        is_default; /* the compiler adds the stage at an open end: the source or sink of that kind */

    /* instead - the name of the stage to which these words after the name belong, in place of this stage: `read URL`.
     * NULL: none. */
    const char *(*instead)(const struct leat_strings *words);

    bool is_end; /* its other side is in the program: there is one instance of it */
    /* leaves - asked in each run of the segment, also while the stage has neither input nor room: does the program
     * end the stream now? Returns 0: no; LEAT_END; or a code made by leat_fail, for which no reader need wait. */
    int (*leaves)(struct leat_stage *stage);

    /* files - sources: a map of the files that the stage will read, none open yet. NULL: out of
     * memory. */
    struct leat_file_map *(*files)(const struct leat_node *node);
    /* range - sources: the stage that cuts the wanted range out of the output of the next stage, a
     * decoder of frames. Its leat_shared is the state of the source. NULL: no range is wanted. */
    const struct leat_stage_type *(*range)(const struct leat_node *node);
    /* begins_late - sources: may the source begin where the next stage first needs the stream, by info->last? */
    bool (*begins_late)(const struct leat_node *node);
    /* lends - sources: may the source lend a file to the next stage, info->lends_to, instead of reading it? */
    bool (*lends)(const struct leat_node *node);
    /* output - sinks: the name of the file that the stage writes; NULL: it is standard output. If
     * it is set, the next one is, too. */
    const char *(*output)(const struct leat_node *node);
    /* proof - sinks that were prepared: the file that the commit will put in place; the path belongs to the stage.
     * Returns false: there is none. */
    bool (*proof)(struct leat_stage *stage, struct leat_checkpoint_proof *ret_proof);
    /* appends - does the stage write at the end of a file that may exist? */
    bool (*appends)(const struct leat_node *node);

    /* plain_fd - sources and sinks: may the kernel copy from or to the descriptor? If so, the next
     * two are set. */
    bool (*plain_fd)(const struct leat_node *node);
    /* fd - the descriptor, and how many bytes may still be copied (UINT64_MAX: no limit). NULL:
     * none is open, run a step. Thread: the one that runs the segment, here and below. */
    struct leat_fd *(*fd)(struct leat_stage *stage, uint64_t *ret_left);
    /* moved - the kernel has copied n bytes from or to the descriptor, 1 or more. */
    void (*moved)(struct leat_stage *stage, uint64_t n);
};

/* leat_engine_ops_of - the type's table, never NULL. */
static inline const struct leat_engine_ops *leat_engine_ops_of(const struct leat_stage_type *type)
{
    static const struct leat_engine_ops none;

    return type->engine ? type->engine : &none;
}

#endif
