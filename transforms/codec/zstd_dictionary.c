/* zstd_dictionary.c - the file of --dict. */

#include "zstd_dictionary.h"

#include <zdict.h>
#include <zstd.h>

#include "bytes.h"

#define MAGIC_LEN 4u

int leat_zstd_dictionary_read(struct leat_stage *stage, const char *path, uint8_t **ret_data,
                              size_t *ret_len)
{
    uint8_t *data;
    size_t len, header;
    int r = leat_read_file(stage, path, LEAT_ZSTD_DICT_MAX, &data, &len);

    if (r < 0)
        return r;
    if (len >= MAGIC_LEN && leat_get_le32(data) == ZSTD_MAGIC_DICTIONARY) {
        header = ZDICT_getDictHeaderSize(data, len);
        if (ZDICT_isError(header)) {
            leat_free(stage, data);
            return leat_fail(stage, LEAT_EUSAGE, "%s: no whole dictionary of zstd: %s", path,
                             ZDICT_getErrorName(header));
        }
    }
    *ret_data = data;
    *ret_len = len;
    return 0;
}
