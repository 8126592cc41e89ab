internal import Base
public import Ingest
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// AudioCaps: clips of ten seconds of sound, with captions.
    ///
    /// Either CSV (`audiocap_id`, `youtube_id`, `start_time`, `caption`), one file a split: `train.csv`, `val.csv`, `test.csv`, held in
    /// memory (see `ClipTable`), and sounds in folders, zips and tars, called `<youtube_id>_<start_time>`, `<youtube_id>`, either
    /// with a `Y` before it, or `<audiocap_id>`; or Parquet with the sounds in `audio`, whose names or folders tell the split.
    ///
    /// A clip becomes a document `<youtube_id>_<start_time>`, a caption a query, judged relevant in its split.
    ///
    /// - Parameters:
    ///   - sources: files, and folders of them.
    ///   - splits: which are taken; none means all.
    ///   - positives: splits whose judgements become positives; nil for `train`.
    ///   - missing: where the list of clips without a file goes; without it they are an error.
    /// - Throws: `InputError` for annotations at fault; `Failure` for what is not there.
    public static func audiocaps(
        _ sources: [FilePath], splits: [String] = [], positives: [String]? = nil, missing: FilePath? = nil
    ) throws -> RawSource {
        let inventory = try SourceInventory(sources, tables: "table of captions (.csv, .parquet)") { name in
            let name = name.lowercased()
            return name.hasSuffix(".csv") || name.hasSuffix(".parquet")
        }
        func tables(_ ending: String) -> [FilePath] {
            inventory.tables.filter { $0.string.lowercased().hasSuffix(ending) }
        }
        let (tables, files) = (tables(".parquet"), tables(".csv"))
        let named = try tables.map { try SourceFiles.split(of: $0) }
        var annotations = AudioCapsAnnotations()
        for file in files { try annotations.read(file, split: SourceFiles.split(of: file)) }
        try ClipSplits.check(splits + (positives ?? []), among: annotations.table.splitNames + named)
        let rules = ClipSplits(splits, positives: positives)
        let others = try zip(tables, named).filter { rules.isWanted($1) }.map { path, split in
            Input(try SourceFiles.records(path), AudioCapsRows(split: split, rules: rules))
        }
        return try clips(
            "audiocaps", inventory, annotations.table, annotations.files, kind: .audio,
            AudioCapsRows(split: nil, rules: rules), rules, missing: missing, others: others)
    }
}

/// What the CSVs of AudioCaps say, by clip.
struct AudioCapsAnnotations {
    private(set) var table = ClipTable()
    private(set) var files = AnnotationFiles()

    mutating func read(_ path: FilePath, split: String) throws { try Self.read(path, split, into: &table, &files) }

    private static func read(
        _ path: FilePath, _ split: String, into table: inout ClipTable, _ files: inout AnnotationFiles
    ) throws {
        try files.forEachRow(ofCSV: path) { row, _ in
            let (youtube, caption) = (try row.clipID("youtube_id"), try row.clipID("audiocap_id"))
            _ = try (row.startTime(), row.text("caption"))
            let id = try AudioCapsRows.documentID(row)
            let clip = table.clip(id) ?? table.addClip(id)
            table.addName(id, of: clip, form: "<youtube_id>_<start_time>")
            table.addName([0x59] + id, of: clip, form: "Y<youtube_id>_<start_time>")
            table.addName(youtube, of: clip, form: "<youtube_id>")
            table.addName([0x59] + youtube, of: clip, form: "Y<youtube_id>")
            table.addName(caption, of: clip, form: "<audiocap_id>")
            try table.put(clip, inSplit: split)
            table.add(row.wrapped("row", after: [("split", split)]), to: clip)
        }
    }
}

/// Captions with their sound: rows of Parquet, each with one, or files of sound, each with all of its captions.
struct AudioCapsRows: SourceRows {
    /// Of the rows of a table; nil for files.
    let split: String?
    let rules: ClipSplits

    func read(_ row: JSONNode, into records: RowRecords) throws {
        if let split {
            try addDocument(row, try row.wanted("audio"), into: records)
            return try addQuery(row, split, into: records)
        }
        let item = try row.clip("audio")
        var isFirst = true
        for annotation in try row.wanted("annotations").elements {
            let caption = try annotation.wanted("row")
            if isFirst { try addDocument(caption, item, into: records) }
            isFirst = false
            let split = try annotation.name("split")
            if rules.isWanted(split) {
                try addQuery(caption, split, into: records)
            } else {
                records.count("captions of other splits")
            }
        }
        records.count("files named \(try row.name("form"))")
    }

    static func documentID(_ row: JSONNode) throws(RecordFault) -> [UInt8] {
        try row.id("youtube_id") + [0x5F] + row.startTime()
    }

    private func addDocument(_ row: JSONNode, _ item: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("docid", text: try Self.documentID(row))
        document.set("document_audio", item)
        document.set("youtube_id", row["youtube_id"])
        document.set("start_time", row["start_time"])
        document.set("audio_length", row["audio_length"])
        try records.addDocument(document)
    }

    private static let ownFields: [StaticString] = [
        "audiocap_id", "caption", "audio", "youtube_id", "start_time", "audio_length",
    ]

    private func addQuery(_ row: JSONNode, _ split: String, into records: RowRecords) throws {
        var query = RecordLine()
        query.set("query_id", text: try row.id("audiocap_id"))
        query.set("query_text", try row.wanted("caption"))
        query.setAll(of: row, except: Self.ownFields)
        try records.addQuery(query, for: Self.documentID(row), in: [split], rules)
    }
}

extension JSONNode {
    /// Seconds as names of files have them: a whole number without a point, even where a table writes 30.0.
    fileprivate func startTime() throws(RecordFault) -> [UInt8] {
        if let number = self["start_time"]?.double, let whole = Int(exactly: number) {
            return Array(String(whole).utf8)
        }
        let text = try clipID("start_time")
        guard let point = text.firstIndex(of: 0x2E), point > 0, point + 1 < text.count,
            text[(point + 1)...].allSatisfy({ $0 == 0x30 })
        else { return text }
        return Array(text[..<point])
    }
}
