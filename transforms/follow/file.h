/* file.h - one open file that is followed: its identity, and how far it was read. */
#ifndef LEAT_FOLLOW_FILE_H
#define LEAT_FOLLOW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stage.h"

#define FOLLOW_HEAD ((size_t)1024) /* bytes of the fingerprint, fewer in a short file */
#define FOLLOW_TAIL ((size_t)64)   /* bytes before the offset that are compared again */
#define FOLLOW_LINE_MAX ((size_t)16 << 20)

enum leat_follow_long { FOLLOW_LONG_FAIL, FOLLOW_LONG_CUT, FOLLOW_LONG_SKIP };

/* Where a file is read to. Bytes of the last reads lie at data - tail_len. */
struct leat_follow_buffer {
    uint8_t *memory; /* FOLLOW_TAIL bytes and `room` more */
    size_t room;
    size_t line_max; /* bytes of a line, without its end; 1 to FOLLOW_LINE_MAX */
    enum leat_follow_long longer;
    uint64_t n_longer; /* lines that were longer */
};

struct leat_follow_file {
    int fd;
    int watch; /* of inotify; below 0: none */
    dev_t dev;
    ino_t ino;
    uint64_t offset; /* of the first byte that is no output yet: the start of a line */
    uint64_t
        scanned; /* bytes after it that are known to have no line end, of a line that is too long */
    uint64_t
        cut_end; /* not 0: the offset after the line that is output now, of which the rest is left out */
    uint64_t grew_ns;
    uint64_t size; /* when it was last looked at */
    bool checked;  /* it is no output of the pipeline */
    bool dirty;    /* it may have changed since it was read */
    bool left;     /* its name belongs to another file now, or to none */
    bool final;    /* no more is expected: its last line goes on as it is */
    size_t head_len, tail_len;
    uint8_t head[FOLLOW_HEAD]; /* the fingerprint: the first bytes, as they were read */
    uint8_t tail[FOLLOW_TAIL]; /* the bytes before the offset */
};

enum leat_follow_found {
    FOLLOW_NOTHING,   /* no whole line after the offset */
    FOLLOW_LINES,     /* *ret_len bytes at memory + FOLLOW_TAIL are to go on */
    FOLLOW_TRUNCATED, /* other content is in the file: the offset is 0 again */
    FOLLOW_AGAIN,     /* the file was truncated during the read; nothing of it had gone on */
};

/* leat_follow_buffer_open - charge and get the memory. Returns 0, or fails the stage; leat_follow_buffer_close in any case. */
int leat_follow_buffer_open(struct leat_stage *stage, struct leat_follow_buffer *buffer);
void leat_follow_buffer_close(struct leat_stage *stage, struct leat_follow_buffer *buffer);

/* leat_follow_file_read - look for whole lines after the offset; of a `final` file for any bytes. The offset stays.
 *
 *   name  for messages
 *
 * Returns enum leat_follow_found, or fails the stage: a line is longer than line_max, and `longer` says so, or than memory
 * allows. Of a line to cut the output has the first line_max bytes and a line end; call leat_follow_file_skip to cut_end after
 * its output. */
int leat_follow_file_read(struct leat_stage *stage, struct leat_follow_file *file, const char *name,
                          struct leat_follow_buffer *buffer, size_t *ret_len);
/* leat_follow_file_skip - move the offset, without output of what is between. Returns 0, or fails the stage. */
int leat_follow_file_skip(struct leat_stage *stage, struct leat_follow_file *file, const char *name,
                          uint64_t offset);
/* leat_follow_file_seek_end - move the offset after the last whole line. Returns 0, or fails the stage. */
int leat_follow_file_seek_end(struct leat_stage *stage, struct leat_follow_file *file,
                              const char *name, const struct leat_follow_buffer *buffer);
/* leat_follow_file_advance - n of the bytes found by the last read, from `at` on, are output, and those before them were:
 * move the offset, and let the fingerprint grow. */
void leat_follow_file_advance(struct leat_follow_file *file,
                              const struct leat_follow_buffer *buffer, size_t at, size_t n);
/* leat_follow_file_is_same - does the open file fd still begin with the fingerprint, and have the same bytes before the
 * offset? A read error counts as a difference. */
bool leat_follow_file_is_same(const struct leat_follow_file *file, int fd);
/* leat_follow_file_unwritten - is it certain that no process has the file open for writing? The kernel tells only the
 * owner of a file, and only for some file systems. */
bool leat_follow_file_unwritten(const struct leat_follow_file *file);

#endif
