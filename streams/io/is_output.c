/* is_output.c - tells a source the files that the pipeline itself writes. */

#include "draft.h"
#include "run/pipeline.h"

/* Is it a draft with a temporary name? One without a name is in no directory. */
static bool is_draft(struct leat_directories *ds, dev_t dev, ino_t ino)
{
    bool is = false;

    pthread_mutex_lock(&ds->lock);
    for (const struct leat_draft *d = ds->named; d && !is; d = d->next)
        is = d->inode.dev == dev && d->inode.ino == ino;
    pthread_mutex_unlock(&ds->lock);
    return is;
}

bool leat_is_output(const struct leat_stage *s, uint64_t dev, uint64_t ino, uint64_t dir_dev,
                    uint64_t dir_ino, const char *name)
{
    struct leat_pipeline *p = s->pipeline;
    bool is;

    pthread_mutex_lock(&p->lock);
    /* A file that is replaced may have other names, which stay. */
    if (*name)
        is = leat_claims_keeps(&p->outputs.claims, dev, ino) ||
             leat_claims_has(&p->outputs.claims, dir_dev, dir_ino, name);
    else
        is = leat_claims_has(&p->outputs.claims, dev, ino, "");
    pthread_mutex_unlock(&p->lock);
    return is || is_draft(&p->outputs.directories, dev, ino);
}
