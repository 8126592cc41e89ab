#include "CSimdJSON.h"

#include <new>
#include <simdjson.h>

static_assert(TVT_JSON_PADDING >= simdjson::SIMDJSON_PADDING, "the door promises too little padding");

struct tvt_json_parser {
    simdjson::dom::parser parser;
};

extern "C" {

tvt_json_parser *tvt_json_parser_create(void) {
    return new (std::nothrow) tvt_json_parser;
}

void tvt_json_parser_destroy(tvt_json_parser *parser) {
    delete parser;
}

// simdjson allocates exactly what one document needs; doubling keeps growing lines from reallocating each time.
static simdjson::error_code reserve(tvt_json_parser *parser, size_t count) {
    if (count <= parser->parser.capacity()) return simdjson::SUCCESS;
    size_t capacity = parser->parser.capacity() * 2;
    if (capacity < 4096) capacity = 4096;
    if (capacity < count) capacity = count;
    if (capacity > parser->parser.max_capacity()) capacity = count;
    auto status = parser->parser.allocate(capacity);
    return status ? status : parser->parser.doc.allocate(capacity);
}

int32_t tvt_json_parse(
    tvt_json_parser *parser, const uint8_t *bytes, size_t count, bool padded, tvt_json_document *document) {
    if (auto status = reserve(parser, count)) return status;
    auto status = parser->parser.parse(bytes, count, !padded).error();
    if (status) return status;
    document->tape = parser->parser.doc.tape.get();
    document->strings = parser->parser.doc.string_buf.get();
    return 0;
}

int32_t tvt_json_outline(
    tvt_json_parser *parser, const uint8_t *bytes, size_t count, const uint32_t **positions, size_t *positionCount) {
    if (auto status = reserve(parser, count)) return status;
    auto &stages = *parser->parser.implementation;
    if (auto status = stages.stage1(bytes, count, simdjson::stage1_mode::regular)) return status;
    *positions = stages.structural_indexes.get();
    *positionCount = stages.n_structural_indexes;
    return 0;
}

bool tvt_json_is_utf8(const uint8_t *bytes, size_t count) {
    return simdjson::validate_utf8(reinterpret_cast<const char *>(bytes), count);
}

const char *tvt_json_error_message(int32_t code) {
    return simdjson::error_message(static_cast<simdjson::error_code>(code));
}
}
