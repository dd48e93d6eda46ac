/* document.h - a JSON document whose last member is an array with one element a line, written at once or not at all, and read
 * line by line, so that a million elements need no memory of their own: plans and records of shards.
 *
 *     {"leat":"plan","version":1,…,"inputs":[
 *     {…},
 *     {…}
 *     ]}
 */
#ifndef CMD_BATCH_DOCUMENT_H
#define CMD_BATCH_DOCUMENT_H

#include "../cmd.h"
#include "json.h"

/* A file that has a temporary name until it is complete. */
struct draft {
    int fd, error; /* errno of the first failure; 0: none */
    char *temporary;
    struct buf text; /* not written yet; append to it, and call draft_flush */
};

#define ATTEMPT_MAX 160u

/* attempt_name - a name for this run that no other run has: host, process, time. */
void attempt_name(char ret[ATTEMPT_MAX]);

/* draft_open - begin a file that will be called `path`. Its temporary name has that of the attempt. Errors are kept for
 * draft_commit, which must be called, or draft_drop. */
void draft_open(struct draft *draft, const char *path, const char *attempt);
/* draft_flush - write the text if it is long. */
void draft_flush(struct draft *draft);
/* draft_commit - sync the file, and give it its name. `replace` false: the first file of that name stays. Returns 0 or an
 * errno; EEXIST: there is one, and this one is gone. */
int draft_commit(struct draft *draft, const char *path, bool replace);
void draft_drop(struct draft *draft);

struct document {
    FILE *file;
    char *line;
    size_t room, number; /* of the line, from 1 */
    int error;           /* errno, or 0 */
    bool ended;          /* the closing bracket was read */
    struct json json;    /* of the line */
};

/* document_open - open the file and begin its first line. Returns 0 or an errno. Call document_close in any case. */
int document_open(struct document *document, const char *path);
/* document_key - the next member of the head: its key, with the cursor at its value. NULL: the array has begun, or the head is
 * bad. `first` as in json_more. `array` is the name of the array. */
const char *document_key(struct document *document, const char *array, bool *first);
/* document_next - begin the next element. Returns false at the end of the array, and if the document is bad. */
bool document_next(struct document *document);
/* document_is_whole - was all read, and nothing bad? */
bool document_is_whole(const struct document *document);
void document_close(struct document *document);

#endif
