/* get_signed.c - the objects that `get` reads by signed requests: s3:// and azblob://. */

#include "get_signed.h"

#if HAVE_CURL

#include "azblob.h"
#include "azblob_place.h"
#include "base/invariant.h"
#include "s3.h"
#include "s3_place.h"

bool leat_get_is_signed(const char *url)
{
    return leat_s3_is_url(url) || leat_azblob_is_url(url);
}

static struct leat_s3_options s3_options(const struct leat_stage *s,
                                         const struct leat_get_params *p)
{
    return (struct leat_s3_options){.url = leat_operands(s)->v[0],
                                    .ca = p->net.ca,
                                    .stall_ms = p->net.stall_ms,
                                    .wait_ms = p->net.wait_ms,
                                    .retries = p->net.retries};
}

static struct leat_azblob_options azblob_options(const struct leat_stage *s,
                                                 const struct leat_get_params *p)
{
    return (struct leat_azblob_options){.url = leat_operands(s)->v[0],
                                        .ca = p->net.ca,
                                        .stall_ms = p->net.stall_ms,
                                        .wait_ms = p->net.wait_ms,
                                        .retries = p->net.retries};
}

int leat_get_signed_plan(struct leat_stage *s, const struct leat_get_params *p)
{
    const struct leat_s3_options s3 = s3_options(s, p);
    const struct leat_azblob_options azblob = azblob_options(s, p);

    if (p->net.headers.n > 0)
        return leat_fail(s, LEAT_EUSAGE, "--header is for http:// and https://");
    return leat_s3_is_url(s3.url) ? leat_s3_plan(s, &s3) : leat_azblob_plan(s, &azblob);
}

static int open_s3(struct leat_stage *s, const struct leat_get_params *p,
                   struct leat_get_signed *object, struct leat_http_options *options)
{
    const struct leat_s3_options s3 = s3_options(s, p);
    int r = leat_s3_open(s, &s3, &object->s3);

    if (r < 0)
        return r;
    options->url = leat_s3_url(object->s3);
    options->ca = leat_s3_ca(object->s3);
    options->shown = leat_s3_shown(object->s3);
    options->sign = p->head ? leat_s3_sign_head : leat_s3_sign_get;
    options->sign_arg = object->s3;
    return 0;
}

static int open_azblob(struct leat_stage *s, const struct leat_get_params *p,
                       struct leat_get_signed *object, struct leat_http_options *options)
{
    const struct leat_azblob_options azblob = azblob_options(s, p);
    int r = leat_azblob_open(s, &azblob, &object->azblob);

    if (r < 0)
        return r;
    options->url = leat_azblob_url(object->azblob);
    options->shown = leat_azblob_shown(object->azblob);
    options->sign = leat_azblob_sign_get;
    options->sign_arg = object->azblob;
    return 0;
}

int leat_get_signed_open(struct leat_stage *s, const struct leat_get_params *p,
                         struct leat_get_signed *object, struct leat_http_options *options)
{
    leat_assert(leat_get_is_signed(options->url));
    options->netrc = NULL;
    options->redirects_max = 0;
    return leat_s3_is_url(options->url) ? open_s3(s, p, object, options)
                                        : open_azblob(s, p, object, options);
}

int leat_get_signed_explain(struct leat_get_signed *object)
{
    return object->s3 ? leat_s3_explain(object->s3) : leat_azblob_explain(object->azblob);
}

void leat_get_signed_close(struct leat_get_signed *object)
{
    leat_s3_close(object->s3);
    leat_azblob_close(object->azblob);
}

#endif
