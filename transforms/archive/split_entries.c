/* split_entries.c - `split-entries`: each file of an archive becomes a file below a directory, unchanged or
 * through a branch.
 *
 * The engine runs the branch anew for each entry, and commits all files together.
 */

#include <inttypes.h>
#include <string.h>

#include "content.h"
#include "select.h"

extern const struct leat_stage_type leat_stage_split_entries;

struct split_entries_params {
    struct leat_reader_options reader;
    struct leat_select_options select;
    struct leat_file_options file;
};

struct split_entries {
    struct leat_reader *reader;
    struct leat_select select;
    uint64_t others; /* links and special files, which have no content */
    char name[LEAT_RENAME_MAX];
};

static int put_file(struct leat_stage *s, struct leat_blocking *b,
                    const struct leat_reader_entry *e)
{
    struct split_entries *q = leat_state(s);
    struct leat_content content;
    const uint8_t *data;
    size_t n;
    int r = leat_part_begin(s, q->name, strlen(q->name));

    leat_content_begin(&content, q->reader, b, e);
    while (r == 0 && (r = leat_content_next(&content, &data, &n)) == 1)
        r = leat_push(b, data, n);
    if (r == 0)
        leat_part_end(s);
    return r;
}

static int put_entry(struct leat_stage *s, struct leat_blocking *b,
                     const struct leat_reader_entry *e)
{
    struct split_entries *q = leat_state(s);
    int r = leat_select_entry(s, &q->select, e->name, q->name);

    if (r <= 0 || e->kind == LEAT_ENTRY_DIRECTORY)
        return r < 0 ? r : 0;
    if (e->kind == LEAT_ENTRY_FILE)
        return put_file(s, b, e);
    if (e->kind == LEAT_ENTRY_LINK)
        return leat_reader_fail(q->reader, LEAT_EUNSUPPORTED,
                                "is a hard link to %s, and its content cannot be read again; "
                                "--exclude it, or use extract",
                                e->target);
    q->others++;
    return 0;
}

static int split_entries_run(struct leat_stage *s, struct leat_blocking *b)
{
    const struct split_entries_params *p = leat_params(s);
    struct split_entries *q = leat_state(s);
    struct leat_reader_entry entry;
    int r = leat_reader_begin(q->reader, b, &p->reader);

    while (r == 0 && (r = leat_reader_next(q->reader, &entry)) == 1)
        r = put_entry(s, b, &entry);
    if (r == 0)
        r = leat_select_end(s, &q->select);
    if (r == 0 && q->others > 0)
        leat_warning(s, "%" PRIu64 " links and special files of the archive are left out",
                     q->others);
    leat_reader_end(q->reader);
    return r < 0 ? r : LEAT_END;
}

static int split_entries_plan(struct leat_stage *s)
{
    const struct split_entries_params *p = leat_params(s);
    const struct leat_part_options options = {
        .file = p->file, .named = true, .directory = leat_operands(s)->v[0]};
    int r = leat_select_check(s, &p->select);

    if (r < 0)
        return r;
    leat_plan_parts(s, &options);
    return leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
}

static int split_entries_open(struct leat_stage *s)
{
    const struct split_entries_params *p = leat_params(s);
    struct split_entries *q = leat_state(s);
    int r = leat_reader_open(s, &q->reader);

    return r < 0 ? r : leat_select_open(s, &p->select, &q->select);
}

static void split_entries_close(struct leat_stage *s)
{
    struct split_entries *q = leat_state(s);

    leat_select_close(s, &q->select);
    leat_reader_free(s, q->reader);
}

#define AT(field) offsetof(struct split_entries_params, field)
static const struct leat_option split_entries_options[] = {
    LEAT_SELECT_OPTIONS(AT(select)),
    LEAT_READER_OPTIONS(AT(reader)),
    LEAT_FILE_OPTIONS(AT(file)),
    {0},
};

const struct leat_stage_type leat_stage_split_entries = {
    .name = "split-entries",
    .summary = "write each file of an archive to a file, unchanged or through a branch",
    .operands = "DIR",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Writes each file of a tar, zip, cpio, 7z or ar archive to a file of the same name below DIR. "
        "With a branch, each content goes through its stages, which begin anew for each file: "
        "`split-entries --rename='$=.zst' out [ zstd ]`. A compressed archive is decompressed "
        "first.\n\n"
        "All files appear together, when every stage of the pipeline has ended without an error. On "
        "any failure none does. A file that exists is an error unless --force is given. DIR must exist; the "
        "directories below it are made as needed. An absolute name, a name with `..`, two entries "
        "with one name, and a name that leads through a symbolic link are errors.\n\n"
        "Only contents are kept: modes, times and owners are not, directories without a file are not "
        "made, and symbolic links and devices are left out with a warning. A hard link is an error. "
        "`extract` keeps all of them.\n\n"
        "--include and --exclude take the patterns of GNU tar: `*` matches `/`, too, and a pattern "
        "matches from any component on. They, then --strip-components, then --rename apply to "
        "each name.",
    .examples = "read app.tar.gz : split-entries --rename='$=.new' src\n"
                "read app.tar.gz : split-entries --rename='$=.gz' src [ gzip ]",
    .kind = LEAT_SINK,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_PARTS | LEAT_WANTS_DECODED,
    .params_size = sizeof(struct split_entries_params),
    .state_size = sizeof(struct split_entries),
    .options = split_entries_options,
    .branches_max = 1,
    .plan = split_entries_plan,
    .open = split_entries_open,
    .run = split_entries_run,
    .close = split_entries_close,
};
