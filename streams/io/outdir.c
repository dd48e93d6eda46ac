/* outdir.c - an output directory: make its draft, commit it, undo it. */

#include "../stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"
#include "draft.h"
#include "outcome/warnings.h"
#include "outfile_impl.h"
#include "run/pipeline.h"
#include "tree_remove.h"

#define MAKE_TRIES 100u
#define INNER                                                                                      \
    "extract" /* in place: the name of which the directory of unfinished files is a temporary */

struct leat_outdir {
    struct leat_pipeline *pipeline;
    const struct leat_stage_info *info; /* the stage, for warnings */
    const char *shown;                  /* the path as the user wrote it */
    char *path;                         /* symbolic links resolved; in place: ends with '/' */
    struct leat_outdir_options options;
    struct leat_directories *directories;
    struct leat_directory *parent; /* where `name` and `temp` are; in place: the directory itself */
    char *name, *temp;
    int root;  /* the directory to fill; -1: not open */
    int draft; /* the directory with the name `temp`: the root, or in place another one; -1 */
    struct leat_inode inode, old; /* of the draft; of the directory that it replaces */
    mode_t mode;                  /* of the root when it is complete */
    mode_t made_mode;             /* of the draft when it was made */
    bool has_old;                 /* a directory with this name exists, and is replaced */
    bool exchanged;               /* after commit: `temp` is the old directory */
    bool committed;
};

int leat_outdir_root(const struct leat_outdir *d)
{
    return d->root;
}

int leat_outdir_unfinished(const struct leat_outdir *d)
{
    leat_assert(d->options.in_place);
    return d->draft;
}

unsigned leat_outdir_umask(const struct leat_outdir *d)
{
    return ~d->made_mode & 0777u;
}

void leat_outdir_set_mode(struct leat_outdir *d, unsigned mode)
{
    if (!d->options.in_place && !d->has_old)
        d->mode = mode;
}

/* --- open ------------------------------------------------------------------------------------- */

static int fail_errno(struct leat_stage *s, const struct leat_outdir *d, int err)
{
    return leat_fail_errno(s, err, "%s", d->shown);
}

/* Returns 1; 0: nothing or something else has the name; or -errno. */
static int look(int at, const char *name, const struct leat_inode *inode)
{
    struct stat info;

    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return info.st_dev == inode->dev && info.st_ino == inode->ino;
}

/* The file system does not know a flag of renameat2. */
static bool is_lacking(int r)
{
    return r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP;
}

static bool is_inode(int at, const char *name, const struct leat_inode *inode)
{
    return look(at, name, inode) == 1;
}

/* Returns a descriptor of the new directory `temp`, locked, or -errno; -EEXIST: try another name. */
static int make_once(struct leat_outdir *d, int at)
{
    struct stat info;
    int fd, r;

    if (mkdirat(at, d->temp, 0777) < 0)
        return -errno;
    fd = openat(at, d->temp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = fd < 0 || fstat(fd, &info) < 0 ? -errno : 0;
    if (r == 0) {
        d->inode = (struct leat_inode){.dev = info.st_dev, .ino = info.st_ino};
        d->mode = d->made_mode = info.st_mode & 07777; /* with the umask of the process */
        if ((flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) ||
            !is_inode(at, d->temp, &d->inode))
            r = -EEXIST; /* a run that removes stale temporaries was faster, and may remove it */
        else if (fchmod(fd, 0700) < 0)
            r = -errno;
    }
    if (r < 0) {
        if (r != -EEXIST || is_inode(at, d->temp, &d->inode))
            (void)unlinkat(at, d->temp, AT_REMOVEDIR); /* a later run removes it */
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
        return r;
    }
    return fd;
}

/* Make the draft, in the parent. `of`: the name that it is a temporary of. Returns 0 or -errno. */
static int make_draft(struct leat_outdir *d, const char *of)
{
    int at = leat_directory_pin(d->directories, d->parent), r = -EEXIST;

    if (at < 0)
        return at;
    leat_directory_sweep(d->parent, at, of, false);
    for (unsigned i = 0; i < MAKE_TRIES && r == -EEXIST; i++) {
        free(d->temp);
        d->temp = leat_temporary_name(of, false, d->parent->owner);
        r = d->temp ? make_once(d, at) : -ENOMEM;
    }
    leat_directory_unpin(d->directories, d->parent);
    d->draft = r < 0 ? -1 : r;
    return r < 0 ? r : 0;
}

/* Returns 1, 0 or -errno. */
static int is_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int n = 0, r;

    if (!dir)
        return -errno;
    errno = 0;
    while (n < 3 && (entry = readdir(dir)))
        n++;
    r = n < 3 && errno ? -errno : n < 3; /* "." and ".." */
    (void)closedir(dir);                 /* it was only read */
    return r;
}

/* A directory has the name already: may it be replaced? Returns 0, or fails the stage. */
static int check_old(struct leat_stage *s, struct leat_outdir *d, const struct stat *info)
{
    int r = is_empty(d->path);

    if (r < 0)
        return fail_errno(s, d, -r);
    if (r == 0 && !d->options.force)
        return leat_fail(s, LEAT_EEXIST,
                         "%s: exists and is not empty; use --in-place to add to it, or --force to "
                         "replace it",
                         d->shown);
    if (info->st_dev != d->parent->dev)
        return leat_fail(s, LEAT_EEXIST,
                         "%s: is a mount point, which cannot be replaced; use --in-place",
                         d->shown);
    if (is_inode(AT_FDCWD, ".", &(struct leat_inode){info->st_dev, info->st_ino}))
        return leat_fail(s, LEAT_EEXIST,
                         "%s: is the current directory, which is not replaced; use --in-place",
                         d->shown);
    d->has_old = true;
    d->old = (struct leat_inode){.dev = info->st_dev, .ino = info->st_ino};
    return 0;
}

static int claim(struct leat_stage *s, const struct leat_outdir *d)
{
    struct leat_claims *claims = &s->pipeline->outputs.claims;
    int r;

    pthread_mutex_lock(&s->pipeline->lock); /* several stages may run parts */
    r = leat_claims_name(claims, d->parent->dev, d->parent->ino, d->name, LEAT_CLAIM_REPLACE,
                         d->info->name);
    pthread_mutex_unlock(&s->pipeline->lock);
    if (r == LEAT_EEXIST)
        return leat_fail(s, LEAT_EUSAGE, "%s: is the output of another stage, too", d->shown);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

/* Without read permission on the parent the new name could not be synced. */
static int check_sync(struct leat_stage *s, const struct leat_outdir *d)
{
    if (!d->parent->no_sync || d->options.no_sync)
        return 0;
    return leat_fail(s, LEAT_EIO,
                     "%s: its directory cannot be read, so it cannot be synced; use --no-sync",
                     d->shown);
}

/* A draft beside the directory that will appear. */
static int open_new(struct leat_stage *s, struct leat_outdir *d)
{
    struct stat info = {0};
    bool exists = stat(d->path, &info) == 0;
    const char *slash = strrchr(d->path, '/');
    int r = leat_directories_find(d->directories, d->path, &d->parent);

    if (r < 0)
        return fail_errno(s, d, -r);
    if (exists && !S_ISDIR(info.st_mode))
        return leat_fail(s, LEAT_EEXIST, "%s: exists, and is no directory", d->shown);
    d->name = strdup(slash ? slash + 1 : d->path);
    if (!d->name)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    if (!*d->name)
        return leat_fail(s, LEAT_EEXIST, "%s: cannot be replaced; use --in-place", d->shown);
    r = check_sync(s, d);
    if (r == 0)
        r = claim(s, d);
    if (r == 0 && exists)
        r = check_old(s, d, &info);
    if (r < 0)
        return r;
    r = make_draft(d, d->name);
    if (r < 0)
        return leat_fail_errno(s, -r, "cannot make a temporary directory for %s", d->shown);
    if (d->has_old)
        d->mode = info.st_mode & 07777;
    d->root = d->draft;
    return 0;
}

/* The directory of the user, and one in it for files that are not complete. */
static int open_in_place(struct leat_stage *s, struct leat_outdir *d)
{
    char *below;
    int r;

    if (mkdir(d->path, 0777) < 0 && errno != EEXIST)
        return fail_errno(s, d, errno);
    d->root = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->root < 0)
        return fail_errno(s, d, errno);
    if (asprintf(&below, "%s/", d->path) < 0)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    free(d->path);
    d->path = below;
    r = leat_directories_find(d->directories, d->path, &d->parent);
    if (r == 0)
        r = make_draft(d, INNER);
    return r < 0 ? leat_fail_errno(s, -r, "cannot make a temporary directory in %s", d->shown) : 0;
}

/* Slashes at the end would hide the last name. */
static char *without_slashes(const char *path)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    return strndup(path, n);
}

int leat_outdir_open(struct leat_stage *s, const char *path,
                     const struct leat_outdir_options *options, struct leat_outdir **ret)
{
    struct leat_outdir *d = calloc(1, sizeof *d);
    char *plain = without_slashes(path);

    if (!d || !plain) {
        free(d);
        free(plain);
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    }
    *d = (struct leat_outdir){.pipeline = s->pipeline,
                              .info = s->info,
                              .shown = path,
                              .options = *options,
                              .directories = &s->pipeline->outputs.directories,
                              .root = -1,
                              .draft = -1};
    *ret = d;
    d->options.force = d->options.force || leat_stage_forced(s);
    atomic_fetch_add(&s->pipeline->outputs.n_outputs, 1);
    if (*plain)
        d->path = leat_outfile_resolve(plain);
    free(plain);
    if (!*path)
        return leat_fail(s, LEAT_EUSAGE, "the name of the directory is empty");
    if (!d->path)
        return fail_errno(s, d, errno);
    return d->options.in_place ? open_in_place(s, d) : open_new(s, d);
}

/* --- commit ----------------------------------------------------------------------------------- */

/* Does a directory lie in the one that is replaced, or is it that one? */
static bool is_within(int fd, const struct leat_inode *top)
{
    struct leat_inode last = {0};
    int at = dup(fd);
    bool found = false;

    while (at >= 0 && !found) {
        struct stat info = {0};
        int up = fstat(at, &info) < 0 || (info.st_dev == last.dev && info.st_ino == last.ino)
                     ? -1
                     : openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

        found = up >= 0 && info.st_dev == top->dev && info.st_ino == top->ino;
        last = (struct leat_inode){.dev = info.st_dev, .ino = info.st_ino};
        (void)close(at); /* nothing was written */
        at = up;
    }
    if (at >= 0)
        (void)close(at);
    return found;
}

/* The directory that is replaced must not hold another output of the run. */
static int check_outputs(struct leat_stage *s, const struct leat_outdir *d)
{
    for (size_t i = 0; d->has_old && i < d->directories->n; i++) {
        struct leat_directory *other = d->directories->v[i];
        int fd = leat_directory_pin(d->directories, other);
        bool within = fd >= 0 && is_within(fd, &d->old);

        if (fd >= 0)
            leat_directory_unpin(d->directories, other);
        if (within)
            return leat_fail(s, LEAT_EUSAGE,
                             "%s: is replaced, but another output of the pipeline is in it",
                             d->shown);
    }
    return 0;
}

/* Does the directory that is replaced hold the file? */
static bool holds(const struct leat_outdir *d, const char *name)
{
    char *path = realpath(name, NULL), *slash = path ? strrchr(path, '/') : NULL;
    bool found = false;
    int fd;

    if (slash) {
        slash[slash == path] = '\0';
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        found = fd >= 0 && is_within(fd, &d->old);
        if (fd >= 0)
            (void)close(fd); /* nothing was written */
    }
    free(path);
    return found;
}

/* It would be removed with the archive in it. */
static int check_inputs(struct leat_stage *s, const struct leat_outdir *d)
{
    struct leat_input_file file;

    for (size_t i = 0; d->has_old && leat_input_file(s, i, &file); i++)
        if (strcmp(file.name, "-") != 0 && holds(d, file.name))
            return leat_fail(s, LEAT_EUSAGE,
                             "%s: is replaced, but the input %s is in it; use --in-place", d->shown,
                             file.name);
    return 0;
}

int leat_outdir_prepare(struct leat_stage *s, struct leat_outdir *d)
{
    int r = check_outputs(s, d);

    if (r == 0)
        r = check_inputs(s, d);
    if (r < 0)
        return r;
    if (!d->options.in_place && fchmod(d->root, d->mode) < 0)
        return fail_errno(s, d, errno);
    if (!d->options.no_sync && syncfs(d->root) < 0)
        return leat_fail_errno(s, errno, "cannot sync %s", d->shown);
    return 0;
}

/* Give a directory a temporary name that no other run removes before it has succeeded. Returns 0 and the
 * name, or -errno. */
static int move_away(const struct leat_outdir *d, int at, const char *name, char **ret_temp)
{
    char *temp = leat_temporary_name(d->name, true, d->parent->owner);
    int r = temp ? 0 : -ENOMEM;

    if (r == 0 && renameat2(at, name, at, temp, RENAME_NOREPLACE) < 0)
        r = -errno;
    if (is_lacking(r) && renameat(at, name, at, temp) == 0) /* the name is a random one */
        r = 0;
    if (r < 0)
        free(temp);
    else
        *ret_temp = temp;
    return r;
}

/* After the exchange the old directory has the name of the draft. It is not locked. */
static int name_for_exchange(struct leat_outdir *d, int at)
{
    char *temp;
    int r;

    (void)leat_directory_guard(d->directories, d->parent);
    r = move_away(d, at, d->temp, &temp);
    if (r < 0)
        return r;
    free(d->temp);
    d->temp = temp;
    return 0;
}

/* Exchange the names `name` and `temp` where the file system cannot do it at once: for a moment `name` is
 * missing. On failure both are as they were, or a warning tells where the old one is. Returns 0 or -errno. */
static int exchange_in_steps(struct leat_outdir *d, int at)
{
    char *third;
    int r = move_away(d, at, d->name, &third);

    if (r < 0)
        return r;
    if (renameat(at, d->temp, at, d->name) < 0) {
        r = -errno;
        if (renameat(at, third, at, d->name) < 0)
            leat_warn(d->pipeline, d->info,
                      "%s: its old content is in %s%s now, and cannot be "
                      "renamed back: %s",
                      d->shown, d->parent->path, third, strerrordesc_np(errno));
        free(third);
        return r;
    }
    free(d->temp);
    d->temp = third;
    return 0;
}

static int exchange(struct leat_outdir *d, int at)
{
    int r = renameat2(at, d->temp, at, d->name, RENAME_EXCHANGE) < 0 ? -errno : 0;

    return is_lacking(r) ? exchange_in_steps(d, at) : r;
}

static int place(struct leat_outdir *d, int at)
{
    bool replace = d->has_old && is_inode(at, d->name, &d->old);
    int r;

    if (!is_inode(at, d->temp, &d->inode))
        return -ESTALE;
    /* An empty directory is replaced in one step, and so is no directory. */
    if (renameat(at, d->temp, at, d->name) == 0)
        return 0;
    if (!replace || !d->options.force || (errno != ENOTEMPTY && errno != EEXIST))
        return -errno;
    r = name_for_exchange(d, at);
    if (r == 0)
        r = exchange(d, at);
    d->exchanged = r == 0;
    return r;
}

int leat_outdir_commit(struct leat_stage *s, struct leat_outdir *d)
{
    int at, r;

    leat_assert(!d->committed);
    if (d->options.in_place)
        return 0;
    at = leat_directory_pin(d->directories, d->parent);
    if (at < 0)
        return fail_errno(s, d, -at);
    r = place(d, at);
    leat_directory_unpin(d->directories, d->parent);
    if (r == -ENOTEMPTY || r == -EEXIST)
        return leat_fail(s, LEAT_EEXIST, "%s: files have appeared in it meanwhile", d->shown);
    if (r < 0)
        return leat_fail_errno(s, -r, "cannot put %s in its place", d->shown);
    d->committed = true;
    if (!d->options.no_sync)
        leat_directory_changed(d->directories, d->parent, s);
    return 0;
}

void leat_outdir_revert(struct leat_outdir *d)
{
    int at, r = 0;

    if (!d || !d->committed)
        return;
    at = leat_directory_pin(d->directories, d->parent);
    if (at >= 0) {
        if (d->exchanged)
            r = exchange(d, at);
        else if (renameat(at, d->name, at, d->temp) < 0)
            r = -errno;
        leat_directory_unpin(d->directories, d->parent);
    }
    if (at < 0 || r < 0) {
        leat_warn(d->pipeline, d->info, "%s: is in place, although the run has failed: %s",
                  d->shown, strerrordesc_np(at < 0 ? -at : -r));
        return;
    }
    d->committed = d->exchanged = false;
    /* An empty directory was there, which the commit has replaced. */
    if (d->has_old)
        (void)(mkdir(d->path, d->mode) == 0 || errno == EEXIST);
}

/* --- close ------------------------------------------------------------------------------------ */

/* Remove the directory `temp`: the draft of a failed run, or the old directory. After a commit, remove
 * also the old directories that killed runs have left. */
static void remove_temp(struct leat_outdir *d)
{
    int at = leat_directory_pin(d->directories, d->parent);
    const struct leat_inode *inode = d->exchanged ? &d->old : &d->inode;
    bool has_temp = !d->committed || d->exchanged;
    int r = at < 0 ? at : 0;

    if (at >= 0) {
        if (has_temp)
            r = look(at, d->temp, inode);
        if (r == 1)
            r = leat_tree_remove(at, d->temp);
        if (d->committed)
            leat_directory_sweep(d->parent, at, d->name, true);
        leat_directory_unpin(d->directories, d->parent);
    }
    if (r < 0 && has_temp)
        leat_warn(d->pipeline, d->info, "%s%s cannot be removed: %s", d->parent->path, d->temp,
                  strerrordesc_np(-r));
}

void leat_outdir_close(struct leat_outdir *d)
{
    if (!d)
        return;
    if (d->draft >= 0)
        remove_temp(d);
    if (d->draft >= 0)
        (void)close(d->draft); /* a directory is synced, not written, here and below */
    if (d->root >= 0 && d->root != d->draft)
        (void)close(d->root);
    free(d->path);
    free(d->name);
    free(d->temp);
    free(d);
}
