/* dial.h - a connected socket: one that connects, or the first one that is accepted. */
#ifndef LEAT_NET_DIAL_H
#define LEAT_NET_DIAL_H

#include "address.h"

struct leat_dial;

struct leat_dial_options {
    struct leat_address address;
    bool listens;
    bool retries;             /* connects: while nothing listens there, until wait_ms */
    uint64_t wait_ms;         /* fail after so long without a connection; 0: never */
    const char *address_file; /* listens: the address goes into this file; or NULL */
};

/* leat_dial_new - `options` is copied; what it points to is borrowed. NULL: out of memory, recorded. */
struct leat_dial *leat_dial_new(struct leat_stage *stage, const struct leat_dial_options *options);
/* leat_dial_step - go on, without a wait. Returns 0: *ret_fd is the socket, non-blocking, and the caller's; LEAT_WAIT: the
 * stage waits, and calls this again; or fails the stage. */
int leat_dial_step(struct leat_dial *dial, int *ret_fd);
/* leat_dial_late - has the time of wait_ms passed? Then it fails the stage. leat_dial_wait - wait until then at most. For what the
 * caller does on the connection before it is one for the user. */
int leat_dial_late(struct leat_dial *dial);
void leat_dial_wait(struct leat_dial *dial);
/* leat_dial_peer - the address at the other end, for messages: "127.0.0.1 port 80". */
const char *leat_dial_peer(const struct leat_dial *dial);
/* leat_dial_free - NULL is fine. A socket that was handed out stays open. */
void leat_dial_free(struct leat_dial *dial);

#endif
