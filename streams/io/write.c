/* write.c - the writable: a file that appears only if the whole pipeline has succeeded, or a
 * stream. */

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "outfile.h"
#include "parts/part_again.h"
#include "parts/parts.h"
#include "stage/engine_ops.h"
#include "stage/stage_impl.h"
#include "syntax/tree.h"
#include "url.h"

#define GONE_MS 500u /* without a reader: the stream may be at its end, and then it is no failure */

struct write_params {
    struct leat_file_options file;
    int append, keep_partial;
};

struct write_state {
    struct leat_outfile *file;
    struct leat_direct direct;
    bool watched; /* the reader is watched */
    bool unread;  /* the reader was gone at the last check */
};

static const char *path_of(struct leat_stage *s)
{
    const struct leat_strings *o = leat_operands(s);

    return o->n > 0 ? o->v[0] : "-";
}

/* If the reader of a pipe or socket is gone, the stage fails, even if there is nothing to write:
 * the source may never output anything again. */
static void watch_reader(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);
    const struct leat_fd *fd = leat_outfile_fd(st->file);

    if (st->watched || !fd) /* a FIFO that has no reader yet */
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
    else /* another reader has opened the FIFO */
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
                                           .direct = p->file.direct ? &st->direct : NULL,
                                           .waits_full = s->segment && s->segment->part_of &&
                                                         s->segment->part_of->commits,
                                           .renames = leat_part_has_again(s),
                                           .below = s->part_below,
                                           .below_n = s->part_below_n};
    int r;

    if (p->file.direct && leat_direct_init(s, &st->direct) < 0)
        return LEAT_ENOMEM;
    r = leat_outfile_open(s, path_of(s), &options, &st->file);
    if (r == 0)
        watch_reader(s);
    return r;
}

static struct leat_outfile *file_of(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);

    return st->file;
}

static int write_plan(struct leat_stage *s)
{
    return leat_plan_access(s, path_of(s), LEAT_ACCESS_OUTPUT);
}

/* The zeros of a hole that was read need no search. */
static ssize_t write_hole(struct leat_stage *s, const struct leat_in *in)
{
    const struct leat_chunk *chunk = in->engine;
    struct write_state *st = leat_state(s);

    return chunk && chunk->is_zero ? leat_outfile_hole(s, st->file, in->len - in->pos) : 0;
}

static int write_step(struct leat_stage *s, struct leat_in *in, struct leat_out *out)
{
    struct write_state *st = leat_state(s);
    int r;

    (void)out;
    watch_reader(s);
    while (in->pos < in->len) {
        ssize_t n = write_hole(s, in);

        if (n == 0)
            n = leat_outfile_write(s, st->file, in->data + in->pos, in->len - in->pos);

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
    return leat_outfile_prepare(s, file_of(s));
}

static int write_commit(struct leat_stage *s)
{
    return leat_outfile_commit(s, file_of(s));
}

static void write_revert(struct leat_stage *s)
{
    leat_outfile_revert(file_of(s));
}

static void write_close(struct leat_stage *s)
{
    struct write_state *st = leat_state(s);

    leat_outfile_close(st->file);
    leat_outfile_free(st->file);
    st->file = NULL;
    leat_direct_done(s, &st->direct);
}

/* --- for the engine --------------------------------------------------------------------------- */

static const char *write_output(const struct leat_node *node)
{
    const struct leat_strings *o = &node->operands;

    return o->n > 0 && strcmp(o->v[0], "-") != 0 ? o->v[0] : NULL;
}

static bool write_appends(const struct leat_node *node)
{
    const struct write_params *p = node->params;

    return p->append != 0;
}

static bool write_plain_fd(const struct leat_node *node)
{
    const struct write_params *p = node->params;

    return !p->file.sparse && !p->file.drop_cache && !p->file.direct;
}

static struct leat_fd *write_fd(struct leat_stage *s, uint64_t *ret_left)
{
    *ret_left = UINT64_MAX;
    return leat_outfile_fd(file_of(s));
}

static void write_moved(struct leat_stage *s, uint64_t n)
{
    leat_outfile_wrote(file_of(s), n);
}

static const char *write_instead(const struct leat_strings *words)
{
    for (size_t i = 0; i < words->n; i++) {
        if (strncasecmp(words->v[i], "http://", 7) == 0 ||
            strncasecmp(words->v[i], "https://", 8) == 0 ||
            strncasecmp(words->v[i], "sftp://", 7) == 0)
            return "put";
        if (strncasecmp(words->v[i], "s3://", 5) == 0)
            return "s3-put";
        if (strncasecmp(words->v[i], "azblob://", 9) == 0)
            return "azblob-put";
        if (leat_url_is_socket(words->v[i]))
            return "connect";
    }
    return NULL;
}

static bool write_proof(struct leat_stage *s, struct leat_checkpoint_proof *ret_proof)
{
    return leat_outfile_proof(file_of(s), ret_proof);
}

static const struct leat_engine_ops write_ops = {
    .is_default = true,
    .instead = write_instead,
    .output = write_output,
    .proof = write_proof,
    .appends = write_appends,
    .plain_fd = write_plain_fd,
    .fd = write_fd,
    .moved = write_moved,
};

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
        "Writes to a temporary file in the directory of FILE (without a name, if the file "
        "system can do that), syncs it, and gives it the name FILE when every stage of the "
        "pipeline has ended without an error. On any failure or signal the temporary file is "
        "removed, and an existing FILE stays as it was, or a warning says where it is.\n\n"
        "`write URL`, with http://, https:// or sftp://, is `put URL`, with s3:// it is `s3-put URL`, with "
        "azblob:// `azblob-put URL`, and with tcp://, tls:// or unix: it is `connect URL`.\n\n"
        "An existing FILE is only replaced with --force. If FILE is a symbolic link, its target "
        "is replaced. The new file gets the mode, the access control list and the user.* "
        "attributes of the old one, and its owner and group if that is allowed. With another "
        "owner or group it loses set-user-ID or set-group-ID, and another group gets no more "
        "than both the old group and all others had. Only a regular file is replaced: a "
        "directory that takes the name meanwhile is an error.\n\n"
        "A directory without read permission cannot be synced: a new FILE in it is refused "
        "before the run, unless --no-sync is given.\n\n"
        "If the suffix of FILE belongs to another format than that of the codec before it, as "
        "in `gzip : write x.zst`, the file is written, and there is a warning; leat -q silences "
        "it.\n\n"
        "With --keep-partial the data written before a failure stays as FILE.partial. An "
        "existing file of that name is refused before the run, or replaced with --force.\n\n"
        "A FIFO, a device or a socket, /dev/stdout, and - or no FILE (standard output) are "
        "written directly; there is nothing to commit. /dev/fd/N is a descriptor that leat was "
        "started with. If the reader of a pipe or socket closes it, that is a failure within a "
        "second, even if there is nothing to write.\n\n"
        "--append writes to FILE itself. After kill -9 a part of the appended data can stay in "
        "it; the same holds after a failure, with a warning, if others have written to FILE "
        "after it, or if another leat has it open to append. If another process removes or "
        "replaces FILE meanwhile, the run fails; if FILE only gets another name, as in a "
        "rotation of logs, there is a warning. Several outputs may append to one file. A file "
        "that is replaced, or that is standard output too, can have only one output.\n\n"
        "With --sparse whole blocks of zeros become holes, which use no disk space; readers "
        "still see zeros. With --append they are written first, so the disk needs space for some of them. With --drop-cache the data is written to the disk early and dropped "
        "from the page cache, so that a backup does not displace the data of others. Both have "
        "no effect on a pipe or a device.\n\n"
        "With --direct the data goes to the disk past the page cache, in aligned blocks. Only "
        "the unaligned rest at the end, and with --append at the start, is written as usual. "
        "This also works for block devices, and with --sparse and --append; it has no effect on "
        "a pipe or a terminal. It is an error if the file system has no direct I/O, or if "
        "standard output is a file: give its name.",
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
    .engine = &write_ops,
};
