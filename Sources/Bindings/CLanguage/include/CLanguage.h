#ifndef CLANGUAGE_H
#define CLANGUAGE_H

#ifdef __cplusplus
extern "C" {
#endif

#define TVT_LANGUAGE_CODE_BYTES 16

/// Writes the code of the language that a text is most likely in (ISO 639, such as `en` or `zh-Hant`), with a zero at its end;
/// an empty one where the text tells too little.
///
/// `text`: `count` bytes of UTF-8. May be called by several threads at once.
void tvt_language(const char *text, int count, char code[TVT_LANGUAGE_CODE_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
