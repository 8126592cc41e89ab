internal import Archives
internal import Base
internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

/// What a source with files of media is made of, told by names: tables of annotations, and what holds the files.
struct SourceInventory {
    /// In the order of the sources, and within folders of their names.
    private(set) var tables: [FilePath] = []
    /// Zips, tars, and folders with anything else than tables and archives.
    private(set) var containers: [FilePath] = []

    /// - Parameters:
    ///   - isTable: whether a file of this name holds annotations.
    ///   - what: the names of tables, for the message that there are none.
    init(_ sources: [FilePath], tables what: String, where isTable: (String) -> Bool) throws {
        for source in sources {
            guard source != "-", Files.isDirectory(source) else {
                if isTable(source.lastComponent?.string ?? "") {
                    tables.append(source)
                } else {
                    containers.append(source)
                }
                continue
            }
            var hasOthers = false
            for name in try SourceTree(source).names {
                let file = String(name.split(separator: "/").last ?? "")
                if isTable(file) {
                    tables.append(source.appending(name))
                } else if SourceMember.isArchive(file) {
                    containers.append(source.appending(name))
                } else {
                    hasOthers = true
                }
            }
            if hasOthers { containers.append(source) }
        }
        guard !tables.isEmpty else {
            throw Failure(
                .missingInput, "there is no \(what) among what was named",
                advice:
                    "Name the folder with the annotations and the files, or each of them; annotations are not looked "
                    + "for in archives.")
        }
    }

    /// All files that are no clips.
    var known: [FilePath] { tables + containers }
}

/// Files of rows that an adapter reads by itself, before anything else.
struct AnnotationFiles {
    private var inputs: [(path: String, size: Int, sha256: SHA256Digest)] = []
    /// Rows that are none, and those for which `body` threw a `RecordFault`.
    private(set) var faults: [SourceFault] = []
    /// What is known of these.
    private(set) var leftOut = LeftOutRecords()

    /// Calls `body` with every row; rows at fault are noted.
    ///
    /// - Throws: what keeps the rest of the file from being read.
    mutating func forEachRow(of source: some BatchSource, _ body: (JSONNode, Place) throws -> Void) throws {
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        while let batch = try source.nextBatch() {
            try Interruption.check()
            try batch.forEachLine { line in
                guard !line.isBlank else { return }
                let place = batch.place(line: line.number, byteOffset: line.byteOffset)
                do {
                    let row = try RecordScanner.root(of: line.bytes, padded: true, parser: parser)
                    guard row.kind == .object else {
                        throw RecordFault("\(row.kind.name) where an object should be")
                    }
                    try body(row, place)
                } catch let fault as RecordFault {
                    leftOut.add(line.bytes)
                    faults.append(
                        SourceFault(
                            fault.error(at: place, line: line.bytes), kind: fault.kind, line: Array(line.bytes)))
                }
            } fault: { fault in
                fault.line.withUnsafeBytes { leftOut.add($0) }
                faults.append(SourceFault(fault.error, line: fault.line))
            }
        }
        if let (size, sha256) = try source.finish(), !inputs.contains(where: { $0.path == source.path }) {
            inputs.append((source.path, size, sha256))
        }
    }

    /// Calls `body` with every row of a CSV with a header.
    mutating func forEachRow(ofCSV path: FilePath, _ body: (JSONNode, Place) throws -> Void) throws {
        try forEachRow(of: DelimitedReader(InputStream(path, hashing: true), .csv()), body)
    }

    func note(in report: inout IngestReport) {
        for input in inputs { report.addInput(input.path, size: input.size, sha256: input.sha256) }
    }
}

extension JSONNode {
    /// Compact JSON of `{"<name>":<the node>}` with what stands before it.
    func wrapped(_ name: StaticString, after fields: [(StaticString, String)] = []) -> [UInt8] {
        var json: [UInt8] = [0x7B]
        for (key, text) in fields {
            JSONText.appendString("\(key)", to: &json)
            json.append(0x3A)
            JSONText.appendString(text, to: &json)
            json.append(0x2C)
        }
        JSONText.appendString("\(name)", to: &json)
        json.append(0x3A)
        JSONText.append(self, to: &json)
        json.append(0x7D)
        return json
    }

    /// An id that names a clip and stands in lists of clips, one a line.
    func clipID(_ field: StaticString) throws(RecordFault) -> [UInt8] {
        let id = try id(field)
        guard id.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw RecordFault(
                "the id has a control character", field: "\(field)", advice: "Ids of clips are plain text.")
        }
        return id
    }

    /// A text that is not empty, as a string.
    func name(_ field: StaticString) throws(RecordFault) -> String {
        let text = String(decoding: try self.text(field), as: UTF8.self)
        guard !text.isEmpty else { throw RecordFault("the text is empty", field: "\(field)") }
        return text
    }
}
