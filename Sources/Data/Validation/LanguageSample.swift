internal import Base
internal import CLanguage
internal import JSON

/// The languages of some texts, chosen by a hash of their records' ids, so that any order gives the same ones.
public struct LanguageSample: Sendable {
    /// Up to twice as many are looked at.
    private static let size = 4096
    /// CLD2 is sure of longer texts long before their end.
    private static let longestText = 2000

    private var texts: [(hash: UInt64, code: String)] = []
    private var highestHash = UInt64.max

    mutating func add(id: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer) {
        let hash = ContentHash.of(id).high
        guard hash <= highestHash else { return }
        texts.append((hash, Self.code(of: text)))
        guard texts.count == 2 * Self.size else { return }
        texts.sort { $0.hash < $1.hash }
        texts.removeLast(Self.size)
        highestHash = texts[Self.size - 1].hash
    }

    static func code(of text: UnsafeRawBufferPointer) -> String {
        var end = min(text.count, longestText)
        while end > 0, end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
        guard end > 0 else { return "" }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(TVT_LANGUAGE_CODE_BYTES)) { code in
            tvt_language(text.baseAddress!.assumingMemoryBound(to: CChar.self), Int32(end), code.baseAddress!)
            return String(cString: code.baseAddress!)
        }
    }

    /// How many texts were looked at.
    public var count: Int { min(texts.count, Self.size) }

    /// Languages by how many of the texts are in them, the most frequent first; an empty code stands for unsure.
    public var languages: [(code: String, count: Int)] {
        var counts: [String: Int] = [:]
        for text in texts.sorted(by: { $0.hash < $1.hash }).prefix(Self.size) { counts[text.code, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }

    var json: JSONValue {
        let languages = languages.map { ($0.code.isEmpty ? "unsure" : $0.code, JSONValue($0.count)) }
        return ["texts": JSONValue(count), "languages": .object(JSONObject(languages))]
    }
}
