/* shard.c - a batch over several machines: the plan is written, or one of its shards is run.
 *
 * A shard may be run by several attempts, one after another or at once. Each has a journal of its own in the directory of
 * the records. An attempt skips what any of the journals has, and whose outputs are there. The record comes last, and that
 * of the first attempt stays; the others made the same bytes.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "record.h"

static int no_memory(const struct batch *b)
{
    return message_fail(b->config, LEAT_ENOMEM, "out of memory");
}

static int cannot(const struct batch *b, const char *path, const char *what, int error)
{
    char shown[SHOWN_MAX];

    if (error == ENOMEM)
        return no_memory(b);
    return message_fail(b->config, LEAT_EIO, "each: %s %s: %s",
                        leat_show(path, shown, sizeof shown), what, strerror(error));
}

static void note(const struct batch *b, struct buf *text)
{
    if (!b->config->quiet)
        (void)message_write(STDERR_FILENO, text); /* a lost note is no error */
    buf_free(text);
}

/* --- which shard ------------------------------------------------------------------------------ */

/* The variables in which schedulers give the number of a task, and the number of the first one. */
static const struct {
    const char *name;
    unsigned first;
} task_variables[] = {
    {"SLURM_ARRAY_TASK_ID", 0}, {"JOB_COMPLETION_INDEX", 0}, {"AWS_BATCH_JOB_ARRAY_INDEX", 0},
    {"SGE_TASK_ID", 1},         {"PBS_ARRAY_INDEX", 0},      {"LSB_JOBINDEX", 1},
};

/* A number from `from` to UINT32_MAX - 1 at *at, which moves after it. */
static bool take_number(const char **at, uint32_t from, uint32_t *ret)
{
    uint64_t n = 0;
    const char *begin = *at;

    for (; **at >= '0' && **at <= '9' && n < UINT32_MAX; (*at)++)
        n = n * 10 + (uint64_t)(**at - '0');
    if (*at == begin || n >= UINT32_MAX || n < from)
        return false;
    *ret = (uint32_t)n;
    return true;
}

static int number_of_task(const struct batch *b, uint32_t *ret)
{
    for (size_t i = 0; i < sizeof task_variables / sizeof *task_variables; i++) {
        const char *value = getenv(task_variables[i].name), *at = value;

        if (!value || strcmp(value, "undefined") == 0) /* SGE says so outside of an array */
            continue;
        if (!take_number(&at, task_variables[i].first, ret) || *at)
            return message_fail(b->config, LEAT_EUSAGE, "each: --shard=auto: %s is '%s', no number",
                                task_variables[i].name, value);
        *ret -= task_variables[i].first;
        return 0;
    }
    return message_fail(
        b->config, LEAT_EUSAGE,
        "each: --shard=auto: none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, "
        "AWS_BATCH_JOB_ARRAY_INDEX, SGE_TASK_ID, PBS_ARRAY_INDEX and LSB_JOBINDEX is set; "
        "give the number of the shard");
}

/* Set b->shard from --shard; *ret_n: the N of I/N, or 0. */
static int read_shard(struct batch *b, uint32_t *ret_n)
{
    const char *at = b->options->shard;

    *ret_n = 0;
    if (strcmp(at, "auto") == 0)
        return number_of_task(b, &b->shard);
    if (take_number(&at, 0, &b->shard) && (!*at || (*at++ == '/' && take_number(&at, 1, ret_n))) &&
        !*at && *ret_n <= SHARDS_MAX)
        return 0;
    return message_fail(b->config, LEAT_EUSAGE,
                        "each: option --shard: '%s' is not a number I from 0, I/N or auto",
                        b->options->shard);
}

static int check_shard(const struct batch *b, uint32_t shards)
{
    if (b->shard < shards)
        return 0;
    return message_fail(b->config, LEAT_EUSAGE,
                        "each: there is no shard %" PRIu32 ": there are %" PRIu32
                        ", from 0 to %" PRIu32,
                        b->shard, shards, shards - 1);
}

int shard_deal(struct batch *b)
{
    uint32_t shards = b->options->shards;
    size_t kept = 0;
    int status = 0;

    if (b->planned || (!b->options->shard && shards == 0))
        return 0;
    if (b->options->split)
        return range_split(b);
    if (b->options->shard) {
        status = read_shard(b, &shards);
        if (status == 0 && shards == 0)
            return message_fail(b->config, LEAT_EUSAGE,
                                "each: --shard needs the number of shards, as in --shard=%" PRIu32
                                "/16, or --plan=FILE and no inputs",
                                b->shard);
        status = status ? status : check_shard(b, shards);
    }
    if (status == 0 && plan_deal(&b->inputs, shards) < 0)
        status = no_memory(b);
    if (status != 0 || !b->options->shard)
        return status;
    b->inputs.bytes = 0;
    for (size_t i = 0; i < b->inputs.n; i++) {
        struct input *input = &b->inputs.v[i];

        input->number = (uint32_t)(i + 1);
        if (input->shard != b->shard)
            continue;
        b->inputs.bytes += input->size;
        b->inputs.v[kept++] = *input;
    }
    b->inputs.n = kept;
    return 0;
}

/* --- the plan --------------------------------------------------------------------------------- */

static bool is_of_shards(const char *name)
{
    return strncmp(name, "shard-", 6) == 0;
}

/* The directory of the records is there and has none. Those of an older plan are removed with --force. */
static int clear_records(const struct batch *b)
{
    const char *directory = buf_text(&b->records);
    DIR *dir = mkdir(directory, 0777) < 0 && errno != EEXIST ? NULL : opendir(directory);
    struct dirent *entry;
    int status = 0;

    if (!dir)
        return cannot(b, directory, "cannot be made", errno);
    while (status == 0 && (errno = 0, entry = readdir(dir))) {
        if (!is_of_shards(entry->d_name))
            continue;
        if (!b->config->settings.force)
            status = message_fail(b->config, LEAT_EEXIST,
                                  "each: %s has records of shards; give --force to remove them, or "
                                  "another name for the plan",
                                  directory);
        else if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
            status = cannot(b, entry->d_name, "cannot be removed", errno);
    }
    if (status == 0 && errno)
        status = cannot(b, directory, "cannot be read", errno);
    (void)closedir(dir); /* it was only read */
    return status;
}

/* Shards replace outputs, which another attempt may have made: none may be there now. */
static int check_outputs(const struct batch *b)
{
    char shown[SHOWN_MAX];

    for (size_t i = 0; i < b->inputs.n; i++) {
        char **names = b->config->settings.force ? NULL : batch_outputs(b, i);
        struct stat info;
        int status = 0;

        if (input_has_problem(&b->inputs.v[i])) /* a plan without it would look complete */
            status = tell_problem(b, &b->inputs.v[i]);
        else if (b->inputs.v[i].missing)
            status =
                message_fail(b->config, LEAT_ENOENT, "each: %s: no such file; nothing was planned",
                             leat_show(b->inputs.v[i].path, shown, sizeof shown));
        for (size_t k = 0; names && k < b->n_outputs && status == 0; k++)
            if (lstat(names[k], &info) == 0)
                status =
                    message_fail(b->config, LEAT_EEXIST,
                                 "each: the output %s exists; the shards would replace it: give "
                                 "--force if they may",
                                 leat_show(names[k], shown, sizeof shown));
        if (!names && !b->config->settings.force)
            status = no_memory(b);
        batch_outputs_free(b, names);
        if (status != 0)
            return status;
    }
    return 0;
}

static int begin_plan(struct batch *b)
{
    uint64_t id = 0;
    int r = uv_random(NULL, NULL, &id, sizeof id, 0, NULL);

    if (r < 0)
        return message_fail(b->config, LEAT_EIO, "each: no random number: %s", uv_strerror(r));
    b->plan.shards = b->options->shards;
    b->plan.same = b->options->same;
    b->plan.force = b->config->settings.force;
    b->plan.pipeline = strdup(buf_text(&b->text));
    (void)snprintf(b->plan.id, sizeof b->plan.id, "%016" PRIx64, id);
    buf_add(&b->records, "%s.d", b->options->plan);
    attempt_name(b->attempt);
    return b->plan.pipeline && !b->records.failed ? 0 : no_memory(b);
}

static void note_plan(const struct batch *b)
{
    struct buf text = {.n = 0};
    char shown[SHOWN_MAX];

    (void)leat_show(b->options->plan, shown, sizeof shown);
    if (b->config->json) {
        buf_add(&text, "{\"type\":\"plan\",\"path\":");
        buf_json(&text, b->options->plan);
        buf_add(&text,
                ",\"id\":\"%s\",\"shards\":%" PRIu32 ",\"inputs\":%zu,\"bytes\":%" PRIu64 "}\n",
                b->plan.id, b->plan.shards, b->inputs.n, b->plan.bytes);
    } else {
        buf_add(&text,
                "leat: %s: %zu inputs (%s) in %" PRIu32 " shards; run each I below %" PRIu32
                " with: leat each --plan=%s --shard=I\n",
                shown, b->inputs.n, human_bytes(b->plan.bytes).text, b->plan.shards, b->plan.shards,
                shown);
    }
    note(b, &text);
}

int shard_plan(struct batch *b)
{
    const char *path = b->options->plan;
    char shown[SHOWN_MAX];
    struct stat info;
    int status = begin_plan(b), error;

    if (status != 0)
        return status;
    if (b->to_stdout)
        return message_fail(
            b->config, LEAT_EUSAGE,
            "each: a shard cannot write to standard output; end the pipeline with a "
            "sink, as in: write 'out/{base}'");
    if (!b->plan.force && lstat(path, &info) == 0)
        error = EEXIST;
    else
        error = 0;
    if (error == 0)
        status = check_outputs(b);
    if (error == 0 && status == 0 && b->options->dry_run)
        return 0;
    if (error == 0 && status == 0)
        status = clear_records(b);
    if (error == 0 && status == 0)
        error = plan_write(&b->plan, &b->inputs, path, b->attempt, b->plan.force);
    if (error == EEXIST)
        return message_fail(b->config, LEAT_EEXIST,
                            "each: the plan %s exists; give --force to replace it",
                            leat_show(path, shown, sizeof shown));
    if (error)
        return cannot(b, path, "cannot be written", error);
    if (status == 0 && b->options->engine.kind == ENGINE_NONE)
        note_plan(b);
    return status;
}

/* --- a shard of the plan ---------------------------------------------------------------------- */

int shard_read_plan(const struct config *c, const char *path, struct plan *plan,
                    struct inputs *inputs, uint32_t shard)
{
    char shown[SHOWN_MAX];
    size_t line;
    int error, r = plan_read(plan, inputs, path, shard, &line, &error);

    (void)leat_show(path, shown, sizeof shown);
    if (r == LEAT_EIO)
        return message_fail(c, r, "each: %s cannot be read: %s", shown, strerror(error));
    if (r == LEAT_ENOMEM)
        return message_fail(c, r, "out of memory");
    if (r == LEAT_EUSAGE)
        return message_fail(c, r, "each: the plan %s is of another version of leat", shown);
    if (r < 0 && line > 0)
        return message_fail(c, r, "each: line %zu of %s is no line of a plan of leat each", line,
                            shown);
    return r < 0 ? message_fail(c, r, "each: the plan %s ends too early; write it again", shown)
                 : 0;
}

static int read_plan(struct batch *b)
{
    return shard_read_plan(b->config, b->options->plan, &b->plan, &b->inputs, b->shard);
}

int shard_open(struct batch *b)
{
    uint32_t n;
    int status = read_shard(b, &n);

    b->planned = true;
    if (status == 0)
        status = read_plan(b);
    if (status == 0 && n > 0 && n != b->plan.shards)
        status = message_fail(b->config, LEAT_EUSAGE,
                              "each: the plan %s has %" PRIu32 " shards, not %" PRIu32,
                              b->options->plan, b->plan.shards, n);
    if (status == 0)
        status = check_shard(b, b->plan.shards);
    if (status != 0)
        return status;
    attempt_name(b->attempt);
    buf_add(&b->records, "%s.d", b->options->plan);
    buf_add(&b->journal_path, "%s/shard-%04" PRIu32 ".%s.journal", buf_text(&b->records), b->shard,
            b->attempt);
    b->options->same = b->plan.same;
    b->replaces = true;
    return b->records.failed || b->journal_path.failed ? no_memory(b) : 0;
}

/* Are the outputs of the record there? Returns 0, or 1. */
static int look_at_outputs(void *user, struct record_line *line)
{
    struct stat info;
    int missing = 0;

    (void)user;
    for (const struct recorded_output *out = line->outputs; out && !missing; out = out->next)
        missing = stat(out->path, &info) < 0 ||
                  (S_ISREG(info.st_mode) && (uint64_t)info.st_size != out->size);
    record_outputs_free(line->outputs);
    return missing;
}

/* Is the shard done? A record whose outputs are gone is removed. */
static int look_at_record(struct batch *b, bool *ret_done)
{
    char *path = record_path(buf_text(&b->records), b->shard, ".json");
    struct arena arena = {.blocks = NULL};
    struct buf text = {.n = 0};
    int error = 0, status = 0;
    int r = path ? record_read(buf_text(&b->records), &b->plan, b->shard, &arena, look_at_outputs,
                               b, &error)
                 : LEAT_ENOMEM;

    arena_done(&arena);
    *ret_done = r == 0;
    if (r == 0) {
        buf_add(&text, "leat: shard %" PRIu32 " is done\n", b->shard);
        if (!b->config->json)
            note(b, &text);
    } else if (r == LEAT_EEXIST) {
        status =
            message_fail(b->config, r, "each: the record %s is of another plan; remove it", path);
    } else if (r == LEAT_ENOMEM) {
        status = no_memory(b);
    } else if (r == LEAT_EIO) {
        status = cannot(b, path, "cannot be read", error);
    } else if (r != LEAT_ENOENT && unlink(path) < 0 &&
               errno != ENOENT) { /* gone outputs, or torn */
        status = cannot(b, path, "cannot be removed", errno);
    }
    free(path);
    buf_free(&text);
    return status;
}

static int read_file(int at, const char *name, struct buf *ret)
{
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    char piece[65536];
    ssize_t n = -1;
    int error;

    while (fd >= 0 && !ret->failed && (n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        buf_bytes(ret, piece, (size_t)n);
    }
    error = fd < 0 || n < 0 ? errno : ret->failed ? ENOMEM : 0;
    if (fd >= 0)
        (void)close(fd); /* it was only read */
    return error;
}

/* Add what a journal of the shard has. One that was torn in its middle, as a file system may leave it after a crash, counts
 * up to there. */
static int add_journal(struct batch *b, int at, const char *name)
{
    struct buf text = {.n = 0};
    size_t whole, line;
    int error = read_file(at, name, &text);

    if (error == 0 && journal_load(&b->journal, buf_text(&text), text.n, buf_text(&b->text),
                                   b->plan.same, &whole, &line) == LEAT_ENOMEM)
        error = ENOMEM;
    buf_free(&text);
    return error && error != ENOENT ? cannot(b, name, "cannot be read", error) : 0;
}

static int add_journals(struct batch *b)
{
    const char *directory = buf_text(&b->records);
    DIR *dir = mkdir(directory, 0777) < 0 && errno != EEXIST ? NULL : opendir(directory);
    char prefix[32];
    struct dirent *entry;
    int status = 0;

    if (!dir)
        return cannot(b, directory, "cannot be opened", errno);
    (void)snprintf(prefix, sizeof prefix, "shard-%04" PRIu32 ".", b->shard);
    while (status == 0 && (errno = 0, entry = readdir(dir))) {
        size_t n = strlen(entry->d_name);

        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && n > 8 &&
            strcmp(entry->d_name + n - 8, ".journal") == 0)
            status = add_journal(b, dirfd(dir), entry->d_name);
    }
    if (status == 0 && errno)
        status = cannot(b, directory, "cannot be read", errno);
    (void)closedir(dir); /* it was only read */
    return status;
}

int shard_begin(struct batch *b, bool *ret_done)
{
    int status = look_at_record(b, ret_done);

    if (status != 0 || *ret_done)
        return status;
    b->options->journal = buf_text(&b->journal_path);
    return add_journals(b);
}

/* --- its end ---------------------------------------------------------------------------------- */

/* An element of the list of failures from a line of the journal. */
static void add_failure(struct draft *d, const char *line, size_t n, bool *first_of_all)
{
    struct json j = {.bad = false};
    struct buf path = {.n = 0}, text = {.n = 0};
    uint64_t status = 0;
    bool first = true;

    json_begin(&j, line, n);
    for (bool more = json_open(&j, '{'); more && json_more(&j, '}', &first);) {
        const char *key = json_key(&j);

        if (strcmp(key, "failed") == 0)
            buf_add(&path, "%s", json_text(&j));
        else if (strcmp(key, "exit") == 0)
            status = json_number(&j);
        else if (strcmp(key, "text") == 0)
            buf_add(&text, "%s", json_text(&j));
        else
            json_skip(&j);
    }
    if (!j.bad) {
        buf_add(&d->text, "%s\n{\"path\":", *first_of_all ? "" : ",");
        json_name(&d->text, buf_text(&path));
        buf_add(&d->text, ",\"exit\":%" PRIu64 ",\"text\":", status);
        json_name(&d->text, buf_text(&text));
        buf_add(&d->text, "}");
        *first_of_all = false;
        draft_flush(d);
    }
    json_done(&j);
    buf_free(&path);
    buf_free(&text);
}

/* shard-0007.ATTEMPT.failed.json: the failures that the journal of this attempt has. */
static int write_failures(struct batch *b)
{
    char suffix[ATTEMPT_MAX + 16], *path;
    struct buf text = {.n = 0};
    struct draft draft;
    bool first = true;
    int error = read_file(AT_FDCWD, buf_text(&b->journal_path), &text);

    (void)snprintf(suffix, sizeof suffix, ".%s.failed.json", b->attempt);
    path = record_path(buf_text(&b->records), b->shard, suffix);
    if (error || !path) {
        buf_free(&text);
        free(path);
        return cannot(b, buf_text(&b->journal_path), "cannot be read", error ? error : ENOMEM);
    }
    draft_open(&draft, path, b->attempt);
    buf_add(&draft.text,
            "{\"leat\":\"shard\",\"version\":1,\"plan\":\"%s\",\"shard\":%" PRIu32
            ",\"attempt\":\"%s\",\"not_done\":%zu,\"failed\":[",
            b->plan.id, b->shard, b->attempt, b->counts[OUTCOME_DROPPED]);
    for (const char *at = buf_text(&text), *end; (end = strchr(at, '\n')); at = end + 1)
        if (strncmp(at, "{\"failed\":", 10) == 0)
            add_failure(&draft, at, (size_t)(end - at), &first);
    buf_free(&text);
    buf_add(&draft.text, "\n]}\n");
    error = draft_commit(&draft, path, true);
    error = error ? cannot(b, path, "cannot be written", error) : 0;
    free(path);
    return error;
}

/* All inputs are done: the record, from the journals of this attempt and of those before it. */
static int write_record(struct batch *b)
{
    const char *directory = buf_text(&b->records);
    struct draft draft;
    int error, status = add_journal(b, AT_FDCWD, buf_text(&b->journal_path));

    if (status != 0)
        return status;
    record_begin(&draft, directory, &b->plan, b->shard, b->attempt);
    for (size_t i = 0; i < b->inputs.n; i++) {
        const struct recorded *r = journal_find(&b->journal, b->inputs.v[i].path);

        if (!r || !r->done) {
            draft_drop(&draft);
            return message_fail(
                b->config, LEAT_EIO,
                "each: the journal %s does not have what was done; run the shard again",
                b->options->journal);
        }
        record_add(&draft, i == 0, &b->inputs.v[i], r->outputs);
    }
    error = record_end(&draft, directory, b->shard);
    return error && error != EEXIST
               ? cannot(b, directory, "cannot get the record of the shard", error)
               : 0;
}

int shard_end(struct batch *b, int status)
{
    size_t left =
        b->counts[OUTCOME_FAILED] + b->counts[OUTCOME_CHANGED] + b->counts[OUTCOME_DROPPED];
    int error;

    if (b->fatal)
        return status;
    if (left == 0)
        return status ? status : write_record(b);
    error = write_failures(b);
    return error ? error
                 : status; /* that of the input if there is only one: a scheduler knows it */
}
