/* file_map.c - a map from bytes of a source's output to the files that they come from. */

#include "file_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

struct leat_file_map *leat_file_map_new(const struct leat_strings *names)
{
    struct leat_file_map *map = calloc(1, sizeof *map + names->n * sizeof *map->v);

    if (!map)
        return NULL;
    map->names = names;
    atomic_init(&map->n, 0);
    atomic_init(&map->end, UINT64_MAX);
    return map;
}

void leat_file_map_add(struct leat_file_map *map, uint64_t begin, uint64_t place)
{
    size_t n = atomic_load_explicit(&map->n, memory_order_relaxed);

    leat_assert(n < map->names->n);
    leat_assert(n == 0 || map->v[n - 1].begin <= begin);
    map->v[n] = (struct leat_file_start){.begin = begin, .place = place};
    atomic_store_explicit(&map->n, n + 1, memory_order_release);
}

void leat_file_map_end(struct leat_file_map *map, uint64_t end)
{
    atomic_store_explicit(&map->end, end, memory_order_release);
}

bool leat_file_map_get(const struct leat_file_map *map, size_t i, struct leat_input_file *ret)
{
    uint64_t end = atomic_load_explicit(&map->end, memory_order_acquire);
    size_t n = atomic_load_explicit(&map->n, memory_order_acquire);

    if (i >= n)
        return false;
    *ret = (struct leat_input_file){
        .name = map->names->v[i],
        .begin = map->v[i].begin,
        .end = i + 1 < n ? map->v[i + 1].begin : end,
        .place = map->v[i].place,
    };
    return true;
}

bool leat_file_map_find(const struct leat_file_map *map, uint64_t offset, bool before,
                        struct leat_input_file *ret)
{
    size_t low = 0, high = atomic_load_explicit(&map->n, memory_order_acquire);

    if (before && offset > 0)
        offset--;        /* the byte before */
    while (low < high) { /* binary search: the last file that begins at `offset` or before */
        size_t middle = low + (high - low) / 2;

        if (map->v[middle].begin <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && leat_file_map_get(map, low - 1, ret);
}

void leat_file_name_copy(char *to, size_t size, const char *name)
{
    static const char dots[] = "...";
    size_t n = strlen(name);

    if (n < size)
        memcpy(to, name, n + 1);
    else
        snprintf(to, size, "%s%s", dots, name + n - (size - sizeof dots));
}
