/* alias.c - two names of one file: outputs that meet through a symbolic link, or an output that is an input by another name.
 *
 * check.c compares names, which is enough where nothing is replaced: the second output finds that it exists. Where outputs
 * replace what is there, one would replace the other, whose source may be gone by then. Files are therefore compared too:
 * by their device and inode, or by those of the directory and the base name if there is no file yet.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "batch.h"

/* The identity of a file, or of a name in a directory. */
struct identity {
    uint64_t dev, ino;
    const char *base; /* NULL: of the file */
};

/* The identity in 128 bits, which are compared; and 1 + the input that owns it, or 0. */
struct slot {
    uint64_t key[2];
    uint32_t owner;
};

struct slots {
    struct slot *v;
    size_t n; /* a power of two, at least twice the owners */
};

/* The last directory that was looked at; names come sorted. */
struct directory {
    struct buf path;
    struct stat info;
    bool there;
};

static void key_of(const struct identity *id, uint64_t key[2])
{
    const char *base = id->base ? id->base : "";

    key[0] = (14695981039346656037u ^ id->dev) * 1099511628211u;
    key[0] = (key[0] ^ id->ino) * 1099511628211u;
    key[1] = (id->ino + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u + id->dev + (id->base != NULL);
    for (; *base; base++) {
        key[0] = (key[0] ^ (unsigned char)*base) * 1099511628211u;
        key[1] = (key[1] ^ key[1] >> 31) * 0x94d049bb133111ebu + (unsigned char)*base;
    }
    key[0] ^= key[0] >> 29;
}

static bool slots_init(struct slots *slots, size_t n)
{
    for (slots->n = 64; slots->n < 2 * n;)
        slots->n *= 2;
    slots->v = calloc(slots->n, sizeof *slots->v);
    return slots->v != NULL;
}

/* The owner of the identity, or SIZE_MAX; then it becomes that of `owner`, unless that is SIZE_MAX. */
static size_t find(struct slots *slots, const struct identity *id, size_t owner)
{
    uint64_t key[2];
    size_t i;

    key_of(id, key);
    for (i = (size_t)key[0] & (slots->n - 1); slots->v[i].owner > 0; i = (i + 1) & (slots->n - 1))
        if (memcmp(slots->v[i].key, key, sizeof key) == 0)
            return slots->v[i].owner - 1;
    if (owner != SIZE_MAX)
        slots->v[i] = (struct slot){.key = {key[0], key[1]}, .owner = (uint32_t)owner + 1};
    return SIZE_MAX;
}

/* The directory of the path and its base name. Returns false: it is not there. */
static bool place_of(struct directory *last, const char *path, struct identity *ret)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = (size_t)(base - path);

    if (last->path.n != n + 1 || memcmp(last->path.data, path, n) != 0) {
        last->path.n = 0;
        buf_bytes(&last->path, path, n);
        buf_bytes(&last->path, ".", 1);
        last->there = !last->path.failed && stat(buf_text(&last->path), &last->info) == 0;
    }
    *ret = (struct identity){.dev = last->info.st_dev, .ino = last->info.st_ino, .base = base};
    return last->there;
}

/* Is the output, a file that is there, this input? A hard link to it is not: it is replaced alone. */
static bool is_input(const char *output, const struct stat *info, const char *input)
{
    struct directory a = {.there = false}, b = {.there = false};
    struct identity x, y;
    struct stat link;
    bool same = info->st_nlink == 1 || (lstat(output, &link) == 0 && S_ISLNK(link.st_mode));

    same = same || (place_of(&a, output, &x) && place_of(&b, input, &y) && x.dev == y.dev &&
                    x.ino == y.ino && strcmp(x.base, y.base) == 0);
    buf_free(&a.path);
    buf_free(&b.path);
    return same;
}

static int check_output(const struct batch *b, size_t i, const char *name, struct slots *inputs,
                        struct slots *outputs, struct directory *last)
{
    struct identity id;
    struct stat info, link;
    size_t other;
    bool there = stat(name, &info) == 0;

    if (there && !S_ISREG(info.st_mode))
        return 0; /* a device or a directory: `write` says what it thinks of it */
    id = (struct identity){.dev = there ? info.st_dev : 0, .ino = there ? info.st_ino : 0};
    other = there ? find(inputs, &id, SIZE_MAX) : SIZE_MAX;
    if (other != SIZE_MAX && is_input(name, &info, b->inputs.v[other].path))
        return batch_refuse(b, i, other, name, true);
    if (there && info.st_nlink > 1 && !(lstat(name, &link) == 0 && S_ISLNK(link.st_mode)))
        there = false; /* its names are outputs of their own */
    if (!there && !place_of(last, name, &id))
        return last->path.failed ? message_fail(b->config, LEAT_ENOMEM, "out of memory") : 0;
    other = find(outputs, &id, i);
    return other != SIZE_MAX ? batch_refuse(b, i, other, name, false) : 0;
}

int batch_check_aliases(const struct batch *b)
{
    struct slots inputs = {.n = 0}, outputs = {.n = 0};
    struct directory last = {.there = false};
    int status = 0;

    if (b->n_outputs == 0 || !(b->config->settings.force || b->replaces || b->options->resume))
        return 0;
    if (!slots_init(&inputs, b->inputs.n) || !slots_init(&outputs, b->inputs.n * b->n_outputs))
        status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
    for (size_t i = 0; i < b->inputs.n && status == 0; i++) {
        const struct input *input = &b->inputs.v[i];
        const struct identity id = {.dev = input->dev, .ino = input->ino};

        if (!input->missing && input->ino > 0)
            (void)find(&inputs, &id, i); /* two inputs may be one file */
    }
    for (size_t i = 0; i < b->inputs.n && status == 0; i++) {
        char **names;

        if (input_has_problem(&b->inputs.v[i]))
            continue;
        names = batch_outputs(b, i);
        if (!names)
            status = message_fail(b->config, LEAT_ENOMEM, "out of memory");
        for (size_t k = 0; k < b->n_outputs && status == 0; k++)
            status = check_output(b, i, names[k], &inputs, &outputs, &last);
        batch_outputs_free(b, names);
    }
    free(inputs.v);
    free(outputs.v);
    buf_free(&last.path);
    return status;
}
