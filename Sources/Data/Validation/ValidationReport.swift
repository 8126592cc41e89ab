internal import Analysis
internal import Base
public import JSON

/// All that is wrong with a source, and what its records are like.
public struct ValidationReport {
    /// The first of each kind, in the order in which they were found.
    public let problems: [Problem]
    /// All of each kind.
    public let counts: [ProblemKind: Int]
    let documents: Validation.Side
    let queries: Validation.Side
    let linkedQueryCount: Int
    let judgementCount: Int
    let media: MediaStatistics
    /// References to records that have a fault of their own, or to what a file that cannot be read to its end may have had.
    public let consequenceCount: Int
    /// What adapters counted, by their words for it.
    public let sourceCounts: [String: Int]

    /// How many problems would stop a conversion.
    public var errorCount: Int { count { $0.isError } }
    public var warningCount: Int { count { !$0.isError } }

    private func count(_ isMeant: (ProblemKind) -> Bool) -> Int {
        counts.reduce(0) { $0 + (isMeant($1.key) ? $1.value : 0) }
    }

    public var json: JSONObject {
        func side(_ side: Validation.Side) -> JSONValue {
            [
                "count": JSONValue(side.count), "fields": side.fields.json, "texts": side.texts.json,
                "languages": side.languages.json,
            ]
        }
        return [
            "errors": JSONValue(errorCount), "warnings": JSONValue(warningCount),
            "counts": .object(
                JSONObject(
                    ProblemKind.allCases.compactMap { kind in counts[kind].map { (kind.rawValue, JSONValue($0)) } })),
            "problems": .array(
                problems.map { ["kind": .string($0.kind.rawValue), "message": .string($0.message)] }),
            "documents": side(documents), "queries": side(queries),
            "queries_with_positives": JSONValue(linkedQueryCount),
            "judgements": JSONValue(judgementCount), "media": media.json,
            "references_to_broken_records": JSONValue(consequenceCount),
            "counted": .object(
                JSONObject(sourceCounts.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) })),
        ]
    }

    /// For people.
    public var summary: String {
        var text = ""
        for kind in ProblemKind.allCases {
            let found = problems.filter { $0.kind == kind }
            guard !found.isEmpty else { continue }
            text += "\(kind.rawValue) (\(kind.isError ? "error" : "warning")): \(counts[kind, default: 0])\n"
            for problem in found {
                text += "  " + problem.message.split(separator: "\n").joined(separator: "\n  ") + "\n"
            }
            let left = counts[kind, default: 0] - found.count
            if left > 0 { text += "  … and \(left) more\n" }
        }
        if !text.isEmpty { text += "\n" }
        for side in [documents, queries] { text += Self.summary(of: side) }
        if queries.count > 0 {
            text +=
                "links: \(linkedQueryCount) of \(queries.count) queries have positives, \(judgementCount) judgements\n"
        }
        if media.itemCount + media.externalCount > 0 {
            let formats = media.formats.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let external = media.externalCount > 0 ? "; \(media.externalCount) references to others" : ""
            text +=
                "media: \(media.itemCount), \(byteSize(media.byteCount)) (\(formats.joined(separator: ", ")))"
                + external + "\n"
        }
        for (what, count) in sourceCounts.sorted(by: { $0.key < $1.key }) { text += "\(what): \(count)\n" }
        if consequenceCount > 0 {
            text += "references to records that are broken themselves, not counted as errors: \(consequenceCount)\n"
        }
        func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
        return text + "\(counted(errorCount, "error")), \(counted(warningCount, "warning"))\n"
    }

    private static func summary(of side: Validation.Side) -> String {
        guard side.count > 0 else { return "\(side.name): none\n" }
        var text = "\(side.name): \(side.count)\n"
        if side.texts.blankCount > 0 { text += "  blank texts: \(side.texts.blankCount)\n" }
        let lengths = side.texts.lengths
        if lengths.count > 0 {
            text +=
                "  texts of \(lengths.smallest) to \(lengths.largest) bytes, \(Int(lengths.mean.rounded())) in the mean: "
            text +=
                lengths.filledBins.map { "\(CountHistogram.label(of: $0)): \(lengths.bins[$0])" }.joined(
                    separator: ", ")
                + "\n"
            let sampleCount = max(1, side.languages.count)
            let languages = side.languages.languages.filter { 100 * $0.count >= sampleCount }.map { language in
                let share = Int((100 * Double(language.count) / Double(sampleCount)).rounded())
                return "\(language.code.isEmpty ? "unsure" : language.code) \(share) %"
            }
            if !languages.isEmpty {
                text +=
                    "  languages of \(side.languages.count) texts (from 1 % on): \(languages.joined(separator: ", "))\n"
            }
        }
        return text
    }
}
