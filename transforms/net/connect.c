/* connect.c - connects to a socket: reads from it, writes to it, or both. */

#include "connection.h"

extern const struct leat_stage_type leat_stage_connect;

static int connect_plan(struct leat_stage *s)
{
    return leat_connection_plan(s, false);
}

static int connect_open(struct leat_stage *s)
{
    return leat_connection_open(s, false);
}

static int connect_out_open(struct leat_stage *s)
{
    return leat_connection_out_open(s, false);
}

static const struct leat_stage_type connect_first = {
    .name = "connect",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = connect_plan,
    .open = connect_open,
    .step = leat_connection_first_step,
    .close = leat_connection_close,
};

static const struct leat_stage_type connect_last = {
    .name = "connect",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = connect_plan,
    .open = connect_open,
    .step = leat_connection_last_step,
    .watch = leat_connection_last_watch,
    .close = leat_connection_last_close,
    .commit = leat_connection_last_commit,
};

static const struct leat_stage_type connect_middle_in = {
    .name = "connect",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = connect_plan,
    .open = leat_connection_in_open,
    .step = leat_connection_in_step,
    .close = leat_connection_in_close,
};

static const struct leat_stage_type connect_middle_out = {
    .name = "connect",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .open = connect_out_open,
    .step = leat_connection_out_step,
    .close = leat_connection_out_close,
};

static const struct leat_option connect_options[] = {
    LEAT_CONNECTION_OPTIONS,
    {.name = "ca",
     .kind = LEAT_OPT_STRING,
     .offset = LEAT_CONNECTION_AT(ca),
     .metavar = "FILE",
     .help = "tls: trust the CAs in FILE, instead of those of the system"},
    {.name = "servername",
     .kind = LEAT_OPT_STRING,
     .offset = LEAT_CONNECTION_AT(servername),
     .metavar = "NAME",
     .help = "tls: the name that the certificate must have, instead of the host"},
    {.name = "wait",
     .kind = LEAT_OPT_DURATION,
     .offset = LEAT_CONNECTION_AT(wait_ms),
     .metavar = "TIME",
     .initial = 30000,
     .help = "fail after so long without a connection"},
    {.name = "retry",
     .kind = LEAT_OPT_FLAG,
     .offset = LEAT_CONNECTION_AT(retry),
     .help = "until then, try again while nothing listens there"},
    {.name = "close-wait",
     .kind = LEAT_OPT_DURATION,
     .offset = LEAT_CONNECTION_AT(close_ms),
     .metavar = "TIME",
     .initial = 30000,
     .help = "as the last stage, with --end=fin: wait so long for the other end to close, too"},
    {0},
};

const struct leat_stage_type leat_stage_connect = {
    .name = "connect",
    .summary = "connect to a socket of TCP, TLS or Unix",
    .operands = "ADDRESS",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Connects to tcp://HOST:PORT, tls://HOST:PORT or unix:PATH; HOST:PORT is TCP. As the first "
        "stage it reads what the other end sends; as the last one it sends the stream, and waits "
        "until the other end has closed, too; in the middle it does both at the same time: its input "
        "goes to the other end, and what that sends goes on. `read` and `write` with such an address "
        "are the same.\n\n"
        "With --end=fin a stream ends as that of nc and socat does: the sender closes its side. A "
        "sender that is killed looks the same, so a cut stream looks complete, unless the address is "
        "tls://, where the end is part of the protocol. With --end=frame at both ends the stream has "
        "frames, and its end has the length and a digest (XXH64) of all: a cut or damaged stream is "
        "an error with status 5, and a sender succeeds only when the other end has confirmed that all "
        "has arrived. If the pipeline fails, the connection is reset, and not ended.\n\n"
        "As the last stage it sends the end in the commit, when every stage has ended without an error and every other output is "
        "prepared. A receiver thus takes no stream as complete whose sender fails; but a Unix socket cannot be reset, so "
        "use --end=frame there. A signal, or --timeout, ends the wait for the other end; a warning says that it may have all. In a "
        "part, as of split, the connection stays open until then. In the middle the end is sent when the input ends, as the "
        "other end may answer only to it.\n\n"
        "A host with several addresses is tried at all of them, those of IPv6 and IPv4 in turns; the "
        "next one after 250 ms or a failure. With --retry the other end may start later. A slow reader holds the sender back. A connection whose "
        "other end does not answer for two minutes fails.\n\n"
        "With tls:// the certificate of the server must be valid, of a trusted CA, and for the host, "
        "or for the name in --servername. --ca has the file of the CA if it is not one of the "
        "system's. --cert and --key are the client's own, if the server wants one. Any failure of the "
        "network has status 5.",
    .params_size = sizeof(struct leat_connection_params),
    .options = connect_options,
    .kind = LEAT_BY_PLACE,
    .first = &connect_first,
    .last = &connect_last,
    .middle_in = &connect_middle_in,
    .middle_out = &connect_middle_out,
};
