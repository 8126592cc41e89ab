internal import Base
internal import JSON
internal import Records

/// Finds a query's answers in texts, without regard to case.
///
/// An answer that starts or ends with an ASCII letter or digit does not match inside a longer ASCII word: "Eli" is not
/// in "believe". Scripts that do not separate words match anywhere.
struct AnswerMatcher: Sendable {
    private let answers: [[UInt8]]

    /// The fields of a query in which data sets keep answers.
    static let fields = ["answer", "answers"]

    /// The answers in the fields ``fields`` of a query, each a string or a list of strings; empty ones are passed over.
    ///
    /// - Returns: nil where there is no answer.
    /// - Throws: `Failure` if a field is something else.
    init?(of query: Query) throws {
        var answers: [[UInt8]] = []
        for extra in query.extras where Self.fields.contains(where: { $0.utf8.elementsEqual(extra.key) }) {
            let field = String(decoding: extra.key, as: UTF8.self)
            let value = try JSONValue.parse(extra.json, path: "\(field) of query \(escaped(query.id))")
            guard !value.isNull else { continue }
            let texts = value.string.map { [$0] } ?? value.array?.compactMap(\.string)
            guard let texts, value.string != nil || value.array?.count == texts.count else {
                throw Failure(
                    .badData,
                    "the field \"\(field)\" of query \(escaped(query.id)) is neither a string nor a list of strings",
                    advice: "mine without --exclude-answers, or convert the data again")
            }
            answers += texts.map { Self.lowercased(Array($0.utf8)) }.filter { !$0.isEmpty }
        }
        guard !answers.isEmpty else { return nil }
        self.answers = answers
    }

    func isContained(in text: [UInt8]) -> Bool {
        let text = Self.lowercased(text)
        return answers.contains { Self.contains($0, in: text) }
    }

    private static func contains(_ answer: [UInt8], in text: [UInt8]) -> Bool {
        guard answer.count <= text.count else { return false }
        let first = answer[0]
        for start in 0...(text.count - answer.count) where text[start] == first {
            let end = start + answer.count
            guard text[start..<end].elementsEqual(answer) else { continue }
            let isCutBefore = start > 0 && isWord(text[start - 1]) && isWord(first)
            let isCutAfter = end < text.count && isWord(text[end]) && isWord(answer[answer.count - 1])
            if !isCutBefore && !isCutAfter { return true }
        }
        return false
    }

    /// Whether a lowercased byte is an ASCII letter or digit.
    private static func isWord(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func lowercased(_ text: [UInt8]) -> [UInt8] {
        if text.allSatisfy({ $0 < 0x80 }) { return text.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 } }
        guard let string = String(validating: text, as: UTF8.self) else { return text }
        return Array(string.lowercased().utf8)
    }
}
