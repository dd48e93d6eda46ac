/* engine_slurm.c - an array job of Slurm: one task a shard.
 *
 * A task that is requeued, or that runs twice because its node was lost and goes on, is safe: attempts have own temporary
 * names, and the first record counts. All names are words of the shell script, none is on a line of #SBATCH: those know no
 * newline.
 */

#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* The shards as "0-7" or "1,5-7". */
static void add_list(struct buf *b, const struct engine_job *job)
{
    for (size_t i = 0, last; i < job->n; i = last + 1) {
        for (last = i; last + 1 < job->n && job->shards[last + 1] == job->shards[last] + 1;)
            last++;
        buf_add(b, "%s%u", i > 0 ? "," : "", (unsigned)job->shards[i]);
        if (last > i)
            buf_add(b, "-%u", (unsigned)job->shards[last]);
    }
}

void slurm_script(struct buf *b, const struct engine_job *job)
{
    buf_add(b, "#!/bin/sh\n#SBATCH --job-name=leat-each-%s\n#SBATCH --array=", job->id);
    add_list(b, job);
    if (job->options->throttle > 0)
        buf_add(b, "%%%u", job->options->throttle);
    buf_add(b, "\n#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --output=/dev/null\n");
    if (job->options->options)
        buf_add(b, "#SBATCH %s\n", job->options->options);
    buf_add(b, "cd ");
    buf_shell(b, job->directory);
    buf_add(b, " || exit 1\nlog=$(printf '%%s.d/shard-%%04d.log' ");
    buf_shell(b, job->plan_path);
    buf_add(b, " \"$SLURM_ARRAY_TASK_ID\")\nexec >>\"$log\" 2>&1\nexec ");
    engine_command(b, job);
    buf_add(b, "auto\n");
}

/* --- its run ---------------------------------------------------------------------------------- */

struct submission {
    const struct config *config;
    char id[64]; /* of the job; "": it was not taken */
};

/* `sbatch --parsable` writes JOB or JOB;CLUSTER. */
static bool on_line(void *user, const char *text)
{
    struct submission *s = user;

    if (*s->id || *text < '0' || *text > '9')
        return true;
    (void)snprintf(s->id, sizeof s->id, "%.*s", (int)strcspn(text, ";"), text);
    engine_tell(s->config, "each: job %s of Slurm is submitted", s->id);
    return true;
}

int slurm_run(const struct engine_job *job, char *path, bool *ret_submitted)
{
    struct submission s = {.config = job->config};
    char *argv[] = {(char[]){"sbatch"}, (char[]){"--wait"}, (char[]){"--parsable"}, path, NULL};
    struct child_end end;
    int status = child_run(job->config, argv, on_line, &s, &end);

    if (status != 0)
        return status;
    *ret_submitted = *s.id != '\0';
    if (end.error)
        return message_fail(job->config, LEAT_ECHILD,
                            "each: cannot run sbatch: %s; --dry-run prints the script",
                            strerror(end.error));
    if (end.signal > 0) {
        if (*s.id)
            engine_tell(
                job->config,
                "each: job %s goes on; `scancel %s` ends it, and `leat each --join=%s` tells "
                "what is done",
                s.id, s.id, job->plan);
        die_by(end.signal);
    }
    if (!*s.id)
        return message_fail(job->config, LEAT_ECHILD,
                            "each: sbatch did not take the job (status %d); the plan is kept: try "
                            "again with leat each --join=%s --resubmit --engine=slurm",
                            end.status, job->plan);
    return end.status;
}
