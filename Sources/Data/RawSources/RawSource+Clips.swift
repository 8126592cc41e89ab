internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

extension RawSource {
    /// A dataset whose annotations are known, and whose clips are in containers.
    static func clips(
        _ command: String, _ inventory: SourceInventory, _ table: ClipTable, _ annotations: AnnotationFiles,
        kind: MediaKind, _ rows: any SourceRows, _ rules: ClipSplits, missing: FilePath?, others: [Input] = []
    ) throws -> RawSource {
        let files = try ClipFiles(table, kind, rules, known: inventory.known, missing: missing)
        let inputs = inventory.containers.map { path in
            Input(
                RecordFile(path, mayBeEmpty: true) { try ClipReader(path, files, kind: kind, $0) }, rows)
        }
        var options: JSONObject = [
            "positives": .array(rules.positives.sorted().map { .string($0) })
        ]
        if let wanted = rules.wanted { options["splits"] = .array(wanted.sorted().map { .string($0) }) }
        if missing != nil { options["missing"] = "left out" }
        var source = RawSource(command, others + inputs, options: options) { report in
            annotations.note(in: &report)
            try files.finish(&report)
        }
        source.faults = annotations.faults
        return source
    }
}
