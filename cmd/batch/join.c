/* join.c - leat each --join: are all shards of the plan done, and are their outputs there? */

#include "join.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LISTED_MAX 20u /* failures, and ranges of missing shards */

static int no_memory(const struct config *c)
{
    return message_fail(c, LEAT_ENOMEM, "out of memory");
}

/* An output that is no regular file, such as a directory, has no size in its record. */
static bool look(void *user, const struct recorded_output *out)
{
    struct stat info;

    (void)user;
    return stat(out->path, &info) == 0 &&
           (!S_ISREG(info.st_mode) || (uint64_t)info.st_size == out->size);
}

static int read_records(const struct config *c, struct joined *j, const struct plan *plan,
                        const char *directory)
{
    int r = joined_read(j, plan, directory, look, NULL), error = j->error;
    char shown[SHOWN_MAX], *path = record_path(directory, j->shard, ".json");

    (void)leat_show(path ? path : directory, shown, sizeof shown);
    free(path);
    switch (r) {
    case 0:
        return 0;
    case LEAT_EEXIST:
        return message_fail(c, r, "each: the record %s is of another plan; remove it", shown);
    case LEAT_ECHECKSUM:
        return message_fail(
            c, LEAT_ECORRUPT,
            "each: the record %s does not have each input of its shard once; remove it and "
            "run the shard again",
            shown);
    case LEAT_EIO:
        return message_fail(c, r, "each: %s: %s", shown, strerror(error));
    default:
        return no_memory(c);
    }
}

/* --- what is missing -------------------------------------------------------------------------- */

/* "3, 7-9, …" */
static void add_ranges(struct buf *b, const uint32_t *shards, size_t n)
{
    size_t listed = 0;

    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && shards[k] == shards[k - 1] + 1;)
            k++;
        if (listed++ == LISTED_MAX) {
            buf_add(b, " and %zu more", n - i);
            return;
        }
        buf_add(b, "%s%" PRIu32, i > 0 ? ", " : "", shards[i]);
        if (k > i + 1)
            buf_add(b, "-%" PRIu32, shards[k - 1]);
    }
}

/* The failures of an attempt of a shard. Returns how many were added. */
static size_t add_failures(struct buf *b, const char *path, uint32_t shard, size_t max)
{
    struct document d;
    bool first = true;
    size_t n = 0;

    if (document_open(&d, path) == 0)
        while (document_key(&d, "failed", &first))
            json_skip(&d.json);
    while (n < max && document_next(&d)) {
        bool first_member = true;

        buf_add(b, "  shard %" PRIu32 ": ", shard);
        for (bool more = json_open(&d.json, '{'); more && json_more(&d.json, '}', &first_member);) {
            const char *key = json_key(&d.json);

            if (strcmp(key, "path") == 0) {
                buf_shown(b, json_text(&d.json));
            } else if (strcmp(key, "text") == 0) {
                buf_add(b, ": ");
                buf_shown(b, json_text(&d.json));
            } else {
                json_skip(&d.json);
            }
        }
        buf_add(b, "\n");
        n++;
    }
    document_close(
        &d); /* a report that cannot be read tells nothing; the shard is missing anyway */
    return n;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The failures that attempts of missing shards have recorded. */
static void list_failures(struct buf *b, const struct joined *j, const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    size_t listed = 0;

    while (dir && listed < LISTED_MAX && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name);
        char *path, *end;
        unsigned long number;
        uint32_t shard;

        if (strncmp(entry->d_name, "shard-", 6) != 0 || n < 12 ||
            strcmp(entry->d_name + n - 12, ".failed.json") != 0)
            continue;
        number = strtoul(entry->d_name + 6, &end, 10);
        shard = (uint32_t)number;
        if (*end != '.' || number > UINT32_MAX ||
            !bsearch(&shard, j->missing, j->n_missing, sizeof shard, by_number) ||
            asprintf(&path, "%s/%s", directory, entry->d_name) < 0)
            continue;
        listed += add_failures(b, path, shard, LISTED_MAX - listed);
        free(path);
    }
    if (dir)
        (void)closedir(dir); /* it was only read */
}

static void add_missing_json(struct buf *b, const struct joined *j)
{
    for (size_t i = 0; i < j->n_missing; i++)
        buf_add(b, "%s%" PRIu32, i > 0 ? "," : "", j->missing[i]);
}

/* The words that run a missing shard, one line each. */
static int print_commands(const struct config *c, const struct joined *j, const char *plan)
{
    struct buf text = {.n = 0};
    int status;

    for (size_t i = 0; i < j->n_missing; i++) {
        buf_add(&text, "leat each --plan=");
        if (strspn(plan,
                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+:@%=,") ==
            strlen(plan)) {
            buf_add(&text, "%s", plan);
        } else {
            buf_add(&text, "'");
            for (const char *p = plan; *p; p++)
                buf_add(&text, *p == '\'' ? "'\\''" : "%c", *p);
            buf_add(&text, "'");
        }
        buf_add(&text, " --shard=%" PRIu32 "\n", j->missing[i]);
    }
    status = text.failed ? no_memory(c) : out_write(&text);
    buf_free(&text);
    return status;
}

static void tell(const struct config *c, const struct joined *j, const struct plan *plan,
                 const struct each_options *o, const char *directory)
{
    struct buf text = {.n = 0};
    char shown[SHOWN_MAX];

    if (c->json) {
        buf_add(&text,
                "{\"type\":\"join\",\"shards\":%" PRIu32
                ",\"inputs\":%zu,\"outputs\":%zu,\"bytes_out\":%" PRIu64 ",\"missing\":[",
                plan->shards, j->inputs.n, j->n_outputs, j->bytes);
        add_missing_json(&text, j);
        buf_add(&text, "]}\n");
    } else if (j->n_missing > 0) {
        (void)leat_show(o->join, shown, sizeof shown);
        buf_add(&text, "leat: %zu of %" PRIu32 " shards are missing: ", j->n_missing, plan->shards);
        add_ranges(&text, j->missing, j->n_missing);
        buf_add(&text, "\n");
        list_failures(&text, j, directory);
        if (!o->resubmit)
            buf_add(&text, "leat: run them with: leat each --plan=%s --shard=I\n", shown);
    } else if (!c->quiet) {
        buf_add(&text, "leat: all %" PRIu32 " shards are done: %zu inputs, %zu outputs (%s)\n",
                plan->shards, j->inputs.n, j->n_outputs, human_bytes(j->bytes).text);
    }
    (void)message_write(STDERR_FILENO, &text); /* a lost note is no error */
    buf_free(&text);
}

/* --- --verify --------------------------------------------------------------------------------- */

/* Read all outputs, as a batch of its own: each must have its digest. */
static int verify(const struct config *c, const struct joined *j)
{
    struct config own = *c;
    char *words[] = {(char[]){"null"}};
    struct each_options options = {.words = words, .n_words = 1};
    struct batch b = {.config = &own, .options = &options};
    int status = 0;

    own.sandbox = SANDBOX_OFF; /* the reduction comes after it */
    own.settings.force = false;
    own.quiet = true;
    for (size_t i = 0; i < j->inputs.n && status == 0; i++) {
        for (const struct recorded_output *out = j->outputs[i]; out && status == 0;
             out = out->next) {
            struct stat info;
            struct input *input;

            if (!out->sha256)
                continue;
            input = inputs_add(&b.inputs, out->path, 0, stat(out->path, &info) == 0 ? &info : NULL);
            if (input)
                input->sha256 = out->sha256;
            else
                status = no_memory(c);
        }
    }
    if (status == 0 && b.inputs.n > 0)
        b.registry = registry_open(c, &status);
    if (b.registry && status == 0)
        status = batch_prepare(&b);
    if (b.registry && status == 0)
        status = batch_do(&b);
    if (status == leat_exit_status(LEAT_EBATCH))
        status = b.first_status;
    batch_done(&b);
    return status;
}

/* Run shards by an engine: these, or all; then join. */
static int submit(const struct config *c, const struct each_options *o, const char *path,
                  const struct plan *plan, const uint32_t *shards, size_t n)
{
    struct each_options after = *o;
    bool submitted;
    int status = submit_shards(c, o, path, plan, shards, n, &submitted), join;

    if (!submitted)
        return status;
    after.engine.kind = ENGINE_NONE;
    after.resubmit = false;
    after.join = path;
    join = join_main(c, &after);
    return join != leat_exit_status(LEAT_EBATCH) || status == 0 ? join : status;
}

int join_submit(const struct config *c, const struct each_options *o, const struct plan *plan)
{
    return submit(c, o, o->plan, plan, NULL, 0);
}

int join_main(const struct config *c, struct each_options *o)
{
    struct joined joined = {.n_missing = 0};
    struct buf directory = {.n = 0};
    struct plan plan;
    int status = shard_read_plan(c, o->join, &plan, &joined.inputs, PLAN_ALL);

    buf_add(&directory, "%s.d", o->join);
    if (status == 0 && directory.failed)
        status = no_memory(c);
    if (status == 0)
        status = read_records(c, &joined, &plan, buf_text(&directory));
    if (status == 0) {
        tell(c, &joined, &plan, o, buf_text(&directory));
        if (joined.n_missing > 0 && o->resubmit && o->engine.kind != ENGINE_NONE) {
            status = submit(c, o, o->join, &plan, joined.missing, joined.n_missing);
            goto done; /* the second join has done the rest */
        }
        if (joined.n_missing > 0 && o->resubmit)
            status = print_commands(c, &joined, o->join);
        if (joined.n_missing > 0 && status == 0)
            status = leat_exit_status(LEAT_EBATCH);
    }
    if (status == 0 && o->verify)
        status = verify(c, &joined);
    if (status == 0 && o->reduce)
        status = reduce(c, &joined, o->reduce);
done:
    joined_done(&joined);
    plan_done(&plan);
    buf_free(&directory);
    return status;
}
