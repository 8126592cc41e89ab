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
        return try Files.list(qrels).filter { !$0.hasPrefix(".") }.map { qrels.appending($0) }
    }

    /// Whether a file may hold samples.
    package static func isTar(_ name: String) -> Bool {
        !name.hasPrefix(".")
            && [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"].contains { name.hasSuffix($0) }
    }

    /// What is not read is said.
    package static func tellOthers(in folder: FilePath, _ names: [String], known: (String) -> Bool) {
        let others = names.filter { !known($0) && $0 != summaryName && !$0.hasPrefix(".") }
        guard !others.isEmpty else { return }
        log.notice("\(folder): not read: \(others.joined(separator: ", "))")
    }
}
