/* http_impl.h - the client of HTTP from inside: the functions of libcurl, and one request that runs. */
#ifndef LEAT_NET_HTTP_IMPL_H
#define LEAT_NET_HTTP_IMPL_H

#define CURL_DISABLE_TYPECHECK /* its macros hide the functions */
#include <curl/curl.h>
#include <stdatomic.h>

#include "http.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "libcurl is older than 7.85; build with WITH_CURL=0"
#endif

#define LEAT_CURL_FUNCTIONS(X)                                                                     \
    X(curl_global_init)                                                                            \
    X(curl_global_cleanup)                                                                         \
    X(curl_version_info)                                                                           \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_easy_header)                                                                            \
    X(curl_multi_init)                                                                             \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_easy_pause)                                                                             \
    X(curl_multi_setopt)                                                                           \
    X(curl_multi_socket_action)                                                                    \
    X(curl_multi_timeout)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_wakeup)                                                                           \
    X(curl_multi_info_read)                                                                        \
    X(curl_multi_strerror)                                                                         \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)                                                                         \
    X(curl_url)                                                                                    \
    X(curl_url_cleanup)                                                                            \
    X(curl_url_dup)                                                                                \
    X(curl_url_get)                                                                                \
    X(curl_url_set)                                                                                \
    X(curl_getdate)                                                                                \
    X(curl_free)

#define LEAT_HTTP_SOCKETS_MAX ((size_t)8) /* of one request: names, two addresses that are tried */

struct leat_http_socket {
    curl_socket_t fd;
    bool reads, writes;
};

struct leat_http {
    LEAT_CURL_FUNCTIONS(LEAT_LOADED_MEMBER) /* first: leat_load fills them in */
    struct leat_stage *stage;
    struct leat_http_options options;
    CURLM *multi;
    CURL *easy;
    CURLU *url; /* without user and password */
    char *user, *password;
    struct curl_slist *own;  /* headers of the user */
    struct curl_slist *sent; /* headers of the request that runs */
    atomic_bool stopped;
    bool global; /* curl_global_init succeeded */
    bool answered;
    /* The request that runs: */
    const struct leat_http_request *request;
    CURLU *at;          /* the URL, after redirects */
    uint64_t redirects; /* that were followed */
    bool added;         /* the easy handle is in the multi handle */
    bool began, is_redirect, full;
    bool direct;        /* the body is read from the socket, and libcurl is not called any more */
    uint64_t left;      /* direct: bytes of the body */
    uint64_t handed;    /* bytes of the body that libcurl brought */
    int result;         /* negative: of a function */
    size_t discarded;   /* bytes */
    size_t fields;      /* bytes of the head and the trailer */
    uint64_t window;    /* bytes of the body since waited_ns was 0 */
    uint64_t waited_ns; /* for the connection */
    uint64_t waits_since_ns; /* 0: it does not wait */
    uint64_t timer_ns;       /* when libcurl is to be called; UINT64_MAX: no time */
    unsigned quick_waits;    /* how many one after another were shorter than QUICK_MS */
    int low_water; /* bytes below which the only socket does not end a quick wait; 0: it is as it was */
    struct leat_http_socket sockets[LEAT_HTTP_SOCKETS_MAX];
    size_t n_sockets;
    char etag[LEAT_HTTP_HEADER_MAX], modified[LEAT_HTTP_HEADER_MAX];
    char error[CURL_ERROR_SIZE], why[CURL_ERROR_SIZE + 128], shown[512];
};

/* leat_http_is_long_line - libcurl says with this code that it has no memory: or is a line of the head longer than it takes?
 * `starts_us`: CURLINFO_STARTTRANSFER_TIME_T. */
#define LEAT_HTTP_LONG_LINE "a line of the answer's head is longer than libcurl takes (100 KiB)"
bool leat_http_is_long_line(CURLcode code, curl_off_t starts_us);
/* leat_http_no_memory - fail the stage. leat_http_end_with - keep the reason of a failure, and return `end`. */
int leat_http_no_memory(struct leat_http *http);
int leat_http_end_with(struct leat_http *http, int end, const char *why);
/* leat_http_open_socket - for CURLOPT_OPENSOCKETFUNCTION. Returns a descriptor, or CURL_SOCKET_BAD. */
curl_socket_t leat_http_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *at);
/* leat_http_part - a part of a URL; NULL: there is none. curl_free it. */
char *leat_http_part(struct leat_http *http, CURLU *url, CURLUPart part, unsigned flags);
/* leat_http_add_header - add a line to a list. Returns false: no memory. */
bool leat_http_add_header(struct leat_http *http, struct curl_slist **list, const char *line);
/* leat_http_watch - in open: let libcurl tell which descriptors and times it waits for. Returns 0 or fails. */
int leat_http_watch(struct leat_http *http);
/* leat_http_finish - end the request that runs, if there is one. */
void leat_http_finish(struct leat_http *http);
/* leat_http_poll_ms - how long may the request wait? UINT64_MAX: for ever. */
uint64_t leat_http_poll_ms(const struct leat_http *http, uint64_t now_ns);

/* http_socket.c
 * leat_http_wait_quickly - wait for a moment, if the last waits were short; returns true: look again.
 * leat_http_forget_socket - the next wait is for any byte. */
#define LEAT_HTTP_QUICK_MS 1
bool leat_http_wait_quickly(struct leat_http *http);
void leat_http_forget_socket(struct leat_http *http);
/*
 * leat_http_try_direct - from now on read the body from the socket, if that is right. leat_http_read_direct - read once;
 * returns as leat_http_advance. */
void leat_http_try_direct(struct leat_http *http);
int leat_http_read_direct(struct leat_http *http);

/* http_answer.c
 * leat_http_field - a field of the last answer; "": there is none. Valid until the next call. */
const char *leat_http_field(struct leat_http *http, const char *name);
/* leat_http_read_file - sftp: the same for the file that is read now. leat_http_read_head - the head of the last answer. */
void leat_http_read_file(struct leat_http *http, struct leat_http_answer *ret);
void leat_http_read_head(struct leat_http *http, long status, struct leat_http_answer *ret);

#endif
