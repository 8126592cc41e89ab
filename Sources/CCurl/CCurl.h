// curl_easy_setopt and curl_easy_getinfo take what their option says; Swift cannot call such functions. One function a type.
#pragma once
#include <curl/curl.h>

typedef size_t (*tvt_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
typedef int (*tvt_curl_seek)(void *context, curl_off_t offset, int origin);
typedef int (*tvt_curl_progress)(
    void *context, curl_off_t toReceive, curl_off_t received, curl_off_t toSend, curl_off_t sent);

static inline CURLcode tvt_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_transfer(CURL *handle, CURLoption option, tvt_curl_transfer value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode tvt_curl_set_seek(CURL *handle, tvt_curl_seek value) {
    return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, value);
}
static inline CURLcode tvt_curl_set_progress(CURL *handle, tvt_curl_progress value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
static inline CURLcode tvt_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}
// A macro with a cast in C.
static inline CURLcode tvt_curl_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
