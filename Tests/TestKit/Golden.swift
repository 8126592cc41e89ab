internal import Base
internal import Foundation
public import SystemPackage

/// Files of known-good results that lie beside the tests.
///
/// `TVT_RECORD=1` makes ``check(_:against:)`` rewrite them and then fail, so that a recording run is never green.
public struct Golden: Sendable {
    public let folder: FilePath

    /// - Parameter file: the test's source file; its folder holds `Golden/`.
    public init(file: String = #filePath) {
        folder = FilePath(file).removingLastComponent().appending("Golden")
    }

    public func callAsFunction(_ name: String) -> FilePath { folder.appending(name) }

    public func bytes(_ name: String) throws -> [UInt8] { try Files.readAll(self(name)) }

    /// Whether `bytes` equal the golden file.
    public func check(_ bytes: [UInt8], against name: String) throws -> Bool {
        if ProcessInfo.processInfo.environment["TVT_RECORD"] == "1" {
            try Files.replace(self(name), with: bytes)
            return false
        }
        return try self.bytes(name) == bytes
    }
}

/// The root of the source tree, for data sets that tests use.
public let sourceRoot = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
