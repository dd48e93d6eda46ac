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

/* Does the stage say that it reads this file? Others are found when they are opened. */
static bool reads(const struct leat_stage_info *info, const struct stat *file)
{
    struct stat st;

    for (size_t i = 0; i < info->needs.n; i++) {
        const struct leat_need *need = &info->needs.v[i];

        if (need->kind == LEAT_ACCESS_READ && strcmp(need->path, "-") != 0 &&
            stat(need->path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino)
            return true;
    }
    return false;
}

static bool is_input(const struct leat_pipeline *p, const struct stat *file)
{
    for (size_t i = 0; i < p->graph.n_infos; i++)
        if (reads(&p->graph.infos[i], file))
            return true;
    return false;
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
    if (r == 0 && is_there && is_input(p, &info))
        r = LEAT_EUSAGE; /* a program that goes on finds that the run is refused */
    free(real);
    return r;
}
