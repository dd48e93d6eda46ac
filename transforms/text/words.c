/* words.c - counts words, characters and columns in a stream of UTF-8, piece by piece.
 *
 * Nearly all blocks contain no byte that could begin a multi-byte white space character. These are
 * counted by bit masks: a word begins at a byte that is not white space and follows one that is.
 * Other blocks go byte by byte through a small automaton, so that pieces may end anywhere.
 */

#include "words.h"

#include <wchar.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BLOCK 64

/* --- words ------------------------------------------------------------------------------------ */

/* White space beyond ASCII: U+00A0, U+1680, U+2000 to 200A, 2028, 2029, 202F, 205F, 2060, 3000. */
enum space_state {
    NO_SPACE,
    SAW_C2,
    SAW_E1,
    SAW_E1_9A,
    SAW_E2,
    SAW_E2_80,
    SAW_E2_81,
    SAW_E3,
    SAW_E3_80
};
/* The action for a byte in a state: white space is complete, goes on, or turns out to be none. */
#define SPACE 100
#define NONE 101

static uint8_t next_state(uint8_t state, uint8_t c)
{
    switch (state) {
    case SAW_C2:
        return c == 0xa0 ? SPACE : NONE;
    case SAW_E1:
        return c == 0x9a ? SAW_E1_9A : NONE;
    case SAW_E1_9A:
        return c == 0x80 ? SPACE : NONE;
    case SAW_E2:
        return c == 0x80 ? SAW_E2_80 : c == 0x81 ? SAW_E2_81 : NONE;
    case SAW_E2_80:
        return (c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf ? SPACE : NONE;
    case SAW_E2_81:
        return c == 0x9f || c == 0xa0 ? SPACE : NONE;
    case SAW_E3:
        return c == 0x80 ? SAW_E3_80 : NONE;
    default: /* SAW_E3_80 */
        return c == 0x80 ? SPACE : NONE;
    }
}

static uint8_t first_state(uint8_t c)
{
    return c == 0xc2 ? SAW_C2 : c == 0xe1 ? SAW_E1 : c == 0xe2 ? SAW_E2 : c == 0xe3 ? SAW_E3 : 0;
}

static void word_goes_on(struct leat_words *w)
{
    w->words += !w->in_word;
    w->in_word = true;
}

static void add_byte(struct leat_words *w, uint8_t c)
{
    if (w->state != NO_SPACE) {
        uint8_t next = next_state(w->state, c);

        w->state = next == SPACE || next == NONE ? NO_SPACE : next;
        if (next == SPACE)
            w->in_word = false;
        if (next != NONE)
            return;
        word_goes_on(w); /* it was no white space */
    }
    w->state = first_state(c);
    if (w->state != NO_SPACE)
        return;
    if (c == ' ' || (c >= '\t' && c <= '\r'))
        w->in_word = false;
    else
        word_goes_on(w);
}

#if defined(__x86_64__)

/* Adds whole blocks while possible; returns the number of bytes. */
__attribute__((target("avx2,popcnt"))) static size_t add_blocks_avx2(struct leat_words *w,
                                                                     const uint8_t *data, size_t n)
{
    const __m256i blank = _mm256_set1_epi8(' '), tab = _mm256_set1_epi8('\t'),
                  four = _mm256_set1_epi8(4);
    uint64_t before = !w->in_word, words = 0; /* bit 0: the byte before the block is white space */
    size_t done = 0;

    for (; n - done >= BLOCK; done += BLOCK) {
        uint64_t space = 0, high = 0, text;

        for (int i = 0; i < 2; i++) {
            __m256i v =
                _mm256_loadu_si256((const __m256i *)(const void *)(data + done + 32 * (size_t)i));
            __m256i from_tab = _mm256_sub_epi8(v, tab);
            __m256i is_space =
                _mm256_or_si256(_mm256_cmpeq_epi8(v, blank),
                                _mm256_cmpeq_epi8(_mm256_min_epu8(from_tab, four), from_tab));

            space |= (uint64_t)(uint32_t)_mm256_movemask_epi8(is_space) << (32 * i);
            high |= (uint64_t)(uint32_t)_mm256_movemask_epi8(v) << (32 * i);
        }
        if (high)
            break;
        text = ~space;
        words += (uint64_t)__builtin_popcountll(text & (space << 1 | before));
        before = space >> 63;
    }
    w->words += words;
    w->in_word = !before;
    return done;
}
#endif

static size_t add_blocks(struct leat_words *w, const uint8_t *data, size_t n)
{
#if defined(__x86_64__)
    if (n >= BLOCK && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
        return add_blocks_avx2(w, data, n);
#endif
    (void)w;
    (void)data;
    (void)n;
    return 0;
}

void leat_words_add(struct leat_words *w, const uint8_t *data, size_t n)
{
    size_t at = 0;

    while (at < n) {
        size_t stop;

        if (w->state == NO_SPACE)
            at += add_blocks(w, data + at, n - at);
        stop = n - at < BLOCK ? n : at + BLOCK;
        while (at < stop)
            add_byte(w, data[at++]);
    }
}

void leat_words_end(struct leat_words *w)
{
    if (w->state != NO_SPACE)
        word_goes_on(w);
    w->state = NO_SPACE;
}

/* --- characters ------------------------------------------------------------------------------- */

static bool begin_character(struct leat_utf8 *u, uint8_t c)
{
    u->left = c >= 0xc2 && c <= 0xdf   ? 1
              : c >= 0xe0 && c <= 0xef ? 2
              : c >= 0xf0 && c <= 0xf4 ? 3
                                       : 0;
    u->code = c & (u->left == 1 ? 0x1f : u->left == 2 ? 0x0f : u->left == 3 ? 0x07 : 0x7f);
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return c < 0x80;
}

bool leat_utf8_add(struct leat_utf8 *u, uint8_t c)
{
    if (u->left == 0)
        return begin_character(u, c);
    if (c < u->low || c > u->high)
        return begin_character(u, c);
    u->code = u->code << 6 | (c & 0x3f);
    u->low = 0x80;
    u->high = 0xbf;
    return --u->left == 0;
}

/* Are these eight bytes ASCII? */
static bool is_ascii(const uint8_t *data)
{
    uint64_t v;

    __builtin_memcpy(&v, data, sizeof v);
    return (v & 0x8080808080808080) == 0;
}

uint64_t leat_utf8_count(struct leat_utf8 *u, const uint8_t *data, size_t n)
{
    uint64_t count = 0;
    size_t at = 0;

    while (at < n) {
        while (u->left == 0 && n - at >= 8 && is_ascii(data + at)) {
            at += 8;
            count += 8;
        }
        for (size_t stop = n - at < 8 ? n : at + 8; at < stop; at++)
            count += leat_utf8_add(u, data[at]);
    }
    return count;
}

/* --- columns ---------------------------------------------------------------------------------- */

static void end_line(struct leat_columns *c)
{
    if (c->column > c->widest)
        c->widest = c->column;
    c->column = 0;
}

static void add_character(struct leat_columns *c, uint32_t code)
{
    int width;

    if (code == '\n' || code == '\r' || code == '\f') {
        end_line(c);
    } else if (code == '\t') {
        c->column += 8 - c->column % 8;
    } else if (code < 0x80) {
        c->column += code >= ' ' && code != 0x7f;
    } else {
        width = wcwidth((wchar_t)code);
        c->column += width > 0 ? (uint64_t)width : 0;
    }
}

void leat_columns_add(struct leat_columns *c, const uint8_t *data, size_t n)
{
    locale_t before = c->locale ? uselocale(c->locale) : (locale_t)0;

    for (size_t i = 0; i < n; i++)
        if (leat_utf8_add(&c->utf8, data[i]))
            add_character(c, c->utf8.code);
    if (c->locale)
        uselocale(before);
}

void leat_columns_end(struct leat_columns *c)
{
    end_line(c);
}
