/* warnings.h - messages for the caller in addition to the outcome of a run.
 *
 * A warning belongs to a stage and has the form of an error with code 0.
 */
#ifndef LEAT_OUTCOME_WARNINGS_H
#define LEAT_OUTCOME_WARNINGS_H

#include <stdarg.h>
#include <stddef.h>

#include "leat.h"

struct leat_pipeline;
struct leat_stage_info;

#define LEAT_WARNINGS_MAX 64u /* kept per run; further ones are dropped */

/* All zero: none. Under the pipeline's lock. */
struct leat_warnings {
    struct leat_error *v;
    size_t n, room;
};

/* leat_warn - record a warning of this stage. It is lost if memory is out. Thread: any; not under
 * the pipeline's lock. */
void leat_warn(struct leat_pipeline *pipeline, const struct leat_stage_info *info,
               const char *format, ...) __attribute__((format(printf, 3, 4)));
void leat_warn_v(struct leat_pipeline *pipeline, const struct leat_stage_info *info,
                 const char *format, va_list args) __attribute__((format(printf, 3, 0)));
void leat_warnings_done(struct leat_warnings *warnings);

#endif
