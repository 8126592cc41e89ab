internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store

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
                    "\(Printed.count(table.recordCount)) in \(table.shards.count) shards, "
                        + "\(Printed.size(table.rawBytes)) raw, \(Printed.size(table.storedBytes)) stored",
                ])
                for dictionary in table.dictionaries {
                    rows.append(["", "\(dictionary.digest)  dictionary of \(Printed.size(dictionary.size))"])
                }
                for shard in table.shards {
                    rows.append(["", "\(shard.blob.digest)  \(Printed.count(shard.recordCount)) records"])
                }
            }
            func add(_ label: String, _ table: Manifest.LinkTable?) {
                guard let table else { return }
                rows.append([label, "\(Printed.count(table.linkCount))\(table.hasScores ? " with scores" : "")"])
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
            rows.append(["input", "\(input.uri) (\(Printed.size(input.size)), \(input.sha256))"])
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

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show sizes, lengths and links of a dataset.")

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String

    func run() throws {
        let dataset = try options.open().dataset(name)
        let links = try LinkStatistics.all(of: dataset)
        let manifest = dataset.manifest
        try Printed.json(
            [
                "documents": Self.json(manifest.documents), "queries": Self.json(manifest.queries),
                "links": .object(JSONObject(links.map { ($0.name, $0.json) })),
            ], if: options.common.json
        ) {
            var text = ""
            for (label, table) in [("Documents", manifest.documents), ("Queries", manifest.queries)] {
                text += Self.text(label, table)
            }
            if !links.isEmpty {
                var rows = [["LINKS", "COUNT", "QUERIES WITH", "LEAST", "MEAN", "MOST"]]
                for table in links {
                    rows.append([
                        table.name, Printed.count(table.linkCount), Printed.count(table.linkedQueryCount),
                        "\(table.least)", Printed.decimal(table.mean), "\(table.most)",
                    ])
                }
                text += Printed.table(rows, right: [1, 2, 3, 4, 5])
            }
            return text
        }
    }

    private static func json(_ table: Manifest.RecordTable) -> JSONValue {
        [
            "count": JSONValue(table.recordCount), "rawBytes": JSONValue(table.rawBytes),
            "storedBytes": JSONValue(table.storedBytes), "indexBytes": JSONValue(table.idIndex.size),
            "shards": JSONValue(table.shards.count),
            "lengths": [
                "smallest": JSONValue(table.lengths.smallest), "mean": JSONValue(table.lengths.mean),
                "largest": JSONValue(table.lengths.largest),
                "powersOfTwo": .array(table.lengths.histogram.map { JSONValue($0) }),
            ],
        ]
    }

    private static func text(_ label: String, _ table: Manifest.RecordTable) -> String {
        guard table.recordCount > 0 else { return "\(label): none\n\n" }
        let ratio = Double(table.rawBytes) / Double(max(1, table.storedBytes))
        var text = "\(label): \(Printed.count(table.recordCount)), \(Printed.size(table.rawBytes)) raw, "
        text += "\(Printed.size(table.storedBytes)) stored (\(Printed.decimal(ratio)) : 1), "
        text += "id index \(Printed.size(table.idIndex.size))\n"
        text += "bytes a record: least \(table.lengths.smallest), mean \(Int(table.lengths.mean.rounded())), "
        text += "most \(table.lengths.largest)\n"
        let most = table.lengths.histogram.max() ?? 1
        var rows: [[String]] = []
        for (power, count) in table.lengths.histogram.enumerated() where count > 0 {
            let bar = String(repeating: "█", count: max(1, count * 40 / most))
            rows.append(["  \(Printed.count(1 << power))+", Printed.count(count), bar])
        }
        return text + Printed.table(rows, right: [0, 1]) + "\n"
    }
}

/// How many links a dataset's queries have.
struct LinkStatistics {
    let name: String
    var linkCount = 0
    var linkedQueryCount = 0
    var least = 0
    var most = 0
    var mean: Double { linkedQueryCount == 0 ? 0 : Double(linkCount) / Double(linkedQueryCount) }

    init(_ name: String, _ links: Links) throws {
        self.name = name
        for query in 0..<links.queryCount {
            let count = try links.range(of: query).count
            guard count > 0 else { continue }
            least = linkedQueryCount == 0 ? count : min(least, count)
            most = max(most, count)
            linkedQueryCount += 1
            linkCount += count
        }
    }

    static func all(of dataset: Dataset) throws -> [LinkStatistics] {
        var tables: [(String, Links)] = []
        if let positives = dataset.positives { tables.append(("positives", positives)) }
        if let negatives = dataset.negatives { tables.append(("negatives", negatives)) }
        tables += dataset.judgements.map { ("judgements \($0.split)", $0.links) }
        return try tables.map { try LinkStatistics($0.0, $0.1) }
    }

    var json: JSONValue {
        [
            "count": JSONValue(linkCount), "linkedQueries": JSONValue(linkedQueryCount), "least": JSONValue(least),
            "mean": JSONValue(mean), "most": JSONValue(most),
        ]
    }
}
