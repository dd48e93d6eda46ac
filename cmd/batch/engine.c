/* engine.c - the options of an engine, the words of a shell, and the common part of a run. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "document.h"
#include "engine.h"

/* --- words ------------------------------------------------------------------------------------ */

void buf_shell(struct buf *b, const char *text)
{
    size_t plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "%+,-./:=@_");

    if (*text && !text[plain]) {
        buf_add(b, "%s", text);
        return;
    }
    buf_add(b, "'");
    for (; *text; text++) {
        if (*text == '\'')
            buf_add(b, "'\\''");
        else
            buf_bytes(b, text, 1);
    }
    buf_add(b, "'");
}

void engine_command(struct buf *b, const struct engine_job *job)
{
    struct buf plan = {.n = 0};

    buf_add(&plan, "--plan=%s", job->plan_path);
    buf_shell(b, job->options->kind == ENGINE_KUBERNETES ? "leat" : job->leat);
    buf_add(b, " each ");
    buf_shell(b, buf_text(&plan));
    for (size_t i = 0; i < job->n_words; i++) {
        buf_add(b, " ");
        buf_shell(b, job->words[i]);
    }
    buf_add(b, " --shard=");
    b->failed = b->failed || plan.failed;
    buf_free(&plan);
}

/* --- options ---------------------------------------------------------------------------------- */

static int misplaced(const struct config *c, const char *option, const char *engines)
{
    return message_fail(c, LEAT_EUSAGE, "each: --%s is an option of --engine=%s", option, engines);
}

int engine_check(const struct config *c, const struct engine_options *o)
{
    bool slurm = o->kind == ENGINE_SLURM, kubernetes = o->kind == ENGINE_KUBERNETES;
    bool parallel = o->kind == ENGINE_PARALLEL;

    if (o->options && !slurm && !parallel)
        return misplaced(c, "engine-options", "slurm and --engine=parallel");
    if (o->image && !kubernetes)
        return misplaced(c, "engine-image", "kubernetes");
    if (o->volume && !kubernetes)
        return misplaced(c, "engine-volume", "kubernetes");
    if (o->hosts && !parallel)
        return misplaced(c, "engine-hosts", "parallel");
    if (o->throttle > 0 && !slurm && !kubernetes && !parallel)
        return misplaced(c, "throttle", "slurm, kubernetes and parallel");
    if (kubernetes && !o->image)
        return message_fail(
            c, LEAT_EUSAGE,
            "each: --engine=kubernetes needs --engine-image=IMAGE, an image in which "
            "leat is in the PATH");
    if (o->options && strpbrk(o->options, "\r\n"))
        return message_fail(c, LEAT_EUSAGE, "each: --engine-options is one line");
    return 0;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* The working directory, by the name that the shell has for it: a mount point may have another name on other machines. */
static char *working_directory(void)
{
    const char *named = getenv("PWD");
    struct stat by_name, here;

    if (named && *named == '/' && stat(named, &by_name) == 0 && stat(".", &here) == 0 &&
        by_name.st_dev == here.st_dev && by_name.st_ino == here.st_ino)
        return strdup(named);
    return getcwd(NULL, 0);
}

static char *own_path(void)
{
    char path[PATH_MAX];
    size_t n = sizeof path;

    return uv_exepath(path, &n) == 0 ? strdup(path) : NULL;
}

static void close_job(struct engine_job *job)
{
    free(job->leat);
    free(job->directory);
    free(job->plan_path);
    job->leat = job->directory = job->plan_path = NULL;
}

/* The text of the script, and the names that it needs. Returns 0, or an exit status after a message. */
static int make_script(struct engine_job *job, struct buf *script)
{
    struct buf path = {.n = 0};
    int status = 0;

    job->leat = own_path();
    job->directory = working_directory();
    if (!job->leat || !job->directory)
        return message_fail(job->config, LEAT_EIO, "each: the path of %s is not known: %s",
                            job->leat ? "the working directory" : "leat", strerror(errno));
    if (*job->plan != '/')
        buf_add(&path, "%s/", job->directory);
    buf_add(&path, "%s", job->plan);
    job->plan_path = path.data;
    if (path.failed)
        return message_fail(job->config, LEAT_ENOMEM, "out of memory");
    switch (job->options->kind) {
    case ENGINE_SLURM:
        slurm_script(script, job);
        break;
    case ENGINE_KUBERNETES:
        status = kubernetes_manifest(script, job);
        break;
    case ENGINE_PARALLEL:
        parallel_script(script, job);
        break;
    default:
        local_script(script, job);
    }
    if (status == 0 && script->failed)
        status = message_fail(job->config, LEAT_ENOMEM, "out of memory");
    return status;
}

int engine_print(struct engine_job *job)
{
    struct buf script = {.n = 0};
    int status = make_script(job, &script);

    if (status == 0)
        status = out_write(&script);
    buf_free(&script);
    close_job(job);
    return status;
}

/* Write the script into the directory of the plan. Returns an errno. */
static int write_script(const struct engine_job *job, const struct buf *script, struct buf *path)
{
    static const char *const names[] = {[ENGINE_SLURM] = "slurm.sh",
                                        [ENGINE_KUBERNETES] = "kubernetes.yaml",
                                        [ENGINE_PARALLEL] = "parallel.sh"};
    char attempt[ATTEMPT_MAX];
    struct draft draft;

    buf_add(path, "%s.d", job->plan_path);
    if (path->failed)
        return ENOMEM;
    if (mkdir(path->data, 0777) < 0 && errno != EEXIST)
        return errno;
    buf_add(path, "/%s", names[job->options->kind]);
    if (path->failed)
        return ENOMEM;
    attempt_name(attempt);
    draft_open(&draft, path->data, attempt);
    buf_bytes(&draft.text, script->data, script->n);
    return draft_commit(&draft, path->data, true);
}

static bool is_in_path(const char *program)
{
    const char *path = getenv("PATH");
    char name[PATH_MAX];

    for (const char *at = path ? path : ""; *at;) {
        size_t n = strcspn(at, ":");

        (void)snprintf(name, sizeof name, "%.*s/%s", (int)n, at, program);
        if (access(name, X_OK) == 0)
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

/* Without kubectl the user takes the manifest to where it is. */
static int submit(const struct engine_job *job, char *path, bool *ret_submitted)
{
    switch (job->options->kind) {
    case ENGINE_SLURM:
        return slurm_run(job, path, ret_submitted);
    case ENGINE_PARALLEL:
        return parallel_run(job, path, ret_submitted);
    default:
        break;
    }
    if (is_in_path("kubectl"))
        return kubernetes_run(job, path, ret_submitted);
    engine_tell(
        job->config,
        "each: kubectl is not in the PATH; where it is, run kubectl create -f %s, and after the "
        "end of the job leat each --join=%s",
        path, job->plan);
    return 0;
}

int engine_run(struct engine_job *job, bool *ret_submitted)
{
    struct buf script = {.n = 0}, path = {.n = 0};
    int status = make_script(job, &script), error;

    *ret_submitted = false;
    if (status == 0 && job->options->kind == ENGINE_LOCAL) {
        status = local_run(job, ret_submitted);
    } else if (status == 0) {
        error = write_script(job, &script, &path);
        status = error ? message_fail(job->config, LEAT_EIO, "each: cannot write %s: %s",
                                      buf_text(&path), strerror(error))
                       : submit(job, path.data, ret_submitted);
    }
    buf_free(&script);
    buf_free(&path);
    close_job(job);
    return status;
}
