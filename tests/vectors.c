/* vectors.c - reads the table of the vectors, and runs its rows. */

#include "vectors.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define DIFFERS "tests/codec_vectors.differs"
#define ROW_MAX 1024
#define HEX_LEN 64

static void sha256_hex(const void *data, size_t n, char *ret)
{
    unsigned char digest[32];

    ASSERT_EQ(EVP_Digest(n ? data : "", n, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(digest); i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

static bool parse_row(const char *line, struct vector *row)
{
    char len[32];

    if (*line == '#' || sscanf(line, "%255[^\t]\t%15[^\t]\t%15[^\t]\t%31[^\t]\t%79[^\t\n]",
                               row->path, row->codec, row->outcome, len, row->sha256) != 5)
        return false;
    row->len = strcmp(len, "-") == 0 ? -1 : atoll(len);
    return true;
}

/* Our outcome where it is known to differ: a line `path<TAB>outcome<TAB>reason`. */
static void apply_difference(struct vector *row)
{
    FILE *f = fopen(DIFFERS, "r");
    char line[ROW_MAX], path[256], outcome[16];

    ASSERT_NOT_NULL(f);
    while (fgets(line, sizeof(line), f))
        if (*line != '#' && sscanf(line, "%255[^\t]\t%15[^\t]\t", path, outcome) == 2 &&
            strcmp(path, row->path) == 0)
            snprintf(row->outcome, sizeof(row->outcome), "%s", outcome);
    fclose(f);
}

bool vectors_next(struct vectors *v, struct vector *row)
{
    char *line;
    size_t len;

    if (!v->text)
        v->next = v->text = (char *)test_data_read("codec/EXPECTED.tsv", &len);
    while ((line = strsep(&v->next, "\n")) != NULL)
        if (parse_row(line, row)) {
            apply_difference(row);
            return true;
        }
    free(v->text);
    v->text = NULL;
    return false;
}

void vector_check(const struct vector *row, const char *stage, struct memio io)
{
    char hex[HEX_LEN + 1];
    size_t len;
    uint8_t *data = test_data_read(row->path, &len);

    test_context("%s : %s, threads %u, piece %zu, room %zu", row->path, stage, io.settings.threads,
                 io.piece, io.settings.room);
    io.in = data;
    io.in_len = len;
    memio_run(&io, stage);
    if (strcmp(row->outcome, "ok") == 0) {
        if (io.code != 0)
            FAIL("%s: %s", leat_error_name(io.code), io.error.text);
        ASSERT_EQ(io.out_len, row->len);
        sha256_hex(io.out, io.out_len, hex);
        ASSERT_STREQ(hex, row->sha256);
    } else if (io.code == LEAT_EUSAGE) {
        ASSERT_STR_HAS(io.error.text, "dictionary");
    } else if (io.code == LEAT_EUNSUPPORTED) {
        ASSERT_STR_HAS(io.error.text, "liblzma does not know");
    } else if (io.code != LEAT_ECORRUPT && io.code != LEAT_ETRUNCATED && io.code != LEAT_ELIMIT) {
        FAIL("the reference tool fails, and this ended with %s", leat_error_name(io.code));
    }
    memio_free(&io);
    free(data);
}
