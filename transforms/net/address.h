/* address.h - the address of a socket, as a user writes it. */
#ifndef LEAT_NET_ADDRESS_H
#define LEAT_NET_ADDRESS_H

#include "stage.h"

#define LEAT_ADDRESS_HOST_MAX 256u /* with the NUL */
#define LEAT_ADDRESS_PORT_MAX 32u

enum leat_address_kind { LEAT_ADDRESS_TCP, LEAT_ADDRESS_TLS, LEAT_ADDRESS_UNIX };

struct leat_address {
    enum leat_address_kind kind;
    const char *text;                 /* the operand */
    char host[LEAT_ADDRESS_HOST_MAX]; /* "": any; without brackets */
    char port[LEAT_ADDRESS_PORT_MAX];
    const char *path; /* Unix */
};

/* leat_address_parse - from tcp://HOST:PORT, tls://HOST:PORT, unix:PATH, or HOST:PORT, which is TCP. `text` is borrowed.
 * any_host: the host may be empty. Returns 0, or fails the stage. */
int leat_address_parse(struct leat_stage *stage, const char *text, bool any_host,
                       struct leat_address *ret);

#endif
