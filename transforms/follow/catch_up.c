/* catch_up.c - after the kernel has dropped events: find the files that they told of by listing the directory. */

#include "catch_up.h"

#include "siblings.h"

struct last {
    uint64_t dev, ino;
};

/* The newest file that is known. Returns false: there was none. */
static bool last_known(const struct leat_follow_news *news, struct last *ret)
{
    const struct leat_follow_name *name = news->name;
    const struct leat_follow_file *f = name->n > 0 ? name->files[name->n - 1] : name->known[0];

    for (unsigned i = news->end; i-- > news->at;)
        if (!news->v[i].gone && (news->v[i].sure || news->v[i].listed)) {
            *ret = (struct last){news->v[i].dev, news->v[i].ino};
            return true;
        }
    if (f)
        *ret = (struct last){f->dev, f->ino};
    return f != NULL;
}

int leat_follow_catch_up(struct leat_stage *s, struct leat_follow_news *news)
{
    struct leat_follow_siblings l = {0};
    struct last last = {0};
    bool known = last_known(news, &last);
    unsigned from = 0;
    int r = leat_follow_siblings_list(s, news->name, &l);

    for (unsigned i = 0; i < l.n && known; i++)
        if (l.v[i].dev == last.dev && l.v[i].ino == last.ino)
            from = i + 1;
    if (from ==
        0) { /* it is gone: none of the others is known to be newer, but that with the name */
        news->overflows += known;
        from = l.n > 0 && l.v[l.n - 1].is_base ? l.n - 1 : l.n;
    }
    for (unsigned i = from; i < l.n && r == 0; i++)
        r = leat_follow_news_queue(s, news, &l.v[i]);
    news->overflowed = false;
    leat_follow_siblings_free(s, &l);
    return r;
}
