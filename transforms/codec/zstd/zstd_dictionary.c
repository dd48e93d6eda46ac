/* zstd_dictionary.c - the file of --dict. */

#include "zstd_dictionary.h"

#include <zdict.h>
#include <zstd.h>

#include "../shared/bytes.h"

#define MAGIC_LEN 4u
#define DICT_MAX ((size_t)32 << 20)

int leat_zstd_dictionary_plan(struct leat_stage *stage, const char *path)
{
    return path ? leat_plan_file(stage, path, DICT_MAX) : 0;
}

int leat_zstd_dictionary_read(struct leat_stage *stage, const char *path, const uint8_t **ret_data,
                              size_t *ret_len)
{
    size_t header;
    int r = leat_read_file(stage, path, ret_data, ret_len);

    if (r < 0 || *ret_len < MAGIC_LEN || leat_get_le32(*ret_data) != ZSTD_MAGIC_DICTIONARY)
        return r;
    header = ZDICT_getDictHeaderSize(*ret_data, *ret_len);
    if (ZDICT_isError(header))
        return leat_fail(stage, LEAT_EUSAGE, "%s: not a complete zstd dictionary: %s", path,
                         ZDICT_getErrorName(header));
    return 0;
}
