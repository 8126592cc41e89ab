public import Base
internal import JSON
public import SystemPackage

/// SHA-256 of files, computed again only where size or time of a file have changed. One thread uses it.
///
/// What is known is kept in a file between runs; that file may be deleted at any time.
public final class DigestCache {
    private struct Entry: Equatable {
        var size: Int
        /// Of the last modification, in seconds since 1970.
        var time: Double
        var digest: SHA256Digest
    }

    private let path: FilePath
    private var entries: [String: Entry] = [:]
    private var hasChanged = false

    /// - Parameter path: where digests are kept; one that cannot be read counts as empty.
    public init(at path: FilePath) {
        self.path = path
        guard Files.exists(path), let fields = try? JSONValue.parse(file: path).object else { return }
        for (name, value) in fields {
            guard let size = value["size"]?.integer, let time = value["time"]?.double,
                let digest = value["sha256"]?.string.flatMap({ SHA256Digest(hex: $0) })
            else { continue }
            entries[name] = Entry(size: size, time: time, digest: digest)
        }
    }

    public func digest(of file: FilePath) throws -> SHA256Digest {
        let (size, time) = (try Files.size(file), try Files.modificationTime(file))
        if let known = entries[file.string], known.size == size, known.time == time { return known.digest }
        try Interruption.check()
        let digest = try SHA256Digest.ofFile(file)
        entries[file.string] = Entry(size: size, time: time, digest: digest)
        hasChanged = true
        return digest
    }

    public func save() throws {
        guard hasChanged else { return }
        var fields = JSONObject()
        for (name, entry) in entries.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            fields[name] = [
                "size": JSONValue(entry.size), "time": .number(entry.time), "sha256": .string(entry.digest.hex),
            ]
        }
        try Files.replace(path, with: JSONValue.object(fields).pretty())
        hasChanged = false
    }
}

/// A file of an input, as the lock tells of it.
struct InputListing {
    struct Entry: Equatable {
        /// Relative to the folder; the name alone where the input is one file.
        var path: String
        var size: Int
        var sha256: SHA256Digest
    }

    let entries: [Entry]

    /// All files of a folder, links followed, in the order of their paths' bytes; hidden ones are passed over.
    ///
    /// - Throws: `Failure` where nothing is there.
    init(of root: FilePath, _ digests: DigestCache) throws {
        var entries: [Entry] = []
        func add(_ file: FilePath, as path: String) throws {
            entries.append(Entry(path: path, size: try Files.size(file), sha256: try digests.digest(of: file)))
        }
        func visit(_ folder: FilePath, _ prefix: String, depth: Int) throws {
            guard depth < 64 else {
                throw Failure(.badData, "\(folder): folders lie too deep, or links go round in a circle")
            }
            for name in try Files.list(folder) where !name.hasPrefix(".") {
                let path = folder.appending(name)
                if Files.isDirectory(path) {
                    try visit(path, prefix + name + "/", depth: depth + 1)
                } else {
                    try add(path, as: prefix + name)
                }
            }
        }
        guard Files.exists(root) else { throw Failure(.missingInput, "\(root) does not exist") }
        if Files.isDirectory(root) {
            try visit(root, "", depth: 0)
        } else {
            try add(root, as: root.lastComponent?.string ?? "file")
        }
        guard !entries.isEmpty else { throw Failure(.missingInput, "\(root) holds no files") }
        self.entries = entries.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        try digests.save()
    }

    var byteCount: Int { entries.reduce(0) { $0 + $1.size } }

    private var list: JSONValue {
        .array(
            entries.map {
                ["path": .string($0.path), "size": JSONValue($0.size), "sha256": .string($0.sha256.hex)]
            })
    }

    /// Of all paths, sizes and digests.
    var digest: SHA256Digest { SHA256Digest.of(list.canonical()) }

    /// The files one by one up to a thousand, and a digest over all of them.
    var json: JSONValue {
        var object: JSONObject = [
            "files": JSONValue(entries.count), "bytes": JSONValue(byteCount), "digest": .string(digest.description),
        ]
        if entries.count <= 1000 { object["list"] = list }
        return .object(object)
    }
}
