/* multipart.h - multipart/form-data, piece by piece. It knows nothing of HTTP, pipelines or the loop.
 *
 * The parser holds the head of one part, and nothing of the content: what the user of the parser cannot take now stays with the
 * caller, who hands it in again.
 */
#ifndef SERVE_MULTIPART_H
#define SERVE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MULTIPART_BOUNDARY_MAX ((size_t)70) /* RFC 2046 */
#define MULTIPART_HEAD_MAX ((size_t)16 << 10)
#define MULTIPART_PARTS_MAX 10000u

/* The calls of the parser return 0, MULTIPART_WAIT, or LEAT_E*, which multipart_push returns. */
#define MULTIPART_WAIT 1

struct multipart_events {
    /* A part begins. `file` is the last part of the name of its file, or NULL: it is a field. Both are valid until `end`, and are
     * as the client sent them: any bytes but NUL. */
    int (*begin)(void *arg, const char *field, const char *file);
    /* Its content. Returns how many bytes are taken; fewer than n: the rest must wait. */
    ssize_t (*data)(void *arg, const uint8_t *data, size_t n);
    /* The part is complete. */
    int (*end)(void *arg);
};

struct multipart;

/* multipart_boundary - the boundary of a Content-Type, if it is multipart/form-data.
 *
 *   ret  receives it and a NUL; MULTIPART_BOUNDARY_MAX + 1 bytes
 *
 * Returns 1; 0: it is another type; -1: it is this one, but has no proper boundary. */
int multipart_boundary(const char *content_type, char *ret);
/* multipart_new - events are borrowed. NULL: out of memory. */
struct multipart *multipart_new(const char *boundary, const struct multipart_events *events,
                                void *arg);
void multipart_free(struct multipart *m);
/* multipart_push - parse up to n bytes. Returns how many are used; fewer than n: hand in the rest again when a call that
 * said MULTIPART_WAIT can go on. < 0: LEAT_E* of a call, or LEAT_ECORRUPT: multipart_reason says why. */
ssize_t multipart_push(struct multipart *m, const uint8_t *data, size_t n);
/* multipart_finish - the body has ended. Returns 0; LEAT_ETRUNCATED: the form has not; MULTIPART_WAIT, LEAT_E*: as above, of
 * `end`. */
int multipart_finish(struct multipart *m);
const char *multipart_reason(const struct multipart *m);

#endif
