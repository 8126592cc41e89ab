import Base
import SystemPackage
import TestKit
import Testing

/// 2,250 damaged files of all kinds: none crashes a reader, hangs it for 10 seconds, fills the memory, or makes it write
/// outside of its folder.
///
/// Each kind runs in a process of its own, see `Tests/Hostile/README.md`; the case that ended it is the last on its output.
@Suite struct HostileTests {
    static let kinds = [
        "jpeg", "png", "webp", "gif", "video", "wav", "mp3", "ogg", "zip", "tar", "parquet", "arrow", "jsonl", "csv",
        "json",
    ]
    static let caseCount = 150

    private static let material = Result {
        let folder = try TemporaryFolder(in: parent)
        let result = try run("tvt-hostile", ["material", sourceRoot.string, folder.path.string])
        guard result.status == 0 else { throw Failure(.bug, result.outputText) }
        return folder
    }

    /// In memory where that is possible: many of the cases commit to a store.
    private static var parent: FilePath { Files.isDirectory("/dev/shm") ? "/dev/shm" : "/tmp" }

    @Test(arguments: kinds) func everyCaseIsReadOrRefused(kind: String) throws {
        let material = try Self.material.get()
        let folder = try TemporaryFolder(in: Self.parent)
        for name in ["work/inner", "work/scratch"] { try Files.makeDirectory(folder(name)) }
        for name in ["escape", "work/escape"] { try folder.write("untouched", to: name) }
        let before = try Self.snapshot(of: folder.path)
        let work = folder("work/inner").string
        let result = try run(
            "tvt-hostile", [kind, "0", "\(Self.caseCount)", material.path.string, work],
            environment: ["TMPDIR": folder("work/scratch").string], workingFolder: folder("work/inner"))
        let lines = result.outputText.split(separator: "\n")
        let last = lines.last.map(String.init) ?? ""
        #expect(
            result.status == 0 && !result.wasKilled,
            "ended with \(result.status)\(result.wasKilled ? " by a signal (14: 10 s are over)" : "") at: \(last)\n\(result.errorText.suffix(2000))"
        )
        #expect(lines.count == Self.caseCount + 1)
        // Both happen, so that the cases are neither all harmless nor all hopeless.
        let numbers = last.split { !$0.isNumber }.compactMap { Int($0) }
        try #require(numbers.count == 3, "\(last)")
        #expect(numbers[0] + numbers[1] == Self.caseCount)
        #expect(numbers[0] > 10 && numbers[1] > 10, "\(last)")
        #expect(numbers[2] < 1 << 20, "more than 1 GiB of memory: \(last)")
        try Files.removeTree(folder("work/inner"))
        #expect(try Self.snapshot(of: folder.path) == before)
        #expect(!Files.exists("/escape"))
    }

    /// All paths below a folder, with what the files hold; without the innermost folder, which may change.
    private static func snapshot(of folder: FilePath) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        func walk(_ folder: FilePath) throws {
            for name in try Files.list(folder) where name != "inner" {
                let path = folder.appending(name)
                if Files.isDirectory(path) {
                    found[path.string] = []
                    try walk(path)
                } else {
                    found[path.string] = try Files.readAll(path)
                }
            }
        }
        try walk(folder)
        return found
    }

    /// The program that runs the cases notices what it is there to notice.
    @Test func aProgramThatFailsIsNoticed() throws {
        let folder = try TemporaryFolder()
        let result = try run("tvt-hostile", ["jpeg", "0", "1", folder.path.string, folder.path.string])
        #expect(result.status == 70)
        #expect(result.outputText.hasPrefix("failed:"))
    }
}
