/* extract.c - an archive becomes a directory tree, whole or not at all. */

#include <errno.h>
#include <string.h>

#include "base/invariant.h"
#include "manifest_digest.h"
#include "select.h"
#include "tree.h"

#define RATIO_FREE ((uint64_t)64 << 20) /* bytes that are written before the ratio counts */

enum special { SPECIAL_FAIL, SPECIAL_SKIP, SPECIAL_MAKE };

struct extract_params {
    struct leat_reader_options reader;
    struct leat_select_options select;
    int force, in_place, no_sync, keep_newer, same_owner, same_permissions, sparse, special;
    int xattrs, privileged_xattrs, acls;
    int64_t max_entries, max_depth, max_path, max_ratio;
    const char *check;
    uint64_t max_bytes;
};

struct extract {
    struct leat_reader *reader;
    struct leat_outdir *outdir;
    struct leat_blocking *blocking;
    struct leat_select select;
    struct leat_tree_writer tree;
    uint64_t written;             /* bytes of contents, without holes */
    uint64_t entries;             /* that were extracted */
    struct leat_manifest *wanted; /* --check; else NULL, as digest is */
    struct leat_evp *digest;
    struct leat_manifest_item item; /* --check: of the current entry */
    char name[LEAT_RENAME_MAX], target[LEAT_RENAME_MAX];
};

static const struct extract_params *params_of(const struct leat_stage *s)
{
    return leat_params(s);
}

/* --- names ------------------------------------------------------------------------------------ */

/* Make a name relative and plain, in its buffer. An entry that would lead out of the directory is an
 * error, not a different file. Returns 0, or fails the stage. */
static int clean(struct leat_stage *s, char *name)
{
    const struct extract_params *p = params_of(s);
    struct leat_reader *rd = ((struct extract *)leat_state(s))->reader;
    char *to = name;
    int64_t depth = 0;

    if (*name == '/')
        return leat_reader_fail(
            rd, LEAT_ECORRUPT,
            "an absolute name leads out of the directory; --rename='^/+=' makes "
            "it relative");
    for (const char *from = name; *from;) {
        size_t n = strcspn(from, "/");
        bool counts = n > 0 && !(n == 1 && *from == '.');

        if (n == 2 && from[0] == '.' && from[1] == '.')
            return leat_reader_fail(rd, LEAT_ECORRUPT,
                                    "a name with `..` leads out of the directory; --rename can "
                                    "change it, and --exclude leaves it out");
        if (counts) {
            if (to > name)
                *to++ = '/';
            memmove(to, from, n);
            to += n;
            depth++;
        }
        from += n + (from[n] == '/');
    }
    *to = '\0';
    if (to - name > p->max_path)
        return leat_reader_fail(rd, LEAT_ELIMIT,
                                "its name has %zu bytes, and the limit is %lld; raise --max-path",
                                (size_t)(to - name), (long long)p->max_path);
    if (depth > p->max_depth)
        return leat_reader_fail(rd, LEAT_ELIMIT,
                                "its name has %lld components, and the limit is %lld; raise "
                                "--max-depth",
                                (long long)depth, (long long)p->max_depth);
    return 0;
}

/* --- check ------------------------------------------------------------------------------------ */

/* The names of the item are those of the state, which are made later. */
static void begin_check(struct extract *x, const struct leat_reader_entry *e)
{
    leat_manifest_item(e, x->name, e->kind == LEAT_ENTRY_LINK ? x->target : e->target, &x->item);
}

static int add_to_check(struct extract *x, const void *data, size_t n, uint64_t offset)
{
    int r = leat_manifest_add_zeros(x->digest, &x->item, x->blocking, offset);

    return r < 0 ? r : leat_manifest_add(x->digest, &x->item, data, n);
}

/* Compare the entry with the manifest, before anything gets its name. */
static int end_check(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e)
{
    struct leat_manifest_item *item = &x->item;
    char text[256];
    int r = 0;

    if (e->kind == LEAT_ENTRY_FILE || (e->kind == LEAT_ENTRY_LINK && item->size > 0)) {
        r = leat_manifest_add_zeros(x->digest, item, x->blocking, e->has_size ? e->size : 0);
        if (r == 0)
            r = leat_manifest_end(x->digest, item);
    }
    if (r < 0)
        return r;
    if (!*item->name)
        item->name = ".";
    if (!leat_manifest_differs(x->wanted, item, LEAT_MANIFEST_ANY_MASK, text, sizeof text))
        return 0;
    return leat_reader_fail(x->reader, LEAT_ECHECKSUM, "%s (%s)", text, params_of(s)->check);
}

static int check_missing(struct leat_stage *s, const struct extract *x)
{
    const struct leat_manifest_item *item;
    size_t at = 0;

    item = x->wanted ? leat_manifest_missing(x->wanted, &at) : NULL;
    if (!item)
        return 0;
    return leat_fail(s, LEAT_ECHECKSUM, "%s: is in %s, and not in the archive", item->name,
                     params_of(s)->check);
}

/* --- contents --------------------------------------------------------------------------------- */

static int check_written(struct leat_stage *s, const struct extract *x)
{
    const struct extract_params *p = params_of(s);
    uint64_t source = leat_source_position(s);
    uint64_t consumed =
        source > 0 && !leat_reader_seeks(x->reader) ? source : leat_reader_consumed(x->reader);

    if (p->max_bytes > 0 && x->written > p->max_bytes)
        return leat_reader_fail(x->reader, LEAT_ELIMIT,
                                "more than %llu bytes are extracted; raise --max-bytes",
                                (unsigned long long)p->max_bytes);
    if (p->max_ratio > 0 && x->written > RATIO_FREE &&
        x->written / (uint64_t)p->max_ratio > consumed)
        return leat_reader_fail(x->reader, LEAT_ELIMIT,
                                "the contents are more than %lld times as long as the input until "
                                "here; raise --max-ratio if that is right",
                                (long long)p->max_ratio);
    return 0;
}

/* A piece of an entry's content. */
struct piece {
    const void *data;
    size_t n;
    uint64_t offset;
};

static int next_piece(struct extract *x, struct piece *ret)
{
    int r = leat_reader_data(x->reader, &ret->data, &ret->n, &ret->offset), added;

    if (r != 1 || !x->wanted)
        return r;
    added = add_to_check(x, ret->data, ret->n, ret->offset);
    return added < 0 ? added : 1;
}

/* Make the file, from its first piece on; r: the result of next_piece for it. */
static int copy_data(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e,
                     int r, struct piece *piece)
{
    if (r >= 0) {
        int opened = leat_tree_file_open(&x->tree, x->name, e);

        r = opened < 0 ? opened : r;
    }
    for (; r == 1; r = next_piece(x, piece)) {
        x->written += piece->n;
        r = check_written(s, x);
        if (r == 0)
            r = leat_tree_file_write(&x->tree, piece->data, piece->n, piece->offset);
        if (r < 0)
            break;
    }
    return r < 0 ? r : leat_tree_file_close(&x->tree, e);
}

/* Give a file whose content is in its first piece to the helper; r: the result of next_piece for it. Returns 1; 0: the
 * helper cannot make it now; or fails. */
static int extract_small(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e,
                         int r, const struct piece *first)
{
    size_t n = r == 1 ? first->n : 0;
    struct piece more;
    uint8_t *content;
    int taken = leat_tree_small_begin(&x->tree, x->name, e, n, &content);

    if (taken <= 0)
        return taken;
    if (r == 1) {
        memcpy(content, first->data, n);
        x->written += n;
        r = check_written(s, x);
        if (r == 0)
            r = next_piece(x, &more);
    }
    if (r == 1)
        return leat_reader_fail(x->reader, LEAT_ECORRUPT,
                                "its content is longer than its header says");
    if (r < 0)
        return r;
    leat_tree_small_end(&x->tree);
    return 1;
}

static int extract_file(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e)
{
    struct piece piece = {.n = 0};
    int r = next_piece(x, &piece), taken = 0;

    if (r >= 0 && e->has_size && piece.offset == 0 && piece.n == e->size)
        taken = extract_small(s, x, e, r, &piece);
    return taken != 0 ? (taken < 0 ? taken : 0) : copy_data(s, x, e, r, &piece);
}

/* A hard link has data in cpio archives, and in tar archives of some programs. */
static int extract_link(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e)
{
    struct piece piece;
    int r = leat_select_name(s, &x->select, e->target, x->target);

    if (r == 0)
        return leat_reader_fail(x->reader, LEAT_EUSAGE,
                                "is a hard link to %s, of whose name nothing is left", e->target);
    if (r == 1)
        r = clean(s, x->target);
    if (r < 0)
        return r;
    r = next_piece(x, &piece);
    if (r <= 0)
        return r < 0 ? r : leat_tree_link(&x->tree, x->name, x->target, false);
    r = copy_data(s, x, e, r, &piece);
    return r < 0 ? r : leat_tree_link(&x->tree, x->name, x->target, true);
}

static int extract_special(struct leat_stage *s, struct extract *x,
                           const struct leat_reader_entry *e)
{
    switch (params_of(s)->special) {
    case SPECIAL_MAKE:
        return leat_tree_special(&x->tree, x->name, e);
    case SPECIAL_SKIP:
        return 0;
    default:
        return leat_reader_fail(x->reader, LEAT_EUNSUPPORTED,
                                "is a device, FIFO or socket; --special=skip leaves it out, and "
                                "--special=make makes it");
    }
}

static int extract_directory(struct leat_stage *s, struct extract *x,
                             const struct leat_reader_entry *e)
{
    unsigned mode = e->mode & 0777 & ~x->tree.options.mask;
    int r;

    if (!*x->name && params_of(s)->in_place)
        return 0;
    if (!*x->name) {
        r = leat_tree_shown_mode(&x->tree, e, &mode);
        if (r < 0)
            return r;
        leat_outdir_set_mode(x->outdir, mode);
    }
    return leat_tree_directory(&x->tree, x->name, e);
}

/* --- entries ---------------------------------------------------------------------------------- */

static int check_entries(struct leat_stage *s, struct extract *x)
{
    const struct extract_params *p = params_of(s);

    if (p->max_entries == 0 || x->entries <= (uint64_t)p->max_entries)
        return 0;
    return leat_reader_fail(x->reader, LEAT_ELIMIT,
                            "the archive has more than %lld entries; raise --max-entries",
                            (long long)p->max_entries);
}

static int extract_wanted(struct leat_stage *s, struct extract *x,
                          const struct leat_reader_entry *e)
{
    switch (e->kind) {
    case LEAT_ENTRY_DIRECTORY:
        return extract_directory(s, x, e);
    case LEAT_ENTRY_SYMLINK:
        return leat_tree_symlink(&x->tree, x->name, e);
    case LEAT_ENTRY_LINK:
        return extract_link(s, x, e);
    case LEAT_ENTRY_FILE:
        return extract_file(s, x, e);
    default:
        return extract_special(s, x, e);
    }
}

static int extract_entry(struct leat_stage *s, struct extract *x, const struct leat_reader_entry *e)
{
    int r = leat_select_entry(s, &x->select, e->name, x->name);

    if (r <= 0)
        return r;
    x->entries++;
    r = check_entries(s, x);
    if (r == 0)
        r = clean(s, x->name);
    if (r < 0)
        return r;
    if (!*x->name && e->kind != LEAT_ENTRY_DIRECTORY)
        return leat_reader_fail(x->reader, LEAT_ECORRUPT, "it has no name, and is no directory");
    r = e->kind == LEAT_ENTRY_DIRECTORY ? 0 : leat_tree_is_kept(&x->tree, x->name, e);
    if (r != 0)
        return r < 0 ? r : 0;
    begin_check(x, e);
    r = extract_wanted(s, x, e);
    return r < 0 || !x->wanted ? r : end_check(s, x, e);
}

static int extract_all(struct leat_stage *s, struct extract *x)
{
    struct leat_reader_entry entry;
    int r;

    while ((r = leat_reader_next(x->reader, &entry)) == 1) {
        r = extract_entry(s, x, &entry);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    r = leat_select_end(s, &x->select);
    if (r == 0)
        r = check_missing(s, x);
    return r < 0 ? r : leat_tree_finish(&x->tree);
}

static int extract_run(struct leat_stage *s, struct leat_blocking *b)
{
    const struct extract_params *p = params_of(s);
    struct extract *x = leat_state(s);
    struct leat_tree_options options = {.same_permissions = p->same_permissions != 0,
                                        .same_owner = p->same_owner != 0,
                                        .xattrs = p->xattrs || p->privileged_xattrs,
                                        .privileged = p->privileged_xattrs != 0,
                                        .acls = p->acls != 0,
                                        .sparse = p->sparse != 0,
                                        .keep_newer = p->keep_newer != 0,
                                        .mask = leat_outdir_umask(x->outdir)};
    int r = leat_reader_begin(x->reader, b, &p->reader);

    x->blocking = b;
    leat_tree_begin(&x->tree, s, x->reader, &options, leat_outdir_root(x->outdir),
                    p->in_place ? leat_outdir_unfinished(x->outdir) : -1);
    if (r == 0)
        r = extract_all(s, x);
    if (r < 0)
        r = leat_tree_small_failure(&x->tree, r);
    if (r < 0 && p->in_place && x->entries > 1)
        leat_warning(s, "%llu entries were written before the failure, and stay",
                     (unsigned long long)x->entries - 1);
    leat_tree_end(&x->tree);
    leat_reader_end(x->reader);
    return r < 0 ? r : LEAT_END;
}

/* --- the stage -------------------------------------------------------------------------------- */

static int extract_plan(struct leat_stage *s)
{
    const struct extract_params *p = params_of(s);
    int r;

    if (p->force && p->in_place)
        return leat_fail(s, LEAT_EUSAGE,
                         "--force replaces the directory, and --in-place adds to it; "
                         "give one of them");
    if (p->keep_newer && !p->in_place)
        return leat_fail(s, LEAT_EUSAGE, "--keep-newer needs --in-place");
    if (p->check && p->in_place)
        return leat_fail(s, LEAT_EUSAGE,
                         "--check compares before anything appears, which --in-place does not wait "
                         "for; use `leat check` after it");
    r = leat_select_check(s, &p->select);
    if (r == 0 && p->check)
        r = leat_plan_file(s, p->check, LEAT_MANIFEST_MAX);
    if (r == 0)
        r = leat_plan_access(s, leat_operands(s)->v[0],
                             p->in_place ? LEAT_ACCESS_TREE : LEAT_ACCESS_NEW_TREE);
    if (r == 0 && p->special == SPECIAL_MAKE)
        r = leat_plan_access(s, NULL, LEAT_ACCESS_NODES);
    if (r == 0 && (p->same_owner || p->acls))
        r = leat_plan_access(s, NULL, LEAT_ACCESS_USERS);
    return r < 0 ? r : leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
}

static int extract_open(struct leat_stage *s)
{
    const struct extract_params *p = params_of(s);
    struct extract *x = leat_state(s);
    struct leat_outdir_options options = {
        .force = p->force != 0, .in_place = p->in_place != 0, .no_sync = p->no_sync != 0};
    int r = leat_reader_open(s, &x->reader);

    if (r == 0)
        r = leat_select_open(s, &p->select, &x->select);
    if (r == 0 && p->check)
        r = leat_manifest_read(s, p->check, &x->wanted);
    if (r == 0 && p->check)
        r = leat_manifest_digest_new(s, &x->digest);
    return r < 0 ? r : leat_outdir_open(s, leat_operands(s)->v[0], &options, &x->outdir);
}

static int extract_prepare(struct leat_stage *s)
{
    return leat_outdir_prepare(s, ((struct extract *)leat_state(s))->outdir);
}

static int extract_commit(struct leat_stage *s)
{
    return leat_outdir_commit(s, ((struct extract *)leat_state(s))->outdir);
}

static void extract_revert(struct leat_stage *s)
{
    leat_outdir_revert(((struct extract *)leat_state(s))->outdir);
}

static void extract_close(struct leat_stage *s)
{
    struct extract *x = leat_state(s);

    leat_outdir_close(x->outdir);
    leat_manifest_digest_free(x->digest);
    leat_manifest_free(s, x->wanted);
    leat_select_close(s, &x->select);
    leat_reader_free(s, x->reader);
}

#define AT(field) offsetof(struct extract_params, field)
#define FLAG(field, text_name, letter, text)                                                       \
    {                                                                                              \
        .name = text_name, .short_name = letter, .kind = LEAT_OPT_FLAG, .offset = AT(field),       \
        .help = text                                                                               \
    }
#define LIMIT(field, text_name, most, start, text)                                                 \
    {                                                                                              \
        .name = text_name, .kind = LEAT_OPT_INT, .offset = AT(field), .metavar = "N", .min = 0,    \
        .max = most, .initial = start, .help = text                                                \
    }
static const struct leat_option extract_options[] = {
    FLAG(force, "force", 'f', "replace a directory that is not empty"),
    FLAG(in_place, "in-place", 0, "add to a directory, file by file"),
    FLAG(keep_newer, "keep-newer", 0, "with --in-place: keep files that are not older"),
    LEAT_SELECT_OPTIONS(AT(select)),
    FLAG(same_permissions, "same-permissions", 'p',
         "set modes exactly, with set-user-ID, and do not apply the umask"),
    FLAG(same_owner, "same-owner", 0, "set owners and groups; only root may"),
    FLAG(xattrs, "xattrs", 0, "set user.* attributes"),
    FLAG(privileged_xattrs, "privileged-xattrs", 0,
         "set also trusted.* and security.capability; only root may"),
    FLAG(acls, "acls", 0, "set access control lists, and with them the modes exactly"),
    FLAG(sparse, "sparse", 0, "leave holes where there are blocks of zeros"),
    {.name = "check",
     .kind = LEAT_OPT_STRING,
     .offset = AT(check),
     .metavar = "FILE",
     .help = "fail unless the entries are those of this manifest (stage manifest)"},
    {.name = "special",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(special),
     .metavar = "WHAT",
     .choices = "fail|skip|make",
     .help = "of devices, FIFOs and sockets; fail if not given"},
    LIMIT(max_entries, "max-entries", INT64_MAX, 10000000, "most entries; 0: any; 10000000"),
    {.name = "max-bytes",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(max_bytes),
     .metavar = "SIZE",
     .max = INT64_MAX,
     .help = "most bytes of all files, without holes; 0: any; 0"},
    LIMIT(max_ratio, "max-ratio", INT64_MAX, 250,
          "most bytes of files for a byte of the source, after 64M; 0: any; 250"),
    LIMIT(max_depth, "max-depth", 4096, 256, "most components of a name; 256"),
    LIMIT(max_path, "max-path", 8191, 4095, "most bytes of a name; 4095"),
    FLAG(no_sync, "no-sync", 0, "do not wait until the files are on disk"),
    LEAT_READER_OPTIONS(AT(reader)),
    {0},
};

const struct leat_stage_type leat_stage_extract = {
    .name = "extract",
    .aliases = "untar unzip",
    .summary = "extract an archive into a directory that appears when all has succeeded",
    .operands = "DIR",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Reads tar (ustar, pax, GNU, with sparse files), zip, cpio, 7z and ar archives, and ISO 9660 "
        "images with --format=iso. The entries are written to a temporary directory beside DIR, "
        "which gets the name DIR when every stage of the pipeline has ended without an error. On "
        "any failure or signal it is removed. DIR may exist if it is empty; --force replaces a "
        "directory with files in it; on a file system that cannot exchange two names, such as NFS, DIR is "
        "missing for a moment then.\n\n"
        "--in-place adds to DIR instead: each file is complete before it gets its name, but files "
        "that were written before a failure stay.\n\n"
        "No entry leaves DIR: an absolute name, a name with `..`, and a name that leads through a "
        "symbolic link are errors. A later entry with the name of an earlier one replaces it; a "
        "directory is never replaced by a file, nor a file by a directory. Devices, FIFOs and "
        "sockets are errors unless --special is given. Owners are ignored without --same-owner, "
        "also for root, and set-user-ID and set-group-ID without --same-permissions. Attributes and access "
        "control lists are set with --xattrs, --privileged-xattrs and --acls; with --acls an entry without "
        "a list gets none from the directory above it.\n\n"
        "With --check, the digest, size, mode and name of each entry, after --strip-components and "
        "--rename, are compared with a manifest. If anything differs or is missing, nothing is extracted, "
        "and the exit status is 4.\n\n"
        "A tar archive without its end mark, and damage that tar programs usually only warn of, "
        "are errors; --lenient makes them warnings.\n\n"
        "The table of contents of zip and 7z is at the end of the archive. If `read FILE` stands "
        "directly before this stage, it is read from the file; otherwise the archive is first "
        "copied to a temporary file in TMPDIR, or /var/tmp, of at most --spool bytes.\n\n"
        "--include and --exclude take the patterns of GNU tar: `*` matches `/`, too, and a pattern "
        "matches from any component on. They, then --strip-components, then --rename apply to "
        "each name.",
    .examples = "read app.tar.gz : extract app",
    .kind = LEAT_SINK,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_WANTS_DECODED,
    .params_size = sizeof(struct extract_params),
    .state_size = sizeof(struct extract),
    .options = extract_options,
    .plan = extract_plan,
    .open = extract_open,
    .run = extract_run,
    .close = extract_close,
    .prepare = extract_prepare,
    .commit = extract_commit,
    .revert = extract_revert,
};
