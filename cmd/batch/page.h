/* page.h - the page of --report: a row for each input, which is text of JSON from its end on. */
#ifndef CMD_BATCH_PAGE_H
#define CMD_BATCH_PAGE_H

#include "batch.h"

#define PAGE_ROWS_MAX 100000u    /* of all outcomes */
#define PAGE_FAILURES_MAX 10000u /* and of failures after them */

struct page_row {
    uint64_t bytes_out, ns;
    bool has_out; /* bytes_out is known */
};

/* page_begin - with --report: check that the file can be written. Returns 0, or an exit status after a message. */
int page_begin(struct batch *batch);
/* page_add - the outcome of an input. error->code 0: none. */
void page_add(struct batch *batch, const struct input *input, const struct leat_error *error,
              const struct page_row *row);
/* page_end - write the page. Returns as page_begin. */
int page_end(struct batch *batch);
void page_free(struct batch *batch);

/* page_text.c: the constant parts */
extern const char page_head[], page_style[], page_table[], page_script[];

#endif
