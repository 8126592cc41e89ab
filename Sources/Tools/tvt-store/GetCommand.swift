internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Store

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Print records by id, one JSON line each, in the order asked for.",
        discussion: """
            Queries are printed with their links as positive_document_ids and negative_document_ids.
            An id that does not exist is reported and ends with exit status 66, after the others were printed.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(
        name: .customLong("docid"), parsing: .upToNextOption,
        help: ArgumentHelp("Documents to print.", valueName: "id"))
    var documentIDs: [String] = []
    @Option(
        name: .customLong("query-id"), parsing: .upToNextOption,
        help: ArgumentHelp("Queries to print.", valueName: "id"))
    var queryIDs: [String] = []

    func validate() throws {
        guard !documentIDs.isEmpty || !queryIDs.isEmpty else {
            throw ValidationError("say which records: --docid ID… or --query-id ID…")
        }
    }

    func run() throws {
        let dataset = try options.open().dataset(name)
        var output: [UInt8] = []
        var missing: [String] = []
        for id in documentIDs {
            if let ordinal = try dataset.documentOrdinal(id: Array(id.utf8)) {
                output += try dataset.documentRecord(ordinal) + [UInt8(ascii: "\n")]
            } else {
                missing.append("docid \(escaped(id.utf8))")
            }
        }
        let reader = try RecordReader(dataset)
        for id in queryIDs {
            if let ordinal = try dataset.queryOrdinal(id: Array(id.utf8)) {
                try dataset.forEachQueryRecord(in: ordinal..<ordinal + 1) { ordinal, record in
                    try dataset.appendQueryLine(ordinal, record, with: reader, to: &output)
                    output.append(UInt8(ascii: "\n"))
                }
            } else {
                missing.append("query_id \(escaped(id.utf8))")
            }
        }
        try output.withUnsafeBytes { try writeToStandardOutput($0) }
        guard missing.isEmpty else {
            throw Failure(.missingInput, "\(name) has no \(missing.joined(separator: ", no "))")
        }
    }
}
