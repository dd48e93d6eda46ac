/* test_dial.c - the addresses of a host: which of them are tried, in which order, and a look-up that comes too late. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leat.h"
#include "test.h"

#define PLACES_MAX 20u

/* --- a resolver --------------------------------------------------------------------------------- */

static struct {
    struct addrinfo list[PLACES_MAX];
    struct sockaddr_in6 addresses[PLACES_MAX]; /* or _in */
    unsigned n;
    int result;
    bool hold; /* do not answer yet */
    struct sigevent event;
    struct gaicb *request;
    unsigned asked;
    uint16_t tried[PLACES_MAX]; /* the ports that were connected to */
    unsigned n_tried;
    pthread_t thread;
} net;

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __wrap_getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *event);
int __wrap_gai_error(struct gaicb *request);
void __wrap_freeaddrinfo(struct addrinfo *list);
void __real_freeaddrinfo(struct addrinfo *list);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
int __real_connect(int fd, const struct sockaddr *address, socklen_t len);

static void *answer(void *arg)
{
    (void)arg;
    net.event.sigev_notify_function(net.event.sigev_value);
    return NULL;
}

int __wrap_getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *event)
{
    ASSERT_EQ(mode, GAI_NOWAIT);
    ASSERT_EQ(n, 1);
    ASSERT_STREQ(list[0]->ar_name, "host.test");
    net.asked++;
    net.request = list[0];
    net.event = *event;
    net.request->ar_result = net.list;
    if (!net.hold)
        ASSERT_EQ(pthread_create(&net.thread, NULL, answer, NULL), 0);
    return 0;
}

int __wrap_gai_error(struct gaicb *request)
{
    ASSERT(request == net.request);
    return net.result;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    if (list != net.list)
        __real_freeaddrinfo(list);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    ASSERT_LT(net.n_tried, PLACES_MAX);
    net.tried[net.n_tried++] = ntohs(v4->sin_port); /* in the same place as that of IPv6 */
    return __real_connect(fd, address, len);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* The host has one more address. */
static void add_place(int family, uint16_t port)
{
    struct addrinfo *a = &net.list[net.n];
    struct sockaddr_in6 *v6 = &net.addresses[net.n];

    ASSERT_LT(net.n, PLACES_MAX);
    if (net.n > 0)
        net.list[net.n - 1].ai_next = a;
    net.n++;
    *a = (struct addrinfo){.ai_family = family,
                           .ai_socktype = SOCK_STREAM,
                           .ai_addr = (struct sockaddr *)v6,
                           .ai_addrlen =
                               family == AF_INET6 ? sizeof *v6 : sizeof(struct sockaddr_in)};
    if (family == AF_INET6)
        *v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons(port)};
    else
        *(struct sockaddr_in *)v6 =
            (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                 .sin_port = htons(port)};
}

/* A listener on 127.0.0.1 with a queue of this length; *ret_port is its port. */
static int listener(int backlog, uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ASSERT_GE(fd, 0);
    ASSERT_EQ(bind(fd, (struct sockaddr *)&a, len), 0);
    if (backlog >= 0)
        ASSERT_EQ(listen(fd, backlog), 0);
    ASSERT_EQ(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static int run(struct leat_error *ret_error)
{
    struct leat_pipeline *p = NULL;
    int r;

    ASSERT_EQ(leat_pipeline_from_text(NULL,
                                      "zero -n 1 : connect --close-wait=1ms tcp://host.test:80",
                                      NULL, &p, ret_error),
              0);
    r = leat_pipeline_run(p);
    if (r < 0)
        *ret_error = *leat_pipeline_error(p);
    leat_pipeline_unref(p);
    ASSERT_EQ(net.asked, 1);
    ASSERT_EQ(pthread_join(net.thread, NULL), 0);
    return r;
}

/* One byte comes, and then the end. */
static void expect_byte(int fd)
{
    char bytes[2];
    int c = accept(fd, NULL, NULL);

    ASSERT_GE(c, 0);
    ASSERT_EQ(recv(c, bytes, 2, MSG_WAITALL), 1);
    ASSERT_EQ(close(c), 0);
    ASSERT_EQ(close(fd), 0);
}

/* --- tests -------------------------------------------------------------------------------------- */

TEST(test_an_address_that_refuses_is_followed_by_the_next_one)
{
    struct leat_error error = LEAT_INIT(leat_error);
    uint16_t closed, open;
    int none = listener(-1, &closed), fd = listener(1, &open);

    add_place(AF_INET, closed);
    add_place(AF_INET, open);
    ASSERT_EQ(run(&error), 0);
    expect_byte(fd);
    ASSERT_EQ(close(none), 0);
    ASSERT_EQ(net.n_tried, 2);
}

/* The queue of the first one is full, so that it neither answers nor refuses. */
TEST(test_an_address_that_does_not_answer_does_not_hold_up_the_others)
{
    struct leat_error error = LEAT_INIT(leat_error);
    uint16_t full, open;
    int silent = listener(0, &full), fd = listener(1, &open), waiting[4];

    for (unsigned i = 0; i < 4; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                                .sin_port = htons(full)};

        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ASSERT_GE(waiting[i], 0);
        if (__real_connect(waiting[i], (struct sockaddr *)&a, sizeof a) < 0)
            ASSERT_EQ(errno, EINPROGRESS);
    }
    add_place(AF_INET, full);
    add_place(AF_INET, open);
    ASSERT_EQ(run(&error), 0);
    expect_byte(fd);
    ASSERT_EQ(net.n_tried, 2);
    for (unsigned i = 0; i < 4; i++)
        ASSERT_EQ(close(waiting[i]), 0);
    ASSERT_EQ(close(silent), 0);
}

TEST(test_the_families_take_turns_and_the_first_failure_is_reported)
{
    struct leat_error error = LEAT_INIT(leat_error);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);

    if (fd < 0) {
        SKIP(1, "no IPv6 here");
        return;
    }
    ASSERT_EQ(close(fd), 0);
    add_place(AF_INET6, 1);
    add_place(AF_INET6, 2);
    add_place(AF_INET6, 3);
    add_place(AF_INET, 4);
    add_place(AF_INET, 5);
    ASSERT_EQ(run(&error), LEAT_ENETWORK);
    ASSERT_EQ(net.n_tried, 5);
    for (unsigned i = 0; i < 5; i++) {
        static const uint16_t order[] = {1, 4, 2, 5, 3};

        ASSERT_EQ(net.tried[i], order[i]);
    }
    ASSERT_STR_HAS(error.text, "::1 port 1, the first of 5 addresses");
}

TEST(test_of_very_many_addresses_the_first_sixteen_are_tried)
{
    struct leat_error error = LEAT_INIT(leat_error);

    for (uint16_t i = 1; i <= PLACES_MAX; i++)
        add_place(AF_INET, i);
    ASSERT_EQ(run(&error), LEAT_ENETWORK);
    ASSERT_EQ(net.n_tried, 16);
}

TEST(test_a_host_that_is_not_known_is_an_error)
{
    struct leat_error error = LEAT_INIT(leat_error);

    net.result = EAI_AGAIN;
    ASSERT_EQ(run(&error), LEAT_ENETWORK);
    ASSERT_STR_HAS(error.text, "cannot look up the host 'host.test'");
    ASSERT_EQ(net.n_tried, 0);
}

TEST(test_an_answer_after_the_end_of_the_pipeline_is_harmless)
{
    struct leat_settings settings = LEAT_INIT(leat_settings);
    struct leat_pipeline *p = NULL;

    net.hold = true;
    ASSERT_EQ(leat_context_new(NULL, &settings.context), 0);
    ASSERT_EQ(leat_pipeline_from_text(NULL, "connect --wait=20ms tcp://host.test:80 : null",
                                      &settings, &p, NULL),
              0);
    ASSERT_EQ(leat_pipeline_run(p), LEAT_ENETWORK);
    ASSERT_STR_HAS(leat_pipeline_error(p)->text, "no connection after 0.020 s");
    leat_pipeline_unref(p);
    leat_context_unref(settings.context);
    ASSERT_EQ(net.asked, 1);
    net.result = EAI_AGAIN;
    (void)answer(NULL);
}
