internal import Archives
internal import Base
internal import JSON
internal import Records
internal import Store

/// The samples of a tar in the manner of webdataset, each as the line of a record.
///
/// A sample is a run of members whose names are equal up to the first dot of the file's name: `00012.json`,
/// `00012.image.jpg`. What is no member of ours or one of the few that others are known to write is an error.
/// Not Sendable: it has a position.
final class SampleReader: BatchSource {
    /// No record may be longer, as with lines.
    private static let longestRecord = LineReader.longestLine

    private let tar: TarReader
    private let kind: RecordKind
    private let batchByteCount: Int
    private let parser = JSONParser()
    /// The member that begins the next sample.
    private var nextMember: Member?
    private var isAtEnd = false
    private var sampleCount = 0
    private(set) var parsedByteCount = 0

    /// The name of a member, taken apart.
    private struct Member {
        let name: String
        /// With the folders before it.
        let key: String
        /// Behind the first dot.
        let ending: String
    }

    /// A sample that is being read.
    private struct Sample {
        let key: String
        var json: [UInt8]?
        var text: [UInt8]?
    }

    init(_ tar: TarReader, kind: RecordKind, batchByteCount: Int) {
        self.tar = tar
        self.kind = kind
        self.batchByteCount = batchByteCount
    }

    var path: String { tar.path }
    var readByteCount: Int { tar.rawByteCount }
    func finish() throws -> (size: Int, sha256: SHA256Digest)? { try tar.finish() }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var names: [String] = []
        while text.count < batchByteCount, let sample = try nextSample() {
            let start = text.count
            try append(sample, to: &text)
            // A line feed in JSON is a space between tokens or a fault; a carriage return is the same, and ends no line.
            for position in start..<text.count where text[position] == 0x0A { text[position] = 0x0D }
            text.append(0x0A)
            names.append("\(path)/\(sample.key).json")
        }
        guard !names.isEmpty else { return nil }
        defer {
            sampleCount += names.count
            parsedByteCount += text.count
        }
        return LineBatch(
            path: path, firstLine: sampleCount + 1, byteOffset: parsedByteCount, names: names, text: text)
    }

    // MARK: - Members

    private func advance() throws {
        guard !isAtEnd else { return }
        guard let name = try tar.next() else {
            nextMember = nil
            isAtEnd = true
            return
        }
        let folderEnd = name.utf8.lastIndex(of: 0x2F).map { name.utf8.index(after: $0) } ?? name.startIndex
        guard let dot = name.utf8[folderEnd...].firstIndex(of: 0x2E), dot > folderEnd else {
            throw fault("the name of a member has no key and ending, as 00012.json has", name)
        }
        nextMember = Member(
            name: name, key: String(name[..<dot]), ending: String(name[name.utf8.index(after: dot)...]))
    }

    private func nextSample() throws -> Sample? {
        if nextMember == nil { try advance() }
        guard let first = nextMember else { return nil }
        var sample = Sample(key: first.key)
        while let member = nextMember, member.key.utf8.elementsEqual(sample.key.utf8) {
            try take(member, into: &sample)
            try advance()
        }
        return sample
    }

    private func take(_ member: Member, into sample: inout Sample) throws {
        func all() throws -> [UInt8] {
            guard let bytes = try tar.readAll(limit: Self.longestRecord) else {
                throw fault("the member has more than 1 GiB", member.name)
            }
            return bytes
        }
        switch member.ending {
        case "json":
            guard sample.json == nil else { throw fault("the sample has two members of this name", member.name) }
            sample.json = try all()
        case "txt":
            guard sample.text == nil else { throw fault("the sample has two members of this name", member.name) }
            sample.text = try all()
        default:
            throw fault(
                "members that end in .\(member.ending) have no place in a record", member.name,
                "A sample is made of .json (the record) and .txt (its text): leave the others out of the tar.")
        }
    }

    private func fault(_ reason: String, _ name: String, _ advice: String? = nil) -> InputError {
        InputError(reason, at: Place(path: "\(path)/\(name)"), advice: advice)
    }

    // MARK: - Records

    /// Appends the sample's record: its JSON, with the key as id and the text where it lacks them.
    private func append(_ sample: Sample, to line: inout [UInt8]) throws {
        let idField: StaticString = kind == .documents ? "docid" : "query_id"
        let name = sample.key + ".json"
        var added: [UInt8] = []
        func add(_ field: StaticString, _ value: (inout [UInt8]) -> Void) {
            added.append(added.isEmpty ? 0x7B : 0x2C)
            JSONText.appendString("\(field)", to: &added)
            added.append(0x3A)
            value(&added)
        }
        var rest: ArraySlice<UInt8> = [0x7D]
        if let json = sample.json {
            let root: JSONNode
            do throws(RecordFault) {
                root = try json.withUnsafeBytes { bytes in
                    Result { () throws(RecordFault) in
                        try RecordScanner.root(of: bytes, padded: false, parser: parser)
                    }
                }.get()
            } catch {
                throw json.withUnsafeBytes { error.error(at: Place(path: "\(path)/\(name)"), line: $0) }
            }
            guard root.kind == .object, let brace = json.firstIndex(of: 0x7B) else {
                throw fault("\(root.kind.name) where a record should be", name, "The member holds one JSON object.")
            }
            rest = json[(brace + 1)...]
            if root[idField] == nil { add(idField) { JSONText.appendString(sample.key, to: &$0) } }
            if !added.isEmpty || sample.text != nil, root.fields.contains(where: { _ in true }) { rest = [0x2C] + rest }
        } else {
            add(idField) { JSONText.appendString(sample.key, to: &$0) }
        }
        if let text = sample.text {
            guard String(validating: text, as: UTF8.self) != nil else {
                throw fault("the text is not valid UTF-8", sample.key + ".txt")
            }
            add(kind == .documents ? "document_text" : "query_text") { JSONText.appendString(text, to: &$0) }
        }
        if added.isEmpty {
            line.append(contentsOf: sample.json ?? [])
        } else {
            line.append(contentsOf: added)
            line.append(contentsOf: rest)
        }
    }
}
