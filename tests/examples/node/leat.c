/* leat.c - an example: libleat for Node, by N-API alone. index.js, its only caller, makes a Duplex of it.
 *
 * All of it runs on Node's loop, to which the context is attached, and nothing here waits. The run holds the JavaScript
 * object until it has ended, and the object holds the pipeline. */
#include <leat/leat.h>
#include <node_api.h>
#include <stdlib.h>

/* One for each environment, such as a worker. It is never freed: objects and runs may outlive the environment. */
struct instance {
    struct leat_settings settings; /* with the context */
    bool closed;                   /* JavaScript must not be called any more */
};

struct stream {
    struct instance *instance;
    struct leat_pipeline *pipeline;
    struct leat_push_end *push; /* NULL: nothing is pushed */
    struct leat_pull_end *pull; /* NULL: nothing is pulled */
    napi_env env;
    napi_ref object; /* NULL: the run has ended */
    napi_async_context async;
    struct leat_error error; /* of building */
};

/* A failure leaves an exception, or means that index.js is wrong: the result is then undefined. */
#define TRY(call)                                                                                  \
    if ((call) != napi_ok)                                                                         \
    return NULL

/* An Error with code, stage and offset; -1: none is known. */
static napi_value make_error(napi_env env, const struct leat_error *error)
{
    const char *code = leat_error_name(error->code);
    char line[1024];
    napi_value value, text, result;

    leat_error_format(error, line, sizeof line);
    TRY(napi_create_string_utf8(env, line, NAPI_AUTO_LENGTH, &text));
    TRY(napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &value));
    TRY(napi_create_error(env, value, text, &result));
    TRY(napi_create_string_utf8(env, error->stage_name, NAPI_AUTO_LENGTH, &value));
    TRY(napi_set_named_property(env, result, "stage", value));
    TRY(napi_create_double(env, error->has_offset ? (double)error->offset : -1, &value));
    TRY(napi_set_named_property(env, result, "offset", value));
    return result;
}

/* Calls a method of the object, and then all that it has queued for the next tick. */
static void call(struct stream *s, const char *name, const struct leat_error *error)
{
    napi_handle_scope scope;
    napi_value object, method, arg = NULL;
    bool thrown = false;

    if (s->instance->closed || napi_open_handle_scope(s->env, &scope) != napi_ok)
        return;
    if (error)
        arg = make_error(s->env, error);
    if (napi_get_reference_value(s->env, s->object, &object) == napi_ok &&
        napi_get_named_property(s->env, object, name, &method) == napi_ok)
        (void)napi_make_callback(s->env, s->async, object, method, arg != NULL, &arg, NULL);
    if (napi_is_exception_pending(s->env, &thrown) == napi_ok && thrown &&
        napi_get_and_clear_last_exception(s->env, &arg) == napi_ok)
        (void)napi_fatal_exception(s->env, arg);
    (void)napi_close_handle_scope(s->env, scope);
}

static void ready(void *user)
{
    call((struct stream *)user, "onReady", NULL);
}

/* The environment ends, perhaps by process.exit: no output appears, and no temporary file stays. */
static void abandon(void *data)
{
    struct stream *s = (struct stream *)data;

    s->instance->closed = true;
    leat_pipeline_cancel(s->pipeline, LEAT_ECANCELLED, "the program ends");
    (void)leat_pipeline_discard(s->pipeline);
}

static void release(struct stream *s)
{
    (void)napi_async_destroy(s->env, s->async);
    (void)napi_delete_reference(s->env, s->object);
    s->object = NULL;
}

static void done(struct leat_pipeline *pipeline, const struct leat_error *error, void *arg)
{
    struct stream *s = (struct stream *)arg;

    (void)pipeline; /* the object has a reference */
    if (s->instance->closed)
        return;
    (void)napi_remove_env_cleanup_hook(s->env, abandon, s);
    call(s, "onDone", error);
    release(s);
}

/* The object is gone. If the run has not ended, the environment has, and `done` may still come. */
static void stream_free(napi_env env, void *data, void *hint)
{
    struct stream *s = (struct stream *)data;

    (void)env, (void)hint;
    if (s->object)
        return;
    leat_pipeline_unref(s->pipeline);
    free(s);
}

/* The arguments of a method, and its stream, which is the first one. */
static struct stream *receive(napi_env env, napi_callback_info info, size_t n, napi_value *args)
{
    void *stream = NULL;

    TRY(napi_get_cb_info(env, info, &n, args, NULL, NULL));
    TRY(napi_get_value_external(env, args[0], &stream));
    return (struct stream *)stream;
}

/* push(stream, buffer, from) - how many bytes were taken, or a code. Fewer than all: onReady follows. */
static napi_value push(napi_env env, napi_callback_info info)
{
    napi_value args[3], result;
    struct stream *s = receive(env, info, 3, args);
    void *data;
    size_t n;
    uint32_t from;

    TRY(napi_get_buffer_info(env, args[1], &data, &n));
    TRY(napi_get_value_uint32(env, args[2], &from));
    TRY(napi_create_int64(env, leat_end_push(s->push, (char *)data + from, n - from), &result));
    return result;
}

/* pull(stream) - a Buffer; null: that was all; undefined: onReady follows, or onDone with an error. */
static napi_value pull(napi_env env, napi_callback_info info)
{
    napi_value args[1], result = NULL;
    struct stream *s = receive(env, info, 1, args);
    const void *data;
    ssize_t n = s ? leat_end_peek(s->pull, &data) : LEAT_EUSAGE;

    if (n == 0)
        TRY(napi_get_null(env, &result));
    if (n <= 0)
        return result;
    TRY(napi_create_buffer_copy(env, (size_t)n, data, NULL, &result));
    (void)leat_end_take(s->pull, (size_t)n);
    return result;
}

/* end(stream) - no more is pushed; end(stream, text) - the run is cancelled. onDone follows. */
static napi_value end(napi_env env, napi_callback_info info)
{
    napi_value args[2];
    struct stream *s = receive(env, info, 2, args);
    char text[480];

    if (napi_get_value_string_utf8(env, args[1], text, sizeof text, NULL) == napi_ok)
        leat_pipeline_cancel(s->pipeline, LEAT_ECANCELLED, text);
    else
        (void)leat_end_finish(s->push);
    return NULL;
}

static int start(struct stream *s, const char *text, bool pushes, bool pulls)
{
    const struct leat_end_settings end = {sizeof end, 0, 0, ready, s};
    struct leat_builder *b = leat_builder_new(NULL);
    int r = b ? 0 : LEAT_ENOMEM;

    s->error.size = sizeof s->error;
    s->instance->settings.size = sizeof s->instance->settings;
    s->instance->settings.fixed_default_io = true; /* standard input and output are Node's */
    r = r == 0 && pushes ? leat_builder_push(b, &end, &s->push) : r;
    r = r == 0 ? leat_builder_text(b, text, &s->error) : r;
    r = r == 0 && pulls ? leat_builder_pull(b, &end, &s->pull) : r;
    r = r == 0 ? leat_builder_finish(b, &s->instance->settings, &s->pipeline, &s->error) : r;
    r = r == 0 ? leat_pipeline_start(s->pipeline, NULL, done, s) : r;
    leat_builder_free(b);
    return r;
}

/* open(object, text, pushes, pulls) - the stream; the object has the callbacks. */
static napi_value open_stream(napi_env env, napi_callback_info info)
{
    napi_value args[4], result = NULL;
    size_t n = 4;
    bool pushes, pulls;
    char text[65536];
    void *instance;
    struct stream *s;

    TRY(napi_get_cb_info(env, info, &n, args, NULL, &instance));
    TRY(napi_get_value_string_utf8(env, args[1], text, sizeof text, NULL));
    TRY(napi_get_value_bool(env, args[2], &pushes));
    TRY(napi_get_value_bool(env, args[3], &pulls));
    s = (struct stream *)calloc(1, sizeof *s);
    TRY(s ? napi_ok : napi_generic_failure);
    TRY(napi_create_external(env, s, stream_free, NULL, &result));
    s->env = env;
    s->instance = (struct instance *)instance;
    TRY(napi_async_init(env, args[0], args[1], &s->async));
    TRY(napi_create_reference(env, args[0], 1, &s->object));
    TRY(napi_add_env_cleanup_hook(env, abandon, s));
    s->error.code = start(s, text, pushes, pulls);
    if (s->error.code == 0)
        return result;
    (void)napi_remove_env_cleanup_hook(env, abandon, s);
    release(s);
    (void)napi_throw(env, make_error(env, &s->error));
    return NULL;
}

static void end_instance(void *data)
{
    struct instance *i = (struct instance *)data;

    i->closed = true;
    leat_context_detach(i->settings.context);
}

NAPI_MODULE_INIT()
{
    struct instance *i = (struct instance *)calloc(1, sizeof *i);
    napi_property_descriptor all[] = {
        {"open", NULL, open_stream, NULL, NULL, NULL, napi_default, i},
        {"push", NULL, push, NULL, NULL, NULL, napi_default, i},
        {"pull", NULL, pull, NULL, NULL, NULL, napi_default, i},
        {"end", NULL, end, NULL, NULL, NULL, napi_default, i},
    };
    struct uv_loop_s *loop;
    int r = LEAT_ENOMEM;

    TRY(napi_get_uv_event_loop(env, &loop));
    if (i)
        r = leat_context_new(NULL, &i->settings.context);
    if (r == 0)
        r = leat_context_attach(i->settings.context, loop); /* LEAT_EUNSUPPORTED: another libuv */
    if (r < 0)
        (void)napi_throw_error(env, leat_error_name(r), leat_strerror(r));
    TRY(napi_add_env_cleanup_hook(env, end_instance, i));
    TRY(napi_define_properties(env, exports, 4, all));
    return exports;
}
