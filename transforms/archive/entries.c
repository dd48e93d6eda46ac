/* entries.c - the contents of the entries that match, one after another. */

#include <inttypes.h>
#include <string.h>

#include "content.h"
#include "match.h"

extern const struct leat_stage_type leat_stage_entries;

struct entries_params {
    struct leat_reader_options reader;
    struct leat_strings exclude;
};

struct entries {
    struct leat_reader *reader;
    struct leat_match wanted, exclude;
    uint64_t files, again; /* contents that were output; names of one that was output already */
};

static bool is_wanted(struct entries *q, const char *name)
{
    size_t n = strlen(name);

    return leat_match_any(&q->wanted, name, n) && !leat_match_any(&q->exclude, name, n);
}

/* Another name of a file: the content usually came with the first one. */
static int put_link(struct entries *q, const struct leat_reader_entry *e)
{
    if (!is_wanted(q, e->target))
        return leat_reader_fail(q->reader, LEAT_ENOENT,
                                "is a hard link, and its content is that of %s; ask for that name, "
                                "or --exclude this one",
                                e->target);
    q->again++;
    return 0;
}

static int put_content(struct entries *q, struct leat_blocking *b,
                       const struct leat_reader_entry *e)
{
    struct leat_content content;
    const uint8_t *data;
    bool any = false;
    size_t n;
    int r;

    leat_content_begin(&content, q->reader, b, e);
    while ((r = leat_content_next(&content, &data, &n)) == 1) {
        any = true;
        r = leat_push(b, data, n);
        if (r < 0)
            return r;
    }
    if (r == 0 && !any && e->kind == LEAT_ENTRY_LINK)
        return put_link(q, e);
    q->files++;
    return r;
}

/* Every pattern has to match, and at least one entry must have a content. */
static int check_matches(struct leat_stage *s, struct entries *q)
{
    for (size_t i = 0; i < q->wanted.n; i++)
        if (!q->wanted.v[i].used)
            return leat_fail(s, LEAT_ENOENT, "no entry matches '%s'", q->wanted.v[i].text);
    if (q->files + q->again == 0)
        return leat_fail(s, LEAT_ENOENT, "no entry that matches is a file");
    if (q->again > 0)
        leat_warning(s,
                     "%" PRIu64 " hard links: each content is output once, with the first of "
                     "its names",
                     q->again);
    return 0;
}

static int entries_run(struct leat_stage *s, struct leat_blocking *b)
{
    const struct entries_params *p = leat_params(s);
    struct entries *q = leat_state(s);
    struct leat_reader_entry entry;
    int r = leat_reader_begin(q->reader, b, &p->reader);

    while (r == 0 && (r = leat_reader_next(q->reader, &entry)) == 1) {
        bool has_content = entry.kind == LEAT_ENTRY_FILE || entry.kind == LEAT_ENTRY_LINK;

        r = is_wanted(q, entry.name) && has_content ? put_content(q, b, &entry) : 0;
    }
    if (r == 0)
        r = check_matches(s, q);
    leat_reader_end(q->reader);
    return r < 0 ? r : LEAT_END;
}

static int entries_plan(struct leat_stage *s)
{
    return leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
}

static int entries_open(struct leat_stage *s)
{
    const struct entries_params *p = leat_params(s);
    struct entries *q = leat_state(s);
    int r = leat_reader_open(s, &q->reader);

    if (r == 0)
        r = leat_match_add_strings(s, &q->wanted, leat_operands(s));
    return r < 0 ? r : leat_match_add_strings(s, &q->exclude, &p->exclude);
}

static void entries_close(struct leat_stage *s)
{
    struct entries *q = leat_state(s);

    leat_match_free(s, &q->wanted);
    leat_match_free(s, &q->exclude);
    leat_reader_free(s, q->reader);
}

static const struct leat_option entries_options[] = {
    {.name = "exclude",
     .kind = LEAT_OPT_LIST,
     .offset = offsetof(struct entries_params, exclude),
     .metavar = "PATTERN",
     .help = "no entry whose name matches; may be given several times"},
    LEAT_READER_OPTIONS(offsetof(struct entries_params, reader)),
    {0},
};

const struct leat_stage_type leat_stage_entries = {
    .name = "entries",
    .summary = "output the contents of entries of an archive, one after another",
    .operands = "PATTERN…",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .manual =
        "Outputs the contents of all files in a tar, zip, cpio, 7z or ar archive whose names match "
        "a PATTERN, in the order of the archive, as `tar xO` does. A compressed archive is "
        "decompressed first. Holes become zeros. Directories, symbolic links and devices that match "
        "have no content.\n\n"
        "The patterns are those of GNU tar: `*` matches `/`, too, and a pattern matches a whole name "
        "or the part from one of its components on. A pattern that matches a directory matches "
        "all below it. A pattern that matches no entry is an error.\n\n"
        "The content of a file with several names is output once, with the first of them. It is an "
        "error if only a later one matches.",
    .examples = "read app.tar.gz : entries '*.txt' : count -l\n"
                "read app.tar.gz : entries a.log : grep ERROR",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_WANTS_DECODED,
    .params_size = sizeof(struct entries_params),
    .state_size = sizeof(struct entries),
    .options = entries_options,
    .plan = entries_plan,
    .open = entries_open,
    .run = entries_run,
    .close = entries_close,
};
