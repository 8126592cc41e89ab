internal import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
internal import JSON

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the datasets.")

    @OptionGroup var options: StoreOptions

    func run() throws {
        let entries = try options.open().list()
        try Printed.json(
            .array(
                entries.map { entry in
                    [
                        "reference": .string(entry.reference), "digest": .string(entry.digest.description),
                        "created": entry.createdAt.map { .string($0) } ?? .null,
                        "documents": JSONValue(entry.documentCount), "queries": JSONValue(entry.queryCount),
                        "positives": JSONValue(entry.positiveCount), "negatives": JSONValue(entry.negativeCount),
                        "judgements": JSONValue(entry.judgementCount), "raw_bytes": JSONValue(entry.rawBytes),
                        "stored_bytes": JSONValue(entry.storedBytes), "tool": .string(entry.tool),
                    ]
                }), if: options.common.json
        ) {
            guard !entries.isEmpty else { return "No datasets yet; `tvt-convert` makes them.\n" }
            var rows = [
                [
                    "NAME", "DOCUMENTS", "QUERIES", "POSITIVES", "NEGATIVES", "JUDGEMENTS", "RAW", "STORED", "CREATED",
                    "DIGEST",
                ]
            ]
            for entry in entries {
                rows.append([
                    entry.reference, grouped(entry.documentCount), grouped(entry.queryCount),
                    grouped(entry.positiveCount), grouped(entry.negativeCount),
                    grouped(entry.judgementCount), byteSize(entry.rawBytes), byteSize(entry.storedBytes),
                    entry.createdAt ?? "", String(entry.digest.hex.prefix(12)),
                ])
            }
            return Printed.table(rows, right: Set(1...7))
        }
    }
}
