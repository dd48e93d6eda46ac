/* read.c - the readable: files one after another, or standard input. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "read_impl.h"
#include "run/pipeline.h"
#include "stage/engine_ops.h"
#include "stage/file_map.h"
#include "url.h"

#define DROP_WINDOW ((uint64_t)8 << 20) /* of --drop-cache */

/* The position after --offset may be unaligned for direct I/O. */
static int begin_direct(struct leat_stage *s)
{
    const struct leat_read_params *params = leat_params(s);
    struct leat_read_state *st = leat_state(s);
    int r;

    if (!params->direct)
        return 0;
    r = leat_direct_begin(s, &st->direct, &st->fd, leat_read_shown(st->name));
    if (r < 0 || !st->direct.used)
        return r;
    r = leat_direct_seek(&st->direct, &st->fd);
    return r < 0 ? leat_fail_errno(s, -r, "%s", leat_read_shown(st->name)) : 0;
}

static ssize_t read_some(struct leat_read_state *st, void *to, size_t n)
{
    if (st->direct.used)
        return leat_direct_read(&st->direct, &st->fd, to, n);
    return leat_fd_read(&st->fd, to, n);
}

/* Data that the pipeline itself appends to the file is no input, or the stream would never end. */
static int bound_file(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    const char *writer;
    uint64_t size;
    struct stat info;
    off_t at;

    st->file_left = UINT64_MAX;
    st->at = st->size = 0;
    st->holes.sparse = false;
    if (!st->fd.is_regular)
        return 0;
    at = lseek(st->fd.fd, 0, SEEK_CUR);
    if (at < 0 || fstat(st->fd.fd, &info) < 0)
        return leat_fail_errno(s, errno, "%s", leat_read_shown(st->name));
    st->at = (uint64_t)at;
    st->size = (uint64_t)info.st_size;
    leat_holes_begin(&st->holes, &info, st->at);
    pthread_mutex_lock(&s->pipeline->lock);
    size = leat_claims_size(&s->pipeline->outputs.claims, &info);
    writer = leat_claims_writer(&s->pipeline->outputs.claims, info.st_dev, info.st_ino, "", true);
    pthread_mutex_unlock(&s->pipeline->lock);
    if (writer)
        return leat_fail(s, LEAT_EUSAGE, "%s: is the file of %s, too; give that another name",
                         leat_read_shown(st->name), writer);
    if (size != UINT64_MAX)
        st->file_left = st->at < size ? size - st->at : 0;
    return 0;
}

/* The offset in the file of the first byte of output. */
static uint64_t place_of(const struct leat_read_state *st)
{
    off_t at = lseek(st->fd.fd, 0, SEEK_CUR);

    return (at > 0 ? (uint64_t)at : 0) + st->skip;
}

/* Landlock refuses a file that its mode allows. */
static int fail_open(struct leat_stage *s, const char *name, int error)
{
    if (error == EACCES && access(name, R_OK) == 0)
        return leat_fail_errno(
            s, error,
            "%s: its mode allows it, but a confined process cannot open what was put there after the start",
            name);
    return leat_fail_errno(s, error, "%s", name);
}

/* Add the open file to the map, which a stage may ask before the source has ended: does it read the whole
 * file? The end of a range that lies in the file is known now. */
static void map_file(struct leat_stage *s)
{
    const struct leat_read_state *st = leat_state(s);
    struct leat_file_map *map = s->info->input.opens;

    leat_file_map_add(map, st->pos, place_of(st));
    if (st->fd.is_regular && st->skip == 0 && st->at < st->size && st->left < st->size - st->at)
        leat_file_map_end(map, st->pos + st->left);
}

static int open_next(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    const char *name = leat_read_files(s)->v[st->next++];
    struct stat info;
    int fd, r;

    st->name = name;
    if (strcmp(name, "-") == 0) {
        r = leat_fd_adopt(&st->fd, STDIN_FILENO, false);
    } else {
        fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
            return fail_open(s, name, errno);
        st->wait_first = fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
        r = leat_fd_own(&st->fd, fd);
    }
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", leat_read_shown(name));
    if (st->fd.is_regular)
        (void)posix_fadvise(st->fd.fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* a hint */
    if (st->skip > 0)
        st->skip -= leat_fd_skip(&st->fd, st->skip);
    if (st->last.found)
        st->skip = 0; /* if it has become shorter, that is told at the end */
    r = bound_file(s);
    st->at_begin = place_of(st) == 0;
    map_file(s);
    return r < 0 ? r : begin_direct(s);
}

/* The data read is not needed again: drop it from the page cache. */
static void drop_cache(struct leat_stage *s, uint64_t least)
{
    const struct leat_read_params *params = leat_params(s);
    struct leat_read_state *st = leat_state(s);
    off_t at = params->drop_cache && st->fd.is_regular ? lseek(st->fd.fd, 0, SEEK_CUR) : -1;

    if (at < 0 || (uint64_t)at < st->dropped + least)
        return;
    (void)posix_fadvise(st->fd.fd, (off_t)st->dropped, at - (off_t)st->dropped,
                        POSIX_FADV_DONTNEED); /* a hint */
    st->dropped = (uint64_t)at;
}

static int close_current(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    int r;

    drop_cache(s, 1);
    st->dropped = 0;
    r = leat_fd_close(&st->fd);

    return r < 0 ? leat_fail_errno(s, -r, "%s", leat_read_shown(st->name)) : 0;
}

static void read_moved(struct leat_stage *s, uint64_t n)
{
    struct leat_read_state *st = leat_state(s);

    st->pos += n;
    st->at += n;
    st->left -= n;
    st->file_left -= n; /* if it has no bound, not to be seen */
    leat_position(s, st->pos, st->total);
}

/* Read up to n bytes; 0: the end of the file. If a regular file ends before the size that it had
 * when it was opened, it was truncated, and bytes are lost: an error. Before that it is read once
 * more, because it may have grown again. Files of sysfs state a wrong size, and still state it at
 * their end. */
static ssize_t read_or_end(struct leat_stage *s, void *to, size_t room)
{
    const struct leat_read_params *params = leat_params(s);
    struct leat_read_state *st = leat_state(s);
    ssize_t n = read_some(st, to, room);
    struct stat info;

    if (n != 0 || !st->fd.is_regular || (st->at >= st->size && !st->holes.put) || params->shrink_ok)
        return n;
    if (fstat(st->fd.fd, &info) < 0)
        return -errno;
    n = read_some(st, to, room);
    if (n != 0 || (uint64_t)info.st_size >= st->size)
        return n;
    leat_fail(s, LEAT_EIO,
              "%s: became shorter while it was read: from %" PRIu64 " bytes to %" PRIu64
              ", of which %" PRIu64 " were read; read it again, or accept it with --shrink-ok",
              leat_read_shown(st->name), st->size, (uint64_t)info.st_size, st->at);
    return -EIO;
}

/* The data read may have to be skipped. */
static size_t drop_skipped(struct leat_read_state *st, uint8_t *to, size_t n)
{
    size_t drop = st->skip < n ? (size_t)st->skip : n;

    if (drop == 0)
        return n;
    memmove(to, to + drop, n - drop);
    st->skip -= drop;
    return n - drop;
}

/* Wait for more input; other stages run meanwhile. */
static int wait_for_input(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);

    leat_wait_fd(s, st->fd.fd, false);
    return LEAT_WAIT;
}

/* Get a file to read from. Returns LEAT_MORE; LEAT_END: no file is left; LEAT_WAIT; or fails. */
static int open_current(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    int r;

    if (st->fd.fd < 0) {
        if (st->next >= leat_read_files(s)->n)
            return LEAT_END;
        r = open_next(s);
        if (r < 0)
            return r;
    }
    if (!st->wait_first)
        return LEAT_MORE;
    st->wait_first = false;
    return wait_for_input(s);
}

/* Output zeros if there is a hole here. Returns LEAT_END: there is none, and *ret_data bytes of data at most may be read;
 * LEAT_MORE: some were output, or there was no room; or fails. */
static int put_hole(struct leat_stage *s, struct leat_out *out, uint64_t *ret_data)
{
    struct leat_read_state *st = leat_state(s);
    uint64_t n;
    size_t got;

    *ret_data = UINT64_MAX;
    if (st->skip > 0 || st->direct.used || st->file_left == 0 ||
        !leat_holes_look(&st->holes, st->fd.fd, st->at, ret_data))
        return LEAT_END;
    n = *ret_data < st->left ? *ret_data : st->left;
    got = leat_holes_put(s, &st->holes, out, n < st->file_left ? n : st->file_left);
    if (got == SIZE_MAX) {
        *ret_data = UINT64_MAX;
        return LEAT_END;
    }
    if (got == 0)
        return LEAT_MORE;
    if (lseek(st->fd.fd, (off_t)(st->at + got), SEEK_SET) < 0)
        return leat_fail_errno(s, errno, "%s", leat_read_shown(st->name));
    if (st->at_begin)
        leat_read_look_at(s, st->name, st->holes.zeros->data, got);
    st->at_begin = false;
    read_moved(s, got);
    return LEAT_MORE;
}

/* The search for the end has seen more. Each byte counts, as none before the place found was read. */
static int fail_shorter(struct leat_stage *s)
{
    const struct leat_read_state *st = leat_state(s);

    return leat_fail(s, LEAT_EIO,
                     "%s: became shorter while it was read: %" PRIu64 " of the last %" PRIu64
                     " bytes were read; read it again, or accept it with --shrink-ok",
                     leat_read_shown(st->name), st->pos, st->last.bytes);
}

/* Lends the only file to the next stage. Returns LEAT_END: so it is; LEAT_MORE: it cannot be, so read it; or as
 * open_current. */
static int lend(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    struct leat_lent lent = {.given = true};
    uint8_t first[LEAT_RECOGNISE];
    int r = open_current(s);
    ssize_t n;

    st->lend_tried = true;
    if (r != LEAT_MORE)
        return r;
    if (!st->fd.is_regular || st->file_left != UINT64_MAX || st->at >= st->size)
        return LEAT_MORE;
    lent.fd = fcntl(st->fd.fd, F_DUPFD_CLOEXEC, 0);
    if (lent.fd < 0)
        return LEAT_MORE;
    lent.start = st->at;
    lent.size = st->size - st->at;
    lent.name = leat_read_shown(st->name);
    n = pread(lent.fd, first, sizeof first, (off_t)lent.start);
    if (st->at_begin && n > 0)
        leat_read_look_at(s, st->name, first, (size_t)n);
    if (lseek(st->fd.fd, (off_t)st->size, SEEK_SET) < 0) /* as if it had been read */
        r = leat_fail_errno(s, errno, "%s", lent.name);
    leat_lent_set(s->info->lends_to, &lent);
    st->pos = lent.size;
    leat_position(s, st->pos, st->pos);
    leat_file_map_end(s->info->input.opens, st->pos);
    return r < 0 ? r : close_current(s) < 0 ? s->failure.code : LEAT_END;
}

static int read_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct leat_read_state *st = leat_state(s);
    uint64_t data;
    size_t room, got;
    uint8_t *to;
    ssize_t n;
    int r;

    (void)in;
    r = leat_read_find_last(s, out);
    if (r != LEAT_END)
        return r;
    r = s->info->lends_to && !st->lend_tried ? lend(s) : LEAT_MORE;
    if (r != LEAT_MORE)
        return r;
    do {
        r = st->left > 0 ? open_current(s) : LEAT_END;
        if (r == LEAT_END && st->last.found && st->pos < st->last.bytes)
            return fail_shorter(s);
        if (r == LEAT_END)
            leat_file_map_end(s->info->input.opens, st->pos);
        if (r != LEAT_MORE)
            return r;
        r = put_hole(s, out, &data);
        if (r != LEAT_END)
            return r;
        room = leat_reserve(out, &to);
        if (room == 0)
            return LEAT_MORE;
        if (st->skip == 0 && room > st->left)
            room = (size_t)st->left;
        if (room > st->file_left)
            room = (size_t)st->file_left;
        if (room > data)
            room = (size_t)data;
        n = room > 0 ? read_or_end(s, to, room) : 0;
        got = n > 0 ? drop_skipped(st, to, (size_t)n) : 0;
        if (got > st->left)
            got = (size_t)st->left;
        if (st->at_begin && got > 0)
            leat_read_look_at(s, st->name, to, got);
        st->at_begin = st->at_begin && got == 0;
        leat_commit(out, got);
        r = n == 0 ? close_current(s) : 0;
        if (r < 0)
            return r;
    } while (n == 0);
    if (n < 0 && s->failure.code)
        return s->failure.code;
    if (n < 0 && n != -EAGAIN)
        return leat_fail_errno(s, (int)-n, "%s", leat_read_shown(st->name));
    if (got > 0)
        read_moved(s, got);
    drop_cache(s, DROP_WINDOW);
    return got > 0 ? LEAT_MORE : wait_for_input(s);
}

static void read_close(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);

    (void)leat_fd_close(&st->fd); /* was only read */
    leat_read_last_done(&st->last);
    leat_holes_done(&st->holes);
    leat_direct_done(s, &st->direct);
}

/* --- for the engine --------------------------------------------------------------------------- */

static struct leat_file_map *read_files(const struct leat_node *node)
{
    return leat_file_map_new(node->operands.n > 0 ? &node->operands : &leat_read_standard_input);
}

static const struct leat_stage_type *read_range(const struct leat_node *node)
{
    const struct leat_read_params *p = node->params;

    return p->range ? &leat_range_cut : p->frames ? &leat_frames_cut : NULL;
}

/* A file that may become shorter is not begun late: what was found may be gone then. */
static bool read_begins_late(const struct leat_node *node)
{
    const struct leat_read_params *p = node->params;

    return p->offset == 0 && p->length == INT64_MAX && !p->range && !p->frames && !p->shrink_ok;
}

static bool read_lends(const struct leat_node *node)
{
    const struct leat_read_params *p = node->params;

    return read_begins_late(node) && node->operands.n <= 1 && !p->drop_cache && !p->direct;
}

static bool read_plain_fd(const struct leat_node *node)
{
    const struct leat_read_params *p = node->params;

    return !p->drop_cache && !p->direct;
}

static struct leat_fd *read_fd(struct leat_stage *s, uint64_t *ret_left)
{
    struct leat_read_state *st = leat_state(s);

    if (st->fd.fd < 0 || st->skip > 0 || st->wait_first || st->left == 0 || st->file_left == 0)
        return NULL;
    *ret_left = st->left < st->file_left ? st->left : st->file_left;
    return &st->fd;
}

/* -F is as of tail; a file that is called so comes after --. */
static bool follows(const struct leat_strings *words)
{
    for (size_t i = 0; i < words->n && strcmp(words->v[i], "--") != 0; i++)
        if (strcmp(words->v[i], "-F") == 0)
            return true;
    return false;
}

static const char *read_instead(const struct leat_strings *words)
{
    if (follows(words))
        return "follow";
    for (size_t i = 0; i < words->n; i++) {
        if (strncasecmp(words->v[i], "http://", 7) == 0 ||
            strncasecmp(words->v[i], "https://", 8) == 0 ||
            strncasecmp(words->v[i], "s3://", 5) == 0 ||
            strncasecmp(words->v[i], "azblob://", 9) == 0 ||
            strncasecmp(words->v[i], "sftp://", 7) == 0)
            return "get";
        if (leat_url_is_socket(words->v[i]))
            return "connect";
    }
    return NULL;
}

static const struct leat_engine_ops read_ops = {
    .is_default = true,
    .instead = read_instead,
    .files = read_files,
    .range = read_range,
    .begins_late = read_begins_late,
    .lends = read_lends,
    .plain_fd = read_plain_fd,
    .fd = read_fd,
    .moved = read_moved,
};

static const struct leat_option read_options[] = {
    {.name = "offset",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct leat_read_params, offset),
     .metavar = "SIZE",
     .help = "start this many bytes into the files, taken as one stream"},
    {.name = "length",
     .kind = LEAT_OPT_SIZE,
     .offset = offsetof(struct leat_read_params, length),
     .metavar = "SIZE",
     .initial = INT64_MAX,
     .help = "stop after this many bytes"},
    {.name = "drop-cache",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct leat_read_params, drop_cache),
     .help = "do not leave what was read in the page cache"},
    {.name = "direct",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct leat_read_params, direct),
     .help = "read past the page cache (O_DIRECT)"},
    {.name = "shrink-ok",
     .kind = LEAT_OPT_FLAG,
     .offset = offsetof(struct leat_read_params, shrink_ok),
     .help = "a file that becomes shorter while it is read is no error"},
    {.name = "range",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct leat_read_params, range),
     .metavar = "OFFSET:LENGTH",
     .help = "only this part of what a seekable FILE holds; unzstd must follow"},
    {.name = "frames",
     .kind = LEAT_OPT_STRING,
     .offset = offsetof(struct leat_read_params, frames),
     .metavar = "FROM:BYTES:SKIP:DROP",
     .help = "only these frames of FILE, without the ends of their content; gunzip or unzstd must "
             "follow"},
    {0},
};

const struct leat_stage_type leat_stage_read = {
    .name = "read",
    .summary = "read files, one after another, or standard input",
    .operands = "FILE…",
    .operands_max = SIZE_MAX,
    .manual =
        "Reads each FILE in turn; - or no FILE is standard input. All files are checked before "
        "the first byte moves, so a missing one fails the pipeline at once. FIFOs, devices, "
        "terminals and sockets are read as their data arrives. In files and block devices "
        "--offset seeks; in others that many bytes are read and dropped.\n\n"
        "Progress and the remaining time are computed from the position in the files, so they "
        "are right whatever the stages after it do.\n\n"
        "If the next stage is tail, without a plus, only the end of the files is read: it is searched "
        "backwards. FIFOs, files of /proc and files read with --offset, --length or --shrink-ok are "
        "read whole, and so are all files if what tail needs does not fit in the memory limit.\n\n"
        "Large holes of a sparse file are not read from the disk, but their zeros are output.\n\n"
        "A file that grows is read to its new end. If a file becomes shorter while it is read, "
        "bytes are lost, and the pipeline fails with status 1; with --shrink-ok it is read to "
        "its new end. Files in /proc and /sys, which do not state their true size, are read to "
        "their end.\n\n"
        "`read URL`, with http://, https://, s3://, azblob:// or sftp://, is `get URL`; with tcp://, tls:// or "
        "unix: it is `connect URL`. `read -F FILE` is `follow FILE`: it reads on when the file grows, and through "
        "rotations.\n\n"
        "With --drop-cache the data read is dropped from the page cache, even if other programs "
        "use it: for a backup that must not displace the data of others.\n\n"
        "With --direct files and block devices are read past the page cache, in aligned blocks "
        "that begin at or before --offset; there is no read-ahead then. It has no effect on a "
        "pipe or a terminal. It is an error if the file system has no direct I/O, or if "
        "standard input is a file: give its name.\n\n"
        "--range=OFFSET:LENGTH reads a range of the content of a file in zstd's seekable "
        "format, as zstd --seekable makes it. It counts decoded bytes; OFFSET: reads to the "
        "end. The seek table at the end of FILE tells which frames hold the range, and only "
        "these are read. unzstd must be the next stage; its output is the range, but its "
        "--max-output and --max-ratio count whole frames. A file without a seek table, and a "
        "range that ends beyond the content, are errors. The frames that are read are verified "
        "to their ends, and against the table. The table itself has no checksum: its entry for "
        "a frame before the range is compared with the header of that frame, if it differs from "
        "the entry before it. If the header of a frame does not state its size, which zstd "
        "--seekable never writes, a wrong entry is not noticed.\n\n"
        "--frames=FROM:BYTES:SKIP:DROP reads BYTES bytes of FILE from the offset FROM: whole "
        "frames of zstd or members of BGZF, which the caller has found. The output of the next "
        "stage, unzstd or gunzip, is their content without its first SKIP and last DROP bytes. "
        "DROP is 65535 at most. The empty member that ends a BGZF file need not be among them. "
        "leat each --split=lines uses it.",
    .examples = "read big.log : head -n 3\n"
                "read --offset=10 --length=20 big.log : count -c",
    .kind = LEAT_SOURCE,
    .params_size = sizeof(struct leat_read_params),
    .state_size = sizeof(struct leat_read_state),
    .options = read_options,
    .plan = leat_read_plan,
    .open = leat_read_open,
    .step = read_step,
    .close = read_close,
    .engine = &read_ops,
};
