/* compiler.h - what the files of the compiler share. */
#ifndef LEAT_PLANNER_H
#define LEAT_PLANNER_H

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
    struct leat_detached *detached; /* in a branch whose errors are not the pipeline's; or NULL */
    struct leat_parts *parts;       /* in a branch that is run anew for each part */
    const char *name;               /* the file whose bytes flow here, or "-" */
    struct leat_file_map *files;    /* the files, if their bytes flow here unchanged; or NULL */
    const struct leat_stage_type *encoder; /* whose output flows here unchanged; or NULL */
    bool binary;
    struct leat_stage *ranged; /* the `read --range` just before */
    /* A branch is made of nodes and chains again: compiler.c adds one. */
    int (*node)(struct leat_compiler *pl, const struct leat_node *node, bool first, bool last);
    int (*chain)(struct leat_compiler *pl, const struct leat_chain *c, bool starts, bool ends);
};

/* place.c - each that returns an int returns 0, or an error that is in pl->error. */
int leat_compile_no_memory(struct leat_compiler *pl);
int leat_compile_fail(struct leat_compiler *pl, const struct leat_node *node, const char *text);
/* leat_compile_segment, _edge, _info - a new one, which the pipeline owns. NULL: out of memory. */
struct leat_segment *leat_compile_segment(struct leat_compiler *pl, int number);
struct leat_edge *leat_compile_edge(struct leat_compiler *pl);
struct leat_stage_info *leat_compile_info(struct leat_compiler *pl, const struct leat_node *node,
                                          const struct leat_stage_type *type);
/* leat_compile_add - an instance at the end of a segment (NULL: none). NULL: out of memory. */
struct leat_stage *leat_compile_add(struct leat_compiler *pl, struct leat_segment *segment,
                                    struct leat_stage_info *info);
/* leat_compile_begin - a segment begins, which nothing leads to yet. */
int leat_compile_begin(struct leat_compiler *pl);
int leat_compile_connect(struct leat_compiler *pl, struct leat_segment *from,
                         struct leat_segment *to, struct leat_edge *edge);
/* leat_compile_cut - from here on another segment goes on, through an edge. */
int leat_compile_cut(struct leat_compiler *pl);
/* leat_compile_need_stage - an outlet follows a stage: add one if the segment has none yet. */
int leat_compile_need_stage(struct leat_compiler *pl);
/* leat_compile_ask - let the type look at its options before its place is chosen. */
int leat_compile_ask(struct leat_compiler *pl, struct leat_stage_info *info);
/* leat_compile_buffer - the buffer that the stage has asked for stands in this edge. */
int leat_compile_buffer(struct leat_compiler *pl, const struct leat_stage_info *info,
                        struct leat_edge *edge);
/* leat_compile_imply - a readable (first) or writable that is not written; args may be NULL. */
int leat_compile_imply(struct leat_compiler *pl, const struct leat_stage_type *type, bool first,
                       const struct leat_strings *args);
bool leat_compile_ends(const struct leat_stage_type *type);

/* leat_compile_lanes - lanes.c: the stage runs in lanes. */
int leat_compile_lanes(struct leat_compiler *pl, struct leat_stage_info *info);

/* fan.c - the branches of a fan-out, which goes on; a fan-in with its branches. */
int leat_compile_branches(struct leat_compiler *pl, const struct leat_node *node,
                          const struct leat_stage_info *info);
int leat_compile_fan_in(struct leat_compiler *pl, const struct leat_node *node, bool first);

/* parts.c - the branch behind a stage with LEAT_PARTS; what such a branch may not hold. */
int leat_compile_parts(struct leat_compiler *pl, const struct leat_node *node,
                       const struct leat_part_options *options);
int leat_compile_check_part(struct leat_compiler *pl, const struct leat_node *node);

/* leat_compile_suffix - suffix.c: a warning if the name of this output tells of another format than
 * that of its content. */
void leat_compile_suffix(struct leat_compiler *pl, const struct leat_stage_info *sink);

/* leat_compile_sizes - sizes.c: of chunks and edges, within the memory limit, and the pool
 * that has them reserved. Returns 0, LEAT_ELIMIT or LEAT_ENOMEM. */
int leat_compile_sizes(struct leat_pipeline *pipeline, struct leat_error *ret_error);

#endif
