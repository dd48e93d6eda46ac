/* outcome.c - the root cause of a run, and how a failure spreads. */

#include "outcome.h"

#include <string.h>

#include "base/show.h"
#include "run/pipeline.h"

static void mark_above(struct leat_pipeline *p, const struct leat_stage_info *info)
{
    for (size_t i = 0; i < p->graph.n_links; i++) {
        const struct leat_link *link = &p->graph.links[i];
        struct leat_stage_info *from = &p->graph.infos[link->from - p->graph.infos];
        bool lets_go = link->port > 0 && (from->plan.flags & LEAT_DETACHES);

        if (link->to == info && !lets_go && !atomic_exchange(&from->failed.below, true))
            mark_above(p, from);
    }
}

static void mark_below(struct leat_pipeline *p, const struct leat_stage_info *info)
{
    for (size_t i = 0; i < p->graph.n_links; i++) {
        struct leat_stage_info *to = &p->graph.infos[p->graph.links[i].to - p->graph.infos];

        if (p->graph.links[i].from == info && !atomic_exchange(&to->failed.above, true))
            mark_below(p, to);
    }
}

/* A consequence never replaces a cause; a cause replaces a consequence. */
static bool is_consequence(int code)
{
    return code == LEAT_EPIPE || code == LEAT_ECANCELLED;
}

void leat_outcome_report(struct leat_pipeline *p, const struct leat_stage_info *info,
                         const struct leat_error *error)
{
    struct leat_error told = *error; /* the program may copy it */
    bool news = false;

    told.size = sizeof told;
    if (info && error->code != LEAT_ECANCELLED) { /* before a segment can see the failure */
        mark_above(p, info);
        mark_below(p, info);
    }
    pthread_mutex_lock(&p->lock);
    if (info && info->detached) {
        atomic_store(&info->detached->failed, true);
        news = !p->outcome.detached.code;
        if (news)
            p->outcome.detached = told;
    } else if (!p->outcome.error.code ||
               (!p->outcome.cancelled && is_consequence(p->outcome.error.code) &&
                !is_consequence(error->code))) {
        p->outcome.error = told;
        atomic_store(&p->outcome.failed, true);
        news = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (news)
        leat_tell_stage(p, LEAT_EVENT_FAILED, info, &told);
    if (atomic_load(&p->outcome.phase) == LEAT_PHASE_RUN)
        leat_outcome_wake_all(p);
}

void leat_outcome_wake_all(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++)
        leat_actor_wake(&p->executor, &p->graph.segments[i]->actor);
}

bool leat_outcome_rests(const struct leat_pipeline *p)
{
    int phase = p ? atomic_load(&p->outcome.phase) : LEAT_PHASE_RUN;

    return phase == LEAT_PHASE_BUILT || phase == LEAT_PHASE_DONE;
}

void leat_pipeline_cancel(struct leat_pipeline *p, int code, const char *text)
{
    bool early;

    if (!p)
        return;
    if (strcmp(leat_error_name(code), "UNKNOWN") == 0 || code >= 0)
        code = LEAT_ECANCELLED;
    pthread_mutex_lock(&p->lock);
    early = atomic_load(&p->outcome.phase) == LEAT_PHASE_BUILT;
    if ((early || p->outcome.running) && !p->outcome.settled) {
        struct leat_error *error = p->outcome.sending ? &p->outcome.recall : &p->outcome.error;

        if (!error->code) {
            p->outcome.cancelled = p->outcome.cancelled || !p->outcome.sending;
            *error = (struct leat_error){.size = sizeof *error, .code = code};
            (void)leat_show(text ? text : leat_strerror(code), error->text, sizeof error->text);
        }
        atomic_store_explicit(p->outcome.sending ? &p->outcome.recalled : &p->outcome.aborted, true,
                              memory_order_release);
        if (p->outcome.running)
            p->life.attend(p, false);
    }
    pthread_mutex_unlock(&p->lock);
}
