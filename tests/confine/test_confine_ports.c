/* test_confine_ports.c - a confined process uses the ports of TCP that are named, and no others. */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/landlock.h"
#include "leat.h"
#include "test.h"

/* A socket of TCP that listens; *ret_port is its port. */
static int listen_somewhere(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ASSERT_EQ(listen(fd, 8), 0);
    ASSERT_EQ(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int try_port(uint16_t port, bool listens)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), r;

    if (fd < 0)
        return errno;
    r = listens ? bind(fd, (struct sockaddr *)&at, sizeof at)
                : connect(fd, (struct sockaddr *)&at, sizeof at);
    r = r < 0 ? errno : 0;
    (void)close(fd);
    return r;
}

static bool allow_only(const char *port)
{
    struct leat_confinement *list = leat_confinement_new();
    struct leat_error error = LEAT_INIT(leat_error);
    bool good = list && leat_confinement_allow(list, port, LEAT_ACCESS_PORT) == 0 &&
                leat_confine(list, LEAT_CONFINED_FILES, NULL, &error) == 0;

    leat_confinement_free(list);
    return good;
}

/* In a child, which stays confined. */
static int confined(const char *port, uint16_t mine, uint16_t other)
{
    pid_t pid = fork();
    int status = 0;

    ASSERT_GE(pid, 0);
    if (pid == 0) {
        bool connects = mine != 0, good = allow_only(port);

        good = good && try_port(mine, !connects) == 0 && try_port(other, false) == EACCES;
        good = good && try_port(connects ? 0 : other, true) == EACCES;
        _exit(good ? 0 : 1);
    }
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

TEST(test_only_the_named_ports_of_tcp_can_be_used)
{
    uint16_t mine, other;
    int a = listen_somewhere(&mine), b = listen_somewhere(&other);
    char text[32];

    if (leat_landlock_version() >= LEAT_LANDLOCK_PORTS) {
        snprintf(text, sizeof text, "connect:%u", (unsigned)mine);
        ASSERT_EQ(confined(text, mine, other), 0);
        ASSERT_EQ(confined("listen:0", 0, other), 0);
    }
    (void)close(a);
    (void)close(b);
}
