/* pack_owner.c - names of owners and groups, from the system's user database. */

#include "pack_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define LOOK_UP_SIZE 16384u /* a group's record has all its members */

/* A list that may not be read looks like one without the name when the system has another source of names.
 * A list that is not there has no names, which is an answer. Returns 0 or an errno. */
static int check_list(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 && errno != ENOENT ? errno : 0;

    if (fd >= 0)
        (void)close(fd); /* it was only read */
    return r;
}

static void look_up(struct leat_owners *owners, struct leat_owner *o)
{
    char buffer[LOOK_UP_SIZE];
    struct passwd user, *found_user = NULL;
    struct group record, *found_group = NULL;
    const char *name = NULL;

    if (owners->groups)
        (void)getgrgid_r((gid_t)o->id, &record, buffer, sizeof buffer, &found_group);
    else
        (void)getpwuid_r((uid_t)o->id, &user, buffer, sizeof buffer, &found_user);
    if (found_group)
        name = found_group->gr_name;
    else if (found_user)
        name = found_user->pw_name;
    else if (owners->error == 0)
        owners->error = check_list(owners->groups ? "/etc/group" : "/etc/passwd");
    if (name && strlen(name) < sizeof o->name)
        memcpy(o->name, name, strlen(name) + 1);
}

const char *leat_owner_name(struct leat_owners *owners, uint64_t id)
{
    struct leat_owner *o = &owners->cache[id % LEAT_OWNER_CACHE];

    if (!o->known || o->id != id) {
        *o = (struct leat_owner){.known = true, .id = id};
        look_up(owners, o);
    }
    return o->name;
}

/* The number of a name. Returns false if it is not known. */
static bool number_of(const char *name, bool group, uint64_t *ret)
{
    char buffer[LOOK_UP_SIZE];
    struct passwd user, *found_user = NULL;
    struct group record, *found_group = NULL;

    if (group && getgrnam_r(name, &record, buffer, sizeof buffer, &found_group) == 0 &&
        found_group) {
        *ret = found_group->gr_gid;
        return true;
    }
    if (!group && getpwnam_r(name, &user, buffer, sizeof buffer, &found_user) == 0 && found_user) {
        *ret = found_user->pw_uid;
        return true;
    }
    return false;
}

static bool parse_number(const char *text, uint64_t *ret)
{
    uint64_t n = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = 10 * n + (uint64_t)(*text - '0');
        if (n > UINT32_MAX)
            return false;
    }
    *ret = n;
    return true;
}

int leat_owner_parse(struct leat_stage *s, const char *option, const char *text, bool group,
                     struct leat_owner *ret)
{
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    struct leat_owner o = {.known = true};

    if (n >= sizeof o.name)
        return leat_fail(s, LEAT_EUSAGE, "%s=%s: the name is longer than %u bytes", option, text,
                         LEAT_OWNER_NAME - 1);
    if (!colon && parse_number(text, &o.id)) {
        *ret = o;
        return 0;
    }
    memcpy(o.name, text, n);
    if (colon ? !parse_number(colon + 1, &o.id) : !n || !number_of(o.name, group, &o.id))
        return leat_fail(s, LEAT_EUSAGE,
                         "%s=%s: give a number, NAME:NUMBER, or a name that this system knows",
                         option, text);
    *ret = o;
    return 0;
}
