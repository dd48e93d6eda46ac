/* manifest.h - a list of what is in an archive or a directory, one line an entry:
 *
 *     SHA256 SIZE TYPE MODE NAME
 *     SHA256 SIZE TYPE MODE NAME <TAB>-> TARGET
 *
 * SHA256 and SIZE are `-` where there is no content. TYPE is f (file), d (directory), l (symbolic link), h (hard link
 * to an entry), c, b, p or s. MODE is octal. Escapes are those of leat_line_name. A line that begins with # is a
 * comment.
 */
#ifndef LEAT_ARCHIVE_MANIFEST_H
#define LEAT_ARCHIVE_MANIFEST_H

#include "line.h"

#define LEAT_MANIFEST_HEAD "# leat manifest 1: sha256 size type mode name\n"
#define LEAT_MANIFEST_MAX ((size_t)256 << 20) /* bytes of a file */
#define LEAT_MANIFEST_HEX 65u
#define LEAT_MANIFEST_ANY_MASK 010000u /* permissions must be the same */

struct leat_manifest_item {
    char type;
    unsigned mode;
    uint64_t size;
    char digest[LEAT_MANIFEST_HEX]; /* empty: there is no content */
    const char *name, *target;      /* target NULL: it is no link */
    size_t line;                    /* from 1 */
    bool seen;
    bool late; /* the content came with a later name */
};

/* leat_manifest_item - what is known of an entry without its content. `name` and `target` become part of it. */
void leat_manifest_item(const struct leat_reader_entry *entry, const char *name, const char *target,
                        struct leat_manifest_item *ret);
/* leat_manifest_tidy - without `.` components, double slashes and a slash at the end, in place; "." if nothing is
 * left. */
void leat_manifest_tidy(char *name);
void leat_manifest_line(struct leat_line *line, const struct leat_manifest_item *item);

/* A manifest that was read from a file, sorted by name. */
struct leat_manifest;

/* leat_manifest_read - in open; the path was announced with leat_plan_file. Returns 0, or fails the stage. */
int leat_manifest_read(struct leat_stage *stage, const char *path, struct leat_manifest **ret);
/* leat_manifest_differs - mark the entry as seen, and compare.
 *
 *   mask   bits of the umask that may be missing in the mode, and set-ID bits; LEAT_MANIFEST_ANY_MASK: none may
 *   ret    a text for people, if they differ
 *
 * Returns whether they differ. */
bool leat_manifest_differs(struct leat_manifest *manifest, const struct leat_manifest_item *item,
                           unsigned mask, char *ret, size_t size);
/* leat_manifest_missing - the next item that was not seen, from *at on; NULL: there is none. */
const struct leat_manifest_item *leat_manifest_missing(const struct leat_manifest *manifest,
                                                       size_t *at);
size_t leat_manifest_count(const struct leat_manifest *manifest);
void leat_manifest_free(struct leat_stage *stage, struct leat_manifest *manifest);

#endif
