/* input.h - the bytes of an archive: the stage's input in order, or a file in which the reader may
 * seek.
 *
 * tar and cpio are read as they arrive. The table of contents of zip and 7z is at the end of the
 * archive, so these are read from a file: the source's file if the stage's input is its unchanged
 * bytes, else a temporary file without a name that holds the whole input.
 */
#ifndef LEAT_ARCHIVE_INPUT_H
#define LEAT_ARCHIVE_INPUT_H

#include "stage.h"

#define LEAT_ARCHIVE_HEAD 8u /* bytes by which the kind of an archive is known */

struct leat_archive_input {
    struct leat_stage *stage;
    struct leat_blocking *blocking;
    uint64_t spool_max; /* bytes of the temporary file */
    int fd;             /* plus 1; 0: the input is read in order */
    uint64_t at;        /* offset of the next byte to read */
    uint64_t size;      /* of the file */
    uint8_t *buffer;    /* for reads of the file */
    uint8_t head[LEAT_ARCHIVE_HEAD];
    size_t head_n;
    bool is_7z;          /* and not zip */
    const uint8_t *rest; /* of the piece that was pulled after the head */
    size_t rest_n;
    bool eof;  /* the end of the input was seen */
    int error; /* LEAT_E*, when a read has failed */
};

/* leat_archive_input_begin - in run: look at the first bytes, and open a file if the archive needs
 * it. Returns 0, or fails the stage: LEAT_ETRUNCATED if there is no input. */
int leat_archive_input_begin(struct leat_archive_input *input, struct leat_stage *stage,
                             struct leat_blocking *blocking, uint64_t spool_max);
/* leat_archive_input_read - the next bytes, valid until the next call. Returns 1; 0: EOF; or
 * LEAT_E*, also in input->error. */
int leat_archive_input_read(struct leat_archive_input *input, const void **ret_data, size_t *ret_n);
/* leat_archive_input_drain - read the rest of an input that is read in order, so that the stages
 * before it check all of it. Returns 0 or LEAT_E*. */
int leat_archive_input_drain(struct leat_archive_input *input);
/* leat_archive_input_total - bytes of the whole input; after drain. */
uint64_t leat_archive_input_total(const struct leat_archive_input *input);
/* leat_archive_temporary - a temporary file without a name. Returns a descriptor, or fails the stage. */
int leat_archive_temporary(struct leat_stage *stage);
/* leat_archive_write_all - write n bytes at the offset of a temporary file. Returns 0, or fails the stage. */
int leat_archive_write_all(struct leat_stage *stage, int fd, const void *data, size_t n,
                           uint64_t offset);
void leat_archive_input_end(struct leat_archive_input *input);

#endif
