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

int32_t tvt_json_parse(
    tvt_json_parser *parser, const uint8_t *bytes, size_t count, bool padded, tvt_json_document *document) {
    // simdjson allocates exactly what one document needs; doubling keeps growing lines from reallocating each time.
    if (count > parser->parser.capacity()) {
        size_t capacity = parser->parser.capacity() * 2;
        if (capacity < 4096) capacity = 4096;
        if (capacity < count) capacity = count;
        if (capacity > parser->parser.max_capacity()) capacity = count;
        auto status = parser->parser.allocate(capacity);
        if (status) return status;
        status = parser->parser.doc.allocate(capacity);
        if (status) return status;
    }
    auto status = parser->parser.parse(bytes, count, !padded).error();
    if (status) return status;
    document->tape = parser->parser.doc.tape.get();
    document->strings = parser->parser.doc.string_buf.get();
    return 0;
}

const char *tvt_json_error_message(int32_t code) {
    return simdjson::error_message(static_cast<simdjson::error_code>(code));
}
}
