/* reduce.c - one file from the outputs of all shards, in the order of the inputs: their content, their merged lines, their digests
 * or a list. It appears when it is complete.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "join.h"

#define READ_AT_ONCE 60000u /* a pipeline has at most 65536 words */
#define MERGED_AT_ONCE 64u  /* each is a branch with memory and a descriptor */

static const char *const hows[] = {"concat", "merge", "sums", "manifest"};
enum how { HOW_CONCAT, HOW_MERGE, HOW_SUMS, HOW_MANIFEST, HOWS };

/* The file after HOW: */
static const char *split(const char *value, enum how *ret)
{
    for (int i = 0; i < HOWS; i++) {
        size_t n = strlen(hows[i]);

        *ret = (enum how)i;
        if (strncmp(value, hows[i], n) == 0 && value[n] == ':' && value[n + 1])
            return value + n + 1;
    }
    return NULL;
}

int reduce_check(const struct config *c, const char *value)
{
    enum how how;

    if (split(value, &how))
        return 0;
    return message_fail(c, LEAT_EUSAGE,
                        "each: option --reduce: '%s' is not concat:FILE, merge:FILE, sums:FILE or "
                        "manifest:FILE",
                        value);
}

static int no_memory(const struct config *c)
{
    return message_fail(c, LEAT_ENOMEM, "out of memory");
}

/* --- pipelines -------------------------------------------------------------------------------- */

struct words {
    char **v;
    size_t n, room;
    bool failed;
};

static void add_word(struct words *w, const char *word)
{
    if (w->n + 1 >= w->room) {
        size_t room = 2 * w->room + 64;
        char **more = realloc(w->v, room * sizeof *more);

        w->failed = w->failed || !more;
        if (!more)
            return;
        w->v = more;
        w->room = room;
    }
    w->v[w->n] = strdup(word);
    w->failed = w->failed || !w->v[w->n];
    w->n += !w->failed;
}

/* A name that would be a joiner or a bracket, such as a file called `:`, gets its directory. */
static void add_name(struct words *w, const char *name)
{
    char dotted[8];

    if (strlen(name) == 1 && strchr(":|[]", *name)) {
        (void)snprintf(dotted, sizeof dotted, "./%s", name);
        name = dotted;
    }
    add_word(w, name);
}

static void words_free(struct words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->v[i]);
    free(w->v);
}

/* `… : write FILE`, or `write --append`, run. `last`: nothing comes after it, so the process may be confined. */
static int run_words(const struct config *c, struct words *w, const char *file, bool append,
                     bool last)
{
    struct config own = *c;
    struct job job;
    int status;

    add_word(w, ":");
    add_word(w, "write");
    if (append)
        add_word(w, "--append");
    add_word(w, "--");
    add_name(w, file);
    if (w->failed || w->n > INT32_MAX)
        return no_memory(c);
    if (!last)
        own.sandbox = SANDBOX_OFF;
    status = job_open(&job, &own, (int)w->n, w->v);
    if (status == 0)
        status = run_job(&own, &job);
    job_close(&job);
    return status;
}

static int read_some(const struct config *c, const struct words *names, size_t from, size_t n,
                     const char *file, bool whole)
{
    struct words w = {.n = 0};
    int status;

    add_word(&w, "read");
    add_word(&w, "--");
    for (size_t i = 0; i < n; i++)
        add_name(&w, names->v[from + i]);
    status = run_words(c, &w, file, !whole, whole);
    words_free(&w);
    return status;
}

/* Too many for one pipeline: in pieces to a file with a temporary name. */
static int concat_pieces(const struct config *c, const struct words *names, const char *file)
{
    char attempt[ATTEMPT_MAX], shown[SHOWN_MAX];
    struct draft draft;
    int status = 0, error;

    attempt_name(attempt);
    draft_open(&draft, file, attempt);
    for (size_t i = 0; i < names->n && status == 0 && draft.error == 0; i += READ_AT_ONCE) {
        size_t n = names->n - i < READ_AT_ONCE ? names->n - i : READ_AT_ONCE;

        status = read_some(c, names, i, n, draft.temporary, false);
    }
    if (status != 0) {
        draft_drop(&draft);
        return status;
    }
    error = draft_commit(&draft, file, c->settings.force);
    return error ? message_fail(c, error == EEXIST ? LEAT_EEXIST : LEAT_EIO, "each: %s: %s",
                                leat_show(file, shown, sizeof shown), strerror(error))
                 : 0;
}

static struct words names_of(const struct joined *j)
{
    struct words names = {.n = 0};

    for (size_t i = 0; i < j->inputs.n; i++)
        for (const struct recorded_output *out = j->outputs[i]; out; out = out->next)
            add_word(&names, out->path);
    return names;
}

static int concat(const struct config *c, const struct joined *j, const char *file)
{
    struct words names = names_of(j);
    int status;

    if (names.failed)
        status = no_memory(c);
    else if (names.n <= READ_AT_ONCE)
        status = read_some(c, &names, 0, names.n, file, true);
    else
        status = concat_pieces(c, &names, file);
    words_free(&names);
    return status;
}

static bool is_compressed(const char *name)
{
    static const char *const suffixes[] = {".gz", ".zst", ".xz", ".bz2", ".lz4", ".lz", ".bgz"};
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t len = strlen(suffixes[i]);

        if (n > len && strcmp(name + n - len, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static int merge_some(const struct config *c, char *const *names, size_t n, const char *file,
                      bool last)
{
    struct words w = {.n = 0};
    int status;

    add_word(&w, n == 1 ? "concat" : "merge");
    for (size_t i = 0; i < n; i++) {
        add_word(&w, "[");
        add_word(&w, "read");
        add_word(&w, "--");
        add_name(&w, names[i]);
        if (is_compressed(names[i])) {
            add_word(&w, ":");
            add_word(&w, "decode");
        }
        add_word(&w, "]");
    }
    status = run_words(c, &w, file, false, last);
    words_free(&w);
    return status;
}

/* One round: each MERGED_AT_ONCE of the names become one temporary file, which gets their place. */
static int merge_round(const struct config *c, struct words *names, const char *file,
                       const char *attempt, unsigned round)
{
    struct words merged = {.n = 0};
    int status = 0;

    for (size_t i = 0; i < names->n && status == 0; i += MERGED_AT_ONCE) {
        size_t n = names->n - i < MERGED_AT_ONCE ? names->n - i : MERGED_AT_ONCE;
        struct buf name = {.n = 0};

        buf_add(&name, "%s.%s.%u-%zu.tmp", file, attempt, round, i);
        add_word(&merged, buf_text(&name));
        status = name.failed || merged.failed
                     ? no_memory(c)
                     : merge_some(c, names->v + i, n, buf_text(&name), false);
        buf_free(&name);
    }
    for (size_t i = 0; i < names->n && round > 0; i++)
        (void)unlink(names->v[i]); /* a temporary file that stays is only space */
    words_free(names);
    *names = merged;
    return status;
}

static int merge(const struct config *c, const struct joined *j, const char *file)
{
    char attempt[ATTEMPT_MAX];
    struct words names = names_of(j);
    unsigned round = 0;
    int status = 0;

    attempt_name(attempt);
    if (names.failed)
        status = no_memory(c);
    else if (!c->settings.force && access(file, F_OK) == 0) /* before the rounds */
        status = message_fail(c, LEAT_EEXIST, "each: %s exists; give --force to replace it", file);
    for (; status == 0 && names.n > MERGED_AT_ONCE; round++)
        status = merge_round(c, &names, file, attempt, round);
    if (status == 0 && names.n > 0)
        status = merge_some(c, names.v, names.n, file, round == 0);
    for (size_t i = 0; i < names.n && round > 0; i++)
        (void)unlink(names.v[i]); /* as above */
    words_free(&names);
    return status;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* A line of sha256sum: a name with a newline or a backslash is escaped, and the line begins with a backslash. */
static void add_sum(struct buf *b, const struct recorded_output *out)
{
    bool escaped = strpbrk(out->path, "\\\n\r") != NULL;

    buf_add(b, "%s%.64s  ", escaped ? "\\" : "", out->sha256);
    for (const char *p = out->path; *p; p++) {
        if (*p == '\\' || *p == '\n' || *p == '\r')
            buf_add(b, "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : '\\');
        else
            buf_bytes(b, p, 1);
    }
    buf_bytes(b, "\n", 1);
}

static void add_line(struct buf *b, const struct input *input, const struct recorded_output *out)
{
    buf_add(b, "{\"path\":");
    json_name(b, out->path);
    buf_add(b, ",\"size\":%" PRIu64, out->size);
    if (out->sha256)
        buf_add(b, ",\"sha256\":\"%.64s\"", out->sha256);
    buf_add(b, ",\"input\":");
    json_name(b, input->path);
    if (input->length > 0)
        buf_add(b, ",\"offset\":%" PRIu64 ",\"length\":%" PRIu64, input->offset, input->length);
    buf_add(b, ",\"shard\":%" PRIu32 "}\n", input->shard);
}

static int list(const struct config *c, const struct joined *j, const char *file, enum how how)
{
    char attempt[ATTEMPT_MAX], shown[SHOWN_MAX];
    struct draft draft;
    int error;

    attempt_name(attempt);
    draft_open(&draft, file, attempt);
    for (size_t i = 0; i < j->inputs.n && draft.error == 0; i++) {
        for (const struct recorded_output *out = j->outputs[i]; out; out = out->next) {
            if (how == HOW_SUMS && !out->sha256) {
                draft_drop(&draft);
                return message_fail(c, LEAT_EUSAGE,
                                    "each: %s has no digest, as it is no regular file; give "
                                    "--reduce=manifest:FILE",
                                    leat_show(out->path, shown, sizeof shown));
            }
            if (how == HOW_SUMS)
                add_sum(&draft.text, out);
            else
                add_line(&draft.text, &j->inputs.v[i], out);
        }
        draft_flush(&draft);
    }
    error = draft_commit(&draft, file, c->settings.force);
    (void)leat_show(file, shown, sizeof shown);
    if (error == EEXIST)
        return message_fail(c, LEAT_EEXIST, "each: %s exists; give --force to replace it", shown);
    return error ? message_fail(c, LEAT_EIO, "each: %s: %s", shown, strerror(error)) : 0;
}

int reduce(const struct config *c, const struct joined *j, const char *value)
{
    enum how how;
    const char *file = split(value, &how);

    if (how >= HOW_SUMS)
        return list(c, j, file, how);
    if (j->n_outputs == 0)
        return message_fail(c, LEAT_EUSAGE, "each: the shards have no outputs to reduce");
    return how == HOW_CONCAT ? concat(c, j, file) : merge(c, j, file);
}
