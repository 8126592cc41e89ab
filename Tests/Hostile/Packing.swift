import Archives
import Base
import SystemPackage

/// How a file of the material is packed, so that it can be damaged inside.
enum Packing: String, CaseIterable {
    case gz, zst, xz

    init?(name: String) {
        guard let packing = Self.allCases.first(where: { name.hasSuffix("." + $0.rawValue) }) else { return nil }
        self = packing
    }

    func unpack(_ bytes: [UInt8], work: FilePath) throws -> [UInt8] {
        let path = work.appending("packed")
        try Files.replace(path, with: bytes)
        return try InputStream(path).readAll()
    }

    func pack(_ bytes: [UInt8], work: FilePath) throws -> [UInt8] {
        let path = work.appending("packed." + rawValue)
        let output = try CompressedOutput(path)
        try output.write(bytes)
        try output.commit()
        return try Files.readAll(path)
    }
}
