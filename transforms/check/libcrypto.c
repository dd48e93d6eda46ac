/* libcrypto.c - one digest of libcrypto. */

#include "libcrypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* libcrypto takes longer to start than leat itself, so it is loaded only when a digest needs it. */
#define FUNCTIONS(X)                                                                               \
    X(OPENSSL_init_crypto)                                                                         \
    X(OSSL_LIB_CTX_get0_global_default)                                                            \
    X(EVP_MD_fetch)                                                                                \
    X(EVP_MD_free)                                                                                 \
    X(EVP_MD_CTX_new)                                                                              \
    X(EVP_MD_CTX_free)                                                                             \
    X(EVP_DigestInit_ex2)                                                                          \
    X(EVP_DigestUpdate)                                                                            \
    X(EVP_DigestFinal_ex)

struct leat_evp {
    FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    struct leat_stage *stage;
    EVP_MD *md;
    EVP_MD_CTX *ctx;
};

/* Fetching an algorithm costs time, so only the one that is used is fetched. */
int leat_evp_new(struct leat_stage *s, const char *name, struct leat_evp **ret)
{
    static const char *const functions[] = {FUNCTIONS(LEAT_LOADED_NAME) NULL};
    struct leat_evp *e = leat_alloc(s, sizeof *e);
    int r;

    *ret = e;
    if (!e)
        return LEAT_ENOMEM;
    e->stage = s;
    r = leat_load(s, LIBCRYPTO_SO, "libssl3", functions, e);
    if (r < 0)
        return r;
    /* EVP_MD_fetch does not check that the library could start, and would write through NULL. */
    if (e->OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) != 1 ||
        !e->OSSL_LIB_CTX_get0_global_default())
        return leat_fail(s, LEAT_ENOMEM, "libcrypto cannot start: out of memory");
    e->md = e->EVP_MD_fetch(NULL, name, NULL);
    if (!e->md)
        return leat_fail(s, LEAT_EUNSUPPORTED, "libcrypto offers no %s here", name);
    e->ctx = e->EVP_MD_CTX_new();
    if (!e->ctx)
        return leat_fail(s, LEAT_ENOMEM, "libcrypto could not begin a digest: out of memory");
    return leat_evp_begin(e);
}

int leat_evp_begin(struct leat_evp *e)
{
    if (e->EVP_DigestInit_ex2(e->ctx, e->md, NULL) != 1)
        return leat_fail(e->stage, LEAT_ENOMEM, "libcrypto could not begin a digest");
    return 0;
}

int leat_evp_add(struct leat_evp *e, const void *data, size_t n)
{
    if (e->EVP_DigestUpdate(e->ctx, data, n) != 1)
        return leat_fail(e->stage, LEAT_EINTERNAL, "libcrypto failed in a digest");
    return 0;
}

int leat_evp_end(struct leat_evp *e, uint8_t *digest)
{
    if (e->EVP_DigestFinal_ex(e->ctx, digest, NULL) != 1)
        return leat_fail(e->stage, LEAT_EINTERNAL, "libcrypto failed to end a digest");
    return 0;
}

void leat_evp_free(struct leat_evp *e)
{
    if (!e)
        return;
    if (e->ctx)
        e->EVP_MD_CTX_free(e->ctx);
    if (e->md)
        e->EVP_MD_free(e->md);
    leat_free(e->stage, e);
}
