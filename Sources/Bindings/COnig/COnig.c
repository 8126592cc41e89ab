#include "COnig.h"

#include <oniguruma.h>

_Static_assert(TVT_ONIG_MESSAGE_CAPACITY >= ONIG_MAX_ERROR_MESSAGE_LEN, "messages fit");

int tvt_onig_create(tvt_onig **expression, const unsigned char *pattern, size_t count, unsigned char *message) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    OnigErrorInfo info;
    int code = onig_new((OnigRegex *)expression, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        ONIG_SYNTAX_ONIGURUMA, &info);
    return code == ONIG_NORMAL ? 0 : onig_error_code_to_str(message, code, &info);
}

void tvt_onig_destroy(tvt_onig *expression) { onig_free((OnigRegex)expression); }

tvt_onig_region *tvt_onig_region_create(void) { return (tvt_onig_region *)onig_region_new(); }

void tvt_onig_region_destroy(tvt_onig_region *region) { onig_region_free((OnigRegion *)region, 1); }

int tvt_onig_search(tvt_onig *expression, const unsigned char *text, size_t count, size_t position,
                    tvt_onig_region *region, size_t *start, size_t *end) {
    if (!region) return ONIGERR_MEMORY;
    OnigRegion *found = (OnigRegion *)region;
    int code = onig_search((OnigRegex)expression, text, text + count, text + position, text + count, found,
                           ONIG_OPTION_NONE);
    if (code == ONIG_MISMATCH) return 0;
    if (code < 0) return code;
    *start = (size_t)found->beg[0];
    *end = (size_t)found->end[0];
    return 1;
}

int tvt_onig_message(int code, unsigned char *message) { return onig_error_code_to_str(message, code); }
