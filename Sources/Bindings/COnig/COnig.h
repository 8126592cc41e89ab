#include <oniguruma.h>
#include <stddef.h>

// What Swift cannot call: macros, variadic functions, pointers into the text that is searched.

static inline int tvt_onig_new(OnigRegex *expression, const unsigned char *pattern, size_t count, OnigErrorInfo *info) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    return onig_new(expression, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, info);
}

static inline void tvt_onig_free(OnigRegex expression) { onig_free(expression); }

static inline int tvt_onig_search(OnigRegex expression, const unsigned char *text, size_t count, size_t position,
                                  OnigRegion *region) {
    return onig_search(expression, text, text + count, text + position, text + count, region, ONIG_OPTION_NONE);
}

static inline int tvt_onig_error_message(unsigned char *text, int code, OnigErrorInfo *info) {
    return info ? onig_error_code_to_str(text, code, info) : onig_error_code_to_str(text, code);
}
