/* headers.h - the headers of the option --header, which are words and lines of files, and the netrc file. */
#ifndef LEAT_NET_HEADERS_H
#define LEAT_NET_HEADERS_H

#include "stage.h"

#define LEAT_NETRC_PATH_MAX ((size_t)4096) /* bytes, with the NUL */

/* leat_headers_plan - in plan: are they well-formed? A header `@FILE` stands for the lines of FILE. Returns 0, or fails
 * the stage. */
int leat_headers_plan(struct leat_stage *stage, const struct leat_strings *headers);
/* leat_headers_each - in open: call `take` with each header, as "Name: value"; empty lines of files do not count. Returns
 * 0; the error of `take`; or fails the stage. */
int leat_headers_each(struct leat_stage *stage, const struct leat_strings *headers,
                      int (*take)(void *arg, const char *line), void *arg);

/* leat_netrc_path - the netrc file to use: `file`, or with `wanted` that in the home directory, which is put into `to`.
 * NULL: none. */
const char *leat_netrc_path(bool wanted, const char *file, char to[LEAT_NETRC_PATH_MAX]);
/* leat_netrc_check - in open: a file that the user named must be readable; libcurl would go on without it. NULL is fine.
 * Returns 0, or fails the stage. */
int leat_netrc_check(struct leat_stage *stage, const char *file);

#endif
