/* warnings.c - the warnings of a run. */

#include "warnings.h"

#include <stdio.h>

#include "base/grow.h"
#include "base/show.h"
#include "run/pipeline.h"

void leat_warn_v(struct leat_pipeline *p, const struct leat_stage_info *info, const char *format,
                 va_list args)
{
    struct leat_error warning = {.stage = info->number}, *more = NULL;

    snprintf(warning.stage_name, sizeof warning.stage_name, "%s", info->name);
    leat_show_v(warning.text, sizeof warning.text, format, args);
    pthread_mutex_lock(&p->lock);
    if (p->warnings.n < LEAT_WARNINGS_MAX)
        more = leat_grow(p->warnings.v, p->warnings.n, &p->warnings.room, sizeof *more);
    if (more) {
        p->warnings.v = more;
        p->warnings.v[p->warnings.n++] = warning;
    }
    pthread_mutex_unlock(&p->lock);
}

void leat_warn(struct leat_pipeline *p, const struct leat_stage_info *info, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    leat_warn_v(p, info, format, args);
    va_end(args);
}

void leat_warnings_done(struct leat_warnings *warnings)
{
    free(warnings->v);
}
