/* line_map.c - a step for stages that make of each line something else. */

#include "line_map.h"

#include <string.h>

#include "base/invariant.h"

/* Less room is not worth a batch. */
#define BATCH_MIN ((size_t)512)

size_t leat_line_map_batch(const struct leat_line_map *map, const struct leat_in *in,
                           struct leat_out *out)
{
    const uint8_t *from = in->data + in->pos, *end;
    size_t n = in->len - in->pos, most, made;
    uint8_t *to;

    most = leat_reserve(out, &to) / map->growth;
    if (n > most)
        n = most;
    end = n >= BATCH_MIN || n == in->len - in->pos ? memrchr(from, map->end, n) : NULL;
    if (!end)
        return 0;
    n = (size_t)(end - from) + 1;
    made = map->run(map->arg, from, n, to, n * map->growth);
    leat_assert(made <= n * map->growth);
    leat_commit(out, made);
    return n;
}

/* Runs one line. Returns how many bytes it has; 0: there is no room now. */
static size_t run_line(const struct leat_line_map *map, const struct leat_in *in,
                       struct leat_out *out)
{
    const uint8_t *from = in->data + in->pos, *end = memchr(from, map->end, in->len - in->pos);
    size_t n = end ? (size_t)(end - from) + 1 : in->len - in->pos, size, made;
    uint8_t *to;

    size = map->run(map->arg, from, n, NULL, 0);
    if (size == 0)
        return n;
    if (leat_reserve_least(out, size, &to) == 0)
        return 0;
    made = map->run(map->arg, from, n, to, size);
    leat_assert(made == size);
    leat_commit(out, made);
    return n;
}

int leat_line_map_step(const struct leat_line_map *map, struct leat_in *in, struct leat_out *out)
{
    while (in->pos < in->len) {
        size_t n = leat_line_map_batch(map, in, out);

        if (n == 0)
            n = run_line(map, in, out);
        if (n == 0)
            return LEAT_MORE;
        in->pos += n;
        leat_assert(in->pos <= in->len);
    }
    return in->end ? LEAT_END : LEAT_MORE;
}
