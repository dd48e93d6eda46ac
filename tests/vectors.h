/* vectors.h - the compressed files that others made (codec/EXPECTED.tsv of the data), each with what
 * its reference tool gives. Rows on which leat differs are listed, each with its reason, in
 * codec_vectors.differs. */
#ifndef LEAT_TESTS_VECTORS_H
#define LEAT_TESTS_VECTORS_H

#include "memio.h"
#include "test.h"

struct vector {
    char path[256], codec[16], outcome[16], sha256[80];
    long long len; /* -1: none, as it is an error */
};

struct vectors {
    char *text, *next; /* the table, and where its next line is */
};

/* vectors_next - the next row in *ret, with our outcome where it is known to differ; begin with zeroed
 * vectors. Returns false after the last one, and all is freed. */
bool vectors_next(struct vectors *vectors, struct vector *ret);
/* vector_check - a run of the row's file through a stage gives the row's bytes, or its failure. */
void vector_check(const struct vector *vector, const char *stage, struct memio io);

#endif
