/* draft.c - files without a name: create them, name them, undo it. */

#include "draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/invariant.h"

#define MAKE_TRIES 100u
#define PLACE_TRIES 10u /* another process may create and remove the name again and again */
#define PROC_FD_SIZE 32u
#define SECOND_NS 1000000000L
#define DISCARD_WAIT_NS 200000000L

int leat_draft_init(struct leat_draft *d, struct leat_directories *directories, const char *path)
{
    const char *slash = strrchr(path, '/');
    int r, at;

    *d = (struct leat_draft){.directories = directories, .fd = -1};
    r = leat_directories_find(directories, path, &d->directory);
    if (r < 0)
        return r;
    d->name = strdup(slash ? slash + 1 : path);
    if (!d->name)
        return -ENOMEM;
    if (leat_directory_stales(d->directory)->n == 0)
        return 0;
    at = leat_directory_pin(directories, d->directory);
    if (at < 0)
        return at;
    leat_directory_sweep(d->directory, at, d->name, false);
    leat_directory_unpin(directories, d->directory);
    return 0;
}

/* Drafts with a temporary name are in a list, for leat_drafts_discard. */
static void become(struct leat_draft *d, enum leat_draft_state state)
{
    struct leat_directories *ds = d->directories;
    bool was_named = d->state == LEAT_DRAFT_NAMED, is_named = state == LEAT_DRAFT_NAMED;

    if (was_named == is_named) {
        d->state = state;
        return;
    }
    pthread_mutex_lock(&ds->lock);
    d->state = state;
    if (is_named) {
        d->next = ds->named;
        d->prev = NULL;
        ds->named = d;
    } else if (d->prev) {
        d->prev->next = d->next;
    } else {
        ds->named = d->next;
    }
    if (d->next)
        d->next->prev = is_named ? d : d->prev;
    pthread_mutex_unlock(&ds->lock);
}

/* Takes the name. */
static void set_temp(struct leat_draft *d, char *temp)
{
    pthread_mutex_lock(&d->directories->lock);
    free(d->temp);
    d->temp = temp;
    pthread_mutex_unlock(&d->directories->lock);
}

void leat_draft_done(struct leat_draft *d)
{
    if (d->directories)
        become(d, LEAT_DRAFT_NONE);
    free(d->name);
    free(d->temp);
    free(d->left);
    *d = (struct leat_draft){.fd = -1};
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_same(const struct leat_inode *a, const struct leat_inode *b)
{
    return a->dev == b->dev && a->ino == b->ino;
}

/* Returns 0 or -errno. */
static int find_inode(int at, const char *name, struct leat_inode *ret)
{
    struct stat info;

    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *ret = (struct leat_inode){.dev = info.st_dev, .ino = info.st_ino};
    return 0;
}

static bool is_inode(int at, const char *name, const struct leat_inode *inode)
{
    struct leat_inode found = {0};

    return find_inode(at, name, &found) == 0 && is_same(&found, inode);
}

/* Is the file of this name the draft? */
static bool is_ours(const struct leat_draft *d, int at, const char *name)
{
    return is_inode(at, name, &d->inode);
}

/* Returns 0, -errno, or LEAT_DRAFT_OTHER. */
static int check_regular(int at, const char *name)
{
    struct stat info;

    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISREG(info.st_mode) ? 0 : LEAT_DRAFT_OTHER;
}

static bool lacks_rename_flags(int err)
{
    return err == EINVAL || err == ENOSYS || err == EOPNOTSUPP;
}

/* Linux returns EPERM for a file system without links, and for a file of another user. */
static bool lacks_links(int err)
{
    return err == EPERM || err == EOPNOTSUPP || err == ENOSYS || err == EMLINK;
}

/* Correct the result of a call that gives the file a name. If the file has the name now, the call
 * was done, but the answer of a server was lost, or answers the repeated request. */
static int named(int at, const char *name, const struct leat_inode *inode, int r)
{
    int error = errno;

    if (r < 0 && is_inode(at, name, inode))
        return 0;
    return r < 0 ? -error : 0;
}

static int renamed(int at, const char *from, const char *to, const struct leat_inode *inode)
{
    return named(at, to, inode, renameat(at, from, at, to));
}

static int linked(int at, const char *from, const char *to, const struct leat_inode *inode)
{
    return named(at, to, inode, linkat(at, from, at, to, 0));
}

/* Returns 0 or -errno. */
static int removed(int at, const char *name, const struct leat_inode *inode)
{
    int error;

    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    error = errno;
    return is_inode(at, name, inode) || check_regular(at, name) != -ENOENT ? -error : 0;
}

static void proc_path(char *path, int fd)
{
    snprintf(path, PROC_FD_SIZE, "/proc/self/fd/%d", fd);
}

/* Give the unnamed file this name, if it is free. Returns 0 or -errno. */
static int link_unnamed(const struct leat_draft *d, int at, const char *name)
{
    char path[PROC_FD_SIZE];

    proc_path(path, d->fd);
    return named(at, name, &d->inode, linkat(AT_FDCWD, path, at, name, AT_SYMLINK_FOLLOW));
}

/* `owned`: while the file exists, it is locked, or the directory is guarded. */
static int new_temp(const struct leat_draft *d, bool old, bool owned, char **ret)
{
    *ret = leat_temporary_name(d->name, old, owned ? d->directory->owner : LEAT_OWNER_NONE);
    return *ret ? 0 : -ENOMEM;
}

/* While the directory is pinned. */
static void guard(struct leat_draft *d)
{
    d->guarded = leat_directory_guard(d->directories, d->directory);
}

/* --- make ------------------------------------------------------------------------------------- */

/* The lock tells other runs that the draft is in use; without locks no temporary counts as stale.
 * EWOULDBLOCK: a run that removes stale temporaries has locked it. */
static int lock_draft(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -errno : 0;
}

static int note_inode(struct leat_draft *d, int fd)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return -errno;
    d->inode = (struct leat_inode){.dev = info.st_dev, .ino = info.st_ino};
    return 0;
}

static bool is_followed(const char *path, const struct leat_inode *inode)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_dev == inode->dev && info.st_ino == inode->ino;
}

/* The name will be given through /proc, which must be mounted. Returns a descriptor or -errno. */
static int make_unnamed(struct leat_draft *d, int at, mode_t mode)
{
    int fd = openat(at, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode), r;
    char path[PROC_FD_SIZE];

    if (fd < 0)
        return -errno;
    proc_path(path, fd);
    r = note_inode(d, fd);
    if (r == 0 && !is_followed(path, &d->inode))
        r = -ENOSYS;
    if (r == 0)
        r = lock_draft(fd);
    if (r < 0) {
        (void)close(fd); /* nothing was written */
        return r;
    }
    become(d, LEAT_DRAFT_UNNAMED);
    return fd;
}

/* Returns a descriptor or -errno; -EEXIST: try another name. */
static int make_named_once(struct leat_draft *d, int at, mode_t mode)
{
    int fd = openat(at, d->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode), r;

    if (fd < 0)
        return -errno;
    r = note_inode(d, fd);
    if (r == 0 && (lock_draft(fd) < 0 || !is_ours(d, at, d->temp)))
        r = -EEXIST; /* a run that removes stale temporaries was faster, and may remove it */
    if (r < 0) {
        if (d->inode.ino == 0 || is_ours(d, at, d->temp))
            (void)unlinkat(at, d->temp, 0); /* or the next run does it */
        (void)close(fd);                    /* nothing was written */
        return r;
    }
    become(d, LEAT_DRAFT_NAMED);
    return fd;
}

static int make_named(struct leat_draft *d, int at, mode_t mode)
{
    int fd = -EEXIST;

    for (unsigned i = 0; i < MAKE_TRIES && fd == -EEXIST; i++) {
        free(d->temp);
        d->inode = (struct leat_inode){.ino = 0};
        fd = new_temp(d, false, true, &d->temp);
        if (fd == 0)
            fd = make_named_once(d, at, mode);
    }
    return fd;
}

int leat_draft_make(struct leat_draft *d, mode_t mode)
{
    int at = leat_directory_pin(d->directories, d->directory), fd;

    if (at < 0)
        return at;
    fd = make_unnamed(d, at, mode);
    if (fd < 0)
        fd = make_named(d, at, mode); /* its error is the one to report */
    leat_directory_unpin(d->directories, d->directory);
    d->fd = fd;
    return fd;
}

/* Give the draft a temporary name that is safe without a lock. Returns 0 or -errno. */
static int name_without_lock(struct leat_draft *d, int at)
{
    char *name;
    int r;

    if (d->state == LEAT_DRAFT_NAMED && d->guarded)
        return 0;
    r = new_temp(d, false, d->guarded, &name);
    if (r < 0)
        return r;
    r = d->state == LEAT_DRAFT_UNNAMED ? link_unnamed(d, at, name)
                                       : renamed(at, d->temp, name, &d->inode);
    if (r < 0) {
        free(name);
        return r;
    }
    set_temp(d, name);
    become(d, LEAT_DRAFT_NAMED);
    return 0;
}

int leat_draft_let_go(struct leat_draft *d)
{
    int at = leat_directory_pin(d->directories, d->directory), r;

    if (at < 0)
        return at;
    leat_assert(d->state == LEAT_DRAFT_UNNAMED || d->state == LEAT_DRAFT_NAMED);
    guard(d); /* before closing the descriptor removes the lock */
    r = name_without_lock(d, at);
    leat_directory_unpin(d->directories, d->directory);
    if (r == 0)
        d->fd = -1;
    return r;
}

/* --- a new name ------------------------------------------------------------------------------- */

/* For file systems with neither links nor RENAME_NOREPLACE: if another process creates the file
 * between the check and the rename, that file is lost. An empty file that reserves the name would
 * be visible to others, and a kill would leave it. */
static int place_after_look(struct leat_draft *d, int at)
{
    struct stat info;

    if (fstatat(at, d->name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return errno == ENOENT ? renamed(at, d->temp, d->name, &d->inode) : -errno;
}

/* Returns 0, -errno (EEXIST: the name is taken), or LEAT_DRAFT_LOST. */
static int place_new(struct leat_draft *d, int at)
{
    int r;

    if (d->state == LEAT_DRAFT_UNNAMED)
        return link_unnamed(d, at, d->name);
    if (!is_ours(d, at, d->temp))
        return LEAT_DRAFT_LOST;
    r = named(at, d->name, &d->inode, renameat2(at, d->temp, at, d->name, RENAME_NOREPLACE));
    if (r == 0 || !lacks_rename_flags(-r))
        return r;
    r = linked(at, d->temp, d->name, &d->inode);
    if (r == 0)
        d->twin = unlinkat(at, d->temp, 0) < 0; /* to be tried again */
    return lacks_links(-r) ? place_after_look(d, at) : r;
}

/* --- in place of a file ----------------------------------------------------------------------- */

/* Give the draft a name that may become the old file's. Returns 0 or -errno. */
static int name_for_exchange(struct leat_draft *d, int at)
{
    char *name;
    int r = new_temp(d, true, d->guarded, &name);

    if (r == 0)
        r = d->state == LEAT_DRAFT_UNNAMED ? link_unnamed(d, at, name)
                                           : renamed(at, d->temp, name, &d->inode);
    if (r < 0) {
        free(name);
        return r;
    }
    set_temp(d, name);
    become(d, LEAT_DRAFT_NAMED);
    return 0;
}

static int exchange(const struct leat_draft *d, int at)
{
    return named(at, d->name, &d->inode, renameat2(at, d->temp, at, d->name, RENAME_EXCHANGE));
}

/* The exchange replaces anything with this name; a directory that was put there meanwhile is put
 * back. */
static int check_exchanged(struct leat_draft *d, int at)
{
    int r = check_regular(at, d->temp);

    if (r != LEAT_DRAFT_OTHER) {
        d->old = (struct leat_inode){.ino = 0};
        d->has_old =
            find_inode(at, d->temp, &d->old) != -ENOENT; /* else another process has removed it */
        return 0;
    }
    if (renameat2(at, d->temp, at, d->name, RENAME_EXCHANGE) < 0 && is_ours(d, at, d->name)) {
        become(d, LEAT_DRAFT_PLACED); /* and the other one is under the temporary name */
        d->has_old = true;
    }
    return r;
}

/* Give the old file a second name, or move it to that name. *ret_old NULL: it is not kept. */
static int keep_old(struct leat_draft *d, int at, bool last, char **ret_old, bool *ret_aside)
{
    char *old;
    int r = new_temp(d, true, d->guarded, &old);

    *ret_aside = false;
    *ret_old = NULL;
    if (r < 0)
        return r;
    r = find_inode(at, d->name, &d->old);
    if (r == 0)
        r = linked(at, d->name, old, &d->old);
    if (r < 0 && lacks_links(-r)) {
        *ret_aside = !last;
        r = last ? 0 : renamed(at, d->name, old, &d->old);
        if (last) {
            free(old);
            return 0;
        }
    }
    if (r < 0) {
        free(old);
        return r;
    }
    *ret_old = old;
    return 0;
}

/* After a failure: make sure that the old file has its own name. It stays as `left` if the name
 * belongs to the draft, or if its owner is not known. Owns the string. */
static void put_aside_back(struct leat_draft *d, int at, char *old, bool aside)
{
    struct leat_inode now = {0};
    int r = find_inode(at, d->name, &now);
    bool is_draft = r == 0 && is_same(&now, &d->inode);

    if (aside && (r == -ENOENT || is_draft)) {
        r = renamed(at, old, d->name, &d->old);
        is_draft = r < 0;
    }
    if (r == 0 && !is_draft && (!aside || is_inode(at, d->name, &d->old))) {
        (void)unlinkat(at, old, 0); /* on failure a later run removes it */
        free(old);
        return;
    }
    free(d->left);
    d->left = old;
}

/* Without an exchange. */
static int rename_over(struct leat_draft *d, int at, bool last)
{
    int r = check_regular(at, d->name);
    char *old = NULL;
    bool aside;

    if (r == 0)
        r = keep_old(d, at, last, &old, &aside);
    if (r != 0)
        return r;
    if (old)
        r = find_inode(at, old, &d->old); /* it may have changed meanwhile */
    if (old && r == 0)
        r = check_regular(at, old);
    if (r == 0)
        r = renamed(at, d->temp, d->name, &d->inode);
    if (r != 0) {
        if (old)
            put_aside_back(d, at, old, aside);
        return r;
    }
    set_temp(d, old);
    d->has_old = old != NULL;
    d->lost_old = !old;
    return 0;
}

/* Returns 0, -errno (ENOENT: there is nothing to replace), or LEAT_DRAFT_*. */
static int replace_old(struct leat_draft *d, int at, bool last)
{
    int r = d->state == LEAT_DRAFT_NAMED && !is_ours(d, at, d->temp) ? LEAT_DRAFT_LOST : 0;

    if (r == 0)
        r = name_for_exchange(d, at);
    if (r != 0)
        return r;
    r = exchange(d, at);
    if (r == 0)
        return check_exchanged(d, at);
    return lacks_rename_flags(-r) ? rename_over(d, at, last) : r;
}

int leat_draft_place(struct leat_draft *d, bool replace, bool last)
{
    int at = leat_directory_pin(d->directories, d->directory), r = at;

    if (at < 0)
        return at;
    guard(d); /* an old file is not locked */
    for (unsigned i = 0; i < PLACE_TRIES; i++) {
        r = place_new(d, at);
        if (r != -EEXIST || !replace)
            break;
        r = replace_old(d, at, last);
        if (r != -ENOENT) /* ENOENT: it was removed meanwhile */
            break;
    }
    leat_directory_unpin(d->directories, d->directory);
    if (r == 0)
        become(d, LEAT_DRAFT_PLACED);
    return r;
}

/* --- afterwards ------------------------------------------------------------------------------- */

/* Returns 0 or -errno. */
static int remove_twin(struct leat_draft *d, int at)
{
    int r = d->twin && is_ours(d, at, d->temp) ? removed(at, d->temp, &d->inode) : 0;

    d->twin = r < 0;
    return r;
}

static int take_back(struct leat_draft *d, int at)
{
    bool ours = is_ours(d, at, d->name);
    int r;

    if (d->lost_old)
        return LEAT_DRAFT_NO_WAY;
    if (!ours && (d->has_old || check_regular(at, d->name) != -ENOENT))
        return LEAT_DRAFT_LOST; /* another process has put its own file there */
    if (d->has_old)
        r = renamed(at, d->temp, d->name, &d->old);
    else
        r = ours ? removed(at, d->name, &d->inode) : 0;
    if (r == 0)
        d->has_old = false;
    return r;
}

int leat_draft_take_back(struct leat_draft *d)
{
    int at, r;

    if (d->state != LEAT_DRAFT_PLACED)
        return 0;
    at = leat_directory_pin(d->directories, d->directory);
    if (at < 0)
        return at;
    leat_assert(!d->twin || !d->has_old);
    (void)remove_twin(d, at); /* or a later run does it */
    r = take_back(d, at);
    leat_directory_unpin(d->directories, d->directory);
    if (r == 0)
        become(d, LEAT_DRAFT_NONE);
    return r;
}

/* Does the old file's temporary name belong to another file now? If stat fails, assume the old
 * file: no other process knows the name. */
static bool is_other(const struct leat_draft *d, int at)
{
    struct leat_inode found = {0};

    return d->old.ino != 0 && find_inode(at, d->temp, &found) == 0 && !is_same(&found, &d->old);
}

int leat_draft_settle(struct leat_draft *d)
{
    int at, r = 0;

    if (d->state != LEAT_DRAFT_PLACED)
        return 0;
    become(d, LEAT_DRAFT_NONE);
    if (!d->has_old && !d->twin && leat_directory_stales(d->directory)->n == 0)
        return 0;
    at = leat_directory_pin(d->directories, d->directory);
    if (at < 0)
        return at;
    if (d->has_old && !is_other(d, at))
        r = removed(at, d->temp, &d->old);
    d->has_old = r < 0;
    if (r == 0)
        r = remove_twin(d, at);
    leat_directory_sweep(d->directory, at, d->name, true);
    leat_directory_unpin(d->directories, d->directory);
    return r;
}

/* If the file system cannot refuse to replace, the check before must suffice. */
static int rename_to_new(const struct leat_draft *d, int at, const char *to)
{
    int r = named(at, to, &d->inode, renameat2(at, d->temp, at, to, RENAME_NOREPLACE));

    return lacks_rename_flags(-r) ? renamed(at, d->temp, to, &d->inode) : r;
}

static int keep(struct leat_draft *d, int at, const char *name, bool replace)
{
    int r = check_regular(at, name);

    if (r == 0 && !replace)
        return -EEXIST;
    if (r != 0 && r != -ENOENT)
        return r;
    if (d->state == LEAT_DRAFT_PLACED) {
        if (!is_ours(d, at, d->name))
            return LEAT_DRAFT_LOST;
        if (replace)
            (void)unlinkat(at, name, 0); /* if this fails, the link fails, too */
        return linked(at, d->name, name, &d->inode);
    }
    if (d->state == LEAT_DRAFT_UNNAMED) {
        r = name_for_exchange(d, at);
        if (r < 0)
            return r;
    }
    if (!is_ours(d, at, d->temp))
        return LEAT_DRAFT_LOST;
    r = replace ? renamed(at, d->temp, name, &d->inode) : rename_to_new(d, at, name);
    if (r == 0)
        become(d, LEAT_DRAFT_NONE);
    return r;
}

int leat_draft_keep(struct leat_draft *d, const char *name, bool replace)
{
    int at, r;

    if (d->state == LEAT_DRAFT_NONE)
        return -ENOENT;
    at = leat_directory_pin(d->directories, d->directory);
    if (at < 0)
        return at;
    guard(d);
    r = keep(d, at, name, replace);
    leat_directory_unpin(d->directories, d->directory);
    return r;
}

/* A thread that waits for a slow file system may hold the lock; the caller must exit at once. */
static bool lock_soon(pthread_mutex_t *lock)
{
    struct timespec until;

    if (clock_gettime(CLOCK_MONOTONIC, &until) < 0)
        return false;
    until.tv_nsec += DISCARD_WAIT_NS;
    if (until.tv_nsec >= SECOND_NS) {
        until.tv_nsec -= SECOND_NS;
        until.tv_sec++;
    }
    return pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until) == 0;
}

void leat_drafts_discard(struct leat_directories *ds)
{
    if (!lock_soon(&ds->lock))
        return; /* the next run that writes the same names removes them, or one after a week */
    for (const struct leat_draft *d = ds->named; d; d = d->next) {
        struct leat_directory *directory = d->directory;

        leat_assert(d->state == LEAT_DRAFT_NAMED);
        if (directory->fd < 0 && leat_directories_reopen(ds, directory) < 0)
            continue;
        if (is_ours(d, directory->fd, d->temp))
            (void)unlinkat(directory->fd, d->temp, 0); /* as above */
    }
    leat_directories_unmake_locked(ds);
    pthread_mutex_unlock(&ds->lock);
}

int leat_draft_drop(struct leat_draft *d)
{
    int at, r = 0;

    if (d->state == LEAT_DRAFT_NAMED) {
        at = leat_directory_pin(d->directories, d->directory);
        if (at < 0)
            return at;
        if (is_ours(d, at, d->temp))
            r = removed(at, d->temp, &d->inode);
        leat_directory_unpin(d->directories, d->directory);
    }
    if (d->state != LEAT_DRAFT_PLACED && r == 0)
        become(d, LEAT_DRAFT_NONE);
    return r;
}
