public import Analysis
internal import Base
internal import JSON

/// Lengths of texts, and what is doubtful in them.
public struct TextStatistics: Sendable {
    /// Characters that tell of a wrong encoding somewhere before.
    public struct Doubts: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// U+FFFD: what stood here was lost when somebody decoded it.
        public static let replacement = Doubts(rawValue: 1)
        /// UTF-8 that was taken for Latin-1 or Windows-1252 and encoded once more: `Ã©`, `â€™`.
        public static let twiceEncoded = Doubts(rawValue: 2)
        /// Control characters other than tabs and line breaks.
        public static let control = Doubts(rawValue: 4)
        /// A byte order mark.
        public static let byteOrderMark = Doubts(rawValue: 8)

        static let names: [(Doubts, String)] = [
            (.replacement, "U+FFFD, the mark of lost characters"), (.twiceEncoded, "UTF-8 encoded twice"),
            (.control, "control characters"), (.byteOrderMark, "a byte order mark"),
        ]

        var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
    }

    /// In bytes of UTF-8.
    public private(set) var lengths = CountHistogram()
    /// Records with nothing to read in text and title: see ``BlankTexts``.
    public private(set) var blankCount = 0
    /// Texts by what is doubtful in them; one text may have several doubts.
    public private(set) var doubtCounts: [String: Int] = [:]

    mutating func add(byteCount: Int, isBlank: Bool, _ doubts: Doubts) {
        lengths.add(byteCount)
        if isBlank { blankCount += 1 }
        for name in doubts.names { doubtCounts[name, default: 0] += 1 }
    }

    /// - Parameter text: valid UTF-8.
    static func doubts(in text: UnsafeRawBufferPointer) -> Doubts {
        var doubts: Doubts = []
        var position = 0
        func byte(_ offset: Int) -> UInt8 { position + offset < text.count ? text[position + offset] : 0 }
        while position < text.count {
            let lead = text[position]
            switch lead {
            case 0x20...0x7E, 0x09, 0x0A, 0x0D: position += 1
            case 0x00...0x1F, 0x7F:
                doubts.insert(.control)
                position += 1
            case 0xC2:
                // U+0080 to U+009F have no meaning as text.
                if byte(1) < 0xA0 { doubts.insert(.control) }
                position += 2
            case 0xC3:
                // U+00C2 to U+00F4, which begin characters in UTF-8, and then one that goes on with a character.
                let isLead = (0x82...0xB4).contains(byte(1))
                let isFollowed =
                    byte(2) == 0xC2 && (0x80...0xBF).contains(byte(3))
                    || byte(1) == 0xA2 && byte(2) == 0xE2 && byte(3) == 0x82 && byte(4) == 0xAC
                if isLead, isFollowed {
                    doubts.insert(.twiceEncoded)
                    position += byte(2) == 0xC2 ? 4 : 5
                } else {
                    position += 2
                }
            case 0xEF:
                if byte(1) == 0xBF, byte(2) == 0xBD { doubts.insert(.replacement) }
                if byte(1) == 0xBB, byte(2) == 0xBF { doubts.insert(.byteOrderMark) }
                position += 3
            case 0x80...0xDF: position += 2
            case 0xE0...0xEE: position += 3
            default: position += 4
            }
        }
        return doubts
    }

    var json: JSONValue {
        let doubts = doubtCounts.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }
        return [
            "bytes": lengths.json, "blank": JSONValue(blankCount), "empty": JSONValue(blankCount),
            "doubtful": .object(JSONObject(doubts)),
        ]
    }
}
