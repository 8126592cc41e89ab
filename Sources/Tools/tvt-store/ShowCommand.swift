internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store
internal import StoreFormat

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show what a dataset consists of and where it comes from.",
        discussion: "With --json: the manifest as it is stored.")

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String

    func run() throws {
        let dataset = try options.open().dataset(name)
        let manifest = dataset.manifest
        try Printed.json(manifest.json, if: options.common.json) {
            var rows = [
                ["name", manifest.name], ["digest", dataset.digest.description],
                ["logical digest", manifest.logicalDigest.description],
            ]
            for (label, table) in [("documents", manifest.documents), ("queries", manifest.queries)] {
                rows.append([
                    label,
                    "\(grouped(table.recordCount)) in \(table.shards.count) shards, "
                        + "\(byteSize(table.rawBytes)) raw, \(byteSize(table.storedBytes)) stored",
                ])
                for dictionary in table.dictionaries {
                    rows.append(["", "\(dictionary.digest)  dictionary of \(byteSize(dictionary.size))"])
                }
                for shard in table.shards {
                    rows.append(["", "\(shard.blob.digest)  \(grouped(shard.recordCount)) records"])
                }
            }
            if let media = manifest.media {
                rows.append(["media", media.summary])
                for shard in media.shards {
                    rows.append(["", "\(shard.blob.digest)  \(grouped(shard.recordCount)) items"])
                }
            }
            func add(_ label: String, _ table: Manifest.LinkTable?) {
                guard let table else { return }
                rows.append([label, "\(grouped(table.linkCount))\(table.hasScores ? " with scores" : "")"])
            }
            add("positives", manifest.positives)
            add("negatives", manifest.negatives)
            for table in manifest.judgements { add("judgements \(table.split)", table.links) }
            rows += Self.rows(of: manifest.provenance)
            return Printed.table(rows)
        }
    }

    static func rows(of provenance: Provenance) -> [[String]] {
        var rows = [["made by", provenance.tool]]
        rows += Self.rows(of: provenance.options, under: "  ")
        for input in provenance.inputs {
            rows.append(["input", "\(input.uri) (\(byteSize(input.size)), \(input.sha256))"])
        }
        for parent in provenance.parents { rows.append(["parent", parent.description]) }
        rows += Self.rows(of: provenance.statistics, under: "counted ")
        if let licence = provenance.licence { rows.append(["licence", licence]) }
        return rows
    }

    /// One row a value: fields of fields by their dotted path, long lists by their length.
    private static func rows(of object: JSONObject, under prefix: String) -> [[String]] {
        object.flatMap { key, value in
            if let inner = value.object { return rows(of: inner, under: "\(prefix)\(key).") }
            if let list = value.array, list.contains(where: { $0.object != nil }) {
                if list.count == 1, let inner = list[0].object { return rows(of: inner, under: "\(prefix)\(key).") }
                return [[prefix + key, "\(list.count) entries (--json shows them)"]]
            }
            return [[prefix + key, value.string ?? String(decoding: value.canonical(), as: UTF8.self)]]
        }
    }
}
