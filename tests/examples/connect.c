/* connect.c - an example of a source that waits: what a TCP connection gives, to its end.
 *
 * `example.connect 127.0.0.1:PORT` never blocks a thread. Where the socket has nothing yet the step says for which
 * descriptor it waits, and is called again when that is ready.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <leat/stage.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
    int fd; /* plus 1; 0: there is none */
    bool connected;
    uint64_t got; /* bytes */
};

static int parse(struct leat_stage *stage, struct sockaddr_in *ret_address)
{
    const char *text = leat_operands(stage)->v[0], *colon = strrchr(text, ':');
    char host[INET_ADDRSTRLEN] = "";
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;

    *ret_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (colon && (size_t)(colon - text) < sizeof host)
        memcpy(host, text, (size_t)(colon - text));
    if (port < 1 || port > UINT16_MAX || inet_pton(AF_INET, host, &ret_address->sin_addr) != 1)
        return leat_fail(stage, LEAT_EUSAGE, "%s: not an address as 127.0.0.1:8080", text);
    return 0;
}

/* Runs once, when the pipeline is built: no I/O yet. */
static int connect_plan(struct leat_stage *stage)
{
    struct sockaddr_in address;

    return parse(stage, &address);
}

static int connect_open(struct leat_stage *stage)
{
    struct conn *c = leat_state(stage);
    struct sockaddr_in address;
    int fd, r = parse(stage, &address);

    if (r < 0)
        return r;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return leat_fail_errno(stage, errno, "socket");
    c->fd = fd + 1;
    r = connect(fd, (const struct sockaddr *)&address, sizeof address);
    c->connected = r == 0;
    return r < 0 && errno != EINPROGRESS
               ? leat_fail_errno(stage, errno, "%s", leat_operands(stage)->v[0])
               : 0;
}

/* The outcome of the connect, once the socket can be written to. */
static int look(struct leat_stage *stage, int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    return error ? leat_fail_errno(stage, error, "%s", leat_operands(stage)->v[0]) : 0;
}

static int connect_step(struct leat_stage *stage, struct leat_in *in, struct leat_out *out)
{
    struct conn *c = leat_state(stage);
    int fd = c->fd - 1, r = c->connected ? 0 : look(stage, fd);
    uint8_t *to;
    size_t room = leat_reserve(out, &to);
    ssize_t n = r < 0 || room == 0 ? 0 : recv(fd, to, room, 0);

    (void)in; /* a source has none */
    if (r < 0 || room == 0)
        return r < 0 ? r : LEAT_MORE;
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
        leat_wait_fd(stage, fd, errno == ENOTCONN);
        return LEAT_WAIT;
    }
    if (n < 0)
        return errno == EINTR ? LEAT_MORE : leat_fail_errno(stage, errno, "recv");
    c->connected = true;
    c->got += (uint64_t)n;
    leat_commit(out, (size_t)n);
    leat_position(stage, c->got, 0);
    return n == 0 ? LEAT_END : LEAT_MORE;
}

static void connect_close(struct leat_stage *stage)
{
    struct conn *c = leat_state(stage);

    if (c->fd > 0)
        (void)close(c->fd - 1); /* it was only read */
}

const struct leat_stage_type example_connect = {
    LEAT_STAGE_INIT,
    .name = "example.connect",
    .summary = "read what a TCP connection gives",
    .operands = "HOST:PORT",
    .operands_min = 1,
    .operands_max = 1,
    .kind = LEAT_SOURCE,
    .state_size = sizeof(struct conn),
    .plan = connect_plan,
    .open = connect_open,
    .step = connect_step,
    .close = connect_close,
};
