/* s3_journal.h - a file for each upload that runs, so that the parts of one that was killed are removed by the next run.
 *
 * The files are in $XDG_STATE_HOME/leat/uploads, or ~/.local/state/leat/uploads. A file is locked while its upload runs.
 */
#ifndef LEAT_NET_S3_JOURNAL_H
#define LEAT_NET_S3_JOURNAL_H

#include "stage.h"

#define LEAT_S3_UPLOAD_ID_MAX ((size_t)1024) /* bytes, with the NUL */

struct leat_s3_journal {
    int file;        /* the locked file of this upload, plus 1; 0: none */
    char path[4352]; /* of it */
};

/* leat_s3_journal_plan - in plan: announce the directory. Returns 0, or fails the stage. */
int leat_s3_journal_plan(struct leat_stage *stage);
/* leat_s3_journal_add - an upload begins. Returns false: it cannot be kept, and errno says why. */
bool leat_s3_journal_add(struct leat_s3_journal *journal, const char *origin, const char *path,
                         const char *upload);
/* leat_s3_journal_remove - it has ended, and left no parts. */
void leat_s3_journal_remove(struct leat_s3_journal *journal);
/* leat_s3_journal_leave - it has ended, and may have left parts: the next run looks. */
void leat_s3_journal_leave(struct leat_s3_journal *journal);
/* leat_s3_journal_each - call `found` for each upload whose run was killed, up to `most`; it returns true if the upload is gone,
 * and then its file is removed. Returns how many are gone. */
unsigned leat_s3_journal_each(unsigned most,
                              bool (*found)(void *arg, const char *origin, const char *path,
                                            const char *upload),
                              void *arg);

#endif
