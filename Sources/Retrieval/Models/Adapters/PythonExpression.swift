internal import RegularExpressions

/// A regular expression of Python's `re`, as far as Oniguruma reads it alike: what it reads differently is refused.
///
/// It is matched against names of modules, which have no line ends, so that `$`, `^` and `.` mean the same in both.
struct PythonExpression: Sendable, Equatable {
    let source: String
    private let compiled: RegularExpression

    /// Why an expression is refused.
    struct Refusal: Error { let reason: String }

    /// - Parameters:
    ///   - source: what the user wrote.
    ///   - before: Oniguruma's syntax, put before the source; the match begins where the text does.
    ///   - after: likewise, put behind it.
    /// - Throws: ``Refusal``
    init(_ source: String, before: String = "(?:", after: String = #")\z"#) throws {
        self.source = source
        if let construct = PythonExpression.differingConstruct(source) {
            throw Refusal(reason: "\"\(construct)\" in a regular expression is not supported")
        }
        do {
            // Alone first: what stands around it might close a parenthesis that it leaves open.
            _ = try RegularExpression(source)
            compiled = try RegularExpression(#"\A(?:"# + before + source + after + ")")
        } catch {
            throw Refusal(reason: "not a regular expression: \(error.message)")
        }
    }

    static func == (left: PythonExpression, right: PythonExpression) -> Bool {
        left.source.utf8.elementsEqual(right.source.utf8)
    }

    /// The text that the expression matches, from the beginning on.
    func match(_ text: String) throws -> Substring? {
        var text = text
        let count = try text.withUTF8 { bytes in
            var end: Int?
            try compiled.forEachMatch(bytes) { end = end ?? $1 }
            return end
        }
        return count.map { text[..<text.utf8.index(text.startIndex, offsetBy: $0)] }
    }

    func matches(_ text: String) throws -> Bool { try match(text) != nil }

    /// The first construct that Python and Oniguruma read differently, or that only one of them knows.
    private static func differingConstruct(_ source: String) -> String? {
        let scalars = Array(source.unicodeScalars)
        func text(_ start: Int, _ count: Int) -> String {
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[start..<min(scalars.count, start + count)])
            return String(view)
        }
        var isInClass = false
        var place = 0
        while place < scalars.count {
            switch scalars[place] {
            case "\\":
                let escape = text(place, 2)
                let isLetterOrDigit = escape.unicodeScalars.last.map {
                    $0.properties.isAlphabetic || $0.properties.numericType != nil
                }
                if isLetterOrDigit == true, !["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B"].contains(escape) {
                    return escape
                }
                place += 1
            case "[":
                if isInClass { return "[ in a class" }
                if ["[]", "[^]"].contains(where: { text(place, $0.count) == $0 }) { return text(place, 2) }
                isInClass = true
            case "]": isInClass = false
            case "&" where isInClass && text(place, 2) == "&&": return "&&"
            case "(" where !isInClass:
                if text(place, 2) == "(*" { return "(*" }
                let known = ["(?:", "(?=", "(?!", "(?<=", "(?<!"]
                if text(place, 2) == "(?", !known.contains(where: { text(place, $0.count) == $0 }) {
                    return text(place, 3)
                }
            case "}" where !isInClass && text(place, 2) == "}+": return "}+"
            default: break
            }
            place += 1
        }
        return nil
    }
}
