internal import Archives
internal import Base
public import Ingest
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// MSR-VTT: short videos, each with twenty sentences about it.
    ///
    /// Annotations are JSON with `videos` (`video_id`, `url`, `category`, `split`, `start time`, `end time`, `id`) and
    /// `sentences` (`caption`, `video_id`, `sen_id`), in one file (`MSRVTT_data.json`) or several
    /// (`train_val_videodatainfo.json`, `test_videodatainfo.json`), read twice and held in memory (see `ClipTable`). Videos are files
    /// called `<video_id>.mp4`, in folders, zips and tars. Also read where they are there: `category.txt` (the names of categories), and
    /// lists of splits, `MSRVTT_train.9k.csv`, `MSRVTT_train.7k.csv` and `MSRVTT_JSFUSION_test.csv`, which has one sentence a video.
    ///
    /// A video becomes a document, a sentence a query, judged relevant in the video's `split` and in `train-9k`, `train-7k`,
    /// `test-1k-a`.
    ///
    /// - Parameters:
    ///   - sources: files, and folders of them.
    ///   - splits: which are taken; none means all.
    ///   - positives: splits whose judgements become positives; nil for `train`.
    ///   - missing: where the list of videos without a file goes; without it they are an error.
    /// - Throws: `InputError` for annotations at fault; `Failure` for what is not there.
    public static func msrvtt(
        _ sources: [FilePath], splits: [String] = [], positives: [String]? = nil, missing: FilePath? = nil
    ) throws -> RawSource {
        let inventory = try SourceInventory(sources, tables: "annotation (.json)") { name in
            let name = name.lowercased()
            return name.hasSuffix(".json") || name.hasSuffix(".csv") || name == "category.txt"
        }
        var annotations = MSRVTTAnnotations()
        try annotations.read(inventory.tables)
        try ClipSplits.check(splits + (positives ?? []), among: annotations.table.splitNames)
        let rules = ClipSplits(splits, positives: positives)
        return try clips(
            "msr-vtt", inventory, annotations.table, annotations.files, kind: .video,
            MSRVTTRows(rules: rules, categories: annotations.categories), rules, missing: missing)
    }
}

/// What the annotation files of MSR-VTT say, by video.
struct MSRVTTAnnotations {
    private(set) var table = ClipTable()
    private(set) var files = AnnotationFiles()
    /// Names by number; nil where there is no `category.txt`.
    private(set) var categories: [Int: String]?

    /// The splits of the lists, by what their files are called.
    private static let lists = [
        ("train.9k", "train-9k"), ("train.7k", "train-7k"), ("jsfusion_test", "test-1k-a"),
    ]

    mutating func read(_ paths: [FilePath]) throws {
        let documents = paths.filter { $0.string.lowercased().hasSuffix(".json") }
        guard !documents.isEmpty else {
            throw Failure(
                .missingInput, "there is no annotation (.json) among what was named",
                advice: "It is called MSRVTT_data.json, or train_val_videodatainfo.json and test_videodatainfo.json.")
        }
        for path in paths where path.lastComponent?.string.lowercased() == "category.txt" { try readCategories(path) }
        for path in documents { try Self.readVideos(of: path, into: &table, &files) }
        for path in paths where path.string.lowercased().hasSuffix(".csv") {
            try Self.readList(of: path, into: &table, &files)
        }
        for path in documents { try Self.readSentences(of: path, into: &table, &files) }
    }

    /// Lines of a name, a tab and a number.
    private mutating func readCategories(_ path: FilePath) throws {
        var names: [Int: String] = [:]
        let reader = DelimitedReader(
            try InputStream(path, hashing: true), .tsv(columns: ["name", "number"]))
        try files.forEachRow(of: reader) { row, _ in
            let text = String(decoding: try row.text("number"), as: UTF8.self)
            guard let number = Int(text), names[number] == nil else {
                throw RecordFault(
                    "this is no number of its own", field: "number", advice: "A line is: music, a tab, 0.")
            }
            names[number] = try row.name("name")
        }
        categories = names
    }

    private static func readVideos(
        of path: FilePath, into table: inout ClipTable, _ files: inout AnnotationFiles
    ) throws {
        let reader = JSONArrayReader(try InputStream(path, hashing: true), member: "videos")
        try files.forEachRow(of: reader) { row, _ in
            let id = try row.clipID("video_id")
            guard table.clip(id) == nil else {
                throw RecordFault(
                    "the video \(escaped(id)) is annotated twice", field: "video_id",
                    advice: "Name MSRVTT_data.json, or the files of which it is made, not both.")
            }
            let clip = table.addClip(id)
            table.addName(id, of: clip, form: "video_id")
            try table.put(clip, inSplit: try row.name("split"))
            table.add(row.wrapped("video"), to: clip)
        }
    }

    private static func readList(
        of path: FilePath, into table: inout ClipTable, _ files: inout AnnotationFiles
    ) throws {
        let name = path.lastComponent?.string.lowercased() ?? ""
        guard let split = lists.first(where: { name.contains($0.0) })?.1 else {
            throw Failure(
                .usage, "\(path) is no list of a split that is known",
                advice: "MSRVTT_train.9k.csv, MSRVTT_train.7k.csv and MSRVTT_JSFUSION_test.csv are: leave it out.")
        }
        var leftOut = files.leftOut
        try files.forEachRow(ofCSV: path) { row, _ in
            let id = try row.id("video_id")
            guard let clip = table.clip(id) else {
                throw RecordFault(
                    "there is no annotation of the video \(escaped(id))", field: "video_id",
                    advice: "The list belongs to all of MSR-VTT: name the annotations of train, validation and test.",
                    kind: leftOut.mayHold(.of(id)) ? .consequence : .reference)
            }
            try table.put(clip, inSplit: split)
            let isGiven = split == "test-1k-a"
            if isGiven { _ = try (row.text("sentence"), row.id("key")) }
            table.add(row.wrapped(isGiven ? "given" : "list", after: [("split", split)]), to: clip)
        }
    }

    private static func readSentences(
        of path: FilePath, into table: inout ClipTable, _ files: inout AnnotationFiles
    ) throws {
        let reader = JSONArrayReader(try InputStream(path, hashing: true), member: "sentences")
        var leftOut = files.leftOut
        try files.forEachRow(of: reader) { row, _ in
            let id = try row.id("video_id")
            guard let clip = table.clip(id) else {
                throw RecordFault(
                    "there is no video \(escaped(id)) among \"videos\"", field: "video_id",
                    kind: leftOut.mayHold(.of(id)) ? .consequence : .reference)
            }
            _ = try (row.id("sen_id"), row.text("caption"))
            table.add(row.wrapped("sentence"), to: clip)
        }
    }
}

struct MSRVTTRows: SourceRows {
    let rules: ClipSplits
    let categories: [Int: String]?

    func read(_ row: JSONNode, into records: RowRecords) throws {
        let item = try row.clip("video")
        var id: [UInt8] = []
        /// Splits in which all sentences of the video count, and those in which a certain one does.
        var (shared, given): ([String], [(split: String, row: JSONNode)]) = ([], [])
        var sentences: [JSONNode] = []
        for annotation in try row.wanted("annotations").elements {
            if let video = annotation["video"] {
                id = try video.id("video_id")
                shared.append(try video.name("split"))
                try addDocument(video, id, item, into: records)
            } else if annotation["list"] != nil {
                shared.append(try annotation.name("split"))
            } else if let sentence = annotation["given"] {
                given.append((try annotation.name("split"), sentence))
            } else if let sentence = annotation["sentence"] {
                sentences.append(sentence)
            }
        }
        shared = shared.filter(rules.isWanted)
        given = given.filter { rules.isWanted($0.split) }
        for sentence in sentences {
            var splits = shared
            // One sentence a video, even where two people wrote the same.
            if let found = given.firstIndex(where: { Self.isSame($0.row["sentence"], sentence["caption"]) }) {
                splits.append(given.remove(at: found).split)
            }
            guard !splits.isEmpty else {
                records.count("captions of other splits")
                continue
            }
            var query = RecordLine()
            query.set("query_id", text: try sentence.id("sen_id"))
            query.set("query_text", try sentence.wanted("caption"))
            query.setAll(of: sentence, except: ["sen_id", "caption"])
            try records.addQuery(query, for: id, in: splits, rules)
        }
        for (split, list) in given {
            records.count("sentences of \(split) that are no caption")
            var query = RecordLine()
            query.set("query_id", text: try list.id("key"))
            query.set("query_text", try list.wanted("sentence"))
            query.set("video_id", text: id)
            try records.addQuery(query, for: id, in: [split], rules)
        }
    }

    private func addDocument(_ video: JSONNode, _ id: [UInt8], _ item: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("docid", text: id)
        document.set("document_video", item)
        for (key, value) in video.fields where !key.isEqual(to: "video_id") {
            if key.isEqual(to: "category"), let categories, value.kind != .null {
                guard let number = value.integer, let name = categories[Int(number)] else {
                    throw RecordFault("category.txt has no such category", field: "category")
                }
                document.set("category", text: Array(name.utf8))
            } else {
                document.set(named: key, value)
            }
        }
        try records.addDocument(document)
    }

    private static func isSame(_ sentence: JSONNode?, _ caption: JSONNode?) -> Bool {
        guard let sentence = sentence?.string, let caption = caption?.string else { return false }
        return sentence.elementsEqual(caption)
    }
}
