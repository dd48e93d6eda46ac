/* access.c - the log of requests: one line each, on standard error. */

#if HAVE_MICROHTTPD

#include "serve.h"

void access_log(const struct request *r)
{
    struct buf line = {.n = 0};
    unsigned long long ms = (unsigned long long)((uv_hrtime() - r->begun_ns) / 1000000);

    if (r->server->config->quiet)
        return;
    if (r->server->config->json) {
        buf_add(&line, "{\"type\":\"request\",\"method\":");
        buf_json(&line, r->method);
        buf_add(&line, ",\"path\":");
        buf_json(&line, r->path);
        buf_add(&line, ",\"cut\":%s", r->is_cut ? "true" : "false");
        buf_add(&line, ",\"status\":%u,\"in\":%llu,\"out\":%llu,\"ms\":%llu}\n",
                r->answered ? r->status : 0, (unsigned long long)r->bytes_in,
                (unsigned long long)r->bytes_out, ms);
    } else {
        buf_shown(&line, r->method);
        buf_add(&line, " ");
        buf_shown(&line, r->path);
        if (r->answered)
            buf_add(&line, " %u%s", r->status, r->is_cut ? " cut" : "");
        else
            buf_add(&line, " left");
        buf_add(&line, " in=%llu out=%llu ms=%llu\n", (unsigned long long)r->bytes_in,
                (unsigned long long)r->bytes_out, ms);
    }
    writer_put(&r->server->log, &line, WRITER_EVENT);
    buf_free(&line);
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
