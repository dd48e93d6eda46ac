/* listing.c - the files that a word of the command line means: itself, all below a directory, or all that match a pattern.
 *
 * Patterns are matched here and not by a shell, which fails when the names are too many for a command line.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "glob.h"
#include "url.h"

#define DEPTH_MAX 256u /* directories in one another, each with a descriptor open */

struct walk {
    struct inputs *inputs;
    const struct config *config;
    const struct listing_filter *filter;
    const char *pattern; /* NULL: all files */
    size_t rel;          /* where {rel} begins in a path */
    dev_t dev;           /* of --one-file-system */
    struct buf path;
    size_t found, problems;
    unsigned depth;
};

static bool matches_any(const char *const *patterns, const char *path, const char *rel)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

    for (; patterns && *patterns; patterns++)
        if (glob_matches(*patterns, strchr(*patterns, '/') ? rel : base))
            return true;
    return false;
}

static bool passes(const struct listing_filter *f, const char *path, const char *rel,
                   const struct stat *info)
{
    struct input input = {.path = NULL};

    input_stat(&input, info);
    if (f->include && !matches_any(f->include, path, rel))
        return false;
    if (matches_any(f->exclude, path, rel))
        return false;
    if (f->has_newer && input.mtime_ns <= f->newer_ns)
        return false;
    return f->size_sign == 0 || (f->size_sign == 1 && input.size > f->size) ||
           (f->size_sign == -1 && input.size < f->size) ||
           (f->size_sign == 2 && input.size == f->size);
}

static int no_memory(const struct config *c)
{
    return message_fail(c, LEAT_ENOMEM, "out of memory");
}

static int fail(const struct config *c, const char *path, const char *why)
{
    char shown[SHOWN_MAX];

    return message_fail(c, LEAT_EIO, "%s: %s", leat_show(path, shown, sizeof shown), why);
}

/* One that cannot be read fails by itself, and the others go on, as with find. */
static int add_problem(struct walk *w, const char *path, const char *why)
{
    w->problems++;
    return inputs_add_problem(w->inputs, path, LEAT_EIO, why) ? 0 : no_memory(w->config);
}

static int add_file(struct walk *w, const char *path, const struct stat *info)
{
    if (!passes(w->filter, path, path + w->rel, info))
        return 0;
    w->found++;
    return inputs_add(w->inputs, path, w->rel, info) ? 0 : no_memory(w->config);
}

static int walk_directory(struct walk *w, int parent, const char *name);

/* Is it a temporary file of leat, .NAME.leat- and 32 hexadecimal digits, which a killed run has left? */
static bool is_temporary(const char *name)
{
    const char *mark = *name == '.' ? strstr(name, ".leat-") : NULL, *next;

    while (mark && (next = strstr(mark + 1, ".leat-")))
        mark = next;
    return mark && strspn(mark + 6, "0123456789abcdef") == 32;
}

/* An entry of the directory `fd`; w->path is its path. */
static int visit(struct walk *w, int fd, const char *name, unsigned char type)
{
    const char *path = buf_text(&w->path);
    struct stat info;

    if (type == DT_REG && w->pattern && !glob_matches(w->pattern, path))
        return 0; /* most names of a large directory: not even their size is asked for */

    if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : add_problem(w, path, strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        if (matches_any(w->filter->exclude, path, path + w->rel))
            return 0;
        if (w->filter->one_file_system && info.st_dev != w->dev)
            return 0;
        return walk_directory(w, fd, name);
    }
    if (S_ISLNK(info.st_mode) && w->pattern && fstatat(fd, name, &info, 0) < 0)
        return 0; /* a pattern may mean a link, as in a shell; a directory does not */
    if (!S_ISREG(info.st_mode) || (w->pattern && !glob_matches(w->pattern, path)))
        return 0;
    return add_file(w, path, &info);
}

static const char *shown_directory(const struct walk *w)
{
    return w->path.n > 0 ? buf_text(&w->path) : ".";
}

/* `fd` is closed. */
static int read_entries(struct walk *w, int fd)
{
    DIR *dir = fdopendir(fd);
    size_t n = w->path.n;
    struct dirent *entry;
    int status = 0;

    if (!dir) {
        (void)close(fd); /* it was only read */
        return no_memory(w->config);
    }
    while (status == 0 && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            is_temporary(entry->d_name))
            continue;
        buf_add(&w->path, "%s%s", n > 0 && w->path.data[n - 1] != '/' ? "/" : "", entry->d_name);
        status = w->path.failed ? no_memory(w->config) : visit(w, fd, entry->d_name, entry->d_type);
        if (!w->path.failed) {
            w->path.n = n;
            w->path.data[n] = '\0';
        }
    }
    if (status == 0 && errno != 0)
        status = add_problem(w, shown_directory(w), strerror(errno));
    (void)closedir(dir);
    return status;
}

static int walk_directory(struct walk *w, int parent, const char *name)
{
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (w->depth > 0 ? O_NOFOLLOW : 0));
    int status;

    if (fd < 0)
        return add_problem(w, shown_directory(w), strerror(errno));
    if (w->depth == DEPTH_MAX) {
        (void)close(fd);
        return add_problem(w, shown_directory(w), "more than 256 directories in one another");
    }
    w->depth++;
    status = read_entries(w, fd);
    w->depth--;
    return status;
}

/* All files of a directory that was named. */
static int add_tree(struct walk *w, const char *word, const struct stat *info)
{
    size_t n = strlen(word);

    w->dev = info->st_dev;
    while (n > 1 && word[n - 1] == '/')
        n--;
    buf_bytes(&w->path, word, n);
    w->rel = n + (word[n - 1] != '/');
    return walk_directory(w, AT_FDCWD, word);
}

/* The directory before the first component with a magic character; its length is 0 for the current one. */
static size_t fixed_part(const char *pattern)
{
    size_t n = 0, end;

    for (end = strcspn(pattern, "/"); !glob_has_magic(pattern + n, end - n);) {
        n = end + (pattern[end] == '/');
        end = n + strcspn(pattern + n, "/");
    }
    return n;
}

static int add_pattern(struct walk *w, const char *word)
{
    size_t n = fixed_part(word);
    char *dir = strndup(n > 0 ? word : ".", n > 0 ? n : 1);
    struct stat info;
    int status;

    if (!dir)
        return no_memory(w->config);
    w->pattern = word;
    w->rel = n;
    buf_bytes(&w->path, word, n);
    if (stat(dir, &info) < 0)
        status = fail(w->config, dir, strerror(errno));
    else
        status = (w->dev = info.st_dev, walk_directory(w, AT_FDCWD, dir));
    free(dir);
    if (status == 0 && w->found == 0 && w->problems == 0)
        return fail(w->config, word, "no file matches this pattern");
    return status;
}

/* Filters look at the name. */
static int add_url(struct inputs *inputs, const struct config *c,
                   const struct listing_filter *filter, const char *word)
{
    struct input *input;
    bool bad;

    input = inputs_add_url(inputs, word, &bad);
    if (!input)
        return bad ? url_refuse(c, word) : no_memory(c);
    if ((filter->include &&
         !matches_any(filter->include, input->extra->file, input->extra->file)) ||
        matches_any(filter->exclude, input->extra->file, input->extra->file))
        inputs->n--;
    return 0;
}

int listing_add(struct inputs *inputs, const struct config *c, const struct listing_filter *filter,
                const char *word)
{
    struct walk w = {.inputs = inputs, .config = c, .filter = filter};
    const char *slash = strrchr(word, '/');
    struct stat info;
    int status;

    if (url_is(word))
        return add_url(inputs, c, filter, word);
    w.rel = slash ? (size_t)(slash + 1 - word) : 0;
    if (stat(word, &info) < 0)
        status = glob_has_magic(word, strlen(word)) ? add_pattern(&w, word)
                                                    : fail(c, word, strerror(errno));
    else if (S_ISREG(info.st_mode))
        status = add_file(&w, word, &info);
    else if (!S_ISDIR(info.st_mode))
        status = fail(c, word, "is not a regular file; each reads files whose size is known");
    else
        status = filter->recursive
                     ? add_tree(&w, word, &info)
                     : fail(c, word, "is a directory; give -r to take all files in it");
    buf_free(&w.path);
    return status;
}
