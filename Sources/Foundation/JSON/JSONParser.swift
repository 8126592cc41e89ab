internal import Base
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
        guard let parser = tvt_json_parser_create() else { Heap.exhausted("a JSON parser") }
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

    /// Where a text's structural characters are: every brace, bracket, colon and comma outside of strings, every
    /// string's opening quote and every other scalar's first byte, ascending. Valid until the parser's next call.
    ///
    /// A small part of the work of a parse, for readers that skip most of a text. The text is UTF-8 and its strings end;
    /// that the characters make sense together is for the reader to check.
    ///
    /// - Parameter bytes: followed by at least `padding` readable bytes.
    /// - Returns: nil where the text cannot be JSON.
    public func outlinePadded(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt32>? {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return nil }
        var positions: UnsafePointer<UInt32>?
        var count = 0
        let status = tvt_json_outline(
            parser, start.assumingMemoryBound(to: UInt8.self), bytes.count, &positions, &count)
        return status == 0 ? UnsafeBufferPointer(start: positions, count: count) : nil
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
    /// Whether the text ends where more of it should follow.
    public let isCutOff: Bool

    init(byteOffset: Int, line: Int, reason: String, isCutOff: Bool = false) {
        self.byteOffset = byteOffset
        self.line = line
        self.reason = reason
        self.isCutOff = isCutOff
    }

    public var description: String { "line \(line), byte \(byteOffset): \(reason)" }
}
