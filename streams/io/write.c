/* write.c - the writable: a file that appears when all has succeeded, or a stream. */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "io.h"

#define GONE_MS 500u /* without a reader: the stream may be at its end, and then it is no failure */

struct write_params {
    struct leat_file_options file;
    int append, keep_partial;
};

struct write_state {
    struct leat_outfile *file;
    struct leat_direct direct;
    bool watched; /* its reader is */
    bool unread;  /* a moment ago its reader was gone */
};

static const char *path_of(struct leat_stage *s)
{
    const struct leat_strings *o = leat_operands(s);

    return o->n > 0 ? o->v[0] : "-";
}

/* A pipe or socket is a failure when its reader has left, also while there is nothing to write: the
 * source may never give anything again. */
static void watch_reader(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);
    const struct leat_fd *fd = leat_outfile_fd(st->file);

    if (st->watched || !fd) /* a FIFO that nobody has opened yet */
        return;
    st->watched = true;
    if (fd->is_pipe || fd->mode == LEAT_FD_SOCKET)
        leat_watch_gone(s, fd->fd);
}

static int write_watch(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);
    struct pollfd p = {.fd = leat_outfile_fd(st->file)->fd};
    bool unread = poll(&p, 1, 0) == 1; /* asked for nothing, it tells of errors only */

    if (unread && st->unread)
        return leat_fail_errno(s, EPIPE, "%s",
                               strcmp(path_of(s), "-") == 0 ? "standard output" : path_of(s));
    st->unread = unread;
    if (unread)
        leat_watch_ms(s, GONE_MS);
    else /* another one has opened the FIFO */
        leat_watch_gone(s, p.fd);
    return LEAT_MORE;
}

static int write_open(struct leat_stage *s)
{
    const struct write_params *p = leat_params(s);
    struct write_state *st = leat_state(s);
    struct leat_outfile_options options = {.force = p->file.force != 0,
                                           .append = p->append != 0,
                                           .no_sync = p->file.no_sync != 0,
                                           .keep_partial = p->keep_partial != 0,
                                           .sparse = p->file.sparse != 0,
                                           .drop_cache = p->file.drop_cache != 0,
                                           .direct = p->file.direct ? &st->direct : NULL};

    int r;

    if (p->file.direct && leat_direct_init(s, &st->direct) < 0)
        return LEAT_ENOMEM;
    r = leat_outfile_open(s, path_of(s), &options, &st->file);
    if (r == 0)
        watch_reader(s);
    return r;
}

struct leat_outfile *leat_write_file(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);

    return st->file;
}

bool leat_write_is_plain(const struct leat_node *node)
{
    const struct write_params *p = node->params;

    return !p->file.sparse && !p->file.drop_cache && !p->file.direct;
}

static int write_plan(struct leat_stage *s)
{
    const struct write_params *p = leat_params(s);

    if (p->file.sparse && p->append)
        return leat_fail(s, LEAT_EUSAGE, "--sparse does not go with --append");
    return 0;
}

bool leat_write_appends(const struct leat_node *node)
{
    const struct write_params *p = node->params;

    return p->append != 0;
}

static int write_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct write_state *st = leat_state(s);
    int r;

    (void)out;
    watch_reader(s);
    while (in->pos < in->len) {
        ssize_t n = leat_outfile_write(s, st->file, in->data + in->pos, in->len - in->pos);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return LEAT_WAIT;
        in->pos += (size_t)n;
    }
    if (!in->end)
        return LEAT_MORE;
    /* A FIFO that nobody has opened for reading yet is waited for even if there is nothing. */
    if (!leat_outfile_fd(st->file)) {
        ssize_t n = leat_outfile_write(s, st->file, "", 0);

        if (n < 0)
            return (int)n;
        if (!leat_outfile_fd(st->file))
            return LEAT_WAIT;
    }
    r = leat_outfile_end(s, st->file);
    leat_direct_done(s, &st->direct);
    return r < 0 ? r : LEAT_END;
}

static int write_prepare(struct leat_stage *s)
{
    return leat_outfile_prepare(s, leat_write_file(s));
}

static int write_commit(struct leat_stage *s)
{
    return leat_outfile_commit(s, leat_write_file(s));
}

static void write_revert(struct leat_stage *s)
{
    leat_outfile_revert(leat_write_file(s));
}

static void write_close(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);

    leat_outfile_close(st->file);
    leat_outfile_free(st->file);
    st->file = NULL;
    leat_direct_done(s, &st->direct);
}

#define AT(field) offsetof(struct write_params, field)
static const struct leat_option write_options[] = {
    {.name = "append",
     .short_name = 'a',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(append),
     .help = "add to the end; on failure the file is cut back, unless others have added to it"},
    {.name = "keep-partial",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(keep_partial),
     .help = "on failure keep what was written as FILE.partial"},
    LEAT_FILE_OPTIONS(AT(file)),
    {0},
};

const struct leat_stage_type leat_stage_write = {
    .name = "write",
    .summary = "write a file that appears only when the whole pipeline has succeeded",
    .operands = "FILE",
    .operands_max = 1,
    .manual =
        "Writes to a file without a name, or with a temporary one, in the same directory, syncs it, "
        "and gives it the name FILE when every stage of the pipeline has ended well. On any failure "
        "or signal it is removed, and a FILE that was there stays as it was, or a warning says "
        "where it is.\n\n"
        "A FILE that exists is not replaced without --force; through a symbolic link, what it "
        "points to is replaced. The new file gets the mode, the access control list and the user.* "
        "attributes of the old one, and its owner and group where that is allowed: without the "
        "same owner or group it loses set-user-ID or set-group-ID, and another group gets no more "
        "than both the old group and all others had. Only a regular file is replaced: a directory "
        "that takes the name meanwhile is an error.\n\n"
        "A directory that may not be read cannot be synced: a new FILE in it is refused before the "
        "run, unless --no-sync is given.\n\n"
        "A FILE with the suffix of another format than that of the codec before it, as in `gzip : write "
        "x.zst`, is written, and a warning says so; leat -q silences it.\n\n"
        "With --keep-partial what was written before a failure stays as FILE.partial; a file of that name "
        "is refused before the run, or replaced with --force.\n\n"
        "A FIFO, a device or a socket, /dev/stdout, and - or no FILE (standard output) are written "
        "as the data comes; there is nothing to commit. /dev/fd/N is a descriptor that leat "
        "was started with. A pipe or socket whose reader has left is a "
        "failure within a second, also while there is nothing to write. --append writes to FILE "
        "itself: kill -9 can leave a part of the addition, and so does a failure if others have "
        "written to FILE after it or another leat has it open to append, which a warning tells. If "
        "somebody removes FILE or puts another one in its place meanwhile, the run fails; if it only "
        "gets another name, as in a rotation of logs, a warning tells. Several outputs may append to one file, "
        "but one that is replaced, or that is standard output too, has no other output.\n\n"
        "With --sparse whole blocks of zeros take no room on the disk; a reader sees them all the "
        "same. With --drop-cache what has been written is put on the disk as it goes and taken from "
        "the page cache, so that a backup does not push out what others use. Both mean nothing to "
        "a pipe or a device.\n\n"
        "With --direct the data goes to the disk without passing through the page cache at all, in "
        "aligned blocks; only what is left at the end, and with --append up to the first aligned "
        "place, is written as usual. Block devices are written so too. It goes with --sparse and "
        "--append; to a pipe or a terminal it means nothing. A file system that has no direct I/O "
        "is an error, and so is standard output that is a file: give its name.",
    .examples = "read big.log : gzip : write --force big.copy.gz\n"
                "read big.log : grep ERROR : write --append errors.txt",
    .kind = LEAT_SINK,
    .nature = LEAT_HEAVY,
    .params_size = sizeof(struct write_params),
    .state_size = sizeof(struct write_state),
    .options = write_options,
    .plan = write_plan,
    .open = write_open,
    .step = write_step,
    .watch = write_watch,
    .close = write_close,
    .prepare = write_prepare,
    .commit = write_commit,
    .revert = write_revert,
};
