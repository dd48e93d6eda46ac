/* compiler.h - what the files of the planner share. */
#ifndef LEAT_PLANNER_H
#define LEAT_PLANNER_H

#include "run/pipeline.h"

#define LEAT_CHUNK_BEST ((size_t)262144)
#define LEAT_CHUNK_LEAST ((size_t)4096)

struct leat_planner {
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
    /* A branch is made of nodes and chains again: planner.c adds one. */
    int (*node)(struct leat_planner *pl, const struct leat_node *node, bool first, bool last);
    int (*chain)(struct leat_planner *pl, const struct leat_chain *c, bool starts, bool ends);
};

/* planner_place.c - each that returns an int returns 0, or an error that is in pl->error. */
int leat_planner_no_memory(struct leat_planner *pl);
int leat_planner_fail(struct leat_planner *pl, const struct leat_node *node, const char *text);
/* leat_planner_segment, _edge, _info - a new one, which the pipeline owns. NULL: out of memory. */
struct leat_segment *leat_planner_segment(struct leat_planner *pl, int number);
struct leat_edge *leat_planner_edge(struct leat_planner *pl);
struct leat_stage_info *leat_planner_info(struct leat_planner *pl, const struct leat_node *node,
                                          const struct leat_stage_type *type);
/* leat_planner_add - an instance at the end of a segment (NULL: none). NULL: out of memory. */
struct leat_stage *leat_planner_add(struct leat_planner *pl, struct leat_segment *segment,
                                    struct leat_stage_info *info);
/* leat_planner_begin - a segment begins, which nothing leads to yet. */
int leat_planner_begin(struct leat_planner *pl);
int leat_planner_connect(struct leat_planner *pl, struct leat_segment *from, struct leat_segment *to,
                         struct leat_edge *edge);
/* leat_planner_cut - from here on another segment goes on, through an edge. */
int leat_planner_cut(struct leat_planner *pl);
/* leat_planner_need_stage - an outlet follows a stage: add one if the segment has none yet. */
int leat_planner_need_stage(struct leat_planner *pl);
/* leat_planner_ask - let the type look at its options before its place is chosen. */
int leat_planner_ask(struct leat_planner *pl, struct leat_stage_info *info);
/* leat_planner_buffer - the buffer that the stage has asked for stands in this edge. */
int leat_planner_buffer(struct leat_planner *pl, const struct leat_stage_info *info,
                        struct leat_edge *edge);
/* leat_planner_imply - a readable (first) or writable that is not written; args may be NULL. */
int leat_planner_imply(struct leat_planner *pl, const struct leat_stage_type *type, bool first,
                       const struct leat_strings *args);
bool leat_planner_ends(const struct leat_stage_type *type);

/* leat_planner_lanes - planner_lanes.c: the stage runs in lanes. */
int leat_planner_lanes(struct leat_planner *pl, struct leat_stage_info *info);

/* planner_fan.c - the branches of a fan-out, which goes on; a fan-in with its branches. */
int leat_planner_branches(struct leat_planner *pl, const struct leat_node *node,
                          const struct leat_stage_info *info);
int leat_planner_fan_in(struct leat_planner *pl, const struct leat_node *node, bool first);

/* planner_parts.c - the branch behind a stage with LEAT_PARTS; what such a branch may not hold. */
int leat_planner_parts(struct leat_planner *pl, const struct leat_node *node,
                       const struct leat_part_options *options);
int leat_planner_check_part(struct leat_planner *pl, const struct leat_node *node);

/* leat_planner_suffix - planner_suffix.c: a warning if the name of this output tells of another format than
 * that of its content. */
void leat_planner_suffix(struct leat_planner *pl, const struct leat_stage_info *sink);

/* leat_planner_sizes - planner_sizes.c: of chunks and edges, within the memory limit, and the pool
 * that has them reserved. Returns 0, LEAT_ELIMIT or LEAT_ENOMEM. */
int leat_planner_sizes(struct leat_pipeline *pipeline, struct leat_error *ret_error);

#endif
