import Base
import Glibc
import Synchronization
import SystemPackage
import TestKit
import Testing

@Suite struct FileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test func aStagedFileAppearsOnlyWhenCommitted() throws {
        let path = folder("deep/er/file")
        do {
            var dropped = try StagedFile(for: path)
            try dropped.write(Array("half".utf8))
        }
        #expect(try Files.list(folder("deep/er")) == [])
        var file = try StagedFile(for: path)
        try file.write(Array("whole".utf8))
        #expect(!Files.exists(path))
        try file.commit()
        #expect(try Files.list(folder("deep/er")) == ["file"])
        #expect(try Files.readText(path) == "whole")
    }

    @Test func largeWritesArriveWhole() throws {
        var generator = SplitMix64(seed: 2)
        var expected: [UInt8] = []
        var output = try OutputFile(creating: folder("large"))
        for _ in 0..<200 {
            let piece = (0..<Int(generator.next(below: 9000))).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            expected += piece
            try output.write(piece)
            #expect(output.position == expected.count)
        }
        let block = [UInt8](repeating: 7, count: 1 << 20)
        try output.write(block)
        try output.close()
        #expect(try Files.readAll(folder("large")) == expected + block)
        let mapped = try MappedFile(folder("large"))
        #expect(Array(mapped.bytes) == expected + block)
    }

    @Test func existingFilesAreNotOverwritten() throws {
        try folder.write("old", to: "file")
        let path = folder("file")
        #expect(throws: SystemError.self) { _ = try OutputFile(creating: path) }
        #expect(try Files.readText(path) == "old")
    }

    @Test func emptyAndMissingFiles() throws {
        #expect(try MappedFile(folder.write("", to: "empty")).count == 0)
        #expect(throws: SystemError.self) { try MappedFile(folder("missing")) }
        #expect(throws: SystemError.self) { try MappedFile(folder.path) }
        try Files.remove(folder("missing"))
        try Files.removeTree(folder("missing"))
    }

    @Test func invalidTextIsAnError() throws {
        let path = try folder.write([0x61, 0xFF], to: "text")
        #expect(throws: InputError.self) { try Files.readText(path) }
    }

    @Test func aLockIsExclusiveAndNamesItsHolder() throws {
        let path = folder("lock")
        var first: FileLock? = try FileLock(acquiring: path, purpose: "first")
        withExtendedLifetime(first) {
            let error = #expect(throws: Failure.self) { try FileLock(acquiring: path, purpose: "second") }
            #expect(error?.exitStatus == .locked)
            #expect(error?.message.contains("(first, since ") == true)
        }
        #expect(try FileLock.probe(path) == .held)
        first = nil
        #expect(try FileLock.probe(path) == .free && FileLock.probe(folder("none")) == .missing)
        _ = try FileLock(acquiring: path, purpose: "third")
    }

    /// Processes that look for each other's ends would else believe in ones that never were.
    @Test func whoProbesALockIsNoHolder() throws {
        let path = try folder.write("", to: "lock")
        let wrong = Atomic<Int>(0)
        let threads = try (0..<4).map { _ in
            try Thread {
                for _ in 0..<2000 where (try? FileLock.probe(path)) != .free {
                    wrong.add(1, ordering: .sequentiallyConsistent)
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(wrong.load(ordering: .sequentiallyConsistent) == 0)
    }

    /// Each holder removes the lock's file before it lets go; those who opened it before must not hold what nobody sees.
    @Test func aLockWhoseFileIsRemovedStaysExclusive() throws {
        let path = folder("lock")
        let holders = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let threads = try (0..<4).map { _ in
            try Thread {
                for _ in 0..<500 {
                    guard let lock = try? FileLock(acquiring: path, purpose: "test", wait: true) else { continue }
                    let count = holders.add(1, ordering: .sequentiallyConsistent).newValue
                    most.max(count, ordering: .sequentiallyConsistent)
                    sched_yield()
                    holders.subtract(1, ordering: .sequentiallyConsistent)
                    try? Files.remove(path)
                    withExtendedLifetime(lock) {}
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(most.load(ordering: .sequentiallyConsistent) == 1)
    }

    @Test func aTreeIsRemovedWithoutFollowingLinks() throws {
        try folder.write("keep", to: "outside/file")
        try folder.write("x", to: "tree/a/b")
        try Files.makeDirectory(folder("tree/c"))
        #expect(symlink(folder("outside").string, folder("tree/link").string) == 0)
        try Files.removeTree(folder("tree"))
        #expect(!Files.exists(folder("tree")))
        #expect(Files.exists(folder("outside/file")))
    }

    /// Two threads of one process that replaced a file at once took each other's staging file.
    @Test func threadsMayReplaceOneFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder("file")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for _ in 0..<50 { try Files.replace(path, with: [UInt8](repeating: UInt8(number), count: 10_000)) }
                }
            }
            group.addTask {
                for _ in 0..<500 {
                    guard Files.exists(path) else { continue }
                    let bytes = try Files.readAll(path)
                    #expect(bytes.count == 10_000 && Set(bytes).count == 1)
                }
            }
            try await group.waitForAll()
        }
        #expect(try Files.list(folder.path).count == 1)
    }

    /// One writer at a time; it sweeps what dead ones left of this file, and of no other, and leaves nothing itself.
    @Test func anOutputHasOneWriter() throws {
        for name in [
            ".run.4711.tmp", ".run.json.12.tmp", ".other.4711.tmp", ".run.half.tmp", ".run.1-2.tmp",
        ] {
            try folder.write("half", to: name)
        }
        do {
            let lock = try OutputLock(for: folder("run"), with: [folder("run.json")], purpose: "writing a run")
            let error = #expect(throws: Failure.self) { try OutputLock(for: folder("run"), purpose: "another") }
            #expect(error?.exitStatus == .locked && error?.message.contains("writing a run") == true)
            #expect(
                try Files.list(folder.path) == [".other.4711.tmp", ".run.1-2.tmp", ".run.half.tmp", ".run.lock"])
            withExtendedLifetime(lock) {}
        }
        #expect(try Files.list(folder.path) == [".other.4711.tmp", ".run.1-2.tmp", ".run.half.tmp"])
        // A lock's file without its lock: its holder was killed.
        try folder.write("process 1 (dead)", to: ".run.lock")
        do { _ = try OutputLock(for: folder("run"), purpose: "again") }
        #expect(!Files.exists(folder(".run.lock")))
    }

    @Test func onlyFilesAreReplaced() throws {
        for path in ["/dev/null", folder.path] as [FilePath] {
            let error = #expect(throws: Failure.self) { try OutputLock(for: path, purpose: "test") }
            #expect(error?.exitStatus == .cannotCreate)
        }
    }

    /// What has to be in place before a file appears is done before it does, and a failure there leaves the old file.
    @Test func aStagedFileIsPreparedBeforeItAppears() throws {
        let path = try folder.write("old", to: "file")
        func replace(_ prepare: (FilePath) throws -> Void) throws {
            var file = try StagedFile(for: path)
            try file.write(Array("new".utf8))
            try file.commit(prepare)
        }
        #expect(throws: Failure.self) {
            try replace { staged in
                #expect(try Files.readText(staged) == "new")
                throw Failure(.io, "no")
            }
        }
        #expect(try Files.readText(path) == "old")
        #expect(try Files.list(folder.path) == ["file"])
        try replace { _ in
            let before = try Files.readText(path)
            #expect(before == "old")
        }
        #expect(try Files.readText(path) == "new")
    }
}

/// What killed writers leave beside a file.
@Suite struct StagedFileTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("the next writer of a file removes what killed ones left, and nothing of living ones")
    func remainsAreSwept() throws {
        for number in [0, 1, 2] { try folder.write("half", to: ".file.\(number).tmp") }
        try folder.write("half", to: ".other.0.tmp")
        do {
            var first = try StagedFile(for: folder("file"))
            #expect(try Files.list(folder.path) == [".file.0.tmp", ".other.0.tmp"])
            try first.write(Array("first".utf8))
            var second = try StagedFile(for: folder("file"))
            try second.write(Array("second".utf8))
            #expect(try Files.list(folder.path) == [".file.0.tmp", ".file.1.tmp", ".other.0.tmp"])
            try first.commit()
            try second.commit()
        }
        #expect(try Files.list(folder.path) == [".other.0.tmp", "file"])
        #expect(try Files.readText(folder("file")) == "second")
    }

    @Test("what lies where the staged file would lie is not written through", arguments: ["link", "folder"])
    func strangersInTheWay(kind: String) throws {
        try folder.write("precious", to: "elsewhere")
        if kind == "link" {
            #expect(symlink(folder("elsewhere").string, folder(".file.0.tmp").string) == 0)
        } else {
            try Files.makeDirectory(folder(".file.0.tmp"))
        }
        if kind == "link" {
            try Files.replace(folder("file"), with: "new")
            #expect(try Files.readText(folder("file")) == "new")
        } else {
            let path = folder("file")
            #expect(throws: SystemError.self) { try Files.replace(path, with: "new") }
        }
        #expect(try Files.readText(folder("elsewhere")) == "precious")
    }

    @Test("many threads and processes that replace one file leave one of their contents, and nothing else")
    func manyWriters() async throws {
        let path = folder("file")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    for _ in 0..<50 { try Files.replace(path, with: String(repeating: "\(number)", count: 5000)) }
                }
            }
            try await group.waitForAll()
        }
        let text = try Files.readText(path)
        #expect(text.count == 5000 && Set(text).count == 1)
        #expect(try Files.list(folder.path) == ["file"])
    }
}
