// C shim of Oniguruma: compiled expressions, and searches in UTF-8.
//
// None of Oniguruma's own types is visible here: `struct re_registers` and `struct re_pattern_buffer` are names of
// glibc's <regex.h> too, for other structs, and a Swift module may import both.
#pragma once

#include <stddef.h>

typedef struct tvt_onig tvt_onig;
typedef struct tvt_onig_region tvt_onig_region;

/// Bytes that a message of an error may have.
enum { TVT_ONIG_MESSAGE_CAPACITY = 90 };

/// Compiles an expression in Oniguruma's syntax.
///
/// Returns 0; or the length of what is wrong, written to `message`, which has TVT_ONIG_MESSAGE_CAPACITY bytes.
int tvt_onig_create(tvt_onig **expression, const unsigned char *pattern, size_t count, unsigned char *message);
void tvt_onig_destroy(tvt_onig *expression);

/// Where a search leaves what it found; NULL when there is no memory.
tvt_onig_region *tvt_onig_region_create(void);
void tvt_onig_region_destroy(tvt_onig_region *region);

/// Finds the first match at or after `position` in valid UTF-8.
///
/// Returns 1 and the match's place, 0 without a match, or an error's code below 0 (see `tvt_onig_message`).
int tvt_onig_search(tvt_onig *expression, const unsigned char *text, size_t count, size_t position,
                    tvt_onig_region *region, size_t *start, size_t *end);

/// Writes what a code means to `message`, which has TVT_ONIG_MESSAGE_CAPACITY bytes; returns its length.
int tvt_onig_message(int code, unsigned char *message);
