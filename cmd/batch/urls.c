/* urls.c - asks the servers of all inputs that are URLs for size, ETag and time, before the batch begins.
 *
 * Each question is a small pipeline, `get --head`, with the options of the pipeline's own source, so certificates, headers and
 * retries are the same. Some run at once, and their answers are taken in order.
 */

#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "url.h"

#define AT_ONCE 16u
#define LINE_MAX_BYTES 4096u

/* A question that was asked. */
struct question {
    struct input *input;
    FILE *file;
    struct leat_pipeline *pipeline;
};

int url_refuse(const struct config *c, const char *url)
{
    char shown[SHOWN_MAX];

    return message_fail(
        c, LEAT_EUSAGE,
        "each: %s: a URL needs a host, and a path without . and .. as parts, which names of "
        "outputs are made of",
        leat_show(url, shown, sizeof shown));
}

static bool begins_with_source(const struct batch *b)
{
    const struct piece *p = b->pieces.v;

    return b->pieces.n > 0 && p->kind == PIECE_STAGE &&
           (strcmp(p->words[0], "get") == 0 || strcmp(p->words[0], "read") == 0);
}

char **url_head_words(const struct batch *b, size_t i)
{
    const struct input *input = &b->inputs.v[i];
    char *const none[] = {NULL}, *const *own = none;
    char **words;
    size_t all = 0, n = 0;

    if (begins_with_source(b))
        own = b->pieces.v[0].words + 1;
    while (own[all])
        all++;
    words = calloc(all + 3, sizeof *words);
    if (!words)
        return NULL;
    words[n++] = strdup("--head");
    for (size_t k = 0; k < all && words[n - 1]; k++)
        words[n++] = batch_fill(b, i, own[k]);
    if (all == 0 && words[n - 1])
        words[n++] = strdup(input_address(input));
    if (words[n - 1])
        return words;
    url_words_free(words);
    return NULL;
}

void url_words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

/* --- options ------------------------------------------------------------------------------------ */

static const char *unwanted(const struct each_options *o, const char **ret_why)
{
    *ret_why = "is for files";
    if (o->remove_source)
        return "remove-source";
    if (o->keep_times)
        return "keep-times";
    if (o->keep_mode)
        return "keep-mode";
    if (o->filter.has_newer)
        return "newer";
    if (o->filter.size_sign != 0)
        return "size";
    *ret_why = "cuts a file";
    if (o->split)
        return "split";
    *ret_why = "would read each input twice; --same=etag or size+mtime is for URLs";
    return o->same == SAME_SHA256 ? "same=sha256" : NULL;
}

int urls_check(const struct batch *b)
{
    const struct input *url = NULL, *file = NULL;
    const char *why, *option = unwanted(b->options, &why);
    char shown[SHOWN_MAX];

    for (size_t i = 0; i < b->inputs.n && (!url || !file); i++)
        *(input_is_url(&b->inputs.v[i]) ? &url : &file) = &b->inputs.v[i];
    if (file && b->options->same == SAME_ETAG)
        return message_fail(b->config, LEAT_EUSAGE,
                            "each: --same=etag is for URLs, and %s is a file",
                            leat_show(file->path, shown, sizeof shown));
    if (!url)
        return 0;
    (void)leat_show(url->path, shown, sizeof shown);
    if (option)
        return message_fail(b->config, LEAT_EUSAGE, "each: %s is a URL, and --%s %s", shown, option,
                            why);
    if (b->options->plan && input_address(url) != url->path)
        return message_fail(
            b->config, LEAT_EUSAGE,
            "each: %s has a password, which must not be in a plan; put it into a netrc file, "
            "for: get --netrc {}",
            shown);
    return 0;
}

/* --- questions ---------------------------------------------------------------------------------- */

static int no_memory(const struct batch *b)
{
    return message_fail(b->config, LEAT_ENOMEM, "out of memory");
}

/* Returns 0, or an exit status after a message: with these options no server can be asked. */
static int ask(struct batch *b, struct leat_context *context, size_t i, struct question *ret)
{
    char **words = url_head_words(b, i);
    struct leat_error error = LEAT_INIT(leat_error);
    struct buf text = {.n = 0};

    *ret = (struct question){.input = &b->inputs.v[i]};
    buf_add(&text, "get");
    for (size_t k = 0; words && words[k]; k++) {
        char *quoted = leat_quote(words[k]);

        buf_add(&text, " %s", quoted ? quoted : "");
        text.failed = text.failed || !quoted;
        free(quoted);
    }
    text.failed = text.failed || !words;
    url_words_free(words);
    if (!text.failed)
        ret->file = leat_fopen(b->registry, context, buf_text(&text), "r", &ret->pipeline, &error);
    else
        error.code = LEAT_ENOMEM;
    buf_free(&text);
    if (ret->file)
        return 0;
    if (error.code == LEAT_ENOMEM)
        return no_memory(b);
    message_error(b->config, &error, NULL, leat_exit_status(error.code));
    return leat_exit_status(error.code);
}

/* Take what the server tells. Returns false: out of memory. */
static bool take_facts(struct batch *b, struct input *input, const struct url_facts *facts)
{
    const struct each_options *o = b->options;
    bool wants_etag = o->same == SAME_ETAG || !o->same_given;

    if (o->same == SAME_ETAG && !*facts->etag)
        return input_set_problem(
            &b->inputs, input, LEAT_ENETWORK,
            "the server gives no strong ETag; --same=size+mtime goes by size and "
            "Last-Modified");
    if (input->size > 0 && facts->has_size && facts->size != input->size) {
        char text[128];

        (void)snprintf(text, sizeof text, "has %llu bytes, and the manifest says %llu",
                       (unsigned long long)facts->size, (unsigned long long)input->size);
        return input_set_problem(&b->inputs, input, LEAT_ECHECKSUM, text);
    }
    b->inputs.bytes += facts->size - input->size;
    input->size = facts->size;
    input->mtime_ns = facts->mtime_ns;
    return !wants_etag || !*facts->etag || input_set_etag(&b->inputs, input, facts->etag);
}

/* Wait for the answer. Returns 0, or an exit status after a message. */
static int answer(struct batch *b, struct question *q)
{
    char line[LINE_MAX_BYTES] = "";
    size_t n = fread(line, 1, sizeof line - 1, q->file);
    struct url_facts facts;
    const struct leat_error *error;
    bool failed = ferror(q->file) != 0, ok;

    line[n] = '\0';
    failed = fclose(q->file) == EOF || failed;
    error = leat_pipeline_error(q->pipeline);
    if (failed)
        ok = input_set_problem(&b->inputs, q->input, error ? error->code : LEAT_ENETWORK,
                               error ? error->text : "the server could not be asked");
    else if (url_facts_read(line, &facts))
        ok = take_facts(b, q->input, &facts);
    else
        ok = input_set_problem(&b->inputs, q->input, LEAT_ENETWORK,
                               "the server could not be asked for the head");
    leat_pipeline_unref(q->pipeline);
    q->file = NULL;
    return ok ? 0 : no_memory(b);
}

static int ask_all(struct batch *b, struct leat_context *context)
{
    struct question asked[AT_ONCE];
    size_t first = 0, n = 0;
    int status = 0;

    for (size_t i = 0; i < b->inputs.n && status == 0; i++) {
        if (!input_is_url(&b->inputs.v[i]) || input_has_problem(&b->inputs.v[i]))
            continue;
        if (n == AT_ONCE) {
            status = answer(b, &asked[first]);
            first = (first + 1) % AT_ONCE;
            n--;
        }
        if (status == 0)
            status = ask(b, context, i, &asked[(first + n) % AT_ONCE]);
        n += status == 0;
    }
    for (; n > 0; n--, first = (first + 1) % AT_ONCE) {
        struct question *q = &asked[first];

        if (status == 0) {
            status = answer(b, q);
            continue;
        }
        leat_pipeline_cancel(q->pipeline, LEAT_ECANCELLED, NULL);
        (void)fclose(q->file); /* it was given up */
        leat_pipeline_unref(q->pipeline);
    }
    return status;
}

int urls_look(struct batch *b)
{
    struct leat_context_settings settings = {.size = sizeof settings, .threads = 1};
    struct leat_context *context = NULL;
    bool any = false;
    int r, status;

    for (size_t i = 0; i < b->inputs.n && !any; i++)
        any = input_is_url(&b->inputs.v[i]);
    if (!any)
        return 0;
    r = leat_context_new(&settings, &context);
    if (r < 0)
        return message_fail(b->config, r, "each: cannot begin to ask servers: %s",
                            leat_strerror(r));
    status = ask_all(b, context);
    leat_context_unref(context);
    return status;
}
