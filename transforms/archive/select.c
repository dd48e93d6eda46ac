/* select.c - which entries of an archive a stage takes, and under which names. */

#include "select.h"

#include <string.h>

int leat_select_check(struct leat_stage *s, const struct leat_select_options *options)
{
    return leat_rename_check(s, &options->rename);
}

int leat_select_open(struct leat_stage *s, const struct leat_select_options *options,
                     struct leat_select *ret)
{
    int r = leat_match_add_strings(s, &ret->include, &options->include);

    if (r == 0)
        r = leat_match_add_strings(s, &ret->exclude, &options->exclude);
    if (r == 0)
        r = leat_rename_new(s, &options->rename, &ret->rename);
    ret->strip = (size_t)options->strip;
    return r;
}

void leat_select_close(struct leat_stage *s, struct leat_select *select)
{
    leat_match_free(s, &select->include);
    leat_match_free(s, &select->exclude);
    leat_rename_free(s, select->rename);
    select->rename = NULL;
}

/* The name after its first n components; NULL: it has no more. */
static const char *stripped(const char *name, size_t n)
{
    while (n > 0) {
        while (*name == '/' || (name[0] == '.' && (name[1] == '/' || !name[1])))
            name++;
        name = strchr(name, '/');
        if (!name)
            return NULL;
        while (*name == '/')
            name++;
        n--;
    }
    return name;
}

int leat_select_name(struct leat_stage *s, const struct leat_select *select, const char *name,
                     char *ret)
{
    size_t n;
    int r;

    name = stripped(name, select->strip);
    if (!name || (!*name && select->strip > 0))
        return 0;
    n = strlen(name);
    if (n >= LEAT_RENAME_MAX)
        return leat_fail(s, LEAT_ELIMIT, "the name of an entry is longer than %u bytes",
                         LEAT_RENAME_MAX - 1);
    memcpy(ret, name, n + 1);
    r = leat_rename_apply(s, select->rename, ret);
    return r < 0 ? r : *ret != '\0';
}

int leat_select_entry(struct leat_stage *s, struct leat_select *select, const char *name, char *ret)
{
    size_t n = strlen(name);

    if (select->include.n > 0 && !leat_match_any(&select->include, name, n))
        return 0;
    if (leat_match_any(&select->exclude, name, n))
        return 0;
    return leat_select_name(s, select, name, ret);
}

int leat_select_end(struct leat_stage *s, const struct leat_select *select)
{
    for (size_t i = 0; i < select->include.n; i++)
        if (!select->include.v[i].used)
            return leat_fail(s, LEAT_ENOENT, "no entry matches --include '%s'",
                             select->include.v[i].text);
    return 0;
}
