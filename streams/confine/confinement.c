/* confinement.c - leat_confinement: the needs of pipelines, as a list, and as text. */

#include "confinement.h"

#include "run/inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/text.h"
#include "edge/spill.h"
#include "filter.h"
#include "io/digest_list.h"
#include "landlock.h"
#include "run/pipeline.h"
#include "syntax/registry.h"

struct leat_confinement *leat_confinement_new(void)
{
    return calloc(1, sizeof(struct leat_confinement));
}

void leat_confinement_free(struct leat_confinement *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].path);
    free(c->v);
    free(c);
}

#define LISTED_LOOKS 64u /* at the last ones: a list of many files costs no square of them */

static bool is_listed(const struct leat_confinement *c, const struct leat_allowed *a)
{
    for (size_t i = c->n; i > 0 && c->n - i < LISTED_LOOKS; i--) {
        const struct leat_allowed *b = &c->v[i - 1];

        if (a->kind == b->kind && a->parts == b->parts &&
            (a->path && b->path ? strcmp(a->path, b->path) == 0 : a->path == b->path))
            return true;
    }
    return false;
}

static int add(struct leat_confinement *c, const struct leat_allowed *allowed)
{
    struct leat_allowed *more;
    char *copy = NULL;

    c->kinds |= 1u << allowed->kind;
    if (allowed->kind == LEAT_ACCESS_NOTHING || is_listed(c, allowed))
        return 0;
    more = leat_grow(c->v, c->n, &c->room, sizeof *more);
    if (more)
        c->v = more;
    if (more && allowed->path)
        copy = strdup(allowed->path);
    if (!more || (allowed->path && !copy))
        return LEAT_ENOMEM;
    c->v[c->n] = *allowed;
    c->v[c->n++].path = copy;
    return 0;
}

int leat_confinement_allow(struct leat_confinement *c, const char *path, enum leat_access kind)
{
    bool with_path = leat_access_has_path(kind);
    struct leat_port port;

    if (!c || (unsigned)kind > LEAT_ACCESS_PORT ||
        (with_path ? !path && kind != LEAT_ACCESS_TEMPORARY : path != NULL) ||
        (kind == LEAT_ACCESS_PORT && !leat_access_is_port(path, &port)))
        return LEAT_EUSAGE;
    if (kind == LEAT_ACCESS_ANYTHING && !c->unconfinable[0])
        snprintf(c->unconfinable, sizeof c->unconfinable, "the program may need anything");
    return add(c, &(struct leat_allowed){.kind = kind, .path = (char *)(uintptr_t)path});
}

/* --- the needs of a pipeline ------------------------------------------------------------------ */

static void not_confinable(struct leat_confinement *c, const struct leat_stage_info *info,
                           const char *why)
{
    if (!c->unconfinable[0])
        snprintf(c->unconfinable, sizeof c->unconfinable, "#%d %s %s", info->number, info->name,
                 why);
}

static int add_need(struct leat_confinement *c, const struct leat_stage_info *info,
                    const struct leat_need *need)
{
    struct leat_allowed allowed = {
        .kind = need->kind, .path = need->path, .parts = info->part.by_stage};

    if (need->kind == LEAT_ACCESS_ANYTHING)
        not_confinable(c, info, "may need anything");
    return add(c, &allowed);
}

static int add_stage(struct leat_confinement *c, const struct leat_pipeline *p,
                     const struct leat_stage_info *info)
{
    const char *side = leat_stage_side_path(info->node);
    const struct leat_buffer *buffer = info->plan.has_buffer ? &info->plan.buffer : NULL;
    int r = 0;

    if (!info->needs.declared && !info->hidden &&
        !leat_registry_is_builtin(p->registry, info->node->type))
        not_confinable(c, info, "does not say which files it needs");
    for (size_t i = 0; i < info->needs.n && r == 0; i++)
        r = add_need(c, info, &info->needs.v[i]);
    if (r == 0 && side && !info->sums.is_digest)
        r = leat_confinement_allow(c, side, LEAT_ACCESS_OUTPUT);
    if (r == 0 && buffer && buffer->spills)
        r = leat_confinement_allow(c, buffer->dir, LEAT_ACCESS_TEMPORARY);
    if (r == 0 && info->inner)
        r = leat_confinement_add(c, info->inner->model);
    return r;
}

int leat_confinement_add(struct leat_confinement *c, const struct leat_pipeline *p)
{
    const char *sums = p ? leat_digest_list_path(p->outputs.digests) : NULL;
    int r = c && p ? 0 : LEAT_EUSAGE;

    for (size_t i = 0; r == 0 && i < p->graph.n_infos; i++)
        r = add_stage(c, p, &p->graph.infos[i]);
    if (r == 0 && sums)
        r = leat_confinement_allow(c, sums, LEAT_ACCESS_OUTPUT);
    return r;
}

/* --- as text ---------------------------------------------------------------------------------- */

static const char *const verbs[] = {
    [LEAT_ACCESS_READ] = "read ",
    [LEAT_ACCESS_OUTPUT] = "make or replace files in the directory of ",
    [LEAT_ACCESS_TREE] = "change all below ",
    [LEAT_ACCESS_NEW_TREE] = "change all in the directory of ",
    [LEAT_ACCESS_NODES] = "make devices, FIFOs and sockets there",
    [LEAT_ACCESS_TEMPORARY] = "make temporary files in ",
    [LEAT_ACCESS_USERS] = "look up users and groups",
    [LEAT_ACCESS_NETWORK] = "use the network",
    [LEAT_ACCESS_ANYTHING] = "anything",
    [LEAT_ACCESS_SOCKET] = "use sockets of Unix, and make or remove one in the directory of ",
};

static void add_port(struct leat_text *t, const char *text)
{
    struct leat_port port = {0};

    if (leat_access_is_port(text, &port))
        leat_text_add(t, "  %s port %u of TCP\n", port.listens ? "listen at" : "connect to",
                      (unsigned)port.number);
}

static void add_line(struct leat_text *t, const struct leat_allowed *a)
{
    static const struct leat_spill spill = {.dir = NULL};
    const char *path = a->kind == LEAT_ACCESS_TEMPORARY && !a->path ? leat_spill_dir(&spill)
                       : a->path                                    ? a->path
                                                                    : "";
    char shown[4400];

    if (strcmp(path, "-") == 0)
        return; /* it is open */
    if (a->kind == LEAT_ACCESS_PORT) {
        add_port(t, a->path);
        return;
    }
    leat_text_add(t, "  %s%s\n", a->parts ? "make files and directories below " : verbs[a->kind],
                  leat_show(path, shown, sizeof shown));
}

char *leat_confinement_text(const struct leat_confinement *c)
{
    struct leat_text t = {0};
    int abi = leat_landlock_version();

    if (!c)
        return NULL;
    if (c->unconfinable[0]) {
        leat_text_add(&t, "sandbox: none, because %s\n", c->unconfinable);
        return leat_text_take(&t);
    }
    leat_text_add(&t, "sandbox: the process may use open descriptors and the libraries of the "
                      "system, and\n");
    for (size_t i = 0; i < c->n; i++)
        add_line(&t, &c->v[i]);
    leat_text_add(&t, "  but not start a program%s\n",
                  leat_confinement_has(c, LEAT_ACCESS_NETWORK) ||
                          leat_confinement_has(c, LEAT_ACCESS_PORT)
                      ? ""
                      : " or make a connection");
    if (abi < 0)
        leat_text_add(&t, "  this kernel cannot confine files (Landlock)\n");
    if (abi < LEAT_LANDLOCK_PORTS && leat_confinement_has(c, LEAT_ACCESS_PORT))
        leat_text_add(&t, "  this kernel cannot confine ports (Landlock), so any can be used\n");
    if (!leat_filter_is_there())
        leat_text_add(&t, "  this kernel cannot filter system calls (seccomp)\n");
    return leat_text_take(&t);
}
