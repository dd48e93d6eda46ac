/* message.h - build the texts of errors: formatting, quoting, "did you mean". */
#ifndef LEAT_BASE_MESSAGE_H
#define LEAT_BASE_MESSAGE_H

#include "leat.h"

/* leat_error_set - reset the error and set a code and a text; NULL is fine. Returns code. */
int leat_error_set(struct leat_error *ret_error, int code, const char *format, ...)
    LEAT_PRINTF(3, 4);
/* leat_error_give - copy an error to the program's; `given` may be NULL. Returns error->code; LEAT_EUSAGE: the size of
 * *given is not set. */
int leat_error_give(struct leat_error *given, const struct leat_error *error);
/* leat_error_add - append to the text. */
void leat_error_add(struct leat_error *ret_error, const char *format, ...) LEAT_PRINTF(2, 3);

/* A word for a message: control characters escaped, cut if it is long, without quotes. */
#define LEAT_SHOWN_MAX 80u
struct leat_shown {
    char text[LEAT_SHOWN_MAX];
};
/* leat_shown - `leat_shown(word).text` is valid until the end of the full expression. */
struct leat_shown leat_shown(const char *word);

/* leat_near - "did you mean": offer candidates, then read `best`. */
struct leat_near {
    const char *word;
    const char *best; /* NULL: nothing is near enough; best_len bytes, not terminated */
    size_t best_len;
    size_t distance;
};
void leat_near_init(struct leat_near *near, const char *word);
void leat_near_offer(struct leat_near *near, const char *candidate, size_t len);

#endif
