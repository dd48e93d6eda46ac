/* rate.c - --rate: requests a second of each client, by its address.
 *
 * A table of fixed size has a bucket for each address that was seen lately; an address that is not in it gets the place of the
 * one that was seen the longest ago among a few. Of IPv6 the first 64 bits count, which one client may have all of.
 */

#if HAVE_MICROHTTPD

#include <netinet/in.h>
#include <string.h>

#include "serve.h"

#define PROBES 8u

/* The client as a number that is not 0, or 0: it has no address. */
static uint64_t key_of(const struct request *r)
{
    const union MHD_ConnectionInfo *info =
        r->server->mhd.MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info ? info->client_addr : NULL;
    const struct in6_addr *v6 = from && from->sa_family == AF_INET6
                                    ? &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr
                                    : NULL;
    uint64_t key = 0;

    if (from && from->sa_family == AF_INET)
        memcpy(&key, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    else if (v6 && IN6_IS_ADDR_V4MAPPED(v6)) /* IPv4, at a socket of both */
        memcpy(&key, &v6->s6_addr[12], 4);
    else if (v6)
        memcpy(&key, v6, sizeof key);
    else
        return 0;
    return key | UINT64_C(1) << 63;
}

/* The bucket of the client; a new one is full. */
static struct rate_bucket *bucket_of(struct server *s, uint64_t key, uint64_t now_ms)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    struct rate_bucket *oldest = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct rate_bucket *b = &s->rate[(at + i) % RATE_BUCKETS];

        if (b->key == key)
            return b;
        if (!oldest || b->at_ms < oldest->at_ms)
            oldest = b;
    }
    *oldest = (struct rate_bucket){.key = key, .at_ms = now_ms, .tokens = (double)s->options.rate};
    return oldest;
}

bool rate_allows(const struct request *r, unsigned *ret_retry_s)
{
    struct server *s = r->server;
    uint64_t now_ms = uv_now(&s->loop), key = s->options.rate > 0 ? key_of(r) : 0;
    double rate = (double)s->options.rate;
    struct rate_bucket *b;

    if (key == 0)
        return true;
    b = bucket_of(s, key, now_ms);
    b->tokens += rate * (double)(now_ms - b->at_ms) / 1000;
    b->tokens = b->tokens < rate ? b->tokens : rate;
    b->at_ms = now_ms;
    if (b->tokens < 1) {
        *ret_retry_s = 1;
        return false;
    }
    b->tokens -= 1;
    return true;
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
