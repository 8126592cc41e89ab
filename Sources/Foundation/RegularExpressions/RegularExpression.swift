internal import COnig

/// What Oniguruma says of an expression or of a search.
public struct RegularExpressionError: Error, Sendable {
    public let message: String

    init(_ code: Int32, _ info: UnsafeMutablePointer<OnigErrorInfo>? = nil) {
        var text = [UInt8](repeating: 0, count: Int(ONIG_MAX_ERROR_MESSAGE_LEN))
        let count = tvt_onig_error_message(&text, code, info)
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
        var info = OnigErrorInfo()
        let status = pattern.withUTF8 { tvt_onig_new(&expression, $0.baseAddress, $0.count, &info) }
        guard status == ONIG_NORMAL, let expression else { throw RegularExpressionError(status, &info) }
        self.expression = expression
    }

    deinit { tvt_onig_free(expression) }

    /// Calls `body` with the start and the end of each match in `text` (valid UTF-8), from left to right.
    ///
    /// - Throws: if Oniguruma gives up a search.
    public func forEachMatch(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void
    ) throws(RegularExpressionError) {
        guard let base = text.baseAddress else { return }
        let region = onig_region_new()
        defer { onig_region_free(region, 1) }
        var position = 0
        var lastEnd: Int?
        while position <= text.count {
            let status = tvt_onig_search(expression, base, text.count, position, region)
            if status == ONIG_MISMATCH { return }
            guard status >= 0, let region else { throw RegularExpressionError(status) }
            let start = Int(region.pointee.beg[0])
            let end = Int(region.pointee.end[0])
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
