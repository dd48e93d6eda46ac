/* walk_names.h - the names in the directories of a walk: a stack, of which a directory has the top. */
#ifndef LEAT_ARCHIVE_WALK_NAMES_H
#define LEAT_ARCHIVE_WALK_NAMES_H

#include "stage.h"

struct leat_walk_name {
    size_t at; /* in `bytes`; a NUL ends it */
    uint64_t ino;
    uint32_t n;
    uint8_t type; /* DT_* */
};

/* All zero: empty. */
struct leat_walk_names {
    char *bytes;
    size_t bytes_n, bytes_size;
    struct leat_walk_name *v;
    size_t n, size;
    void *buffer; /* for the system call */
};

/* leat_walk_names_read - push the names in a directory, but `.` and `..`, and sort them; `sort`: enum
 * leat_walk_sort. Returns 0; the errno of a directory that cannot be read, and nothing is pushed; or
 * fails the stage (negative). */
int leat_walk_names_read(struct leat_stage *stage, struct leat_walk_names *names, int fd, int sort);
/* leat_walk_names_pop - drop all names from the n-th on, whose bytes began at bytes_n. */
void leat_walk_names_pop(struct leat_walk_names *names, size_t n, size_t bytes_n);
void leat_walk_names_free(struct leat_stage *stage, struct leat_walk_names *names);

#endif
