/* serve.h - the interfaces between the files of `leat serve`.
 *
 * Everything of the server runs on the thread of its loop: libmicrohttpd has no thread of its own, and the callbacks of the
 * context come on the loop. The workers of the context run the pipelines.
 */
#ifndef SERVE_H
#define SERVE_H

#include <sys/socket.h>
#include <uv.h>

#include "../cmd.h"
#include "../run/breaker.h"
#include "../words/pieces.h"
#include "mhd.h"
#include "name.h"

/* --- options.c: the options of the subcommand ------------------------------------------------- */

#define LISTEN_MAX 16u
#define ROUTES_MAX 256u

struct serve_options {
    const char *listen[LISTEN_MAX], *routes[ROUTES_MAX];
    char *routes_text; /* of -f, in pieces; owned; or NULL */
    size_t n_listen, n_routes;
    uint64_t max_body, max_header, request_memory; /* bytes; max_body 0: no limit */
    uint64_t max_connections, max_inflight;
    uint64_t max_per_route; /* requests at once; 0: no limit */
    struct breaker_rule breaker;
    uint64_t rate; /* requests a second of a client; 0: no limit */
    uint64_t timeout_ms, drain_ms;
    const char *token_file;             /* or NULL */
    const char *cert, *key, *client_ca; /* or NULL */
};

/* serve_options_read - from the words of the command line. Returns 0, or an exit status after a message. Call
 * serve_options_done in any case. */
int serve_options_read(const struct config *config, struct serve_options *ret);
void serve_options_done(struct serve_options *options);

/* --- route.c: METHOD PATH : PIPELINE ---------------------------------------------------------- */

#define PLACES_MAX 8u /* names in braces, in one path */

enum route_kind { ROUTE_UPLOAD, ROUTE_DOWNLOAD };

struct route {
    enum route_kind kind;
    const char *method; /* PUT, POST or GET */
    char *path;         /* its parts are separated by NULs; owned */
    const char *parts[64];
    size_t n_parts;
    bool is_place[64]; /* the part is the name of a place, without the braces */
    struct pieces pieces;
    bool
        of_form; /* the pipeline has {name}, the path does not: the name is that of a file of a form */
};

/* The values of the places of a path, in their order. */
struct places {
    char values[PLACES_MAX][NAME_BYTES_MAX + 1];
    size_t n;
};

/* route_read - parse a route and check its pipeline. Returns 0, or an exit status after a message. Call route_done
 * only after 0. */
int route_read(struct route *route, const struct config *config,
               const struct leat_registry *registry, const char *text);
void route_done(struct route *route);
/* route_matches - is this the path of the route? On a match *ret_bad is NULL, or says why a name is refused. */
bool route_matches(const struct route *route, const char *path, struct places *ret,
                   const char **ret_bad);
/* route_append - append the stages, with the names in their places, as words that are not parsed again. `file` is the
 * {name} of a route of a form, or NULL. Returns 0 or LEAT_ENOMEM; leat_builder_finish reports the rest. */
int route_append(const struct route *route, struct leat_builder *builder,
                 const struct places *places, const char *file);

/* route_append_some - append those stages for which use[piece] is set, one after another, without their brackets, with
 * `sample` in all places. Returns 0 or LEAT_ENOMEM. */
int route_append_some(const struct route *route, struct leat_builder *builder, const bool *use,
                      const char *sample);

/* route_place - where the first place of a name is in a word of the pipeline; NULL: nowhere. */
const char *route_place(const struct route *route, const char *word);
/* route_file - the path, if the first stage is `read FILE`, else NULL; free() it. *ret_alone: there is no other stage.
 * *ret_chosen: the client has chosen a part of it. */
char *route_file(const struct route *route, const struct places *places, bool *ret_alone,
                 bool *ret_chosen);

/* --- listen.c: sockets that are listened to ---------------------------------------------------- */

struct server;

struct listener {
    struct server *server;
    uv_poll_t poll;
    int fd; /* -1: closed */
    bool polled;
};

/* listen_open - open the sockets of --listen, or take those of systemd. Returns 0, or an exit status after a message. */
int listen_open(struct server *server);
/* listen_start - begin to accept. Returns 0, or a code of libuv. */
int listen_start(struct server *server);
/* listen_tell - write the addresses to the log. */
void listen_tell(struct server *server);
/* listen_pause - accept or do not, because there are too many connections. */
void listen_pause(struct server *server, bool paused);
void listen_close(struct server *server);

/* --- confine.c -------------------------------------------------------------------------------- */

/* confine_server - build each route once, and confine the process to what they need. Call it before any other thread
 * exists. Returns 0, or an exit status after a message. */
int confine_server(const struct server *server);

/* --- fits.c ----------------------------------------------------------------------------------- */

/* fits_check - refuse routes that never fit into --request-memory. It starts threads. Returns 0, or an exit status after a
 * message. */
int fits_check(const struct server *server);
/* fits_refuse - the message for a route with this error. Returns the exit status. */
int fits_refuse(const struct server *server, size_t route, const struct leat_error *error);

/* --- request.c: one request ------------------------------------------------------------------- */

enum phase {
    PHASE_WAITING, /* for memory: it is in the list of those that wait */
    PHASE_BODY,    /* the body goes to the pipeline */
    PHASE_PULL,    /* of a download: the first bytes of the pipeline are waited for */
    PHASE_ENDED,   /* the body is complete, the outcome is not known */
    PHASE_REFUSED, /* the answer was sent in the middle of the body, the rest of which is dropped */
    PHASE_ANSWER,  /* the answer is known */
};

struct request {
    struct server *server;
    struct MHD_Connection *connection; /* NULL: it is gone, but the pipeline runs */
    const struct route *route;         /* NULL: none */
    char method[16], *path;            /* path: as it came; owned */
    struct places places;
    struct form *form;              /* the body is a form; or NULL */
    const char *file;               /* the name of its file that is read now; or NULL */
    struct leat_pipeline *pipeline; /* of the request, or of that file */
    struct leat_push_end *push;
    struct leat_pull_end *pull;    /* of a download; it lives as long as the pipeline */
    struct MHD_Response *response; /* of a download; not queued yet */
    int file_fd;                   /* of a download without a pipeline; or -1 */
    uint64_t file_from;            /* offset in the file */
    bool is_cut;                   /* the download has failed in the middle */
    enum phase phase;
    bool head_done;          /* the first call of the handler is over */
    bool suspended, running; /* running: `done` has not been called */
    bool has_body, expects;  /* expects: the client waits for 100 */
    bool is_head;            /* the method */
    bool is_http_1_0;
    bool closes;   /* the connection ends after the answer */
    bool answered; /* an answer was sent, or queued */
    unsigned status;
    struct buf body;            /* of the answer */
    const char *content_type;   /* of the body; NULL: JSON */
    char allow[64];             /* methods of the path */
    unsigned retry_after_s;     /* 0: none */
    bool admitted, judged;      /* by the guard of the route; the breaker knows the outcome */
    uint64_t pass;              /* of the breaker */
    enum breaker_result result; /* of the pipelines of a form */
    uint64_t bytes_in, bytes_out, begun_ns;
    uint64_t body_bytes;           /* by its head; UINT64_MAX: not known */
    uint64_t unread;               /* bytes of the body that were left when it was suspended */
    bool has_left;                 /* the rest of the body will not come */
    struct request *next, *before; /* of all requests */
    struct request *next_waiting;
};

/* request_handle - the handler of libmicrohttpd. request_completed - the request is over, for any reason. */
enum MHD_Result request_handle(void *server, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *data,
                               size_t *size, void **request);
void request_completed(void *server, struct MHD_Connection *connection, void **request,
                       enum MHD_RequestTerminationCode why);
/* request_answer - the answer is known: a status, and r->body. In the middle of the request's body it is sent at once.
 * request_refuse - the same with an error as the body. */
void request_answer(struct request *request, unsigned status);
void request_refuse(struct request *request, unsigned status, const char *code, const char *text);
/* request_starts - start a pipeline, now or when there is memory; request_suspend - until it is resumed. */
void request_starts(struct request *request);
void request_suspend(struct request *request);
/* request_is_late - the client does not send its body, or not fast enough. The caller cuts the connection. */
void request_is_late(struct request *request);
/* request_leaves - the client has left while the request is suspended, before the end of its body. */
void request_leaves(struct request *request);
/* request_cut - lose the connection. */
void request_cut(const struct request *request);
/* request_abort_all - fail the pipelines of all requests. request_discard_all - remove what their outputs have left,
 * because the process ends now. */
void request_abort_all(struct server *server, const char *why);
void request_discard_all(struct server *server);

/* --- guard.c: --breaker and --max-per-route ---------------------------------------------------- */

/* Keeps a route that is in trouble from taking all of the server, and from asking a target that does not answer. */
struct guard {
    struct breaker breaker;
    uint64_t n_requests; /* now */
    uint64_t refused, opened;
};

/* guard_admits - may the request go on? Else it is answered. guard_leaves - the request is over.
 * guard_pipeline_done - one of its pipelines has ended with this error, or NULL. guard_metrics - append to the text for
 * Prometheus. */
void guard_admits(struct request *request);
void guard_leaves(struct request *request);
void guard_pipeline_done(struct request *request, const struct leat_error *error);
void guard_metrics(struct buf *text, const struct server *server);

/* --- head.c ----------------------------------------------------------------------------------- */

/* head_look - look at the head: sets the route, or the answer. head_value - a header, or NULL. */
void head_look(struct request *request);
const char *head_value(const struct request *request, const char *name);

/* --- access.c --------------------------------------------------------------------------------- */

void access_log(const struct request *request);

#define POOL_BYTES ((size_t)256 << 10) /* of a connection in libmicrohttpd; half of it receives */

/* --- client.c: connections -------------------------------------------------------------------- */

struct client {
    struct server *server;
    struct request *request; /* NULL: the head of one is waited for */
    uv_poll_t poll;          /* for its end */
    int fd;
    bool hung_up;      /* it sends no more */
    uint64_t since_ms; /* when the time that it has began */
    uint64_t bytes;    /* of its request, at that time */
    struct client *next, *before;
};

/* client_notify - a connection begins or ends. client_asks - it has a request. client_waits - it has none any more. */
void client_notify(void *server, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code);
void client_asks(struct request *request);
/* client_read_on - all that was read is used. */
void client_read_on(const struct request *request);
void client_waits(struct MHD_Connection *connection, const struct server *server);

/* --- rate.c: --rate --------------------------------------------------------------------------- */

#define RATE_BUCKETS 4096u

struct rate_bucket {
    uint64_t key, at_ms;
    double tokens;
};

/* rate_allows - may this client ask now? If not, *ret_retry_s is set. */
bool rate_allows(const struct request *request, unsigned *ret_retry_s);

/* --- auth.c: --token-file --------------------------------------------------------------------- */

struct auth {
    char **tokens;
    size_t n; /* 0: none is needed */
};

/* auth_read - read the file, unless path is NULL. Returns 0, or an exit status after a message. */
int auth_read(struct auth *auth, const struct config *config, const char *path);
void auth_done(struct auth *auth);
/* auth_token_fits - is this value of Authorization one of the tokens? auth_allows - does the request have one, if one is
 * needed? */
bool auth_token_fits(const struct auth *auth, const char *header);
bool auth_allows(const struct request *request);

/* --- tls.c ------------------------------------------------------------------------------------ */

/* In PEM format; NULL: no TLS; client_ca NULL: clients need no certificate. */
struct tls_files {
    char *cert, *key, *client_ca;
};

/* tls_read - read the files. Returns 0, or an exit status after a message. Call tls_done in any case. */
int tls_read(struct tls_files *tls, const struct config *config,
             const struct serve_options *options);
void tls_done(struct tls_files *tls);
/* tls_client_is_known - has the client a good certificate, if it needs one? */
bool tls_client_is_known(const struct request *request);
/* tls_send - send the last bytes of a connection, while libmicrohttpd sends nothing. Returns how many, or < 0. */
ssize_t tls_send(const struct request *request, const void *data, size_t n);

/* --- served.c -------------------------------------------------------------------------------- */

#define METRICS_STATUSES 500u
#define METRICS_BUCKETS 8u

struct served {
    uint64_t answers[METRICS_STATUSES]; /* by status - 100 */
    uint64_t left, bytes_in, bytes_out, duration_ms;
    uint64_t durations[METRICS_BUCKETS + 1];
};

/* served_count - the request is over. builtin_answers - is this a path of the server itself? Then it is answered. */
void served_count(const struct request *request);
bool builtin_answers(struct request *request);

/* --- form.c: a body of multipart/form-data ----------------------------------------------------- */

/* form_begin - is the body a form, by its head? Then the request gets one, or an answer. */
void form_begin(struct request *request);
void form_free(struct form *form);
/* form_body - parse a piece of the body, as the handler does. form_end - the body has ended; true: all of it is stored, or it is
 * answered; false: a pipeline is waited for. */
enum MHD_Result form_body(struct request *request, const char *data, size_t *size);
bool form_end(struct request *request);
/* form_file_done - the pipeline of a file has ended well. */
void form_file_done(struct request *request);
/* form_list - append `,"files":[…]`, those that are stored. */
void form_list(const struct form *form, struct buf *body);

/* --- download.c ------------------------------------------------------------------------------- */

/* download_file - answer with a file, if the route is only that. Returns false: it needs a pipeline. */
bool download_file(struct request *request);
/* download_begins - answer, if the first bytes of the pipeline are there, or it is over. Returns false: wait until it is
 * resumed. */
bool download_begins(struct request *request);

/* --- answer.c: what the client is told -------------------------------------------------------- */

/* answer_status - the status that an error of the pipeline has. */
unsigned answer_status(const struct leat_error *error, enum route_kind kind);
/* answer_error - the body for an error: an object with code, stage, offset and text. */
void answer_error(struct request *request, const struct leat_error *error);
/* answer_text - the same for an error of the request itself. */
void answer_text(struct request *request, const char *code, const char *text);
/* answer_stored - the body for success. */
void answer_stored(struct request *request);
/* answer_queue - give the answer of the request to libmicrohttpd. answer_early - send it now, in the middle of the body. */
enum MHD_Result answer_queue(struct request *request);
void answer_early(struct request *request);

/* --- server.c --------------------------------------------------------------------------------- */

struct server {
    const struct config *config;
    struct serve_options options;
    struct leat_registry *registry;
    struct leat_context *context;
    struct leat_settings settings; /* of each pipeline */
    struct route *routes;
    struct guard *guards; /* of the routes */
    size_t n_routes;
    struct mhd mhd;
    struct MHD_Daemon *daemon;
    uv_loop_t loop;
    uv_poll_t poll;   /* of the daemon's epoll set */
    uv_timer_t timer; /* of its next deadline */
    uv_idle_t idle;   /* it can go on at once */
    uv_signal_t signals[3];
    uv_timer_t drain; /* the time that requests have to end after a signal */
    struct listener listeners[LISTEN_MAX];
    size_t n_listeners;
    uv_timer_t look; /* at slow clients, while there are clients */
    struct client *clients;
    struct auth auth;
    struct tls_files tls;
    char start_error[200]; /* what libmicrohttpd says of the start */
    struct served served;
    struct rate_bucket rate[RATE_BUCKETS];
    struct request *requests, *waiting, **waiting_end;
    uint64_t n_requests, n_running, n_connections;
    uint64_t running_max; /* pipelines that have memory at once */
    struct writer log;
    int signal; /* that asked for the end; 0: none */
    bool stopping, aborted, accept_paused;
};

/* server_pump - let libmicrohttpd work off what is ready. */
void server_pump(struct server *server);
/* server_wake - let it do so soon. For callbacks, which libmicrohttpd may have called. */
void server_wake(struct server *server);
/* server_changed - a request or a connection has ended. */
void server_changed(struct server *server);

#endif
