/* sandbox.c - --sandbox: the command confines itself to what the pipeline needs, before it runs it. */

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "../cmd.h"

/* Without a command of the user (exec), an attacker who controls the process gains nothing from a
 * setuid program. The command of an `exec` may be setuid, such as sudo. */
static void give_up_privileges(const struct leat_pipeline *p)
{
    struct leat_stats stats;

    stats = stats_now(p);
    for (size_t i = 0; i < stats.n_stages; i++) {
        struct leat_stage_stats stage;

        stage = stage_now(p, i);
        if (strcmp(stage.name, "exec") == 0)
            return;
    }
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* fails on an old kernel */
}

/* An older file is looked into, and then replaced. */
static int allow_own(struct leat_confinement *list, const char *path)
{
    int r = path ? leat_confinement_allow(list, path, LEAT_ACCESS_READ) : 0;

    return path && r == 0 ? leat_confinement_allow(list, path, LEAT_ACCESS_OUTPUT) : r;
}

struct leat_confinement *sandbox_list(const struct config *c, const struct leat_pipeline *pipeline,
                                      size_t n_files, char *const *files)
{
    struct leat_confinement *list = leat_confinement_new();
    int r = list ? allow_own(list, c->report) : LEAT_ENOMEM;

    if (r == 0)
        r = allow_own(list, c->trace);
    if (r == 0)
        r = allow_own(list, c->metrics);
    if (r == 0 && c->otlp)
        r = otlp_allow(c, list);
    if (r == 0 && pipeline)
        r = leat_confinement_add(list, pipeline);
    for (size_t i = 0; i < n_files && r == 0; i++)
        r = leat_confinement_allow(list, files[i], LEAT_ACCESS_READ);
    if (r == 0)
        return list;
    leat_confinement_free(list);
    return NULL;
}

int sandbox_enter(const struct config *c, const struct leat_pipeline *pipeline, size_t n_files,
                  char *const *files)
{
    unsigned required =
        c->sandbox == SANDBOX_REQUIRE ? LEAT_CONFINED_FILES | LEAT_CONFINED_CALLS : 0;
    struct leat_error error = LEAT_INIT(leat_error);
    struct leat_confinement *list;
    int r;

    if (pipeline)
        give_up_privileges(pipeline);
    if (c->sandbox == SANDBOX_OFF)
        return 0;
    list = sandbox_list(c, pipeline, n_files, files);
    if (!list)
        return message_fail(c, LEAT_ENOMEM, "out of memory");
    r = leat_confine(list, required, NULL, &error);
    leat_confinement_free(list);
    return r < 0 ? message_fail(c, r, "--sandbox=require: %s", error.text) : 0;
}
