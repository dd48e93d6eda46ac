/* pack_options.c - the options of `pack`: the table, and what they say together. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pack_impl.h"

#define LIST_MAX ((size_t)64 << 20)    /* --files-from, --exclude-from */
#define MEMORY_7Z ((uint64_t)96 << 20) /* its encoder: see la_write.c */
#define RETRIES_MAX 1000u

static bool parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && !*end && *ret <= max;
}

static int parse_on_change(struct leat_stage *s, const char *text, enum leat_on_change *ret,
                           unsigned *ret_retries)
{
    uint64_t n = 0;

    if (strcmp(text, "fail") == 0) {
        *ret = LEAT_ON_CHANGE_FAIL;
    } else if (strcmp(text, "warn") == 0) {
        *ret = LEAT_ON_CHANGE_WARN;
    } else if (strncmp(text, "retry=", 6) == 0 && parse_number(text + 6, RETRIES_MAX, &n) &&
               n > 0) {
        *ret = LEAT_ON_CHANGE_RETRY;
    } else {
        return leat_fail(s, LEAT_EUSAGE, "--on-change=%s: give fail, warn, or retry=N, N up to %u",
                         text, RETRIES_MAX);
    }
    *ret_retries = (unsigned)n;
    return 0;
}

/* Joins --mtime, --clamp-mtime and --reproducible. */
static int parse_mtime(struct leat_stage *s, const struct leat_pack_params *o, bool *ret_has,
                       struct leat_time *ret)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    uint64_t n = 0;

    *ret_has = o->mtime || o->clamp_mtime || o->reproducible;
    if (o->mtime && !leat_time_parse(o->mtime, ret))
        return leat_fail(s, LEAT_EUSAGE,
                         "--mtime=%s: give @SECONDS since 1970, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, "
                         "which is UTC",
                         o->mtime);
    if (o->mtime || !*ret_has)
        return 0;
    if (epoch && !parse_number(epoch, INT64_MAX / 16, &n))
        return leat_fail(s, LEAT_EUSAGE, "SOURCE_DATE_EPOCH=%s is no number of seconds since 1970",
                         epoch);
    if (!epoch && !o->reproducible)
        return leat_fail(s, LEAT_EUSAGE,
                         "--clamp-mtime needs --mtime=TIME, or SOURCE_DATE_EPOCH in "
                         "the environment");
    *ret = (struct leat_time){.s = (int64_t)n};
    return 0;
}

static int check_conflicts(struct leat_stage *s, const struct leat_pack_params *o)
{
    const struct leat_pack_holds *holds = &leat_pack_holds[o->format];

    if (leat_operands(s)->n == 0 && !o->files_from)
        return leat_fail(s, LEAT_EUSAGE, "give a PATH to pack, or --files-from=FILE");
    if (o->null && !o->files_from && !o->exclude_from)
        return leat_fail(s, LEAT_EUSAGE, "-0 needs --files-from or --exclude-from");
    if (o->reproducible && o->sort != LEAT_WALK_BY_NAME)
        return leat_fail(s, LEAT_EUSAGE, "--reproducible sorts by name: leave out --sort");
    if (o->reproducible && (o->owner || o->group))
        return leat_fail(s, LEAT_EUSAGE,
                         "--reproducible sets owner and group to 0: leave out --owner and --group");
    if ((o->xattrs || o->acls) && !holds->xattrs)
        return leat_fail(s, LEAT_EUSAGE,
                         "--format=%s holds no extended attributes and no ACLs; use --format=pax",
                         holds->name);
    return 0;
}

/* Declare what the stage reads, for a program that confines itself. */
static int plan_access(struct leat_stage *s, const struct leat_pack_params *o)
{
    const struct leat_strings *paths = leat_operands(s);
    const char *temporary = getenv("TMPDIR");
    char path[PATH_MAX];
    int r = 0;

    for (size_t i = 0; i < paths->n && r == 0; i++) {
        int n = snprintf(path, sizeof path, "%s%s%s", o->directory ? o->directory : "",
                         o->directory ? "/" : "", paths->v[i]);
        bool absolute = *paths->v[i] == '/' || n >= (int)sizeof path;

        r = leat_plan_access(s, absolute ? paths->v[i] : path, LEAT_ACCESS_READ);
    }
    if (r == 0 && o->directory)
        r = leat_plan_access(s, o->directory, LEAT_ACCESS_READ);
    if (r == 0 && (o->files_from || o->dereference)) /* they may name anything */
        r = leat_plan_access(s, "/", LEAT_ACCESS_READ);
    if (r == 0 && !o->numeric_owner && !o->reproducible)
        r = leat_plan_access(s, NULL, LEAT_ACCESS_USERS);
    if (r == 0)
        r = leat_plan_access(s, NULL, LEAT_ACCESS_TEMPORARY);
    if (r == 0 && o->format == LEAT_PACK_7Z && !(temporary && *temporary))
        r = leat_plan_access(s, "/tmp", LEAT_ACCESS_TEMPORARY);
    return r;
}

int leat_pack_plan(struct leat_stage *s)
{
    const struct leat_pack_params *o = leat_params(s);
    struct leat_owner owner;
    enum leat_on_change on_change;
    struct leat_time time;
    unsigned retries;
    bool has;
    int r = check_conflicts(s, o);

    if (r == 0)
        r = parse_on_change(s, o->on_change, &on_change, &retries);
    if (r == 0)
        r = parse_mtime(s, o, &has, &time);
    if (r == 0 && o->owner)
        r = leat_owner_parse(s, "--owner", o->owner, false, &owner);
    if (r == 0 && o->group)
        r = leat_owner_parse(s, "--group", o->group, true, &owner);
    if (r == 0)
        r = leat_rename_check(s, &o->rename);
    if (r == 0 && o->exclude_from)
        r = leat_plan_file(s, o->exclude_from, LIST_MAX);
    if (r == 0 && o->files_from)
        r = leat_plan_file(s, o->files_from, LIST_MAX);
    if (r == 0 && o->format == LEAT_PACK_7Z)
        leat_plan_later(s, MEMORY_7Z);
    return r == 0 ? plan_access(s, o) : r;
}

int leat_pack_options_read(struct leat_pack *p)
{
    const struct leat_pack_params *o = p->params;
    int r = parse_on_change(p->stage, o->on_change, &p->on_change, &p->retries);

    if (r == 0)
        r = parse_mtime(p->stage, o, &p->has_mtime, &p->mtime);
    p->clamps = o->clamp_mtime || o->reproducible;
    if (r == 0 && o->owner)
        r = leat_owner_parse(p->stage, "--owner", o->owner, false, &p->owner);
    if (r == 0 && o->group)
        r = leat_owner_parse(p->stage, "--group", o->group, true, &p->group);
    if (o->reproducible)
        p->owner.known = p->group.known = true;
    p->groups.groups = true;
    return r;
}

#define AT(member) offsetof(struct leat_pack_params, member)
#define TEXT(long_name, letter, member, meta, text)                                                \
    {                                                                                              \
        .name = long_name, .short_name = letter, .kind = LEAT_OPT_STRING, .offset = AT(member),    \
        .metavar = meta, .help = text                                                              \
    }
#define FLAG(long_name, letter, member, text)                                                      \
    {                                                                                              \
        .name = long_name, .short_name = letter, .kind = LEAT_OPT_FLAG, .offset = AT(member),      \
        .help = text                                                                               \
    }

const struct leat_option leat_pack_options[] = {
    {.name = "format",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(format),
     .metavar = "FORMAT",
     .choices = LEAT_PACK_FORMATS,
     .help = "the format of the archive"},
    TEXT("directory", 'C', directory, "DIR", "paths are relative to this directory"),
    {.name = "exclude",
     .kind = LEAT_OPT_LIST,
     .offset = AT(exclude),
     .metavar = "PATTERN",
     .help = "leave out what matches the pattern, and all below it"},
    TEXT("exclude-from", 'X', exclude_from, "FILE", "the same for each line of a file"),
    TEXT("files-from", 'T', files_from, "FILE",
         "pack also what the lines of a file name; `-` is standard input"),
    FLAG("null", '0', null, "in these files a NUL ends a name instead of a line end"),
    {.name = "rename",
     .kind = LEAT_OPT_LIST,
     .offset = AT(rename),
     .metavar = "RE=TEXT",
     .help = "replace the first match of RE in each name; & and \\1 stand for the match"},
    FLAG("dereference", 'h', dereference, "pack what symbolic links lead to"),
    FLAG("no-recursion", 0, no_recursion, "do not go into directories"),
    FLAG("one-file-system", 0, one_file_system, "do not go into other file systems"),
    {.name = "sort",
     .kind = LEAT_OPT_ENUM,
     .offset = AT(sort),
     .metavar = "ORDER",
     .choices = "name|none|inode",
     .help = "the order in a directory: by the bytes of the names, as it comes, or by inode"},
    TEXT("owner", 0, owner, "NAME[:UID]", "the owner of all entries; a number, or a name"),
    TEXT("group", 0, group, "NAME[:GID]", "the group of all entries"),
    FLAG("numeric-owner", 0, numeric_owner, "store the numbers of owners without their names"),
    TEXT("mtime", 0, mtime, "TIME",
         "the time of all entries: @SECONDS, or 2026-11-30T12:00:00 in UTC"),
    FLAG("clamp-mtime", 0, clamp_mtime,
         "only of entries with a later time; without --mtime that is SOURCE_DATE_EPOCH"),
    FLAG("reproducible", 0, reproducible, "the same tree gives the same bytes on any machine"),
    {.name = "on-change",
     .kind = LEAT_OPT_STRING,
     .offset = AT(on_change),
     .metavar = "POLICY",
     .text_default = "fail",
     .help = "what to do with a file that changes while it is read: fail, warn, or retry=N"},
    FLAG("skip-unreadable", 0, skip_unreadable,
         "leave out files that cannot be read, with a warning"),
    FLAG("xattrs", 0, xattrs, "store extended attributes"),
    FLAG("acls", 0, acls, "store access control lists"),
    FLAG("no-sparse", 0, no_sparse, "store holes of files as zeros"),
    {.name = "spool",
     .kind = LEAT_OPT_SIZE,
     .offset = AT(spool_size),
     .metavar = "SIZE",
     .min = 1,
     .max = INT64_MAX,
     .initial = (int64_t)16 << 30,
     .help = "most bytes of a temporary file (16G)"},
    {.name = NULL},
};
