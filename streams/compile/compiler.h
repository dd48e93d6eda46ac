/* compiler.h - shared by the files of the compiler. */
#ifndef LEAT_COMPILE_COMPILER_H
#define LEAT_COMPILE_COMPILER_H

#include "run/pipeline.h"

#define LEAT_CHUNK_BEST ((size_t)262144)
#define LEAT_CHUNK_LEAST ((size_t)4096)

struct leat_compiler {
    struct leat_pipeline *p;
    struct leat_error *error;
    struct leat_segment *cur;
    bool cur_heavy;
    int numbers;
    size_t infos_room;
    struct leat_detached *detached; /* the detached branch that is being compiled, or NULL */
    struct leat_parts *parts;       /* the branch of parts that is being compiled, or NULL */
    const char *name;               /* the file whose bytes flow here, or "-" */
    struct leat_file_map *files;    /* the files whose unchanged bytes flow here, or NULL */
    const struct leat_stage_type
        *encoder; /* the encoder whose unchanged output flows here, or NULL */
    const struct leat_stage_type *before; /* the type of the last stage that was added */
    bool binary;
    struct leat_stage *ranged; /* the source just before, if only a range of it is wanted */
    /* Add a node or a chain (compiler.c): a branch consists of chains, too. */
    int (*node)(struct leat_compiler *pl, const struct leat_node *node, bool first, bool last);
    int (*chain)(struct leat_compiler *pl, const struct leat_chain *c, bool starts, bool ends);
};

/* place.c - functions that return an int return 0, or an error that is in pl->error. */
int leat_compile_no_memory(struct leat_compiler *pl);
int leat_compile_fail(struct leat_compiler *pl, const struct leat_node *node, const char *text);
/* leat_compile_segment, _edge, _info - a new one, which the pipeline owns. NULL: out of memory. */
struct leat_segment *leat_compile_segment(struct leat_compiler *pl, int number);
struct leat_edge *leat_compile_edge(struct leat_compiler *pl);
struct leat_stage_info *leat_compile_info(struct leat_compiler *pl, const struct leat_node *node,
                                          const struct leat_stage_type *type);
/* leat_compile_add - make an instance, appended to the segment if it is not NULL. NULL: out of
 * memory. */
struct leat_stage *leat_compile_add(struct leat_compiler *pl, struct leat_segment *segment,
                                    struct leat_stage_info *info);
/* leat_compile_begin - begin a segment, without an inlet yet. */
int leat_compile_begin(struct leat_compiler *pl);
int leat_compile_connect(struct leat_compiler *pl, struct leat_segment *from,
                         struct leat_segment *to, struct leat_edge *edge);
/* leat_compile_cut - end the current segment and begin another one, connected by an edge. */
int leat_compile_cut(struct leat_compiler *pl);
/* leat_compile_need_stage - add a stage if the segment has none yet, because an outlet needs one.
 * */
int leat_compile_need_stage(struct leat_compiler *pl);
/* leat_compile_ask - call the type's plan before the compiler chooses the stage's place. */
int leat_compile_ask(struct leat_compiler *pl, struct leat_stage_info *info);
/* leat_compile_buffer - make this edge the buffer that the stage has asked for. */
int leat_compile_buffer(struct leat_compiler *pl, const struct leat_stage_info *info,
                        struct leat_edge *edge);
/* leat_compile_imply - add the default stage at an open end: LEAT_SOURCE or LEAT_SINK; args may be
 * NULL. */
int leat_compile_imply(struct leat_compiler *pl, enum leat_kind kind,
                       const struct leat_strings *args);
/* leat_compile_output - the file that a sink writes; NULL: standard output, or no such file. */
const char *leat_compile_output(const struct leat_node *node);
bool leat_compile_ends(const struct leat_stage_type *type);

/* leat_compile_lanes - lanes.c: add a stage that runs in lanes. */
int leat_compile_lanes(struct leat_compiler *pl, struct leat_stage_info *info);

/* fan.c - the branches of a fan-out, whose stream goes on; a fan-in with its branches. */
int leat_compile_branches(struct leat_compiler *pl, const struct leat_node *node,
                          const struct leat_stage_info *info);
int leat_compile_fan_in(struct leat_compiler *pl, const struct leat_node *node, bool first);

/* parts.c - the branch after a stage with LEAT_PARTS; the stages that it must not contain. */
int leat_compile_parts(struct leat_compiler *pl, const struct leat_node *node,
                       const struct leat_part_options *options);
int leat_compile_check_part(struct leat_compiler *pl, const struct leat_node *node);

/* leat_compile_suffix - suffix.c: warn if the suffix of this output belongs to another format than
 * its content has. */
void leat_compile_suffix(struct leat_compiler *pl, const struct leat_stage_info *sink);

/* leat_compile_sizes - sizes.c: choose the sizes of chunks and edges within the memory limit, and
 * reserve them in the pool. Returns 0, LEAT_ELIMIT or LEAT_ENOMEM. */
int leat_compile_sizes(struct leat_pipeline *pipeline, struct leat_error *ret_error);

#endif
