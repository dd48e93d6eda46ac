/* json.h - just enough JSON for files that leat itself writes: journals, plans, records of shards.
 *
 * A name of a file may have bytes that are not UTF-8. Each of them, B, is written as the lone surrogate \udcB, as Python
 * does, and comes back as it was.
 */
#ifndef CMD_BATCH_JSON_H
#define CMD_BATCH_JSON_H

#include "../cmd.h"

/* json_name - add a string that holds any bytes but NUL. */
void json_name(struct buf *buf, const char *text);

/* A cursor over text. Once `bad` is set every call returns nothing. */
struct json {
    const char *at, *end;
    bool bad;
    struct buf text; /* of the last string */
};

void json_begin(struct json *json, const char *text, size_t n);
void json_done(struct json *json);
/* json_open - expect this bracket, { or [. */
bool json_open(struct json *json, char bracket);
/* json_more - in an object or array: is there another element? Consumes its comma, or the closing bracket. `*first` is
 * true before the first one. */
bool json_more(struct json *json, char closing, bool *first);
/* json_text - a string; valid until the next one. "" when bad. json_key - a string and the colon after it. */
const char *json_text(struct json *json);
const char *json_key(struct json *json);
uint64_t json_number(struct json *json); /* -N as its two's complement */
bool json_true(struct json *json);       /* true or false */
/* json_skip - pass over a value of any kind, nested 32 deep at most. */
void json_skip(struct json *json);

#endif
