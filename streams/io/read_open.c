/* read_open.c - the stage `read` before the first byte: the options, the files, their sizes, and where to begin. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "read_impl.h"
#include "run/pipeline.h"
#include "stage/file_map.h"

static const char *const stdin_name[] = {"-", NULL};
const struct leat_strings leat_read_standard_input = {1, stdin_name};

const struct leat_strings *leat_read_files(const struct leat_stage *s)
{
    const struct leat_strings *files = leat_operands(s);

    return files->n > 0 ? files : &leat_read_standard_input;
}

/* The size of a block device; 0: not known. */
static uint64_t device_size(const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint64_t size = 0;

    if (fd >= 0 && ioctl(fd, BLKGETSIZE64, &size) < 0)
        size = 0;
    if (fd >= 0 && !standard)
        (void)close(fd); /* was only asked */
    return size;
}

/* Check all files before the first byte moves, so that a missing one fails at once. */
static int measure(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    const struct leat_strings *files = leat_read_files(s);
    const struct leat_read_params *params = leat_params(s);
    bool known = true;

    for (size_t i = 0; i < files->n; i++) {
        struct stat info;
        bool standard = strcmp(files->v[i], "-") == 0;
        int r = standard ? fstat(STDIN_FILENO, &info) : stat(files->v[i], &info);
        uint64_t size;

        if (!*files->v[i])
            return leat_fail(s, LEAT_EUSAGE, "the name of a file is empty");
        if (leat_fd_is_private(files->v[i]))
            return leat_fail_errno(s, EBADF, "%s", files->v[i]);
        if (r < 0 || (!standard && access(files->v[i], R_OK) < 0))
            return leat_fail_errno(s, errno, "%s", leat_read_shown(files->v[i]));
        if (S_ISDIR(info.st_mode))
            return leat_fail_errno(s, EISDIR, "%s", leat_read_shown(files->v[i]));
        size = S_ISBLK(info.st_mode) ? device_size(files->v[i]) : (uint64_t)info.st_size;
        known = known && (S_ISREG(info.st_mode) || (S_ISBLK(info.st_mode) && size > 0));
        st->total += size;
    }
    if (params->offset > 0)
        st->total = st->total > params->offset ? st->total - params->offset : 0;
    if (st->total > st->left)
        st->total = st->left;
    if (!known)
        st->total = 0;
    return 0;
}

int leat_read_plan(struct leat_stage *s)
{
    const struct leat_read_params *params = leat_params(s);
    const struct leat_strings *files = leat_operands(s);
    const char *option = params->range ? "--range" : params->frames ? "--frames" : NULL;
    struct leat_range range;

    for (size_t i = 0; i < files->n; i++)
        if (leat_plan_access(s, files->v[i], LEAT_ACCESS_READ) < 0)
            return LEAT_ENOMEM;
    if (!option)
        return 0;
    if (params->range && leat_range_parse(params->range, &range) < 0)
        return leat_fail(s, LEAT_EUSAGE, "--range=%s: give OFFSET:LENGTH, or OFFSET: up to the end",
                         params->range);
    if (params->frames && leat_frames_parse(params->frames, &range) < 0)
        return leat_fail(
            s, LEAT_EUSAGE,
            "--frames=%s: give FROM:BYTES:SKIP:DROP, with at least a byte of frames and "
            "at most %u bytes to drop",
            params->frames, LEAT_FRAMES_DROP_MAX);
    if (files->n != 1 || strcmp(files->v[0], "-") == 0)
        return leat_fail(s, LEAT_EUSAGE, "%s needs one FILE", option);
    if (params->offset > 0 || params->length != INT64_MAX)
        return leat_fail(s, LEAT_EUSAGE,
                         "%s selects decoded bytes, --offset and --length select bytes of the "
                         "file: give one or the other",
                         option);
    if (params->range && params->frames)
        return leat_fail(s, LEAT_EUSAGE, "give only one of --range and --frames");
    return 0;
}

/* The file may have become shorter since its frames were found. */
static int find_frames(struct leat_stage *s, uint64_t size, const char *name)
{
    const struct leat_read_params *params = leat_params(s);
    struct leat_read_state *st = leat_state(s);
    int r = leat_frames_parse(params->frames, &st->range);

    if (r < 0 || st->range.from + st->range.bytes <= size)
        return r;
    return leat_fail(s, LEAT_EUSAGE, "%s: has only %" PRIu64 " bytes, and no frames up to %" PRIu64,
                     name, size, st->range.from + st->range.bytes);
}

/* The part of the file that --range or --frames needs. */
static int find_range(struct leat_stage *s)
{
    const struct leat_read_params *params = leat_params(s);
    struct leat_read_state *st = leat_state(s);
    const char *name = leat_read_files(s)->v[0];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r;
    struct stat info = {0};

    if (fd < 0 || fstat(fd, &info) < 0)
        r = leat_fail_errno(s, errno, "%s", name);
    else if (!S_ISREG(info.st_mode))
        r = leat_fail(s, LEAT_EUSAGE, "%s: is not a regular file, but --%s must seek", name,
                      params->range ? "range" : "frames");
    else
        r = params->frames ? find_frames(s, (uint64_t)info.st_size, name)
                           : leat_range_parse(params->range, &st->range);
    if (r == 0 && params->range)
        r = leat_range_find(s, &st->range, fd, (uint64_t)info.st_size, name);
    if (fd >= 0)
        (void)close(fd); /* was only read */
    st->skip = st->range.from;
    st->left = st->total = st->range.bytes;
    return r;
}

int leat_read_open(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    const struct leat_read_params *params = leat_params(s);
    int r;

    st->fd.fd = -1;
    st->skip = params->offset;
    st->left = params->length;
    r = params->direct ? leat_direct_init(s, &st->direct) : 0;
    if (r == 0)
        r = measure(s);
    if (r == 0 && (params->range || params->frames))
        r = find_range(s);
    if (r == 0)
        leat_position(s, 0, st->total);
    return r;
}

void leat_read_look_at(const struct leat_stage *s, const char *name, const uint8_t *first, size_t n)
{
    const struct leat_registry *registry = s->pipeline->registry;
    struct leat_file_map *map = s->info->input.opens;
    const char *format = NULL;

    if (!map->text_reader || map->coded_format)
        return;
    n = n < LEAT_RECOGNISE ? n : LEAT_RECOGNISE;
    for (size_t i = 0; i < leat_registry_count(registry) && !format; i++) {
        const struct leat_stage_type *type = leat_registry_at(registry, i);

        format = type->recognise ? type->recognise(first, n) : NULL;
    }
    map->coded_name = name;
    map->coded_format = format;
}

/* The first bytes of the files that are not read from their beginning are looked at all the same. */
static void begin_at_last(struct leat_stage *s)
{
    struct leat_read_state *st = leat_state(s);
    const char *const *names = leat_read_files(s)->v;

    for (size_t i = 0; i < st->last.file + (st->last.start > 0); i++) {
        uint8_t first[LEAT_RECOGNISE];
        bool standard = strcmp(names[i], "-") == 0;
        int fd =
            standard ? STDIN_FILENO : open(names[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        ssize_t n = fd >= 0 && st->last.base == 0 ? pread(fd, first, sizeof first, 0) : 0;

        if (n > 0)
            leat_read_look_at(s, names[i], first, (size_t)n);
        if (fd >= 0 && !standard)
            (void)close(fd); /* was only read */
        if (i < st->last.file)
            leat_file_map_add(s->info->input.opens, 0, 0);
    }
    st->next = st->last.file;
    st->skip = st->last.start;
    st->total = st->last.bytes;
    leat_position(s, 0, st->total);
}

int leat_read_find_last(struct leat_stage *s, struct leat_out *out)
{
    struct leat_read_state *st = leat_state(s);
    uint8_t *to;
    size_t room;
    int r;

    if (!s->info->last.given || st->last.done)
        return LEAT_END;
    room = leat_reserve(out, &to);
    if (room == 0)
        return LEAT_MORE;
    r = leat_read_last_step(s, &st->last, leat_read_files(s), to, room);
    leat_commit(out, 0);
    if (st->last.found)
        begin_at_last(s);
    return st->last.done ? LEAT_END : r;
}
