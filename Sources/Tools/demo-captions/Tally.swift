internal import JSON

/// What was taken of each source, and what was left out and why.
struct Tally {
    struct Source {
        var licence: String
        var itemCount = 0
        var captionCounts: [String: Int] = [:]
        var omitted: [String: Int] = [:]
    }

    private(set) var sources: [String: Source] = [:]
    /// Items and queries of each side.
    var sides: [(name: String, value: JSONValue)] = []

    mutating func begin(_ source: String, licence: String) {
        if sources[source] == nil { sources[source] = Source(licence: licence) }
    }

    mutating func take(_ item: CaptionedItem) {
        sources[String(item.source)]!.itemCount += 1
        for caption in item.captions { sources[String(item.source)]!.captionCounts[caption.language, default: 0] += 1 }
    }

    mutating func omit(_ source: String, _ reason: String) { sources[source]!.omitted[reason, default: 0] += 1 }

    var json: JSONValue {
        func counts(_ counts: [String: Int]) -> JSONValue {
            .object(JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }))
        }
        let described = sources.sorted { $0.key < $1.key }.map { name, source in
            (
                name,
                [
                    "licence": .string(source.licence), "items": JSONValue(source.itemCount),
                    "captions": counts(source.captionCounts), "omitted": counts(source.omitted),
                ] as JSONValue
            )
        }
        return [
            "sources": .object(JSONObject(described)), "sides": .object(JSONObject(sides.map { ($0.name, $0.value) })),
        ]
    }

    var text: String {
        var lines: [String] = []
        for (name, source) in sources.sorted(by: { $0.key < $1.key }) {
            let captions = source.captionCounts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            lines.append("\(name): \(source.itemCount), captions: \(captions.joined(separator: ", "))")
            for (reason, count) in source.omitted.sorted(by: { $0.key < $1.key }) {
                lines.append("  left out \(count): \(reason)")
            }
        }
        for (name, value) in sides {
            let counts = (value.object ?? [:]).map { "\($0.1.integer ?? 0) \($0.0)" }
            lines.append("\(name): \(counts.joined(separator: ", "))")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
