/* lent.c - a file that a source lends to the stage after it, which reads it at any offset.
 *
 * The source opens and checks the file, gives a descriptor of its own for it, and ends without output. The stage reads when
 * it sees that end. The descriptor is closed with the stage.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "stage_impl.h"

void leat_plan_seeks(struct leat_stage *s)
{
    if (s->planning)
        s->info->plan.seeks = true;
}

void leat_lent_set(struct leat_stage_info *info, const struct leat_lent *lent)
{
    leat_assert(info->plan.seeks && lent->given && lent->fd >= 0);
    leat_lent_done(info);
    info->lent = *lent;
}

void leat_lent_done(struct leat_stage_info *info)
{
    if (info->lent.given)
        (void)close(info->lent.fd); /* was only read */
    info->lent = (struct leat_lent){.given = false};
}

uint64_t leat_input_size(const struct leat_stage *s)
{
    return s->info->lent.given ? s->info->lent.size : UINT64_MAX;
}

int leat_input_read(struct leat_stage *s, uint64_t at, void *to, size_t n)
{
    const struct leat_lent *lent = &s->info->lent;
    uint8_t *next = to;

    leat_assert(lent->given);
    leat_assert(at <= lent->size && n <= lent->size - at);
    while (n > 0) {
        ssize_t done = pread(lent->fd, next, n, (off_t)(lent->start + at));

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return leat_fail_errno(s, errno, "%s", lent->name);
        if (done == 0)
            return leat_fail(s, LEAT_EIO,
                             "%s: became shorter while it was read: of %" PRIu64
                             " bytes, those from byte %" PRIu64 " on are missing; read it again",
                             lent->name, lent->size, at);
        leat_assert((size_t)done <= n);
        next += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return 0;
}
