internal import Base
internal import JSON
internal import SystemPackage

/// What is known of a part, and later of the file that it became: `<path>.json` beside it.
struct PartNote {
    var url: String
    /// Validators of the resource that the bytes come from, as the server sent them.
    var entityTag: String?
    var lastModified: String?
    var totalBytes: Int?
    /// The digest of the whole file, once it has its name.
    var finished: SHA256Digest?

    init(url: String) { self.url = url }

    /// Nil where there is none, or none that can be read: then the file is fetched from its start.
    init?(reading path: FilePath) {
        guard Files.exists(path), let json = try? JSONValue.parse(file: path), let url = json["url"]?.string else {
            return nil
        }
        self.url = url
        entityTag = json["entityTag"]?.string
        lastModified = json["lastModified"]?.string
        totalBytes = json["totalBytes"]?.integer
        finished = json["sha256"]?.string.flatMap { SHA256Digest(hex: $0) }
    }

    var json: JSONValue {
        var object: JSONObject = ["url": .string(url)]
        object["entityTag"] = entityTag.map { .string($0) }
        object["lastModified"] = lastModified.map { .string($0) }
        object["totalBytes"] = totalBytes.map { JSONValue($0) }
        object["sha256"] = finished.map { .string($0.hex) }
        return .object(object)
    }
}

/// The bytes of a file that have arrived. One thread uses it.
final class PartFile {
    let path: FilePath
    private let notePath: FilePath
    private var note: PartNote
    /// Whether bytes of any origin may be gone on with, because the digest of the whole will tell.
    private let trustsAny: Bool
    private let expectedBytes: Int?
    private var output: OutputFile?
    private(set) var byteCount = 0

    /// - Parameter url: without passwords: it is written down.
    init(_ path: FilePath, note: FilePath, url: String, trustsAny: Bool, expectedBytes: Int?) {
        self.path = path
        notePath = note
        self.note = PartNote(url: url)
        self.trustsAny = trustsAny
        self.expectedBytes = expectedBytes
    }

    var totalBytes: Int? { note.totalBytes ?? expectedBytes }

    var isComplete: Bool { totalBytes.map { $0 == byteCount && byteCount > 0 } ?? false }

    /// Takes up what an earlier process left, if it can be gone on with.
    ///
    /// - Returns: the number of bytes that are there.
    func open() throws -> Int {
        try Files.makeDirectory(path.removingLastComponent())
        if let known = PartNote(reading: notePath), known.url == note.url, known.finished == nil, Files.exists(path) {
            note = known
        } else if Files.exists(path) {
            try Files.remove(path)
        }
        byteCount = Files.exists(path) ? try Files.size(path) : 0
        if byteCount > 0, rangeCondition == nil && !isComplete || byteCount > totalBytes ?? .max {
            try Files.remove(path)
            byteCount = 0
        }
        output = try OutputFile(appendingTo: path)
        return byteCount
    }

    /// What `If-Range` says of the bytes that are here; empty where the digest of the whole will tell; nil where the
    /// file has to be fetched from its start. A weak entity tag does not promise equal bytes.
    var rangeCondition: String? {
        guard byteCount > 0 else { return nil }
        if let tag = note.entityTag, tag.hasPrefix("\"") { return tag }
        return note.lastModified ?? (trustsAny ? "" : nil)
    }

    func goOn(totalBytes: Int?) { note.totalBytes = totalBytes ?? note.totalBytes }

    /// Drops what is there, for bytes of a resource with these validators.
    func restart(entityTag: String?, lastModified: String?, totalBytes: Int?) throws {
        output = nil
        try Files.remove(path)
        note.entityTag = entityTag
        note.lastModified = lastModified
        note.totalBytes = totalBytes
        try Files.replace(notePath, with: note.json.pretty())
        output = try OutputFile(appendingTo: path)
        byteCount = 0
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws {
        try output?.write(bytes)
        byteCount += bytes.count
    }

    func flush() throws { try output?.flush() }

    func discard() throws {
        output = nil
        try Files.remove(path)
        try Files.remove(notePath)
        byteCount = 0
    }

    /// Gives the whole file its name, durably.
    func finish(_ digest: SHA256Digest, as target: FilePath) throws {
        try output?.sync()
        output = nil
        note.finished = digest
        note.totalBytes = byteCount
        try Files.rename(path, to: target)
        try Files.syncFolder(target.removingLastComponent())
        try Files.replace(notePath, with: note.json.pretty())
    }
}
