/* inputs.c - the list of inputs. Names are in an arena, because a million blocks of malloc would cost more than the names. */

#include "inputs.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)256 << 10)

struct arena_block {
    struct arena_block *next;
    size_t n, room;
    char data[];
};

const char *const outcome_names[OUTCOMES] = {
    [OUTCOME_WAITS] = "waits",   [OUTCOME_DONE] = "done",       [OUTCOME_SKIPPED] = "skipped",
    [OUTCOME_FAILED] = "failed", [OUTCOME_CHANGED] = "changed", [OUTCOME_DROPPED] = "not done",
};

char *arena_copy(struct arena *arena, const char *text, size_t n)
{
    struct arena_block *block = arena->blocks;
    char *to;

    if (!block || block->room - block->n <= n) {
        size_t room = n + 1 > ARENA_BYTES ? n + 1 : ARENA_BYTES;

        block = malloc(sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct arena_block){.next = arena->blocks, .room = room};
        arena->blocks = block;
    }
    to = block->data + block->n;
    memcpy(to, text, n);
    to[n] = '\0';
    block->n += n + 1;
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

bool input_set_problem(struct inputs *inputs, struct input *input, int code, const char *text)
{
    char *copy = arena_copy(&inputs->arena, text, strlen(text) + 1);

    if (!copy)
        return false;
    memmove(copy + 1, copy,
            strlen(copy) +
                1); /* the code comes first: most inputs have no problem, and no member for it */
    copy[0] = (char)-code;
    input->problem = copy;
    return true;
}

int input_problem(const struct input *input, const char **ret_text)
{
    *ret_text = input->problem ? input->problem + 1 : "";
    return input->problem ? -input->problem[0] : 0;
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
