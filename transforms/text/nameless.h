/* nameless.h - a temporary file without a name, for stages that hold more than their memory.
 *
 * The file is gone when the process is, whatever ends it.
 */
#ifndef LEAT_TEXT_NAMELESS_H
#define LEAT_TEXT_NAMELESS_H

#include <stddef.h>
#include <stdint.h>

struct leat_stage;

struct leat_nameless {
    struct leat_stage *stage;
    const char *dir;  /* where the file is */
    int fd;           /* -1: not made yet */
    uint64_t written; /* bytes */
};

/* leat_nameless_plan - in plan: the stage may use the directory.
 *   dir  the value of --spill; NULL: TMPDIR, or /var/tmp. Returns 0, or fails the stage. */
int leat_nameless_plan(struct leat_stage *stage, const char *dir);

/* leat_nameless_init - a file, which is made only when something is written.
 *   dir  as for leat_nameless_plan; borrowed */
void leat_nameless_init(struct leat_nameless *file, struct leat_stage *stage, const char *dir);
/* leat_nameless_close - does nothing if the file was not made. */
void leat_nameless_close(struct leat_nameless *file);

/* leat_nameless_open - make the file now, if it is not there. Returns 0, or fails the stage. */
int leat_nameless_open(struct leat_nameless *file);
/* leat_nameless_write, _read - n bytes at an offset. Each returns 0, or fails the stage. A full disk is LEAT_EIO: the message
 * names the directory and the remedy. */
int leat_nameless_write(struct leat_nameless *file, const void *data, size_t n, uint64_t at);
int leat_nameless_read(struct leat_nameless *file, void *data, size_t n, uint64_t at);

#endif
