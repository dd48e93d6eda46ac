/* hash_crc32.c - the CRC-32 of gzip, by ISA-L if this build has it. */

#if HAVE_ISAL
#include <isa-l/crc.h>
#else
#include <zlib.h>
#endif

#include "hash.h"

static int crc32_algorithm_open(struct leat_stage *s, const struct leat_hash_algorithm *a,
                                void *state)
{
    (void)s;
    (void)a;
    *(uint32_t *)state = 0;
    return 0;
}

static int crc32_algorithm_add(struct leat_stage *s, void *state, const uint8_t *data, size_t n)
{
    uint32_t *crc = state;

    (void)s;
#if HAVE_ISAL
    *crc = crc32_gzip_refl(*crc, data, n);
#else
    *crc = (uint32_t)crc32_z(*crc, data, n);
#endif
    return 0;
}

static int crc32_algorithm_end(struct leat_stage *s, void *state, uint8_t *digest)
{
    (void)s;
    leat_hash_put_big_endian(digest, *(uint32_t *)state, 4);
    return 0;
}

static const struct leat_hash_algorithm crc32_algorithm = {
    .tag = "CRC32",
    .size = 4,
    .open = crc32_algorithm_open,
    .add = crc32_algorithm_add,
    .end = crc32_algorithm_end,
};

LEAT_HASH_STAGE(
    crc32, sizeof(uint32_t), "CRC-32 of the stream",
    "The CRC-32 of gzip, zip and PNG (not the one of the command cksum), as eight hexadecimal "
    "digits. It detects accidental damage only.",
    "");
