/* azblob_place.c - where a blob of Azure is, and the keys to it. */

#include "azblob_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fixed.h"
#include "hmac.h"
#include "http.h"

#define SCHEME "azblob://"
#define SCHEME_N (sizeof SCHEME - 1)
#define CONTAINER_MIN ((size_t)3)
#define CONTAINER_MAX ((size_t)63)
#define BLOB_MAX ((size_t)1024) /* characters */
/* The account of the emulators of Azure; it is published. */
#define EMULATOR_ACCOUNT "devstoreaccount1"
#define EMULATOR_KEY                                                                               \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define EMULATOR_ENDPOINT "http://127.0.0.1:10000/" EMULATOR_ACCOUNT

/* --- the URL ---------------------------------------------------------------------------------- */

bool leat_azblob_is_url(const char *word)
{
    return strncasecmp(word, SCHEME, SCHEME_N) == 0;
}

static bool is_container(const char *name, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if ((n == 5 && strncmp(name, "$root", n) == 0) || (n == 4 && strncmp(name, "$web", n) == 0))
        return true;
    if (n < CONTAINER_MIN || n > CONTAINER_MAX || strspn(name, allowed) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (name[i] == '-' && (i == 0 || i == n - 1 || name[i + 1] == '-'))
            return false;
    return true;
}

const char *leat_azblob_check_url(const char *url)
{
    const char *container = url + SCHEME_N;
    size_t n = leat_azblob_is_url(url) ? strcspn(container, "/") : 0, characters = 0;

    if (n == 0 || container[n] != '/' || !container[n + 1])
        return "give azblob://CONTAINER/BLOB";
    if (!is_container(container, n))
        return "the name of a container has 3 to 63 lower-case letters, digits and single '-'";
    for (const char *p = container + n + 1; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return "the name of the blob has a control character";
        characters += ((unsigned char)*p & 0xc0) != 0x80;
    }
    return characters > BLOB_MAX ? "the name of the blob has more than 1024 characters" : NULL;
}

/* --- settings --------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value ? value : "";
}

void leat_azblob_settings(struct leat_azblob_settings *s)
{
    *s = (struct leat_azblob_settings){
        .connection = variable("AZURE_STORAGE_CONNECTION_STRING"),
        .account = variable("AZURE_STORAGE_ACCOUNT"),
        .key = variable("AZURE_STORAGE_KEY"),
        .sas = variable("AZURE_STORAGE_SAS_TOKEN"),
        .endpoint = variable("AZURE_STORAGE_SERVICE_ENDPOINT"),
    };
}

struct span {
    const char *text;
    size_t n;
};

static struct span whole(const char *text)
{
    return (struct span){text, strlen(text)};
}

/* The value of `name` in a connection string, "Name=value;Name=value". Values have equals signs, too. */
static struct span part_of(const char *connection, const char *name)
{
    size_t length = strlen(name);

    for (const char *p = connection; *p;) {
        size_t all = strcspn(p, ";");

        if (all > length && strncasecmp(p, name, length) == 0 && p[length] == '=')
            return (struct span){p + length + 1, all - length - 1};
        p += all + (p[all] == ';');
    }
    return (struct span){"", 0};
}

struct found {
    struct span account, key, sas, endpoint, suffix, protocol;
};

static void find(const struct leat_azblob_settings *s, struct found *f)
{
    struct span emulator = part_of(s->connection, "UseDevelopmentStorage");

    *f = (struct found){.account = whole(s->account),
                        .key = whole(s->key),
                        .sas = whole(s->sas),
                        .endpoint = whole(s->endpoint)};
    if (!*s->connection)
        return;
    *f = (struct found){.account = part_of(s->connection, "AccountName"),
                        .key = part_of(s->connection, "AccountKey"),
                        .sas = part_of(s->connection, "SharedAccessSignature"),
                        .endpoint = part_of(s->connection, "BlobEndpoint"),
                        .suffix = part_of(s->connection, "EndpointSuffix"),
                        .protocol = part_of(s->connection, "DefaultEndpointsProtocol")};
    if (emulator.n == 4 && strncasecmp(emulator.text, "true", 4) == 0)
        *f = (struct found){.account = whole(EMULATOR_ACCOUNT),
                            .key = whole(EMULATOR_KEY),
                            .endpoint = whole(EMULATOR_ENDPOINT)};
}

/* --- the place -------------------------------------------------------------------------------- */

static bool copy(struct span from, char *to, size_t size)
{
    if (from.n >= size)
        return false;
    memcpy(to, from.text, from.n);
    to[from.n] = '\0';
    return true;
}

/* A URL of HTTP, with or without a path, as emulators have it. */
static bool locate_at(struct span endpoint, struct leat_fixed *origin, struct leat_fixed *path)
{
    char url[512];
    const char *host;
    size_t n, base;

    if (!copy(endpoint, url, sizeof url) || !leat_http_is_url(url))
        return false;
    host = strstr(url, "://") + 3;
    n = strcspn(host, "/?#");
    base = strcspn(host + n, "?#");
    if (n == 0 || memchr(host, '@', n) || host[n + base])
        return false;
    while (base > 0 && host[n + base - 1] == '/')
        base--;
    leat_fixed_add(origin, "%.*s", (int)(host + n - url), url);
    leat_fixed_add(path, "%.*s", (int)base, host + n);
    return true;
}

static const char *take_keys(const struct found *f, struct leat_azblob_place *p)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~%=&+/:,!*'()$";
    struct span sas = f->sas;
    char key[LEAT_BASE64_SIZE(sizeof p->key)];
    bool ok;

    if (sas.n > 0 && *sas.text == '?') {
        sas.text++;
        sas.n--;
    }
    if (f->key.n == 0 && (!copy(sas, p->sas, sizeof p->sas) || strspn(p->sas, plain) < sas.n))
        return "the shared access signature is malformed: see AZURE_STORAGE_SAS_TOKEN";
    if (f->key.n == 0)
        return sas.n > 0
                   ? NULL
                   : "there is no key: set AZURE_STORAGE_CONNECTION_STRING, or "
                     "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN";
    ok = copy(f->key, key, sizeof key) &&
         leat_base64_decode(key, p->key, sizeof p->key, &p->key_n) && p->key_n > 0;
    explicit_bzero(key, sizeof key);
    if (!ok)
        return "the account key is no base64: see AZURE_STORAGE_KEY";
    return f->account.n > 0 ? NULL : "the key has no account: see AZURE_STORAGE_ACCOUNT";
}

const char *leat_azblob_locate(const char *url, const struct leat_azblob_settings *s,
                               struct leat_azblob_place *p)
{
    struct leat_fixed origin = leat_fixed_in(p->origin, sizeof p->origin),
                      path = leat_fixed_in(p->path, sizeof p->path);
    const char *fault;
    struct found f;

    find(s, &f);
    p->key_n = 0;
    *p->sas = '\0';
    if (!copy(f.account, p->account, sizeof p->account) ||
        strspn(p->account, "abcdefghijklmnopqrstuvwxyz0123456789-") < f.account.n)
        return "the name of the account is malformed: see AZURE_STORAGE_ACCOUNT";
    fault = take_keys(&f, p);
    if (fault)
        return fault;
    if (f.endpoint.n == 0 && f.account.n == 0)
        return "there is no account: set AZURE_STORAGE_ACCOUNT, or a BlobEndpoint";
    if (f.endpoint.n > 0) {
        if (!locate_at(f.endpoint, &origin, &path))
            return "the endpoint must be a URL of http:// or https:// without a user and a query: "
                   "see AZURE_STORAGE_SERVICE_ENDPOINT, or BlobEndpoint in "
                   "AZURE_STORAGE_CONNECTION_STRING";
    } else {
        leat_fixed_add(&origin, "%s://%s.blob.%.*s",
                       f.protocol.n == 4 && strncasecmp(f.protocol.text, "http", 4) == 0 ? "http"
                                                                                         : "https",
                       p->account, f.suffix.n > 0 ? (int)f.suffix.n : 16,
                       f.suffix.n > 0 ? f.suffix.text : "core.windows.net");
    }
    leat_fixed_add(&path, "/");
    leat_fixed_add_encoded(&path, url + SCHEME_N, true);
    if (origin.is_full || path.is_full)
        return "the URL of the blob is too long";
    return NULL;
}
