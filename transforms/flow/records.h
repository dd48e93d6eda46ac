/* records.h - where the records of a stream end; its input may be cut anywhere. Records are lines,
 * or CSV records, whose quoted fields may contain line ends. */
#ifndef LEAT_FLOW_RECORDS_H
#define LEAT_FLOW_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat_records {
    uint8_t end;              /* the line end */
    bool csv;                 /* fields may be quoted, as in RFC 4180 */
    uint8_t separator, quote; /* csv: between fields; around them */
    enum { LEAT_FIELD_START, LEAT_FIELD_PLAIN, LEAT_FIELD_QUOTED, LEAT_FIELD_QUOTE_SEEN } field;
    uint8_t mark; /* csv: bytes seen of a byte order mark at the start of the stream */
    bool begun;   /* csv: the first field has begun, after the byte order mark if there is one */
};

/* leat_records_next - find the end of the record that continues at `data`.
 * Returns how many of the n bytes belong to it; *ret_end: does the record end with them? */
size_t leat_records_next(struct leat_records *records, const uint8_t *data, size_t n,
                         bool *ret_end);

#endif
