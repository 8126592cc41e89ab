internal import Base
internal import Glibc
internal import SystemPackage

/// The files beside a result at which processes that make it together meet.
struct JointFiles {
    let folder: FilePath
    let name: String

    init(beside result: FilePath) {
        let parent = result.removingLastComponent()
        folder = parent.isEmpty ? "." : parent
        name = result.lastComponent?.string ?? "result"
    }

    var result: FilePath { folder.appending(name) }

    /// Held by a process while it works.
    func process(_ rank: Int) -> FilePath { folder.appending(".\(name)-\(rank).process") }

    /// What a process hands to the first.
    func part(of rank: Int) -> FilePath { folder.appending(".\(name)-\(rank).part") }

    /// Removes parts, whole ones and begun ones. Only for who holds the first process's file.
    func removeParts() throws {
        for file in try Files.list(folder) {
            if let rank = rankOfPart(file) {
                try Files.remove(part(of: rank))
            } else if let rank = rankOfBegunPart(file) {
                try StagedFile.removeRemains(of: part(of: rank))
            }
        }
    }

    /// Removes the files of other processes than the first that nobody holds.
    func removeProcesses() throws {
        for file in try Files.list(folder) {
            guard let rank = rankOfProcess(file), rank > 0 else { continue }
            // Nobody else can have it while it is held: those who wait for it look whether it has its name still.
            guard let held = try? FileLock(acquiring: process(rank), purpose: "tidying up") else { continue }
            try Files.remove(process(rank))
            withExtendedLifetime(held) {}
        }
    }

    /// Whether there are any files.
    func areThere() throws -> Bool {
        try Files.list(folder).contains {
            rankOfProcess($0) != nil || rankOfPart($0) != nil || rankOfBegunPart($0) != nil
        }
    }

    private func rankOfProcess(_ file: String) -> Int? { number(in: file, between: ".\(name)-", and: ".process") }

    private func rankOfPart(_ file: String) -> Int? { number(in: file, between: ".\(name)-", and: ".part") }

    /// One that `StagedFile` has not given its name yet.
    private func rankOfBegunPart(_ file: String) -> Int? {
        number(in: file, between: "..\(name)-", and: ".part.0.tmp")
    }

    private func number(in text: String, between prefix: String, and suffix: String) -> Int? {
        guard text.hasPrefix(prefix), text.hasSuffix(suffix) else { return nil }
        return Int(text.dropFirst(prefix.count).dropLast(suffix.count))
    }
}
