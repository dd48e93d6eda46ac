/* connection.h - a connection as a stage: what `connect` and `listen` share. */
#ifndef LEAT_NET_CONNECTION_H
#define LEAT_NET_CONNECTION_H

#include <stdatomic.h>

#include "wire.h"

struct leat_connection_params {
    int end;   /* enum leat_end_kind */
    int retry; /* connect */
    uint64_t wait_ms, close_ms;
    const char *ca, *cert, *key, *password_file, *alpn;
    const char *servername;   /* connect */
    const char *address_file; /* listen */
};

struct leat_connection {
    struct leat_address address;
    struct leat_wire wire;
    /* A sink, while it waits for the end of the peer's stream. */
    uint64_t close_by_ns;
    uint64_t dropped; /* bytes that the peer sent */
    bool is_watched;
    bool is_unconfirmed; /* all was sent, with its end, and the peer has not ended its stream */
    /* A middle stage: the half that takes the input puts it into a pair of sockets, and the other half does all the
     * rest, because a TLS session must not be used by two threads. */
    int input_fd;        /* of the half that takes; -1: none */
    int output_fd;       /* the other end; -1: none */
    bool is_taken;       /* by the half that gives */
    atomic_bool has_all; /* the input was complete */
    uint8_t *held;       /* input on its way to the connection */
    size_t held_n, held_at;
    bool input_ended;
};

/* The functions of the parts of both types. `listens` comes from the type. */
int leat_connection_plan(struct leat_stage *stage, bool listens);
int leat_connection_open(struct leat_stage *stage, bool listens);
int leat_connection_first_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
int leat_connection_last_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
int leat_connection_last_watch(struct leat_stage *stage);
int leat_connection_last_commit(struct leat_stage *stage);
void leat_connection_last_close(struct leat_stage *stage);
void leat_connection_close(struct leat_stage *stage);
int leat_connection_in_open(struct leat_stage *stage);
int leat_connection_in_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
void leat_connection_in_close(struct leat_stage *stage);
int leat_connection_out_open(struct leat_stage *stage, bool listens);
int leat_connection_out_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out);
void leat_connection_out_close(struct leat_stage *stage);

#define LEAT_CONNECTION_AT(field) offsetof(struct leat_connection_params, field)
/* Options of both. */
#define LEAT_CONNECTION_OPTIONS                                                                    \
    {.name = "end",                                                                                \
     .kind = LEAT_OPT_ENUM,                                                                        \
     .offset = LEAT_CONNECTION_AT(end),                                                            \
     .metavar = "HOW",                                                                             \
     .choices = "fin|frame",                                                                       \
     .help = "how a stream ends; with frame, at both ends, a cut one is an error"},                \
        {.name = "cert",                                                                           \
         .kind = LEAT_OPT_STRING,                                                                  \
         .offset = LEAT_CONNECTION_AT(cert),                                                       \
         .metavar = "FILE",                                                                        \
         .help = "tls: the own certificate, and those that it needs, in PEM"},                     \
        {.name = "key",                                                                            \
         .kind = LEAT_OPT_STRING,                                                                  \
         .offset = LEAT_CONNECTION_AT(key),                                                        \
         .metavar = "FILE",                                                                        \
         .help = "tls: its private key, in PEM"},                                                  \
        {.name = "key-password-file",                                                              \
         .kind = LEAT_OPT_STRING,                                                                  \
         .offset = LEAT_CONNECTION_AT(password_file),                                              \
         .metavar = "FILE",                                                                        \
         .help = "tls: the first line of FILE is the password of the key"},                        \
    {                                                                                              \
        .name = "alpn", .kind = LEAT_OPT_STRING, .offset = LEAT_CONNECTION_AT(alpn),               \
        .metavar = "NAME[,NAME...]", .help = "tls: the protocols to offer, or to accept"           \
    }

#endif
