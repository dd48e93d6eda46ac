/* get_options.h - the options of `get`. */
#ifndef LEAT_NET_GET_OPTIONS_H
#define LEAT_NET_GET_OPTIONS_H

#include "stage.h"

#define LEAT_GET_NO_SIZE ((uint64_t)INT64_MAX)

enum { LEAT_RESUME_RANGE, LEAT_RESUME_VERIFY };

struct leat_get_params {
    struct leat_strings headers;
    uint64_t size, min_speed, stall_ms, max_ms, wait_ms;
    int64_t retries, redirects, connections;
    const char *sha256, *ca, *netrc_file;
    int resume, netrc, length_unknown;
};

extern const struct leat_option leat_get_options[];

#endif
