internal import Base
public import SystemPackage

/// What can be told of a folder of vectors without reading any.
public enum VectorsFolder {
    /// The lines about all records that the parts of a folder left out, one after another, in the order of the records.
    public static func leftOutLines(of manifest: VectorsManifest, in folder: FilePath) throws -> [UInt8] {
        try manifest.parts.filter { $0.leftOutCount > 0 }.flatMap {
            try Files.readAll(folder.appending($0.leftOutName))
        }
    }

    /// Whether a folder of vectors has, or may have, a file of this name: nobody else's may have it there.
    public static func ownsName(_ name: String) -> Bool {
        name == VectorsManifest.fileName || name.hasPrefix("part-") || name.hasPrefix(".")
    }
}
