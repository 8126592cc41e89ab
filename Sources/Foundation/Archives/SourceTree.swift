internal import Base
public import SystemPackage

/// A folder of files, or an archive (zip, tar) that stands for one, of which files are taken by name. Hidden files
/// (`HiddenFile`) are none.
///
/// Everything that `MemberReader` refuses is refused here too, when the names are listed. Each `open` goes through an
/// archive from its start; where all of it is read once, in order, a `MemberReader` is the better way.
public struct SourceTree: Sendable {
    public let path: FilePath
    public let isFolder: Bool
    /// Relative names of all regular files, in the order of their bytes.
    public let names: [String]
    /// Of a folder, what was left out since its name is not valid UTF-8; as people see it.
    public let unreadable: [String]
    private let limits: ArchiveLimits

    /// - Parameter leavesUnreadable: whether names of a folder that are not valid UTF-8 are left out, and no errors.
    public init(
        _ path: FilePath, limits: ArchiveLimits = ArchiveLimits(), leavesUnreadable: Bool = false
    ) throws {
        self.path = path
        self.limits = limits
        isFolder = Files.isDirectory(path)
        guard isFolder || Files.exists(path) else {
            throw Failure(.missingInput, "\(path) does not exist", advice: "Name a folder, a zip or a tar.")
        }
        var names: [String] = []
        var unreadable: [String] = []
        if isFolder {
            var walk = try FolderWalk(path, leavesUnreadable: leavesUnreadable)
            while let file = try walk.next() { names.append(file.name) }
            unreadable = walk.unreadable.sorted()
        } else {
            let reader = try MemberReader(path, limits: limits)
            while let name = try reader.next() { names.append(name) }
            names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        self.names = names
        self.unreadable = unreadable
    }

    /// The stream of one file; in a folder decompressed, in an archive as it is.
    ///
    /// - Parameter hashing: for folders, whether `InputStream.finish` shall know size and SHA-256 of the file.
    public func open(_ name: String, hashing: Bool = false) throws -> InputStream {
        if isFolder { return try InputStream(path.appending(name), hashing: hashing) }
        let reader = try MemberReader(path, limits: limits)
        while let member = try reader.next() {
            if member.utf8.elementsEqual(name.utf8) { return InputStream(memberOf: reader) }
        }
        throw Failure(.missingInput, "\(path) has no member \(name)")
    }
}
