internal import Archives
internal import Base
internal import JSON
internal import Records
internal import StoreFormat

/// The samples of a tar in the manner of webdataset, each as the line of a record.
///
/// A sample is a run of members whose names are equal up to the first dot of the file's name: `00012.json`,
/// `00012.image.jpg`. The case of endings does not matter. What is no member of ours or one of the few that others are known to
/// write is a fault of its sample, and so is a sample whose members do not lie together.
/// Memory: 16 bytes a sample, to know it again. Not Sendable: it has a position.
final class SampleReader: BatchSource {
    private let tar: MemberReader
    private let kind: RecordKind
    private let batchByteCount: Int
    private let recordByteLimit: Int
    /// Takes the items that lie beside the records.
    private let media: CarriedMedia
    /// Hashes of the keys so far.
    private var keys: Set<ContentHash> = []
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
        /// Behind the first dot, in lower case.
        let ending: String
    }

    /// What keeps a sample from being a record.
    private struct SampleFault: Error {
        let error: InputError
    }

    /// A sample that is being read.
    private struct Sample {
        let key: String
        var json: [UInt8]?
        var text: [UInt8]?
        /// The first fault of its members.
        var fault: InputError?
        var media: [(kind: MediaKind, member: String, item: CarriedItem)] = []
    }

    init(_ tar: MemberReader, kind: RecordKind, _ context: ReadingContext) {
        self.tar = tar
        self.kind = kind
        media = context.carried
        batchByteCount = context.batchByteCount
        recordByteLimit = context.recordByteLimit
    }

    var path: String { tar.path }
    var readByteCount: Int { tar.rawByteCount }
    func finish() throws -> (size: Int, sha256: SHA256Digest)? { try tar.finish() }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var names: [String] = []
        var faults: [LineBatch.Fault] = []
        var heldByteCount = 0
        media.beginBatch()
        while text.count < batchByteCount, heldByteCount < media.batchHeldByteCount, let sample = try nextSample() {
            let start = text.count
            do {
                if let fault = sample.fault { throw SampleFault(error: fault) }
                try append(sample, to: &text)
            } catch let fault as SampleFault {
                text.removeLast(text.count - start)
                faults.append(
                    .init(lineCountBefore: names.count, error: fault.error, line: sample.json ?? Array(sample.key.utf8))
                )
                if faults.count == 1000 { break }
                continue
            }
            // A line feed in JSON is a space between tokens or a fault; a carriage return is the same, and ends no line.
            for position in start..<text.count where text[position] == 0x0A { text[position] = 0x0D }
            text.append(0x0A)
            names.append("\(path)/\(Self.member(of: sample))")
            // One that waits in a file of its own ends the batch: open files and disk are bounded like memory.
            heldByteCount += sample.media.reduce(0) {
                $0 + ($1.item.heldByteCount > 0 ? $1.item.heldByteCount : media.batchHeldByteCount)
            }
        }
        guard !names.isEmpty || !faults.isEmpty else { return nil }
        defer {
            sampleCount += names.count
            parsedByteCount += text.count
        }
        return LineBatch(
            path: path, firstLine: sampleCount + 1, byteOffset: parsedByteCount, origins: .files(names), text: text,
            faults: faults)
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
            throw fault("the name of a member has no key and ending, as 00012.json has", name).error
        }
        nextMember = Member(
            name: name, key: String(name[..<dot]), ending: name[name.utf8.index(after: dot)...].lowercased())
    }

    private func nextSample() throws -> Sample? {
        if nextMember == nil { try advance() }
        guard let first = nextMember else { return nil }
        var sample = Sample(key: first.key)
        if !keys.insert(Array(first.key.utf8).withUnsafeBytes { .of($0) }).inserted {
            sample.fault =
                fault(
                    "the members of the sample \"\(first.key)\" do not lie side by side", first.name,
                    "A sample is a run of members with one key: sort the members by name and pack the tar again."
                ).error
        }
        while let member = nextMember, member.key.utf8.elementsEqual(sample.key.utf8) {
            do {
                try take(member, into: &sample)
            } catch let fault as SampleFault {
                if sample.fault == nil { sample.fault = fault.error }
            }
            try advance()
        }
        return sample
    }

    private func take(_ member: Member, into sample: inout Sample) throws {
        func all() throws -> [UInt8] {
            guard let bytes = try tar.readAll(limit: recordByteLimit) else {
                throw fault(
                    "the member has more than \(recordByteLimit) bytes", member.name,
                    "Longer records are read with --max-record-bytes.")
            }
            return bytes
        }
        switch member.ending {
        case "json": sample.json = try all()
        case "txt": sample.text = try all()
        default:
            guard let kind = Self.mediaKind(of: member.ending) else {
                throw fault(
                    "members that end in .\(member.ending) have no place in a record", member.name,
                    (member.ending.contains(".")
                        ? "The key of a sample ends at the first dot of the name, here \"\(member.key)\": keys have no dots. "
                        : "")
                        + "A sample is made of .json (the record), .txt (its text), and an image, a video or a sound, as "
                        + ".jpg, .image.png, .mp4, .wav: leave the others out of the tar.")
            }
            guard !sample.media.contains(where: { $0.kind == kind }) else {
                throw fault("the sample has two members with \(kind.rawValue)", member.name)
            }
            try Interruption.check()
            guard let item = try CarriedItem(currentOf: tar, name: member.name) else {
                throw fault("the member is empty", member.name)
            }
            sample.media.append((kind, member.name, item))
        }
    }

    /// The member by which messages know a sample: its record, or else what there is.
    private static func member(of sample: Sample) -> String {
        if sample.json != nil { return sample.key + ".json" }
        if sample.text != nil { return sample.key + ".txt" }
        return sample.media.first?.member ?? sample.key
    }

    /// `jpg`, or the field and any ending: `image.jpg`.
    private static func mediaKind(of ending: String) -> MediaKind? {
        let parts = ending.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 2 { return MediaKind(rawValue: String(parts[0])) }
        return MediaKind(fileEnding: ending)
    }

    private func fault(_ reason: String, _ name: String, _ advice: String? = nil) -> SampleFault {
        SampleFault(error: InputError(reason, at: Place(path: "\(path)/\(name)"), advice: advice))
    }

    // MARK: - Records

    /// Appends the sample's record: its JSON, with what it lacks of the key as id, the text, and references to items.
    private func append(_ sample: Sample, to line: inout [UInt8]) throws {
        let prefix = kind == .documents ? "document_" : "query_"
        let idField = kind == .documents ? "docid" : "query_id"
        let root = try sample.json.map { try object($0, "\(sample.key).json") }
        defer { withExtendedLifetime(parser) {} }
        func said(_ field: String) -> JSONNode? {
            root?.fields.first { key, _ in key.elementsEqual(field.utf8) }?.1
        }
        var added: [UInt8] = []
        func add(_ field: String, _ value: (inout [UInt8]) -> Void) {
            added.append(added.isEmpty ? 0x7B : 0x2C)
            JSONText.appendString(field, to: &added)
            added.append(0x3A)
            value(&added)
        }
        if said(idField) == nil { add(idField) { JSONText.appendString(sample.key, to: &$0) } }
        if let text = sample.text {
            guard String(validating: text, as: UTF8.self) != nil else {
                throw fault("the text is not valid UTF-8", sample.key + ".txt")
            }
            add(prefix + "text") { JSONText.appendString(text, to: &$0) }
        }
        for (kind, member, item) in sample.media {
            if let reference = said(prefix + kind.rawValue) ?? said(kind.rawValue) {
                guard
                    let digest = reference["digest"]?.string.flatMap({
                        SHA256Digest(hex: String(decoding: $0, as: UTF8.self))
                    })
                else {
                    throw fault(
                        "the record names its \(kind.rawValue) otherwise than by digest, and the sample has one",
                        member,
                        "Leave the field out of the record, or the member out of the tar.")
                }
                media.add(item, digest: digest)
            } else {
                let reference = media.add(item)
                add(prefix + kind.rawValue) { $0 += reference.json }
            }
        }
        guard let json = sample.json, let root, let brace = json.firstIndex(of: 0x7B) else {
            line += added
            line.append(0x7D)
            return
        }
        guard !added.isEmpty else {
            line += json
            return
        }
        line += added
        if root.fields.contains(where: { _ in true }) { line.append(0x2C) }
        line += json[(brace + 1)...]
    }

    private func object(_ json: [UInt8], _ name: String) throws -> JSONNode {
        let root = json.withUnsafeBytes { bytes in
            Result { () throws(RecordFault) in try RecordScanner.root(of: bytes, padded: false, parser: parser) }
                .mapError { SampleFault(error: $0.error(at: Place(path: "\(path)/\(name)"), line: bytes)) }
        }
        let node = try root.get()
        guard node.kind == .object else {
            throw fault("\(node.kind.name) where a record should be", name, "The member holds one JSON object.")
        }
        return node
    }
}
