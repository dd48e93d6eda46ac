/* digest_list.c - the list of the digests of all outputs, in the form that sha256sum -c reads. */

#include "digest_list.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/grow.h"
#include "base/invariant.h"
#include "outfile.h"
#include "run/pipeline.h"

/* One output. The lines are in the order of the stages, and of the parts of `split`. */
struct entry {
    const struct leat_stage_info *digest;
    uint64_t part;
    char *line;
    size_t n;
    bool kept; /* the output has ended well */
};

struct leat_digest_list {
    struct leat_pipeline *pipeline;
    struct leat_stage_info info;
    struct leat_stage *stage; /* the stage that fails if the list does */
    struct leat_outfile *file;
    char *path; /* NULL: there is no file */
    /* Under the pipeline's lock until all segments have ended. */
    struct entry *entries;
    size_t n, room;
    bool sorted;
    char *text;
};

/* Not in the tree, but errors need a name, and outfile.c needs a stage. */
static const struct leat_stage_type sums_type = {.name = "--sums", .kind = LEAT_SINK};
static const struct leat_node sums_node = {.type = &sums_type};

struct leat_digest_list *leat_digest_list_new(struct leat_pipeline *p, const char *path)
{
    struct leat_digest_list *sums = calloc(1, sizeof *sums);

    if (!sums)
        return NULL;
    sums->pipeline = p;
    sums->info.node = &sums_node;
    sums->info.type = &sums_type;
    sums->info.name = sums_type.name;
    sums->path = path ? strdup(path) : NULL;
    sums->stage = leat_stage_new(p, &sums->info);
    if ((path && !sums->path) || !sums->stage) {
        leat_digest_list_free(sums);
        return NULL;
    }
    return sums;
}

void leat_digest_list_free(struct leat_digest_list *sums)
{
    if (!sums)
        return;
    for (size_t i = 0; i < sums->n; i++)
        free(sums->entries[i].line);
    free(sums->entries);
    free(sums->text);
    free(sums->path);
    leat_outfile_free(sums->file);
    leat_stage_free(sums->stage);
    free(sums);
}

const struct leat_error *leat_digest_list_error(const struct leat_digest_list *sums)
{
    return &sums->stage->failure;
}

const char *leat_digest_list_path(const struct leat_digest_list *sums)
{
    return sums ? sums->path : NULL;
}

const char *leat_digest_list_text(const struct leat_digest_list *sums)
{
    return sums && sums->text ? sums->text : "";
}

int leat_digest_list_open(struct leat_digest_list *sums)
{
    struct leat_outfile_options options = {.side = true};

    return sums && sums->path ? leat_outfile_open(sums->stage, sums->path, &options, &sums->file)
                              : 0;
}

/* Under the lock. */
static int append(struct leat_digest_list *sums, const struct entry *entry)
{
    struct entry *more = leat_grow(sums->entries, sums->n, &sums->room, sizeof *more);

    if (!more)
        return LEAT_ENOMEM;
    sums->entries = more;
    sums->entries[sums->n++] = *entry;
    return 0;
}

int leat_digest_list_add(struct leat_stage *digest, const void *line, size_t n)
{
    struct leat_pipeline *p = digest->pipeline;
    struct entry entry = {.digest = digest->info, .part = digest->part, .line = malloc(n), .n = n};
    int r = LEAT_ENOMEM;

    if (entry.line) {
        memcpy(entry.line, line, n);
        pthread_mutex_lock(&p->lock);
        r = append(p->outputs.digests, &entry);
        pthread_mutex_unlock(&p->lock);
    }
    if (r == 0)
        return 0;
    free(entry.line);
    return leat_fail(digest, r, "out of memory");
}

static bool has_side_option(const struct leat_stage_type *type)
{
    for (const struct leat_option *o = type->options; o && (o->name || o->short_name); o++)
        if (o->kind == LEAT_OPT_SIDE)
            return true;
    return false;
}

int leat_side(struct leat_stage *s, const void *data, size_t n)
{
    struct leat_side_output *side = &s->info->side;
    uint8_t *more;

    if (s->info->sums.is_digest)
        return leat_digest_list_add(s, data, n);
    if (!has_side_option(s->type))
        return leat_fail(s, LEAT_EINTERNAL,
                         "has a side output, but none of its options names a file");
    if (n > LEAT_SIDE_MAX - side->n)
        return leat_fail(s, LEAT_ELIMIT, "more than %zu bytes of side output", LEAT_SIDE_MAX);
    more = realloc(side->data, side->n + n + 1);
    if (!more)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    side->data = more;
    memcpy(side->data + side->n, data, n);
    side->n += n;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->digest != y->digest)
        return x->digest < y->digest ? -1 : 1;
    return x->part < y->part ? -1 : x->part > y->part;
}

/* Does the name belong to something that is not a file, which could not be checked later? */
static bool is_no_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

void leat_digest_list_keep(struct leat_digest_list *sums, const struct leat_stage *sink)
{
    struct entry key = {.digest = sink->info->sums.digest, .part = sink->part}, *found;

    if (!sums || !key.digest || sums->n == 0)
        return;
    if (!sums->sorted)
        qsort(sums->entries, sums->n, sizeof *sums->entries, by_place);
    sums->sorted = true;
    found = bsearch(&key, sums->entries, sums->n, sizeof *sums->entries, by_place);
    if (found && !is_no_file(leat_operands(sink)->v[0]))
        found->kept = true;
}

int leat_digest_list_prepare(struct leat_digest_list *sums)
{
    size_t n = 0, at = 0;

    if (!sums)
        return 0;
    for (size_t i = 0; i < sums->n; i++)
        n += sums->entries[i].kept ? sums->entries[i].n : 0;
    sums->text = malloc(n + 1);
    if (!sums->text)
        return leat_fail(sums->stage, LEAT_ENOMEM, "out of memory");
    for (size_t i = 0; i < sums->n; i++) {
        if (!sums->entries[i].kept)
            continue;
        memcpy(sums->text + at, sums->entries[i].line, sums->entries[i].n);
        at += sums->entries[i].n;
    }
    leat_assert(at == n);
    sums->text[n] = '\0';
    return sums->path ? leat_outfile_finish(sums->stage, sums->file, sums->text, n) : 0;
}

int leat_digest_list_commit(struct leat_digest_list *sums)
{
    return sums && sums->path ? leat_outfile_commit(sums->stage, sums->file) : 0;
}

struct leat_stage *leat_digest_list_late(struct leat_digest_list *sums,
                                         struct leat_outfile **ret_file)
{
    if (!sums || !leat_outfile_is_late(sums->file))
        return NULL;
    *ret_file = sums->file;
    return sums->stage;
}

void leat_digest_list_revert(struct leat_digest_list *sums)
{
    if (sums)
        leat_outfile_revert(sums->file);
}

void leat_digest_list_close(struct leat_digest_list *sums)
{
    if (sums)
        leat_outfile_close(sums->file);
}
