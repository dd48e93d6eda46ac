/* get_signed.h - the objects that `get` reads by signed requests: s3:// and azblob://. */
#ifndef LEAT_NET_GET_SIGNED_H
#define LEAT_NET_GET_SIGNED_H

#include "get_options.h"
#include "http.h"

struct leat_get_signed {
    struct leat_s3 *s3; /* or NULL */
    struct leat_azblob *azblob;
};

/* leat_get_is_signed - is it the URL of one? */
bool leat_get_is_signed(const char *url);
/* leat_get_signed_plan - in plan. Returns 0, or fails the stage. */
int leat_get_signed_plan(struct leat_stage *stage, const struct leat_get_params *params);
/* leat_get_signed_open - in open: the requests are those of HTTP with these options, each with a signature. Returns 0, or fails the
 * stage; then leat_get_signed_close is called, too. */
int leat_get_signed_open(struct leat_stage *stage, const struct leat_get_params *params,
                         struct leat_get_signed *object, struct leat_http_options *options);
/* leat_get_signed_explain - a GET was refused: record the reason. Waits for the answer. Returns its code. */
int leat_get_signed_explain(struct leat_get_signed *object);
/* leat_get_signed_close - in close. */
void leat_get_signed_close(struct leat_get_signed *object);

#endif
