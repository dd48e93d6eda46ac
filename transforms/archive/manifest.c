/* manifest.c - `manifest`: digest, size, mode and name of each entry of an archive, or a comparison of
 * them with an earlier list. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "manifest_digest.h"
#include "select.h"

extern const struct leat_stage_type leat_stage_manifest;

#define TEXT_SIZE 256u

struct manifest_params {
    struct leat_reader_options reader;
    struct leat_select_options select;
    const char *check, *umask;
};

struct manifest {
    struct leat_reader *reader;
    struct leat_select select;
    struct leat_evp *evp;
    struct leat_manifest *wanted; /* --check; else NULL */
    unsigned mask;
    uint64_t entries, differences;
    struct leat_line line;
    char name[LEAT_RENAME_MAX], target[LEAT_RENAME_MAX];
};

static int add_content(struct manifest *q, struct leat_blocking *b,
                       const struct leat_reader_entry *e, struct leat_manifest_item *item)
{
    struct leat_content content;
    const uint8_t *data;
    size_t n;
    int r;

    if (e->kind != LEAT_ENTRY_FILE && e->kind != LEAT_ENTRY_LINK)
        return 0;
    leat_content_begin(&content, q->reader, b, e);
    while ((r = leat_content_next(&content, &data, &n)) == 1) {
        r = leat_manifest_add(q->evp, item, data, n);
        if (r < 0)
            return r;
    }
    if (r < 0 || (e->kind == LEAT_ENTRY_LINK && item->size == 0))
        return r;
    return leat_manifest_end(q->evp, item);
}

static void put_difference(struct leat_line *l, const char *name, const char *text)
{
    leat_line_name(l, name);
    leat_line_format(l, ": %s\n", text);
}

static int put_entry(struct leat_stage *s, struct leat_blocking *b,
                     const struct leat_reader_entry *e)
{
    struct manifest *q = leat_state(s);
    struct leat_manifest_item item;
    char text[TEXT_SIZE];
    const char *target = e->target;
    int r = leat_select_entry(s, &q->select, e->name, q->name);

    if (r <= 0)
        return r;
    leat_manifest_tidy(q->name);
    if (e->kind == LEAT_ENTRY_LINK) {
        r = leat_select_name(s, &q->select, e->target, q->target);
        if (r == 0)
            *q->target = '\0';
        leat_manifest_tidy(q->target);
        target = q->target;
    }
    leat_manifest_item(e, q->name, target, &item);
    if (r >= 0)
        r = add_content(q, b, e, &item);
    if (r < 0)
        return r;
    q->entries++;
    if (!q->wanted) {
        leat_manifest_line(&q->line, &item);
    } else if (leat_manifest_differs(q->wanted, &item, q->mask, text, sizeof text)) {
        q->differences++;
        put_difference(&q->line, item.name, text);
    }
    return leat_line_push(&q->line, b);
}

static int put_missing(struct leat_stage *s, struct leat_blocking *b)
{
    struct manifest *q = leat_state(s);
    const struct leat_manifest_item *item;
    size_t at = 0;

    while ((item = leat_manifest_missing(q->wanted, &at)) != NULL) {
        int r;

        q->differences++;
        put_difference(&q->line, item->name, "is missing");
        r = leat_line_push(&q->line, b);
        if (r < 0)
            return r;
    }
    if (q->differences == 0)
        return 0;
    return leat_fail(s, LEAT_ECHECKSUM, "%" PRIu64 " %s from %s; the output lists %s",
                     q->differences, q->differences == 1 ? "entry differs" : "entries differ",
                     ((const struct manifest_params *)leat_params(s))->check,
                     q->differences == 1 ? "it" : "them");
}

static int manifest_run(struct leat_stage *s, struct leat_blocking *b)
{
    const struct manifest_params *p = leat_params(s);
    struct manifest *q = leat_state(s);
    struct leat_reader_entry entry;
    int r = leat_reader_begin(q->reader, b, &p->reader);

    q->line.stage = s;
    if (r == 0 && !q->wanted) {
        leat_line_format(&q->line, LEAT_MANIFEST_HEAD);
        r = leat_line_push(&q->line, b);
    }
    while (r == 0 && (r = leat_reader_next(q->reader, &entry)) == 1)
        r = put_entry(s, b, &entry);
    if (r == 0)
        r = leat_select_end(s, &q->select);
    if (r == 0 && q->wanted)
        r = put_missing(s, b);
    leat_reader_end(q->reader);
    return r < 0 ? r : LEAT_END;
}

/* --- the stage -------------------------------------------------------------------------------- */

/* *ret_mask: LEAT_MANIFEST_ANY_MASK if the option was not given. */
static int read_mask(struct leat_stage *s, unsigned *ret_mask)
{
    const char *text = ((const struct manifest_params *)leat_params(s))->umask;
    char *end;
    unsigned long mask;

    *ret_mask = LEAT_MANIFEST_ANY_MASK;
    if (!text)
        return 0;
    mask = strtoul(text, &end, 8);
    if (*text < '0' || *text > '7' || *end || mask > 0777)
        return leat_fail(s, LEAT_EUSAGE, "--umask: '%s' is not an octal number up to 777", text);
    *ret_mask = (unsigned)mask;
    return 0;
}

static int manifest_plan(struct leat_stage *s)
{
    const struct manifest_params *p = leat_params(s);
    unsigned mask;
    int r = read_mask(s, &mask);

    if (r == 0 && p->umask && !p->check)
        return leat_fail(s, LEAT_EUSAGE, "--umask needs --check");
    if (r == 0 && p->check)
        r = leat_plan_file(s, p->check, LEAT_MANIFEST_MAX);
    if (r == 0)
        r = leat_select_check(s, &p->select);
    return r < 0 ? r : leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
}

static int manifest_open(struct leat_stage *s)
{
    const struct manifest_params *p = leat_params(s);
    struct manifest *q = leat_state(s);
    int r = read_mask(s, &q->mask);

    if (r == 0)
        r = leat_reader_open(s, &q->reader);
    if (r == 0)
        r = leat_select_open(s, &p->select, &q->select);
    if (r == 0)
        r = leat_manifest_digest_new(s, &q->evp);
    return r < 0 || !p->check ? r : leat_manifest_read(s, p->check, &q->wanted);
}

static void manifest_close(struct leat_stage *s)
{
    struct manifest *q = leat_state(s);

    leat_line_free(&q->line);
    leat_manifest_free(s, q->wanted);
    leat_manifest_digest_free(q->evp);
    leat_select_close(s, &q->select);
    leat_reader_free(s, q->reader);
}

#define AT(field) offsetof(struct manifest_params, field)
static const struct leat_option manifest_options[] = {
    {.name = "check",
     .kind = LEAT_OPT_STRING,
     .offset = AT(check),
     .metavar = "FILE",
     .help = "output what differs from this manifest, and fail if anything does"},
    {.name = "umask",
     .kind = LEAT_OPT_STRING,
     .offset = AT(umask),
     .metavar = "MODE",
     .help = "with --check: permissions in MODE (octal) and set-ID bits may be missing"},
    LEAT_SELECT_OPTIONS(AT(select)),
    LEAT_READER_OPTIONS(AT(reader)),
    {0},
};

const struct leat_stage_type leat_stage_manifest = {
    .name = "manifest",
    .summary = "output digest, size, mode and name of each entry of an archive",
    .manual =
        "Outputs a line for each entry of a tar, zip, cpio, 7z or ar archive: the SHA-256 of its "
        "content, its size, type, mode and name, separated by spaces; for a link, a tab, `->` and "
        "the target follow. Digest and size are `-` where there is no content. The type is f (file), d "
        "(directory), l (symbolic link), h (hard link), c, b, p or s. A name is written without `./` "
        "at its begin and `/` at its end, and with escapes as `list` has them. A compressed archive is "
        "decompressed first.\n\n"
        "The manifest of an archive can be made while it is packed, extracted or copied, in one "
        "pass:\n\n"
        "`read app.tar.gz : decode : tee [ manifest : write app.manifest ] : extract app`\n\n"
        "`extract --check=FILE` extracts an archive only if it is what its manifest says, and "
        "`leat check FILE DIR` compares a directory. With --check this stage outputs a line "
        "for each entry that is different, missing, or not in the manifest, and fails with exit status "
        "4 if there is one. Any name of a hard link may be the one with the content. Times and "
        "owners are not compared.\n\n"
        "The sizes of an entry and of holes count as they are when extracted: holes are zeros.",
    .examples = "read app.tar.gz : manifest : write app.manifest\n"
                "pack src : tee [ manifest : write src.manifest ] : zstd : write src.tar.zst",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_WANTS_DECODED,
    .params_size = sizeof(struct manifest_params),
    .state_size = sizeof(struct manifest),
    .options = manifest_options,
    .plan = manifest_plan,
    .open = manifest_open,
    .run = manifest_run,
    .close = manifest_close,
};
