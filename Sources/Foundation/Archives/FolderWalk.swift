internal import Base
internal import Glibc
internal import SystemPackage

/// The regular files below a folder, one after the other, in the order of their names' bytes.
///
/// Links are errors: they may lead anywhere. Memory: the names in the folders that lead to the present file.
struct FolderWalk {
    private let root: FilePath
    private struct Entry {
        /// Relative to the root.
        let name: String
        let isFolder: Bool
    }
    /// What is still to be walked, the next one last.
    private var waiting: [Entry] = []

    init(_ root: FilePath) throws {
        self.root = root
        try list("")
    }

    /// The name of the next file relative to the root; nil behind the last.
    mutating func next() throws -> String? {
        while let entry = waiting.popLast() {
            guard entry.isFolder else { return entry.name }
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
                throw InputError(
                    "the name of a file is not valid UTF-8", at: Place(path: folder.string), offender: Array(bytes),
                    advice: "Rename it, or leave it out of the folder.")
            }
            var status = stat()
            guard fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                throw SystemError.last("open", folder.appending(name))
            }
            let kind = status.st_mode & S_IFMT
            guard kind == S_IFDIR || kind == S_IFREG else {
                throw InputError(
                    kind == S_IFLNK ? "the file is a symbolic link" : "this is neither a file nor a folder",
                    at: Place(path: folder.appending(name).string),
                    advice: kind == S_IFLNK
                        ? "Links in a folder are not followed, since they may lead anywhere: name the file itself, or copy "
                            + "the folder with cp -rL." : "Leave it out of the folder.")
            }
            found.append(Entry(name: prefix + name, isFolder: kind == S_IFDIR))
        }
        // A folder is sorted as its files will be, with the slash.
        func key(_ entry: Entry) -> [UInt8] { Array(entry.name.utf8) + (entry.isFolder ? [0x2F] : []) }
        let keyed = found.map { (key($0), $0) }.sorted { $1.0.lexicographicallyPrecedes($0.0) }
        waiting += keyed.map(\.1)
    }
}
