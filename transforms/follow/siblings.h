/* siblings.h - the files that had a followed name before: app.log.1, app.log-20261130, app-2026.log. */
#ifndef LEAT_FOLLOW_SIBLINGS_H
#define LEAT_FOLLOW_SIBLINGS_H

#include <limits.h>

#include "name.h"

#define FOLLOW_SIBLINGS_MAX 65536u

struct leat_follow_sibling {
    uint64_t dev, ino, size;
    int64_t changed_ns; /* the time of its content */
    uint64_t number;    /* at the end of its name; UINT64_MAX: none */
    bool is_base;       /* it has the followed name now */
    char file[NAME_MAX + 1];
};

struct leat_follow_siblings {
    unsigned n, room;
    unsigned compressed; /* files that are not in the list: see packed.h */
    struct leat_follow_sibling *v;
};

/* leat_follow_siblings_list - the regular files in the directory of the name that have or had it, by their names; the oldest
 * content first, and the file that has the name now last. Returns 0, or fails the stage; leat_follow_siblings_free in any
 * case. */
int leat_follow_siblings_list(struct leat_stage *stage, const struct leat_follow_name *name,
                              struct leat_follow_siblings *siblings);
void leat_follow_siblings_free(struct leat_stage *stage, struct leat_follow_siblings *siblings);

/* leat_follow_sibling_find - open the regular file of the directory that has this inode. Returns the descriptor, or -errno. */
int leat_follow_sibling_find(const struct leat_follow_name *name, uint64_t ino,
                             struct stat *ret_info);

enum leat_follow_kin { FOLLOW_NO_KIN, FOLLOW_KIN, FOLLOW_COMPRESSED_KIN };
/* leat_follow_kin - is `file` a name that a rotation of `base` gives? *ret_number as in the struct. */
enum leat_follow_kin leat_follow_kin(const char *base, const char *file, uint64_t *ret_number);

#endif
