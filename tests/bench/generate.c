/* generate.c - a log on standard output, the same bytes every time: generate MB
 *
 * Whole lines only, and so a few bytes less: tools differ on a last line without its end. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

static const char *const levels[] = {"DEBUG", "DEBUG", "INFO",  "INFO", "INFO",
                                     "INFO",  "WARN",  "ERROR", "INFO", "INFO"};
static const char *const parts[] = {"api.http",  "api.auth", "store.cache", "store.disk",
                                    "job.queue", "job.mail", "net.pool",    "net.tls"};
static const char *const verbs[] = {"GET",    "POST",    "PUT",     "accepted", "refused",
                                    "cached", "evicted", "retried", "timeout",  "flushed"};
static const char *const things[] = {"/v1/orders", "/v1/users",      "/v1/items", "/health",
                                     "session",    "connection",     "page",      "message",
                                     "/v2/search", "/static/app.js", "thumbnail", "invoice"};

/* A tick between lines is a few milliseconds, as on a busy server. */
static int line(char *to, size_t size, uint64_t ms)
{
    unsigned s = (unsigned)(ms / 1000);

    return snprintf(to, size,
                    "2026-11-%02uT%02u:%02u:%02u.%03u %s %s[%u] %s %s/%u from 10.%u.%u.%u "
                    "status=%u bytes=%u us=%u trace=%08x\n",
                    1 + s / 86400 % 30, s / 3600 % 24, s / 60 % 60, s % 60, (unsigned)(ms % 1000),
                    levels[draw(10)], parts[draw(8)], 1000 + draw(32), verbs[draw(10)],
                    things[draw(12)], draw(5000), draw(4), draw(16), draw(256),
                    draw(20) ? 200 : 500, draw(40000), draw(9000), draw(UINT32_MAX));
}

int main(int argc, char **argv)
{
    uint64_t left = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000, ms = 0;
    char text[512];

    for (;;) {
        int n = line(text, sizeof(text), ms += draw(5));

        if ((uint64_t)n > left)
            break;
        if (fwrite(text, 1, (size_t)n, stdout) != (size_t)n)
            return 1;
        left -= (uint64_t)n;
    }
    return fflush(stdout) != 0;
}
