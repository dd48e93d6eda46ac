/* http.h - one HTTP request at a time with libcurl, which is loaded when it is first needed.
 *
 * It follows redirects and hands over the body as it comes. It knows nothing of retries and ranges.
 */
#ifndef LEAT_NET_HTTP_H
#define LEAT_NET_HTTP_H

#include "stage.h"

struct leat_http;

#define LEAT_HTTP_HEADER_MAX 512u /* bytes of a validator, with the NUL */
#define LEAT_HTTP_UNKNOWN UINT64_MAX
#define LEAT_HTTP_PIECE ((size_t)65536) /* read from a connection at once */
#define LEAT_HTTP_TICK_MS ((uint64_t)1000)

/* For sftp://. */
struct leat_http_ssh {
    const char *known_hosts; /* a file: the host must be in it */
    const char *key;         /* a file with the private key; NULL: that of an agent */
};

struct leat_http_options {
    const char *url;
    /* NULL: the URL is one of HTTP. Else it is one of sftp://, and the answers are made up: 200, or 206 for a rest, with the
     * modification time and the size as the ETag, which is strong if the file was not changed in the last minute. */
    const struct leat_http_ssh *ssh;
    const struct leat_strings *headers; /* "Name: value": sent to the host of the URL only */
    const char *ca;                     /* a file of certificates; NULL: those of the system */
    const char *netrc;                  /* NULL: none */
    uint64_t min_speed, stall_ms;       /* fail below so many bytes a second for so long */
    uint64_t redirects_max;
    const char *shown; /* for messages; NULL: the URL without user, password and query */
    /* sign - NULL, or: for each request, give `add` the headers of a signature, for the URL as it is. Range and If-Match, the
     * condition of a rest, are sent besides; "": they are not. Returns 0; the error of `add`; or fails the stage. */
    int (*sign)(void *arg, const char *range, const char *if_match,
                int (*add)(void *add_arg, const char *line), void *add_arg);
    void *sign_arg;
};

/* The head of an answer that is no redirect. */
struct leat_http_answer {
    long status;
    bool has_two_lengths; /* that differ */
    bool has_end;         /* a body that is cut is noticed: by its length, chunks, or HTTP/2 */
    uint64_t length;      /* of the body; LEAT_HTTP_UNKNOWN */
    uint64_t from;        /* 206: the offset of the first byte; LEAT_HTTP_UNKNOWN: there is none */
    uint64_t last;        /* 206: that of the last byte */
    uint64_t total;       /* of the content; LEAT_HTTP_UNKNOWN */
    uint64_t retry_ms;    /* Retry-After; LEAT_HTTP_UNKNOWN: there is none */
    bool is_encoded;      /* it has a Content-Encoding other than identity */
    const char *etag;     /* "": there is none */
    const char *modified; /* Last-Modified; "": there is none */
    int64_t modified_s;   /* the same in seconds since 1970; negative: not known */
    const char *strong;   /* the validator that identifies each byte: for If-Range; "": none */
};

struct leat_http_request {
    uint64_t from; /* ask for the content from this byte on */
    uint64_t to;   /* up to this byte; 0: to its end */
    bool head;     /* ask for the head alone, with HEAD */
    const char
        *if_range; /* with `from` or `to`: the validator that the content must have; "": none */
    uint64_t deadline_ns; /* monotonic; 0: none */
    void *arg;
    /* begin, body, idle: each returns 0, or a negative code, with which the request ends. */
    int (*begin)(void *arg, const struct leat_http_answer *answer);
    /* At most LEAT_HTTP_PIECE bytes. It may also return LEAT_HTTP_FULL, and has taken nothing: it is called again by the next
     * leat_http_advance, and meanwhile the connection is not read. */
    int (*body)(void *arg, const uint8_t *data, size_t n);
    /* May be NULL. Room for the body to be read into: returns its size, 0: none now. `body` then gets the bytes where they
     * are, and any number. */
    size_t (*room)(void *arg, uint8_t **ret_to);
    /* leat_http_perform only; both may be NULL. */
    int (*idle)(void *arg);   /* nothing more has come for a moment */
    bool (*holds)(void *arg); /* would `idle` do anything? */
};

/* Results besides 0 and the codes of the functions. */
enum leat_http_end {
    LEAT_HTTP_LOST = 1, /* the connection failed: another try may help */
    LEAT_HTTP_REFUSED,  /* it would fail again: a certificate, a name, a redirect */
    LEAT_HTTP_LATE,     /* the deadline has passed */
    LEAT_HTTP_RUNNING,  /* leat_http_advance: it goes on */
    LEAT_HTTP_FULL,     /* see leat_http_request.body */
};

/* leat_http_plan - in plan: is the URL one of HTTP, and are the headers well-formed? A header `@FILE` stands for the lines
 * of FILE. Returns 0, or fails the stage. */
int leat_http_plan(struct leat_stage *stage, const struct leat_http_options *options);
/* leat_http_open - in open. *ret is set in any case; free it. Returns 0, or fails the stage. */
int leat_http_open(struct leat_stage *stage, const struct leat_http_options *options,
                   struct leat_http **ret);
/* leat_http_perform - in run: send the request, and get the whole answer. Returns 0; enum leat_http_end, and
 * leat_http_why has the reason; LEAT_ECANCELLED after leat_http_stop; or the code of a function. */
int leat_http_perform(struct leat_http *http, const struct leat_http_request *request);
/* A request in steps, for a stage without a thread of its own.
 *
 * leat_http_start - begin; no other request runs. `request` is borrowed until the end. Returns 0 or fails.
 * leat_http_advance - do what can be done without waiting. Returns LEAT_HTTP_RUNNING, or as leat_http_perform, and then the
 *   request has ended.
 * leat_http_wants - before a step returns LEAT_WAIT: ask for the descriptors after which leat_http_advance can go on. Returns the
 *   milliseconds after which it is to be called at the latest; LEAT_HTTP_UNKNOWN: the stage's `watch`, which returns LEAT_MORE
 *   every LEAT_HTTP_TICK_MS, does. */
int leat_http_start(struct leat_http *http, const struct leat_http_request *request);
int leat_http_advance(struct leat_http *http);
uint64_t leat_http_wants(struct leat_http *http, struct leat_stage *stage);
/* leat_http_wait - in run: wait, until leat_http_stop at the latest. Returns 0 or LEAT_ECANCELLED. */
int leat_http_wait(struct leat_http *http, uint64_t ms);
/* leat_http_stop - end the request or the wait, now or later. Thread: any. */
void leat_http_stop(struct leat_http *http);
/* leat_http_lost - the caller finds that the answer is not complete: keeps the reason, and returns LEAT_HTTP_LOST. */
int leat_http_lost(struct leat_http *http, const char *why);
/* leat_http_why - the reason of the last failure, one line without secrets. */
const char *leat_http_why(const struct leat_http *http);
/* leat_http_shown - the URL without user, password and query, for messages. */
const char *leat_http_shown(const struct leat_http *http);
/* leat_http_answered - has the server answered any request yet? */
bool leat_http_answered(const struct leat_http *http);
/* leat_http_free - in close; NULL is fine. A request that runs ends. */
void leat_http_free(struct leat_stage *stage, struct leat_http *http);

/* leat_http_now_ns - monotonic time. */
uint64_t leat_http_now_ns(void);

/* --- parts of a head, each without a library (http_head.c) -------------------------------------- */

/* leat_http_content_range - "bytes 5-9/10": sets *ret_from, *ret_last, and *ret_total, LEAT_HTTP_UNKNOWN for a `*`.
 * Returns false if the text is none of these. */
bool leat_http_content_range(const char *text, uint64_t *ret_from, uint64_t *ret_last,
                             uint64_t *ret_total);
/* leat_http_strong - the validator for If-Range by RFC 9110: a strong ETag; else Last-Modified if the answer was made
 * (`Date`) so long after that time that the content was not changed twice in that second. The times are seconds since
 * 1970; negative: not known. "": there is none. */
const char *leat_http_strong(const char *etag, const char *modified, int64_t modified_time,
                             int64_t date);
/* leat_http_retry_ms - Retry-After as seconds; LEAT_HTTP_UNKNOWN if it is no number. */
uint64_t leat_http_retry_ms(const char *text);
/* leat_http_is_url - does the word begin like a URL of HTTP? */
bool leat_http_is_url(const char *word);
/* leat_http_header_ok - "Name: value" without control characters, and no field that the stage sets itself? */
bool leat_http_header_ok(const char *header);
/* leat_http_backoff_ms - how long to wait before the next try, after `tries` failed ones: first_ms, doubled for each of them, up
 * to 30 s. Half of it, and a random part of the other half: clients that lost one server do not come back at once. */
uint64_t leat_http_backoff_ms(uint64_t first_ms, int64_t tries);
/* leat_http_is_progress - have enough new bytes come since `before` to count the tries anew: 64 KiB, or a quarter of the rest? A
 * server that gives one byte to each connection is given up. total: LEAT_HTTP_UNKNOWN: not known. */
bool leat_http_is_progress(uint64_t before, uint64_t now, uint64_t total);
#define LEAT_HTTP_RETRY_MS_MAX ((uint64_t)600000) /* that a server may ask for */
/* leat_http_advice - the name of a status and what to do, to follow it in a message; "": nothing. */
const char *leat_http_advice(long status);
/* leat_http_transient - may the same request succeed later, in spite of this status? */
bool leat_http_transient(long status);

#endif
