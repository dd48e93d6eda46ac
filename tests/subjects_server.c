/* subjects_server.c - a server of HTTP for the subjects, in a child process: one request a connection. */
#include "subjects_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#define CONTENT_MAX ((size_t)1 << 22)
#define HEAD_MAX ((size_t)4096)

static bool send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Up to the empty line. */
static bool read_head(int fd, char *head)
{
    size_t n = 0;

    while (n < HEAD_MAX - 1) {
        ssize_t got = recv(fd, head + n, HEAD_MAX - 1 - n, 0);

        if (got <= 0)
            return false;
        n += (size_t)got;
        head[n] = '\0';
        if (strstr(head, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void answer(int fd, const char *path)
{
    static char content[CONTENT_MAX];
    char head[HEAD_MAX], answer[512];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(content, 1, sizeof content, file) : 0, from = 0, to;
    const char *range;

    if (file)
        fclose(file);
    if (!read_head(fd, head))
        return;
    to = size;
    range = strstr(head, "Range: bytes=");
    if (range && size > 0) {
        char *end;

        from = strtoul(range + strlen("Range: bytes="), &end, 10);
        to =
            end[0] == '-' && end[1] >= '0' && end[1] <= '9' ? strtoul(end + 1, NULL, 10) + 1 : size;
        to = to < size ? to : size;
        from = from < to ? from : to;
    }
    snprintf(answer, sizeof answer,
             "HTTP/1.1 %s\r\nETag: \"%zu\"\r\nContent-Length: %zu\r\nConnection: close\r\n"
             "Content-Range: bytes %zu-%zu/%zu\r\n\r\n",
             range && size > 0 ? "206 x" : "200 x", size, to - from, from, to - 1, size);
    if (send_all(fd, answer, strlen(answer)))
        (void)send_all(fd, content + from, to - from);
}

int subject_server_port(const char *path)
{
    static int port;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int listener, fd;
    pid_t pid;

    if (port > 0)
        return port;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(listener, 0);
    ASSERT_EQ(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    ASSERT_EQ(listen(listener, 64), 0);
    ASSERT_EQ(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        while ((fd = accept(listener, NULL, NULL)) >= 0) {
            answer(fd, path);
            close(fd);
        }
        _exit(0);
    }
    close(listener);
    port = ntohs(address.sin_port);
    return port;
}
