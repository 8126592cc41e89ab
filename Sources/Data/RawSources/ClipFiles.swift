internal import Archives
internal import Base
internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

/// The files of clips: which clip each one is, and at the end which clips have none.
///
/// Not Sendable: it notes what was found.
final class ClipFiles {
    let table: ClipTable
    private let kind: MediaKind
    private let splits: ClipSplits
    /// Files that are something else: annotations, archives that are read by themselves.
    private let known: Set<String>
    /// Gets the clips that have no file, where that is allowed for.
    private let missing: CompressedOutput?
    /// For each clip where its file was found.
    private var places: [String?]
    private var strangers = NameList()
    private var otherSplitCount = 0

    /// - Parameter known: paths of files that are no clips.
    init(
        _ table: ClipTable, _ kind: MediaKind, _ splits: ClipSplits, known: [FilePath], missing: FilePath?
    ) throws {
        self.table = table
        self.kind = kind
        self.splits = splits
        self.known = Set(known.map(\.string))
        self.missing = try missing.map { try CompressedOutput($0, lockedFor: "a list of missing files") }
        places = Array(repeating: nil, count: table.clipCount)
    }

    /// The clip that a file is.
    ///
    /// - Returns: nil for one that is left out, which is noted.
    /// - Throws: `InputError` where that cannot be told, and for a second file of a clip.
    func clip(_ name: String, at path: String) throws(InputError) -> ClipTable.Meaning? {
        if known.contains(path) { return nil }
        let file = name.utf8.split(separator: 0x2F).last ?? Substring(name).utf8
        guard let dot = file.lastIndex(of: 0x2E),
            let ending = String(file[file.index(after: dot)...])?.lowercased(),
            kind.fileEndings.contains(ending)
        else {
            strangers.add(path)
            return nil
        }
        let meanings = table.meanings(of: Array(file[..<dot]))
        guard let meaning = meanings.first else {
            strangers.add(path)
            return nil
        }
        guard meanings.count == 1 else {
            let clips = meanings.prefix(3).map { escaped(table.keys[$0.clip]) }.joined(separator: ", ")
            throw InputError(
                "the name fits \(meanings.count) clips: \(clips)", at: Place(path: path),
                advice: "Name the file so that it fits one only: with its start time, or by its own id.")
        }
        guard table.isIn(meaning.clip, splits.wanted) else {
            otherSplitCount += 1
            return nil
        }
        if let first = places[meaning.clip] {
            throw InputError(
                "a second file of the clip \(escaped(table.keys[meaning.clip]))", at: Place(path: path),
                advice: "The first is \(first): leave one of them out.")
        }
        places[meaning.clip] = path
        return meaning
    }

    /// Tells what was left out.
    ///
    /// - Throws: `Failure` with status 66 where clips have no files and that is not allowed for.
    func finish(_ report: inout IngestReport) throws {
        if strangers.count > 0 {
            let one = strangers.count == 1
            report.note(
                .unreadFile,
                [
                    "\(strangers.count) \(one ? "file has" : "files have") no annotation and \(one ? "is" : "are") left out: "
                        + "\(strangers)"
                ])
            report.sourceCounts["files without annotation"] = strangers.count
        }
        if otherSplitCount > 0 { report.sourceCounts["files of other splits"] = otherSplitCount }
        let wanted = places.indices.filter { table.isIn($0, splits.wanted) }
        let absent = wanted.filter { places[$0] == nil }
        guard absent.count < wanted.count || wanted.isEmpty else {
            throw Failure(
                .missingInput, "none of the \(wanted.count) clips has a file",
                advice: "Name the folder or the archives with the files, as they are published.")
        }
        if !absent.isEmpty {
            guard missing != nil else {
                var names = NameList()
                for clip in absent { names.add(escaped(table.keys[clip])) }
                throw Failure(
                    .missingInput, "\(absent.count) of \(wanted.count) clips have no file: \(names)",
                    advice: "Fetch them, or leave them out with --missing FILE, which gets their list.")
            }
            report.sourceCounts["missing clips"] = absent.count
        }
        for clip in absent { try missing?.write(table.keys[clip] + [0x0A]) }
        try missing?.commit()
    }
}

/// Names for a message: how many, and the first few.
private struct NameList: CustomStringConvertible {
    private(set) var count = 0
    private var first: [String] = []

    mutating func add(_ name: String) {
        count += 1
        if first.count < 5 { first.append(name) }
    }

    var description: String { first.joined(separator: ", ") + (count > first.count ? ", …" : "") }
}

/// The files of clips in a zip, a tar or a folder as rows: `{"file": …, "video": …, "form": …, "annotations": […]}`, of which
/// the second is called like the kind of media, and null where the file is empty.
///
/// Memory: a batch of rows and the items that come with it (16 MiB, larger ones one at a time on disk).
/// Not Sendable: it has a position.
final class ClipReader: BatchSource {
    private let members: MemberReader
    private let files: ClipFiles
    private let kind: MediaKind
    private let carried: CarriedMedia
    private let batchByteCount: Int
    private var clipCount = 0
    private(set) var parsedByteCount = 0

    init(_ path: FilePath, _ files: ClipFiles, kind: MediaKind, _ context: ReadingContext) throws {
        members = try MemberReader(path, hashing: true)
        self.files = files
        self.kind = kind
        carried = context.carried
        batchByteCount = context.batchByteCount
    }

    var path: String { members.path }
    var readByteCount: Int { members.rawByteCount }
    func finish() throws -> (size: Int, sha256: SHA256Digest)? { try members.finish() }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var names: [String] = []
        var faults: [LineBatch.Fault] = []
        var heldByteCount = 0
        carried.beginBatch()
        while text.count < batchByteCount, heldByteCount < carried.batchHeldByteCount, let name = try members.next() {
            try Interruption.check()
            let path = members.memberPath
            let meaning: ClipTable.Meaning
            do throws(InputError) {
                guard let found = try files.clip(name, at: path) else { continue }
                meaning = found
            } catch {
                faults.append(.init(lineCountBefore: names.count, error: error, line: Array(name.utf8)))
                continue
            }
            let item = try CarriedItem(currentOf: members, name: name)
            // One that waits in a file of its own ends the batch: open files and disk are bounded like memory.
            heldByteCount += item.map { $0.heldByteCount > 0 ? $0.heldByteCount : carried.batchHeldByteCount } ?? 0
            JSONText.appendLiteral("{\"file\":", to: &text)
            JSONText.appendString(name, to: &text)
            text.append(0x2C)
            JSONText.appendString(kind.rawValue, to: &text)
            text.append(0x3A)
            if let item { text += carried.add(item).json } else { JSONText.appendLiteral("null", to: &text) }
            JSONText.appendLiteral(",\"form\":\"", to: &text)
            JSONText.appendLiteral(meaning.form, to: &text)
            JSONText.appendLiteral("\",\"annotations\":", to: &text)
            files.table.appendAnnotations(of: meaning.clip, to: &text)
            JSONText.appendLiteral("}\n", to: &text)
            names.append(path)
        }
        guard !names.isEmpty || !faults.isEmpty else { return nil }
        defer {
            clipCount += names.count
            parsedByteCount += text.count
        }
        return LineBatch(
            path: path, firstLine: clipCount + 1, byteOffset: parsedByteCount, origins: .files(names), text: text,
            faults: faults)
    }
}

extension JSONNode {
    /// The video or sound of a row that `ClipReader` made.
    ///
    /// - Throws: `RecordFault` for an empty file.
    func clip(_ kind: StaticString) throws(RecordFault) -> JSONNode {
        guard let item = self[kind], item.kind != .null else {
            throw RecordFault(
                "the file is empty", field: "\(kind)",
                advice: "Fetch it again; or leave it out of the files, and name --missing.")
        }
        return item
    }
}
