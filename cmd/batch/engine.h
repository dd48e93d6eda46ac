/* engine.h - the shards of a plan on other machines: a script or a manifest for a scheduler, its submission, and its end.
 *
 * No daemon and no protocol of our own: the job runs `leat each --plan=RUN.json --shard=N` for each shard, and the records
 * beside the plan tell what is done. Paths are the same on all machines.
 */
#ifndef CMD_BATCH_ENGINE_H
#define CMD_BATCH_ENGINE_H

#include "../cmd.h"

enum engine { ENGINE_NONE, ENGINE_SLURM, ENGINE_KUBERNETES, ENGINE_PARALLEL, ENGINE_LOCAL };

/* The values of --engine, in the order of the enum from ENGINE_SLURM on. */
#define ENGINE_CHOICES "slurm|kubernetes|parallel|local"

/* The values of the options of the same names; NULL or 0: not given. */
struct engine_options {
    enum engine kind;
    const char *options, *image, *volume, *hosts;
    unsigned throttle;
};

/* Shards of a plan. All text is borrowed. */
struct engine_job {
    const struct config *config;
    const struct engine_options *options;
    const char *plan, *id;  /* path and id of the plan */
    const uint32_t *shards; /* their numbers, ascending; n of them, at least one */
    size_t n;
    bool all; /* they are 0 to n - 1: all of the plan */
    /* Words of leat for each shard, before its number: options of the run. n_words of them. */
    char *const *words;
    size_t n_words;
    /* Set by engine_open: */
    char *leat, *directory, *plan_path; /* absolute; owned */
};

/* engine_check - are the options complete, and for this engine? Returns 0, or an exit status after a message. */
int engine_check(const struct config *config, const struct engine_options *options);
/* engine_print - write the script or manifest to standard output. Returns 0, or an exit status after a message. */
int engine_print(struct engine_job *job);
/* engine_run - write the script into the directory of the plan, submit it and wait for its end. Returns an exit status: the
 * highest of the shards. *ret_submitted: false: it was not run, and the user has been told how to. Does not return if a
 * signal ends the process. */
int engine_run(struct engine_job *job, bool *ret_submitted);

/* --- engine_slurm.c, engine_kubernetes.c, engine_parallel.c: the texts ---------------------------- */

/* buf_shell - a word for a POSIX shell, quoted if it has to be. */
void buf_shell(struct buf *buf, const char *text);
/* engine_command - `leat each --plan=… WORDS… --shard=` for a POSIX shell; the number of the shard follows. */
void engine_command(struct buf *buf, const struct engine_job *job);

void slurm_script(struct buf *buf, const struct engine_job *job);
/* kubernetes_manifest - Returns 0, or an exit status after a message: a name cannot be in it. */
int kubernetes_manifest(struct buf *buf, const struct engine_job *job);
void parallel_script(struct buf *buf, const struct engine_job *job);
void local_script(struct buf *buf, const struct engine_job *job);

/* Each runs the script at `path`, or the shards, to the end; returns as engine_run. */
int slurm_run(const struct engine_job *job, char *path, bool *ret_submitted);
int kubernetes_run(const struct engine_job *job, char *path, bool *ret_submitted);
int parallel_run(const struct engine_job *job, char *path, bool *ret_submitted);
int local_run(const struct engine_job *job, bool *ret_submitted);

/* --- engine_child.c ------------------------------------------------------------------------------ */

#define CHILD_LINE_MAX 65536u /* of its output; the rest of a longer line is left out */

/* The end of a child process. */
struct child_end {
    int error;  /* errno: it could not be started; else 0 */
    int status; /* 128 + n for a signal */
    int signal; /* that this process got while the child ran; 0: none. It was passed on. */
};

/* child_run - run argv[0] of the PATH to its end. `line`, unless NULL, gets each line of its standard output, without the
 * newline; when it returns false the child is ended. Returns 0, or an exit status after a message: there is
 * no loop. */
int child_run(const struct config *config, char **argv, bool (*line)(void *user, const char *text),
              void *user, struct child_end *ret);
/* engine_tell - a line for people on standard error, unless --quiet is given. */
void engine_tell(const struct config *config, const char *format, ...) LEAT_PRINTF(2, 3);

#endif
