/* journal.c - the lines of a journal: written, read, and what they mean for an input. */

#include "journal.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "url.h"

#define DIGITS 64u /* of SHA-256 */
#define VERSION 1u

const char *const same_names[] = {
    [SAME_STAT] = "size+mtime", [SAME_SHA256] = "sha256", [SAME_ETAG] = "etag"};

/* --- the table -------------------------------------------------------------------------------- */

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv */
static uint64_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h ^ h >> 32;
}

static struct recorded **slot_of(const struct journal_state *state, const char *path)
{
    size_t i = (size_t)hash(path) & (state->n_slots - 1);

    while (state->slots[i] && strcmp(state->slots[i]->path, path) != 0)
        i = (i + 1) & (state->n_slots - 1);
    return &state->slots[i];
}

static int grow(struct journal_state *state)
{
    struct journal_state more = {.n_slots = state->n_slots ? 2 * state->n_slots : 1024};

    more.slots = calloc(more.n_slots, sizeof(struct recorded *));
    if (!more.slots)
        return LEAT_ENOMEM;
    for (size_t i = 0; i < state->n_slots; i++)
        if (state->slots[i])
            *slot_of(&more, state->slots[i]->path) = state->slots[i];
    free(state->slots);
    state->slots = more.slots;
    state->n_slots = more.n_slots;
    return 0;
}

const struct recorded *journal_find(const struct journal_state *state, const char *path)
{
    return state->n_slots > 0 ? *slot_of(state, path) : NULL;
}

bool journal_is_output(const struct journal_state *state, const char *path)
{
    const struct recorded *r = journal_find(state, path);

    return r && r->is_output;
}

/* The record of the path, which is made if there is none. NULL: out of memory. */
static struct recorded *record_of(struct journal_state *state, const char *path)
{
    struct recorded **slot;

    if (2 * (state->n + 1) > state->n_slots && grow(state) < 0)
        return NULL;
    slot = slot_of(state, path);
    if (*slot)
        return *slot;
    *slot = calloc(1, sizeof **slot);
    if (*slot && !((*slot)->path = arena_copy(&state->arena, path, strlen(path)))) {
        free(*slot);
        *slot = NULL;
    }
    state->n += *slot != NULL;
    return *slot;
}

static void drop_outputs(struct recorded *r)
{
    while (r->outputs) {
        struct recorded_output *next = r->outputs->next;

        free(r->outputs);
        r->outputs = next;
    }
}

void journal_state_done(struct journal_state *state)
{
    for (size_t i = 0; i < state->n_slots; i++) {
        if (state->slots[i])
            drop_outputs(state->slots[i]);
        free(state->slots[i]);
    }
    free(state->slots);
    arena_done(&state->arena);
    *state = (struct journal_state){.n = 0};
}

/* --- reading ---------------------------------------------------------------------------------- */

/* One line, as it is read. */
struct line {
    struct journal_state *state;
    struct json json;
    struct recorded *record;
    const char *pipeline; /* whose lines count */
    enum same same;
    bool is_head, counts; /* of the head: is it that of the pipeline? */
    bool no_memory, other_version;
};

static const char *keep(struct line *l, const char *text)
{
    const char *copy = arena_copy(&l->state->arena, text, strlen(text));

    l->no_memory = l->no_memory || !copy;
    return copy;
}

static void mark_output(struct line *l, const char *path)
{
    struct recorded *r = record_of(l->state, path);

    l->no_memory = l->no_memory || !r;
    if (r)
        r->is_output = true;
}

static void read_output(struct line *l)
{
    struct recorded_output *out = calloc(1, sizeof *out);
    bool first = true;

    if (!out) {
        l->no_memory = true;
        json_skip(&l->json);
        return;
    }
    for (bool more = json_open(&l->json, '{'); more && json_more(&l->json, '}', &first);) {
        const char *key = json_key(&l->json);

        if (strcmp(key, "path") == 0)
            out->path = keep(l, json_text(&l->json));
        else if (strcmp(key, "size") == 0)
            out->size = json_number(&l->json);
        else if (strcmp(key, "sha256") == 0)
            out->sha256 = keep(l, json_text(&l->json));
        else
            json_skip(&l->json);
    }
    l->json.bad = l->json.bad || !out->path;
    if (out->path)
        mark_output(l, out->path);
    out->next = l->record->outputs;
    l->record->outputs = out;
}

/* The outputs of `done` are objects, those of `begin` names. */
static void read_outputs(struct line *l)
{
    bool first = true;

    if (!l->record) {
        json_skip(&l->json);
        return;
    }
    for (bool more = json_open(&l->json, '['); more && json_more(&l->json, ']', &first);) {
        if (l->record->done)
            read_output(l);
        else
            mark_output(l, json_text(&l->json));
    }
}

/* Begin the record that the first member of a line names. */
static void read_kind(struct line *l, const char *kind)
{
    const char *path;
    char which = kind[0];

    if (strcmp(kind, "begin") != 0 && strcmp(kind, "done") != 0 && strcmp(kind, "failed") != 0 &&
        strcmp(kind, "removed") != 0) {
        l->json.bad = true;
        return;
    }
    path = json_text(&l->json);
    if (!l->counts || l->json.bad)
        return;
    l->record = record_of(l->state, path);
    l->no_memory = l->no_memory || !l->record;
    if (!l->record)
        return;
    if (which == 'b' || which == 'f') { /* a failure takes its outputs back, or says "left" */
        l->record->begun = which == 'b';
        l->record->done = false;
    }
    if (which == 'r')
        l->record->removed = true;
    if (which != 'd')
        return;
    drop_outputs(l->record);
    l->record->done = true;
    l->record->verified = false;
    l->record->sha256 = l->record->etag = NULL;
}

static void read_member(struct line *l, const char *key)
{
    struct recorded *r = l->record && l->record->done ? l->record : NULL;
    char same[16];

    if (l->is_head && strcmp(key, "pipeline") == 0) {
        l->counts = strcmp(json_text(&l->json), l->pipeline) == 0;
    } else if (l->is_head && strcmp(key, "version") == 0) {
        l->other_version = json_number(&l->json) != VERSION && !l->json.bad;
    } else if (l->is_head && strcmp(key, "same") == 0) {
        (void)snprintf(same, sizeof same, "%s", json_text(&l->json));
        l->counts = l->counts && strcmp(same, same_names[l->same]) == 0;
    } else if (strcmp(key, "out") == 0) {
        read_outputs(l);
    } else if (l->record && !r && strcmp(key, "left") == 0) { /* of a failure: outputs are there */
        l->record->begun = json_true(&l->json);
    } else if (r && strcmp(key, "size") == 0) {
        r->size = json_number(&l->json);
    } else if (r && strcmp(key, "mtime_ns") == 0) {
        r->mtime_ns = (int64_t)json_number(&l->json);
    } else if (r && strcmp(key, "sha256") == 0) {
        r->sha256 = keep(l, json_text(&l->json));
    } else if (r && strcmp(key, "etag") == 0) {
        r->etag = keep(l, json_text(&l->json));
    } else if (r && strcmp(key, "verified") == 0) {
        r->verified = json_true(&l->json);
    } else {
        json_skip(&l->json);
    }
}

/* Returns 0, LEAT_ECORRUPT or LEAT_ENOMEM. */
static int read_line(struct line *l, const char *text, size_t n)
{
    bool first = true, begun = false;

    json_begin(&l->json, text, n);
    l->record = NULL;
    l->is_head = false;
    for (bool more = json_open(&l->json, '{'); more && json_more(&l->json, '}', &first);) {
        char key[16];

        (void)snprintf(key, sizeof key, "%s", json_key(&l->json));
        if (!begun && strcmp(key, "leat") == 0) {
            l->json.bad = l->json.bad || strcmp(json_text(&l->json), "each") != 0;
            l->is_head = true;
            l->counts = false;
        } else if (!begun) {
            read_kind(l, key);
        } else {
            read_member(l, key);
        }
        begun = true;
    }
    if (l->no_memory)
        return LEAT_ENOMEM;
    if (l->other_version)
        return LEAT_EUNSUPPORTED;
    return l->json.bad || !begun ? LEAT_ECORRUPT : 0;
}

/* Is this the beginning of a line that a kill cut, or what a crash of the system leaves of one: NULs? A file of something
 * else is not to be cut. */
static bool is_torn(const char *text, size_t n, bool has_lines)
{
    static const char *const starts[] = {"{\"leat\":\"each\"", "{\"begin\":\"", "{\"done\":\"",
                                         "{\"failed\":\"", "{\"removed\":\""};

    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t length = strlen(starts[i]);

        if ((i == 0 || has_lines) && memcmp(text, starts[i], n < length ? n : length) == 0)
            return true;
    }
    while (has_lines && n > 0 && text[n - 1] == '\0')
        n--;
    return n == 0;
}

int journal_load(struct journal_state *state, const char *text, size_t n, const char *pipeline,
                 enum same same, size_t *ret_whole, size_t *ret_line)
{
    struct line line = {.state = state, .pipeline = pipeline, .same = same};
    size_t at = 0, number = 1;
    int r = 0;

    while (r == 0) {
        const char *end = memchr(text + at, '\n', n - at);

        if (!end) {
            *ret_line = number;
            if (at < n && !is_torn(text + at, n - at, at > 0))
                r = LEAT_ECORRUPT;
            break;
        }
        r = read_line(&line, text + at, (size_t)(end - text) - at);
        *ret_line = number++;
        if (r == 0)
            at = (size_t)(end - text) + 1;
        if (at == n)
            break;
    }
    *ret_whole = at;
    json_done(&line.json);
    return r;
}

/* --- deciding --------------------------------------------------------------------------------- */

static bool outputs_are_there(const struct recorded *r)
{
    struct stat info;

    for (const struct recorded_output *out = r->outputs; out; out = out->next)
        if (stat(out->path, &info) < 0 ||
            (S_ISREG(info.st_mode) && (uint64_t)info.st_size != out->size))
            return false;
    return true;
}

static bool is_the_same(const struct recorded *r, const struct input *input)
{
    if (input->sha256 && r->sha256) /* --same=sha256: the digest was computed before */
        return strcmp(r->sha256, input->sha256) == 0;
    if (input_etag(input) && r->etag)
        return strcmp(r->etag, input_etag(input)) == 0;
    if (input_is_url(input) && !url_has_identity(input))
        return false;
    return r->size == input->size && r->mtime_ns == input->mtime_ns;
}

enum verdict journal_decide(const struct journal_state *state, const struct input *input,
                            bool removes)
{
    const struct recorded *r = journal_find(state, input->path);

    if (!r)
        return input->missing ? VERDICT_MISSING : VERDICT_DO;
    if (r->done && (input->missing || is_the_same(r, input)) && outputs_are_there(r))
        return removes && !input->missing ? VERDICT_REMOVE : VERDICT_SKIP;
    if (input->missing)
        return VERDICT_MISSING;
    return r->begun ? VERDICT_AGAIN : VERDICT_DO;
}

/* --- writing ---------------------------------------------------------------------------------- */

void journal_head(struct buf *b, const char *pipeline, enum same same)
{
    buf_add(b, "{\"leat\":\"each\",\"version\":%u,\"pipeline\":", VERSION);
    json_name(b, pipeline);
    buf_add(b, ",\"same\":\"%s\"}\n", same_names[same]);
}

void journal_begin(struct buf *b, const struct input *input, char *const *out, size_t n)
{
    buf_add(b, "{\"begin\":");
    json_name(b, input->path);
    buf_add(b, ",\"out\":[");
    for (size_t i = 0; i < n; i++) {
        buf_add(b, "%s", i > 0 ? "," : "");
        json_name(b, out[i]);
    }
    buf_add(b, "]}\n");
}

/* The digest of this output in lines of sha256sum, or NULL. */
static const char *digest_of(const char *digests, const char *path)
{
    size_t n = strlen(path);

    for (const char *line = digests; *line;) {
        size_t length = strcspn(line, "\n");

        if (length == DIGITS + 2 + n && memcmp(line + DIGITS + 2, path, n) == 0)
            return line;
        line += length + (line[length] == '\n');
    }
    return NULL;
}

void journal_done(struct buf *b, const struct input *input, char *const *out, size_t n,
                  const char *digests, bool verified)
{
    buf_add(b, "{\"done\":");
    json_name(b, input->path);
    buf_add(b, ",\"size\":%llu,\"mtime_ns\":%lld", (unsigned long long)input->size,
            (long long)input->mtime_ns);
    if (input_etag(input)) {
        buf_add(b, ",\"etag\":");
        json_name(b, input_etag(input));
    }
    if (input->sha256)
        buf_add(b, ",\"sha256\":\"%.64s\"", input->sha256);
    buf_add(b, ",\"out\":[");
    for (size_t i = 0; i < n; i++) {
        const char *digest = digest_of(digests, out[i]);
        struct stat info;

        buf_add(b, "%s{\"path\":", i > 0 ? "," : "");
        json_name(b, out[i]);
        if (stat(out[i], &info) == 0 && S_ISREG(info.st_mode))
            buf_add(b, ",\"size\":%llu", (unsigned long long)info.st_size);
        if (digest)
            buf_add(b, ",\"sha256\":\"%.64s\"", digest);
        buf_add(b, "}");
    }
    buf_add(b, "]%s,\"attempts\":%u}\n", verified ? ",\"verified\":true" : "",
            (unsigned)input->attempts);
}

void journal_failed(struct buf *b, const struct input *input, int status, const char *text,
                    bool left)
{
    buf_add(b, "{\"failed\":");
    json_name(b, input->path);
    buf_add(b, ",\"exit\":%d,\"text\":", status);
    json_name(b, text);
    buf_add(b, "%s}\n", left ? ",\"left\":true" : "");
}

void journal_removed(struct buf *b, const struct input *input)
{
    buf_add(b, "{\"removed\":");
    json_name(b, input->path);
    buf_add(b, "}\n");
}
