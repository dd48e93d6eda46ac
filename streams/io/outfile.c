/* outfile.c - write an output to its end, and check that all of it has arrived. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attributes.h"
#include "outfile_impl.h"

#define WRITEBACK ((uint64_t)8 << 20) /* start writing to disk every so often */
#define FIFO_RETRY_MS 20u             /* for a FIFO without a reader yet */
#define FULL_RETRY_MS 500u            /* for a disk without space */
#define SPARSE_BLOCK 4096u            /* the size of holes in file systems */

int leat_outfile_open_stream(struct leat_stage *s, struct leat_outfile *f)
{
    int fd = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r = fd < 0 ? errno : 0;
    struct stat info;

    f->fifo_pending = false;
    if (r == ENXIO && stat(f->path, &info) == 0) {
        f->fifo_pending = S_ISFIFO(info.st_mode);
        if (f->fifo_pending)
            return 0;
        if (S_ISSOCK(info.st_mode))
            return leat_fail(s, LEAT_EIO, "%s: is a socket, which cannot be opened as a file",
                             f->shown);
    }
    if (r != 0)
        return leat_fail_errno(s, r, "%s", f->shown);
    r = leat_fd_own(&f->fd, fd);
    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : 0;
}

int leat_outfile_check_sync(struct leat_stage *s, const struct leat_outfile *f,
                            const struct leat_directory *directory)
{
    if (f->options.no_sync || !directory->no_sync || (f->options.append && f->target_existed))
        return 0;
    return leat_fail_errno(s, EACCES,
                           "%s: its directory cannot be synced without read permission; "
                           "grant it, or use --no-sync",
                           f->shown);
}

/* The previous window has had time to reach the disk; drop it from the page cache. The wait may
 * return an error that a later fsync does not return any more, so record it. */
static void drop_window(struct leat_outfile *f)
{
    uint64_t from = f->flushed > WRITEBACK ? f->flushed - WRITEBACK : 0;

    if (!f->options.drop_cache || f->flushed == 0)
        return;
    if (sync_file_range(f->fd.fd, (off_t)from, (off_t)(f->flushed - from),
                        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                            SYNC_FILE_RANGE_WAIT_AFTER) < 0 &&
        errno != ESPIPE && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        f->writeback_error = errno;
    (void)posix_fadvise(f->fd.fd, (off_t)from, (off_t)(f->flushed - from), POSIX_FADV_DONTNEED);
}

/* Start to write the data since the last call to the disk. This is a hint only; fsync is what
 * counts. */
static void start_writeback(struct leat_outfile *f)
{
    if ((f->options.no_sync && !f->options.drop_cache) || !f->fd.is_regular)
        return;
    if (f->kind == LEAT_OUTFILE_REPLACE)
        (void)sync_file_range(f->fd.fd, (off_t)f->flushed, (off_t)(f->written - f->flushed),
                              SYNC_FILE_RANGE_WRITE);
    drop_window(f);
    f->flushed = f->written;
}

/* Writeback starts while the stream is still written, so that the final sync has little to do. */
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

/* Data after a hole must be aligned for --direct. */
static size_t sparse_block(const struct leat_outfile *f)
{
    const struct leat_direct *d = f->options.direct;

    return d && d->align > SPARSE_BLOCK ? d->align : SPARSE_BLOCK;
}

/* How many of n bytes to skip: whole blocks of the file that contain only zeros. If there are none
 * at the start, *ret_data is the number of bytes before the next one. */
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

/* Like leat_fd_write, but blocks of zeros become holes. */
static ssize_t write_sparse(struct leat_outfile *f, const void *data, size_t n)
{
    size_t before, hole = find_hole(f, data, n, &before);

    f->ends_in_hole = hole > 0;
    if (hole == 0)
        return leat_fd_write(&f->fd, data, before);
    return lseek(f->fd.fd, (off_t)hole, SEEK_CUR) < 0 ? -errno : (ssize_t)hole;
}

/* Make a hole of n zeros that end at the offset `end` of the file, and of the block before them if it is of zeros, too: a
 * part of a block stays. Without holes they are zeros all the same. */
static void punch(struct leat_outfile *f, uint64_t end, uint64_t n)
{
    uint64_t from = end - n;

    leat_assert(n <= end);
    if (f->zeros_end == from && from >= SPARSE_BLOCK)
        from -= SPARSE_BLOCK;
    f->zeros_end = end;
    f->no_punch = fallocate(f->fd.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                            (off_t)(end - from)) < 0;
}

/* At the end of a file that others may append to, too, only written bytes have a place: write the zeros, and make a
 * hole of them. They are still in the page cache then. */
static ssize_t append_sparse(struct leat_outfile *f, const uint8_t *data, size_t n)
{
    size_t zeros = 0;
    ssize_t r;
    off_t end;

    while (!f->no_punch && n - zeros >= SPARSE_BLOCK && is_zero(data + zeros, SPARSE_BLOCK))
        zeros += SPARSE_BLOCK;
    if (zeros == 0) {
        size_t at = SPARSE_BLOCK;

        while (n >= at + SPARSE_BLOCK && (f->no_punch || !is_zero(data + at, SPARSE_BLOCK)))
            at += SPARSE_BLOCK;
        return leat_fd_write(&f->fd, data, n >= at + SPARSE_BLOCK ? at : n);
    }
    r = leat_fd_write(&f->fd, data, zeros);
    end = r >= (ssize_t)SPARSE_BLOCK ? lseek(f->fd.fd, 0, SEEK_CUR) : -1;
    if (end >= r)
        punch(f, (uint64_t)end, (uint64_t)r);
    return r;
}

static ssize_t write_some(struct leat_outfile *f, const void *data, size_t n)
{
    if (!f->options.sparse || f->kind == LEAT_OUTFILE_STREAM)
        return leat_fd_write(&f->fd, data, n);
    if (f->kind == LEAT_OUTFILE_REPLACE)
        return write_sparse(f, data, n);
    return append_sparse(f, data, n);
}

ssize_t leat_outfile_hole(struct leat_stage *s, struct leat_outfile *f, size_t n)
{
    n -= n % SPARSE_BLOCK;
    if (!f->options.sparse || f->kind != LEAT_OUTFILE_REPLACE || f->options.direct || n == 0 ||
        f->written % SPARSE_BLOCK != 0)
        return 0;
    if (lseek(f->fd.fd, (off_t)n, SEEK_CUR) < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    f->ends_in_hole = true;
    leat_outfile_wrote(f, n);
    return (ssize_t)n;
}

int leat_outfile_drain(struct leat_outfile *f, bool last)
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
    int r = leat_outfile_drain(f, false);

    return r < 0 ? leat_fail_errno(s, -r, "%s", f->shown) : (ssize_t)took;
}

static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

/* Upstream waits meanwhile: nothing is lost. */
static void wait_for_space(struct leat_stage *s, struct leat_outfile *f, int error)
{
    if (!f->told_full)
        leat_warning(s, "%s: %s: waited for space", f->shown, strerrordesc_np(error));
    f->told_full = true;
    leat_wait_ms(s, FULL_RETRY_MS);
}

ssize_t leat_outfile_write(struct leat_stage *s, struct leat_outfile *f, const void *data, size_t n)
{
    ssize_t r;

    if (f->fifo_pending) {
        int e = leat_outfile_open_stream(s, f);

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
    if (r < 0 && f->options.waits_full && is_full((int)-r)) {
        wait_for_space(s, f, (int)-r);
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

/* Standard output may be a file on a disk that is full or gone: check it. */
static int sync_file(struct leat_stage *s, struct leat_outfile *f)
{
    if (!f->options.no_sync && f->fd.is_regular && f->kind != LEAT_OUTFILE_STREAM &&
        fsync(f->fd.fd) < 0)
        return leat_fail_errno(s, errno, "cannot sync %s", f->shown);
    return 0;
}

int leat_outfile_end(struct leat_stage *s, struct leat_outfile *f)
{
    int r = leat_outfile_drain(f, true);

    f->options.direct = NULL;
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", f->shown);
    if (f->ends_in_hole && ftruncate(f->fd.fd, (off_t)f->written) < 0)
        return leat_fail_errno(s, errno, "cannot set the length of %s", f->shown);
    if (f->written > f->flushed)
        start_writeback(f);
    return 0;
}

/* Copy the attributes of the file that has the name now: it will be replaced. */
static int copy_attributes(struct leat_stage *s, struct leat_outfile *f)
{
    int at = leat_directory_pin(f->draft.directories, f->draft.directory), r = 0;
    const char *which = "";
    struct stat info;

    if (at < 0)
        return leat_fail_errno(s, -at, "%s", f->shown);
    if (f->options.force && fstatat(at, f->draft.name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode))
        r = leat_attributes_copy(at, f->path, &info, f->fd.fd, &which);
    leat_directory_unpin(f->draft.directories, f->draft.directory);
    return r < 0 ? leat_fail_errno(s, -r, "cannot keep %s of %s", which, f->shown) : 0;
}

/* A draft that is prepared before the end of the run closes its descriptor: others need it. */
static int check_close(struct leat_stage *s, struct leat_outfile *f)
{
    bool early = !atomic_load(&s->pipeline->outcome.finishing);
    int r = early ? -EMFILE : leat_fd_flush(&f->fd);

    if (r != -EMFILE && r != -ENFILE)
        return r;
    r = leat_draft_let_go(&f->draft);
    return r < 0 ? r : leat_fd_close(&f->fd);
}

/* An appended file stays open, to cut it back if another output fails. */
static int flush(struct leat_stage *s, struct leat_outfile *f)
{
    switch (f->kind) {
    case LEAT_OUTFILE_REPLACE:
        return check_close(s, f);
    case LEAT_OUTFILE_APPEND:
        return leat_fd_flush(&f->fd);
    case LEAT_OUTFILE_STREAM:
        return leat_fd_close(&f->fd);
    }
    return 0;
}

/* If another process has removed or replaced the file, it has no name any more, and the appended
 * data is lost. */
int leat_outfile_check_named(struct leat_stage *s, const struct leat_outfile *f)
{
    struct stat info;

    if (!f->fd.is_regular)
        return 0;
    if (fstat(f->fd.fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", f->shown);
    if (info.st_nlink > 0)
        return 0;
    return leat_fail(s, LEAT_EIO, "%s: has been removed or replaced while it was appended to",
                     f->shown);
}

int leat_outfile_prepare(struct leat_stage *s, struct leat_outfile *f)
{
    int r = f->kind == LEAT_OUTFILE_REPLACE ? copy_attributes(s, f) : 0;

    if (f->kind == LEAT_OUTFILE_APPEND)
        r = leat_outfile_check_named(s, f);
    if (r == 0)
        r = sync_file(s, f);
    if (r == 0 && f->writeback_error != 0)
        r = leat_fail_errno(s, f->writeback_error, "cannot sync %s", f->shown);
    if (f->options.drop_cache && f->fd.is_regular)
        (void)posix_fadvise(f->fd.fd, 0, 0, POSIX_FADV_DONTNEED);
    if (r < 0)
        return r;
    r = flush(s, f);
    return r < 0 ? leat_fail_errno(s, -r, "cannot close %s", f->shown) : 0;
}

/* Returns 0; LEAT_WAIT: the stream is full, f->late has the rest; or LEAT_E*. */
static int write_late(struct leat_stage *s, struct leat_outfile *f)
{
    while (f->late_n > 0) {
        ssize_t r = leat_fd_write(&f->fd, f->late, f->late_n);

        if (r == -EAGAIN && f->kind == LEAT_OUTFILE_STREAM)
            return LEAT_WAIT;
        if (r < 0)
            return leat_fail_errno(s, (int)-r, "%s", f->shown);
        f->late += r;
        f->late_n -= (size_t)r;
    }
    return 0;
}

int leat_outfile_finish(struct leat_stage *s, struct leat_outfile *f, const void *data, size_t n)
{
    int r;

    f->late = data;
    f->late_n = n;
    if (f->kind == LEAT_OUTFILE_STREAM)
        return 0;
    r = write_late(s, f);
    return r < 0 ? r : leat_outfile_prepare(s, f);
}

bool leat_outfile_is_late(const struct leat_outfile *f)
{
    return f && f->kind == LEAT_OUTFILE_STREAM && f->late_n > 0;
}

int leat_outfile_deliver(struct leat_stage *s, struct leat_outfile *f)
{
    int r;

    if (!leat_outfile_is_late(f))
        return 0;
    if (f->fifo_pending && leat_outfile_open_stream(s, f) < 0)
        return s->failure.code;
    if (f->fifo_pending)
        return leat_fail(s, LEAT_EIO, "%s: it has no reader", f->shown);
    r = write_late(s, f);
    if (r != 0)
        return r;
    r = leat_fd_close(&f->fd);
    return r < 0 ? leat_fail_errno(s, -r, "cannot close %s", f->shown) : 0;
}
