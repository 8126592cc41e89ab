public import Base
public import JSON

/// What a conversion read, kept, merged and left out.
public struct IngestReport: Sendable {
    public struct Input: Sendable {
        public var path: String
        /// Bytes of the file as it lies there.
        public var size: Int
        public var sha256: SHA256Digest

        package init(path: String, size: Int, sha256: SHA256Digest) {
            (self.path, self.size, self.sha256) = (path, size, sha256)
        }
    }

    public var reference = ""
    public var dataset: SHA256Digest?
    /// Equal to that of the dataset whose export was read, where nothing is missing.
    public var logicalDigest: SHA256Digest?
    public var inputs: [Input] = []
    /// Decompressed bytes that were parsed.
    public var parsedBytes = 0
    public var queryCount = 0
    public var documentCount = 0
    public var positiveCount = 0
    public var negativeCount = 0
    /// Judgements by split, in the order of reading.
    public var judgementCounts: [(split: String, count: Int)] = []
    /// Times that a document came again with the same content.
    public var duplicatesMerged = 0
    /// Times that a docid came again with different content.
    public var conflictCount = 0
    /// Documents that had no id and were named by their content.
    public var madeIDCount = 0
    /// Times that a query without an id came again, equal in all that is known of it.
    public var sameQueryCount = 0
    /// What the adapter of a source counted, by its words for it.
    public var sourceCounts: [String: Int] = [:]
    public var rejectCount = 0
    /// What was said of the source besides.
    public var warningCounts: [SourceWarning: Int] = [:]
    /// What an adapter has to say of the source when all of it is read.
    private(set) var notes: [(kind: SourceWarning, messages: [String])] = []
    /// Records that were left out because their media are broken or missing, by the reason; nil where that was not asked for.
    public var quarantineCounts: [String: Int]?
    /// Links and judgements that were left out with the records that they refer to.
    public var lostLinkCount = 0
    public var lostJudgementCount = 0
    /// Items that were encoded anew, and their bytes before and after.
    public var encodedCount = 0
    public var encodedSourceBytes = 0
    public var encodedBytes = 0
    /// How what was read differs from what `export.json` tells of the folder; nil without such a file.
    public var exportDifferences: [String]?
    /// References to images, videos and sounds in records that were kept, …
    public var mediaReferenceCount = 0
    /// … how many of them stay references to something elsewhere, …
    public var externalMediaCount = 0
    /// … and the items that the others name.
    public var mediaItemCount = 0
    public var mediaBytes = 0
    /// Bytes of all blobs of the new version.
    public var storedBytes = 0
    public var seconds = 0.0

    mutating func countJudgements(in split: String, _ count: Int = 1) {
        if let known = judgementCounts.firstIndex(where: { $0.split.utf8.elementsEqual(split.utf8) }) {
            judgementCounts[known].count += count
        } else {
            judgementCounts.append((split, count))
        }
    }

    /// Notes what is said of the source when all of it is read.
    package mutating func note(_ kind: SourceWarning, _ messages: [String]) { notes.append((kind, messages)) }

    /// Adds a file that an adapter has read by itself.
    package mutating func addInput(_ path: String, size: Int, sha256: SHA256Digest) {
        inputs.append(Input(path: path, size: size, sha256: sha256))
    }

    var inputBytes: Int { inputs.reduce(0) { $0 + $1.size } }

    /// What the manifest keeps: no times, nothing that would differ from run to run.
    var statistics: JSONObject {
        var statistics: JSONObject = [
            "inputBytes": JSONValue(inputBytes), "parsedBytes": JSONValue(parsedBytes),
            "duplicatesMerged": JSONValue(duplicatesMerged), "conflicts": JSONValue(conflictCount),
            "idsMadeFromContent": JSONValue(madeIDCount), "rejects": JSONValue(rejectCount),
        ]
        if sameQueryCount > 0 { statistics["sameQueriesMerged"] = JSONValue(sameQueryCount) }
        if !sourceCounts.isEmpty {
            let counts = sourceCounts.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }
            statistics["source"] = .object(JSONObject(counts))
        }
        if mediaReferenceCount > 0 {
            statistics["mediaReferences"] = JSONValue(mediaReferenceCount)
            statistics["externalMedia"] = JSONValue(externalMediaCount)
        }
        if let quarantineCounts {
            let counts = quarantineCounts.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) }
            statistics["quarantined"] = .object(JSONObject(counts))
            statistics["lostLinks"] = JSONValue(lostLinkCount)
            statistics["lostJudgements"] = JSONValue(lostJudgementCount)
        }
        if encodedCount > 0 {
            statistics["encodedAnew"] = [
                "items": JSONValue(encodedCount), "bytesBefore": JSONValue(encodedSourceBytes),
                "bytesAfter": JSONValue(encodedBytes),
            ]
        }
        return statistics
    }

    public var json: JSONValue {
        var object: JSONObject = [
            "reference": .string(reference), "dataset": .string(dataset.map { "\($0)" } ?? ""),
            "queries": JSONValue(queryCount), "documents": JSONValue(documentCount),
            "positives": JSONValue(positiveCount), "negatives": JSONValue(negativeCount),
            "judgements": .object(JSONObject(judgementCounts.map { ($0.split, JSONValue($0.count)) })),
        ]
        for (name, value) in statistics {
            // The names of these counts come from the data.
            let isByName = name == "source" || name == "quarantined"
            object[JSONObject.snakeCase(name)] = isByName ? value : value.inSnakeCase
        }
        if !warningCounts.isEmpty {
            object["warnings"] = .object(
                JSONObject(
                    SourceWarning.allCases.compactMap { kind in
                        warningCounts[kind].map { (kind.rawValue, JSONValue($0)) }
                    }))
        }
        if let exportDifferences {
            object["logical_digest"] = .string(logicalDigest.map { "\($0)" } ?? "")
            object["export_differences"] = .array(exportDifferences.map { .string($0) })
        }
        if mediaReferenceCount > 0 {
            object["media_items"] = JSONValue(mediaItemCount)
            object["media_bytes"] = JSONValue(mediaBytes)
        }
        object["stored_bytes"] = JSONValue(storedBytes)
        object["seconds"] = .number((seconds * 1000).rounded() / 1000)
        object["inputs"] = .array(
            inputs.map {
                ["path": .string($0.path), "size": JSONValue($0.size), "sha256": .string($0.sha256.hex)]
            })
        return .object(object)
    }

    /// For people: one fact a line.
    public var summary: String {
        var lines: [(String, String)] = [
            ("dataset", "\(reference)  \(dataset.map { "\($0)" } ?? "")"),
            ("queries", "\(queryCount)"), ("documents", "\(documentCount)"),
        ]
        if positiveCount + negativeCount > 0 {
            lines.append(("links", "\(positiveCount) positive, \(negativeCount) negative"))
        }
        if !judgementCounts.isEmpty {
            let total = judgementCounts.reduce(0) { $0 + $1.count }
            let splits = judgementCounts.map { "\($0.split) \($0.count)" }.joined(separator: ", ")
            lines.append(("judgements", "\(total) (\(splits))"))
        }
        if mediaReferenceCount > 0 {
            let external = externalMediaCount > 0 ? ", \(externalMediaCount) references to others" : ""
            lines.append(
                (
                    "media",
                    "\(mediaItemCount) \(mediaItemCount == 1 ? "item" : "items"), \(byteSize(mediaBytes))\(external)"
                ))
        }
        if encodedCount > 0 {
            let (before, after) = (byteSize(encodedSourceBytes), byteSize(encodedBytes))
            lines.append(("encoded anew", "\(encodedCount) (\(before) became \(after))"))
        }
        if let quarantineCounts {
            let reasons = quarantineCounts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            let total = quarantineCounts.values.reduce(0, +)
            lines.append(
                ("in quarantine", "\(total)\(reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))")"))
            if lostLinkCount + lostJudgementCount > 0 {
                lines.append(("lost with them", "\(lostLinkCount) links, \(lostJudgementCount) judgements"))
            }
        }
        lines.append(("duplicates merged", "\(duplicatesMerged)"))
        if madeIDCount > 0 { lines.append(("ids made from content", "\(madeIDCount)")) }
        if sameQueryCount > 0 { lines.append(("same queries merged", "\(sameQueryCount)")) }
        for (what, count) in sourceCounts.sorted(by: { $0.key < $1.key }) { lines.append((what, "\(count)")) }
        lines.append(("conflicts", "\(conflictCount)"))
        lines.append(("rejects", "\(rejectCount)"))
        lines.append(("read", "\(byteSize(inputBytes)) (\(byteSize(parsedBytes)) unpacked)"))
        lines.append(("stored", byteSize(storedBytes)))
        let rate = seconds > 0 ? ", \(byteSize(Double(parsedBytes) / seconds))/s" : ""
        lines.append(("time", duration(seconds) + rate))
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }
}
