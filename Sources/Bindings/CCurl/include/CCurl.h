// libcurl, loaded when it is first needed. Its variadic functions come in one form a type; Swift cannot call the others.
#pragma once
#include <curl/curl.h>

typedef size_t (*tvt_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
typedef int (*tvt_curl_seek)(void *context, curl_off_t offset, int origin);
typedef int (*tvt_curl_progress)(
    void *context, curl_off_t toReceive, curl_off_t received, curl_off_t toSend, curl_off_t sent);

// Loads and starts libcurl. To be called once, before anything else here and before other threads call anything here.
// Returns NULL, or what is wrong.
const char *tvt_curl_start(void);

CURL *tvt_curl_make(void);
CURLcode tvt_curl_perform(CURL *handle);
void tvt_curl_reset(CURL *handle);
void tvt_curl_free(CURL *handle);
const char *tvt_curl_describe(CURLcode code);
struct curl_slist *tvt_curl_list_append(struct curl_slist *list, const char *text);
void tvt_curl_list_free(struct curl_slist *list);

CURLcode tvt_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode tvt_curl_set_size(CURL *handle, CURLoption option, curl_off_t value);
CURLcode tvt_curl_set_text(CURL *handle, CURLoption option, const char *value);
CURLcode tvt_curl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode tvt_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode tvt_curl_set_transfer(CURL *handle, CURLoption option, tvt_curl_transfer value);
CURLcode tvt_curl_set_seek(CURL *handle, tvt_curl_seek value);
CURLcode tvt_curl_set_progress(CURL *handle, tvt_curl_progress value);
