/* access.c - what a stage needs of the system besides its descriptors, as its plan tells. */

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "stage_impl.h"

/* Returns 0 or LEAT_ENOMEM. */
static int add(struct leat_needs *needs, const char *path, enum leat_access kind)
{
    struct leat_need *more = leat_grow(needs->v, needs->n, &needs->room, sizeof *more);
    char *copy = NULL;

    if (!more)
        return LEAT_ENOMEM;
    needs->v = more;
    if (path) {
        copy = strdup(path);
        if (!copy)
            return LEAT_ENOMEM;
    }
    needs->v[needs->n++] = (struct leat_need){.kind = kind, .path = copy};
    return 0;
}

bool leat_access_has_path(enum leat_access kind)
{
    return (kind >= LEAT_ACCESS_READ && kind <= LEAT_ACCESS_TEMPORARY &&
            kind != LEAT_ACCESS_NODES) ||
           kind == LEAT_ACCESS_SOCKET || kind == LEAT_ACCESS_PORT;
}

bool leat_access_is_port(const char *text, struct leat_port *ret)
{
    bool listens = strncmp(text, "listen:", 7) == 0;
    const char *digits = text + (listens ? 7 : 8);
    unsigned long n;
    char *end;

    if ((!listens && strncmp(text, "connect:", 8) != 0) || *digits < '0' || *digits > '9')
        return false;
    n = strtoul(digits, &end, 10);
    *ret = (struct leat_port){.listens = listens, .number = (uint16_t)n};
    return *end == '\0' && n <= UINT16_MAX;
}

int leat_needs_add(struct leat_stage *s, const char *path, enum leat_access kind)
{
    return add(&s->info->needs, path, kind) < 0 ? leat_fail(s, LEAT_ENOMEM, "out of memory") : 0;
}

int leat_plan_access(struct leat_stage *s, const char *path, enum leat_access kind)
{
    struct leat_port port;

    if (!s->planning)
        return 0;
    if ((unsigned)kind > LEAT_ACCESS_PORT ||
        (leat_access_has_path(kind) ? !path && kind != LEAT_ACCESS_TEMPORARY : path != NULL))
        return leat_fail(s, LEAT_EINTERNAL, "leat_plan_access: kind %u %s a path", (unsigned)kind,
                         path ? "has not" : "needs");
    if (kind == LEAT_ACCESS_PORT && !leat_access_is_port(path, &port))
        return leat_fail(s, LEAT_EINTERNAL, "leat_plan_access: '%.40s' is no port", path);
    s->info->needs.declared = true;
    return leat_needs_add(s, path, kind);
}

void leat_needs_done(struct leat_needs *needs)
{
    for (size_t i = 0; i < needs->n; i++)
        free(needs->v[i].path);
    free(needs->v);
    *needs = (struct leat_needs){.n = 0};
}
