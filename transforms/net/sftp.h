/* sftp.h - the files of the user that SFTP needs, and the names and commands of a file that is written under a temporary name. */
#ifndef LEAT_NET_SFTP_H
#define LEAT_NET_SFTP_H

#include "client.h"

#define LEAT_SFTP_PATH_MAX ((size_t)4096) /* bytes, with the NUL */

/* The files of the user for a host. */
struct leat_sftp_files {
    char known_hosts[LEAT_SFTP_PATH_MAX], key[LEAT_SFTP_PATH_MAX]; /* key: "": that of an agent */
};

struct leat_sftp {
    struct leat_client_ssh ssh;
    char url[3 * LEAT_SFTP_PATH_MAX]; /* of the temporary file */
    struct leat_sftp_files files;
    char lines[3][2 * LEAT_SFTP_PATH_MAX +
                  16]; /* remove the old file, rename, remove the temporary file */
    const char *commit[3], *undo[2];
};

/* leat_sftp_is_url - does the word begin with sftp:// ? */
bool leat_sftp_is_url(const char *word);
/* leat_sftp_plan - in plan: is there the name of a file in the URL? Announces the files. Returns 0, or fails the stage. */
int leat_sftp_plan(struct leat_stage *stage, const char *url, const char *known_hosts,
                   const char *key);
/* leat_sftp_find - in open: `known_hosts` and `key`; NULL: those of ~/.ssh. Returns 0, or fails the stage: the host could not be
 * checked. */
int leat_sftp_find(struct leat_stage *stage, struct leat_sftp_files *ret, const char *known_hosts,
                   const char *key);
/* leat_sftp_init - the URL was checked. `known_hosts` and `key`: NULL: those of ~/.ssh. Returns 0, or fails the stage. */
int leat_sftp_init(struct leat_stage *stage, struct leat_client *client, struct leat_sftp *sftp,
                   const char *url, const char *known_hosts, const char *key, bool force);
/* leat_sftp_quote - n bytes of a path as a word of a command. Returns false: it has a character that cannot be sent, or does not
 * fit. */
bool leat_sftp_quote(const char *path, size_t n, char *to, size_t size);

#endif
