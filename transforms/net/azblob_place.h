/* azblob_place.h - where a blob of Azure is, and the keys to it: the words of azblob://CONTAINER/BLOB, and the environment. */
#ifndef LEAT_NET_AZBLOB_PLACE_H
#define LEAT_NET_AZBLOB_PLACE_H

#include "stage.h"

#define LEAT_AZBLOB_PATH_MAX ((size_t)4096) /* bytes, with the NUL */

/* The variables of the environment; "": not set. */
struct leat_azblob_settings {
    const char *connection; /* AZURE_STORAGE_CONNECTION_STRING: the others do not count then */
    const char *account, *key, *sas, *endpoint;
};

struct leat_azblob_place {
    char origin[320];                /* "https://account.blob.core.windows.net" */
    char path[LEAT_AZBLOB_PATH_MAX]; /* of the blob, percent-encoded */
    char account[64];                /* with a key */
    uint8_t key[128];
    size_t key_n;   /* bytes; 0: there is a token */
    char sas[2048]; /* a shared access signature, as a query; "": there is a key */
};

/* leat_azblob_is_url - does the word begin with azblob:// ? */
bool leat_azblob_is_url(const char *word);
/* leat_azblob_check_url - is it azblob://CONTAINER/BLOB, with names that Azure allows? Returns NULL, or the fault. */
const char *leat_azblob_check_url(const char *url);
/* leat_azblob_settings - those of the environment. */
void leat_azblob_settings(struct leat_azblob_settings *ret);
/* leat_azblob_locate - `url` was checked. Returns NULL, or the fault, without secrets. */
const char *leat_azblob_locate(const char *url, const struct leat_azblob_settings *settings,
                               struct leat_azblob_place *ret);

#endif
