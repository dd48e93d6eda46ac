/* mhd.h - the functions of libmicrohttpd, which is loaded when `leat serve` runs. */
#ifndef SERVE_MHD_H
#define SERVE_MHD_H

#include <microhttpd.h>
#include <stddef.h>

#include "stage.h"

#define MHD_FUNCTIONS(X)                                                                           \
    X(MHD_add_connection)                                                                          \
    X(MHD_add_response_header)                                                                     \
    X(MHD_create_response_from_callback)                                                           \
    X(MHD_create_response_from_buffer)                                                             \
    X(MHD_destroy_response)                                                                        \
    X(MHD_get_connection_info)                                                                     \
    X(MHD_get_connection_values_n)                                                                 \
    X(MHD_get_daemon_info)                                                                         \
    X(MHD_get_timeout)                                                                             \
    X(MHD_lookup_connection_value)                                                                 \
    X(MHD_queue_response)                                                                          \
    X(MHD_resume_connection)                                                                       \
    X(MHD_run)                                                                                     \
    X(MHD_start_daemon)                                                                            \
    X(MHD_stop_daemon)                                                                             \
    X(MHD_suspend_connection)

/* Functions of GnuTLS, which libmicrohttpd depends on, if it knows TLS; else NULL. A session is a gnutls_session_t. */
struct gnutls {
    int (*verify)(void *session, unsigned *ret_problems);
    ssize_t (*send)(void *session, const void *data, size_t n);
    int (*bye)(void *session, int how);
};

struct mhd {
    MHD_FUNCTIONS(LEAT_LOADED_MEMBER)
    struct gnutls gnutls;
};

/* mhd_load - load the library. Returns NULL, or why it cannot be: valid until the next call of dlopen. */
const char *mhd_load(struct mhd *ret);

#endif
