/* engine_kubernetes.c - an Indexed Job of Kubernetes: one index a shard, as a manifest in YAML.
 *
 * A usage error and corrupt data fail their index at once, other failures are tried again, and an eviction does not count. The
 * other indexes go on. Names are strings of JSON, which are valid YAML.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define INDEXES_MAX 100000u /* of a Job with backoffLimitPerIndex */
#define RETRIES_MAX 3u      /* of an index */

/* In a command `$(NAME)` is a variable, and $$ is a dollar. */
static void add_word(struct buf *b, const char *text)
{
    struct buf doubled = {.n = 0};

    for (; *text; text++) {
        buf_bytes(&doubled, text, 1);
        if (*text == '$')
            buf_bytes(&doubled, "$", 1);
    }
    buf_json(b, buf_text(&doubled));
    b->failed = b->failed || doubled.failed;
    buf_free(&doubled);
}

static void add_argument(struct buf *b, const char *text)
{
    buf_add(b, "            - ");
    add_word(b, text);
    buf_add(b, "\n");
}

/* All shards: index and shard are the same, and no shell is needed. */
static void add_command(struct buf *b, const struct engine_job *job)
{
    struct buf text = {.n = 0};

    if (job->all) {
        buf_add(&text, "--plan=%s", job->plan_path);
        buf_add(b, "          command: [\"leat\"]\n          args:\n");
        add_argument(b, "each");
        add_argument(b, buf_text(&text));
        for (size_t i = 0; i < job->n_words; i++)
            add_argument(b, job->words[i]);
        add_argument(b, "--shard=auto");
    } else {
        buf_add(&text, "set --");
        for (size_t i = 0; i < job->n; i++)
            buf_add(&text, " %u", (unsigned)job->shards[i]);
        buf_add(&text, "\nshift \"$JOB_COMPLETION_INDEX\"\nexec ");
        engine_command(&text, job);
        buf_add(&text, "\"$1\"\n");
        buf_add(b, "          command: [\"/bin/sh\", \"-c\"]\n          args:\n");
        add_argument(b, buf_text(&text));
    }
    b->failed = b->failed || text.failed;
    buf_free(&text);
}

static void add_container(struct buf *b, const struct engine_job *job, const char *claim,
                          const char *mount)
{
    buf_add(b, "      containers:\n        - name: leat\n          image: ");
    buf_json(b, job->options->image);
    buf_add(b, "\n");
    add_command(b, job);
    buf_add(b, "          workingDir: ");
    buf_json(b, job->directory);
    if (*claim) {
        buf_add(b,
                "\n          volumeMounts:\n            - name: data\n              mountPath: ");
        buf_json(b, mount);
        buf_add(b, "\n      volumes:\n        - name: data\n          persistentVolumeClaim:\n"
                   "            claimName: ");
        buf_json(b, claim);
    }
    buf_add(b, "\n");
}

static void add_job(struct buf *b, const struct engine_job *job)
{
    unsigned at_once = job->options->throttle;

    if (at_once == 0 || at_once > job->n)
        at_once = (unsigned)job->n;
    buf_add(b,
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  %s: leat-each-%s%s\n  labels:\n"
            "    app.kubernetes.io/name: leat\nspec:\n  completionMode: Indexed\n"
            "  completions: %zu\n  parallelism: %u\n  backoffLimitPerIndex: %u\n",
            job->all ? "name" : "generateName", job->id, job->all ? "" : "-", job->n, at_once,
            RETRIES_MAX);
    buf_add(b, "  podFailurePolicy:\n    rules:\n"
               "      - action: Ignore\n        onPodConditions:\n"
               "          - type: DisruptionTarget\n            status: \"True\"\n"
               "      - action: FailIndex\n        onExitCodes:\n          containerName: leat\n"
               "          operator: In\n          values: [2, 3]\n"
               "  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: leat\n"
               "    spec:\n      restartPolicy: Never\n");
}

static bool is_text(const char *text)
{
    while (*text) {
        bool plain;
        size_t n = leat_show_char(text, &plain);

        if (n == 0)
            return false;
        text += n;
    }
    return true;
}

int kubernetes_manifest(struct buf *b, const struct engine_job *job)
{
    const char *volume = job->options->volume ? job->options->volume : "";
    size_t n = strcspn(volume, ":");
    const char *mount = volume[n] ? volume + n + 1 : job->directory;
    char claim[256], shown[SHOWN_MAX];

    if (n >= sizeof claim)
        return message_fail(job->config, LEAT_EUSAGE,
                            "each: the claim of --engine-volume is too long");
    (void)snprintf(claim, sizeof claim, "%.*s", (int)n, volume);
    if (job->n > INDEXES_MAX)
        return message_fail(job->config, LEAT_ELIMIT,
                            "each: a Job of Kubernetes has at most %u indexes; plan fewer shards",
                            INDEXES_MAX);
    for (size_t i = 0; i < 2 + job->n_words; i++) {
        const char *word = i == 0 ? job->plan_path : i == 1 ? job->directory : job->words[i - 2];

        if (!is_text(word))
            return message_fail(
                job->config, LEAT_EUSAGE,
                "each: %s is not UTF-8, so it cannot be in a manifest; give it another "
                "name",
                leat_show(word, shown, sizeof shown));
    }
    if (*claim && (*mount != '/' || strchr(mount, ':')))
        return message_fail(
            job->config, LEAT_EUSAGE,
            "each: --engine-volume: %s is no path that a volume can be mounted at: it "
            "begins with a slash and has no colon; as in --engine-volume=data:/mnt/data",
            leat_show(mount, shown, sizeof shown));
    add_job(b, job);
    add_container(b, job, claim, mount);
    return 0;
}

/* --- its run ---------------------------------------------------------------------------------- */

struct watching {
    char name[320]; /* job.batch/NAME */
    size_t lines;   /* of a watch */
    bool ended;
    int highest; /* exit status of a pod */
};

static bool on_name(void *user, const char *text)
{
    struct watching *w = user;

    if (!*w->name)
        (void)snprintf(w->name, sizeof w->name, "%s", text);
    return true;
}

static bool on_condition(void *user, const char *text)
{
    struct watching *w = user;

    w->lines++;
    w->ended = strstr(text, "Complete=True") || strstr(text, "Failed=True");
    return !w->ended;
}

static bool on_status(void *user, const char *text)
{
    struct watching *w = user;
    int status = atoi(text);

    w->highest = status > w->highest ? status : w->highest;
    return true;
}

/* Run kubectl. Returns 0, or an exit status after a message. */
static int kubectl(const struct engine_job *job, char **argv,
                   bool (*line)(void *user, const char *text), struct watching *w)
{
    struct child_end end;
    int status = child_run(job->config, argv, line, w, &end);

    if (status != 0)
        return status;
    if (end.error)
        return message_fail(job->config, LEAT_ECHILD, "each: cannot run kubectl: %s",
                            strerror(end.error));
    if (end.signal > 0) {
        if (*w->name)
            engine_tell(
                job->config,
                "each: %s goes on; `kubectl delete %s` ends it, and `leat each --join=%s` tells "
                "what is done",
                w->name, w->name, job->plan);
        die_by(end.signal);
    }
    if (end.status != 0 && !w->ended)
        return message_fail(job->config, LEAT_ECHILD, "each: kubectl %s failed with status %d",
                            argv[1], end.status);
    return 0;
}

/* A watch of the API server ends now and then; one that says nothing is not tried again. */
static int wait_for_end(const struct engine_job *job, struct watching *w)
{
    char *argv[] = {
        (char[]){"kubectl"},
        (char[]){"get"},
        w->name,
        (char[]){"--watch"},
        (char[]){"-o"},
        (char[]){"jsonpath={range .status.conditions[*]}{.type}={.status} {end}{\"\\n\"}"},
        NULL};
    int status = 0;

    while (status == 0 && !w->ended) {
        w->lines = 0;
        status = kubectl(job, argv, on_condition, w);
        if (status == 0 && w->lines == 0)
            status =
                message_fail(job->config, LEAT_ECHILD,
                             "each: kubectl does not tell the end of %s; leat each --join=%s tells "
                             "what is done",
                             w->name, job->plan);
    }
    return status;
}

int kubernetes_run(const struct engine_job *job, char *path, bool *ret_submitted)
{
    struct watching w = {.lines = 0};
    char selector[400];
    char *create[] = {(char[]){"kubectl"},
                      (char[]){"create"},
                      (char[]){"-f"},
                      path,
                      (char[]){"-o"},
                      (char[]){"name"},
                      NULL};
    char *pods[] = {
        (char[]){"kubectl"},
        (char[]){"get"},
        (char[]){"pods"},
        (char[]){"-l"},
        selector,
        (char[]){"-o"},
        (char[]){"jsonpath={range .items[*]}{.status.containerStatuses[0].state.terminated."
                 "exitCode}{\"\\n\"}{end}"},
        NULL};
    int status = kubectl(job, create, on_name, &w);
    const char *name = strchr(w.name, '/');

    *ret_submitted = status == 0;
    if (status != 0)
        return status;
    engine_tell(job->config, "each: %s is submitted", w.name);
    (void)snprintf(selector, sizeof selector, "job-name=%s", name ? name + 1 : w.name);
    status = wait_for_end(job, &w);
    if (status == 0)
        status = kubectl(job, pods, on_status, &w);
    return status ? status : w.highest;
}
