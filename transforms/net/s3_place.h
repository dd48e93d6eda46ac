/* s3_place.h - where an object of S3 is: the words of s3://BUCKET/KEY, the endpoint, the region, and settings of a profile. */
#ifndef LEAT_NET_S3_PLACE_H
#define LEAT_NET_S3_PLACE_H

#include "stage.h"

#define LEAT_S3_PATH_MAX ((size_t)4096) /* bytes, with the NUL */

struct leat_s3_place {
    char origin[320]; /* "https://bucket.s3.eu-west-1.amazonaws.com" */
    char host[256];   /* for the header Host */
    char region[64];
    char path[LEAT_S3_PATH_MAX]; /* of the object, percent-encoded */
};

/* The files with settings; "": there is none. */
struct leat_s3_files {
    char credentials[LEAT_S3_PATH_MAX], config[LEAT_S3_PATH_MAX];
};

/* leat_s3_is_url - does the word begin with s3:// ? */
bool leat_s3_is_url(const char *word);
/* leat_s3_check_url - is it s3://BUCKET/KEY, with names that S3 allows? Returns NULL, or the fault. */
const char *leat_s3_check_url(const char *url);
/* leat_s3_locate - `url` was checked. `endpoint` and `region`: "" if they are not known. Returns false if the endpoint is no
 * URL of HTTP, or something is too long. */
bool leat_s3_locate(const char *url, const char *endpoint, const char *region,
                    struct leat_s3_place *ret);
/* leat_s3_files - where the settings are, by the environment. */
void leat_s3_files(struct leat_s3_files *ret);
/* leat_s3_profile - the name of the profile, by the environment. */
const char *leat_s3_profile(void);
/* leat_s3_setting - the value of `name` in the section `[prefix profile]` of a file of settings of n bytes. Returns false, and
 * "", if there is none, or it is longer than size - 1 bytes. */
bool leat_s3_setting(const char *file, size_t n, const char *prefix, const char *profile,
                     const char *name, char *to, size_t size);

#endif
