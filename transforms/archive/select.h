/* select.h - which entries of an archive a stage takes, and under which names. */
#ifndef LEAT_ARCHIVE_SELECT_H
#define LEAT_ARCHIVE_SELECT_H

#include "match.h"
#include "rename.h"

/* Options of every stage that selects entries: LEAT_SELECT_OPTIONS(offsetof(params, select)). */
struct leat_select_options {
    struct leat_strings include, exclude, rename;
    int64_t strip; /* components */
};
#define LEAT_SELECT_OPTIONS(at)                                                                    \
    {.name = "include",                                                                            \
     .kind = LEAT_OPT_LIST,                                                                        \
     .offset = (at) + offsetof(struct leat_select_options, include),                               \
     .metavar = "PATTERN",                                                                         \
     .help = "only entries whose name matches; may be given several times"},                       \
        {.name = "exclude",                                                                        \
         .kind = LEAT_OPT_LIST,                                                                    \
         .offset = (at) + offsetof(struct leat_select_options, exclude),                           \
         .metavar = "PATTERN",                                                                     \
         .help = "no entry whose name matches; may be given several times"},                       \
        {.name = "strip-components",                                                               \
         .kind = LEAT_OPT_INT,                                                                     \
         .offset = (at) + offsetof(struct leat_select_options, strip),                             \
         .metavar = "N",                                                                           \
         .min = 0,                                                                                 \
         .max = 4096,                                                                              \
         .help = "drop the first N components of each name, and entries that have no more"},       \
    {                                                                                              \
        .name = "rename", .kind = LEAT_OPT_LIST,                                                   \
        .offset = (at) + offsetof(struct leat_select_options, rename), .metavar = "RE=TEXT",       \
        .help = "replace the first match of RE in each name; & and \\1 stand for the match"        \
    }

struct leat_select {
    struct leat_match include, exclude;
    struct leat_rename *rename;
    size_t strip;
};

/* leat_select_check - in plan. leat_select_open - in open. Each returns 0, or fails the stage. */
int leat_select_check(struct leat_stage *stage, const struct leat_select_options *options);
int leat_select_open(struct leat_stage *stage, const struct leat_select_options *options,
                     struct leat_select *ret_select);
/* leat_select_entry - is the entry wanted? Returns 1 and its new name; 0: no; or fails the stage.
 *
 *   ret_name   LEAT_RENAME_MAX bytes */
int leat_select_entry(struct leat_stage *stage, struct leat_select *select, const char *name,
                      char *ret_name);
/* leat_select_name - the new name of an entry that is wanted, such as the target of a hard link. Returns
 * 1; 0: nothing is left of it; or fails the stage. */
int leat_select_name(struct leat_stage *stage, const struct leat_select *select, const char *name,
                     char *ret_name);
/* leat_select_end - after the last entry. Returns 0, or fails the stage: a pattern of --include has matched nothing. */
int leat_select_end(struct leat_stage *stage, const struct leat_select *select);
void leat_select_close(struct leat_stage *stage, struct leat_select *select);

#endif
