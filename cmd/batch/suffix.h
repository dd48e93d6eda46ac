/* suffix.h - the suffixes of compressed files, and the stages that write and read them. */
#ifndef CMD_BATCH_SUFFIX_H
#define CMD_BATCH_SUFFIX_H

#include "../cmd.h"

struct suffix {
    const char *name; /* without its dot */
    const char *encoder, *decoder;
    bool tar; /* short for .tar and another one, such as .tgz */
};

/* suffix_find - the suffix with this name of n bytes; NULL: none. suffix_of - that of a path. */
const struct suffix *suffix_find(const char *name, size_t n);
const struct suffix *suffix_of(const char *path);
/* suffix_plain - the path of n bytes without the suffix of a codec; .tgz becomes .tar. */
void suffix_plain(struct buf *buf, const char *path);
/* suffix_is_tar - is it a tar archive, by its name without the suffix of a codec? */
bool suffix_is_tar(const char *path);
/* suffix_unsigned - the decoder of a format without a signature, by the suffix of the path; NULL: it has a signature. */
const char *suffix_unsigned(const char *path);
/* suffix_list - ".gz .zst ...", for messages. */
void suffix_list(struct buf *buf);

#endif
