internal import Base
public import SystemPackage

/// A folder of files, or an archive (zip, tar) that stands for one.
public struct SourceTree: Sendable {
    public let path: FilePath
    public let isFolder: Bool
    /// Relative names of all regular files, sorted.
    public let names: [String]

    public init(_ path: FilePath) throws {
        self.path = path
        isFolder = Files.isDirectory(path)
        if isFolder {
            names = try Self.files(in: path, prefix: "").sorted()
        } else {
            guard Files.exists(path) else {
                throw Failure(.missingInput, "\(path) does not exist", advice: "Name a folder or a zip file.")
            }
            let reader = try ArchiveReader(archive: path)
            var names: [String] = []
            while let name = try reader.nextEntry() { names.append(name) }
            self.names = names.sorted()
        }
    }

    /// The stream of one file.
    ///
    /// - Parameter hashing: for folders, whether `InputStream.finish` shall know size and SHA-256 of the file.
    public func open(_ name: String, hashing: Bool = false) throws -> InputStream {
        if isFolder { return try InputStream(path.appending(name), hashing: hashing) }
        let reader = try ArchiveReader(archive: path)
        while let entry = try reader.nextEntry() {
            if entry.utf8.elementsEqual(name.utf8) {
                return InputStream(entry: name, of: reader, archive: path.string)
            }
        }
        throw Failure(.missingInput, "\(path) has no entry \(name)")
    }

    private static func files(in folder: FilePath, prefix: String) throws -> [String] {
        var names: [String] = []
        for name in try Files.list(folder) {
            let path = folder.appending(name)
            if Files.isDirectory(path) {
                names += try files(in: path, prefix: prefix + name + "/")
            } else {
                names.append(prefix + name)
            }
        }
        return names
    }
}
