/* directories.c - renamed files, and one sync for each directory that they are in. */

#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../grow.h"

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

/* Files of one directory mostly come one after another; what does come again is found by sync. */
int leat_directories_add(struct leat_directories *d, const char *path, struct leat_stage *s)
{
    struct leat_directory *more;
    char *directory = directory_of(path);

    if (!directory)
        return LEAT_ENOMEM;
    if (d->n > 0 && strcmp(d->v[d->n - 1].path, directory) == 0) {
        free(directory);
        return 0;
    }
    more = leat_grow(d->v, d->n, &d->room, sizeof *more);
    if (!more) {
        free(directory);
        return LEAT_ENOMEM;
    }
    d->v = more;
    d->v[d->n++] = (struct leat_directory){.path = directory, .stage = s};
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct leat_directory *x = a, *y = b;

    return strcmp(x->path, y->path);
}

/* Returns 0 or -errno. */
static int sync_one(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP) /* not every file system can */
        r = -errno;
    (void)close(fd); /* was only synced */
    return r;
}

int leat_directories_sync(struct leat_directories *d, struct leat_stage **ret_stage)
{
    if (d->n > 1)
        qsort(d->v, d->n, sizeof *d->v, by_path);
    for (size_t i = 0; i < d->n; i++) {
        bool again = i > 0 && strcmp(d->v[i - 1].path, d->v[i].path) == 0;
        int r = again ? 0 : sync_one(d->v[i].path);

        if (r < 0) {
            *ret_stage = d->v[i].stage;
            return leat_fail_errno(d->v[i].stage, -r, "cannot sync the directory %s", d->v[i].path);
        }
    }
    return 0;
}

void leat_directories_done(struct leat_directories *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->v[i].path);
    free(d->v);
    *d = (struct leat_directories){0};
}
