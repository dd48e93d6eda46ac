/* otlp.h - the parts of --otlp: the data of a run, and the requests made of them. */
#ifndef CMD_SIGHT_OTLP_H
#define CMD_SIGHT_OTLP_H

#include "../cmd.h"

#define OTLP_RECORDS_MAX 1024u
#define TRACE_ID_DIGITS 32u
#define SPAN_ID_DIGITS 16u

/* An event of the run, as a log record. */
struct otlp_record {
    unsigned kind;
    uint64_t at_ns;  /* since 1970 */
    size_t stage;    /* or LEAT_NO_STAGE */
    char error[512]; /* "": none */
};

struct otlp_span {
    uint64_t from_ns, to_ns; /* since 1970; 0: not yet */
    char id[SPAN_ID_DIGITS + 1];
};

struct otlp_data {
    const struct job *job;
    const char *service,
        *attributes; /* OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES; "" if not set */
    char trace_id[TRACE_ID_DIGITS + 1], parent_id[SPAN_ID_DIGITS + 1]; /* parent_id "": none */
    struct otlp_span run;
    struct otlp_span *stages; /* one a stage of the statistics */
    size_t n_stages;
    struct otlp_record *records;
    size_t n_records;
    unsigned long long lost; /* records for which there was no room */
    int status;              /* the exit status of the run; negative: it goes on */
    char error[2048];        /* of a failed run; "": none */
};

/* otlp_now_ns - nanoseconds since 1970. */
uint64_t otlp_now_ns(void);

/* otlp_decode - in place: the value of a pair of the environment, which is percent-encoded by W3C Baggage. */
void otlp_decode(char *text);

/* The three requests of OTLP in JSON (opentelemetry-proto 1.3). */
void otlp_traces(struct buf *buf, const struct otlp_data *data);
void otlp_metrics(struct buf *buf, const struct otlp_data *data);
void otlp_logs(struct buf *buf, const struct otlp_data *data);

#endif
