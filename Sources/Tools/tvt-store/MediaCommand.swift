public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
public import Records
internal import Store
internal import SystemPackage

struct MediaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media", abstract: "Show or fetch the images, videos and sounds of a record.",
        discussion: """
            Without --output: what the record names, and whether the store has it. With it: the item's bytes as they \
            were, checked before the first is written.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(name: .customLong("docid"), help: ArgumentHelp("Of this document.", valueName: "id"))
    var documentID: String?
    @Option(name: .customLong("query-id"), help: ArgumentHelp("Of this query.", valueName: "id"))
    var queryID: String?
    @Option(name: .long, help: ArgumentHelp("The item itself.", valueName: "sha256:…"))
    var digest: String?
    @Option(help: "image, video or audio, where a record has several.") var field: MediaKind?
    @Option(name: .shortAndLong, help: ArgumentHelp("Where the bytes go; - is stdout.", valueName: "file"))
    var output: String?

    func validate() throws {
        guard [documentID, queryID, digest].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("say what: --docid ID, --query-id ID or --digest sha256:…")
        }
        if let digest, SHA256Digest(hex: digest) == nil, DigestPrefix(digest) == nil {
            throw ValidationError("--digest takes sha256: and 64 hexadecimal digits, or at least the first 8 of them")
        }
        if digest != nil, field != nil { throw ValidationError("--field is of a record; a digest names one item") }
        if output == "-", options.common.json { throw ValidationError("--json and --output - share stdout") }
    }

    func run() throws {
        let store = try options.open()
        let dataset = try store.dataset(name)
        let entries = try entries(of: dataset)
        guard let output else { return try show(entries, of: dataset) }
        guard entries.count == 1 else {
            let fields = entries.compactMap { $0.kind?.rawValue }.joined(separator: ", ")
            throw Failure(.usage, "the record has several: \(fields)", advice: "Choose with --field.")
        }
        guard let number = entries[0].number else {
            throw Failure(
                .missingInput, "\(name) does not hold \(Self.name(of: entries[0].reference))",
                advice: "The record names it, but its bytes are elsewhere.")
        }
        // The checksum stands behind the bytes: nothing is given out before it holds.
        try dataset.forEachMediaPiece(of: number) { _ in try Interruption.check() }
        if output == "-" { return try dataset.forEachMediaPiece(of: number) { try writeToStandardOutput($0) } }
        var file = try StagedFile(for: FilePath(output))
        try dataset.forEachMediaPiece(of: number) { try file.write($0) }
        try file.commit()
        if options.common.json { try writeToStandardOutput(json(entries, of: dataset).pretty()) }
    }

    private func entries(of dataset: Dataset) throws -> [MediaEntry] {
        if let digest { return [try dataset.mediaEntry(digest: digest)] }
        let all =
            if let id = documentID {
                try dataset.mediaEntries(ofDocument: Array(id.utf8))
            } else {
                try dataset.mediaEntries(ofQuery: Array((queryID ?? "").utf8))
            }
        let entries = all.filter { field == nil || $0.kind == field }
        guard !entries.isEmpty else {
            throw Failure(.missingInput, "the record has no \(field?.rawValue ?? "image, video or audio")")
        }
        return entries
    }

    private static func name(of reference: MediaReference) -> String {
        reference.digest?.description ?? reference.name.map { escaped($0.utf8) }
            ?? String(decoding: reference.json, as: UTF8.self)
    }

    private func json(_ entries: [MediaEntry], of dataset: Dataset) throws -> JSONValue {
        .array(
            try entries.map { entry in
                var json: JSONObject = ["stored": JSONValue(entry.number != nil)]
                if let kind = entry.kind { json["kind"] = .string(kind.rawValue) }
                json["reference"] = try JSONValue.parse(entry.reference.json, path: name)
                if let number = entry.number {
                    json["digest"] = .string(try dataset.mediaDigest(number).description)
                    json["size"] = JSONValue(try dataset.mediaByteCount(number))
                    if let format = entry.reference.format { json["format"] = .string(format.rawValue) }
                }
                return .object(json)
            })
    }

    private func show(_ entries: [MediaEntry], of dataset: Dataset) throws {
        try Printed.json(json(entries, of: dataset), if: options.common.json) {
            Printed.table(
                try entries.map { entry in
                    var row = [entry.kind?.rawValue ?? "item", Self.name(of: entry.reference)]
                    if let number = entry.number {
                        row.append(byteSize(try dataset.mediaByteCount(number)))
                        var format = entry.reference.format?.rawValue ?? "unknown format"
                        if let width = entry.reference.width, let height = entry.reference.height {
                            format += ", \(width) × \(height)"
                        }
                        row.append(format)
                    } else {
                        row += ["", "not in the store"]
                    }
                    return row
                })
        }
    }
}

extension MediaKind: ExpressibleByArgument {}
