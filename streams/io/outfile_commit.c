/* outfile_commit.c - give outputs their names, or undo everything. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome/warnings.h"
#include "outfile_impl.h"

static int failed_place(struct leat_stage *s, const struct leat_outfile *f, int r)
{
    if (f->draft.left)
        leat_warn(f->pipeline, f->info, "%s: the old file still has the name %s%s", f->shown,
                  f->draft.directory->path, f->draft.left);
    if (r < 0)
        return leat_fail_errno(s, -r, "cannot put %s in its place", f->shown);
    if (r == LEAT_DRAFT_LOST)
        return leat_fail(s, LEAT_EIO, "%s: its temporary file has been removed or replaced",
                         f->shown);
    if (f->draft.has_old)
        leat_warn(f->pipeline, f->info, "%s: the file that was there has the name %s%s now",
                  f->shown, f->draft.directory->path, f->draft.temp);
    return leat_fail(s, LEAT_EIO, "%s: a directory or a special file has taken the name meanwhile",
                     f->shown);
}

static bool is_named(const struct leat_outfile *f, const struct stat *info)
{
    int at = leat_directory_pin(f->draft.directories, f->draft.directory);
    struct stat named;
    bool is;

    if (at < 0)
        return false;
    is = fstatat(at, f->draft.name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         named.st_dev == info->st_dev && named.st_ino == info->st_ino;
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    return is;
}

/* Warn if the file has another name now, for example after a rotation of logs. */
static void tell_if_renamed(const struct leat_outfile *f)
{
    struct stat info;

    if (f->fd.is_regular && fstat(f->fd.fd, &info) == 0 && !is_named(f, &info))
        leat_warn(f->pipeline, f->info,
                  "%s: was renamed during the append; the appended data is in the renamed file",
                  f->shown);
}

/* A file system that ignores case takes two names for one. Never replace an output of the same run.
 * */
static int check_place(struct leat_stage *s, const struct leat_outfile *f)
{
    const struct leat_draft *d = &f->draft;
    struct leat_claims *claims = &s->pipeline->outputs.claims;
    int at = leat_directory_pin(d->directories, d->directory), r;
    struct stat info;
    bool is_there, placed;

    if (at < 0)
        return leat_fail_errno(s, -at, "%s", f->shown);
    is_there = fstatat(at, d->name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    leat_directory_unpin(d->directories, d->directory);
    pthread_mutex_lock(&s->pipeline->lock);
    placed = is_there && leat_claims_is_placed(claims, info.st_dev, info.st_ino);
    r = leat_claims_place(claims, d->inode.dev, d->inode.ino);
    pthread_mutex_unlock(&s->pipeline->lock);
    if (placed && !f->options.renames)
        return leat_fail(
            s, LEAT_EUSAGE,
            "%s: is the name of another output, too, in a file system that ignores case", f->shown);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

bool leat_outfile_proof(const struct leat_outfile *f, struct leat_checkpoint_proof *ret_proof)
{
    if (f->kind != LEAT_OUTFILE_REPLACE)
        return false;
    *ret_proof = (struct leat_checkpoint_proof){
        .dev = f->draft.inode.dev, .ino = f->draft.inode.ino, .path = f->path};
    return true;
}

/* Parts may be written for years: nothing of them may stay in memory. */
static void forget_part(const struct leat_outfile *f)
{
    const struct leat_draft *d = &f->draft;

    pthread_mutex_lock(&f->pipeline->lock);
    leat_claims_forget(&f->pipeline->outputs.claims, d->directory->dev, d->directory->ino, d->name,
                       d->inode.dev, d->inode.ino);
    pthread_mutex_unlock(&f->pipeline->lock);
}

/* The name was taken since the part began. The next commit tries another one. */
static int take_another_name(struct leat_stage *s, struct leat_outfile *f)
{
    int r;

    forget_part(f);
    r = leat_outfile_rename(s, f);
    return r < 0 ? r : LEAT_OUTFILE_RENAMED;
}

int leat_outfile_commit(struct leat_stage *s, struct leat_outfile *f)
{
    bool last = atomic_load(&s->pipeline->outputs.n_outputs) == 1;
    int r = 0;

    if (f->kind == LEAT_OUTFILE_STREAM)
        return 0;
    if (f->kind == LEAT_OUTFILE_REPLACE && !last)
        r = check_place(s, f);
    if (r < 0)
        return r;
    if (f->kind == LEAT_OUTFILE_REPLACE)
        r = leat_draft_place(&f->draft, f->options.force, last);
    if (r == -EEXIST && f->options.renames)
        return take_another_name(s, f);
    if (r != 0)
        return failed_place(s, f, r);
    if (f->kind == LEAT_OUTFILE_APPEND)
        r = leat_outfile_check_named(s, f);
    if (r != 0)
        return r;
    if (f->kind == LEAT_OUTFILE_APPEND)
        tell_if_renamed(f);
    f->committed = true;
    if (f->kind == LEAT_OUTFILE_REPLACE)
        (void)leat_fd_close(&f->fd); /* prepare has checked it */
    if (!f->options.no_sync && (f->kind == LEAT_OUTFILE_REPLACE || f->created))
        leat_directory_changed(f->draft.directories, f->draft.directory, s);
    if (!f->options.no_sync && f->options.below)
        leat_directories_made_changed(f->draft.directories, s);
    return 0;
}

bool leat_outfile_is_committed(const struct leat_outfile *f)
{
    return f->committed;
}

/* --- undo ------------------------------------------------------------------------------------- */

static void keep_partial(struct leat_outfile *f)
{
    char *partial;
    int r = asprintf(&partial, "%s.partial", f->draft.name) < 0 ? -ENOMEM : 0;

    if (r == 0) {
        r = leat_draft_keep(&f->draft, partial, f->options.force);
        free(partial);
    }
    if (r != 0)
        leat_warn(f->pipeline, f->info, "%s.partial cannot be kept: %s", f->shown,
                  r < 0 ? strerrordesc_np(-r) : "something else has the name");
}

static bool wants_partial(const struct leat_outfile *f)
{
    return f->options.keep_partial && f->kind == LEAT_OUTFILE_REPLACE && f->written > 0;
}

void leat_outfile_revert(struct leat_outfile *f)
{
    int r;

    if (!f || !f->committed)
        return;
    f->committed = false;
    if (f->kind != LEAT_OUTFILE_REPLACE)
        return;
    if (wants_partial(f))
        keep_partial(f);
    r = leat_draft_take_back(&f->draft);
    if (r == 0)
        return;
    if (f->draft.has_old)
        leat_warn(f->pipeline, f->info, "%s cannot be put back: %s; the old file is %s%s", f->shown,
                  r < 0 ? strerrordesc_np(-r) : "another file has taken its name",
                  f->draft.directory->path, f->draft.temp);
    else
        leat_warn(f->pipeline, f->info, "%s cannot be taken back: %s", f->shown,
                  r == LEAT_DRAFT_NO_WAY ? "its file system has no way to keep the old file"
                  : r < 0                ? strerrordesc_np(-r)
                                         : "another file has taken its name");
}

/* Does no other run append to the file? The lock then keeps others away until the descriptor is
 * closed. Without locks it is not known, and the answer is yes. */
static bool lock_alone(const struct leat_outfile *f)
{
    return flock(f->fd.fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* Remove a file that the run has created. Returns 0 or -errno. */
static int remove_created(const struct leat_outfile *f)
{
    int at = leat_directory_pin(f->draft.directories, f->draft.directory), r;

    if (at < 0)
        return at;
    r = unlinkat(at, f->draft.name, 0) < 0 ? -errno : 0;
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    return r;
}

/* Cut the file back only if all appended data is at its end and no other run appends now; else data
 * of others would be cut off, too. */
static void cut_back(const struct leat_outfile *f, const struct leat_appended *a)
{
    struct stat info;
    bool alone = lock_alone(f);
    int r = fstat(f->fd.fd, &info) < 0 ? -errno : 0;

    if (r == 0 && a->failed == 0 && !(a->created && !a->kept && info.st_size == 0))
        return;
    if (r == 0 && (a->kept || !alone || (uint64_t)info.st_size != a->size + a->failed)) {
        if (a->failed > 0)
            leat_warn(f->pipeline, f->info, "%s: others %s, so the appended data stays in it",
                      f->shown,
                      alone ? "have written to it meanwhile" : "append to it at the same time");
        return;
    }
    if (r == 0 && a->created && is_named(f, &info))
        r = remove_created(f);
    else if (r == 0 && ftruncate(f->fd.fd, (off_t)a->size) < 0)
        r = -errno;
    if (r < 0)
        leat_warn(f->pipeline, f->info,
                  "%s cannot be cut back to the %" PRIu64 " bytes that it had before: %s", f->shown,
                  a->size, strerrordesc_np(-r));
}

/* The last output of a file cuts off the data of all failed ones. */
static void close_append(struct leat_outfile *f)
{
    bool stay = f->committed || f->options.keep_partial, last;
    struct leat_appended appended;
    struct stat info;

    if (f->fd.fd < 0)
        return;
    if (fstat(f->fd.fd, &info) < 0) {
        leat_warn(f->pipeline, f->info, "%s cannot be cut back: %s", f->shown,
                  strerrordesc_np(errno));
        return;
    }
    if (!f->appends) {
        if (f->created && info.st_size == 0 && lock_alone(f) && is_named(f, &info))
            (void)remove_created(f); /* the run has failed, and its error is reported */
        return;
    }
    pthread_mutex_lock(&f->pipeline->lock);
    last = leat_claims_leave(&f->pipeline->outputs.claims, &info, f->written, stay, f->created,
                             &appended);
    pthread_mutex_unlock(&f->pipeline->lock);
    if (last)
        cut_back(f, &appended);
}

static void close_draft(struct leat_outfile *f)
{
    int r;

    if (f->committed) {
        r = leat_draft_settle(&f->draft);
    } else {
        if (wants_partial(f) && f->draft.state != LEAT_DRAFT_NONE)
            keep_partial(f);
        r = leat_draft_drop(&f->draft);
    }
    if (r < 0)
        leat_warn(f->pipeline, f->info, "the temporary file %s%s cannot be removed: %s",
                  f->draft.directory->path, f->draft.temp ? f->draft.temp : "",
                  strerrordesc_np(-r));
}

void leat_outfile_close(struct leat_outfile *f)
{
    if (!f)
        return;
    if (f->options.keep_partial && !f->committed)
        (void)leat_outfile_drain(f, true); /* a failure leaves less in the file */
    if (f->kind == LEAT_OUTFILE_APPEND)
        close_append(f);
    if (f->kind == LEAT_OUTFILE_REPLACE)
        close_draft(f);
    if (f->kind == LEAT_OUTFILE_REPLACE && f->committed && f->options.waits_full)
        forget_part(f);
    (void)leat_fd_close(&f->fd); /* of a commit: prepare has closed it and checked */
    if (f->in_place)
        atomic_fetch_sub(&f->pipeline->outputs.n_appending, 1);
    f->in_place = false;
}

void leat_outfile_free(struct leat_outfile *f)
{
    if (!f)
        return;
    leat_draft_done(&f->draft);
    free(f->path);
    free(f);
}
