/* position.c - what a source asks of the checkpoint that keeps its position. */

#include "stage_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "outcome/checkpoint.h"
#include "run/pipeline.h"

/* To tell who has it; it is made and removed in the directory of the checkpoint. */
static int plan_lock(struct leat_stage *s, const char *path)
{
    char *name;
    int r;

    if (asprintf(&name, "%s.lock", path) < 0)
        return LEAT_ENOMEM;
    r = leat_plan_access(s, name, LEAT_ACCESS_READ);
    free(name);
    return r;
}

int leat_plan_checkpoint(struct leat_stage *s, const char *path)
{
    struct leat_pipeline *p = s->pipeline;

    if (!s->planning)
        return 0;
    if (p->checkpoint.file)
        return leat_fail(s, LEAT_EUSAGE, "%s keeps a checkpoint already; a pipeline can have one",
                         p->checkpoint.source->name);
    p->checkpoint.source = s->info;
    p->checkpoint.file = leat_checkpoint_new(path);
    if (!p->checkpoint.file)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    if (leat_plan_access(s, path, LEAT_ACCESS_READ) < 0 || plan_lock(s, path) < 0)
        return LEAT_ENOMEM;
    return leat_plan_access(s, path, LEAT_ACCESS_OUTPUT);
}

/* Two runs would read the same lines, and each would undo the position of the other. */
static int lock(struct leat_stage *s, struct leat_checkpoint *c)
{
    const char *path = leat_checkpoint_path(c);
    char holder[LEAT_LOCK_HOLDER];
    int r = leat_checkpoint_lock(c, holder);

    if (r == -EWOULDBLOCK)
        return leat_fail(
            s, LEAT_EIO,
            "%s: is the checkpoint of another run%s%s; end that run, or give another file", path,
            *holder ? ", " : "", holder);
    return r < 0 ? leat_fail_errno(s, -r, "cannot lock the checkpoint: %s.lock", path) : 0;
}

int leat_checkpoint_get(struct leat_stage *s, const uint8_t **ret_data, size_t *ret_len)
{
    struct leat_checkpoint *c = s->pipeline->checkpoint.file;
    int r = c ? lock(s, c) : 0;

    if (r < 0)
        return r;
    r = c ? leat_checkpoint_read(c) : 0;

    if (r == -EBADMSG)
        return leat_fail(s, LEAT_ECORRUPT, "%s: is no checkpoint; remove it to begin anew",
                         leat_checkpoint_path(c));
    if (r < 0)
        return leat_fail_errno(s, -r, "%s", leat_checkpoint_path(c));
    *ret_data = NULL;
    *ret_len = c ? leat_checkpoint_kept(c, ret_data) : 0;
    return 0;
}

int leat_checkpoint_set(struct leat_stage *s, const void *data, size_t n)
{
    const struct leat_pipeline *p = s->pipeline;

    if (!p->checkpoint.file)
        return 0;
    s->position = leat_checkpoint_add(p->checkpoint.file, data, n);
    if (s->position == 0)
        return leat_fail(s, LEAT_ENOMEM, "out of memory");
    if (!p->checkpoint.by_parts)
        leat_checkpoint_reached(p->checkpoint.file, s->position);
    return 0;
}

bool leat_checkpoint_is_kept(const struct leat_stage *s)
{
    return s->pipeline->checkpoint.by_parts;
}
