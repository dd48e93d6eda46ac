/* outfile_below.c - the directory of an output whose name comes from data.
 *
 * No component of the name may be a symbolic link, or a hostile name could lead out of the directory
 * that the user has chosen. Each component is opened relative to the one before it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outfile_impl.h"

/* One component of the name, in the directory `at`. `path` ends with it. */
struct step {
    int at;
    struct stat directory; /* of `at` */
    char *path;            /* of this component */
    const char *name;      /* its last component */
};

static int open_directory(int at, const char *name)
{
    int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* The directory may be the name of another output, which does not exist yet. */
static int check_free(struct leat_stage *s, const struct leat_outfile *f, const struct step *step)
{
    bool taken;

    pthread_mutex_lock(&s->pipeline->lock);
    taken = leat_claims_has(&s->pipeline->outputs.claims, step->directory.st_dev,
                            step->directory.st_ino, step->name);
    pthread_mutex_unlock(&s->pipeline->lock);
    if (!taken)
        return 0;
    return leat_fail(s, LEAT_EUSAGE, "%s: its directory %s is the name of another output, too",
                     f->shown, step->path);
}

/* Make the directory, and remember it until the run has succeeded. Returns a descriptor, or fails
 * the stage. */
static int make(struct leat_stage *s, const struct leat_outfile *f, const struct step *step)
{
    struct leat_directories *directories = &s->pipeline->outputs.directories;
    struct leat_directory *parent;
    bool made;
    int fd, r = check_free(s, f, step);

    if (r < 0)
        return r;
    r = leat_directories_find(directories, step->path, &parent);
    if (r == 0 && (parent->dev != step->directory.st_dev || parent->ino != step->directory.st_ino))
        r = -ESTALE; /* it was replaced meanwhile */
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    r = leat_outfile_check_sync(s, f, parent);
    if (r == 0)
        r = leat_charge(s, LEAT_MADE_BYTES + 2 * strlen(step->path));
    if (r < 0)
        return r;
    made = mkdirat(step->at, step->name, 0777) == 0;
    if (!made && errno != EEXIST) /* another thread or process may be faster */
        return leat_fail_errno(s, errno, "cannot make the directory %s", step->path);
    fd = open_directory(step->at, step->name);
    r = fd >= 0 && made ? leat_directories_made(directories, parent, step->path, fd) : fd;
    if (r >= 0)
        return fd;
    if (made)
        (void)unlinkat(step->at, step->name, AT_REMOVEDIR);
    if (fd >= 0)
        (void)close(fd); /* nothing was written */
    return leat_fail_errno(s, -r, "%s", step->path);
}

/* Open the component, or make it. Returns a descriptor, or fails the stage. */
static int go_down(struct leat_stage *s, const struct leat_outfile *f, struct step *step)
{
    int fd = open_directory(step->at, step->name);

    if (fd == -ENOENT)
        return make(s, f, step);
    if (fd == -ENOTDIR || fd == -ELOOP)
        return leat_fail(s, LEAT_EEXIST, "%s: %s is a symbolic link or no directory", f->shown,
                         step->path);
    return fd < 0 ? leat_fail_errno(s, -fd, "%s", f->shown) : fd;
}

static int walk(struct leat_stage *s, const struct leat_outfile *f, struct step *step)
{
    char *at = step->path + f->options.below_n, *slash;
    int r = fstat(step->at, &step->directory) < 0 ? leat_fail_errno(s, errno, "%s", f->shown) : 0;

    while (r == 0 && (slash = strchr(at, '/'))) {
        *slash = '\0';
        step->name = at;
        r = go_down(s, f, step);
        if (r < 0)
            return r;
        (void)close(step->at); /* nothing was written */
        step->at = r;
        r = fstat(step->at, &step->directory) < 0 ? leat_fail_errno(s, errno, "%s", f->shown) : 0;
        *slash = '/';
        at = slash + 1;
    }
    return r;
}

int leat_outfile_below(struct leat_stage *s, const struct leat_outfile *f,
                       struct stat *ret_directory)
{
    struct step step = {.at = open(f->options.below, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    int r;

    if (step.at < 0)
        return leat_fail_errno(s, errno, "%s", f->options.below);
    step.path = strdup(f->shown);
    r = step.path ? walk(s, f, &step) : leat_fail(s, LEAT_ENOMEM, "out of memory");
    *ret_directory = step.directory;
    free(step.path);
    (void)close(step.at); /* nothing was written */
    return r;
}
