/* tls.c - TLS: the files of --cert, --key and --client-ca, and what libmicrohttpd leaves to its user: whether the certificate of a
 * client is good, and an answer in the middle of a body. GnuTLS is that which libmicrohttpd has loaded.
 */

#if HAVE_MICROHTTPD

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve.h"

#define FILE_MAX ((size_t)1 << 20)
#define SHUT_WRITE 1 /* GNUTLS_SHUT_WR */

/* The content of a file as text. Returns 0, or an exit status after a message. */
static int read_pem(const struct config *c, const char *option, const char *path, char **ret)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(FILE_MAX);
    size_t n = file && text ? fread(text, 1, FILE_MAX - 1, file) : 0;
    int status = 0;

    if (!file || ferror(file))
        status = message_fail(c, errno == ENOENT ? LEAT_ENOENT : LEAT_EIO, "option --%s: %s: %s",
                              option, path, strerror(errno));
    else if (!text)
        status = message_fail(c, LEAT_ENOMEM, "out of memory");
    else if (n == FILE_MAX - 1 || memchr(text, '\0', n))
        status = message_fail(c, LEAT_EUSAGE, "option --%s: %s is not a file in PEM format", option,
                              path);
    if (file)
        (void)fclose(file); /* it was read only */
    if (status != 0) {
        free(text);
        return status;
    }
    text[n] = '\0';
    *ret = text;
    return 0;
}

int tls_read(struct tls_files *t, const struct config *c, const struct serve_options *o)
{
    int status = 0;

    if (!o->cert != !o->key || (o->client_ca && !o->cert))
        return message_fail(c, LEAT_EUSAGE, "serve: TLS needs --cert and --key, both of them");
    if (o->cert)
        status = read_pem(c, "cert", o->cert, &t->cert);
    if (status == 0 && o->key)
        status = read_pem(c, "key", o->key, &t->key);
    if (status == 0 && o->client_ca)
        status = read_pem(c, "client-ca", o->client_ca, &t->client_ca);
    return status;
}

void tls_done(struct tls_files *t)
{
    if (t->key)
        explicit_bzero(t->key, strlen(t->key));
    free(t->cert);
    free(t->key);
    free(t->client_ca);
    *t = (struct tls_files){.cert = NULL};
}

static void *session_of(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    return info ? info->tls_session : NULL;
}

bool tls_client_is_known(const struct request *r)
{
    unsigned problems = 1;
    void *session;

    if (!r->server->tls.client_ca)
        return true;
    session = session_of(r);
    return session && r->server->mhd.gnutls.verify(session, &problems) == 0 && problems == 0;
}

ssize_t tls_send(const struct request *r, const void *data, size_t n)
{
    const struct gnutls *g = &r->server->mhd.gnutls;
    void *session = session_of(r);
    ssize_t sent = session && g->send ? g->send(session, data, n) : -1;

    if (sent >= 0)
        (void)g->bye(session, SHUT_WRITE); /* the answer was sent */
    return sent;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
