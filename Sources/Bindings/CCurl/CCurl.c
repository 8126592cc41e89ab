#include "CCurl.h"

#include <dlfcn.h>

// Linked, libcurl and the thirty libraries behind it would be loaded at every start of every tool that can read a store.
static struct {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_perform) *easy_perform;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
} curl;

const char *tvt_curl_start(void) {
    // The name holds the version of the ABI that the header describes.
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) return dlerror();
#define FIND(name) \
    if (!(curl.name = (__typeof__(curl.name))dlsym(library, "curl_" #name))) return dlerror()
    FIND(global_init);
    FIND(easy_init);
    FIND(easy_setopt);
    FIND(easy_perform);
    FIND(easy_reset);
    FIND(easy_cleanup);
    FIND(easy_strerror);
    FIND(slist_append);
    FIND(slist_free_all);
    CURLcode code = curl.global_init(CURL_GLOBAL_DEFAULT);
    return code == CURLE_OK ? NULL : curl.easy_strerror(code);
}

CURL *tvt_curl_make(void) { return curl.easy_init(); }
CURLcode tvt_curl_perform(CURL *handle) { return curl.easy_perform(handle); }
void tvt_curl_reset(CURL *handle) { curl.easy_reset(handle); }
void tvt_curl_free(CURL *handle) { curl.easy_cleanup(handle); }
const char *tvt_curl_describe(CURLcode code) { return curl.easy_strerror(code); }

struct curl_slist *tvt_curl_list_append(struct curl_slist *list, const char *text) {
    return curl.slist_append(list, text);
}
void tvt_curl_list_free(struct curl_slist *list) { curl.slist_free_all(list); }

CURLcode tvt_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_transfer(CURL *handle, CURLoption option, tvt_curl_transfer value) {
    return curl.easy_setopt(handle, option, value);
}
CURLcode tvt_curl_set_seek(CURL *handle, tvt_curl_seek value) {
    return curl.easy_setopt(handle, CURLOPT_SEEKFUNCTION, value);
}
CURLcode tvt_curl_set_progress(CURL *handle, tvt_curl_progress value) {
    return curl.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
