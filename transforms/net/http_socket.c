/* http_socket.c - the socket of libcurl, where a detour costs as much as the transfer.
 *
 * A wait of the engine hands the stage from thread to thread, so a wait that is shorter than a millisecond is done here.
 *
 * The body of a plain answer is read straight into the room of the stage, and not through the buffer of libcurl. That is
 * right if all that libcurl has taken from the connection was handed over: then the next byte of the connection is the next
 * one of the body. The counter of the kernel tells. It never agrees for TLS or HTTP/2, whose framing counts, nor for a
 * connection that is used again.
 */

#include "http.h"

#if HAVE_CURL

#include <errno.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/invariant.h"
#include "http_impl.h"

#define QUICK_WAITS 16u              /* one after another, before the stage waits itself */
#define QUICK_BYTES 262144           /* in a quick wait it is not woken for less */
#define LEFT_MIN ((uint64_t)1 << 20) /* bytes: the connection is closed after it */

/* --- quick waits -------------------------------------------------------------------------------- */

static void set_low_water(struct leat_http *h, int bytes)
{
    if (h->low_water != bytes && setsockopt(h->sockets[0].fd, SOL_SOCKET, SO_RCVLOWAT, &bytes,
                                            sizeof bytes) == 0) /* it only saves wakes */
        h->low_water = bytes;
}

/* One thread that runs all must not wait. */
bool leat_http_wait_quickly(struct leat_http *h)
{
    struct pollfd p = {.fd = h->sockets[0].fd, .events = POLLIN};

    if (h->options.ssh || h->quick_waits < QUICK_WAITS || h->n_sockets != 1 ||
        h->sockets[0].writes || !h->began || h->full || leat_threads(h->stage) == 1)
        return false;
    set_low_water(h, QUICK_BYTES);
    if (poll(&p, 1, LEAT_HTTP_QUICK_MS) != 1) {
        h->quick_waits = 0;
        set_low_water(h, 1);
    }
    return true;
}

void leat_http_forget_socket(struct leat_http *h)
{
    if (h->low_water > 1 && h->n_sockets == 1)
        set_low_water(h, 1);
    h->low_water = 0;
}

/* --- the body ----------------------------------------------------------------------------------- */

/* Bytes that have come, in order, since it was made. */
static bool received(int fd, uint64_t *ret)
{
    struct tcp_info info = {.tcpi_bytes_received = 0};
    socklen_t len = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return false;
    *ret = info.tcpi_bytes_received;
    return true;
}

/* Bytes that were taken from the connection; false: not known. */
static bool taken(int fd, uint64_t *ret)
{
    uint64_t before, after;
    int waiting = 0;

    if (!received(fd, &before) || ioctl(fd, FIONREAD, &waiting) < 0 || waiting < 0 ||
        !received(fd, &after) || before != after || (uint64_t)waiting > before)
        return false;
    *ret = before - (uint64_t)waiting;
    return true;
}

void leat_http_try_direct(struct leat_http *h)
{
    uint8_t *to;
    curl_off_t length = -1, body = 0;
    long heads = 0;
    uint64_t n;

    if (h->options.ssh || h->request->head || h->direct || !h->began || h->is_redirect || h->full ||
        !h->request->room || h->n_sockets != 1 || !h->sockets[0].reads || h->sockets[0].writes ||
        h->request->room(h->request->arg, &to) == 0)
        return;
    if (h->curl_easy_getinfo(h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK ||
        h->curl_easy_getinfo(h->easy, CURLINFO_SIZE_DOWNLOAD_T, &body) != CURLE_OK ||
        h->curl_easy_getinfo(h->easy, CURLINFO_HEADER_SIZE, &heads) != CURLE_OK)
        return;
    if (length < body || body < 0 || heads <= 0 || (uint64_t)(length - body) < LEFT_MIN ||
        (uint64_t)body != h->handed || !taken(h->sockets[0].fd, &n) ||
        n != (uint64_t)heads + (uint64_t)body)
        return;
    h->direct = true;
    h->left = (uint64_t)(length - body);
    h->timer_ns = UINT64_MAX; /* libcurl is not called any more */
}

/* recv has failed. */
static int lost(struct leat_http *h, int err)
{
    char why[128];

    if (err == EAGAIN || err == EINTR)
        return LEAT_HTTP_RUNNING;
    if (err)
        snprintf(why, sizeof why, "Recv failure: %s", strerrordesc_np(err));
    else
        snprintf(why, sizeof why, "the connection was closed with %" PRIu64 " bytes left to read",
                 h->left);
    return leat_http_end_with(h, LEAT_HTTP_LOST, why);
}

int leat_http_read_direct(struct leat_http *h)
{
    uint8_t *to = NULL;
    size_t room = h->request->room(h->request->arg, &to);
    ssize_t n;
    int r;

    leat_assert(h->left > 0);
    if (room > h->left)
        room = (size_t)h->left;
    if (room == 0)
        return LEAT_HTTP_RUNNING;
    n = recv(h->sockets[0].fd, to, room, MSG_DONTWAIT);
    if (n <= 0)
        return lost(h, n < 0 ? errno : 0);
    h->left -= (uint64_t)n;
    h->window += (uint64_t)n;
    r = h->request->body(h->request->arg, to, (size_t)n);
    leat_assert(r != LEAT_HTTP_FULL); /* it was read into the room */
    if (r < 0)
        return r;
    return h->left > 0 ? LEAT_HTTP_RUNNING : 0;
}

#endif
