/* list.c - the entries of an archive as text: names, lines like those of `tar tv`, or JSON. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "line.h"
#include "select.h"

extern const struct leat_stage_type leat_stage_list;

#define WIDTH_START 19u /* of owner, group and size: that of GNU tar */

struct list_params {
    struct leat_reader_options reader;
    struct leat_select_options select;
    int is_long, json, null, numeric;
};

struct list {
    struct leat_reader *reader;
    struct leat_select select;
    struct leat_line line;
    size_t width; /* of owner, group and size until now */
    char name[LEAT_RENAME_MAX];
};

/* The letters of LEAT_ENTRY_*, without devices. */
static char letter_of(const struct leat_reader_entry *e)
{
    switch (e->kind) {
    case LEAT_ENTRY_DIRECTORY:
        return 'd';
    case LEAT_ENTRY_SYMLINK:
        return 'l';
    case LEAT_ENTRY_LINK:
        return 'h';
    case LEAT_ENTRY_DEVICE:
        return e->is_block ? 'b' : 'c';
    case LEAT_ENTRY_FIFO:
        return 'p';
    case LEAT_ENTRY_SOCKET:
        return 's';
    default:
        return '-';
    }
}

/* --- like tar tv ------------------------------------------------------------------------------ */

static void put_mode(struct leat_line *l, const struct leat_reader_entry *e)
{
    static const char special[3][2] = {{'s', 'S'}, {'s', 'S'}, {'t', 'T'}};
    char text[10] = {letter_of(e)};

    for (unsigned i = 0; i < 9; i++)
        text[1 + i] = e->mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
    for (unsigned i = 0; i < 3; i++)
        if (e->mode >> (11 - i) & 1)
            text[3 * i + 3] = special[i][text[3 * i + 3] != 'x'];
    leat_line_add(l, text, sizeof text);
}

static void put_owner(struct leat_line *l, const char *name, int64_t id, bool numeric)
{
    if (name && *name && !numeric)
        leat_line_name(l, name);
    else
        leat_line_format(l, "%" PRId64, id);
}

/* The local time, to the minute. */
static void put_time(struct leat_line *l, const struct leat_reader_entry *e)
{
    struct tm tm;

    if (e->has_mtime && localtime_r(&e->mtime.tv_sec, &tm))
        leat_line_format(l, "%04lld-%02d-%02d %02d:%02d", tm.tm_year + 1900LL, tm.tm_mon + 1,
                         tm.tm_mday, tm.tm_hour, tm.tm_min);
    else
        leat_line_format(l, "%16s", e->has_mtime ? "?" : "-");
}

static void put_size(struct leat_line *l, const struct leat_reader_entry *e, size_t start,
                     size_t *width)
{
    char text[48];
    size_t used;

    if (e->kind == LEAT_ENTRY_DEVICE)
        snprintf(text, sizeof text, "%u,%u", major(e->device), minor(e->device));
    else if (e->has_size || e->kind != LEAT_ENTRY_FILE)
        snprintf(text, sizeof text, "%" PRIu64, e->size);
    else
        snprintf(text, sizeof text, "?");
    used = l->n - start + 1 + strlen(text);
    if (used > *width)
        *width = used;
    leat_line_format(l, " %*s%s", (int)(*width - used), "", text);
}

static void put_long(struct leat_line *l, const struct leat_reader_entry *e, const char *name,
                     bool numeric, size_t *width)
{
    size_t start;

    put_mode(l, e);
    leat_line_add(l, " ", 1);
    start = l->n;
    put_owner(l, e->user, e->uid, numeric);
    leat_line_add(l, "/", 1);
    put_owner(l, e->group, e->gid, numeric);
    put_size(l, e, start, width);
    leat_line_add(l, " ", 1);
    put_time(l, e);
    leat_line_add(l, " ", 1);
    leat_line_name(l, name);
    if (!e->target)
        return;
    leat_line_format(l, "%s", e->kind == LEAT_ENTRY_LINK ? " link to " : " -> ");
    leat_line_name(l, e->target);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *type_of(const struct leat_reader_entry *e)
{
    static const char *const types[] = {
        [LEAT_ENTRY_FILE] = "file",     [LEAT_ENTRY_DIRECTORY] = "directory",
        [LEAT_ENTRY_SYMLINK] = "link",  [LEAT_ENTRY_LINK] = "hardlink",
        [LEAT_ENTRY_DEVICE] = "device", [LEAT_ENTRY_FIFO] = "fifo",
        [LEAT_ENTRY_SOCKET] = "socket",
    };

    if (e->kind == LEAT_ENTRY_DEVICE)
        return e->is_block ? "block" : "character";
    return types[e->kind];
}

/* Seconds since 1970 as a decimal number. -1 s and 250,000,000 ns after it are -0.75. */
static void put_json_time(struct leat_line *l, struct timespec t)
{
    bool before = t.tv_sec < 0 && t.tv_nsec > 0;
    uint64_t s = t.tv_sec < 0 ? 0 - (uint64_t)t.tv_sec - before : (uint64_t)t.tv_sec;
    long ns = before ? 1000000000L - t.tv_nsec : t.tv_nsec;

    leat_line_format(l, ",\"mtime\":%s%" PRIu64 ".%09ld", t.tv_sec < 0 ? "-" : "", s, ns);
}

static void put_json(struct leat_line *l, const struct leat_reader_entry *e, const char *name)
{
    leat_line_format(l, "{\"type\":\"%s\"", type_of(e));
    leat_line_json(l, "name", name);
    if (e->has_size)
        leat_line_format(l, ",\"size\":%" PRIu64, e->size);
    leat_line_format(l, ",\"mode\":\"%04o\"", e->mode);
    if (e->has_mtime)
        put_json_time(l, e->mtime);
    leat_line_format(l, ",\"uid\":%" PRId64 ",\"gid\":%" PRId64, e->uid, e->gid);
    if (e->user && *e->user)
        leat_line_json(l, "user", e->user);
    if (e->group && *e->group)
        leat_line_json(l, "group", e->group);
    if (e->target)
        leat_line_json(l, "target", e->target);
    if (e->kind == LEAT_ENTRY_DEVICE)
        leat_line_format(l, ",\"major\":%u,\"minor\":%u", major(e->device), minor(e->device));
    leat_line_add(l, "}", 1);
}

/* --- the stage -------------------------------------------------------------------------------- */

static int list_entry(struct leat_stage *s, struct leat_blocking *b,
                      const struct leat_reader_entry *e)
{
    const struct list_params *p = leat_params(s);
    struct list *q = leat_state(s);
    struct leat_line *l = &q->line;
    int r = leat_select_entry(s, &q->select, e->name, q->name);

    if (r <= 0)
        return r;
    if (p->json)
        put_json(l, e, q->name);
    else if (p->is_long)
        put_long(l, e, q->name, p->numeric != 0, &q->width);
    else if (p->null)
        leat_line_add(l, q->name, strlen(q->name));
    else
        leat_line_name(l, q->name);
    leat_line_add(l, p->null ? "" : "\n", 1);
    return leat_line_push(l, b);
}

static int list_run(struct leat_stage *s, struct leat_blocking *b)
{
    const struct list_params *p = leat_params(s);
    struct list *q = leat_state(s);
    struct leat_reader_entry entry;
    int r = leat_reader_begin(q->reader, b, &p->reader);

    q->line.stage = s;
    q->width = WIDTH_START;
    if (p->is_long)
        tzset(); /* localtime_r need not */
    while (r == 0 && (r = leat_reader_next(q->reader, &entry)) == 1)
        r = list_entry(s, b, &entry);
    if (r == 0)
        r = leat_select_end(s, &q->select);
    leat_reader_end(q->reader);
    return r < 0 ? r : LEAT_END;
}

static int list_plan(struct leat_stage *s)
{
    const struct list_params *p = leat_params(s);
    int r;

    if (p->is_long + p->json + p->null > 1)
        return leat_fail(s, LEAT_EUSAGE, "give one of --long, --json and --null");
    r = leat_select_check(s, &p->select);
    return r < 0 ? r : leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
}

static int list_open(struct leat_stage *s)
{
    const struct list_params *p = leat_params(s);
    struct list *q = leat_state(s);
    int r = leat_reader_open(s, &q->reader);

    return r < 0 ? r : leat_select_open(s, &p->select, &q->select);
}

static void list_close(struct leat_stage *s)
{
    struct list *q = leat_state(s);

    leat_line_free(&q->line);
    leat_select_close(s, &q->select);
    leat_reader_free(s, q->reader);
}

#define AT(field) offsetof(struct list_params, field)
static const struct leat_option list_options[] = {
    {.name = "long",
     .short_name = 'l',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(is_long),
     .help = "mode, owner, size, time, name and target of each entry, as `tar tv` does"},
    {.name = "json",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(json),
     .help = "a JSON object a line for each entry"},
    {.name = "null",
     .short_name = '0',
     .kind = LEAT_OPT_FLAG,
     .offset = AT(null),
     .help = "names without escapes, and a NUL byte after each one"},
    {.name = "numeric-owner",
     .kind = LEAT_OPT_FLAG,
     .offset = AT(numeric),
     .help = "with --long: numbers of owners and groups, no names"},
    LEAT_SELECT_OPTIONS(AT(select)),
    LEAT_READER_OPTIONS(AT(reader)),
    {0},
};

const struct leat_stage_type leat_stage_list = {
    .name = "list",
    .summary = "output the names of the entries of an archive, or more about each",
    .manual =
        "Outputs one line for each entry of a tar, zip, cpio, 7z or ar archive, in the order of the "
        "archive: its name, or with --long also its mode, owner, group, size, time (the local one) "
        "and the target of a link, as `tar tv` does. A compressed archive is decompressed first.\n\n"
        "In a name, a control character becomes \\n, \\t, \\r or \\xHH, and so does a byte that is "
        "not UTF-8; `\\` becomes `\\\\`. With --null, names have their own bytes, for "
        "`xargs -0`.\n\n"
        "An object of --json has type (file, directory, link, hardlink, character, block, fifo or "
        "socket), name, size, mode (octal, as text), mtime (seconds since 1970 with nanoseconds), uid, "
        "gid, and, if the archive has them, user, group, target, major and minor. A name "
        "that is not UTF-8 is also there as name_base64.\n\n"
        "The table of contents of zip and 7z is at the end of the archive. If `read FILE` stands "
        "directly before this stage, it is read from the file; otherwise the archive is first "
        "copied to a temporary file in TMPDIR, or /var/tmp, of at most --spool bytes.\n\n"
        "--include and --exclude take the patterns of GNU tar: `*` matches `/`, too, and a pattern "
        "matches from any component on.",
    .examples = "read app.tar.gz : list\n"
                "read app.tar.gz : list --long --include='*.txt'",
    .kind = LEAT_TRANSFORM,
    .nature = LEAT_BLOCKING,
    .flags = LEAT_WANTS_DECODED,
    .params_size = sizeof(struct list_params),
    .state_size = sizeof(struct list),
    .options = list_options,
    .plan = list_plan,
    .open = list_open,
    .run = list_run,
    .close = list_close,
};
