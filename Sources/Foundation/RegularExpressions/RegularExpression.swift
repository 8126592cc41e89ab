internal import COnig

/// What Oniguruma says of an expression or of a search.
public struct RegularExpressionError: Error, Sendable {
    public let message: String

    /// - Parameter write: writes the message to memory of that many bytes, and returns its length.
    init(_ write: (UnsafeMutablePointer<UInt8>) -> Int32) {
        var text = [UInt8](repeating: 0, count: Int(TVT_ONIG_MESSAGE_CAPACITY))
        let count = text.withUnsafeMutableBufferPointer { write($0.baseAddress!) }
        message = String(decoding: text.prefix(Int(max(0, count))), as: UTF8.self)
    }
}

/// A compiled regular expression in Oniguruma's syntax, searched in UTF-8.
///
/// `@unchecked Sendable`: Oniguruma only reads a compiled expression, and every search has a region of its own.
public final class RegularExpression: @unchecked Sendable {
    private let expression: OpaquePointer

    /// - Throws: if the expression is malformed, or larger than Oniguruma compiles.
    public init(_ pattern: String) throws(RegularExpressionError) {
        var pattern = pattern
        var expression: OpaquePointer?
        let error = RegularExpressionError { message in
            pattern.withUTF8 { tvt_onig_create(&expression, $0.baseAddress, $0.count, message) }
        }
        guard error.message.isEmpty, let expression else { throw error }
        self.expression = expression
    }

    deinit { tvt_onig_destroy(expression) }

    /// Calls `body` with the start and the end of each match in `text` (valid UTF-8), from left to right.
    ///
    /// - Throws: if Oniguruma gives up a search.
    public func forEachMatch(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void
    ) throws(RegularExpressionError) {
        guard let base = text.baseAddress else { return }
        let region = tvt_onig_region_create()
        defer { tvt_onig_region_destroy(region) }
        var position = 0
        var lastEnd: Int?
        while position <= text.count {
            var start = 0
            var end = 0
            let status = tvt_onig_search(expression, base, text.count, position, region, &start, &end)
            if status == 0 { return }
            guard status > 0 else { throw RegularExpressionError { tvt_onig_message(status, $0) } }
            if start == end && lastEnd == end {
                // An empty match right behind another one: go on behind the next scalar.
                position += 1
                while position < text.count && base[position] & 0xC0 == 0x80 { position += 1 }
                continue
            }
            body(start, end)
            position = end
            lastEnd = end
        }
    }
}
