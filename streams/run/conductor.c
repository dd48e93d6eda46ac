/* conductor.c - open every stage, and when all segments have ended, commit all outputs or none.
 *
 * The conductor is an actor like a segment, because opening and syncing may block, and the loop
 * must not. It waits for a slow file or a full stream in the same way as a segment.
 *
 * The two-phase commit: all outputs prepare (flush, sync, check for errors); then all commit; then
 * their directories are synced; then sinks without `revert` commit, and side outputs are written to streams,
 * which cannot be undone.
 * If a step fails, all committed outputs are reverted, the last one first; those of a detached branch alone, if
 * the step was its own. A cancel ends the wait for a full stream, or in a commit, and reverts. Old files are kept
 * until the close, after all of this.
 */

#include "base/usdt.h"
#include "io/digest_list.h"
#include "io/outfile.h"
#include "io/read_file.h"
#include "lanes/lanes.h"
#include "outcome/warnings.h"
#include "pipeline.h"
#include "run.h"
#include "segment/open.h"

static struct leat_stage *any_instance(struct leat_pipeline *p, const struct leat_stage_info *info)
{
    for (size_t i = 0; i < p->graph.n_segments; i++)
        for (size_t j = 0; j < p->graph.segments[i]->n; j++)
            if (p->graph.segments[i]->slots[j].stage->info == info)
                return p->graph.segments[i]->slots[j].stage;
    return NULL;
}

static int open_sides(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        const char *path = leat_stage_side_path(p->graph.infos[i].node);
        struct leat_stage *s =
            path && !p->graph.infos[i].sums.is_digest ? any_instance(p, &p->graph.infos[i]) : NULL;
        struct leat_outfile_options options = {.force = p->settings.force, .side = true};
        int r;

        if (!s)
            continue;
        r = leat_outfile_open(s, path, &options, &p->graph.infos[i].side.file);
        if (r < 0) {
            leat_outcome_report(p, NULL, &s->failure);
            return r;
        }
    }
    if (leat_digest_list_open(p->outputs.digests) < 0) {
        leat_outcome_report(p, NULL, leat_digest_list_error(p->outputs.digests));
        return leat_digest_list_error(p->outputs.digests)->code;
    }
    return 0;
}

/* The number of segments that run now: all except those of parts, as no part has begun. */
static unsigned count_running(const struct leat_pipeline *p)
{
    unsigned n = 0;

    for (size_t i = 0; i < p->graph.n_segments; i++)
        n += !p->graph.segments[i]->part_of;
    return n;
}

/* Returns LEAT_WAIT: the conductor runs again when fd is ready or the run is cancelled; or fails
 * the stage. */
static int wait_for(struct leat_pipeline *p, struct leat_stage *s, int fd, bool writable)
{
    int r = leat_wait_arm_fd(&p->waits, &p->wait, fd, writable);

    return r < 0 ? leat_fail_errno(s, -r, "cannot wait") : LEAT_WAIT;
}

/* Read the small files that stages need in `open`. Returns 0, LEAT_WAIT or an error. */
static int read_files(struct leat_pipeline *p)
{
    leat_wait_clear(&p->waits, &p->wait); /* a cancel leaves it armed */
    for (size_t i = 0; i < p->graph.n_infos && !leat_outcome_aborted(p); i++) {
        struct leat_stage *s = p->graph.infos[i].files ? any_instance(p, &p->graph.infos[i]) : NULL;
        int fd = -1, r = s ? leat_kept_files_read(s, &fd) : 0;

        leat_assert(s || !p->graph.infos[i].files);
        if (r == LEAT_WAIT)
            r = wait_for(p, s, fd, false);
        if (r < 0)
            leat_outcome_report(p, NULL, &s->failure);
        if (r != 0)
            return r;
    }
    return leat_outcome_aborted(p) ? LEAT_ECANCELLED : 0;
}

static bool phase_open(struct leat_pipeline *p)
{
    int r = read_files(p);

    if (r == LEAT_WAIT)
        return false;
    if (r == 0)
        r = leat_open_first(p);
    if (r == 0)
        r = open_sides(p);
    if (r == 0 && !leat_outcome_aborted(p))
        r = leat_open_last(p);
    if (r < 0 || leat_outcome_aborted(p)) {
        atomic_store(&p->outcome.phase, LEAT_PHASE_CLOSE);
        return true;
    }
    atomic_store(&p->outcome.live, count_running(p));
    atomic_store(&p->outcome.phase, LEAT_PHASE_RUN);
    leat_tell_stage(p, LEAT_EVENT_STARTED, NULL, NULL);
    leat_outcome_wake_all(p);
    return false;
}

/* --- commit ----------------------------------------------------------------------------------- */

/* Syncing may take long: count the time as busy time of the stage. */
static int commit_step(struct leat_segment *seg, size_t j, int (*stage_fn)(struct leat_stage *))
{
    int r;

    (void)leat_account_charge(seg);
    leat_account_doing(seg, LEAT_DOING_STEP, j);
    r = stage_fn(seg->slots[j].stage);
    (void)leat_account_charge(seg);
    leat_account_doing(seg, LEAT_DOING_ENDED, 0);
    return r;
}

static void revert_all(struct leat_pipeline *p, const struct leat_detached *branch);

/* Before the commit a detached branch fails where its stage does. Returns 0: the others go on; or the error. */
static int failed_commit(struct leat_pipeline *p, struct leat_stage *s, int code)
{
    const struct leat_detached *branch = s->info->detached;

    if (!s->failure.code)
        leat_fail(s, code, "%s", leat_strerror(code));
    if (code == LEAT_ECANCELLED) /* see end_sending */
        return code;
    if (!branch || !p->outcome.committing) {
        leat_outcome_report(p, NULL, &s->failure);
        return code;
    }
    leat_outcome_report(p, s->info, &s->failure);
    revert_all(p, branch);
    if (leat_digest_list_path(p->outputs.digests))
        leat_warn(p, s->info,
                  "the list of --sums names the files of this branch, which failed late");
    return 0;
}

/* Will its output appear, if no error occurs? */
static bool is_wanted(const struct leat_stage *s)
{
    return s->ended && !leat_detached_failed(s->info->detached);
}

/* Call one action for all sinks that commit, in order; stop at the first failure, or LEAT_WAIT. */
static int for_each_commit(struct leat_pipeline *p, int (*stage_fn)(struct leat_stage *),
                           int (*side_fn)(struct leat_stage *, struct leat_side_output *),
                           int (*sums_fn)(struct leat_digest_list *))
{
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        struct leat_stage *s =
            p->graph.infos[i].side.file ? any_instance(p, &p->graph.infos[i]) : NULL;
        int r = s && is_wanted(s) ? side_fn(s, &p->graph.infos[i].side) : 0;

        if (r < 0)
            r = failed_commit(p, s, r);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < p->outputs.pending.n; i++) {
        struct leat_stage *s = p->outputs.pending.v[i];
        int r = is_wanted(s) ? stage_fn(s) : 0;

        if (r < 0)
            r = failed_commit(p, s, r);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        for (size_t j = 0; j < p->graph.segments[i]->n; j++) {
            struct leat_stage *s = p->graph.segments[i]->slots[j].stage;
            bool commits = s->type->commit && is_wanted(s) && !s->closed; /* see commit_part.c */
            int r = commits ? commit_step(p->graph.segments[i], j, stage_fn) : 0;

            if (r < 0)
                r = failed_commit(p, s, r);
            if (r != 0)
                return r;
        }
    }
    if (sums_fn(p->outputs.digests) < 0) {
        leat_outcome_report(p, NULL, leat_digest_list_error(p->outputs.digests));
        return leat_digest_list_error(p->outputs.digests)->code;
    }
    return 0;
}

/* A detached branch may fail until the last of its outputs is prepared. */
static int keep_sum(struct leat_stage *s)
{
    leat_digest_list_keep(s->pipeline->outputs.digests, s);
    return 0;
}

static int no_side(struct leat_stage *s, struct leat_side_output *side)
{
    (void)s;
    (void)side;
    return 0;
}

static int no_sums(struct leat_digest_list *sums)
{
    (void)sums;
    return 0;
}

static int prepare_side(struct leat_stage *s, struct leat_side_output *side)
{
    int r = leat_outfile_finish(s, side->file, side->data, side->n);

    if (r == 0 || !s->info->detached)
        return r;
    leat_outcome_report(s->pipeline, s->info, &s->failure);
    return 0;
}

static int prepare_all(struct leat_pipeline *p)
{
    int r = for_each_commit(p, leat_stage_prepare, prepare_side, no_sums);

    return r < 0 ? r : for_each_commit(p, keep_sum, no_side, leat_digest_list_prepare);
}

static int commit_stage(struct leat_stage *s)
{
    int r;

    leat_assert(s->ended && !s->committed && !s->closed);
    leat_assert(s->prepared || !s->type->prepare);
    s->wants = (struct leat_wants){.n_fds = 0};
    s->commit_begun = true;
    r = s->type->commit(s);
    if (r == LEAT_WAIT && !s->type->revert)
        return r;
    s->committed = r == 0;
    LEAT_PROBE3(commit, s->info->number, s->type->name, r);
    if (r == 0)
        leat_tell_stage(s->pipeline, LEAT_EVENT_COMMITTED, s->info, NULL);
    return r;
}

/* A sink that cannot be reverted commits last, when nothing else can fail. */
static int commit_if_reverts(struct leat_stage *s)
{
    return s->type->revert && !s->committed ? commit_stage(s) : 0;
}

static bool is_recalled(struct leat_pipeline *p)
{
    return atomic_load(&p->outcome.recalled) || leat_outcome_aborted(p);
}

/* The conductor runs again when what the commit waits for has come, or there was a cancel. */
static int wait_in_commit(struct leat_stage *s)
{
    struct leat_pipeline *p = s->pipeline;
    int r;

    s->wants.wake = false; /* the wait is the conductor's */
    if (s->wants.too_many || !leat_wants_any(&s->wants))
        return leat_fail(s, LEAT_EINTERNAL, "waits for nothing in its commit");
    r = leat_wait_arm(&p->waits, &p->wait, &s->wants);
    return r < 0 ? leat_fail_errno(s, -r, "cannot wait") : LEAT_WAIT;
}

static int commit_if_final(struct leat_stage *s)
{
    bool recalled = is_recalled(s->pipeline); /* before the call, which is then the last one */
    int r;

    if (s->type->revert || s->committed)
        return 0;
    if (recalled && !s->commit_begun)
        return LEAT_ECANCELLED;
    r = commit_stage(s);
    if (r == LEAT_WAIT)
        r = recalled ? LEAT_ECANCELLED : wait_in_commit(s);
    return r;
}

static int commit_side(struct leat_stage *s, struct leat_side_output *side)
{
    return leat_outfile_is_committed(side->file) ? 0 : leat_outfile_commit(s, side->file);
}

static int commit_all(struct leat_pipeline *p)
{
    uint64_t position = leat_checkpoint_final(p);
    struct leat_stage *s = NULL;
    int r;

    do { /* the checkpoint has the name to come */
        r = leat_checkpoint_before(p, p->graph.segments, p->graph.n_segments, position, false);
        if (r == 0)
            r = for_each_commit(p, commit_if_reverts, commit_side, leat_digest_list_commit);
    } while (r == LEAT_OUTFILE_RENAMED);
    if (r < 0)
        return r;
    r = leat_directories_sync(&p->outputs.directories, &s);
    return r < 0 ? failed_commit(p, s, r) : 0;
}

/* Commit what cannot be reverted. Returns 0, LEAT_WAIT or an error. */
static int send_all(struct leat_pipeline *p)
{
    int r;

    leat_wait_clear(&p->waits, &p->wait); /* a cancel leaves it armed */
    r = for_each_commit(p, commit_if_final, no_side, no_sums);
    return r != 0 ? r : leat_checkpoint_after(p, leat_checkpoint_final(p));
}

static bool is_in(const struct leat_stage_info *info, const struct leat_detached *branch)
{
    const struct leat_detached *d = info->detached;

    while (d && d != branch)
        d = d->outer;
    return d == branch;
}

static void revert_stage(struct leat_stage *s, const struct leat_detached *branch)
{
    if (!s->committed || !is_in(s->info, branch))
        return;
    if (!s->type->revert) {
        leat_warning(s, "its output is in place although the run failed: it cannot be taken back");
        return;
    }
    s->type->revert(s);
    s->committed = false;
}

/* Revert in the opposite order of the commit: parts appended to one file are cut off one by one. `branch`: only
 * what is in it; NULL: all. */
static void revert_all(struct leat_pipeline *p, const struct leat_detached *branch)
{
    if (!branch)
        leat_digest_list_revert(p->outputs.digests);
    for (size_t i = p->graph.n_segments; i-- > 0;)
        for (size_t j = p->graph.segments[i]->n; j-- > 0;)
            revert_stage(p->graph.segments[i]->slots[j].stage, branch);
    for (size_t i = p->outputs.pending.n; i-- > 0;)
        revert_stage(p->outputs.pending.v[i], branch);
    for (size_t i = p->graph.n_infos; i-- > 0;)
        if (is_in(&p->graph.infos[i], branch))
            leat_outfile_revert(p->graph.infos[i].side.file);
    leat_directories_sync_again(&p->outputs.directories);
}

/* The next side output that is not written to its stream completely; NULL: there is none. */
static struct leat_stage *next_late(struct leat_pipeline *p, struct leat_outfile **ret_file)
{
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        struct leat_outfile *f = p->graph.infos[i].side.file;
        struct leat_stage *s = leat_outfile_is_late(f) ? any_instance(p, &p->graph.infos[i]) : NULL;

        if (!s || !is_wanted(s))
            continue;
        *ret_file = f;
        return s;
    }
    return leat_digest_list_late(p->outputs.digests, ret_file);
}

/* Is there a sink whose commit cannot be reverted? */
static bool has_final(const struct leat_pipeline *p)
{
    bool found = false;

    for (size_t i = 0; !found && i < p->outputs.pending.n; i++)
        found = is_wanted(p->outputs.pending.v[i]) && !p->outputs.pending.v[i]->type->revert;
    for (size_t i = 0; !found && i < p->graph.n_segments; i++)
        for (size_t j = 0; !found && j < p->graph.segments[i]->n; j++) {
            const struct leat_stage *s = p->graph.segments[i]->slots[j].stage;

            found = s->type->commit && !s->type->revert && is_wanted(s) && !s->closed;
        }
    return found;
}

/* After this a cancel comes too late, unless there is a side output to deliver, or a commit may wait. false: a
 * cancel came before. */
static bool begin_commit(struct leat_pipeline *p)
{
    struct leat_outfile *file;
    bool late = next_late(p, &file) != NULL, sends = has_final(p), good;

    pthread_mutex_lock(&p->lock);
    good = !p->outcome.error.code && !leat_outcome_aborted(p);
    p->outcome.committing = good;
    p->outcome.sending = good && sends;
    p->outcome.settled = good && !late && !sends;
    pthread_mutex_unlock(&p->lock);
    return good;
}

/* All has been sent, or (`failed`) not. A cancel that was put aside is taken now, or it came too late. */
static void end_sending(struct leat_pipeline *p, bool failed)
{
    struct leat_outfile *file;
    bool late = next_late(p, &file) != NULL;

    pthread_mutex_lock(&p->lock);
    if ((failed || (late && p->outcome.recall.code)) && !p->outcome.error.code) {
        leat_assert(p->outcome.recall.code); /* else the failure was reported */
        p->outcome.error = p->outcome.recall;
        p->outcome.cancelled = true;
        atomic_store_explicit(&p->outcome.aborted, true, memory_order_release);
    }
    p->outcome.sending = false;
    p->outcome.settled = !failed && !late;
    pthread_mutex_unlock(&p->lock);
}

/* All side outputs are delivered, so a cancel comes too late. false: a cancel came before. */
static bool settle(struct leat_pipeline *p)
{
    bool good;

    pthread_mutex_lock(&p->lock);
    p->outcome.settled = p->outcome.settled || !leat_outcome_aborted(p);
    good = p->outcome.settled;
    pthread_mutex_unlock(&p->lock);
    return good;
}

/* Returns 0; LEAT_WAIT: the conductor runs again when a stream has room or the run is cancelled; or
 * an error. */
static int deliver_all(struct leat_pipeline *p)
{
    struct leat_outfile *f;
    struct leat_stage *s;
    int r = 0;

    leat_wait_clear(&p->waits, &p->wait); /* a cancel leaves it armed */
    while (r == 0 && (s = next_late(p, &f))) {
        if (leat_outcome_aborted(p))
            return LEAT_ECANCELLED;
        r = leat_outfile_deliver(s, f);
        if (r == LEAT_WAIT)
            r = wait_for(p, s, leat_outfile_fd(f)->fd, true);
        if (r < 0)
            leat_outcome_report(p, NULL, &s->failure);
    }
    return r;
}

/* The last parts are in place. */
static void parts_done(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_infos; i++) {
        struct leat_stage *s = p->graph.infos[i].plan.part_options.commits
                                   ? any_instance(p, &p->graph.infos[i])
                                   : NULL;

        if (s && !s->closed && s->type->part_done && s->type->part_done(s) < 0)
            leat_warn(p, s->info, "%s", s->failure.text);
    }
}

/* The other outputs are in place; report that a detached branch has failed. */
static void report_detached(struct leat_pipeline *p)
{
    struct leat_error error = p->outcome.detached;

    if (!error.code)
        return;
    error.code = LEAT_EBATCH;
    leat_outcome_report(p, NULL, &error);
}

static void end_finish(struct leat_pipeline *p)
{
    report_detached(p);
    atomic_store(&p->outcome.phase, LEAT_PHASE_CLOSE);
}

static bool phase_finish(struct leat_pipeline *p)
{
    bool good;

    leat_assert(atomic_load(&p->outcome.live) == 0);
    atomic_store(&p->outcome.finishing, true);
    pthread_mutex_lock(&p->lock);
    good = !p->outcome.error.code && !leat_outcome_aborted(p);
    pthread_mutex_unlock(&p->lock);
    if (!good) {
        atomic_store(&p->outcome.phase, LEAT_PHASE_CLOSE);
    } else if (prepare_all(p) < 0 || !begin_commit(p)) {
        end_finish(p);
    } else if (commit_all(p) < 0) {
        end_sending(p, true);
        revert_all(p, NULL);
        end_finish(p);
    } else {
        atomic_store(&p->outcome.phase, LEAT_PHASE_SEND);
    }
    return true;
}

static bool phase_send(struct leat_pipeline *p)
{
    int r = send_all(p);

    if (r == LEAT_WAIT)
        return false;
    end_sending(p, r < 0);
    if (r < 0) {
        revert_all(p, NULL);
        end_finish(p);
    } else {
        atomic_store(&p->outcome.phase, LEAT_PHASE_DELIVER);
    }
    return true;
}

static bool phase_deliver(struct leat_pipeline *p)
{
    int r = deliver_all(p);

    if (r == LEAT_WAIT)
        return false;
    if (r < 0 || !settle(p))
        revert_all(p, NULL);
    else
        parts_done(p);
    end_finish(p);
    return true;
}

static bool has_failed(struct leat_pipeline *p)
{
    bool failed;

    pthread_mutex_lock(&p->lock);
    failed = p->outcome.error.code != 0;
    pthread_mutex_unlock(&p->lock);
    return failed;
}

static void phase_close(struct leat_pipeline *p)
{
    for (size_t i = 0; i < p->graph.n_segments; i++) {
        struct leat_segment *seg = p->graph.segments[i];

        for (size_t j = 0; j < seg->n; j++) {
            struct leat_stage *s = seg->slots[j].stage;

            if (s->open_called && s->type->commit && !s->committed)
                leat_tell_stage(p, LEAT_EVENT_ABORTED, s->info, NULL);
            leat_stage_close(s);
        }
        if (seg->out.cutter)
            leat_cutter_close(seg->out.cutter);
        if (seg->in.joiner)
            leat_stage_close(seg->in.joiner->lanes.stage);
    }
    for (size_t i = p->outputs.pending.n; i-- > 0;) /* in the order of revert */
        leat_stage_close(p->outputs.pending.v[i]);
    for (size_t i = 0; i < p->graph.n_infos; i++)
        leat_outfile_close(p->graph.infos[i].side.file);
    leat_digest_list_close(p->outputs.digests);
    if (p->checkpoint.file)
        leat_checkpoint_unlock(p->checkpoint.file);
    if (has_failed(p))
        leat_directories_unmake(&p->outputs.directories);
    atomic_store(&p->outcome.phase, LEAT_PHASE_DONE);
    if (p->executor.kind == LEAT_EXECUTOR_POOL) {
        leat_executor_end(&p->executor);
        return;
    }
    p->life.attend(p, true);
}

bool leat_conductor_run(struct leat_actor *actor)
{
    struct leat_pipeline *p =
        (struct leat_pipeline *)((char *)actor - offsetof(struct leat_pipeline, conductor));

    switch (atomic_load(&p->outcome.phase)) {
    case LEAT_PHASE_OPEN:
        return phase_open(p);
    case LEAT_PHASE_RUN:
        if (atomic_load(&p->outcome.live) > 0)
            return false;
        atomic_store(&p->outcome.phase, LEAT_PHASE_FINISH);
        return true;
    case LEAT_PHASE_FINISH:
        return phase_finish(p);
    case LEAT_PHASE_SEND:
        return phase_send(p);
    case LEAT_PHASE_DELIVER:
        return phase_deliver(p);
    case LEAT_PHASE_CLOSE:
        phase_close(p);
        return false;
    default:
        return false;
    }
}
