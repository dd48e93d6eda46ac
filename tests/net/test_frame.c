/* test_frame.c - streams in frames: what is whole arrives whole, and nothing else ends well. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../transforms/net/wire.h"
#include "test.h"

#define BYTES 3000u

/* Two connected wires. */
static void connect_wires(struct leat_wire *a, struct leat_wire *b)
{
    int fds[2];

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    *a = (struct leat_wire){.name = "a", .end = LEAT_END_FRAME, .fd = fds[0] + 1, .ready = true};
    *b = (struct leat_wire){.name = "b", .end = LEAT_END_FRAME, .fd = fds[1] + 1, .ready = true};
    leat_frames_begin(a);
    leat_frames_begin(b);
}

static void close_wires(struct leat_wire *a, struct leat_wire *b)
{
    leat_wire_close(a);
    leat_wire_close(b);
}

static void fill(uint8_t *data, size_t n)
{
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)test_random(&state);
}

/* The bytes of a stream with two frames. Returns how many. */
static size_t stream_of(uint8_t *to, size_t size)
{
    struct leat_wire a, b;
    ssize_t n;

    connect_wires(&a, &b);
    ASSERT_EQ(leat_wire_write(&a, (const uint8_t *)"hello, ", 7), 7);
    ASSERT_EQ(leat_wire_write(&a, (const uint8_t *)"world", 5), 5);
    ASSERT_EQ(leat_wire_finish(&a), 0);
    n = recv(b.fd - 1, to, size, 0);
    close_wires(&a, &b);
    ASSERT_EQ(n, 8 + 4 + 7 + 4 + 5 + 4 + 16);
    return (size_t)n;
}

/* Send n bytes as they are, and the end; read them as a stream. Returns its last result: 0, or an error. */
static ssize_t read_stream(const uint8_t *bytes, size_t n)
{
    struct leat_wire a, b;
    uint8_t to[64];
    ssize_t r;

    connect_wires(&a, &b);
    if (n > 0)
        ASSERT_EQ(send(a.fd - 1, bytes, n, 0), (ssize_t)n);
    ASSERT_EQ(shutdown(a.fd - 1, SHUT_WR), 0);
    do
        r = leat_wire_read(&b, to, sizeof to);
    while (r > 0);
    close_wires(&a, &b);
    return r;
}

TEST(test_a_stream_arrives_whole_in_pieces_of_any_size)
{
    static uint8_t data[BYTES], got[BYTES + 1];
    uint64_t state = 7;

    fill(data, sizeof data);
    for (unsigned round = 0; round < 200; round++) {
        struct leat_wire a, b;
        size_t sent = 0, n = 0;
        ssize_t r = LEAT_EAGAIN;

        connect_wires(&a, &b);
        while (r != 0) {
            size_t room = 1 + test_random(&state) % 300;

            if (sent < sizeof data) {
                size_t part = 1 + test_random(&state) % (sizeof data - sent);

                r = leat_wire_write(&a, data + sent, part);
                ASSERT(r > 0 || r == LEAT_EAGAIN);
                sent += r > 0 ? (size_t)r : 0;
            } else {
                ASSERT_EQ(leat_wire_finish(&a), 0);
            }
            r = leat_wire_read(&b, got + n, room < sizeof got - n ? room : sizeof got - n);
            ASSERT(r >= 0 || r == LEAT_EAGAIN);
            n += r > 0 ? (size_t)r : 0;
        }
        ASSERT_BYTES_EQ(got, n, data, sizeof data);
        ASSERT_EQ(leat_wire_read(&b, got, 1), 0); /* again */
        ASSERT_EQ(leat_wire_finish(&b), 0);
        ASSERT_EQ(leat_wire_read(&a, got, 1), 0); /* the confirmation */
        close_wires(&a, &b);
    }
}

TEST(test_a_stream_that_is_cut_anywhere_is_an_error)
{
    uint8_t bytes[128];
    size_t n = stream_of(bytes, sizeof bytes);

    for (size_t i = 0; i < n; i++) {
        test_context("%zu of %zu bytes", i, n);
        ASSERT_EQ(read_stream(bytes, i), LEAT_ENETWORK);
    }
    test_context_clear();
    ASSERT_EQ(read_stream(bytes, n), 0);
}

TEST(test_a_stream_with_any_other_bit_is_an_error)
{
    uint8_t bytes[128];
    size_t n = stream_of(bytes, sizeof bytes);

    for (size_t i = 0; i < 8 * n; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        test_context("bit %zu of %zu", i, 8 * n);
        ASSERT_EQ(read_stream(bytes, n), LEAT_ENETWORK);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    test_context_clear();
}

TEST(test_a_reader_that_is_gone_is_an_error_of_the_writer)
{
    static uint8_t data[BYTES];
    struct leat_wire a, b;
    ssize_t r;

    connect_wires(&a, &b);
    leat_wire_close(&b);
    do
        r = leat_wire_write(&a, data, sizeof data);
    while (r > 0);
    ASSERT_EQ(r, LEAT_ENETWORK);
    ASSERT_STR_HAS(a.why, "Broken pipe");
    leat_wire_close(&a);
}
