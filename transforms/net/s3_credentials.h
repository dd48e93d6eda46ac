/* s3_credentials.h - the keys that requests are signed with: from the environment, files, or a service of the machine. */
#ifndef LEAT_NET_S3_CREDENTIALS_H
#define LEAT_NET_S3_CREDENTIALS_H

#include "client.h"
#include "s3_place.h"

struct leat_s3_credentials {
    char id[160], secret[256];
    char token[4096];  /* "": none */
    int64_t expires;   /* seconds since 1970; 0: they do not, or it is not known */
    bool is_renewable; /* a service of the machine gave them */
};

/* leat_s3_credentials_plan - in plan: announce the files. Returns 0, or fails the stage. */
int leat_s3_credentials_plan(struct leat_stage *stage);
/* leat_s3_credentials - find the keys; waits some seconds at most, for a service of the machine. Returns 0, or fails the stage. */
int leat_s3_credentials(struct leat_stage *stage, struct leat_client *client,
                        struct leat_s3_credentials *ret);
/* leat_s3_profile_setting - a setting of the profile in the file ~/.aws/config; "": there is none. */
void leat_s3_profile_setting(struct leat_stage *stage, const char *name, char *to, size_t size);

/* leat_json_string - the first string that is the value of `name`, without its escapes. Returns false, and "", if there is none,
 * or it is longer than size - 1 bytes. */
bool leat_json_string(const char *json, const char *name, char *to, size_t size);
/* leat_s3_time - "2026-11-30T18:00:00Z" as seconds since 1970; 0 if it is none. */
int64_t leat_s3_time(const char *text);

#endif
