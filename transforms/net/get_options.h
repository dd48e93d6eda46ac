/* get_options.h - the options of `get`. */
#ifndef LEAT_NET_GET_OPTIONS_H
#define LEAT_NET_GET_OPTIONS_H

#include "net_options.h"

#define LEAT_GET_NO_SIZE ((uint64_t)INT64_MAX)

enum { LEAT_RESUME_RANGE, LEAT_RESUME_VERIFY };

struct leat_get_params {
    struct leat_net_options net; /* stall_ms is --min-speed-time */
    uint64_t size, min_speed, max_ms;
    int64_t redirects, connections;
    const char *sha256, *known_hosts, *key;
    int resume, length_unknown, head;
};

extern const struct leat_option leat_get_options[];

#endif
