internal import Glibc
internal import RegularExpressions

/// What `Split` and `Replace` look for.
enum Pattern: Sendable {
    case literal([UInt8])
    /// A published expression with a scanner of its own.
    case scanner(ExpressionScanner)
    case expression(RegularExpression)

    /// Calls `body` with the start and the end of each match in `text` (valid UTF-8), from left to right.
    ///
    /// - Throws: if a search for an expression is given up.
    func forEachMatch(
        _ text: UnsafeBufferPointer<UInt8>, _ body: (Int, Int) -> Void
    ) throws(RegularExpressionError) {
        guard let bytes = text.baseAddress, !text.isEmpty else { return }
        switch self {
        case .literal(let literal):
            guard !literal.isEmpty else { return }
            var position = 0
            while position <= text.count - literal.count {
                guard let found = memchr(bytes + position, Int32(literal[0]), text.count - position - literal.count + 1)
                else { return }
                position = bytes.distance(to: UnsafeRawPointer(found).assumingMemoryBound(to: UInt8.self))
                if memcmp(bytes + position, literal, literal.count) == 0 {
                    body(position, position + literal.count)
                    position += literal.count
                } else {
                    position += 1
                }
            }
        case .scanner(let scanner):
            var position = 0
            while position < text.count {
                let end = scanner.end(bytes, position, text.count)
                body(position, end)
                position = end
            }
        case .expression(let expression): try expression.forEachMatch(text, body)
        }
    }
}
