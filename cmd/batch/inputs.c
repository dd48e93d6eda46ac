/* inputs.c - the list of inputs. Names are in an arena, because a million blocks of malloc would cost more than the names. */

#include "inputs.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)256 << 10)

struct arena_block {
    struct arena_block *next;
    size_t n, room;
    _Alignas(8) char data[];
};

const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_WAITS] = "waits",   [OUTCOME_DONE] = "done",       [OUTCOME_SKIPPED] = "skipped",
    [OUTCOME_FAILED] = "failed", [OUTCOME_CHANGED] = "changed", [OUTCOME_DROPPED] = "not done",
};

/* Room for n bytes that begin at a multiple of `align`, a power of two up to 8. */
static char *arena_take(struct arena *arena, size_t n, size_t align)
{
    struct arena_block *block = arena->blocks;
    size_t at = block ? (block->n + align - 1) & ~(align - 1) : 0;

    if (!block || at > block->room || block->room - at < n) {
        size_t room = n > ARENA_BYTES ? n : ARENA_BYTES;

        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct arena_block){.next = arena->blocks, .room = room};
        arena->blocks = block;
        at = 0;
    }
    block->n = at + n;
    return block->data + at;
}

char *arena_copy(struct arena *arena, const char *text, size_t n)
{
    char *to = arena_take(arena, n + 1, 1);

    if (!to)
        return NULL;
    memcpy(to, text, n);
    to[n] = '\0';
    return to;
}

void input_stat(struct input *input, const struct stat *info)
{
    input->size = (uint64_t)info->st_size;
    input->mtime_ns = info->st_mtim.tv_sec * (int64_t)1000000000 + info->st_mtim.tv_nsec;
    input->dev = info->st_dev;
    input->ino = info->st_ino;
}

bool input_is_same(const struct input *input, const struct stat *info)
{
    struct input now = {.path = NULL};

    input_stat(&now, info);
    return S_ISREG(info->st_mode) && now.size == input->size && now.mtime_ns == input->mtime_ns &&
           (input->ino == 0 || (now.dev == input->dev && now.ino == input->ino));
}

struct input *inputs_add(struct inputs *inputs, const char *path, size_t rel,
                         const struct stat *info)
{
    char *copy = arena_copy(&inputs->arena, path, strlen(path));
    struct input *input;

    if (!copy)
        return NULL;
    if (inputs->n == inputs->room) {
        size_t room = inputs->room + inputs->room / 2 + 64;
        struct input *more = realloc(inputs->v, room * sizeof *more);

        if (!more)
            return NULL;
        inputs->v = more;
        inputs->room = room;
    }
    input = &inputs->v[inputs->n++];
    *input = (struct input){.path = copy, .rel = (uint32_t)rel, .missing = !info};
    if (info)
        input_stat(input, info);
    inputs->bytes += input->size;
    return input;
}

struct input_extra *input_extra(struct inputs *inputs, struct input *input)
{
    void *room = input->extra ? NULL : arena_take(&inputs->arena, sizeof *input->extra, 8);

    if (room)
        input->extra = memset(room, 0, sizeof *input->extra);
    return input->extra;
}

bool input_set_problem(struct inputs *inputs, struct input *input, int code, const char *text)
{
    struct input_extra *extra = input_extra(inputs, input);

    if (extra)
        extra->problem = arena_copy(&inputs->arena, text, strlen(text));
    if (!extra || !extra->problem)
        return false;
    extra->code = code;
    return true;
}

bool input_set_etag(struct inputs *inputs, struct input *input, const char *etag)
{
    struct input_extra *extra = input_extra(inputs, input);

    if (extra)
        extra->etag = arena_copy(&inputs->arena, etag, strlen(etag));
    return extra && extra->etag;
}

int input_problem(const struct input *input, const char **ret_text)
{
    *ret_text = input_has_problem(input) ? input->extra->problem : "";
    return input_has_problem(input) ? input->extra->code : 0;
}

struct input *inputs_add_problem(struct inputs *inputs, const char *path, int code,
                                 const char *text)
{
    struct input *input = inputs_add(inputs, path, 0, NULL);

    if (!input || !input_set_problem(inputs, input, code, text))
        return NULL;
    input->missing = false;
    return input;
}

void arena_done(struct arena *arena)
{
    for (struct arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->blocks = NULL;
}

void inputs_done(struct inputs *inputs)
{
    arena_done(&inputs->arena);
    free(inputs->v);
    *inputs = (struct inputs){.n = 0};
}

static int by_path(const void *a, const void *b)
{
    const struct input *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

const char *inputs_sort(struct inputs *inputs)
{
    if (inputs->n > 0)
        qsort(inputs->v, inputs->n, sizeof *inputs->v, by_path);
    for (size_t i = 1; i < inputs->n; i++)
        if (by_path(&inputs->v[i - 1], &inputs->v[i]) == 0)
            return inputs->v[i].path;
    return NULL;
}
