/* tls.h - TLS over a connected socket, by OpenSSL, which is loaded when it is first needed. */
#ifndef LEAT_NET_TLS_H
#define LEAT_NET_TLS_H

#include "stage.h"

struct leat_tls;

struct leat_tls_options {
    bool is_server;
    const char *host; /* of a server: the name that its certificate must have */
    const char *
        ca; /* a file; NULL: the CAs of the system; a server with one wants certificates of its clients */
    const char *cert, *key;    /* files; NULL: none */
    const char *password_file; /* of the key; NULL: none */
    const char *alpn;          /* names separated by commas; NULL: none */
};

/* leat_tls_plan - check the options, and announce the files. Returns 0, or fails the stage. */
int leat_tls_plan(struct leat_stage *stage, const struct leat_tls_options *options);
/* leat_tls_new - in open: load the library and the files. What `options` points to is borrowed. Returns 0, or fails the
 * stage; *ret is set in any case. */
int leat_tls_new(struct leat_stage *stage, const struct leat_tls_options *options,
                 struct leat_tls **ret);
/* leat_tls_free - NULL is fine. The socket stays open. */
void leat_tls_free(struct leat_tls *tls);

/* leat_tls_begin - on this socket. Returns 0, or fails the stage.
 *
 * The next ones return LEAT_EAGAIN: the socket is not ready, see leat_tls_waits_to_write; LEAT_ENETWORK: the connection has failed,
 * and leat_tls_why tells why.
 *
 * leat_tls_handshake - returns 0: both sides are verified.
 * leat_tls_read - returns how many bytes; 0: the peer has ended its stream, and it is complete.
 * leat_tls_write - returns how many bytes were taken, 1 to n. After LEAT_EAGAIN the next calls have the same bytes.
 * leat_tls_end - tell the peer that the stream is complete. Returns 0. */
int leat_tls_begin(struct leat_tls *tls, int fd);
int leat_tls_handshake(struct leat_tls *tls);
ssize_t leat_tls_read(struct leat_tls *tls, void *to, size_t n);
ssize_t leat_tls_write(struct leat_tls *tls, const void *data, size_t n);
int leat_tls_end(struct leat_tls *tls);
/* leat_tls_waits_to_write - does the last of these calls that returned LEAT_EAGAIN wait for the socket to be writable? Else: readable. */
bool leat_tls_waits_to_write(const struct leat_tls *tls);
const char *leat_tls_why(const struct leat_tls *tls);

#endif
