#include "CLanguage.h"

#include <cstdio>

#include <cld2/public/compact_lang_det.h>

extern "C" void tvt_language(const char *text, int count, char code[TVT_LANGUAGE_CODE_BYTES]) {
  bool isReliable = false;
  CLD2::Language language = CLD2::DetectLanguage(text, count, /* is_plain_text */ true, &isReliable);
  bool isKnown = isReliable && language != CLD2::UNKNOWN_LANGUAGE && language != CLD2::TG_UNKNOWN_LANGUAGE;
  std::snprintf(code, TVT_LANGUAGE_CODE_BYTES, "%s", isKnown ? CLD2::LanguageCode(language) : "");
}
