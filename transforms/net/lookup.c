/* lookup.c - getaddrinfo in a thread of the C library. */

#include "lookup.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

struct leat_lookup {
    atomic_uint refs; /* of the stage, and of a lookup that goes on */
    atomic_bool ended;
    struct leat_waker *waker; /* of the lookup that goes on */
    struct gaicb request;
    struct addrinfo hints;
    struct addrinfo *list;
    int error;  /* that it could not begin; of the stage */
    int result; /* valid once it has ended */
    char host[LEAT_ADDRESS_HOST_MAX], port[LEAT_ADDRESS_PORT_MAX];
};

static void drop(struct leat_lookup *l)
{
    if (atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    if (l->list)
        freeaddrinfo(l->list);
    free(l);
}

static void on_ended(union sigval value)
{
    struct leat_lookup *l = value.sival_ptr;

    l->result = gai_error(&l->request);
    l->list = l->result == 0 ? l->request.ar_result : NULL;
    atomic_store(&l->ended, true);
    leat_waker_wake(l->waker);
    leat_waker_free(l->waker);
    drop(l);
}

/* Returns 0, or an error of getaddrinfo. */
static int begin(struct leat_lookup *l)
{
    struct gaicb *requests[1] = {&l->request};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD};

    l->request = (struct gaicb){.ar_name = l->host, .ar_service = l->port, .ar_request = &l->hints};
    event.sigev_value.sival_ptr = l;
    event.sigev_notify_function = on_ended;
    return getaddrinfo_a(GAI_NOWAIT, requests, 1, &event);
}

/* If it fails, the C library may, or may not, use the memory, and may or may not call back, so that memory is given up. */
static void begin_look_up(struct leat_lookup *l)
{
    atomic_store(&l->ended, false);
    atomic_store(&l->refs, 2);
    l->error = begin(l);
}

struct leat_lookup *leat_lookup_new(struct leat_stage *s, const char *host, const char *port,
                                    bool passive)
{
    struct leat_lookup *l = calloc(1, sizeof *l); /* not leat_alloc: it may outlive the pipeline */

    if (!l) {
        leat_fail(s, LEAT_ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&l->refs, 1);
    atomic_init(&l->ended, true);
    strcpy(l->host, host); /* the buffers have the sizes of an address's */
    strcpy(l->port, port);
    l->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_NUMERICHOST | (passive ? AI_PASSIVE : 0)};
    l->error = getaddrinfo(*host ? host : NULL, port, &l->hints, &l->list);
    if (l->error != EAI_NONAME)
        return l; /* a number needs no look-up */
    l->hints.ai_flags &= ~AI_NUMERICHOST;
    l->waker = leat_waker_new(s);
    if (l->waker) {
        begin_look_up(l);
        return l;
    }
    drop(l);
    return NULL;
}

int leat_lookup_look(struct leat_lookup *l, struct leat_stage *s, const struct addrinfo **ret)
{
    *ret = NULL;
    if (l->error != 0)
        return l->error;
    if (!atomic_load(&l->ended)) {
        leat_wait_wake(s);
        return LEAT_WAIT;
    }
    *ret = l->list;
    return l->result;
}

const char *leat_lookup_why(int error)
{
    return gai_strerror(error);
}

void leat_lookup_free(struct leat_lookup *l)
{
    if (l)
        drop(l);
}
