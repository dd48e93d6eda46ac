/* listen.c - accepts one connection: reads from it, writes to it, or both. */

#include "connection.h"

extern const struct leat_stage_type leat_stage_listen;

static int listen_plan(struct leat_stage *s)
{
    return leat_connection_plan(s, true);
}

static int listen_open(struct leat_stage *s)
{
    return leat_connection_open(s, true);
}

static int listen_out_open(struct leat_stage *s)
{
    return leat_connection_out_open(s, true);
}

static const struct leat_stage_type listen_first = {
    .name = "listen",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = listen_plan,
    .open = listen_open,
    .step = leat_connection_first_step,
    .close = leat_connection_close,
};

static const struct leat_stage_type listen_last = {
    .name = "listen",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = listen_plan,
    .open = listen_open,
    .step = leat_connection_last_step,
    .watch = leat_connection_last_watch,
    .close = leat_connection_last_close,
    .commit = leat_connection_last_commit,
};

static const struct leat_stage_type listen_middle_in = {
    .name = "listen",
    .kind = LEAT_SINK,
    .flags = LEAT_OPENS_LAST,
    .state_size = sizeof(struct leat_connection),
    .plan = listen_plan,
    .open = leat_connection_in_open,
    .step = leat_connection_in_step,
    .close = leat_connection_in_close,
};

static const struct leat_stage_type listen_middle_out = {
    .name = "listen",
    .kind = LEAT_SOURCE,
    .flags = LEAT_OPENS_LAST,
    .open = listen_out_open,
    .step = leat_connection_out_step,
    .close = leat_connection_out_close,
};

static const struct leat_option listen_options[] = {
    LEAT_CONNECTION_OPTIONS,
    {.name = "ca",
     .kind = LEAT_OPT_STRING,
     .offset = LEAT_CONNECTION_AT(ca),
     .metavar = "FILE",
     .help = "tls: clients must have a certificate of a CA in FILE"},
    {.name = "address-file",
     .kind = LEAT_OPT_STRING,
     .offset = LEAT_CONNECTION_AT(address_file),
     .metavar = "FILE",
     .help = "write the address to FILE when connections are accepted"},
    {.name = "wait",
     .kind = LEAT_OPT_DURATION,
     .offset = LEAT_CONNECTION_AT(wait_ms),
     .metavar = "TIME",
     .help = "fail after so long without a connection"},
    {.name = "close-wait",
     .kind = LEAT_OPT_DURATION,
     .offset = LEAT_CONNECTION_AT(close_ms),
     .metavar = "TIME",
     .initial = 30000,
     .help = "as the last stage, with --end=fin: wait so long for the other end to close, too"},
    {0},
};

const struct leat_stage_type leat_stage_listen = {
    .name = "listen",
    .summary = "accept one connection of TCP, TLS or Unix",
    .operands = "ADDRESS",
    .operands_min = 1,
    .operands_max = 1,
    .manual =
        "Waits for one connection to tcp://HOST:PORT, tls://HOST:PORT or unix:PATH, and then listens "
        "no more, so a second one is refused; HOST:PORT is TCP, and without HOST, or with *, connections to any address of the "
        "machine are accepted. Anyone who can reach the port can connect, so give an address such as "
        "127.0.0.1, or want a certificate. As the first stage it reads what the other end sends; as "
        "the last one it sends the stream, and waits until the other end has closed, too; in the "
        "middle it does both at the same time.\n\n"
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
        "With port 0 the system chooses one. --address-file names a file that gets the address, as "
        "soon as connections are accepted. A Unix socket that a killed program has left is replaced; "
        "any other file is an error. Its permissions are those of the umask.\n\n"
        "With tls:// --cert and --key are needed. With --ca a client must have a certificate of a CA "
        "in that file. Any failure of the network has status 5.",
    .params_size = sizeof(struct leat_connection_params),
    .options = listen_options,
    .kind = LEAT_BY_PLACE,
    .first = &listen_first,
    .last = &listen_last,
    .middle_in = &listen_middle_in,
    .middle_out = &listen_middle_out,
};
