/* name.h - one followed name, and the files that it belonged to: the oldest is read first. */
#ifndef LEAT_FOLLOW_NAME_H
#define LEAT_FOLLOW_NAME_H

#include <sys/stat.h>

#include "file.h"
#include "notify.h"

#define FOLLOW_KNOWN 64u
#define FOLLOW_FILES_MAX 64u /* open files of a name: read ones, and newer ones that wait */

struct leat_follow_name {
    const char *path;
    const char *base; /* the part of the path after its directory */
    char *dir;        /* NUL-terminated; the directory of the path */
    int dir_watch;
    int dir_fd;  /* of the directory, to wait for changes under way; -1: none */
    bool untold; /* at the last look it had a file that inotify had not told of */
    unsigned n;
    struct leat_follow_file *files[FOLLOW_FILES_MAX];
    /* Closed ones, the latest first, or NULL: if the name comes back to one, it is read on from its offset. */
    struct leat_follow_file *known[FOLLOW_KNOWN];
    uint64_t refused_ns; /* since when it cannot be opened; 0: it can */
};

struct leat_follow_counts {
    uint64_t truncations; /* of files, at any offset above 0 */
    uint64_t written;     /* files that were given up although they may still be written to */
};

/* leat_follow_name_open - look for the file of the name. *ret_fd is -1 if there is none. Returns 0, or fails the stage;
 * leat_follow_name_close in any case.
 *
 *   missing_ok  it need not exist yet */
int leat_follow_name_open(struct leat_stage *stage, struct leat_follow_name *name, const char *path,
                          bool missing_ok, struct leat_follow_notify *notify, int *ret_fd,
                          struct stat *ret_info);
void leat_follow_name_close(struct leat_stage *stage, struct leat_follow_name *name);
/* leat_follow_name_look - has the name another file now, or none? Opens a new one if the
 * directory is not watched, or if `opens` is set for the second time and inotify has not told of the file. Returns 0, or fails the stage: the new
 * file cannot be opened for longer than grace_ms. */
int leat_follow_name_look(struct leat_stage *stage, struct leat_follow_name *name, bool opens,
                          uint64_t grace_ms, struct leat_follow_notify *notify);
/* leat_follow_name_find - open the regular file that is called `file` in the name's directory. Returns the descriptor,
 * or -errno. leat_follow_name_add - add it as the newest file of the name; takes fd. Returns 0, also if the file is known,
 * or fails the stage. */
int leat_follow_name_find(const struct leat_follow_name *name, const char *file,
                          struct stat *ret_info);
int leat_follow_name_add(struct leat_stage *stage, struct leat_follow_name *name, int fd,
                         const struct stat *info, struct leat_follow_notify *notify);
/* leat_follow_name_settle_dir - wait until the events of all changes of the directory that can be seen are queued. */
void leat_follow_name_settle_dir(const struct leat_follow_name *name);
/* leat_follow_name_settle - all whole lines of the oldest file are output: is it given up? A file without its name is,
 * when nobody writes to it any more, or else when it has not grown for grace_ms and there is more to read, or it was
 * deleted. It becomes `final` first, and is closed at the next call.
 *
 *   ret_ms  lowered to the time after which to ask again
 *
 * Returns whether to read on. */
bool leat_follow_name_settle(struct leat_stage *stage, struct leat_follow_name *name,
                             uint64_t grace_ms, struct leat_follow_notify *notify,
                             struct leat_follow_counts *counts, uint64_t *ret_ms);

#endif
