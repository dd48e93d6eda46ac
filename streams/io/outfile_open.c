/* outfile_open.c - open an output: a draft, the end of a file, or a stream. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outfile_impl.h"
#include "parts/part_again.h"

#define RENAMES_MAX 1000u /* others that take names all the time */

static int inherited_number(const char *path)
{
    char *end;
    long n;

    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return 1;
    if (strcmp(path, "/dev/stderr") == 0)
        return 2;
    if (strncmp(path, "/dev/fd/", 8) != 0 && strncmp(path, "/proc/self/fd/", 14) != 0)
        return -1;
    path = strrchr(path, '/') + 1;
    n = strtol(path, &end, 10);
    return *path && !*end && n >= 0 && n <= INT_MAX ? (int)n : -1;
}

/* Fail the stage if the claim was refused. Two outputs to one file would destroy each other's data,
 * and a stage that reads a growing file must not read output of the pipeline. */
static int claimed(struct leat_stage *s, const struct leat_outfile *f, const char *writer, int r)
{
    if (r == LEAT_EEXIST && writer)
        return leat_fail(s, LEAT_EUSAGE, "%s: is the file of %s, too; give another name", f->shown,
                         writer);
    if (r == LEAT_EEXIST)
        return leat_fail(s, LEAT_EUSAGE, "%s: is the output of another stage, too", f->shown);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int claim_name(struct leat_stage *s, const struct leat_outfile *f, const char *name,
                      enum leat_claim_kind kind)
{
    const struct leat_directory *directory = f->draft.directory;
    struct leat_claims *claims = &s->pipeline->outputs.claims;
    const char *writer;
    int r;

    pthread_mutex_lock(&s->pipeline->lock); /* several stages may run parts */
    r = leat_claims_name(claims, directory->dev, directory->ino, name, kind, s->info->name);
    writer = leat_claims_writer(claims, directory->dev, directory->ino, name, false);
    pthread_mutex_unlock(&s->pipeline->lock);
    return claimed(s, f, writer, r);
}

/* Claim the name if it is free. Returns 0; LEAT_EEXIST: another output of the run has it; or fails the stage. */
static int try_name(struct leat_stage *s, const struct leat_outfile *f)
{
    const struct leat_directory *directory = f->draft.directory;
    int r;

    pthread_mutex_lock(&s->pipeline->lock);
    r = leat_claims_name(&s->pipeline->outputs.claims, directory->dev, directory->ino,
                         f->draft.name, LEAT_CLAIM_REPLACE, s->info->name);
    pthread_mutex_unlock(&s->pipeline->lock);
    return r < 0 && r != LEAT_EEXIST ? leat_fail(s, r, "out of memory") : r;
}

/* Ask the stage for another name. Returns 0, or fails the stage. */
static int another_name(struct leat_stage *s, struct leat_outfile *f)
{
    char *name = NULL, *path = NULL;
    const char *slash;
    int r;

    if (f->renames++ == RENAMES_MAX)
        return leat_fail(s, LEAT_EEXIST, "%s: exists, and so did %u names before it", f->shown,
                         RENAMES_MAX);
    r = leat_part_again(s);
    if (r < 0)
        return r;
    f->shown = s->part_name;
    slash = strrchr(f->shown, '/');
    name = strdup(slash ? slash + 1 : f->shown);
    path = strdup(f->shown);
    if (!name || !path) {
        free(name);
        free(path);
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    }
    free(f->draft.name);
    free(f->path);
    f->draft.name = name;
    f->path = path;
    return 0;
}

int leat_outfile_rename(struct leat_stage *s, struct leat_outfile *f)
{
    int r;

    leat_assert(f->options.renames && f->kind == LEAT_OUTFILE_REPLACE && !f->committed);
    do {
        r = another_name(s, f);
        if (r == 0)
            r = try_name(s, f);
    } while (r == LEAT_EEXIST && !s->failure.code);
    return r;
}

static int claim_file(struct leat_stage *s, const struct leat_outfile *f, const struct stat *info,
                      enum leat_claim_kind kind)
{
    struct leat_claims *claims = &s->pipeline->outputs.claims;
    const char *writer;
    int r;

    pthread_mutex_lock(&s->pipeline->lock);
    r = leat_claims_file(claims, info, kind, s->info->name);
    writer = leat_claims_writer(claims, info->st_dev, info->st_ino, "", false);
    pthread_mutex_unlock(&s->pipeline->lock);
    return claimed(s, f, writer, r);
}

static int claim_open_file(struct leat_stage *s, struct leat_outfile *f, enum leat_claim_kind kind)
{
    struct stat info;
    int r;

    if (!f->fd.is_regular)
        return 0;
    if (fstat(f->fd.fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    f->size_before = (uint64_t)info.st_size;
    r = claim_file(s, f, &info, kind);
    f->appends = r == 0 && kind == LEAT_CLAIM_APPEND;
    return r;
}

/* Returns a descriptor or -errno, and whether the file is new. */
static int open_at_end(struct leat_outfile *f)
{
    static const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int at = leat_directory_pin(f->draft.directories, f->draft.directory), fd, r;

    if (at < 0)
        return at;
    do {
        fd = openat(at, f->draft.name, flags);
        f->created = fd < 0 && errno == ENOENT;
        if (f->created)
            fd = openat(at, f->draft.name, flags | O_CREAT | O_EXCL, 0666);
    } while (fd < 0 && f->created && errno == EEXIST);
    r = fd < 0 ? -errno : fd;
    if (fd >= 0)
        (void)flock(fd,
                    LOCK_SH | LOCK_NB); /* a run that fails sees that it must not remove the file */
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    return r;
}

static int open_append(struct leat_stage *s, struct leat_outfile *f)
{
    int r = claim_name(s, f, f->draft.name, LEAT_CLAIM_APPEND);

    if (r == 0) {
        atomic_fetch_add(&s->pipeline->outputs.n_appending,
                         1); /* before there is a new, empty file */
        f->in_place = true;
        r = open_at_end(f);
        if (r >= 0)
            r = leat_fd_own(&f->fd, r);
        if (r < 0)
            r = leat_fail_errno(s, -r, "%s", f->shown);
    }
    if (r == 0 && !f->fd.is_regular)
        r = leat_fail(s, LEAT_EIO, "%s: is no regular file any more", f->shown);
    return r < 0 ? r : claim_open_file(s, f, LEAT_CLAIM_APPEND);
}

/* Check now that FILE.partial can be created; after a failure it would be too late to report. */
static int check_partial(struct leat_stage *s, struct leat_outfile *f, const char *name)
{
    int at = leat_directory_pin(f->draft.directories, f->draft.directory), error = 0;
    struct stat info;

    if (at < 0)
        return leat_fail_errno(s, -at, "%s.partial", f->shown);
    if (fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        error = errno;
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    if (error != 0)
        return error == ENOENT ? 0 : leat_fail_errno(s, error, "%s.partial", f->shown);
    if (!S_ISREG(info.st_mode))
        return leat_fail(s, LEAT_EIO, "%s.partial: is no regular file", f->shown);
    if (!f->options.force)
        return leat_fail(s, LEAT_EEXIST, "%s.partial: exists; use --force to replace it", f->shown);
    return 0;
}

static int claim_partial(struct leat_stage *s, struct leat_outfile *f)
{
    char *name;
    int r;

    if (!f->options.keep_partial)
        return 0;
    if (asprintf(&name, "%s.partial", f->draft.name) < 0)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    r = check_partial(s, f, name);
    if (r == 0)
        r = claim_name(s, f, name, LEAT_CLAIM_REPLACE);
    free(name);
    return r;
}

/* Until its content is complete, only its owner may access a draft that replaces a file. */
static int open_draft(struct leat_stage *s, struct leat_outfile *f, const struct stat *st)
{
    enum leat_claim_kind kind = f->options.side ? LEAT_CLAIM_SIDE : LEAT_CLAIM_REPLACE;
    int r = f->options.renames ? 0 : claim_name(s, f, f->draft.name, kind);

    if (r == 0 && f->target_existed)
        r = claim_file(s, f, st, kind);
    if (r == 0)
        r = claim_partial(s, f);
    if (r < 0)
        return r;
    r = leat_draft_make(&f->draft, f->target_existed ? 0600 : 0666);
    if (r < 0)
        return leat_fail_errno(s, -r, "cannot create a temporary file for %s", f->shown);
    r = leat_fd_own(&f->fd, r);
    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : 0;
}

/* The target of a symbolic link; NULL with errno: it is no link, or out of memory. */
static char *follow(const char *path)
{
    const char *slash = strrchr(path, '/');
    char link[PATH_MAX], *target;
    ssize_t n = readlink(path, link, sizeof link);
    int dir = n > 0 && link[0] != '/' && slash ? (int)(slash - path) + 1 : 0;

    if (n < 0 || asprintf(&target, "%.*s%.*s", dir, path, (int)n, link) < 0)
        return NULL;
    return target;
}

char *leat_outfile_resolve(const char *path)
{
    char *at = strdup(path);

    while (at) {
        char *real = realpath(at, NULL), *next = NULL;

        if (!real && errno == ENOENT) {
            next = follow(at);
            if (!next && errno != ENOMEM)
                return at;
        }
        free(at);
        if (!next)
            return real;
        at = next;
    }
    return NULL;
}

static int fail_exists(struct leat_stage *s, const struct leat_outfile *f)
{
    return leat_fail(s, LEAT_EEXIST, "%s: exists; use --force to replace it", f->shown);
}

/* The file under the name, which is never followed. Returns 0 or -errno; -ENOENT: there is none. */
static int stat_name(const struct leat_outfile *f, struct stat *ret)
{
    int at = leat_directory_pin(f->draft.directories, f->draft.directory), r;

    if (at < 0)
        return at;
    r = fstatat(at, f->draft.name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    return r;
}

/* Claim a name that is free: nothing has it now, and no other output of the run will. */
static int choose_name(struct leat_stage *s, struct leat_outfile *f)
{
    struct stat st;
    int r;

    do {
        r = stat_name(f, &st);
        if (r == -ENOENT)
            r = try_name(s, f);
        else if (r < 0)
            return leat_fail_errno(s, -r, "%s", f->shown);
        else
            r = LEAT_EEXIST;
        if (r == LEAT_EEXIST && another_name(s, f) < 0)
            return s->failure.code;
    } while (r == LEAT_EEXIST);
    return r;
}

/* A name from data must not lead out of its directory, by whatever is there. */
static int open_below(struct leat_stage *s, struct leat_outfile *f)
{
    struct stat directory, st = {0};
    int r = leat_outfile_below(s, f, &directory);

    if (r < 0)
        return r;
    f->path = strdup(f->shown);
    if (!f->path)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    r = leat_draft_init(&f->draft, &s->pipeline->outputs.directories, f->path);
    if (r == 0 && (f->draft.directory->dev != directory.st_dev ||
                   f->draft.directory->ino != directory.st_ino))
        r = -ESTALE; /* it was replaced meanwhile */
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (f->options.renames) {
        r = leat_outfile_check_sync(s, f, f->draft.directory);
        if (r == 0)
            r = choose_name(s, f);
        return r < 0 ? r : open_draft(s, f, &st);
    }
    r = stat_name(f, &st);
    f->target_existed = r == 0;
    if (r < 0 && r != -ENOENT)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (f->target_existed && !S_ISREG(st.st_mode))
        return leat_fail(s, LEAT_EEXIST, "%s: exists, and is no regular file", f->shown);
    if (f->target_existed && !f->options.force)
        return fail_exists(s, f);
    r = leat_outfile_check_sync(s, f, f->draft.directory);
    return r < 0 ? r : open_draft(s, f, &st);
}

static int open_path(struct leat_stage *s, struct leat_outfile *f)
{
    struct stat st = {0};
    int r;

    if (!*f->shown)
        return leat_fail(s, LEAT_EUSAGE, "the name of the file is empty");
    f->path = leat_outfile_resolve(f->shown);
    if (!f->path)
        return leat_fail_errno(s, errno, "%s", f->shown);
    f->target_existed = stat(f->path, &st) == 0;
    if (f->target_existed && S_ISDIR(st.st_mode))
        return leat_fail_errno(s, EISDIR, "%s", f->shown);
    if (f->target_existed && !S_ISREG(st.st_mode)) {
        f->kind = LEAT_OUTFILE_STREAM;
        return leat_outfile_open_stream(s, f);
    }
    if (f->target_existed && !f->options.append && !f->options.force)
        return fail_exists(s, f);
    f->kind = f->options.append ? LEAT_OUTFILE_APPEND : LEAT_OUTFILE_REPLACE;
    r = leat_draft_init(&f->draft, &s->pipeline->outputs.directories, f->path);
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    r = leat_outfile_check_sync(s, f, f->draft.directory);
    if (r < 0)
        return r;
    return f->options.append ? open_append(s, f) : open_draft(s, f, &st);
}

static int open_inherited(struct leat_stage *s, struct leat_outfile *f, int inherited)
{
    int r;

    f->kind = LEAT_OUTFILE_STREAM;
    r = leat_fd_adopt(&f->fd, inherited, true);
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (s->info->input.binary && isatty(inherited) && !f->options.force)
        return leat_fail(
            s, LEAT_EUSAGE,
            "compressed data is not written to a terminal; redirect it or use --force");
    return claim_open_file(s, f, LEAT_CLAIM_INHERITED);
}

/* A FIFO, opened yet or not, has no page cache to be kept out of. */
static int open_direct(struct leat_stage *s, struct leat_outfile *f)
{
    struct leat_direct *d = f->options.direct;
    int r = f->fifo_pending ? 0 : leat_direct_begin(s, d, &f->fd, f->shown);

    if (r < 0 || !d->used)
        f->options.direct = NULL;
    else
        leat_direct_start(d, f->size_before);
    return r;
}

int leat_outfile_open(struct leat_stage *s, const char *path,
                      const struct leat_outfile_options *options, struct leat_outfile **ret_file)
{
    struct leat_outfile *f = calloc(1, sizeof *f);
    int inherited = options->below ? -1 : inherited_number(path), r;

    if (!f)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    *ret_file = f;
    f->options = *options;
    f->options.force = !f->options.renames && (f->options.force || leat_stage_forced(s));
    f->shown = inherited == 1 && strcmp(path, "-") == 0 ? "standard output" : path;
    f->fd.fd = f->draft.fd = -1;
    f->pipeline = s->pipeline;
    f->info = s->info;
    atomic_fetch_add(&s->pipeline->outputs.n_outputs, 1);
    r = options->below  ? open_below(s, f)
        : inherited < 0 ? open_path(s, f)
                        : open_inherited(s, f, inherited);
    return r == 0 && f->options.direct ? open_direct(s, f) : r;
}
