/* client.h - HTTP requests with bodies, several at a time, with libcurl, which is loaded when it is first needed.
 *
 * Nothing here waits but leat_client_drive with a time. Between the calls, the descriptor of the client is readable when there
 * is something to do. A client belongs to one stage, and is used by one thread at a time. It follows no redirects and tries
 * nothing again.
 */
#ifndef LEAT_NET_CLIENT_H
#define LEAT_NET_CLIENT_H

#include "stage.h"

struct leat_client;
struct leat_exchange; /* a request and its answer */

#define LEAT_CLIENT_REPLY_MAX ((size_t)16384) /* bytes of an answer's body that are kept */

struct leat_client_options {
    const char *ca;          /* a file of certificates; NULL: those of the system */
    const char *certificate; /* PEM: for the server to see; NULL: none */
    const char *key;         /* PEM: of the certificate; NULL: it is in the same file */
    const char *netrc;       /* NULL: none */
    uint64_t connect_ms;     /* give a connection up after so long */
    uint64_t
        stall_ms; /* an exchange whose body is not fed is lost if nothing moves for so long; 0: never */
};

/* For sftp://. */
struct leat_client_ssh {
    const char *known_hosts; /* a file: the host must be in it */
    const char *key;         /* a file with the private key; NULL: that of an agent */
    const char *const *before,
        *const *after; /* commands around the transfer, NULL after the last; or NULL */
};

struct leat_client_request {
    const char *method, *url;
    const struct leat_client_ssh *
        ssh; /* NULL: the URL is one of HTTP. Else: without a body, and with the method HEAD, only the
                                        * commands are sent */
    const char *const *headers; /* NULL after the last: "Name: value"; copied; or NULL */
    const void *body; /* borrowed until the exchange is freed; NULL: it is fed, or there is none */
    uint64_t size;    /* of the body; LEAT_CLIENT_UNKNOWN: fed, without a length */
    bool fed;
};
#define LEAT_CLIENT_UNKNOWN UINT64_MAX

enum leat_exchange_state {
    LEAT_EXCHANGE_RUNS,
    LEAT_EXCHANGE_ANSWERED, /* the answer is complete */
    LEAT_EXCHANGE_LOST,     /* the connection failed: another try may help */
    LEAT_EXCHANGE_REFUSED,  /* it would fail again: a certificate, a name */
    LEAT_EXCHANGE_ABSENT,   /* sftp: there is no such file */
};

/* leat_client_plan - in plan: announce the files of the options, and the network. Returns 0, or fails the stage. */
int leat_client_plan(struct leat_stage *stage, const struct leat_client_options *options);
/* leat_client_open - in open; the options are borrowed until the close. *ret is set in any case. Returns 0, or fails the
 * stage. */
int leat_client_open(struct leat_stage *stage, const struct leat_client_options *options,
                     struct leat_client **ret);
/* leat_client_close - in close, when all exchanges are freed; NULL is fine. */
void leat_client_close(struct leat_client *client);
/* leat_client_show - the URL without user, password and query, for messages. Returns false if it is malformed. */
bool leat_client_show(struct leat_client *client, const char *url, char *to, size_t size);
/* leat_client_path - the path of the URL, decoded. Returns false if there is none, or it does not fit. */
bool leat_client_path(struct leat_client *client, const char *url, char *to, size_t size);
/* leat_client_fd - readable when leat_client_drive has something to do: for leat_wait_fd and leat_watch_fd. */
int leat_client_fd(const struct leat_client *client);
/* leat_client_drive - move what can be moved; wait up to so many milliseconds for the first event. Returns 1: there was
 * something to do; 0: there was not; or fails the stage. */
int leat_client_drive(struct leat_client *client, int wait_ms);

/* leat_exchange_begin - the request is sent by leat_client_drive. *ret is set in any case. Returns 0, or fails the stage. */
int leat_exchange_begin(struct leat_client *client, const struct leat_client_request *request,
                        struct leat_exchange **ret);
/* leat_exchange_feed - give the next n bytes of a fed body, and move what can be moved without a wait. Returns how many
 * bytes were used, fewer than n if the connection is full or the exchange has ended; or fails the stage. */
ssize_t leat_exchange_feed(struct leat_exchange *exchange, const void *data, size_t n);
/* leat_exchange_is_hungry - was all that was fed sent, and is more asked for? */
bool leat_exchange_is_hungry(const struct leat_exchange *exchange);
/* leat_exchange_moved - bytes that were sent and have left this machine: a number that changes while there is progress. */
uint64_t leat_exchange_moved(const struct leat_exchange *exchange);
/* leat_exchange_end_body - there is no more of the body. */
int leat_exchange_end_body(struct leat_exchange *exchange);
enum leat_exchange_state leat_exchange_state(const struct leat_exchange *exchange);
/* leat_exchange_sent_all - was the end of the body sent, before the exchange ended? */
bool leat_exchange_sent_all(const struct leat_exchange *exchange);
/* leat_exchange_status - of the answer; 0: there is none. */
long leat_exchange_status(const struct leat_exchange *exchange);
/* leat_exchange_header - a field of the answer, valid until the next call; "": there is none. */
const char *leat_exchange_header(struct leat_exchange *exchange, const char *name);
/* leat_exchange_reply - the body of the answer, or its first bytes, with a NUL after them. */
const char *leat_exchange_reply(const struct leat_exchange *exchange);
/* leat_exchange_why - LOST, REFUSED: the reason, one line without secrets. */
const char *leat_exchange_why(const struct leat_exchange *exchange);
/* leat_exchange_free - a request that runs is cut off, with its connection. NULL is fine. */
void leat_exchange_free(struct leat_exchange *exchange);

/* leat_reply_line - the first line of text of an answer's body, without tags, at most size - 1 bytes (reply.c). */
void leat_reply_line(const char *reply, char *to, size_t size);

#endif
