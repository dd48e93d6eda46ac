/* rules.c - from what is allowed to rules of Landlock: which directory or file, and which rights on it.
 *
 * Rights on a directory hold for all below it, so each kind gets the fewest that do: an output needs no
 * right to read its directory's files, an input none on its directory.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/invariant.h"
#include "confinement.h"
#include "edge/spill.h"
#include "io/outfile_impl.h"
#include "landlock.h"
#include "stage/stage_impl.h"
#include "system_files.h"

#define RIGHTS_READ (LEAT_RIGHT_READ | LEAT_RIGHT_LIST)
#define RIGHTS_STREAM (LEAT_RIGHT_READ | LEAT_RIGHT_WRITE | LEAT_RIGHT_IOCTL_DEV)
/* LIST: to sync the directory, and to find stale temporaries. */
#define RIGHTS_OUTPUT                                                                              \
    (LEAT_RIGHT_WRITE | LEAT_RIGHT_LIST | LEAT_RIGHT_MAKE_REG | LEAT_RIGHT_REMOVE_FILE |           \
     LEAT_RIGHT_TRUNCATE)
#define RIGHTS_PARTS (RIGHTS_OUTPUT | LEAT_RIGHT_MAKE_DIR | LEAT_RIGHT_REMOVE_DIR)
/* All that a rule for a place below the tree may grant: the kernel lets no file move to a directory
 * with more rights than its own. */
#define RIGHTS_TREE                                                                                \
    (RIGHTS_PARTS | RIGHTS_STREAM | RIGHTS_READ | LEAT_RIGHT_MAKE_SYM | LEAT_RIGHT_REFER)
#define RIGHTS_NODES                                                                               \
    (LEAT_RIGHT_MAKE_CHAR | LEAT_RIGHT_MAKE_BLOCK | LEAT_RIGHT_MAKE_FIFO | LEAT_RIGHT_MAKE_SOCK)
#define RIGHTS_TEMPORARY                                                                           \
    (LEAT_RIGHT_READ | LEAT_RIGHT_WRITE | LEAT_RIGHT_MAKE_REG | LEAT_RIGHT_REMOVE_FILE |           \
     LEAT_RIGHT_TRUNCATE)

struct rules {
    int fd, abi;
    uint64_t tree;  /* rights in a tree */
    bool all_ports; /* the set does not deny any */
};

/* Opening the file later would fail like this, too, so nothing has to be allowed. */
static bool is_out_of_reach(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ELOOP ||
           error == ENAMETOOLONG || error == ENXIO;
}

/* Returns 0 or -errno. */
static int allow(const struct rules *rules, const char *path, uint64_t rights)
{
    int fd = open(path, O_PATH | O_CLOEXEC), r;

    if (fd < 0)
        return is_out_of_reach(errno) ? 0 : -errno;
    r = leat_landlock_allow(rules->fd, rules->abi, fd, rights);
    (void)close(fd); /* nothing was written */
    return r;
}

/* An input. A worker opens it, and for that thread this name leads to other files of /proc than for ours, or by
 * another link to the same open file. */
static int allow_input(const struct rules *rules, const char *path)
{
    uint64_t rights = RIGHTS_READ | LEAT_RIGHT_IOCTL_DEV;
    int r = allow(rules, path, rights);

    if (r == 0 && strncmp(path, "/proc/thread-self/", 18) == 0)
        r = allow(rules, "/proc/self/task", rights);
    return r;
}

static int allow_read(void *rules, const char *path)
{
    return allow(rules, path, RIGHTS_READ);
}

/* --- outputs ---------------------------------------------------------------------------------- */

/* The name of an open descriptor: only a terminal, a device or a FIFO is opened again. */
static bool is_inherited(const char *path)
{
    return strcmp(path, "/dev/stdin") == 0 || strcmp(path, "/dev/stdout") == 0 ||
           strcmp(path, "/dev/stderr") == 0 || strncmp(path, "/dev/fd/", 8) == 0 ||
           strncmp(path, "/proc/self/fd/", 14) == 0;
}

static int allow_stream(const struct rules *rules, const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        return 0;
    return allow(rules, path, RIGHTS_STREAM);
}

/* Cuts the path, which is resolved, to its directory. */
static int allow_directory(const struct rules *rules, char *path, uint64_t rights)
{
    char *slash = strrchr(path, '/');

    if (!slash)
        return allow(rules, ".", rights);
    slash[slash == path] = '\0';
    return allow(rules, path, rights);
}

/* `path` has the slash before `name`. A link to a file: the directory of that; to a directory: itself. */
static int allow_link(const struct rules *rules, const char *path, const char *name, bool directory)
{
    char *link, *target;
    int r;

    if (asprintf(&link, "%s%s", path, name) < 0)
        return -ENOMEM;
    target = directory ? strdup(link) : leat_outfile_resolve(link);
    r = target || errno != ENOMEM ? 0 : -ENOMEM;
    if (target)
        r = directory ? allow(rules, target, RIGHTS_OUTPUT)
                      : allow_directory(rules, target, RIGHTS_OUTPUT);
    free(target);
    free(link);
    return r;
}

/* Outputs may be links to other places that have been made before, such as p0 and p1 for p{n}/x. */
static int allow_links(const struct rules *rules, const char *path, const char *prefix,
                       bool directories)
{
    DIR *dir = opendir(*path ? path : ".");
    struct dirent *entry;
    int r = 0;

    if (!dir)
        return is_out_of_reach(errno) ? 0 : -errno;
    while (r == 0 && (entry = readdir(dir)) != NULL)
        if ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
            strncmp(entry->d_name, prefix, strlen(prefix)) == 0)
            r = allow_link(rules, path, entry->d_name, directories);
    (void)closedir(dir); /* it was only read */
    return r;
}

/* A name with a number: the last directory before the number. */
static int allow_template(const struct rules *rules, const char *path, const char *number)
{
    char *begin = strndup(path, (size_t)(number - path)), *slash, *prefix;
    int r;

    if (!begin)
        return -ENOMEM;
    slash = strrchr(begin, '/');
    prefix = strdup(slash ? slash + 1 : begin);
    begin[slash ? slash + 1 - begin : 0] = '\0';
    r = !prefix ? -ENOMEM : allow(rules, *begin ? begin : ".", RIGHTS_OUTPUT);
    if (r == 0)
        r = allow_links(rules, begin, prefix, strchr(number, '/') != NULL);
    free(prefix);
    free(begin);
    return r;
}

static int allow_output(const struct rules *rules, const struct leat_allowed *a)
{
    const char *number = strstr(a->path, "{n");
    struct stat info;
    char *path;
    int r;

    if (is_inherited(a->path))
        return allow_stream(rules, a->path);
    if (number)
        return allow_template(rules, a->path, number);
    path = leat_outfile_resolve(a->path);
    if (!path)
        return errno == ENOMEM ? -ENOMEM : 0; /* opening it will fail */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        r = allow(rules, path, RIGHTS_STREAM);
    else
        r = allow_directory(rules, path, RIGHTS_OUTPUT);
    free(path);
    return r;
}

/* A directory that exists, or the one in which it is made or replaced. */
static int allow_tree(const struct rules *rules, const struct leat_allowed *a)
{
    size_t n = strlen(a->path);
    char *path, *resolved;
    int r;

    while (n > 1 && a->path[n - 1] == '/') /* they would hide a link */
        n--;
    path = strndup(a->path, n);
    resolved = path ? leat_outfile_resolve(path) : NULL;
    r = resolved || (path && errno != ENOMEM) ? 0 : -ENOMEM;
    if (resolved && a->kind == LEAT_ACCESS_TREE && access(resolved, F_OK) == 0)
        r = allow(rules, resolved, rules->tree);
    else if (resolved)
        r = allow_directory(rules, resolved, rules->tree);
    free(resolved);
    free(path);
    return r;
}

/* One that is there may have been left behind, and is replaced. */
static int allow_socket(const struct rules *rules, const char *path)
{
    char *copy = strdup(path);
    int r = copy ? allow_directory(rules, copy, LEAT_RIGHT_MAKE_SOCK | LEAT_RIGHT_REMOVE_FILE)
                 : -ENOMEM;

    free(copy);
    return r;
}

static int allow_users(const struct rules *rules)
{
    static const char *const files[] = {"/etc/passwd", "/etc/group",          "/etc/nsswitch.conf",
                                        "/run/nscd",   "/run/systemd/userdb", "/var/lib/sss"};
    int r = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && r == 0; i++)
        r = allow(rules, files[i], RIGHTS_READ);
    return r;
}

static int allow_network(const struct rules *rules)
{
    static const char *const files[] = {
        "/etc/hosts",         "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf",
        "/etc/gai.conf",      "/etc/services",    "/etc/protocols",     "/etc/ssl/certs",
        "/etc/pki/tls/certs", "/etc/pki/ca-trust"};
    int r = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && r == 0; i++)
        r = allow(rules, files[i], RIGHTS_READ);
    return r;
}

static int allow_port(const struct rules *rules, const char *text)
{
    struct leat_port port = {0};
    bool good = leat_access_is_port(text, &port);
    int r = allow_network(rules);

    leat_assert(good); /* leat_confinement_allow, leat_plan_access */
    if (r < 0 || rules->all_ports)
        return r;
    return leat_landlock_allow_port(rules->fd, rules->abi, port.listens, port.number);
}

static int allow_one(const struct rules *rules, const struct leat_allowed *a)
{
    static const struct leat_spill spill = {.dir = NULL};

    switch (a->kind) {
    case LEAT_ACCESS_READ:
        return strcmp(a->path, "-") == 0 ? 0 : allow_input(rules, a->path);
    case LEAT_ACCESS_OUTPUT:
        if (strcmp(a->path, "-") == 0)
            return 0;
        return a->parts ? allow(rules, a->path, RIGHTS_PARTS) : allow_output(rules, a);
    case LEAT_ACCESS_TREE:
    case LEAT_ACCESS_NEW_TREE:
        return allow_tree(rules, a);
    case LEAT_ACCESS_TEMPORARY:
        return allow(rules, a->path ? a->path : leat_spill_dir(&spill), RIGHTS_TEMPORARY);
    case LEAT_ACCESS_SOCKET:
        return allow_socket(rules, a->path);
    case LEAT_ACCESS_USERS:
        return allow_users(rules);
    case LEAT_ACCESS_NETWORK:
        return allow_network(rules);
    case LEAT_ACCESS_PORT:
        return allow_port(rules, a->path);
    default:
        return 0;
    }
}

int leat_rules_apply(const struct leat_confinement *c, int fd, int abi)
{
    static const char *const standard[] = {"/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"};
    struct rules rules = {
        .fd = fd, .abi = abi, .all_ports = leat_confinement_has(c, LEAT_ACCESS_NETWORK)};
    int r = leat_system_files_each(allow_read, &rules);

    leat_assert(!c->unconfinable[0]);
    rules.tree = RIGHTS_TREE | (leat_confinement_has(c, LEAT_ACCESS_NODES) ? RIGHTS_NODES : 0);
    for (size_t i = 0; i < sizeof standard / sizeof *standard && r == 0; i++)
        r = allow_stream(&rules, standard[i]);
    for (size_t i = 0; i < c->n && r == 0; i++)
        r = allow_one(&rules, &c->v[i]);
    return r;
}
