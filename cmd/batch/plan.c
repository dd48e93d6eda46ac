/* plan.c - inputs dealt to shards, and the file that says so.
 *
 * The largest input goes first to the shard with the least (longest processing time first): no shard then has more than 4/3 of
 * the best possible, and with many inputs nearly the mean. A heap keeps the shards in order.
 */

#include "plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

/* An input costs something without a byte in it. Small against all but the smallest files. */
#define INPUT_BYTES 512u
#define CONTENT_MAX 65535u /* of a BGZF member, at an end of a range */

/* --- dealing ---------------------------------------------------------------------------------- */

struct load {
    uint64_t bytes;
    uint32_t inputs, shard;
};

static bool has_less(const struct load *a, const struct load *b)
{
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes;
    return a->inputs != b->inputs ? a->inputs < b->inputs : a->shard < b->shard;
}

/* The first load has grown: move it down to its place in the heap. */
static void sink(struct load *heap, size_t n)
{
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;
        struct load moved = heap[at];

        if (child + 1 < n && has_less(&heap[child + 1], &heap[child]))
            child++;
        if (child >= n || !has_less(&heap[child], &heap[at]))
            return;
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

uint64_t plan_weight(const struct input *input)
{
    return input->length > 0 ? input->length : input->size;
}

static int larger_first(const void *a, const void *b, void *arg)
{
    const struct inputs *inputs = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint64_t of_x = plan_weight(&inputs->v[x]), of_y = plan_weight(&inputs->v[y]);

    return of_x != of_y ? (of_x > of_y ? -1 : 1) : (x > y) - (x < y);
}

int plan_deal(struct inputs *inputs, uint32_t shards)
{
    struct load *heap = malloc(shards * sizeof *heap);
    uint32_t *order = malloc((inputs->n + 1) * sizeof *order);

    if (!heap || !order) {
        free(heap);
        free(order);
        return LEAT_ENOMEM;
    }
    for (uint32_t i = 0; i < shards; i++)
        heap[i] = (struct load){.shard = i};
    for (size_t i = 0; i < inputs->n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, inputs->n, sizeof *order, larger_first, inputs);
    for (size_t i = 0; i < inputs->n; i++) {
        struct input *input = &inputs->v[order[i]];

        input->shard = heap[0].shard;
        heap[0].bytes += plan_weight(input) + INPUT_BYTES;
        heap[0].inputs++;
        sink(heap, shards);
    }
    free(heap);
    free(order);
    return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_head(struct buf *b, const struct plan *p)
{
    buf_add(b,
            "{\"leat\":\"plan\",\"version\":1,\"leat_version\":\"%s\",\"id\":\"%s\",\"pipeline\":",
            LEAT_VERSION, p->id);
    json_name(b, p->pipeline);
    buf_add(b,
            ",\"same\":\"%s\",\"shards\":%" PRIu32 ",\"force\":%s,\"inputs_n\":%" PRIu64
            ",\"bytes\":%" PRIu64 ",\"inputs\":[",
            same_names[p->same], p->shards, p->force ? "true" : "false", p->inputs_n, p->bytes);
}

static void add_input(struct buf *b, const struct input *input)
{
    buf_add(b, "{\"path\":");
    json_name(b, input->path);
    buf_add(b, ",\"size\":%" PRIu64 ",\"mtime_ns\":%" PRId64, input->size, input->mtime_ns);
    if (input->sha256)
        buf_add(b, ",\"sha256\":\"%.64s\"", input->sha256);
    if (input_etag(input)) {
        buf_add(b, ",\"etag\":");
        json_name(b, input_etag(input));
    }
    if (input->length > 0)
        buf_add(b, ",\"offset\":%" PRIu64 ",\"length\":%" PRIu64, input->offset, input->length);
    if (input->extra && input->extra->skip > 0)
        buf_add(b, ",\"skip\":%" PRIu32, input->extra->skip);
    if (input->extra && input->extra->drop > 0)
        buf_add(b, ",\"drop\":%" PRIu32, input->extra->drop);
    buf_add(b, ",\"rel\":%" PRIu32 ",\"shard\":%" PRIu32 "}", input->rel, input->shard);
}

int plan_write(struct plan *p, const struct inputs *inputs, const char *path, const char *attempt,
               bool replace)
{
    struct draft draft;

    p->inputs_n = inputs->n;
    p->bytes = 0;
    for (size_t i = 0; i < inputs->n; i++)
        p->bytes += plan_weight(&inputs->v[i]);
    draft_open(&draft, path, attempt);
    add_head(&draft.text, p);
    for (size_t i = 0; i < inputs->n && draft.error == 0; i++) {
        buf_add(&draft.text, "%s\n", i > 0 ? "," : "");
        add_input(&draft.text, &inputs->v[i]);
        draft_flush(&draft);
    }
    buf_add(&draft.text, "\n]}\n");
    return draft_commit(&draft, path, replace);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
    struct document document;
    struct plan *plan;
    struct inputs *inputs;
    struct buf path, sha256, etag; /* of the line */
    uint32_t skip, drop;
    bool no_memory, other_version;
    uint64_t n;
};

static void copy_text(struct reader *r, struct buf *to)
{
    const char *text = json_text(&r->document.json);

    to->n = 0;
    buf_bytes(to, text, strlen(text));
    r->no_memory = r->no_memory || to->failed;
}

static uint64_t number_up_to(struct reader *r, uint64_t max)
{
    uint64_t n = json_number(&r->document.json);

    r->document.json.bad = r->document.json.bad || n > max;
    return n;
}

static void read_head_member(struct reader *r, const char *key)
{
    struct json *j = &r->document.json;
    struct plan *p = r->plan;
    const char *text;

    if (strcmp(key, "leat") == 0) {
        j->bad = strcmp(json_text(j), "plan") != 0 || j->bad;
    } else if (strcmp(key, "version") == 0) {
        r->other_version = json_number(j) != 1 && !j->bad;
    } else if (strcmp(key, "id") == 0) {
        text = json_text(j);
        j->bad = j->bad || strlen(text) != PLAN_ID_MAX - 1;
        (void)snprintf(p->id, sizeof p->id, "%s", text);
    } else if (strcmp(key, "pipeline") == 0) {
        free(p->pipeline);
        p->pipeline = strdup(json_text(j));
        r->no_memory = r->no_memory || !p->pipeline;
    } else if (strcmp(key, "same") == 0) {
        text = json_text(j);
        for (p->same = SAME_ETAG; p->same > 0 && strcmp(text, same_names[p->same]) != 0;)
            p->same--;
        j->bad = j->bad || strcmp(text, same_names[p->same]) != 0;
    } else if (strcmp(key, "shards") == 0) {
        p->shards = (uint32_t)number_up_to(r, SHARDS_MAX);
    } else if (strcmp(key, "force") == 0) {
        p->force = json_true(j);
    } else if (strcmp(key, "inputs_n") == 0) {
        p->inputs_n = number_up_to(r, UINT32_MAX - 1);
    } else if (strcmp(key, "bytes") == 0) {
        p->bytes = json_number(j);
    } else {
        json_skip(j);
    }
}

static void read_input_member(struct reader *r, const char *key, struct input *input)
{
    struct json *j = &r->document.json;

    if (strcmp(key, "path") == 0)
        copy_text(r, &r->path);
    else if (strcmp(key, "sha256") == 0)
        copy_text(r, &r->sha256);
    else if (strcmp(key, "etag") == 0)
        copy_text(r, &r->etag);
    else if (strcmp(key, "size") == 0)
        input->size = json_number(j);
    else if (strcmp(key, "mtime_ns") == 0)
        input->mtime_ns = (int64_t)json_number(j);
    else if (strcmp(key, "offset") == 0)
        input->offset = json_number(j);
    else if (strcmp(key, "length") == 0)
        input->length = json_number(j);
    else if (strcmp(key, "skip") == 0)
        r->skip = (uint32_t)number_up_to(r, CONTENT_MAX);
    else if (strcmp(key, "drop") == 0)
        r->drop = (uint32_t)number_up_to(r, CONTENT_MAX);
    else if (strcmp(key, "rel") == 0)
        input->rel = (uint32_t)number_up_to(r, UINT32_MAX);
    else if (strcmp(key, "shard") == 0)
        input->shard = (uint32_t)number_up_to(r, SHARDS_MAX);
    else
        json_skip(j);
}

static void keep_ends(struct reader *r, struct input *input)
{
    struct input_extra *extra = input_extra(r->inputs, input);

    r->no_memory = r->no_memory || !extra;
    if (!extra)
        return;
    extra->skip = r->skip;
    extra->drop = r->drop;
}

static void keep_input(struct reader *r, const struct input *line)
{
    bool is_url = url_is(buf_text(&r->path));
    struct input *input = is_url
                              ? inputs_add_url(r->inputs, buf_text(&r->path), &r->document.json.bad)
                              : inputs_add(r->inputs, buf_text(&r->path), line->rel, NULL);
    struct input_extra *extra = input ? input->extra : NULL;
    const char *path, *sha256 = NULL;

    if (!input && r->document.json.bad)
        return;

    if (input && r->sha256.n > 0)
        sha256 = arena_copy(&r->inputs->arena, buf_text(&r->sha256), r->sha256.n);
    if (!input || (r->sha256.n > 0 && !sha256)) {
        r->no_memory = true;
        return;
    }
    path = input->path;
    *input = *line;
    input->path = path;
    input->sha256 = sha256;
    input->extra = extra;
    if (is_url && r->etag.n > 0 && !input_set_etag(r->inputs, input, buf_text(&r->etag)))
        r->no_memory = true;
    if (r->skip > 0 || r->drop > 0)
        keep_ends(r, input);
    r->inputs->bytes += plan_weight(input);
}

static void read_input(struct reader *r, uint32_t shard)
{
    struct input input = {.number = (uint32_t)(r->n + 1)};
    struct json *j = &r->document.json;
    bool first = true;

    r->path.n = r->sha256.n = r->etag.n = 0;
    r->skip = r->drop = 0;
    for (bool more = json_open(j, '{'); more && json_more(j, '}', &first);) {
        char key[16];

        (void)snprintf(key, sizeof key, "%s", json_key(j));
        read_input_member(r, key, &input);
    }
    j->bad = j->bad || r->path.n == 0 || input.rel > r->path.n || input.shard >= r->plan->shards ||
             (r->sha256.n > 0 && r->sha256.n != 64);
    r->n++;
    if (!j->bad && !r->no_memory && (shard == PLAN_ALL || shard == input.shard))
        keep_input(r, &input);
}

int plan_read(struct plan *p, struct inputs *inputs, const char *path, uint32_t shard,
              size_t *ret_line, int *ret_errno)
{
    struct reader r = {.plan = p, .inputs = inputs};
    const char *key;
    bool first = true, whole;

    *p = (struct plan){.shards = 0};
    *ret_line = 0;
    *ret_errno = document_open(&r.document, path);
    while (*ret_errno == 0 && (key = document_key(&r.document, "inputs", &first))) {
        char copy[16];

        (void)snprintf(copy, sizeof copy, "%s", key);
        read_head_member(&r, copy);
    }
    r.document.json.bad = r.document.json.bad || p->shards == 0 || !p->pipeline || !p->id[0];
    while (*ret_errno == 0 && !r.no_memory && !r.other_version && document_next(&r.document))
        read_input(&r, shard);
    *ret_errno = *ret_errno ? *ret_errno : r.document.error;
    whole = document_is_whole(&r.document) && r.n == p->inputs_n;
    *ret_line = r.document.json.bad ? r.document.number : 0;
    document_close(&r.document);
    buf_free(&r.path);
    buf_free(&r.sha256);
    buf_free(&r.etag);
    if (*ret_errno && *ret_errno != ENOMEM)
        return LEAT_EIO;
    if (r.no_memory || *ret_errno)
        return LEAT_ENOMEM;
    return r.other_version ? LEAT_EUSAGE : whole ? 0 : LEAT_ECORRUPT;
}

void plan_done(struct plan *p)
{
    free(p->pipeline);
    *p = (struct plan){.shards = 0};
}
