/* check.c - leat check MANIFEST DIR: does a directory hold what its manifest says?
 *
 * It is a pipeline, `pack -C DIR . : manifest --check=MANIFEST`, so it compares all that an archive of the
 * directory would hold.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../cmd.h"

/* "--NAME=VALUE". NULL: out of memory. */
static char *option(const char *name, const char *value)
{
    size_t size = strlen(name) + strlen(value) + 4;
    char *text = malloc(size);

    if (text)
        snprintf(text, size, "--%s=%s", name, value);
    return text;
}

static int run_words(const struct config *c, int n, char **words)
{
    struct job job = {.text = NULL};
    int status = job_open(&job, c, n, words);

    if (status == 0)
        status = run_job(c, &job);
    job_close(&job);
    return status;
}

int check_manifest(const struct config *c, const char *file, const char *directory)
{
    char pack[] = "pack", quiet[] = "--sort=name", here[] = ".", joint[] = ":";
    char manifest[] = "manifest", mask[32], *words[8] = {pack, quiet};
    mode_t umask_now = umask(0);
    int status;

    (void)umask(umask_now);
    snprintf(mask, sizeof mask, "--umask=%03o", (unsigned)umask_now);
    words[2] = option("directory", directory);
    words[3] = here;
    words[4] = joint;
    words[5] = manifest;
    words[6] = mask;
    words[7] = option("check", file);
    status = words[2] && words[7] ? run_words(c, 8, words)
                                  : message_fail(c, LEAT_ENOMEM, "out of memory");
    free(words[2]);
    free(words[7]);
    return status;
}
