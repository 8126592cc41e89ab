import Base
import JSON

/// Seeded v1 rows with all that a row may hold: odd ids, missing, null and empty titles, extras of every kind.
///
/// A docid has one content wherever it occurs, and lists may name a document twice.
struct RandomRows {
    private(set) var rows: [JSONValue] = []

    /// Ids that careless software breaks or joins; some are canonically equivalent without being equal.
    private static let oddIDs = [
        "é", "e\u{301}", "Å", "A\u{30A}", "\u{212B}", "a b", " ", "#", "a#1", "\"", "\\", "\\\"", "/", "\u{0}", "\n",
        "\t", "\u{FEFF}", "🙂", "\u{10FFFF}", "\u{2028}", "~", "null", "{}", "a,b", "%20", "0", "00",
    ]
    private static let scalars = Array("abc #\"\\/{}[],:\n\t\u{1}\u{7F}\u{301}é漢🙂\u{FEFF}".unicodeScalars)

    private var random: SplitMix64

    init(count: Int, documentCount: Int = 60, seed: UInt64) {
        random = SplitMix64(seed: seed)
        let documents = (0..<documentCount).map { passage(id: id($0)) }
        for number in 0..<count {
            var row: JSONObject = ["query_id": .string(id(number)), "query": .string(text(40))]
            addExtras(to: &row)
            for name in ["positive_passages", "negative_passages"] {
                row[name] = .array((0..<below(5)).map { _ in documents[below(documentCount)] })
            }
            rows.append(.object(row))
        }
    }

    /// The rows as JSON Lines; every other one with all that is not ASCII escaped, as Python writes by default.
    var lines: [String] {
        rows.enumerated().map { number, row in
            var line: [UInt8] = []
            row.appendLine(to: &line)
            let text = String(decoding: line, as: UTF8.self)
            guard number % 2 == 1 else { return text }
            return text.utf16.map { unit in
                unit < 0x80
                    ? String(UnicodeScalar(UInt8(unit)))
                    : "\\u" + hexadecimal([UInt8(unit >> 8), UInt8(unit & 0xFF)])
            }.joined()
        }
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

    private mutating func text(_ longest: Int) -> String {
        var text = ""
        for _ in 0..<below(longest + 1) { text.unicodeScalars.append(Self.scalars[below(Self.scalars.count)]) }
        return text
    }

    private mutating func id(_ number: Int) -> String {
        // Unique by its number, odd by what follows it.
        number < Self.oddIDs.count ? Self.oddIDs[number] : "\(number)/" + text(6)
    }

    private mutating func passage(id: String) -> JSONValue {
        var passage: JSONObject = ["docid": .string(id)]
        switch below(4) {
        case 0: break
        case 1: passage["title"] = .null
        case 2: passage["title"] = ""
        default: passage["title"] = .string(text(12))
        }
        passage["text"] = .string(text(80))
        if below(5) == 0 { passage["image"] = ["sha256": .string(text(4)), "width": 3] }
        addExtras(to: &passage)
        return .object(passage)
    }

    private mutating func addExtras(to record: inout JSONObject) {
        for _ in 0..<below(3) { record["x" + text(3)] = value(depth: 3) }
        if below(4) == 0 {
            record["é"] = 1
            record["e\u{301}"] = 2
        }
    }

    private mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 0 ? 9 : 7) {
        case 0: return .null
        case 1: return .bool(below(2) == 0)
        case 2: return .integer([0, -1, .max, .min, 1 << 53 + 1][below(5)])
        case 3:
            return .number([0.0, -0.5, 0.1, 3.0, 1e300, .leastNonzeroMagnitude, -.greatestFiniteMagnitude][below(7)])
        case 4: return .number(Double(below(4000)) / 7 - 100)
        case 5, 6: return .string(text(8))
        case 7: return .array((0..<below(4)).map { _ in value(depth: depth - 1) })
        default:
            var object = JSONObject()
            for _ in 0..<below(4) { object[text(3)] = value(depth: depth - 1) }
            return .object(object)
        }
    }
}
