/* part_again.c - the path of the file of a part that the stage names, and another one if that is taken. */

#include "part_again.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* The stage that cuts the stream, if it names the file of the sink. */
static struct leat_stage *namer_of(const struct leat_stage *sink)
{
    const struct leat_parts *parts = sink->segment ? sink->segment->part_of : NULL;

    if (!parts || !parts->commits || !sink->info->part.by_stage || !sink->part_below)
        return NULL;
    return parts->owner->slots[parts->owner->n - 1].stage;
}

char *leat_part_in(struct leat_stage *s, const char *directory, const char *name)
{
    char *path;

    leat_assert(*directory && directory[strlen(directory) - 1] == '/');
    s->part_below = directory;
    s->part_below_n = strcmp(directory, "./") == 0 ? 0 : strlen(directory);
    if (asprintf(&path, "%.*s%s", (int)s->part_below_n, directory, name) < 0)
        return NULL;
    return path;
}

bool leat_part_has_again(const struct leat_stage *sink)
{
    const struct leat_stage *namer = namer_of(sink);

    return namer && namer->type->part_again;
}

int leat_part_again(struct leat_stage *sink)
{
    struct leat_stage *namer = namer_of(sink);
    char name[NAME_MAX + 1], *path;

    leat_assert(namer && !namer->closed);
    if (namer->type->part_again(namer, name, sizeof name) < 0)
        return leat_fail(sink, namer->failure.code, "%s", namer->failure.text);
    leat_assert(*name && !strchr(name, '/'));
    path = leat_part_in(sink, sink->part_below, name);
    if (!path)
        return leat_fail(sink, LEAT_ENOMEM, "out of memory");
    free(sink->part_name);
    sink->part_name = path;
    sink->part_words[0] = path;
    sink->operands = (struct leat_strings){.n = 1, .v = sink->part_words};
    return 0;
}
