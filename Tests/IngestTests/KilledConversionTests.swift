import Base
import StoreMaintenance
import Glibc
import Ingest
import Store
import SystemPackage
import TestKit
import Testing

/// A conversion that is ended from outside, at any time, leaves the old version or the new.
@Suite struct KilledConversionTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    /// Rows of about 1,200 bytes with ten passages each, of which many are shared.
    func lines(_ count: Int) -> [String] {
        (0..<count).map { number in
            let passages = (0..<10).map { "\((number * 7 + $0 * $0 * 31) % (count * 3)) and so on, and so forth" }
            return row("query \(number)", positives: Array(passages[..<3]), negatives: Array(passages[3...]))
        }
    }

    func arguments(_ store: FilePath) -> [String] {
        ["v1-to-v2", place.folder("rows.jsonl").string, "--dataset", "big", "--store", store.string]
    }

    /// Whether the store is clean and has the whole dataset or none.
    func isOldOrNew(_ root: FilePath, _ whole: SHA256Digest) throws -> Bool {
        // Killed before there was a store at all.
        guard Files.exists(root.appending("oci-layout")) else { return true }
        let store = try Store(opening: root)
        let findings = try store.verify(level: .data).findings
        #expect(findings.isEmpty, "\(findings)")
        let names = try store.list().map(\.reference)
        return try names.isEmpty || names == ["big"] && store.dataset("big").digest == whole
    }

    @Test func aKillLeavesAllOrNothing() throws {
        try place.write(lines(12_000), to: "rows.jsonl")
        let calm = place.folder("calm")
        let start = Clock.seconds()
        #expect(try run("tvt-convert", arguments(calm)).status == 0)
        let duration = Clock.seconds() - start
        let whole = try Store(opening: calm).dataset("big").digest
        let rough = place.folder("rough")
        var killedCount = 0
        for part in 1...8 {
            // Nine tenths of the way, the commit is near.
            let seconds = duration * Double(part) / 8.9
            if try run("tvt-convert", arguments(rough), killAfterSeconds: seconds).wasKilled { killedCount += 1 }
            #expect(try isOldOrNew(rough, whole), "after \(part)/8.9 of the time")
        }
        #expect(killedCount > 0)
        let last = try run("tvt-convert", arguments(rough))
        #expect(last.status == 0, "\(last.errorText)")
        #expect(try Store(opening: rough).dataset("big").digest == whole)
        #expect(try Store(opening: rough).verify(level: .full).findings.isEmpty)
        #expect(try Files.list(rough.appending("tmp")) == ["gate"])
        // Nothing in the store's folder but what belongs there.
        // Only a kill while the store is being made may leave a file, a hidden one. The check leaves the folder of its lease.
        #expect(try Store(opening: calm).verify(level: .data).findings.isEmpty)
        #expect(try Files.list(rough).filter { !$0.hasPrefix(".") } == Files.list(calm))
    }

    /// Kills while the store is being made and right after: each store can be used by the next run.
    @Test func aKillAtTheStartLeavesAUsableFolder() throws {
        try place.write(lines(40), to: "rows.jsonl")
        #expect(try run("tvt-convert", arguments(place.folder("calm"))).status == 0)
        let whole = try Store(opening: place.folder("calm")).dataset("big").digest
        for attempt in 0..<10 {
            let root = place.folder("store\(attempt)")
            _ = try run("tvt-convert", arguments(root), killAfterSeconds: Double(attempt) * 0.004)
            #expect(try isOldOrNew(root, whole), "attempt \(attempt)")
            let next = try run("tvt-convert", arguments(root))
            #expect(next.status == 0, "attempt \(attempt): \(next.errorText)")
            #expect(try isOldOrNew(root, whole), "attempt \(attempt)")
        }
    }

    /// The tool reads from a pipe and waits for more when the signal comes: the same moment in every run.
    @Test(arguments: [SIGINT, SIGTERM, SIGKILL]) func aSignalInTheMiddle(signal: Int32) throws {
        let before = try place.convert([row("1")], as: "before").dataset.digest
        let blobCount = try place.blobCount()
        let pipe = place.folder("pipe")
        #expect(mkfifo(pipe.string, 0o600) == 0)
        let tool = try ToolProcess(
            [
                "v1-to-v2", pipe.string, "--dataset", "big", "--store", place.store.root.string, "--max-bad-records",
                "9",
                "--rejects", place.folder("bad").string,
            ],
            errors: place.folder("errors"))
        var bytes: [UInt8] = lines(3000).flatMap { Array($0.utf8) + [0x0A] }
        let writer = open(pipe.string, O_WRONLY | O_CLOEXEC)
        #expect(writer >= 0)
        // More than a pipe holds, so that the tool has begun to read when all is written.
        #expect(bytes.count > 1 << 21)
        while !bytes.isEmpty {
            let count = write(writer, bytes, bytes.count)
            try #require(count > 0)
            bytes.removeFirst(count)
        }
        tool.send(signal)
        close(writer)
        let end = tool.finish()
        #expect(end.status == (signal == SIGKILL ? nil : 130))
        let message = String(decoding: try Files.readAll(place.folder("errors")), as: UTF8.self)
        #expect(message == (signal == SIGKILL ? "" : "tvt-convert: interrupted\n"))
        #expect(try place.store.references().map(\.name) == ["before"])
        #expect(try place.store.dataset("before").digest == before)
        #expect(try place.blobCount() == blobCount)
        #expect(!Files.exists(place.folder("bad")))
        #expect(try place.store.verify(level: .full).findings.isEmpty)
        if signal != SIGKILL { #expect(try place.nothingIsHalfDone()) }
        // What a killed run left in tmp/ goes with the next one.
        try place.convert([row("2")], as: "after")
        #expect(try place.nothingIsHalfDone())
    }
}
