/* small.c - a small file, whole: what a stage needs to know before it begins. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../stage.h"

#define GROW_MIN ((size_t)16384)

/* Twice the room, with what is there. */
static int grow(struct leat_stage *s, uint8_t **data, size_t *room, size_t max)
{
    size_t more = *room > 0 ? 2 * *room : GROW_MIN;
    uint8_t *to;

    if (more > max + 1)
        more = max + 1; /* one byte more tells that there are too many */
    to = leat_alloc(s, more);
    if (!to)
        return LEAT_ENOMEM;
    if (*data)
        memcpy(to, *data, *room);
    leat_free(s, *data);
    *data = to;
    *room = more;
    return 0;
}

static int read_all(struct leat_stage *s, int fd, const char *path, size_t max, uint8_t **ret_data,
                    size_t *ret_len)
{
    size_t room = 0, n = 0;

    for (;;) {
        ssize_t got;

        if (n == room && grow(s, ret_data, &room, max) < 0)
            return LEAT_ENOMEM;
        got = read(fd, *ret_data + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return leat_fail_errno(s, errno, "%s", path);
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return leat_fail(s, LEAT_ELIMIT, "%s: longer than %zu bytes", path, max);
    }
    *ret_len = n;
    return 0;
}

int leat_read_file(struct leat_stage *s, const char *path, size_t max, uint8_t **ret_data,
                   size_t *ret_len)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    uint8_t *data = NULL;
    int r;

    if (fd < 0)
        return leat_fail_errno(s, errno, "%s", path);
    r = read_all(s, fd, standard ? "standard input" : path, max, &data, ret_len);
    if (!standard)
        (void)close(fd); /* was only read */
    if (r < 0) {
        leat_free(s, data);
        return r;
    }
    *ret_data = data;
    return 0;
}
