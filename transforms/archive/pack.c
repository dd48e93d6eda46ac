/* pack.c - `pack`: files and directories to an archive, as a source.
 *
 * The stage has a thread, as reading files may block. In it the walk (walk.h) finds the entries, and a
 * writer (pack_writer.h) makes the archive of them.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pack_attributes.h"
#include "pack_impl.h"

/* --- open ------------------------------------------------------------------------------------- */

static int base_of(const struct leat_pack *p)
{
    return p->base ? p->base - 1 : AT_FDCWD;
}

static int open_lists(struct leat_pack *p)
{
    const struct leat_pack_params *o = p->params;
    const uint8_t *data;
    char end = o->null ? '\0' : '\n';
    size_t n;
    int r = leat_match_add_strings(p->stage, &p->exclude, &o->exclude);

    if (r == 0 && o->exclude_from) {
        r = leat_read_file(p->stage, o->exclude_from, &data, &n);
        if (r == 0)
            r = leat_match_add_lines(p->stage, &p->exclude, data, n, end);
    }
    if (r == 0 && o->files_from) {
        r = leat_read_file(p->stage, o->files_from, &data, &n);
        p->list = r == 0 ? (const char *)data : NULL;
        p->list_end = p->list ? p->list + n : NULL;
    }
    return r;
}

/* A missing operand fails before anything is written. */
static int check_operands(struct leat_pack *p)
{
    const struct leat_strings *paths = leat_operands(p->stage);
    struct stat st;

    for (size_t i = 0; i < paths->n; i++) {
        if (!*paths->v[i])
            return leat_fail(p->stage, LEAT_EUSAGE, "the name of a file is empty");
        if (fstatat(base_of(p), paths->v[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
            return leat_fail_errno(p->stage, errno, "%s", paths->v[i]);
    }
    return 0;
}

static int pack_open(struct leat_stage *s)
{
    struct leat_pack *p = leat_state(s);
    int r;

    p->stage = s;
    p->params = leat_params(s);
    r = leat_pack_options_read(p);
    if (r == 0)
        r = open_lists(p);
    if (r == 0)
        r = leat_rename_new(s, &p->params->rename, &p->rename);
    if (r == 0 && p->rename) {
        p->new_name = leat_alloc(s, LEAT_RENAME_MAX);
        r = p->new_name ? 0 : LEAT_ENOMEM;
    }
    if (r == 0 && p->params->directory) {
        p->base = open(p->params->directory, O_PATH | O_DIRECTORY | O_CLOEXEC) + 1;
        if (!p->base)
            r = leat_fail_errno(s, errno, "%s", p->params->directory);
    }
    if (r == 0)
        r = check_operands(p);
    if (r < 0)
        return r;
    p->buffer = leat_alloc_raw(s, LEAT_PACK_BUFFER + 1);
    return p->buffer ? 0 : LEAT_ENOMEM;
}

/* --- entries ---------------------------------------------------------------------------------- */

static const char *next_root(void *arg, size_t *ret_n)
{
    struct leat_pack *p = arg;
    const struct leat_strings *paths = leat_operands(p->stage);

    if (p->next_operand < paths->n) {
        *ret_n = strlen(paths->v[p->next_operand]);
        return paths->v[p->next_operand++];
    }
    while (p->list && p->list < p->list_end) {
        const char *name = p->list;
        const char *end = memchr(name, p->params->null ? '\0' : '\n', (size_t)(p->list_end - name));

        end = end ? end : p->list_end;
        p->list = end + 1;
        *ret_n = (size_t)(end - name);
        if (*ret_n > 0)
            return name;
    }
    return NULL;
}

static bool is_cancelled(void *arg)
{
    return leat_is_cancelled(((struct leat_pack *)arg)->blocking);
}

static void *collect(void *arg, int fd, mode_t mode, int *ret_r)
{
    struct leat_pack *p = arg;

    (void)mode;
    return leat_attributes_read(p->stage, fd, p->params->xattrs, p->params->acls, ret_r);
}

int leat_pack_unreadable(struct leat_pack *p, const char *path, int error)
{
    const char *reason = strerrordesc_np(error);
    bool ours = error == EMFILE || error == ENFILE || error == ENOMEM;
    char more[80];

    reason = reason ? reason : "unknown error";
    if (ours)
        return leat_fail_errno(p->stage, error, "%s", leat_pack_shown(path));
    if (!p->params->skip_unreadable)
        return leat_fail(p->stage, LEAT_EIO, "%s: %s; --skip-unreadable leaves it out",
                         leat_pack_shown(path), reason);
    snprintf(more, sizeof more, " (%s)", reason);
    leat_pack_note(p, LEAT_NOTE_UNREADABLE, path, more);
    return 0;
}

/* A path that the walk could not read. */
static int missing(struct leat_pack *p, const struct leat_walk_entry *found)
{
    if (found->is_loop)
        return leat_fail(p->stage, LEAT_EIO,
                         "%s: is a link to a directory that contains it; --exclude it",
                         leat_pack_shown(found->path));
    if (found->error == ENOENT && found->is_dangling)
        return leat_pack_unreadable(p, found->path, ENOENT);
    if (found->error != ENOENT)
        return leat_pack_unreadable(p, found->path, found->error);
    if (found->is_root)
        return leat_fail_errno(p->stage, ENOENT, "%s", leat_pack_shown(found->path));
    if (p->on_change == LEAT_ON_CHANGE_FAIL)
        return leat_fail(p->stage, LEAT_EIO,
                         "%s: was removed before it was read; --on-change=warn leaves it out",
                         leat_pack_shown(found->path));
    leat_pack_note(p, LEAT_NOTE_REMOVED, found->path, "");
    return 0;
}

/* Facts of the entry that the format loses without harm to its content. */
static void note_losses(struct leat_pack *p, const struct leat_walk_entry *found,
                        const struct leat_entry *e)
{
    const struct leat_pack_holds *holds = p->writer.holds;

    if (e->mtime_ns % holds->time_unit != 0)
        leat_pack_note(p, LEAT_NOTE_FRACTION, found->path, "");
    if (!holds->owners && e->uid != geteuid() && !p->params->reproducible)
        leat_pack_note(p, LEAT_NOTE_OWNER, found->path, "");
}

/* May the archive have a second name of it? In cpio each name of a symbolic link has the target. */
static bool may_be_link(const struct leat_pack *p, const struct leat_walk_entry *found)
{
    return !S_ISDIR(found->st.st_mode) && found->st.st_nlink > 1 &&
           !(S_ISLNK(found->st.st_mode) && p->writer.format == LEAT_PACK_CPIO);
}

/* The content under the first name is not that of this one any more. Returns 0, or fails the stage. */
static int link_changed(struct leat_pack *p, const char *path)
{
    if (p->on_change == LEAT_ON_CHANGE_FAIL)
        return leat_fail(p->stage, LEAT_EIO,
                         "%s: changed since its first name was read; --on-change=warn stores it "
                         "again",
                         leat_pack_shown(path));
    leat_pack_note(p, LEAT_NOTE_CHANGED, path,
                   " under another name; it is stored again, and not as a hard link");
    return 0;
}

/* Is it a later name of a file that is in the archive? Returns 1, 0, or fails the stage. */
static int set_hard_link(struct leat_pack *p, const struct leat_walk_entry *found,
                         struct leat_entry *e)
{
    bool changed = false;
    const char *first = may_be_link(p, found)
                            ? leat_pack_links_find(&p->links, &found->st, &e->ino, &changed)
                            : NULL;

    if (!first)
        return changed ? link_changed(p, found->path) : 0;
    if (!p->writer.holds->links) { /* its content is stored again */
        leat_pack_note(p, LEAT_NOTE_LINK, found->path, "");
        return 1;
    }
    e->is_hard_link = true;
    e->link = first;
    e->size = 0;
    e->n_xattrs = 0;
    e->acl_access = e->acl_default = NULL;
    return 1;
}

static const char *skip_dots(const char *name)
{
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    return name;
}

/* Do both names stand for the same place? They have no doubled slashes. */
static bool is_same_name(const char *a, const char *b)
{
    a = skip_dots(a);
    b = skip_dots(b);
    while (*a && *a == *b)
        if (*a++ == '/') {
            a = skip_dots(a);
            b = skip_dots(b + 1);
        } else {
            b++;
        }
    return *a == *b;
}

/* The name that the rules of --rename make of the entry's. */
static int set_new_name(struct leat_pack *p, const struct leat_walk_entry *found,
                        struct leat_entry *e)
{
    size_t n = strlen(e->name);
    int r;

    if (!p->rename)
        return 0;
    if (n >= LEAT_RENAME_MAX)
        return leat_fail(p->stage, LEAT_ELIMIT,
                         "%s: is too long for --rename, which takes %u bytes",
                         leat_pack_shown(found->path), LEAT_RENAME_MAX - 1);
    memcpy(p->new_name, e->name, n + 1);
    r = leat_rename_apply(p->stage, p->rename, p->new_name);
    for (n = strlen(p->new_name); n > 1 && p->new_name[n - 1] == '/'; n--)
        p->new_name[n - 1] = '\0';
    if (r == 0 && !*p->new_name)
        return leat_fail(
            p->stage, LEAT_EUSAGE,
            "%s: --rename leaves nothing of its name; --exclude it, or change the rule",
            leat_pack_shown(found->path));
    e->name = p->new_name;
    return r;
}

static int write_entry(struct leat_pack *p, struct leat_walk_entry *found)
{
    struct leat_entry e;
    bool written = true;
    int is_again, r;

    leat_pack_entry_set(p, found, &e);
    is_again = set_hard_link(p, found, &e);
    if (is_again == 0)
        e.ino = ++p->last_ino;
    r = is_again < 0 ? is_again : set_new_name(p, found, &e);
    if (r == 0 && e.is_hard_link && is_same_name(e.name, e.link))
        return 0; /* a path that was named twice: no link to itself */
    if (r == 0)
        r = leat_pack_entry_check(p, found, &e);
    if (r < 0)
        return r;
    if (S_ISREG(e.mode) && !e.is_hard_link) {
        r = leat_pack_file(p, found, &e, &written);
    } else {
        r = leat_pack_header(&p->writer, &e);
        if (r == 0)
            r = leat_pack_finish_entry(&p->writer);
    }
    if (r == 0 && written)
        note_losses(p, found, &e);
    if (r == 0 && written && !is_again && may_be_link(p, found))
        r = leat_pack_links_add(p->stage, &p->links, &found->st, e.name, e.ino);
    leat_position(p->stage, p->bytes, 0);
    return r;
}

static int pack_one(struct leat_pack *p, struct leat_walk_entry *found)
{
    if (found->error != 0)
        return missing(p, found);
    if (found->is_output || S_ISSOCK(found->st.st_mode)) {
        leat_pack_note(p, found->is_output ? LEAT_NOTE_OUTPUT : LEAT_NOTE_SOCKET, found->path, "");
        return 0;
    }
    return write_entry(p, found);
}

/* --- the stage -------------------------------------------------------------------------------- */

static int pack_all(struct leat_pack *p)
{
    struct leat_walk_entry *found;
    int r = leat_walk_next(p->walk, &found);

    while (r == 1) {
        r = pack_one(p, found);
        if (r == 0)
            r = leat_walk_next(p->walk, &found);
    }
    return r;
}

static int pack_run(struct leat_stage *s, struct leat_blocking *blocking)
{
    struct leat_pack *p = leat_state(s);
    const struct leat_pack_params *o = p->params;
    const struct leat_walk_options options = {
        .base = base_of(p),
        .one_file_system = o->one_file_system,
        .no_recursion = o->no_recursion,
        .dereference = o->dereference,
        .sort = o->sort,
        .exclude = &p->exclude,
        .next_root = next_root,
        .is_cancelled = is_cancelled,
        .collect = o->xattrs || o->acls ? collect : NULL,
        .arg = p,
    };
    int r;

    p->blocking = blocking;
    p->walk = leat_walk_new(s, &options);
    if (!p->walk)
        return LEAT_ENOMEM;
    r = leat_pack_writer_init(&p->writer, s, blocking, (enum leat_pack_format)o->format,
                              o->reproducible);
    if (r == 0)
        r = pack_all(p);
    if (r == 0)
        r = leat_pack_end(&p->writer);
    if (r != LEAT_ECANCELLED)
        leat_pack_notes_end(p);
    leat_pack_writer_done(&p->writer); /* in this thread: it has a locale */
    return r < 0 ? r : LEAT_END;
}

static void pack_close(struct leat_stage *s)
{
    struct leat_pack *p = leat_state(s);

    leat_walk_free(p->walk);
    leat_pack_links_free(s, &p->links);
    leat_match_free(s, &p->exclude);
    leat_rename_free(s, p->rename);
    leat_free(s, p->new_name);
    leat_free(s, p->buffer);
    leat_free(s, p->regions);
    (void)(p->base && close(p->base - 1));   /* was only asked */
    (void)(p->spool && close(p->spool - 1)); /* a temporary file */
}

const struct leat_stage_type leat_stage_pack = {
    .name = "pack",
    .aliases = "tar",
    .summary = "output an archive of files and directories",
    .operands = "PATH…",
    .operands_max = SIZE_MAX,
    .manual =
        "Outputs an archive of the files and directories PATH, in the format of tar if --format "
        "does not choose another one. A stage after it compresses: "
        "`pack src : zstd : write src.tar.zst`.\n\n"
        "Names are stored as they are given, without a `/` at the begin and without all up to the "
        "last `..`. A symbolic link is stored as one; with a `/` after its name the directory to "
        "which it leads is packed, and with --dereference every link stands for what it leads to. "
        "Names of one file become hard links. Sockets are left out with a warning, and so are "
        "outputs of the pipeline itself.\n\n"
        "Patterns are those of GNU tar: `*` and `?` match `/`, too, and a pattern matches a whole "
        "path or the part from one of its components on. A directory that matches is left out "
        "with all below it. --rename applies to the names that are stored, for example to put all "
        "in a directory of another name; the targets of hard links follow.\n\n"
        "A file that changes while it is read fails the pipeline. With --on-change=warn it is in "
        "the archive as it was read, with zeros in place of what it lost; warnings name the first "
        "20 of these files and count them, and the exit status stays 0. With --on-change=retry=N "
        "a file is read up to N times more until it did not change; one of more than 128 KiB is "
        "copied to a temporary file in TMPDIR, or /var/tmp, for that.\n\n"
        "--reproducible sorts by the bytes of names, sets owner and group to 0 without names, "
        "sets times later than SOURCE_DATE_EPOCH (1970 if it is not set, or --mtime) to that, sets "
        "modes to 755 for directories and programs and to 644 for other files, and stores holes "
        "as zeros. No time of access or change, no device and no inode is ever stored. In "
        "--format=zip all times become 1980-01-01, because that format has local times.\n\n"
        "--format=pax, a tar archive with extended headers, holds all; sparse files have the form "
        "of GNU tar's version 1.0. The others hold less: ustar has names of at most 256 bytes, "
        "files of 8 GiB, and owners up to 2097151; cpio (newc) has files of 4 GiB; zip and 7z "
        "have no hard links, devices and FIFOs; 7z has no owners; all but pax and 7z have whole "
        "seconds. What is lost without harm is counted in a warning; for the rest the pipeline "
        "fails and names the entry.\n\n"
        "Directories are read whole, about 50 bytes of memory and the name for each entry. A 7z "
        "archive needs 96 MiB, and libarchive makes it in a temporary file in TMPDIR, or /tmp; "
        "--spool bounds the size of the files in it.",
    .examples = "pack src : zstd : write src.tar.zst\n"
                "pack --reproducible --rename='^\\.=src-1.0' -C src . : gzip : write src.tar.gz\n"
                "pack --format=zip --exclude='*.o' src : write src.zip",
    .kind = LEAT_SOURCE,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_NO_STDOUT_TTY,
    .params_size = sizeof(struct leat_pack_params),
    .state_size = sizeof(struct leat_pack),
    .options = leat_pack_options,
    .plan = leat_pack_plan,
    .open = pack_open,
    .run = pack_run,
    .close = pack_close,
};
