/* wire.h - a stream each way over one connection, and how each of them ends.
 *
 * With LEAT_END_FIN a stream ends as its transport ends one: a FIN, or the close_notify of TLS. A sender that is killed sends a
 * FIN, too, so its stream looks complete. With LEAT_END_FRAME each stream is a sequence of frames, the last of which
 * has the length and the digest of all, so that only a complete stream ends well. frame.c has the format.
 */
#ifndef LEAT_NET_WIRE_H
#define LEAT_NET_WIRE_H

#define XXH_STATIC_LINKING_ONLY /* its state has a size */
#include <xxhash.h>

#include "dial.h"
#include "tls.h"

enum leat_end_kind { LEAT_END_FIN, LEAT_END_FRAME };

struct leat_frame_out {
    uint8_t head[32]; /* bytes that go before, or after, those of the frame */
    unsigned head_n, head_at;
    uint32_t left;           /* bytes of the frame that are still to be sent */
    bool begun, last, ended; /* last: the end is in `head` */
    uint64_t total;
    XXH64_state_t hash;
};

struct leat_frame_in {
    uint8_t head[16];
    unsigned head_n; /* bytes of it that have come */
    uint32_t left;   /* bytes of the frame that are still to come */
    bool begun, last, ended;
    uint64_t total;
    XXH64_state_t hash;
};

struct leat_wire {
    struct leat_stage *stage;
    const char *name;       /* the address, for messages */
    struct leat_dial *dial; /* NULL: it is not open, or closed */
    struct leat_tls *tls;   /* or NULL */
    enum leat_end_kind end;
    int fd; /* plus 1; 0: not connected yet */
    bool listens, ready, said_end, shut;
    /* What the calls since leat_wire_begin_waits wait for. */
    bool wants_read, wants_write;
    uint64_t got, sent; /* bytes of the streams */
    struct leat_frame_out out;
    struct leat_frame_in in;
    char why[400];
};

/* leat_wire_open - in open. tls: NULL, or taken, also on failure. Returns 0, or fails the stage. */
int leat_wire_open(struct leat_wire *wire, struct leat_stage *stage,
                   const struct leat_dial_options *options, struct leat_tls *tls,
                   enum leat_end_kind end);
/* leat_wire_ready - connect, or accept. Returns 0: it is connected; LEAT_WAIT: call it again; or fails the stage. */
int leat_wire_ready(struct leat_wire *wire);

/* The next ones return LEAT_EAGAIN: not now, and leat_wire_wait waits for it; LEAT_ENETWORK: the connection has failed, and
 * leat_wire_fail makes that the failure of the stage.
 *
 * leat_wire_read - returns how many bytes; 0: the stream of the peer has ended, and is complete.
 * leat_wire_write - returns how many bytes were taken. After LEAT_EAGAIN the next calls have the same bytes.
 * leat_wire_finish - end the own stream. Returns 0: it was sent. */
ssize_t leat_wire_read(struct leat_wire *wire, uint8_t *to, size_t n);
ssize_t leat_wire_write(struct leat_wire *wire, const uint8_t *data, size_t n);
int leat_wire_finish(struct leat_wire *wire);
int leat_wire_fail(const struct leat_wire *wire);
/* leat_wire_check - has the connection failed after the streams? Returns 0 or LEAT_ENETWORK. */
int leat_wire_check(struct leat_wire *wire);
/* leat_wire_begin_waits - forget what earlier calls wait for. leat_wire_wait - wait for what the calls since then
 * need. */
void leat_wire_begin_waits(struct leat_wire *wire);
void leat_wire_wait(const struct leat_wire *wire);
/* leat_wire_close - in close. Unless both streams have ended, the peer learns that this was no end, if the transport can
 * tell it. */
void leat_wire_close(struct leat_wire *wire);

/* Of wire.c, for frame.c: the same without frames. The kernel may wait for `more` bytes. */
ssize_t leat_wire_read_raw(struct leat_wire *wire, void *to, size_t n);
ssize_t leat_wire_write_raw(struct leat_wire *wire, const void *data, size_t n, bool more);
/* leat_wire_lost - the connection has failed for this reason. Returns LEAT_ENETWORK. */
int leat_wire_lost(struct leat_wire *wire, const char *why);
/* Of frame.c. */
void leat_frames_begin(struct leat_wire *wire);
ssize_t leat_frames_read(struct leat_wire *wire, uint8_t *to, size_t n);
ssize_t leat_frames_write(struct leat_wire *wire, const uint8_t *data, size_t n);
int leat_frames_finish(struct leat_wire *wire);

#endif
