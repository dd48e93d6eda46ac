/* reserve.c - leat_pipeline_reserve: files that the program writes itself, and no stage may open.
 * */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "outfile_impl.h"

/* Claim the file, if it exists, and its name, which a stage could create. */
static int claim(struct leat_pipeline *p, const char *path, const struct stat *info,
                 const char *option)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct leat_directory *d;
    int r = leat_directories_find(&p->outputs.directories, path, &d);

    if (r == -ENOMEM)
        return LEAT_ENOMEM;
    if (r < 0 || *name == '\0')
        return 0; /* it cannot be created: opening it will fail */
    pthread_mutex_lock(&p->lock);
    r = leat_claims_name(&p->outputs.claims, d->dev, d->ino, name, LEAT_CLAIM_RESERVED, option);
    if (r == 0 && info)
        r = leat_claims_file(&p->outputs.claims, info, LEAT_CLAIM_RESERVED, option);
    pthread_mutex_unlock(&p->lock);
    return r;
}

int leat_pipeline_reserve(struct leat_pipeline *p, const char *path, const char *option)
{
    struct stat info;
    bool is_there;
    char *real;
    int r;

    if (atomic_load(&p->outcome.phase) != LEAT_PHASE_BUILT)
        return LEAT_EUSAGE;
    real = leat_outfile_resolve(path);
    if (!real)
        return errno == ENOMEM ? LEAT_ENOMEM : 0;
    is_there = stat(real, &info) == 0;
    r = is_there && !S_ISREG(info.st_mode) ? 0 : claim(p, real, is_there ? &info : NULL, option);
    free(real);
    return r;
}
