internal import Base
public import SystemPackage

/// What can be told of a folder of vectors without reading any.
public enum VectorsFolder {
    /// Writes the lines about all records that its parts left out into one file, in the order of the records; an empty one
    /// where nothing was left out.
    public static func listLeftOut(of folder: FilePath, in file: FilePath) throws {
        let manifest = try VectorsManifest(readingFrom: folder)
        var lines: [UInt8] = []
        for part in manifest.parts where part.leftOutCount > 0 {
            lines += try Files.readAll(folder.appending(part.leftOutName))
        }
        try Files.replace(file, with: lines)
    }
}
