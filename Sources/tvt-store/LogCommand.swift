internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show how a dataset was made: the version, its parents, their parents.")

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String

    func run() throws {
        let versions = try options.open().lineage(of: name)
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
                let judgements = manifest.judgements.reduce(0) { $0 + $1.links.linkCount }
                rows.append([
                    "holds",
                    "\(Printed.count(manifest.documents.recordCount)) documents, "
                        + "\(Printed.count(manifest.queries.recordCount)) queries, "
                        + "\(Printed.count(manifest.positives?.linkCount ?? 0)) positives, "
                        + "\(Printed.count(manifest.negatives?.linkCount ?? 0)) negatives, "
                        + "\(Printed.count(judgements)) judgements",
                ])
                return Printed.table(rows + ShowCommand.rows(of: manifest.provenance))
            }.joined(separator: "\n")
        }
    }
}
