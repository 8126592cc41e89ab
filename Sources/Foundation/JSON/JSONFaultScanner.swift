/// Finds the place and the nature of the first fault of a JSON text, slowly and byte by byte.
///
/// Runs only after the fast parser refused a text, so that errors can point at a byte.
package struct JSONFaultScanner {
    /// What counts as a fault.
    package enum Rules {
        /// RFC 8259, UTF-8, nesting up to 1024, numbers within a double.
        case syntax
        /// Also whole numbers beyond Int64 and duplicate keys.
        case strictValue
    }

    private let bytes: UnsafeRawBufferPointer
    private let rules: Rules
    private var position = 0
    private var depth = 0

    /// The first fault; nil when there is none by these rules.
    package static func firstFault(in bytes: UnsafeRawBufferPointer, rules: Rules) -> JSONSyntaxError? {
        var scanner = JSONFaultScanner(bytes: bytes, rules: rules)
        do throws(JSONSyntaxError) {
            try scanner.skipSpace()
            try scanner.value()
            try scanner.skipSpace()
            if scanner.position < bytes.count { throw scanner.fault("something follows the end of the JSON value") }
            return nil
        } catch {
            return error
        }
    }

    private init(bytes: UnsafeRawBufferPointer, rules: Rules) {
        self.bytes = bytes
        self.rules = rules
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func fault(_ reason: String, at offset: Int? = nil, isCutOff: Bool = false) -> JSONSyntaxError {
        let offset = offset ?? position
        let line = bytes[..<offset].reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
        return JSONSyntaxError(byteOffset: offset, line: line, reason: reason, isCutOff: isCutOff)
    }

    private func unexpected(_ wanted: String) -> JSONSyntaxError {
        guard let byte = current else {
            return fault("the text ends where \(wanted) should follow", isCutOff: true)
        }
        let shown =
            byte > 0x20 && byte < 0x7F
            ? "“\(Character(UnicodeScalar(byte)))”" : "byte 0x" + String(byte, radix: 16, uppercase: true)
        return fault("\(shown) where \(wanted) should be")
    }

    private mutating func skipSpace() throws(JSONSyntaxError) {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func value() throws(JSONSyntaxError) {
        switch current {
        case UInt8(ascii: "{"): try object()
        case UInt8(ascii: "["): try array()
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): try number()
        default: throw unexpected("a value")
        }
    }

    private mutating func enter() throws(JSONSyntaxError) {
        depth += 1
        if depth >= 1024 { throw fault("nested more than 1023 deep") }
        position += 1
        try skipSpace()
    }

    private mutating func object() throws(JSONSyntaxError) {
        try enter()
        defer { depth -= 1 }
        if current == UInt8(ascii: "}") {
            position += 1
            return
        }
        var seen: Set<[UInt8]> = []
        while true {
            guard current == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
            let start = position
            let key = try string()
            if rules == .strictValue, !seen.insert(key).inserted {
                throw fault("the key occurs twice in one object", at: start)
            }
            try skipSpace()
            guard current == UInt8(ascii: ":") else { throw unexpected("“:”") }
            position += 1
            try skipSpace()
            try value()
            try skipSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                try skipSpace()
            case UInt8(ascii: "}"):
                position += 1
                return
            default: throw unexpected("“,” or “}”")
            }
        }
    }

    private mutating func array() throws(JSONSyntaxError) {
        try enter()
        defer { depth -= 1 }
        if current == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try value()
            try skipSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                try skipSpace()
            case UInt8(ascii: "]"):
                position += 1
                return
            default: throw unexpected("“,” or “]”")
            }
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONSyntaxError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count, UnsafeRawBufferPointer(rebasing: bytes[position..<end]).isEqual(to: word) else {
            throw unexpected("a value")
        }
        position = end
    }

    private mutating func digits() throws(JSONSyntaxError) {
        guard let byte = current, byte >= 0x30, byte <= 0x39 else { throw unexpected("a digit") }
        while let byte = current, byte >= 0x30, byte <= 0x39 { position += 1 }
    }

    private mutating func number() throws(JSONSyntaxError) {
        let start = position
        var isWhole = true
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") {
            position += 1
            if let byte = current, byte >= 0x30, byte <= 0x39 {
                throw fault("a number with a leading zero", at: start)
            }
        } else {
            try digits()
        }
        if current == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try digits()
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        // Only ASCII digits and signs lie in this range.
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole {
            let fits = rules == .strictValue ? Int64(text) != nil : Int64(text) != nil || UInt64(text) != nil
            if !fits { throw fault("a whole number beyond 64 bits: write it as a string", at: start) }
        } else if Double(text)?.isFinite != true {
            throw fault("a number beyond the range of a double", at: start)
        }
    }

    /// Skips a string and returns its unescaped bytes.
    private mutating func string() throws(JSONSyntaxError) -> [UInt8] {
        let start = position
        var content: [UInt8] = []
        position += 1
        while true {
            guard let byte = current else { throw fault("the text ends inside a string", at: start, isCutOff: true) }
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return content
            case UInt8(ascii: "\\"):
                try escape(into: &content)
            case ..<0x20:
                throw fault("an unescaped control character (0x\(String(byte, radix: 16))) in a string")
            case ..<0x80:
                content.append(byte)
                position += 1
            default:
                let count = Self.sequenceLength(bytes, at: position)
                guard count > 0 else { throw fault("invalid UTF-8") }
                content.append(contentsOf: bytes[position..<position + count])
                position += count
            }
        }
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSONSyntaxError) {
        let start = position
        position += 1
        guard let byte = current else { throw fault("the text ends inside a string", at: start, isCutOff: true) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hexadecimal(start)
            if unit >= 0xD800 && unit < 0xDC00 {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw fault("half of a surrogate pair", at: start) }
                position += 2
                let low = try hexadecimal(start)
                guard low >= 0xDC00 && low < 0xE000 else { throw fault("half of a surrogate pair", at: start) }
                unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = UnicodeScalar(unit) else { throw fault("half of a surrogate pair", at: start) }
            content.append(contentsOf: UTF8.encode(scalar)!)
        default: throw fault("an unknown escape", at: start)
        }
    }

    private mutating func hexadecimal(_ start: Int) throws(JSONSyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16),
            bytes[position] != UInt8(ascii: "+"), bytes[position] != UInt8(ascii: "-")
        else { throw fault("\\u needs four hexadecimal digits", at: start) }
        position += 4
        return value
    }

    /// Bytes of the well-formed multi-byte UTF-8 sequence at `position`, 0 if it is ill-formed (Unicode table 3-7).
    static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
        func isContinuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + offset < bytes.count && range.contains(bytes[position + offset])
        }
        switch bytes[position] {
        case 0xC2...0xDF: return isContinuation(1) ? 2 : 0
        case 0xE0: return isContinuation(1, 0xA0...0xBF) && isContinuation(2) ? 3 : 0
        case 0xE1...0xEC, 0xEE...0xEF: return isContinuation(1) && isContinuation(2) ? 3 : 0
        case 0xED: return isContinuation(1, 0x80...0x9F) && isContinuation(2) ? 3 : 0
        case 0xF0: return isContinuation(1, 0x90...0xBF) && isContinuation(2) && isContinuation(3) ? 4 : 0
        case 0xF1...0xF3: return isContinuation(1) && isContinuation(2) && isContinuation(3) ? 4 : 0
        case 0xF4: return isContinuation(1, 0x80...0x8F) && isContinuation(2) && isContinuation(3) ? 4 : 0
        default: return 0
        }
    }
}
