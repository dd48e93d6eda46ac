/* outfile.c - temporary, sync, rename, and the way back. */

#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pipeline.h"

#define WRITEBACK ((uint64_t)8 << 20) /* start writing to disk every so often */
#define FIFO_RETRY_MS 20u             /* a FIFO that nobody reads yet */
#define TEMP_TRIES 100
#define SPARSE_BLOCK 4096u /* what file systems leave out */

enum outfile_kind {
    OUTFILE_REPLACE, /* temporary, then rename */
    OUTFILE_APPEND,
    OUTFILE_STREAM, /* pipe, device, socket, standard output */
};

struct leat_outfile {
    struct leat_fd fd;
    enum outfile_kind kind;
    struct leat_outfile_options options;
    const char *shown; /* the path as the user wrote it */
    char *path, *temp; /* symbolic links resolved */
    bool target_existed;
    bool have_temp; /* there is a file of that name which is ours to remove */
    bool have_old;  /* the temporary name holds what was replaced */
    bool committed;
    bool fifo_pending;    /* not open yet: nobody reads it */
    uint64_t size_before; /* append */
    uint64_t written, flushed;
    bool ends_in_hole; /* the length must be said */
    const void *late;  /* side output to a stream: written at commit */
    size_t late_n;
};

/* --- opening ---------------------------------------------------------------------------------- */

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

static int open_stream(struct leat_stage *s, struct leat_outfile *f)
{
    int fd = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r;

    if (fd < 0 && errno == ENXIO) {
        f->fifo_pending = true;
        return 0;
    }
    f->fifo_pending = false;
    if (fd < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    r = leat_fd_own(&f->fd, fd);
    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : 0;
}

/* A file that grows while the pipeline runs: who reads it must not read what is written now. */
static int claim_open(struct leat_stage *s, struct leat_outfile *f)
{
    struct stat info;
    int r;

    if (!f->fd.is_regular)
        return 0;
    if (fstat(f->fd.fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    pthread_mutex_lock(&s->pipeline->lock);
    r = leat_claims_add_open(&s->pipeline->claims, &info);
    pthread_mutex_unlock(&s->pipeline->lock);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int open_append(struct leat_stage *s, struct leat_outfile *f, const struct stat *st)
{
    int fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666), r;

    if (fd < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    f->size_before = f->target_existed ? (uint64_t)st->st_size : 0;
    r = leat_fd_own(&f->fd, fd);
    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : claim_open(s, f);
}

/* A name beside the target that nobody guesses or shares. */
static int make_temp(struct leat_outfile *f)
{
    const char *slash = strrchr(f->path, '/');
    int dir = slash ? (int)(slash - f->path) + 1 : 0;
    uint64_t random = leat_now_ns() ^ ((uint64_t)getpid() << 32) ^ (uint64_t)(uintptr_t)f;

    for (int i = 0; i < TEMP_TRIES; i++) {
        int fd;

        random = random * 6364136223846793005u + 1442695040888963407u;
        free(f->temp);
        if (asprintf(&f->temp, "%.*s.%.200s.leat-%08" PRIx32, dir, f->path, f->path + dir,
                     (uint32_t)(random >> 32)) < 0) {
            f->temp = NULL;
            return -ENOMEM;
        }
        fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd < 0 ? -errno : fd;
    }
    return -EEXIST;
}

static int open_temp(struct leat_stage *s, struct leat_outfile *f, const struct stat *st)
{
    int fd = make_temp(f), r;

    if (fd < 0)
        return leat_fail_errno(s, -fd, "cannot create a temporary file for %s", f->shown);
    f->have_temp = true;
    if (f->target_existed) {
        /* The mode is the replaced file's; so are its owner and group, where we may say so. */
        if (fchown(fd, st->st_uid, st->st_gid) < 0 && fchown(fd, (uid_t)-1, st->st_gid) < 0 &&
            errno != EPERM) {
            r = errno;
            close(fd);
            return leat_fail_errno(s, r, "cannot set the owner of %s", f->temp);
        }
        if (fchmod(fd, st->st_mode & 07777) < 0) {
            r = errno;
            close(fd);
            return leat_fail_errno(s, r, "cannot set the mode of %s", f->temp);
        }
    }
    r = leat_fd_own(&f->fd, fd);
    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : 0;
}

/* Where a symbolic link points; NULL with errno: it is none, or there is no memory. */
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

/* The file that a path means, through symbolic links; if the last of them points nowhere, what it
 * points to. */
static char *resolve(const char *path)
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

/* Two stages that make the same file: one of them would be lost. */
static int claim(struct leat_stage *s, struct leat_outfile *f)
{
    int r;

    pthread_mutex_lock(&s->pipeline->lock); /* several stages may run parts */
    r = leat_claims_add(&s->pipeline->claims, f->path);
    pthread_mutex_unlock(&s->pipeline->lock);
    if (r == LEAT_EEXIST)
        return leat_fail(s, LEAT_EUSAGE, "%s: is the output of another stage, too", f->shown);
    return r < 0 ? leat_fail(s, r, "out of memory") : 0;
}

static int open_path(struct leat_stage *s, struct leat_outfile *f)
{
    struct stat st = {0};
    int r;

    if (!*f->shown)
        return leat_fail(s, LEAT_EUSAGE, "the name of the file is empty");
    f->path = resolve(f->shown);
    if (!f->path)
        return leat_fail_errno(s, errno, "%s", f->shown);
    f->target_existed = stat(f->path, &st) == 0;
    if (f->target_existed && S_ISDIR(st.st_mode))
        return leat_fail_errno(s, EISDIR, "%s", f->shown);
    if (f->target_existed && !S_ISREG(st.st_mode)) {
        f->kind = OUTFILE_STREAM;
        return open_stream(s, f);
    }
    if (f->options.append) {
        f->kind = OUTFILE_APPEND;
        return open_append(s, f, &st);
    }
    if (f->target_existed && !f->options.force)
        return leat_fail(s, LEAT_EEXIST, "%s: exists; use --force to replace it", f->shown);
    f->kind = OUTFILE_REPLACE;
    r = claim(s, f);
    return r < 0 ? r : open_temp(s, f, &st);
}

static int open_inherited(struct leat_stage *s, struct leat_outfile *f, int inherited)
{
    int r;

    f->kind = OUTFILE_STREAM;
    r = leat_fd_adopt(&f->fd, inherited, true);
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (s->info->input_binary && isatty(inherited) && !f->options.force)
        return leat_fail(
            s, LEAT_EUSAGE,
            "compressed data is not written to a terminal; redirect it or use --force");
    return claim_open(s, f);
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
    int inherited = inherited_number(path), r;

    if (!f)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    *ret_file = f;
    f->options = *options;
    f->options.force = f->options.force || leat_stage_forced(s);
    f->shown = strcmp(path, "-") == 0 ? "standard output" : path;
    f->fd.fd = -1;
    r = inherited < 0 ? open_path(s, f) : open_inherited(s, f, inherited);
    return r == 0 && f->options.direct ? open_direct(s, f) : r;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The window before this one has had time to get to the disk; then the cache can do without it. */
static void drop_window(struct leat_outfile *f)
{
    uint64_t from = f->flushed > WRITEBACK ? f->flushed - WRITEBACK : 0;

    if (!f->options.drop_cache || f->flushed == 0)
        return;
    (void)sync_file_range(f->fd.fd, (off_t)from, (off_t)(f->flushed - from),
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                              SYNC_FILE_RANGE_WAIT_AFTER);
    (void)posix_fadvise(f->fd.fd, (off_t)from, (off_t)(f->flushed - from), POSIX_FADV_DONTNEED);
}

/* Of what was written since the last time: a hint, fsync is what counts. */
static void start_writeback(struct leat_outfile *f)
{
    if ((f->options.no_sync && !f->options.drop_cache) || !f->fd.is_regular)
        return;
    if (f->kind == OUTFILE_REPLACE)
        (void)sync_file_range(f->fd.fd, (off_t)f->flushed, (off_t)(f->written - f->flushed),
                              SYNC_FILE_RANGE_WRITE);
    drop_window(f);
    f->flushed = f->written;
}

/* Writeback starts while the stream is still being made, so that the last sync has little to do. */
void leat_outfile_wrote(struct leat_outfile *f, uint64_t n)
{
    f->written += n;
    if (f->written - f->flushed >= WRITEBACK)
        start_writeback(f);
}

static bool is_zero(const uint8_t *data, size_t n)
{
    return data[0] == 0 && memcmp(data, data + 1, n - 1) == 0;
}

/* What follows a hole must be aligned as --direct wants it. */
static size_t sparse_block(const struct leat_outfile *f)
{
    const struct leat_direct *d = f->options.direct;

    return d && d->align > SPARSE_BLOCK ? d->align : SPARSE_BLOCK;
}

/* How many of n bytes are to be skipped: whole blocks of the file that hold nothing but zeros. If
 * there are none at the start, *ret_data is how many come before the next one. */
static size_t find_hole(const struct leat_outfile *f, const uint8_t *data, size_t n,
                        size_t *ret_data)
{
    size_t block = sparse_block(f), at = (size_t)(-f->written % block), hole = 0;

    if (at == 0)
        while (n - hole >= block && is_zero(data + hole, block))
            hole += block;
    while (n > at && n - at >= block && !is_zero(data + at, block))
        at += block;
    *ret_data = n > at && n - at >= block ? at : n;
    return hole;
}

/* As leat_fd_write, but for zeros. */
static ssize_t write_sparse(struct leat_outfile *f, const void *data, size_t n)
{
    size_t before, hole = find_hole(f, data, n, &before);

    f->ends_in_hole = hole > 0;
    if (hole == 0)
        return leat_fd_write(&f->fd, data, before);
    return lseek(f->fd.fd, (off_t)hole, SEEK_CUR) < 0 ? -errno : (ssize_t)hole;
}

static ssize_t write_some(struct leat_outfile *f, const void *data, size_t n)
{
    if (f->options.sparse && f->kind == OUTFILE_REPLACE)
        return write_sparse(f, data, n);
    return leat_fd_write(&f->fd, data, n);
}

/* The buffer of --direct to the file, when it is full or this is all. Returns 0 or -errno. */
static int drain_direct(struct leat_outfile *f, bool last)
{
    struct leat_direct *d = f->options.direct;
    ssize_t n;

    if (!d || f->fd.fd < 0)
        return 0;
    while ((n = leat_direct_next(d, &f->fd, last)) > 0) {
        n = write_some(f, d->data + d->at, (size_t)n);
        if (n < 0)
            break;
        leat_direct_wrote(d, (size_t)n);
        leat_outfile_wrote(f, (uint64_t)n);
    }
    return n < 0 ? (int)n : 0;
}

static ssize_t write_direct(struct leat_stage *s, struct leat_outfile *f, const void *data,
                            size_t n)
{
    size_t took = leat_direct_put(f->options.direct, data, n);
    int r = drain_direct(f, false);

    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : (ssize_t)took;
}

ssize_t leat_outfile_write(struct leat_stage *s, struct leat_outfile *f, const void *data, size_t n)
{
    ssize_t r;

    if (f->fifo_pending) {
        int e = open_stream(s, f);

        if (e < 0)
            return e;
        if (f->fifo_pending) {
            leat_wait_ms(s, FIFO_RETRY_MS);
            return 0;
        }
    }
    if (n == 0)
        return 0;
    if (f->options.direct)
        return write_direct(s, f, data, n);
    r = write_some(f, data, n);
    if (r == -EAGAIN) {
        leat_wait_fd(s, f->fd.fd, true);
        return 0;
    }
    if (r < 0)
        return leat_fail_errno(s, (int)-r, "%s", f->shown);
    leat_outfile_wrote(f, (uint64_t)r);
    return r;
}

struct leat_fd *leat_outfile_fd(struct leat_outfile *f)
{
    return f->fifo_pending ? NULL : &f->fd;
}

/* Standard output that is a file may be on a disk that is full or gone: ask. */
static int sync_file(struct leat_stage *s, struct leat_outfile *f)
{
    if (!f->options.no_sync && f->fd.is_regular && f->kind != OUTFILE_STREAM && fsync(f->fd.fd) < 0)
        return leat_fail_errno(s, errno, "cannot sync %s", f->shown);
    return 0;
}

int leat_outfile_end(struct leat_stage *s, struct leat_outfile *f)
{
    int r = drain_direct(f, true);

    f->options.direct = NULL;
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (f->ends_in_hole && ftruncate(f->fd.fd, (off_t)f->written) < 0)
        return leat_fail_errno(s, errno, "cannot set the length of %s", f->shown);
    if (f->written > f->flushed)
        start_writeback(f);
    return 0;
}

int leat_outfile_prepare(struct leat_stage *s, struct leat_outfile *f)
{
    int r = sync_file(s, f);

    if (f->options.drop_cache && f->fd.is_regular)
        (void)posix_fadvise(f->fd.fd, 0, 0, POSIX_FADV_DONTNEED);
    if (r < 0 || f->kind == OUTFILE_APPEND) /* kept open, to cut it back if another fails */
        return r;
    if (f->late_n > 0)
        return 0;
    r = leat_fd_close(&f->fd);
    return r < 0 ? leat_fail_errno(s, -r, "cannot close %s", f->shown) : 0;
}

static int write_all(struct leat_stage *s, struct leat_outfile *f, const uint8_t *data, size_t n)
{
    if (f->fifo_pending && open_stream(s, f) < 0)
        return s->failure.code;
    if (f->fifo_pending)
        return leat_fail(s, LEAT_EIO, "%s: nobody reads it", f->shown);
    while (n > 0) {
        ssize_t r = leat_fd_write(&f->fd, data, n);

        if (r == -EAGAIN) {
            struct pollfd p = {.fd = f->fd.fd, .events = POLLOUT};

            (void)poll(&p, 1, -1);
            continue;
        }
        if (r < 0)
            return leat_fail_errno(s, (int)-r, "%s", f->shown);
        data += r;
        n -= (size_t)r;
    }
    return 0;
}

int leat_outfile_finish(struct leat_stage *s, struct leat_outfile *f, const void *data, size_t n)
{
    int r;

    if (f->kind == OUTFILE_STREAM) {
        f->late = data;
        f->late_n = n;
        return 0;
    }
    r = write_all(s, f, data, n);
    return r < 0 ? r : leat_outfile_prepare(s, f);
}

/* --- commit ----------------------------------------------------------------------------------- */

/* Puts the temporary in place; what was there, if anything, is under the temporary name then. */
static int swap_in(struct leat_outfile *f)
{
    if (f->target_existed || f->options.force) {
        if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_EXCHANGE) == 0) {
            f->have_old = true;
            return 0;
        }
        if (errno != ENOENT && errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
            return -errno;
        f->have_temp = rename(f->temp, f->path) < 0;
        return f->have_temp ? -errno : 0;
    }
    if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0) {
        f->have_temp = false;
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (link(f->temp, f->path) < 0) /* fails if something appeared there meanwhile */
        return -errno;
    f->have_temp = unlink(f->temp) < 0;
    return 0;
}

int leat_outfile_commit(struct leat_stage *s, struct leat_outfile *f)
{
    int r;

    if (f->kind == OUTFILE_STREAM)
        return f->late_n > 0 ? write_all(s, f, f->late, f->late_n) : 0;
    if (f->kind == OUTFILE_APPEND) {
        f->committed = true;
        return 0;
    }
    r = f->options.no_sync ? 0 : leat_directories_add(&s->pipeline->renamed, f->path, s);
    if (r < 0)
        return leat_fail(s, r, "out of memory");
    r = swap_in(f);
    if (r < 0)
        return leat_fail_errno(s, -r, "cannot rename %s to %s", f->temp, f->shown);
    f->committed = true;
    return 0;
}

void leat_outfile_revert(struct leat_outfile *f)
{
    if (!f || !f->committed)
        return;
    f->committed = false;
    if (f->kind != OUTFILE_REPLACE)
        return;
    if (f->have_old) {
        f->have_old = renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_EXCHANGE) < 0;
        f->committed = f->have_old;
    } else if (!f->target_existed) {
        (void)unlink(f->path); /* nothing was there before */
    }
}

static void give_up_temp(struct leat_outfile *f)
{
    char *partial;

    if (f->options.keep_partial && !f->committed && f->written > 0 &&
        asprintf(&partial, "%s.partial", f->path) >= 0) {
        if (rename(f->temp, partial) == 0)
            f->have_temp = false;
        free(partial);
    }
    if (f->have_temp)
        (void)unlink(f->temp); /* of a commit: what was replaced */
    f->have_temp = false;
}

void leat_outfile_close(struct leat_outfile *f)
{
    if (!f)
        return;
    if (f->options.keep_partial && !f->committed)
        (void)drain_direct(f, true); /* as far as it goes */
    if (f->kind == OUTFILE_APPEND && !f->committed && f->fd.fd >= 0) {
        if (!f->target_existed && !f->options.keep_partial)
            (void)unlink(f->path);
        else if (!f->options.keep_partial)
            (void)!ftruncate(f->fd.fd, (off_t)f->size_before); /* as far as it can be undone */
    }
    (void)leat_fd_close(&f->fd); /* of a commit: prepare has closed it and checked */
    if (f->have_temp && f->temp)
        give_up_temp(f);
}

void leat_outfile_free(struct leat_outfile *f)
{
    if (!f)
        return;
    free(f->path);
    free(f->temp);
    free(f);
}
