/* form.c - the body of a POST is multipart/form-data: each of its files goes through a pipeline of its own.
 *
 * One after another: the next file begins when the one before is in place, so a request has the memory of one pipeline. Files
 * that are stored stay, if a later one fails; the answer names them.
 */

#if HAVE_MICROHTTPD

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "multipart.h"
#include "serve.h"

struct form {
    struct multipart *parser;
    struct buf stored; /* objects of JSON with commas between */
    struct buf field;  /* of the file that is read now */
    char name[NAME_BYTES_MAX + 1];
    uint64_t bytes;
    bool in_file; /* a part of a file has begun, and its pipeline was started or waits for memory */
    bool finished; /* all of the file was pushed */
    bool done;     /* and it is in place */
};

/* --- parts ------------------------------------------------------------------------------------ */

static int begin_file(struct request *r, const char *field, const char *file)
{
    struct form *f = r->form;
    const char *why = name_refusal(file);

    if (why) {
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", why);
        return LEAT_EUSAGE;
    }
    memcpy(f->name, file, strlen(file) + 1);
    buf_free(&f->field);
    buf_add(&f->field, "%s", field);
    f->bytes = 0;
    f->in_file = true;
    f->finished = f->done = false;
    r->file = f->name;
    request_starts(r);
    return 0;
}

/* Fields that are not files are dropped. */
static int on_begin(void *arg, const char *field, const char *file)
{
    return file ? begin_file(arg, field, file) : 0;
}

static ssize_t on_data(void *arg, const uint8_t *data, size_t n)
{
    struct request *r = arg;
    struct form *f = r->form;
    ssize_t taken;

    if (!f->in_file || f->done)
        return (ssize_t)n;
    if (!r->push)
        return 0; /* it waits for memory */
    taken = leat_end_push(r->push, data, n);
    if (taken < 0) /* it has failed, or needs no more: on_done tells */
        return (ssize_t)n;
    f->bytes += (uint64_t)taken;
    return taken;
}

static int on_end(void *arg)
{
    struct request *r = arg;
    struct form *f = r->form;

    if (!f->in_file)
        return 0;
    if (!f->done && !r->push)
        return MULTIPART_WAIT;
    if (!f->done && !f->finished) {
        f->finished = true;
        (void)leat_end_finish(r->push); /* on_done tells of a failure */
    }
    if (!f->done)
        return MULTIPART_WAIT;
    f->in_file = false;
    r->file = NULL;
    buf_add(&f->stored, "%s{\"field\":", f->stored.n > 0 ? "," : "");
    buf_json(&f->stored, buf_text(&f->field));
    buf_add(&f->stored, ",\"name\":");
    buf_json(&f->stored, f->name);
    buf_add(&f->stored, ",\"bytes\":%" PRIu64 "}", f->bytes);
    return 0;
}

static const struct multipart_events events = {on_begin, on_data, on_end};

/* --- the form --------------------------------------------------------------------------------- */

void form_begin(struct request *r)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    bool is_post = strcmp(r->route->method, "POST") == 0;
    int is_form =
        is_post ? multipart_boundary(head_value(r, MHD_HTTP_HEADER_CONTENT_TYPE), boundary) : 0;

    if (is_form == 0 && r->route->of_form)
        request_refuse(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "EUSAGE",
                       "the body must be of type multipart/form-data");
    else if (is_form < 0)
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", "the type of the form has no boundary");
    if (is_form <= 0)
        return;
    r->form = calloc(1, sizeof *r->form);
    if (r->form)
        r->form->parser = multipart_new(boundary, &events, r);
    if (!r->form || !r->form->parser)
        request_refuse(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "ENOMEM", leat_strerror(LEAT_ENOMEM));
}

void form_free(struct form *f)
{
    if (!f)
        return;
    multipart_free(f->parser);
    buf_free(&f->stored);
    buf_free(&f->field);
    free(f);
}

/* The form itself is wrong. */
static void refuse(struct request *r, int code)
{
    if (r->status == 0) /* a part may have been refused */
        request_refuse(r, MHD_HTTP_BAD_REQUEST, leat_error_name(code),
                       multipart_reason(r->form->parser));
    if (r->running)
        leat_end_abort(r->push, code, "the form is not complete");
}

enum MHD_Result form_body(struct request *r, const char *data, size_t *size)
{
    ssize_t used = multipart_push(r->form->parser, (const uint8_t *)data, *size);

    if (used < 0) {
        r->bytes_in += *size;
        *size = 0;
        refuse(r, (int)used);
        return MHD_YES;
    }
    if (r->phase != PHASE_BODY) /* it was answered: the rest is dropped */
        used = (ssize_t)*size;
    r->bytes_in += (uint64_t)used;
    *size -= (size_t)used;
    if (*size > 0)
        request_suspend(r);
    else
        client_read_on(r);
    return MHD_YES;
}

bool form_end(struct request *r)
{
    struct form *f = r->form;
    int code = multipart_finish(f->parser);

    if (code == MULTIPART_WAIT)
        return false;
    r->phase = PHASE_ENDED; /* an answer need not be early */
    if (code < 0) {
        refuse(r, code);
    } else if (f->stored.n == 0) {
        request_refuse(r, MHD_HTTP_BAD_REQUEST, "EUSAGE", "the form has no file");
    } else {
        answer_stored(r);
        request_answer(r, MHD_HTTP_CREATED);
    }
    return true;
}

void form_file_done(struct request *r)
{
    r->form->done = true;
}

void form_list(const struct form *f, struct buf *b)
{
    buf_add(b, ",\"files\":[%s]", buf_text(&f->stored));
}

#else
typedef int serve_needs_libmicrohttpd; /* not an empty file */
#endif
