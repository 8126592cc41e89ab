internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store
internal import StoreFormat

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show how a dataset was made: the version, its parents, their parents.",
        discussion: """
            For each version: the tool, its options, what it read, what it counted, and what the version holds compared \
            with its first parent. A parent that is not in this store is named by its digest.
            With --json: each version's manifest as it is stored.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String

    func run() throws {
        let versions = try options.open().lineage(of: name)
        let manifests = Dictionary(uniqueKeysWithValues: versions.map { ($0.digest, $0.manifest) })
        try Printed.json(
            .array(
                versions.map { version in
                    var json: JSONObject = ["digest": .string(version.digest.description)]
                    json["created"] = version.createdAt.map { .string($0) } ?? .null
                    json["references"] = .array(version.references.map { .string($0) })
                    json["manifest"] = version.manifest?.json ?? .null
                    return .object(json)
                }), if: options.common.json
        ) {
            versions.map { version in
                var rows = [["version", version.digest.description]]
                if !version.references.isEmpty {
                    rows.append(["references", version.references.joined(separator: ", ")])
                }
                if let createdAt = version.createdAt { rows.append(["committed", createdAt]) }
                guard let manifest = version.manifest else {
                    return Printed.table(rows + [["", "not in this store"]])
                }
                let counts = Self.counts(of: manifest)
                rows.append(["holds", counts.map { "\(grouped($0.count)) \($0.name)" }.joined(separator: ", ")])
                if let first = manifest.provenance.parents.first, let parent = manifests[first] ?? nil {
                    rows.append(["against parent", Self.changes(from: Self.counts(of: parent), to: counts)])
                }
                return Printed.table(rows + ShowCommand.rows(of: manifest.provenance))
            }.joined(separator: "\n")
        }
    }

    private static func counts(of manifest: Manifest) -> [(name: String, count: Int)] {
        [
            ("documents", manifest.documents.recordCount), ("queries", manifest.queries.recordCount),
            ("positives", manifest.positives?.linkCount ?? 0), ("negatives", manifest.negatives?.linkCount ?? 0),
            ("judgements", manifest.judgements.reduce(0) { $0 + $1.links.linkCount }),
        ]
    }

    private static func changes(from old: [(name: String, count: Int)], to new: [(name: String, count: Int)]) -> String
    {
        let changes = zip(old, new).compactMap { old, new -> String? in
            let difference = new.count - old.count
            guard difference != 0 else { return nil }
            return "\(difference > 0 ? "+" : "")\(grouped(difference)) \(new.name)"
        }
        return changes.isEmpty ? "the same counts" : changes.joined(separator: ", ")
    }
}
