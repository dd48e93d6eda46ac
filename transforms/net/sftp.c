/* sftp.c - the names and commands of a file that is written over SFTP under a temporary name. */

#include "sftp.h"

#if HAVE_CURL

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <unistd.h>

#include "fixed.h"

bool leat_sftp_is_url(const char *word)
{
    return strncasecmp(word, "sftp://", 7) == 0;
}

/* A file of ~/.ssh. Returns false: there is no home, or the name is too long. */
static bool of_home(const char *name, char to[LEAT_SFTP_PATH_MAX])
{
    const char *home = getenv("HOME");
    int n = home && *home
                ? snprintf(to, LEAT_SFTP_PATH_MAX, "%s/.ssh%s%s", home, *name ? "/" : "", name)
                : -1;

    return n > 0 && (size_t)n < LEAT_SFTP_PATH_MAX;
}

int leat_sftp_plan(struct leat_stage *s, const char *url, const char *known_hosts, const char *key)
{
    char home[LEAT_SFTP_PATH_MAX];
    const char *path = strchr(url + 7, '/');
    int r = 0;

    if (!path || !path[1] || path[strlen(path) - 1] == '/')
        return leat_fail(s, LEAT_EUSAGE, "give sftp://HOST/DIRECTORY/FILE");
    if (known_hosts)
        r = leat_plan_access(s, known_hosts, LEAT_ACCESS_READ);
    if (r == 0 && key)
        r = leat_plan_access(s, key, LEAT_ACCESS_READ);
    if (r == 0 && (!known_hosts || !key) && of_home("", home))
        r = leat_plan_access(s, home, LEAT_ACCESS_READ);
    return r;
}

bool leat_sftp_quote(const char *path, size_t length, char *to, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        bool escape = path[i] == '"' || path[i] == '\\';

        if ((unsigned char)path[i] < ' ' || n + escape + 4 > size)
            return false;
        if (n == 0)
            to[n++] = '"';
        if (escape)
            to[n++] = '\\';
        to[n++] = path[i];
    }
    if (n == 0)
        return false;
    to[n++] = '"';
    to[n] = '\0';
    return true;
}

/* The first key that is there; without one there may still be an agent. */
static void find_key(struct leat_sftp_files *f)
{
    static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (of_home(names[i], f->key) && access(f->key, R_OK) == 0)
            return;
    f->key[0] = '\0';
}

/* The two names as words of commands: of the file, and of the temporary one in the same directory. A path that begins with /~/ is
 * below the home directory. */
static bool name(struct leat_client *client, struct leat_sftp *f, const char *url, bool force)
{
    char path[LEAT_SFTP_PATH_MAX], from[2 * LEAT_SFTP_PATH_MAX / 2], to[2 * LEAT_SFTP_PATH_MAX / 2];
    const char *base = strrchr(url, '/') + 1;
    struct leat_fixed temporary = leat_fixed_in(f->url, sizeof f->url);
    size_t skip;
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint64_t)getpid();
    leat_fixed_add(&temporary, "%.*s.%s.leat-%016" PRIx64, (int)(base - url), url, base, random);
    if (temporary.is_full || !leat_client_path(client, url, path, sizeof path))
        return false;
    skip = strncmp(path, "/~/", 3) == 0 ? 3 : 0;
    if (!leat_sftp_quote(path + skip, strlen(path + skip), to, sizeof to) ||
        !leat_client_path(client, f->url, path, sizeof path) ||
        !leat_sftp_quote(path + skip, strlen(path + skip), from, sizeof from))
        return false;
    snprintf(f->lines[0], sizeof f->lines[0], "*rm %s", to); /* an error does not matter */
    snprintf(f->lines[1], sizeof f->lines[1], "rename %s %s", from, to);
    snprintf(f->lines[2], sizeof f->lines[2], "*rm %s", from);
    f->commit[0] = f->lines[force ? 0 : 1];
    f->commit[1] = force ? f->lines[1] : NULL;
    f->undo[0] = f->lines[2];
    return true;
}

int leat_sftp_find(struct leat_stage *s, struct leat_sftp_files *f, const char *known_hosts,
                   const char *key)
{
    if (known_hosts)
        snprintf(f->known_hosts, sizeof f->known_hosts, "%s", known_hosts);
    else if (!of_home("known_hosts", f->known_hosts))
        return leat_fail(s, LEAT_EUSAGE, "no HOME, and so no known hosts; see --known-hosts");
    if (access(f->known_hosts, R_OK) < 0) /* without the file nothing would check the host */
        return leat_fail(
            s, LEAT_EUSAGE,
            "%s cannot be read, so the host cannot be checked; connect once with ssh, or "
            "see --known-hosts",
            f->known_hosts);
    if (key)
        snprintf(f->key, sizeof f->key, "%s", key);
    else
        find_key(f);
    return 0;
}

int leat_sftp_init(struct leat_stage *s, struct leat_client *client, struct leat_sftp *f,
                   const char *url, const char *known_hosts, const char *key, bool force)
{
    int r = leat_sftp_find(s, &f->files, known_hosts, key);

    if (r < 0)
        return r;
    if (!name(client, f, url, force))
        return leat_fail(s, LEAT_EUSAGE,
                         "the name of the file is too long, or has a control character");
    f->ssh = (struct leat_client_ssh){.known_hosts = f->files.known_hosts,
                                      .key = *f->files.key ? f->files.key : NULL,
                                      .after = f->commit};
    return 0;
}

#endif
