/* record.c - records of shards, written at once under a name that only one attempt gets, and read line by line. */

#include "record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *record_path(const char *directory, uint32_t shard, const char *suffix)
{
    char *path;

    return asprintf(&path, "%s/shard-%04" PRIu32 "%s", directory, shard, suffix) < 0 ? NULL : path;
}

/* --- writing ---------------------------------------------------------------------------------- */

void record_begin(struct draft *d, const char *directory, const struct plan *plan, uint32_t shard,
                  const char *attempt)
{
    char *path = record_path(directory, shard, ".json");

    if (!path) {
        *d = (struct draft){.fd = -1, .error = ENOMEM};
        return;
    }
    draft_open(d, path, attempt);
    free(path);
    buf_add(&d->text,
            "{\"leat\":\"shard\",\"version\":1,\"plan\":\"%s\",\"shard\":%" PRIu32
            ",\"attempt\":\"%s\",\"inputs\":[",
            plan->id, shard, attempt);
}

void record_add(struct draft *d, bool first, const struct input *input,
                const struct recorded_output *outputs)
{
    struct buf *b = &d->text;

    buf_add(b, "%s\n{\"path\":", first ? "" : ",");
    json_name(b, input->path);
    if (input->length > 0)
        buf_add(b, ",\"offset\":%" PRIu64, input->offset);
    buf_add(b, ",\"out\":[");
    for (const struct recorded_output *out = outputs; out; out = out->next) {
        buf_add(b, "%s{\"path\":", out == outputs ? "" : ",");
        json_name(b, out->path);
        buf_add(b, ",\"size\":%" PRIu64, out->size);
        if (out->sha256)
            buf_add(b, ",\"sha256\":\"%.64s\"", out->sha256);
        buf_add(b, "}");
    }
    buf_add(b, "]}");
    draft_flush(d);
}

int record_end(struct draft *d, const char *directory, uint32_t shard)
{
    char *path = record_path(directory, shard, ".json");
    int error = ENOMEM;

    buf_add(&d->text, "\n]}\n");
    if (path)
        error = draft_commit(d, path, false);
    else
        draft_drop(d);
    free(path);
    return error;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader_of_record {
    struct document document;
    struct arena *arena;
    struct buf path; /* of the line */
    struct record_line line;
    bool no_memory, other;
};

void record_outputs_free(struct recorded_output *outputs)
{
    for (struct recorded_output *next; outputs; outputs = next) {
        next = outputs->next;
        free(outputs);
    }
}

static const char *keep_text(struct reader_of_record *r)
{
    const char *text = json_text(&r->document.json);
    const char *copy = arena_copy(r->arena, text, strlen(text));

    r->no_memory = r->no_memory || !copy;
    return copy;
}

static struct recorded_output *read_one_output(struct reader_of_record *r)
{
    struct recorded_output *out = calloc(1, sizeof *out);
    struct json *j = &r->document.json;
    bool first = true;

    if (!out) {
        r->no_memory = true;
        json_skip(j);
        return NULL;
    }
    for (bool more = json_open(j, '{'); more && json_more(j, '}', &first);) {
        const char *key = json_key(j);

        if (strcmp(key, "path") == 0)
            out->path = keep_text(r);
        else if (strcmp(key, "size") == 0)
            out->size = json_number(j);
        else if (strcmp(key, "sha256") == 0)
            out->sha256 = keep_text(r);
        else
            json_skip(j);
    }
    j->bad = j->bad || !out->path || (out->sha256 && strlen(out->sha256) != 64);
    return out;
}

static void read_line_of_record(struct reader_of_record *r)
{
    struct json *j = &r->document.json;
    struct recorded_output **last = &r->line.outputs;
    bool first = true, first_out = true;

    r->line = (struct record_line){.path = NULL};
    r->path.n = 0;
    for (bool more = json_open(j, '{'); more && json_more(j, '}', &first);) {
        const char *key = json_key(j);

        if (strcmp(key, "path") == 0) {
            const char *text = json_text(j);

            buf_bytes(&r->path, text, strlen(text));
        } else if (strcmp(key, "offset") == 0) {
            r->line.offset = json_number(j);
        } else if (strcmp(key, "out") == 0) {
            for (bool out = json_open(j, '['); out && json_more(j, ']', &first_out);) {
                *last = read_one_output(r);
                last = *last ? &(*last)->next : last;
            }
        } else {
            json_skip(j);
        }
    }
    r->line.path = buf_text(&r->path);
    j->bad = j->bad || r->path.n == 0;
    r->no_memory = r->no_memory || r->path.failed;
}

static void read_head_of_record(struct reader_of_record *r, const struct plan *plan, uint32_t shard)
{
    struct json *j = &r->document.json;
    bool first = true, has_plan = false;
    const char *key;

    while ((key = document_key(&r->document, "inputs", &first))) {
        if (strcmp(key, "leat") == 0) {
            j->bad = strcmp(json_text(j), "shard") != 0 || j->bad;
        } else if (strcmp(key, "plan") == 0) {
            has_plan = true;
            r->other = strcmp(json_text(j), plan->id) != 0 || r->other;
        } else if (strcmp(key, "shard") == 0) {
            r->other = json_number(j) != shard || r->other;
        } else {
            json_skip(j);
        }
    }
    j->bad = j->bad || !has_plan;
}

static int read_all_of_record(struct reader_of_record *r, const struct plan *plan, uint32_t shard,
                              int (*visit)(void *user, struct record_line *line), void *user)
{
    int result = 0;

    read_head_of_record(r, plan, shard);
    if (r->other && !r->document.json.bad)
        return LEAT_EEXIST;
    while (result == 0 && document_next(&r->document)) {
        read_line_of_record(r);
        if (r->no_memory || r->document.json.bad) {
            record_outputs_free(r->line.outputs);
            return r->no_memory ? LEAT_ENOMEM : LEAT_ECORRUPT;
        }
        result = visit(user, &r->line);
    }
    if (result == 0 && r->document.error)
        return r->document.error == ENOMEM ? LEAT_ENOMEM : LEAT_EIO;
    return result == 0 && !document_is_whole(&r->document) ? LEAT_ECORRUPT : result;
}

int record_read(const char *directory, const struct plan *plan, uint32_t shard, struct arena *arena,
                int (*visit)(void *user, struct record_line *line), void *user, int *ret_errno)
{
    struct reader_of_record r = {.arena = arena};
    char *path = record_path(directory, shard, ".json");
    int result;

    *ret_errno = path ? document_open(&r.document, path) : ENOMEM;
    free(path);
    if (*ret_errno == 0)
        result = read_all_of_record(&r, plan, shard, visit, user);
    else
        result = *ret_errno == ENOENT ? LEAT_ENOENT : *ret_errno == ENOMEM ? LEAT_ENOMEM : LEAT_EIO;
    *ret_errno = *ret_errno ? *ret_errno : r.document.error;
    document_close(&r.document);
    buf_free(&r.path);
    return result;
}
