internal import COnig

/// What Oniguruma says of an expression or of a search.
public struct RegularExpressionError: Error, Sendable {
    public let message: String

    init(_ message: String) { self.message = message }

    init(_ message: [CChar]) {
        self.message = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
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
        var message = [CChar](repeating: 0, count: Int(CONIG_MESSAGE_SIZE))
        guard let expression = pattern.withUTF8({ conig_compile($0.baseAddress, $0.count, &message) }) else {
            throw RegularExpressionError(message)
        }
        self.expression = expression
    }

    deinit { conig_free(expression) }

    /// Calls `body` with the start and the end of each match in `text` (valid UTF-8), from left to right.
    ///
    /// - Throws: if Oniguruma gives up a search.
    public func forEachMatch(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void
    ) throws(RegularExpressionError) {
        guard let base = text.baseAddress else { return }
        guard let region = conig_region_new() else { throw RegularExpressionError("no memory is left") }
        defer { conig_region_free(region) }
        var message = [CChar](repeating: 0, count: Int(CONIG_MESSAGE_SIZE))
        var position = 0
        var lastEnd: Int?
        while position <= text.count {
            var (first, last) = (0, 0)
            let status = conig_search(expression, base, text.count, position, region, &first, &last, &message)
            guard status >= 0 else { throw RegularExpressionError(message) }
            guard status > 0 else { return }
            let (start, end) = (first, last)
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
