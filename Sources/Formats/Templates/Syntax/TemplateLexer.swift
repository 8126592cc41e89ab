/// Cuts a template's source into tokens, as jinja2 does with `trim_blocks` and `lstrip_blocks`.
///
/// - A newline behind `%}` and `#}` is dropped, and so is the last one of the source.
/// - Blanks before `{%` and `{#` are dropped where nothing else stands before them in the line.
/// - `-` beside a tag drops all whitespace on that side, `+` keeps it.
///
/// Source: jinja2 3.1.6, `lexer.py`.
struct TemplateLexer {
    private let source: [Unicode.Scalar]
    private var position = 0
    private var line = 1
    /// Whether what was read last ends in a newline: blanks that follow begin a line.
    private var startsLine = true
    /// The brackets that the current tag has to close.
    private var closers: [Unicode.Scalar] = []
    private var tokens: [TemplateToken] = []

    private enum Sign { case none, minus, plus }

    /// - Returns: at least the end token.
    static func tokens(of source: String) throws -> [TemplateToken] {
        var lexer = TemplateLexer(source)
        try lexer.readAll()
        return lexer.tokens
    }

    private init(_ source: String) {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(source.utf8.count)
        for scalar in source.unicodeScalars {
            if scalar == "\n", scalars.last == "\r" { scalars.removeLast() }
            scalars.append(scalar)
        }
        // A lone carriage return is a line break as well.
        self.source = scalars.map { $0 == "\r" ? "\n" : $0 }.droppingLastNewline()
    }

    private mutating func readAll() throws {
        while let start = nextTag() {
            let kind = source[start + 1]
            let sign = sign(at: start + 2)
            let text = trimmed(source[position..<start], before: sign, isPrint: kind == "{")
            emitText(text)
            advance(to: start + (sign == .none ? 2 : 3))
            switch kind {
            case "#": try skipComment()
            case "{": try readTag(isBlock: false)
            default: if try !readRaw() { try readTag(isBlock: true) }
            }
        }
        emitText(source[position...])
        advance(to: source.count)
        emit(.end)
    }

    // MARK: Text

    private func nextTag() -> Int? {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{", source[index + 1] == "%" || source[index + 1] == "{" || source[index + 1] == "#" {
                return index
            }
            index += 1
        }
        return nil
    }

    private func sign(at index: Int) -> Sign {
        guard index < source.count else { return .none }
        return source[index] == "-" ? .minus : source[index] == "+" ? .plus : .none
    }

    /// The text before a tag, without the blanks that its sign or its place in the line drop.
    private func trimmed(_ text: ArraySlice<Unicode.Scalar>, before sign: Sign, isPrint: Bool) -> ArraySlice<
        Unicode.Scalar
    > {
        switch sign {
        case .plus: return text
        case .minus:
            var text = text
            while let last = text.last, last.isPythonSpace { text.removeLast() }
            return text
        case .none:
            guard !isPrint else { return text }
            let newline = text.lastIndex(of: "\n")
            guard newline != nil || startsLine else { return text }
            let lineStart = newline.map { $0 + 1 } ?? text.startIndex
            return text[lineStart...].allSatisfy(\.isPythonSpace) ? text[..<lineStart] : text
        }
    }

    private mutating func emitText(_ text: ArraySlice<Unicode.Scalar>) {
        guard !text.isEmpty else { return }
        var string = ""
        string.unicodeScalars.append(contentsOf: text)
        emit(.text(string))
    }

    private mutating func emit(_ kind: TemplateToken.Kind) { tokens.append(TemplateToken(kind: kind, line: line)) }

    /// Moves on, counting lines.
    private mutating func advance(to index: Int) {
        guard index > position else { return }
        for scalar in source[position..<index] where scalar == "\n" { line += 1 }
        startsLine = source[index - 1] == "\n"
        position = index
    }

    private func has(_ text: String, at index: Int) -> Bool {
        var index = index
        for scalar in text.unicodeScalars {
            guard index < source.count, source[index] == scalar else { return false }
            index += 1
        }
        return true
    }

    private func skippingSpace(from index: Int) -> Int {
        var index = index
        while index < source.count, source[index].isPythonSpace { index += 1 }
        return index
    }

    // MARK: Tags

    /// The position behind the end of a tag that begins at `index`, or nil where there is none.
    ///
    /// - Parameter end: `%}`, `}}` or `#}`.
    private func tagEnd(_ end: String, at index: Int) -> Int? {
        let isPrint = end == "}}"
        if has("-" + end, at: index) { return skippingSpace(from: index + 3) }
        if !isPrint, has("+" + end, at: index) { return index + 3 }
        guard has(end, at: index) else { return nil }
        return !isPrint && has("\n", at: index + 2) ? index + 3 : index + 2
    }

    private mutating func skipComment() throws {
        let start = line
        for index in position..<source.count {
            if let end = tagEnd("#}", at: index) { return advance(to: end) }
        }
        throw TemplateFault("a comment has no end (#})", line: start)
    }

    /// Reads `{% raw %}` with what it encloses, if that is what stands behind `{%`.
    private mutating func readRaw() throws -> Bool {
        var index = skippingSpace(from: position)
        guard has("raw", at: index) else { return false }
        index = skippingSpace(from: index + 3)
        guard has("-%}", at: index) || has("%}", at: index) else { return false }
        let start = line
        advance(to: has("-%}", at: index) ? skippingSpace(from: index + 3) : index + 2)
        for index in position..<source.count where has("{%", at: index) {
            let sign = sign(at: index + 2)
            let name = skippingSpace(from: index + (sign == .none ? 2 : 3))
            guard has("endraw", at: name), let end = tagEnd("%}", at: skippingSpace(from: name + 6)) else { continue }
            emitText(trimmed(source[position..<index], before: sign, isPrint: false))
            advance(to: end)
            return true
        }
        throw TemplateFault("a raw block has no end ({% endraw %})", line: start)
    }

    private mutating func readTag(isBlock: Bool) throws {
        emit(isBlock ? .blockBegin : .variableBegin)
        let start = line
        let end = isBlock ? "%}" : "}}"
        closers = []
        while true {
            if closers.isEmpty, let next = tagEnd(end, at: position) {
                emit(isBlock ? .blockEnd : .variableEnd)
                return advance(to: next)
            }
            guard position < source.count else { throw TemplateFault("a tag has no end (\(end))", line: start) }
            try readToken()
        }
    }

    private mutating func readToken() throws {
        let scalar = source[position]
        switch scalar {
        case _ where scalar.isPythonSpace: advance(to: skippingSpace(from: position))
        case "0"..."9": try readNumber()
        case "a"..."z", "A"..."Z", "_": readName()
        case "'", "\"": try readString(quote: scalar)
        default: try readSymbol()
        }
    }

    private mutating func readName() {
        var end = position
        while end < source.count, source[end].isNamePart { end += 1 }
        emit(.name(text(to: end)))
        advance(to: end)
    }

    private func text(to end: Int) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: source[position..<end])
        return text
    }

    /// How many scalars the operator or bracket takes that stands there; nil for none.
    private var symbolLength: Int? {
        switch (source[position], position + 1 < source.count ? source[position + 1] : " ") {
        case ("/", "/"), ("*", "*"), ("=", "="), ("!", "="), (">", "="), ("<", "="): 2
        case ("+", _), ("-", _), ("/", _), ("*", _), ("%", _), ("~", _), (">", _), ("<", _), ("=", _): 1
        case ("[", _), ("]", _), ("(", _), (")", _), ("{", _), ("}", _), (".", _), (":", _), ("|", _), (",", _): 1
        default: nil
        }
    }

    private mutating func readSymbol() throws {
        guard let length = symbolLength else {
            let character = pythonRepresentation(String(source[position]))
            throw TemplateFault("the character \(character) is not expected here", line: line)
        }
        let symbol = text(to: position + length)
        switch symbol {
        case "(": closers.append(")")
        case "[": closers.append("]")
        case "{": closers.append("}")
        case ")", "]", "}":
            guard closers.popLast() == symbol.unicodeScalars.first else {
                throw TemplateFault("a bracket is closed by \"\(symbol)\" that was not opened by its like", line: line)
            }
        default: break
        }
        emit(.symbol(symbol))
        advance(to: position + length)
    }

    // MARK: Literals

    /// The end of a row of digits, single underscores between them; nil where none stands there.
    private func digits(from index: Int, radix: Int = 10) -> Int? {
        guard index < source.count, source[index].digit(radix: radix) != nil else { return nil }
        var end = index
        while end < source.count {
            if source[end].digit(radix: radix) != nil {
                end += 1
            } else if source[end] == "_", end + 1 < source.count, source[end + 1].digit(radix: radix) != nil {
                end += 1
            } else {
                break
            }
        }
        return end
    }

    private mutating func readNumber() throws {
        let whole = digits(from: position)!
        let isBehindPoint = position > 0 && source[position - 1] == "."
        if !isBehindPoint, let end = fractionEnd(from: whole) {
            guard let value = Double(text(to: end).filter { $0 != "_" }) else {
                throw TemplateFault("the number \(text(to: end)) cannot be read", line: line)
            }
            emit(.double(value))
            return advance(to: end)
        }
        var radix = 10
        var start = position
        var end = whole
        if source[position] == "0", position + 1 < source.count {
            let radices: [Unicode.Scalar: Int] = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2]
            if let named = radices[source[position + 1]] {
                let first = has("_", at: position + 2) ? position + 3 : position + 2
                if let last = digits(from: first, radix: named) { (radix, start, end) = (named, first, last) }
            }
        }
        let written = text(to: end)
        var digits = ""
        digits.unicodeScalars.append(contentsOf: source[start..<end].lazy.filter { $0 != "_" })
        guard radix != 10 || !digits.hasPrefix("0") || digits.allSatisfy({ $0 == "0" }) else {
            throw TemplateFault("the number \(written) begins with 0", line: line)
        }
        guard let value = Int(digits, radix: radix) else {
            throw TemplateFault("the number \(written) needs more than 64 bits", line: line)
        }
        emit(.integer(value))
        advance(to: end)
    }

    /// The end of `.5`, `e-3` or both behind a row of digits.
    private func fractionEnd(from index: Int) -> Int? {
        var end: Int?
        if has(".", at: index) { end = digits(from: index + 1) }
        let exponent = end ?? index
        guard has("e", at: exponent) || has("E", at: exponent) else { return end }
        let hasSign = has("+", at: exponent + 1) || has("-", at: exponent + 1)
        return digits(from: exponent + (hasSign ? 2 : 1)) ?? end
    }

    private mutating func readString(quote: Unicode.Scalar) throws {
        var index = position + 1
        var text = String.UnicodeScalarView()
        while index < source.count, source[index] != quote {
            if source[index] == "\\" {
                index = try readEscape(at: index + 1, into: &text)
            } else {
                text.append(source[index])
                index += 1
            }
        }
        guard index < source.count else { throw TemplateFault("a string has no end", line: line) }
        emit(.string(String(text)))
        advance(to: index + 1)
    }

    private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "n": "\n", "r": "\r", "t": "\t",
        "v": "\u{B}",
    ]

    /// Reads what stands behind a backslash, as Python's `unicode-escape` does; returns the position behind it.
    private func readEscape(at index: Int, into text: inout String.UnicodeScalarView) throws -> Int {
        guard index < source.count else { throw TemplateFault("a string has no end", line: line) }
        let scalar = source[index]
        switch scalar {
        case "\n": return index + 1
        case "x": return try readHexadecimal(2, at: index + 1, into: &text)
        case "u": return try readHexadecimal(4, at: index + 1, into: &text)
        case "U": return try readHexadecimal(8, at: index + 1, into: &text)
        case "0"..."7":
            var end = index
            var value: UInt32 = 0
            while end < min(index + 3, source.count), let digit = source[end].digit(radix: 8) {
                value = value * 8 + UInt32(digit)
                end += 1
            }
            text.append(Unicode.Scalar(value)!)
            return end
        case "N":
            throw TemplateFault("the escape \\N{…} is not supported", line: line, advice: "write the character itself")
        default:
            guard scalar.isASCII else {
                throw TemplateFault(
                    "a backslash before \(pythonRepresentation(String(scalar))) is not supported", line: line)
            }
            if let value = Self.escapes[scalar] {
                text.append(value)
            } else {
                // An escape that is none stays as it is.
                text.append("\\")
                text.append(scalar)
            }
            return index + 1
        }
    }

    private func readHexadecimal(
        _ digitCount: Int, at index: Int, into text: inout String.UnicodeScalarView
    ) throws -> Int {
        var value: UInt32 = 0
        for place in index..<(index + digitCount) {
            guard place < source.count, let digit = source[place].digit(radix: 16) else {
                throw TemplateFault("an escape needs \(digitCount) hexadecimal digits", line: line)
            }
            value = value << 4 | UInt32(digit)
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw TemplateFault(
                "an escape stands for no character: U+\(String(value, radix: 16).uppercased())", line: line)
        }
        text.append(scalar)
        return index + digitCount
    }
}

extension Unicode.Scalar {
    /// Part of a name in a template: letters and digits of ASCII, and `_`.
    fileprivate var isNamePart: Bool {
        switch self {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    fileprivate func digit(radix: Int) -> Int? {
        guard isASCII, let digit = Character(self).hexDigitValue, digit < radix else { return nil }
        return digit
    }
}

extension [Unicode.Scalar] {
    fileprivate func droppingLastNewline() -> [Unicode.Scalar] { last == "\n" ? dropLast() : self }
}
