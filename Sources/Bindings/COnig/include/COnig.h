/// Oniguruma's regular expressions, in its own syntax, over valid UTF-8.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A compiled expression: searched by many threads at once, each with a region of its own.
typedef struct COnigExpression COnigExpression;
/// Where a match lies; reused from search to search.
typedef struct COnigRegion COnigRegion;

/// Bytes that a message may take, its end included.
enum { CONIG_MESSAGE_SIZE = 128 };

/// NULL, and a message, for a malformed expression.
COnigExpression *conig_compile(const uint8_t *pattern, size_t count, char *message);
void conig_free(COnigExpression *expression);

/// NULL where there is no memory.
COnigRegion *conig_region_new(void);
void conig_region_free(COnigRegion *region);

/// The first match at or behind `position`: 1 and its bounds, 0 for none, -1 and a message where the search is given up.
int32_t conig_search(const COnigExpression *expression, const uint8_t *text, size_t count, size_t position,
                     COnigRegion *region, size_t *start, size_t *end, char *message);
