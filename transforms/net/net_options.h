/* net_options.h - the options that stages of connections have in common: one table, from which each takes its lines. */
#ifndef LEAT_NET_NET_OPTIONS_H
#define LEAT_NET_NET_OPTIONS_H

#include "stage.h"

/* The values, as a member of the stage's parameters; what a stage has no option for is zero. */
struct leat_net_options {
    struct leat_strings headers;
    uint64_t wait_ms, stall_ms;
    int64_t retries;
    const char *ca, *netrc_file;
    int netrc;
};

/* Lines of a table of options; `at` is the offset of the member. Texts and initial values that are arguments differ by stage. */
#define LEAT_NET_AT(at, field) ((at) + offsetof(struct leat_net_options, field))
#define LEAT_NET_HEADER(at, text)                                                                  \
    {                                                                                              \
        .name = "header", .short_name = 'H', .kind = LEAT_OPT_LIST,                                \
        .offset = LEAT_NET_AT(at, headers), .metavar = "'NAME: VALUE'", .help = text               \
    }
#define LEAT_NET_RETRIES(at, n, text)                                                              \
    {.name = "retries",                                                                            \
     .kind = LEAT_OPT_INT,                                                                         \
     .offset = LEAT_NET_AT(at, retries),                                                           \
     .metavar = "N",                                                                               \
     .min = 0,                                                                                     \
     .max = 1000000,                                                                               \
     .initial = (n),                                                                               \
     .help = text},                                                                                \
    {                                                                                              \
        .name = "retry-wait", .kind = LEAT_OPT_DURATION, .offset = LEAT_NET_AT(at, wait_ms),       \
        .metavar = "TIME", .initial = 500,                                                         \
        .help = "before the first retry; it is doubled for each further one, up to 30 s"           \
    }
#define LEAT_NET_STALL(at, long_name, text)                                                        \
    {                                                                                              \
        .name = long_name, .kind = LEAT_OPT_DURATION, .offset = LEAT_NET_AT(at, stall_ms),         \
        .metavar = "TIME", .initial = 60000, .help = text                                          \
    }
#define LEAT_NET_CA(at)                                                                            \
    {                                                                                              \
        .name = "ca", .kind = LEAT_OPT_STRING, .offset = LEAT_NET_AT(at, ca), .metavar = "FILE",   \
        .help = "trust the certificates in FILE, instead of those of the system"                   \
    }
#define LEAT_NET_NETRC(at)                                                                         \
    {.name = "netrc",                                                                              \
     .kind = LEAT_OPT_FLAG,                                                                        \
     .offset = LEAT_NET_AT(at, netrc),                                                             \
     .help = "take user and password from ~/.netrc"},                                              \
    {                                                                                              \
        .name = "netrc-file", .kind = LEAT_OPT_STRING, .offset = LEAT_NET_AT(at, netrc_file),      \
        .metavar = "FILE", .help = "take them from FILE"                                           \
    }

#endif
