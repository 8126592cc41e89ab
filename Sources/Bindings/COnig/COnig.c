#include "COnig.h"

#include <oniguruma.h>
#include <string.h>

// Opaque types stand for Oniguruma's own.

_Static_assert(CONIG_MESSAGE_SIZE > ONIG_MAX_ERROR_MESSAGE_LEN, "the longest message fits");

static regex_t *expression_of(const COnigExpression *expression) { return (regex_t *)expression; }
static OnigRegion *region_of(COnigRegion *region) { return (OnigRegion *)region; }

static void describe(char *message, int code, OnigErrorInfo *info) {
    UChar *bytes = (UChar *)message;
    int count = info ? onig_error_code_to_str(bytes, code, info) : onig_error_code_to_str(bytes, code);
    message[count > 0 ? count : 0] = 0;
}

COnigExpression *conig_compile(const uint8_t *pattern, size_t count, char *message) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    regex_t *expression = NULL;
    OnigErrorInfo info;
    int status = onig_new(&expression, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                          ONIG_SYNTAX_ONIGURUMA, &info);
    if (status != ONIG_NORMAL) {
        describe(message, status, &info);
        return NULL;
    }
    return (COnigExpression *)expression;
}

void conig_free(COnigExpression *expression) { onig_free(expression_of(expression)); }

COnigRegion *conig_region_new(void) { return (COnigRegion *)onig_region_new(); }

void conig_region_free(COnigRegion *region) { onig_region_free(region_of(region), 1); }

int32_t conig_search(const COnigExpression *expression, const uint8_t *text, size_t count, size_t position,
                     COnigRegion *region, size_t *start, size_t *end, char *message) {
    int status = onig_search(expression_of(expression), text, text + count, text + position, text + count,
                             region_of(region), ONIG_OPTION_NONE);
    if (status == ONIG_MISMATCH) return 0;
    if (status < 0) {
        describe(message, status, NULL);
        return -1;
    }
    *start = (size_t)region_of(region)->beg[0];
    *end = (size_t)region_of(region)->end[0];
    return 1;
}
