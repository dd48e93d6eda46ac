/* rename.h - the names of entries, rewritten by rules of the form RE=TEXT. */
#ifndef LEAT_ARCHIVE_RENAME_H
#define LEAT_ARCHIVE_RENAME_H

#include "stage.h"

struct leat_rename;

/* leat_rename_new - in open: rules from an option that may be given several times. RE is an extended
 * regular expression (POSIX) without `=`, or with `\=`; the first match in a name is replaced by TEXT, in which
 * `\1` to `\9` are groups and `&` is the match. *ret_rename is NULL if there is no rule. Returns 0,
 * or fails the stage. */
int leat_rename_new(struct leat_stage *stage, const struct leat_strings *rules,
                    struct leat_rename **ret_rename);
/* leat_rename_check - in plan: the same checks. */
int leat_rename_check(struct leat_stage *stage, const struct leat_strings *rules);
/* leat_rename_apply - apply every rule in order to a name in a buffer of LEAT_RENAME_MAX bytes.
 * Returns 0, or fails the stage: the result is too long. NULL changes nothing. */
int leat_rename_apply(struct leat_stage *stage, const struct leat_rename *rename, char *name);
#define LEAT_RENAME_MAX 8192u
void leat_rename_free(struct leat_stage *stage, struct leat_rename *rename);

#endif
