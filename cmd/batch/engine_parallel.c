/* engine_parallel.c - GNU parallel, on this machine or over ssh on others; and the shards one after another, without it.
 *
 * Parallel gets whole commands as its input, each ended by a NUL, and no command line of its own: so it replaces no {} in
 * a name.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define EXIT_FIELD 6u /* of a line of the log of parallel, from 0 */

static void add_change(struct buf *b, const struct engine_job *job)
{
    buf_add(b, "cd ");
    buf_shell(b, job->directory);
}

/* A file in the directory of the plan. */
static void add_file(struct buf *b, const struct engine_job *job, const char *name)
{
    struct buf path = {.n = 0};

    buf_add(&path, "%s.d/%s", job->plan_path, name);
    buf_shell(b, buf_text(&path));
    b->failed = b->failed || path.failed;
    buf_free(&path);
}

/* A name of a file of hosts that parallel does not look for elsewhere, nor take for a special one. */
static void add_hosts(struct buf *b, const char *hosts)
{
    struct buf path = {.n = 0};

    buf_add(&path, "%s%s", *hosts == '/' ? "" : "./", hosts);
    buf_add(b, " --sshloginfile ");
    buf_shell(b, buf_text(&path));
    b->failed = b->failed || path.failed;
    buf_free(&path);
}

void parallel_script(struct buf *b, const struct engine_job *job)
{
    struct buf command = {.n = 0};

    add_change(&command, job);
    buf_add(&command, " && exec ");
    engine_command(&command, job);
    buf_add(b, "#!/bin/sh\n");
    add_change(b, job);
    buf_add(b, " || exit 1\ncommand=");
    buf_shell(b, buf_text(&command));
    buf_add(b, "\nfor shard in");
    for (size_t i = 0; i < job->n; i++)
        buf_add(b, " %u", (unsigned)job->shards[i]);
    buf_add(b, "; do\n    printf '%%s%%s\\0' \"$command\" \"$shard\"\ndone >");
    add_file(b, job, "commands");
    buf_add(b,
            " || exit 1\nexport PARALLEL_SHELL=/bin/sh\nexec parallel --will-cite -0 --line-buffer "
            "--halt never --jobs %u --joblog ",
            job->options->throttle > 0 ? job->options->throttle : 1);
    add_file(b, job, "joblog");
    if (job->options->hosts)
        add_hosts(b, job->options->hosts);
    if (job->options->options)
        buf_add(b, " %s", job->options->options);
    buf_add(b, " <");
    add_file(b, job, "commands");
    buf_add(b, "\n");
    b->failed = b->failed || command.failed;
    buf_free(&command);
}

void local_script(struct buf *b, const struct engine_job *job)
{
    buf_add(b, "#!/bin/sh\n");
    add_change(b, job);
    buf_add(b, " || exit 1\nstatus=0\nfor shard in");
    for (size_t i = 0; i < job->n; i++)
        buf_add(b, " %u", (unsigned)job->shards[i]);
    buf_add(b, "; do\n    ");
    engine_command(b, job);
    buf_add(b,
            "$shard || { last=$?; [ $last -le $status ] || status=$last; }\ndone\nexit $status\n");
}

/* --- the run ---------------------------------------------------------------------------------- */

/* Seq Host Starttime JobRuntime Send Receive Exitval Signal Command, with tabs between. Returns false: it is no such line,
 * but the head, or the rest of a command with newlines. */
static bool read_line(const char *line, int *ret_status)
{
    int fields[2], used = 0;

    if (*line < '0' || *line > '9')
        return false;
    for (size_t i = 0; i < EXIT_FIELD; i++) {
        line = strchr(line, '\t');
        if (!line)
            return false;
        line++;
    }
    if (sscanf(line, "%d\t%d\t%n", &fields[0], &fields[1], &used) != 2 || used == 0)
        return false;
    *ret_status = fields[1] > 0 ? 128 + fields[1] : fields[0];
    return true;
}

/* The highest status in the log of parallel, and the number of jobs in it. */
static int highest_status(const char *path, size_t *ret_jobs)
{
    FILE *log = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    int highest = 0;

    *ret_jobs = 0;
    while (log && getline(&line, &room, log) > 0) {
        int status;

        if (!read_line(line, &status))
            continue;
        highest = status > highest ? status : highest;
        ++*ret_jobs;
    }
    free(line);
    if (log)
        (void)fclose(log); /* it was only read */
    return highest;
}

static void stopped(const struct engine_job *job, const char *engine, int number)
{
    engine_tell(job->config, "each: stopped; go on with leat each --join=%s --resubmit --engine=%s",
                job->plan, engine);
    die_by(number);
}

static int run_parallel(const struct engine_job *job, char *path, const char *log,
                        bool *ret_submitted)
{
    char *argv[] = {(char[]){"/bin/sh"}, path, NULL};
    struct child_end end;
    size_t jobs;
    int status, highest;

    if (unlink(log) < 0 && errno != ENOENT) /* an older one, which would tell of other jobs */
        return message_fail(job->config, LEAT_EIO, "each: cannot remove %s: %s", log,
                            strerror(errno));
    status = child_run(job->config, argv, NULL, NULL, &end);
    if (status == 0 && end.error)
        status = message_fail(job->config, LEAT_ECHILD, "each: cannot run /bin/sh: %s",
                              strerror(end.error));
    if (status != 0)
        return status;
    if (end.signal > 0)
        stopped(job, "parallel", end.signal);
    highest = highest_status(log, &jobs);
    *ret_submitted = jobs > 0;
    if (end.status == 127 && jobs == 0)
        return message_fail(
            job->config, LEAT_ECHILD,
            "each: GNU parallel is not in the PATH; --engine=local runs the shards on "
            "this machine without it");
    if (jobs == 0 || (highest == 0 && end.status != 0))
        return message_fail(job->config, LEAT_ECHILD,
                            "each: parallel failed with status %d after %zu of %zu shards",
                            end.status, jobs, job->n);
    return highest;
}

int parallel_run(const struct engine_job *job, char *path, bool *ret_submitted)
{
    struct buf log = {.n = 0};
    int status;

    buf_add(&log, "%s.d/joblog", job->plan_path);
    status = log.failed ? message_fail(job->config, LEAT_ENOMEM, "out of memory")
                        : run_parallel(job, path, log.data, ret_submitted);
    buf_free(&log);
    return status;
}

int local_run(const struct engine_job *job, bool *ret_submitted)
{
    char **argv = calloc(job->n_words + 5, sizeof *argv), each[] = "each", shard[32];
    struct buf plan = {.n = 0};
    int status = argv ? 0 : message_fail(job->config, LEAT_ENOMEM, "out of memory"), highest = 0;

    buf_add(&plan, "--plan=%s", job->plan_path);
    if (status == 0) {
        argv[0] = job->leat;
        argv[1] = each;
        argv[2] = plan.data;
        for (size_t i = 0; i < job->n_words; i++)
            argv[3 + i] = job->words[i];
        argv[3 + job->n_words] = shard;
    }
    for (size_t i = 0; i < job->n && status == 0; i++) {
        struct child_end end;

        (void)snprintf(shard, sizeof shard, "--shard=%u", (unsigned)job->shards[i]);
        status = plan.failed ? message_fail(job->config, LEAT_ENOMEM, "out of memory")
                             : child_run(job->config, argv, NULL, NULL, &end);
        if (status == 0 && end.error)
            status = message_fail(job->config, LEAT_ECHILD, "each: cannot run %s: %s", job->leat,
                                  strerror(end.error));
        if (status == 0 && end.signal > 0)
            stopped(job, "local", end.signal);
        if (status == 0 && end.status > highest)
            highest = end.status;
    }
    *ret_submitted = true;
    buf_free(&plan);
    free(argv);
    return status ? status : highest;
}
