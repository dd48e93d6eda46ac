/* directories.h - the directories in which names have changed, each to be synced once.
 *
 * A name is safe when its directory is on the disk. Outputs are renamed first, all of them, and then
 * their directories are synced, so that a thousand parts in one directory cost one sync.
 */
#ifndef LEAT_DIRECTORIES_H
#define LEAT_DIRECTORIES_H

#include "../stage.h"

struct leat_directory {
    char *path;
    struct leat_stage *stage; /* an output of it is there */
};

/* All zero: none. */
struct leat_directories {
    struct leat_directory *v;
    size_t n, room;
};

/* leat_directories_add - the name `path`, an output of the stage, is about to change in its directory.
 * Returns 0 or LEAT_ENOMEM. */
int leat_directories_add(struct leat_directories *directories, const char *path,
                         struct leat_stage *stage);
/* leat_directories_sync - sync them; stops at the first that fails, which is then the failure of the
 * stage that *ret_stage says. Returns 0 or its code. */
int leat_directories_sync(struct leat_directories *directories, struct leat_stage **ret_stage);
void leat_directories_done(struct leat_directories *directories);

#endif
