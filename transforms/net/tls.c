/* tls.c - one TLS session of OpenSSL, which never waits. */

#include "tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

#include "base/invariant.h"

#define PASSWORD_MAX ((size_t)1024) /* bytes of the file */
#define ALPN_MAX 256u
#define WHY_MAX 320u
#define RECORD_MAX ((size_t)16384) /* of the protocol */

#define SSL_FUNCTIONS(X)                                                                           \
    X(TLS_client_method)                                                                           \
    X(TLS_server_method)                                                                           \
    X(SSL_CTX_new)                                                                                 \
    X(SSL_CTX_free)                                                                                \
    X(SSL_CTX_ctrl)                                                                                \
    X(SSL_CTX_set_default_verify_paths)                                                            \
    X(SSL_CTX_load_verify_file)                                                                    \
    X(SSL_CTX_set_verify)                                                                          \
    X(SSL_CTX_set_default_passwd_cb)                                                               \
    X(SSL_CTX_set_default_passwd_cb_userdata)                                                      \
    X(SSL_CTX_use_certificate_chain_file)                                                          \
    X(SSL_CTX_use_PrivateKey_file)                                                                 \
    X(SSL_CTX_check_private_key)                                                                   \
    X(SSL_CTX_set_num_tickets)                                                                     \
    X(SSL_CTX_set_alpn_protos)                                                                     \
    X(SSL_CTX_set_alpn_select_cb)                                                                  \
    X(SSL_select_next_proto)                                                                       \
    X(SSL_new)                                                                                     \
    X(SSL_free)                                                                                    \
    X(SSL_set_fd)                                                                                  \
    X(SSL_ctrl)                                                                                    \
    X(SSL_set1_host)                                                                               \
    X(SSL_get0_param)                                                                              \
    X(SSL_set_accept_state)                                                                        \
    X(SSL_set_connect_state)                                                                       \
    X(SSL_do_handshake)                                                                            \
    X(SSL_read)                                                                                    \
    X(SSL_write)                                                                                   \
    X(SSL_shutdown)                                                                                \
    X(SSL_get_error)                                                                               \
    X(SSL_get_verify_result)

#define CRYPTO_FUNCTIONS(X)                                                                        \
    X(ERR_clear_error)                                                                             \
    X(ERR_peek_last_error)                                                                         \
    X(ERR_reason_error_string)                                                                     \
    X(X509_VERIFY_PARAM_set1_ip_asc)                                                               \
    X(X509_verify_cert_error_string)

struct ssl_functions {
    SSL_FUNCTIONS(LEAT_LOADED_MEMBER)
};

struct crypto_functions {
    CRYPTO_FUNCTIONS(LEAT_LOADED_MEMBER)
};

struct leat_tls {
    struct ssl_functions f;
    struct crypto_functions c;
    struct leat_stage *stage;
    struct leat_tls_options options;
    SSL_CTX *ctx;
    SSL *ssl;
    bool to_write; /* the last call waits for that */
    bool has_read;
    /* A write that has to be repeated needs the same bytes, but the caller may come with fewer. */
    size_t refused; /* bytes in `record` of a write that is to be repeated */
    size_t sent;    /* bytes that were written, and that the caller has still to be told */
    uint8_t record[RECORD_MAX];
    char password[PASSWORD_MAX];
    int password_len; /* -1: there is none */
    uint8_t alpn[ALPN_MAX];
    unsigned alpn_len;
    char why[WHY_MAX];
};

/* --- options ---------------------------------------------------------------------------------- */

/* "a,b" as the protocol has it: each name after its length. Returns its length; 0: it is no list. */
static unsigned list_alpn(const char *names, uint8_t *to)
{
    unsigned at = 0;

    for (;;) {
        size_t n = strcspn(names, ",");

        if (n == 0 || n > 255 || at + 1 + n > ALPN_MAX)
            return 0;
        to[at++] = (uint8_t)n;
        memcpy(to + at, names, n);
        at += (unsigned)n;
        if (!names[n])
            return at;
        names += n + 1;
    }
}

int leat_tls_plan(struct leat_stage *s, const struct leat_tls_options *o)
{
    const char *const files[] = {o->ca, o->cert, o->key};
    uint8_t list[ALPN_MAX];

    if (o->is_server && !(o->cert && o->key))
        return leat_fail(s, LEAT_EUSAGE,
                         "a TLS server needs a certificate and its key: --cert=FILE --key=FILE");
    if (!o->cert != !o->key)
        return leat_fail(s, LEAT_EUSAGE, "--cert and --key belong together: give both");
    if (o->alpn && list_alpn(o->alpn, list) == 0)
        return leat_fail(s, LEAT_EUSAGE, "--alpn=%s: give names separated by commas", o->alpn);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] && leat_plan_access(s, files[i], LEAT_ACCESS_READ) < 0)
            return LEAT_ENOMEM;
    return o->password_file ? leat_plan_file(s, o->password_file, PASSWORD_MAX) : 0;
}

/* --- errors ----------------------------------------------------------------------------------- */

static const char *reason(const struct leat_tls *t)
{
    const char *text = t->c.ERR_reason_error_string(t->c.ERR_peek_last_error());

    return text ? text : "unknown error";
}

/* A file that OpenSSL could not use. */
static int fail_file(struct leat_tls *t, const char *option, const char *file)
{
    return leat_fail(t->stage, LEAT_EUSAGE, "--%s=%s: cannot be used: %s", option, file, reason(t));
}

static const char *remedy(const struct leat_tls *t, long verified)
{
    int why = ERR_GET_REASON(t->c.ERR_peek_last_error());

    if (verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return "; connect by a name that is in the certificate, or give it with --servername";
    if (verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID)
        return "; it needs a new one, or the clock is wrong";
    if (verified != X509_V_OK)
        return "; give the file of its CA with --ca";
    if (why == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
        why == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return "; the client must give its certificate with --cert and --key";
    if (why == SSL_R_WRONG_VERSION_NUMBER || why == SSL_R_HTTP_REQUEST)
        return "; does the other end use TLS?";
    return "";
}

/* A server learns last that a client has no certificate, so the client may have sent data already. */
static const char *refused(const struct leat_tls *t, int err)
{
    if (t->has_read || (err != ECONNRESET && err != EPIPE))
        return "";
    if (t->options.is_server)
        return ": the other end failed, or closed the connection";
    return t->options.cert
               ? ": the server failed, or refused the connection"
               : ": the server failed, or refused the connection; does it want a certificate of the "
                 "client (--cert and --key)?";
}

static int set_why(struct leat_tls *t, int error, int err)
{
    long verified = t->f.SSL_get_verify_result(t->ssl);
    unsigned long last = t->c.ERR_peek_last_error();
    bool cut = (error == SSL_ERROR_SYSCALL && err == 0) ||
               ERR_GET_REASON(last) == SSL_R_UNEXPECTED_EOF_WHILE_READING;

    if (cut)
        snprintf(t->why, sizeof t->why, "the connection was cut: the peer did not end its stream");
    else if (error == SSL_ERROR_SYSCALL)
        snprintf(t->why, sizeof t->why, "%s%s", strerrordesc_np(err) ? strerrordesc_np(err) : "?",
                 refused(t, err));
    else if (verified != X509_V_OK)
        snprintf(t->why, sizeof t->why, "the certificate of the peer is refused: %s%s",
                 t->c.X509_verify_cert_error_string(verified), remedy(t, verified));
    else
        snprintf(t->why, sizeof t->why, "TLS: %s%s", reason(t), remedy(t, verified));
    return LEAT_ENETWORK;
}

/* What a result below 1 of a call means. */
static int answer(struct leat_tls *t, int result)
{
    int err = errno, error = t->f.SSL_get_error(t->ssl, result);

    t->to_write = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ)
        return LEAT_EAGAIN;
    return set_why(t, error, err);
}

static void before_call(struct leat_tls *t)
{
    t->c.ERR_clear_error(); /* SSL_get_error looks at the queue of this thread */
    errno = 0;
}

/* --- the context ------------------------------------------------------------------------------ */

static int give_password(char *to, int size, int writes, void *arg)
{
    const struct leat_tls *t = arg;

    (void)writes;
    if (t->password_len < 0 || t->password_len > size)
        return -1;
    memcpy(to, t->password, (size_t)t->password_len);
    return t->password_len;
}

/* The first line of the file. */
static int read_password(struct leat_tls *t)
{
    const uint8_t *data;
    size_t n;
    int r;

    t->password_len = -1;
    if (!t->options.password_file)
        return 0;
    r = leat_read_file(t->stage, t->options.password_file, &data, &n);
    if (r < 0)
        return r;
    for (t->password_len = 0; (size_t)t->password_len < n; t->password_len++)
        if (data[t->password_len] == '\n')
            break;
    memcpy(t->password, data, (size_t)t->password_len); /* leat_plan_file has bounded it */
    return 0;
}

static int use_certificate(struct leat_tls *t)
{
    const struct leat_tls_options *o = &t->options;
    int r = read_password(t);

    if (r < 0 || !o->cert)
        return r;
    t->f.SSL_CTX_set_default_passwd_cb(t->ctx, give_password);
    t->f.SSL_CTX_set_default_passwd_cb_userdata(t->ctx, t);
    if (t->f.SSL_CTX_use_certificate_chain_file(t->ctx, o->cert) != 1)
        return fail_file(t, "cert", o->cert);
    if (t->f.SSL_CTX_use_PrivateKey_file(t->ctx, o->key, SSL_FILETYPE_PEM) != 1)
        return leat_fail(t->stage, LEAT_EUSAGE,
                         "--key=%s: cannot be used: %s; if it has a password, give the right one "
                         "with --key-password-file",
                         o->key, reason(t));
    return t->f.SSL_CTX_check_private_key(t->ctx) == 1 ? 0 : fail_file(t, "key", o->key);
}

static int trust(struct leat_tls *t)
{
    const struct leat_tls_options *o = &t->options;

    if (o->ca && t->f.SSL_CTX_load_verify_file(t->ctx, o->ca) != 1)
        return fail_file(t, "ca", o->ca);
    if (o->is_server && !o->ca)
        return 0; /* any client may connect */
    if (!o->ca && t->f.SSL_CTX_set_default_verify_paths(t->ctx) != 1)
        return leat_fail(t->stage, LEAT_ENETWORK,
                         "the certificates of the system cannot be used: %s; give a file with --ca",
                         reason(t));
    t->f.SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    const struct leat_tls *t = arg;
    unsigned char *chosen;

    (void)ssl;
    if (t->f.SSL_select_next_proto(&chosen, out_len, t->alpn, t->alpn_len, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int offer_alpn(struct leat_tls *t)
{
    if (!t->options.alpn)
        return 0;
    t->alpn_len = list_alpn(t->options.alpn, t->alpn);
    if (t->options.is_server)
        t->f.SSL_CTX_set_alpn_select_cb(t->ctx, select_alpn, t);
    else if (t->f.SSL_CTX_set_alpn_protos(t->ctx, t->alpn, t->alpn_len) != 0)
        return leat_fail(t->stage, LEAT_ENOMEM, "out of memory");
    return 0;
}

static int load(struct leat_stage *s, struct leat_tls *t)
{
    static const char *const ssl[] = {SSL_FUNCTIONS(LEAT_LOADED_NAME) NULL};
    static const char *const crypto[] = {CRYPTO_FUNCTIONS(LEAT_LOADED_NAME) NULL};
    int r = leat_load(s, LIBSSL_SO, "libssl3", ssl, &t->f);

    return r < 0 ? r : leat_load(s, LIBCRYPTO_SO, "libssl3", crypto, &t->c);
}

int leat_tls_new(struct leat_stage *s, const struct leat_tls_options *o, struct leat_tls **ret)
{
    struct leat_tls *t = leat_alloc(s, sizeof *t);
    int r;

    *ret = t;
    if (!t)
        return LEAT_ENOMEM;
    t->stage = s;
    t->options = *o;
    r = load(s, t);
    if (r < 0)
        return r;
    t->ctx = t->f.SSL_CTX_new(o->is_server ? t->f.TLS_server_method() : t->f.TLS_client_method());
    if (!t->ctx)
        return leat_fail(s, LEAT_ENOMEM, "OpenSSL cannot begin: %s", reason(t));
    (void)t->f.SSL_CTX_ctrl(t->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    (void)t->f.SSL_CTX_ctrl(t->ctx, SSL_CTRL_MODE, SSL_MODE_AUTO_RETRY, NULL);
    (void)t->f.SSL_CTX_set_num_tickets(t->ctx, 0); /* there is no second connection */
    r = use_certificate(t);
    if (r == 0)
        r = trust(t);
    return r == 0 ? offer_alpn(t) : r;
}

void leat_tls_free(struct leat_tls *t)
{
    if (!t)
        return;
    if (t->ssl)
        t->f.SSL_free(t->ssl);
    if (t->ctx)
        t->f.SSL_CTX_free(t->ctx);
    explicit_bzero(t->password, sizeof t->password);
    leat_free(t->stage, t);
}

/* --- the session ------------------------------------------------------------------------------ */

/* The server that the certificate must be of. A number is no name for SNI. */
static bool expect_host(struct leat_tls *t, const char *host)
{
    uint8_t number[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, number) == 1 || inet_pton(AF_INET6, host, number) == 1)
        return t->c.X509_VERIFY_PARAM_set1_ip_asc(t->f.SSL_get0_param(t->ssl), host) == 1;
    return t->f.SSL_set1_host(t->ssl, host) == 1 &&
           t->f.SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         (void *)(uintptr_t)host) == 1;
}

int leat_tls_begin(struct leat_tls *t, int fd)
{
    before_call(t);
    t->ssl = t->f.SSL_new(t->ctx);
    if (!t->ssl || t->f.SSL_set_fd(t->ssl, fd) != 1)
        return leat_fail(t->stage, LEAT_ENOMEM, "OpenSSL cannot begin: %s", reason(t));
    if (t->options.is_server) {
        t->f.SSL_set_accept_state(t->ssl);
        return 0;
    }
    t->f.SSL_set_connect_state(t->ssl);
    return expect_host(t, t->options.host)
               ? 0
               : leat_fail(t->stage, LEAT_EUSAGE, "'%s' is no name for a server", t->options.host);
}

int leat_tls_handshake(struct leat_tls *t)
{
    int r;

    before_call(t);
    r = t->f.SSL_do_handshake(t->ssl);
    return r == 1 ? 0 : answer(t, r);
}

static int bounded(size_t n)
{
    return n < LEAT_CHUNK_MAX ? (int)n : (int)LEAT_CHUNK_MAX;
}

ssize_t leat_tls_read(struct leat_tls *t, void *to, size_t n)
{
    int r;

    before_call(t);
    r = t->f.SSL_read(t->ssl, to, bounded(n));
    if (r > 0) {
        t->has_read = true;
        return r;
    }
    return t->f.SSL_get_error(t->ssl, r) == SSL_ERROR_ZERO_RETURN ? 0 : answer(t, r);
}

ssize_t leat_tls_write(struct leat_tls *t, const void *data, size_t n)
{
    size_t part;
    int r;

    if (t->sent == 0) {
        if (t->refused == 0) {
            t->refused = n < RECORD_MAX ? n : RECORD_MAX;
            memcpy(t->record, data, t->refused);
        }
        before_call(t);
        r = t->f.SSL_write(t->ssl, t->record, (int)t->refused);
        if (r <= 0)
            return answer(t, r);
        leat_assert((size_t)r == t->refused); /* it fits in one record */
        t->sent = t->refused;
        t->refused = 0;
    }
    part = t->sent < n ? t->sent : n;
    t->sent -= part;
    return (ssize_t)part;
}

int leat_tls_end(struct leat_tls *t)
{
    int r;

    before_call(t);
    r = t->f.SSL_shutdown(t->ssl);
    return r >= 0 ? 0 : answer(t, r); /* 0: the peer goes on with its own stream */
}

bool leat_tls_waits_to_write(const struct leat_tls *t)
{
    return t->to_write;
}

const char *leat_tls_why(const struct leat_tls *t)
{
    return t->why;
}
