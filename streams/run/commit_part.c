/* commit_part.c - the commit of one part, while the run goes on: for stages such as rotate.
 *
 * The outputs of the part are prepared, get their names, and the directories are synced, as the conductor does it at the
 * end with all others. Nothing takes them back after that. Their instances are closed here, so the end of the run passes
 * over them.
 */

#include <poll.h>
#include <sys/epoll.h>

#include "base/invariant.h"
#include "io/directories.h"
#include "io/outfile.h"
#include "pipeline.h"
#include "run.h"
#include "segment/segment.h"

#define LOOK_MS 100

static int fail(struct leat_stage *s, int r)
{
    if (!s->failure.code)
        leat_fail(s, r, "%s", leat_strerror(r));
    leat_outcome_report(s->pipeline, s->info, &s->failure);
    return r;
}

static bool commits(const struct leat_stage *s)
{
    return s->type->commit && s->ended && !s->closed && !leat_detached_failed(s->info->detached);
}

static int each(struct leat_segment **segments, size_t n, int (*stage_fn)(struct leat_stage *))
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < segments[k]->n; i++) {
            struct leat_stage *s = segments[k]->slots[i].stage;
            int r = commits(s) ? stage_fn(s) : 0;

            if (r != 0)
                return r;
        }
    return 0;
}

static int prepare(struct leat_stage *s)
{
    return leat_stage_prepare(s); /* it reports a failure */
}

/* Wait for what the commit waits for, for a moment at most: a cancel ends it. */
static void wait_a_moment(const struct leat_wants *wants)
{
    struct pollfd fds[LEAT_WAIT_FDS_MAX];
    int ms = wants->ms > 0 && wants->ms < LOOK_MS ? (int)wants->ms : LOOK_MS;

    leat_assert(wants->n_fds <= LEAT_WAIT_FDS_MAX);
    for (unsigned i = 0; i < wants->n_fds; i++)
        fds[i] =
            (struct pollfd){.fd = wants->fds[i].fd,
                            .events = (short)((wants->fds[i].events & EPOLLIN ? POLLIN : 0) |
                                              (wants->fds[i].events & EPOLLOUT ? POLLOUT : 0))};
    (void)poll(fds, wants->n_fds, ms); /* whatever it says, the commit is called again */
}

/* The segment that cuts the stream waits meanwhile. */
static int commit_to_the_end(struct leat_stage *s)
{
    int r;

    for (;;) {
        s->wants = (struct leat_wants){.n_fds = 0};
        r = s->type->commit(s);
        if (r != LEAT_WAIT)
            return r;
        if (leat_outcome_aborted(s->pipeline))
            return LEAT_ECANCELLED;
        wait_a_moment(&s->wants);
    }
}

/* Returns 0, LEAT_OUTFILE_RENAMED, or an error that is reported. */
static int commit(struct leat_stage *s)
{
    int r;

    if (s->committed)
        return 0;
    leat_assert(s->prepared || !s->type->prepare);
    r = commit_to_the_end(s);
    s->committed = r == 0;
    if (r != 0)
        return r < 0 ? fail(s, r) : r;
    leat_tell_stage(s->pipeline, LEAT_EVENT_COMMITTED, s->info, NULL);
    return 0;
}

static int sync_names(struct leat_stage *s)
{
    int r = leat_directories_sync_for(&s->pipeline->outputs.directories, s);

    return r < 0 ? fail(s, r) : 0;
}

static int close_it(struct leat_stage *s)
{
    leat_assert(s->committed);
    leat_stage_close(s);
    return 0;
}

static int revert(struct leat_stage *s)
{
    if (s->committed && s->type->revert)
        s->type->revert(s);
    s->committed = false;
    return 0;
}

int leat_commit_part(struct leat_segment **segments, size_t n, uint64_t position)
{
    struct leat_pipeline *p = segments[0]->pipeline;
    int r;

    leat_assert(n > 0 && segments[0]->part_of);
    leat_assert(segments[0]->part_of->commits);
    r = each(segments, n, prepare);
    if (r < 0)
        return r;
    if (leat_outcome_aborted(p) || leat_outcome_failed(p))
        return LEAT_ECANCELLED;
    do { /* the checkpoint has the name to come */
        r = leat_checkpoint_before(p, segments, n, position, true);
        if (r == LEAT_FULL)
            return r;
        if (r == 0)
            r = each(segments, n, commit);
    } while (r == LEAT_OUTFILE_RENAMED);
    if (r == 0)
        r = each(segments, n, sync_names);
    if (r == 0)
        r = leat_checkpoint_after(p, position);
    if (r < 0)
        (void)each(segments, n, revert);
    return r < 0 ? r : each(segments, n, close_it);
}
