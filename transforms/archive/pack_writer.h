/* pack_writer.h - writes an archive: a table of functions for each format, over one sink.
 *
 * The sink is a cursor over the room of the stream, so that headers and the data of many small files
 * are handed on together, and data is read from a file into the place from which it is output.
 */
#ifndef LEAT_ARCHIVE_PACK_WRITER_H
#define LEAT_ARCHIVE_PACK_WRITER_H

#include "pack_entry.h"

enum leat_pack_format {
    LEAT_PACK_PAX,
    LEAT_PACK_USTAR,
    LEAT_PACK_GNUTAR,
    LEAT_PACK_ZIP,
    LEAT_PACK_CPIO,
    LEAT_PACK_7Z,
};
#define LEAT_PACK_FORMATS "pax|ustar|gnutar|zip|cpio|7z"

/* A format, and what it can hold. */
struct leat_pack_holds {
    const char *name;
    uint64_t size_max, id_max;
    int64_t time_min, time_max;
    uint32_t time_unit;                         /* nanoseconds */
    bool owners, links, special, holes, xattrs; /* special: FIFOs and devices */
    bool utf8_only;                             /* names must be UTF-8 */
};

struct leat_pack_sink {
    struct leat_stage *stage;
    struct leat_blocking *blocking;
    uint8_t *room; /* NULL: none */
    size_t size, used;
    uint64_t written; /* bytes, with those in the room */
};

struct leat_pack_writer;
struct leat_pack_ops {
    int (*begin)(struct leat_pack_writer *writer);
    int (*header)(struct leat_pack_writer *writer, const struct leat_entry *entry);
    /* NULL: the format stores the data as it is, so it may be written to the sink directly. */
    int (*data)(struct leat_pack_writer *writer, const void *data, size_t n);
    int (*finish_entry)(struct leat_pack_writer *writer);
    int (*end)(struct leat_pack_writer *writer);
    void (*free)(struct leat_pack_writer *writer);
};

struct leat_pack_writer {
    struct leat_pack_sink sink;
    const struct leat_pack_ops *ops;
    const struct leat_pack_holds *holds;
    enum leat_pack_format format;
    bool repacks;     /* for messages: the stage has no --owner, --group and --mtime */
    bool plain;       /* without what differs between machines */
    uint64_t padding; /* tar, cpio: zeros after the content of the entry */
    uint8_t *records; /* pax: the extended header that is being made */
    size_t records_n, records_size;
    void *lib; /* la_write.c */
};

/* --- sink ------------------------------------------------------------------------------------- */

/* leat_pack_room - room of at least one byte. Returns 0 or an error. */
int leat_pack_room(struct leat_pack_sink *sink, uint8_t **ret_to, size_t *ret_n);
/* leat_pack_put - the first n bytes of that room are output now. */
void leat_pack_put(struct leat_pack_sink *sink, size_t n);
int leat_pack_write(struct leat_pack_sink *sink, const void *data, size_t n);
int leat_pack_zeros(struct leat_pack_sink *sink, uint64_t n);
/* leat_pack_flush - hand over what is in the room. */
int leat_pack_flush(struct leat_pack_sink *sink);

/* --- writer ----------------------------------------------------------------------------------- */

/* leat_pack_writer_init - returns 0, or fails the stage. Call leat_pack_writer_done in any case. */
int leat_pack_writer_init(struct leat_pack_writer *writer, struct leat_stage *stage,
                          struct leat_blocking *blocking, enum leat_pack_format format, bool plain);
/* leat_pack_header - begin an entry. The writer keeps nothing of it. The caller has checked that the
 * format can hold it; ustar's names are checked here. Writes entry->size bytes of data with
 * leat_pack_data after it, then calls leat_pack_finish_entry. */
int leat_pack_header(struct leat_pack_writer *writer, const struct leat_entry *entry);
int leat_pack_data(struct leat_pack_writer *writer, const void *data, size_t n);
int leat_pack_finish_entry(struct leat_pack_writer *writer);
/* leat_pack_end - what follows the last entry; all is handed over. */
int leat_pack_end(struct leat_pack_writer *writer);
void leat_pack_writer_done(struct leat_pack_writer *writer);

/* leat_pack_check - can the format hold the entry? Returns 0, or fails the stage with a message that
 * names the entry, by its `path`, and the remedy. */
int leat_pack_check(struct leat_pack_writer *writer, const struct leat_entry *entry,
                    const char *path);

/* leat_pack_is_utf8, leat_pack_is_ascii - what are the bytes of the text? */
bool leat_pack_is_utf8(const char *text);
bool leat_pack_is_ascii(const char *text);

/* leat_pack_shown - a path for a message: its last bytes if it is too long for one. */
const char *leat_pack_shown(const char *path);

/* leat_pax_records - pack_pax.c: make the extended header of an entry in writer->records. */
int leat_pax_records(struct leat_pack_writer *writer, const struct leat_entry *entry);
/* leat_pax_map - the map of a sparse file, as GNU tar's format 1.0 has it before the data: its bytes
 * with padding. `write`: to the sink; else it is only counted in *ret_n. */
int leat_pax_map(struct leat_pack_writer *writer, const struct leat_entry *entry, bool write,
                 uint64_t *ret_n);

extern const struct leat_pack_ops leat_pack_tar, leat_pack_cpio, leat_pack_la;
extern const struct leat_pack_holds leat_pack_holds[];

#endif
