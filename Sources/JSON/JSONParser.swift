internal import CSimdJSON

/// Parses JSON texts one after the other, reusing its buffers: the road for JSON Lines.
///
/// A node does not keep its parser alive: where the parser's last use comes before the node's, wrap both in
/// `withExtendedLifetime(parser)`.
/// Not Sendable: a parser holds the tape of its last text. Make one for each batch or thread.
public final class JSONParser {
    /// Readable bytes (any value) that must follow input handed to `parsePadded`.
    public static let padding = Int(TVT_JSON_PADDING)

    private let parser: OpaquePointer

    public init() {
        guard let parser = tvt_json_parser_create() else { fatalError("no memory for a JSON parser") }
        self.parser = parser
    }

    deinit { tvt_json_parser_destroy(parser) }

    /// The root of one JSON text, valid until the next parse and no longer than the parser.
    ///
    /// - Parameter bytes: UTF-8; followed by at least `padding` readable bytes.
    /// - Throws: `JSONSyntaxError` at the first fault.
    public func parsePadded(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSONNode {
        try parse(bytes, padded: true)
    }

    /// The root of one JSON text without readable bytes behind it: copied once by the parser.
    ///
    /// - Throws: `JSONSyntaxError` at the first fault.
    public func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSONNode {
        try parse(bytes, padded: false)
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, padded: Bool) throws(JSONSyntaxError) -> JSONNode {
        guard let start = bytes.baseAddress, !bytes.isEmpty else {
            throw JSONSyntaxError(byteOffset: 0, line: 1, reason: "there is no JSON value")
        }
        var document = tvt_json_document()
        let status = tvt_json_parse(
            parser, start.assumingMemoryBound(to: UInt8.self), bytes.count, padded, &document)
        guard status == 0, let tape = document.tape, let strings = document.strings else {
            // simdjson says what kind of fault but not where; a slow scan of the same bytes finds the place.
            let message = String(cString: tvt_json_error_message(status))
            throw JSONFaultScanner.firstFault(in: bytes, rules: .syntax)
                ?? JSONSyntaxError(byteOffset: 0, line: 1, reason: message)
        }
        return JSONNode(tape: tape, strings: UnsafeRawPointer(strings), index: 1)
    }
}

/// A text that is not JSON, and where.
public struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// 0-based offset of the fault in the text.
    public let byteOffset: Int
    /// 1-based line of the fault in the text.
    public let line: Int
    public let reason: String

    public var description: String { "line \(line), byte \(byteOffset): \(reason)" }
}
