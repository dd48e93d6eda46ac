/* kept_stales.c - lists of the temporaries of directories, kept by a context for a short time. */

#include "kept_stales.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/invariant.h"

#define KEPT_NS ((uint64_t)10000000000) /* a list of a long run is made again every ten seconds */
#define KEPT_MAX 64u                    /* directories; the one listed first goes */

/* The lists that a context keeps; under its lock. */
struct kept {
    struct {
        dev_t dev;
        ino_t ino;
        uint64_t at_ns;
        struct leat_kept_stales *stales;
    } v[KEPT_MAX];
    size_t n, next; /* next: the oldest, once all places are taken */
};

void leat_kept_stales_unref(struct leat_kept_stales *s)
{
    unsigned refs = s ? atomic_fetch_sub(&s->refs, 1) : 2;

    leat_assert(refs > 0);
    if (refs > 1)
        return;
    leat_stales_done(&s->list);
    free(s);
}

static void drop_all(void *arg)
{
    struct kept *k = arg;

    for (size_t i = 0; i < k->n; i++)
        leat_kept_stales_unref(k->v[i].stales);
    free(k);
}

static struct leat_kept_stales *list_now(int fd, dev_t dev)
{
    struct leat_kept_stales *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    atomic_init(&s->refs, 1);
    s->owner = leat_temporary_owner(dev);
    leat_stales_list(&s->list, fd);
    return s;
}

/* Under the lock. A reference, or NULL: there is none that is young enough. */
static struct leat_kept_stales *find(const struct kept *k, dev_t dev, ino_t ino, uint64_t now_ns)
{
    for (size_t i = k ? k->n : 0; i-- > 0;) {
        if (k->v[i].dev != dev || k->v[i].ino != ino || now_ns - k->v[i].at_ns > KEPT_NS)
            continue;
        atomic_fetch_add(&k->v[i].stales->refs, 1);
        return k->v[i].stales;
    }
    return NULL;
}

/* Under the lock. The place of the directory, a free one, or that of the oldest list. */
static size_t place_for(struct kept *k, dev_t dev, ino_t ino)
{
    size_t i = 0;

    while (i < k->n && (k->v[i].dev != dev || k->v[i].ino != ino))
        i++;
    if (i == KEPT_MAX)
        i = k->next++ % KEPT_MAX;
    if (i == k->n)
        k->v[k->n++].stales = NULL;
    leat_assert(i < k->n);
    return i;
}

static void keep(struct leat_context *c, struct leat_kept_stales *s, dev_t dev, ino_t ino)
{
    struct leat_kept_stales *old = NULL;
    struct kept *k;
    size_t i;

    pthread_mutex_lock(&c->lock);
    if (!c->kept) {
        c->kept = calloc(1, sizeof(struct kept));
        c->drop_kept = drop_all;
    }
    k = c->kept;
    if (k) { /* without memory it is not kept */
        i = place_for(k, dev, ino);
        old = k->v[i].stales;
        atomic_fetch_add(&s->refs, 1);
        k->v[i].dev = dev;
        k->v[i].ino = ino;
        k->v[i].at_ns = leat_now_ns();
        k->v[i].stales = s;
    }
    pthread_mutex_unlock(&c->lock);
    leat_kept_stales_unref(old);
}

struct leat_kept_stales *leat_kept_stales_get(struct leat_context *c, int fd, dev_t dev, ino_t ino)
{
    struct leat_kept_stales *s = NULL;

    if (c) {
        pthread_mutex_lock(&c->lock);
        s = find(c->kept, dev, ino, leat_now_ns());
        pthread_mutex_unlock(&c->lock);
    }
    if (s)
        return s;
    s = list_now(fd, dev);
    if (s && c)
        keep(c, s, dev, ino);
    return s;
}
