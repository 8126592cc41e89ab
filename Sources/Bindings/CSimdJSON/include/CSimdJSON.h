// C door to simdjson's DOM parser: hands out its tape and string buffer, nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tvt_json_parser tvt_json_parser;

/// Bytes that must be readable (any value) after input handed over as `padded`.
enum { TVT_JSON_PADDING = 64 };

/// The parser's view of one document; valid until the next parse or the end of the parser.
///
/// `tape` and `strings` are laid out as described in simdjson's doc/tape.md.
typedef struct {
    const uint64_t *tape;
    const uint8_t *strings;
} tvt_json_document;

/// NULL when there is no memory.
tvt_json_parser *tvt_json_parser_create(void);
void tvt_json_parser_destroy(tvt_json_parser *parser);

/// Parses one JSON text and returns 0, or simdjson's error code.
///
/// `padded` says that TVT_JSON_PADDING bytes after `bytes + count` may be read, which saves a copy.
int32_t tvt_json_parse(
    tvt_json_parser *parser, const uint8_t *bytes, size_t count, bool padded, tvt_json_document *document);

/// Finds the structural characters of a text (simdjson's first stage): the positions of every { } [ ] : and comma outside
/// of strings, of every string's opening quote and of every other scalar's first byte, ascending.
///
/// Returns 0, or simdjson's error code: bytes that are no UTF-8, a string without an end, a control character in one.
/// What the characters mean together is not checked. `positions` is valid until the parser's next call.
int32_t tvt_json_outline(
    tvt_json_parser *parser, const uint8_t *bytes, size_t count, const uint32_t **positions, size_t *positionCount);

/// Whether the bytes are valid UTF-8.
bool tvt_json_is_utf8(const uint8_t *bytes, size_t count);

/// A sentence for an error code; never NULL, lives as long as the process.
const char *tvt_json_error_message(int32_t code);

#ifdef __cplusplus
}
#endif
