internal import Base
internal import Glibc
internal import SystemPackage

/// The regular files below a folder, one after the other, in the order of their names' bytes; hidden ones are passed over.
///
/// Links are errors, since they may lead anywhere, apart from those of a `HubCache` that stay in it. Of such a cache's
/// repository the only snapshot is walked. Memory: the names in the folders that lead to the present file.
struct FolderWalk {
    /// A file of the folder.
    struct File {
        /// Relative to the folder.
        let name: String
        /// Where it lies: no link.
        let path: FilePath
    }

    private struct Entry {
        let name: String
        /// Nil for a folder.
        let path: FilePath?
    }

    private let root: FilePath
    private let leavesUnreadable: Bool
    /// Files and folders whose names are not valid UTF-8, which were left out; as people see them.
    private(set) var unreadable: [String] = []
    /// What is still to be walked, the next one last.
    private var waiting: [Entry] = []

    /// - Parameter leavesUnreadable: whether names that are not valid UTF-8 are left out, and no errors.
    init(_ root: FilePath, leavesUnreadable: Bool = false) throws {
        self.root = root
        self.leavesUnreadable = leavesUnreadable
        if let snapshot = try HubSnapshot.only(of: root) {
            let name = snapshot.lastComponent?.string ?? ""
            try list("snapshots/\(name)/")
        } else {
            try list("")
        }
    }

    /// The next file; nil behind the last.
    mutating func next() throws -> File? {
        while let entry = waiting.popLast() {
            if let path = entry.path { return File(name: entry.name, path: path) }
            try Interruption.check()
            try list(entry.name + "/")
        }
        return nil
    }

    private mutating func list(_ prefix: String) throws {
        let folder = prefix.isEmpty ? root : root.appending(prefix)
        guard let directory = opendir(folder.string) else { throw SystemError.last("list", folder) }
        defer { closedir(directory) }
        var found: [Entry] = []
        while let entry = readdir(directory) {
            let bytes = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: 256))
                }
                .prefix { $0 != 0 }
            }
            if bytes == [0x2E] || bytes == [0x2E, 0x2E] { continue }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                if leavesUnreadable {
                    unreadable.append("\(folder.string)/\(escaped(bytes))")
                    continue
                }
                throw InputError(
                    "the name of a file is not valid UTF-8", at: Place(path: folder.string), offender: Array(bytes),
                    advice: "Rename it, or leave it out of the folder.")
            }
            if HiddenFile.isHidden(component: name) { continue }
            var path = folder.appending(name)
            var kind = try Self.kind(of: path)
            if kind == S_IFLNK, let blob = HubCache.blob(of: path) {
                path = blob
                kind = try Self.kind(of: blob)
            }
            if kind == S_IFLNK, let blob = HubCache.missingBlob(of: path) {
                throw InputError(
                    "the file's blob \(blob) is missing", at: Place(path: path.string),
                    advice: "The download is not complete: fetch the repository again.")
            }
            guard kind == S_IFDIR || kind == S_IFREG else {
                throw InputError(
                    kind == S_IFLNK ? "the file is a symbolic link" : "this is neither a file nor a folder",
                    at: Place(path: folder.appending(name).string),
                    advice: kind == S_IFLNK
                        ? "Links in a folder are not followed, since they may lead anywhere: name the file itself, or copy "
                            + "the folder with cp -rL." : "Leave it out of the folder.")
            }
            found.append(Entry(name: prefix + name, path: kind == S_IFDIR ? nil : path))
        }
        // A folder is sorted as its files will be, with the slash.
        func key(_ entry: Entry) -> [UInt8] { Array(entry.name.utf8) + (entry.path == nil ? [0x2F] : []) }
        let keyed = found.map { (key($0), $0) }.sorted { $1.0.lexicographicallyPrecedes($0.0) }
        waiting += keyed.map(\.1)
    }

    /// The kind of a file, of a link itself.
    private static func kind(of path: FilePath) throws -> mode_t {
        var status = stat()
        guard lstat(path.string, &status) == 0 else { throw SystemError.last("open", path) }
        return status.st_mode & S_IFMT
    }
}
