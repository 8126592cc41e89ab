internal import Base
internal import Glibc
public import SystemPackage

/// A folder of its own for one test, removed when the object goes.
public final class TemporaryFolder: Sendable {
    public let path: FilePath

    /// - Parameter parent: where it is made; it must exist.
    public init(in parent: FilePath = "/tmp") throws {
        let pattern = parent.appending("tvt-test-" + Files.uniqueEnding)
        var template = Array(pattern.string.utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("create", pattern) }
        path = FilePath(template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
    }

    deinit { try? Files.removeTree(path) }

    public func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

    /// Writes a file and gives its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> FilePath { try write(Array(text.utf8), to: name) }

    @discardableResult
    public func write(_ bytes: [UInt8], to name: String) throws -> FilePath {
        let file = self(name)
        try Files.makeDirectory(file.removingLastComponent())
        try Files.remove(file)
        var output = try OutputFile(creating: file)
        try output.write(bytes)
        try output.close()
        return file
    }
}
