/* checksum.h - CRC-32 and Adler-32 of large pieces, by the fastest library of this build. */
#ifndef LEAT_CODEC_GZIP_CHECKSUM_H
#define LEAT_CODEC_GZIP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include <zlib.h>
#if HAVE_ISAL
#include <isa-l.h>
#endif

#define LEAT_CRC32_INIT 0u
#define LEAT_ADLER32_INIT 1u

/* leat_codec_crc32 - the CRC-32 of gzip (RFC 1952), continued from `crc`. */
static inline uint32_t leat_codec_crc32(uint32_t crc, const uint8_t *data, size_t n)
{
#if HAVE_ISAL
    return crc32_gzip_refl(crc, data, n);
#else
    return (uint32_t)crc32_z(crc, data, n);
#endif
}

/* leat_codec_adler32 - the Adler-32 of zlib (RFC 1950), continued from `adler`. */
static inline uint32_t leat_codec_adler32(uint32_t adler, const uint8_t *data, size_t n)
{
    return (uint32_t)adler32_z(adler, data, n);
}

#endif
