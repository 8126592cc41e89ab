internal import Archives
internal import Base
package import SystemPackage

/// Names in the folder of an export.
package enum FolderFiles {
    /// Written last into every export: what lies in the folder.
    package static let summaryName = "export.json"

    private static let packings = ["", ".gz", ".zst", ".xz"]

    package static func isPacked(_ name: String, stem: String) -> Bool { packings.contains { name == stem + $0 } }

    /// The one file of this name, packed or not; nil where there is none.
    package static func find(_ stem: String, in folder: FilePath, _ names: [String]) throws -> FilePath? {
        let found = names.filter { isPacked($0, stem: stem) }
        guard found.count <= 1 else {
            throw Failure(.badData, "\(folder) has several of \(stem): \(found.joined(separator: ", "))")
        }
        return found.first.map { folder.appending($0) }
    }

    package static func judgements(in folder: FilePath, _ names: [String]) throws -> [FilePath] {
        guard names.contains("qrels") else { return [] }
        let qrels = folder.appending("qrels")
        return try Files.list(qrels).filter { !HiddenFile.isHidden(component: $0) }.map { qrels.appending($0) }
    }

    /// Whether a file may hold samples.
    package static func isTar(_ name: String) -> Bool {
        let lowered = name.lowercased()
        return !HiddenFile.isHidden(component: name)
            && [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2"].contains { lowered.hasSuffix($0) }
    }

    /// What is not read.
    package static func others(in folder: FilePath, _ names: [String], known: (String) -> Bool) -> [FilePath] {
        names.filter { !known($0) && $0 != summaryName && !HiddenFile.isHidden(component: $0) }
            .map { folder.appending($0) }
    }
}
