/* fuzz_multipart.c - any bytes as the body of a form: no crash, no leak, no call out of order, and no byte is lost that is handed
 * in again.
 */

#include <stdlib.h>

#include "../../cmd/serve/multipart.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
    bool in_part;
    unsigned calls;
};

static int on_begin(void *arg, const char *field, const char *file)
{
    struct reader *r = arg;

    if (r->in_part || !field || (file && !*file))
        abort();
    if (++r->calls % 3 == 0)
        return MULTIPART_WAIT;
    r->in_part = true;
    return 0;
}

static ssize_t on_data(void *arg, const uint8_t *data, size_t n)
{
    struct reader *r = arg;

    if (!r->in_part || n == 0 || !data)
        abort();
    return ++r->calls % 3 == 0 ? (ssize_t)(n / 2) : (ssize_t)n;
}

static int on_end(void *arg)
{
    struct reader *r = arg;

    if (!r->in_part)
        abort();
    if (++r->calls % 3 == 0)
        return MULTIPART_WAIT;
    r->in_part = false;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct multipart_events events = {on_begin, on_data, on_end};
    size_t piece = size > 0 ? data[0] % 32 + 1u : 1, at = 0;
    struct reader reader = {.calls = 0};
    struct multipart *m = multipart_new("b", &events, &reader);
    ssize_t used = 0;

    if (!m)
        return 0;
    while (at < size && used >= 0) {
        size_t n = size - at < piece ? size - at : piece;

        used = multipart_push(m, data + at, n);
        if (used > (ssize_t)n)
            abort();
        at += used > 0 ? (size_t)used : 0;
    }
    if (used >= 0)
        while (multipart_finish(m) == MULTIPART_WAIT)
            ;
    multipart_free(m);
    return 0;
}
