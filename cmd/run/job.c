/* job.c - builds the pipeline from words, from one word of text, or from a file, and what it runs on. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cmd.h"

#define JOB_TEXT_MAX ((size_t)1 << 20) /* the same limit as in the library */

/* --- the text of -f --------------------------------------------------------------------------- */

static int read_all(const struct config *c, const char *name, int fd, struct buf *b)
{
    char piece[16384];
    ssize_t n;

    do {
        n = read(fd, piece, sizeof piece);
        if (n < 0 && errno != EINTR)
            return message_fail(c, LEAT_EIO, "%s: %s", name, strerror(errno));
        if (n > 0 && memchr(piece, '\0', (size_t)n))
            return message_fail(c, LEAT_EUSAGE, "%s: not pipeline text: it has a NUL byte", name);
        if (n > 0)
            buf_bytes(b, piece, (size_t)n);
        if (b->n > JOB_TEXT_MAX)
            return message_fail(c, LEAT_ELIMIT, "%s: longer than %zu bytes", name, JOB_TEXT_MAX);
    } while (n != 0);
    buf_bytes(b, "", 0);
    return b->failed ? message_fail(c, LEAT_ENOMEM, "out of memory") : 0;
}

static int read_text(const struct config *c, char **ret_text)
{
    bool standard = strcmp(c->file, "-") == 0;
    const char *name = standard ? "standard input" : c->file;
    int fd = standard ? STDIN_FILENO : open(c->file, O_RDONLY | O_CLOEXEC);
    struct buf b = {.n = 0};
    int status;

    if (fd < 0)
        return message_fail(c, errno == ENOENT ? LEAT_ENOENT : LEAT_EIO, "%s: %s", name,
                            strerror(errno));
    status = read_all(c, name, fd, &b);
    if (!standard)
        close(fd);
    if (status != 0) {
        buf_free(&b);
        return status;
    }
    if (b.n >= 3 &&
        memcmp(b.data, "\xef\xbb\xbf", 3) == 0) /* a byte order mark, which some editors write */
        memcpy(b.data, "   ", 3);
    *ret_text = b.data;
    return 0;
}

/* The length of a word of canonical text. A word with blanks or quotes is quoted as a whole. */
static size_t word_length(const char *word)
{
    size_t n = 1;
    bool dollar = *word == '$' && word[1] == '\'';
    char quote = dollar ? '\'' : *word;

    if (quote != '\'' && quote != '"')
        return strcspn(word, " ");
    for (n += dollar; word[n] != quote;)
        n += (dollar || quote == '"') && word[n] == '\\' ? 2 : 1;
    return n + 1;
}

/* Does a `read` with this canonical text read standard input: no file, or - as a file? */
static bool reads_standard_input(const char *text)
{
    bool ended = false, file = false;
    size_t n;

    for (const char *at = text + word_length(text); *at == ' '; at += n) {
        at++;
        n = word_length(at);
        if (n == 1 && *at == '-')
            return true;
        file = file || ended || *at != '-';
        ended = ended || (n == 2 && strncmp(at, "--", 2) == 0);
    }
    return !file;
}

/* Refuse standard input as both the text of the pipeline and its data. */
static int check_input(const struct config *c, const struct leat_pipeline *pipeline)
{
    struct leat_stats stats;

    if (!c->file || strcmp(c->file, "-") != 0)
        return 0;
    stats = stats_now(pipeline);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats s;

        s = stage_now(pipeline, i);
        if (strcmp(s.name, "read") == 0 && reads_standard_input(s.text))
            return message_fail(c, LEAT_EUSAGE,
                                "standard input is the pipeline's text (-f -), it cannot be its "
                                "data too; begin with: read FILE");
    }
    return 0;
}

/* --- building --------------------------------------------------------------------------------- */

static void build_failed(const struct config *c, struct leat_error *e, const char *text,
                         int n_words, char **words)
{
    struct origin origin = {.name = c->file, .text = text};
    const char *word;
    size_t n = strlen(e->text);

    if (n_words == 1 && e->code == LEAT_EUSAGE && access(words[0], F_OK) == 0)
        snprintf(e->text + n, sizeof e->text - n, "; a pipeline that is in a file: leat -f FILE");
    if (!text && !e->has_offset && e->offset > 0 && e->offset <= (uint64_t)n_words) {
        word = words[e->offset - 1];
        if (e->code == LEAT_EUSAGE && config_is_global(word))
            snprintf(e->text + n, sizeof e->text - n,
                     "; the options of leat itself come before the first stage");
    }
    message_error(c, e, &origin, leat_exit_status(e->code));
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > LEAT_THREADS_MAX ? LEAT_THREADS_MAX : (unsigned)n;
}

/* With one thread, or a seed, the pipeline runs on the loop alone. Else it has workers, which start with it. */
static int begin_context(struct job *job, const struct config *c, struct leat_settings *ret)
{
    struct leat_context_settings shared = {.size = sizeof shared, .threads = c->settings.threads};
    int r;

    *ret = c->settings;
    if (shared.threads == 0)
        shared.threads = processors();
    if (shared.threads == 1 || ret->executor != LEAT_EXECUTOR_AUTO)
        return 0;
    r = leat_context_new(&shared, &job->context);
    if (r < 0)
        return message_fail(c, r, "cannot begin the run: %s",
                            r == LEAT_EIO ? strerror(errno) : leat_strerror(r));
    ret->context = job->context;
    ret->threads = 0;
    return 0;
}

static int build(struct job *job, const struct config *c, int n_words, char **words)
{
    const char *text = job->text ? job->text : n_words == 1 ? words[0] : NULL;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_settings settings;
    int r;

    job->registry = registry_open(c, &r);
    if (job->registry)
        r = begin_context(job, c, &settings);
    if (r != 0)
        return r;
    if (text)
        r = leat_pipeline_from_text(job->registry, text, &settings, &job->pipeline, &error);
    else
        r = leat_pipeline_from_words(job->registry, (size_t)n_words, (const char *const *)words,
                                     &settings, &job->pipeline, &error);
    if (r < 0) {
        if (error.code == 0)
            error.code = r;
        build_failed(c, &error, text, n_words, words);
        return leat_exit_status(r);
    }
    return check_input(c, job->pipeline);
}

int job_open(struct job *job, const struct config *c, int n_words, char **words)
{
    int status;

    *job = (struct job){.text = NULL};
    if (c->file && n_words > 0)
        return message_fail(c, LEAT_EUSAGE, "'%s' is one word too many: the pipeline is in %s",
                            words[0], c->file);
    if (c->file) {
        status = read_text(c, &job->text);
        if (status != 0)
            return status;
    }
    return build(job, c, n_words, words);
}

void job_close(struct job *job)
{
    leat_pipeline_unref(job->pipeline);
    leat_context_unref(job->context);
    leat_registry_free(job->registry);
    free(job->text);
}
