/* s3_credentials.c - the keys that requests are signed with.
 *
 * The order is that of the tools of Amazon: the environment, the files with credentials and settings, the service of a
 * container, the service of an instance (IMDSv2). None comes from a word of the command.
 */

#include "s3_credentials.h"

#if HAVE_CURL

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

#define FILE_MAX ((size_t)262144)
#define URL_MAX ((size_t)1024)
#define HEADER_MAX ((size_t)4200)
#define WAY_MAX ((size_t)2100)      /* an ARN has 2048 at most */
#define SERVICE_MS ((uint64_t)3000) /* that a service of the machine may take */

/* --- files ------------------------------------------------------------------------------------ */

/* Reads up to size - 1 bytes. Returns how many; 0: the file is not there, empty, or cannot be read. */
static size_t read_file(const char *path, char *to, size_t size)
{
    int fd = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t n = 0;

    while (fd >= 0 && n < size - 1) {
        ssize_t got = read(fd, to + n, size - 1 - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    if (fd >= 0)
        (void)close(fd); /* it was only read */
    to[n] = '\0';
    return n;
}

static bool from_file(const char *path, const char *prefix, char *memory,
                      struct leat_s3_credentials *c)
{
    const char *profile = leat_s3_profile();
    size_t n = read_file(path, memory, FILE_MAX);

    if (!leat_s3_setting(memory, n, prefix, profile, "aws_access_key_id", c->id, sizeof c->id) ||
        !leat_s3_setting(memory, n, prefix, profile, "aws_secret_access_key", c->secret,
                         sizeof c->secret))
        return false;
    (void)leat_s3_setting(memory, n, prefix, profile, "aws_session_token", c->token,
                          sizeof c->token);
    return true;
}

void leat_s3_profile_setting(struct leat_stage *s, const char *name, char *to, size_t size)
{
    struct leat_s3_files files;
    char *memory = leat_alloc_raw(s, FILE_MAX);
    size_t n;

    *to = '\0';
    leat_s3_files(&files);
    n = memory ? read_file(files.config, memory, FILE_MAX) : 0;
    if (n > 0)
        (void)leat_s3_setting(memory, n, "profile", leat_s3_profile(), name, to, size);
    leat_free(s, memory);
}

int leat_s3_credentials_plan(struct leat_stage *s)
{
    struct leat_s3_files files;
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

    leat_s3_files(&files);
    if (*files.credentials && leat_plan_access(s, files.credentials, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    if (*files.config && leat_plan_access(s, files.config, LEAT_ACCESS_READ) < 0)
        return LEAT_ENOMEM;
    return token && *token ? leat_plan_access(s, token, LEAT_ACCESS_READ) : 0;
}

/* --- services of the machine -------------------------------------------------------------------- */

bool leat_json_string(const char *json, const char *name, char *to, size_t size)
{
    size_t n = strlen(name), length = 0;
    const char *p = json;

    *to = '\0';
    while ((p = strchr(p, '"'))) {
        p++;
        if (strncmp(p, name, n) == 0 && p[n] == '"' &&
            p[n + 1 + strspn(p + n + 1, " \t\r\n")] == ':')
            break;
    }
    p = p ? strchr(p + n + 1, ':') : NULL;
    p = p ? p + 1 + strspn(p + 1, " \t\r\n") : NULL;
    if (!p || *p != '"')
        return false;
    for (p++; *p && *p != '"'; p++) {
        p += *p == '\\' && p[1];
        if (length == size - 1) {
            *to = '\0';
            return false;
        }
        to[length++] = *p;
    }
    to[length] = '\0';
    return true;
}

int64_t leat_s3_time(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    return end ? (int64_t)timegm(&tm) : 0;
}

/* A request to a service of the machine. Returns 1: it answered 200; 0: it did not; or fails the stage. */
static int ask(struct leat_client *client, const char *method, const char *url, const char *header,
               char *reply, size_t size)
{
    const char *headers[] = {header, NULL};
    struct leat_client_request q = {.method = method,
                                    .url = url,
                                    .headers = headers,
                                    .body = strcmp(method, "PUT") == 0 ? "" : NULL};
    uint64_t end = leat_http_now_ns() + SERVICE_MS * 1000000, now;
    struct leat_exchange *x;
    int r = leat_exchange_begin(client, &q, &x);

    while (r >= 0 && leat_exchange_state(x) == LEAT_EXCHANGE_RUNS &&
           (now = leat_http_now_ns()) < end)
        r = leat_client_drive(client, (int)((end - now) / 1000000) + 1);
    if (r >= 0) {
        r = leat_exchange_state(x) == LEAT_EXCHANGE_ANSWERED && leat_exchange_status(x) == 200;
        snprintf(reply, size, "%s", leat_exchange_reply(x));
    }
    leat_exchange_free(x);
    return r;
}

static bool take_keys(const char *json, struct leat_s3_credentials *c)
{
    char expires[64];

    if (!leat_json_string(json, "AccessKeyId", c->id, sizeof c->id) ||
        !leat_json_string(json, "SecretAccessKey", c->secret, sizeof c->secret))
        return false;
    (void)leat_json_string(json, "Token", c->token, sizeof c->token);
    c->expires =
        leat_json_string(json, "Expiration", expires, sizeof expires) ? leat_s3_time(expires) : 0;
    c->is_renewable = true;
    return true;
}

/* Returns 1: it has given keys; 0: there is none; or fails the stage. */
static int from_container(struct leat_stage *s, struct leat_client *client, char *memory,
                          struct leat_s3_credentials *c)
{
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *token = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    char url[URL_MAX], header[HEADER_MAX] = "Accept: application/json";
    int r;

    if (relative && *relative)
        snprintf(url, sizeof url, "http://169.254.170.2%s", relative);
    else if (full && *full)
        snprintf(url, sizeof url, "%s", full);
    else
        return 0;
    if (file && *file && read_file(file, memory, FILE_MAX) > 0) {
        memory[strcspn(memory, "\r\n")] = '\0';
        token = memory;
    }
    if (token && *token)
        snprintf(header, sizeof header, "Authorization: %.4000s", token);
    r = ask(client, "GET", url, header, memory, FILE_MAX);
    if (r > 0 && take_keys(memory, c))
        return 1;
    return r < 0 ? r
                 : leat_fail(s, LEAT_ENETWORK,
                             "the credentials of the container cannot be had: no keys from the URL "
                             "in AWS_CONTAINER_CREDENTIALS_*");
}

static int from_instance(struct leat_client *client, char *memory, struct leat_s3_credentials *c)
{
    const char *off = getenv("AWS_EC2_METADATA_DISABLED");
    const char *base = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    char url[URL_MAX], header[HEADER_MAX], role[256];
    int r;

    if (off && strcasecmp(off, "true") == 0)
        return 0;
    if (!base || !*base)
        base = "http://169.254.169.254";
    snprintf(url, sizeof url, "%.500s/latest/api/token", base);
    r = ask(client, "PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 21600", memory, FILE_MAX);
    if (r <= 0)
        return r;
    snprintf(header, sizeof header, "X-aws-ec2-metadata-token: %.4000s", memory);
    snprintf(url, sizeof url, "%.500s/latest/meta-data/iam/security-credentials/", base);
    r = ask(client, "GET", url, header, memory, FILE_MAX);
    if (r <= 0)
        return r;
    snprintf(role, sizeof role, "%.*s", (int)strcspn(memory, "\r\n"), memory);
    snprintf(url, sizeof url, "%.500s/latest/meta-data/iam/security-credentials/%s", base, role);
    r = ask(client, "GET", url, header, memory, FILE_MAX);
    return r <= 0 ? r : take_keys(memory, c);
}

/* --- all -------------------------------------------------------------------------------------- */

static bool from_environment(struct leat_s3_credentials *c)
{
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = getenv("AWS_SESSION_TOKEN");

    if (!id || !*id || !secret || !*secret || strlen(id) >= sizeof c->id ||
        strlen(secret) >= sizeof c->secret || (token && strlen(token) >= sizeof c->token))
        return false;
    snprintf(c->id, sizeof c->id, "%s", id);
    snprintf(c->secret, sizeof c->secret, "%s", secret);
    snprintf(c->token, sizeof c->token, "%s", token ? token : "");
    return true;
}

/* A profile that names a way to get keys. With a login its keys are those of the login: they are not used. `always`: is it one
 * of those? Else the keys of the profile, which come first, are not there. */
static int check_profile(struct leat_stage *s, bool always)
{
    static const struct {
        const char *name;
        bool always;
    } ways[] = {{"role_arn", true},
                {"sso_session", true},
                {"sso_start_url", true},
                {"credential_process", false}};
    char value[WAY_MAX];

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].always != always)
            continue;
        leat_s3_profile_setting(s, ways[i].name, value, sizeof value);
        if (*value)
            return leat_fail(s, LEAT_EUNSUPPORTED,
                             "the profile %s has %s, which leat does not follow; set the keys with "
                             "eval \"$(aws configure export-credentials --format env)\"",
                             leat_s3_profile(), ways[i].name);
    }
    return 0;
}

int leat_s3_credentials(struct leat_stage *s, struct leat_client *client,
                        struct leat_s3_credentials *c)
{
    struct leat_s3_files files;
    char *memory;
    int r = 0;

    memset(c, 0, sizeof *c);
    if (from_environment(c))
        return 0;
    r = check_profile(s, true);
    memory = r == 0 ? leat_alloc_raw(s, FILE_MAX) : NULL;
    if (!memory)
        return r < 0 ? r : LEAT_ENOMEM;
    leat_s3_files(&files);
    if (!from_file(files.credentials, "", memory, c) &&
        !from_file(files.config, "profile", memory, c)) {
        r = check_profile(s, false);
        if (r == 0)
            r = from_container(s, client, memory, c);
        if (r == 0)
            r = from_instance(client, memory, c);
        if (r == 0)
            r = leat_fail(
                s, LEAT_EUSAGE,
                "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write "
                "them to ~/.aws/credentials (profile %s)",
                leat_s3_profile());
    }
    explicit_bzero(memory, FILE_MAX);
    leat_free(s, memory);
    return r < 0 ? r : 0;
}

#endif
