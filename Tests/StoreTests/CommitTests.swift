import Base
import StoreMaintenance
import Foundation
import Store
import StoreFormat
import Synchronization
import SystemPackage
import Testing
import TestKit

@Suite struct CommitTests {
    /// Copies the store at every step of a commit: what a kill at that moment would leave on disk.
    @Test func aKillAtAnyStepLeavesTheOldVersionOrTheNew() throws {
        let old = SampleData(documents: 40, queries: 8, seed: 31)
        let new = SampleData(documents: 60, queries: 9, seed: 32)
        let temporary = try TemporaryStore()
        let before = try old.commit(to: temporary.store).digest
        let snapshots = Mutex<[(String, FilePath)]>([])
        let folder = temporary.folder
        let root = temporary.store.root
        let observed = try Store(opening: root) { step in
            snapshots.withLock { taken in
                let copy = folder("snapshot-\(taken.count)")
                try? FileManager.default.copyItem(atPath: root.string, toPath: copy.string)
                taken.append((step, copy))
            }
        }
        let after = try new.commit(to: observed).digest
        let taken = snapshots.withLock { $0 }
        let steps = Set(taken.map(\.0))
        #expect(
            steps == [
                "blob staged", "blob renamed", "blobs published", "reflog appended", "index staged", "index renamed",
            ])
        #expect(taken.count > 15)
        var isNew = false
        for (step, copy) in taken {
            let store = try Store(opening: copy)
            let digest = try store.dataset("sample").digest
            if step == "index renamed" { isNew = true }
            #expect(digest == (isNew ? after : before), "\(step)")
            let report = try store.verify(level: .full)
            #expect(report.findings.isEmpty, "\(step): \(report.findings)")
            // The next writer works, and takes away what the dead one left in tmp/.
            #expect(try old.commit(to: store, as: "next").queryCount == 8)
            #expect(try Files.list(copy.appending("tmp")) == ["gate"], "\(step)")
            #expect(try store.list().map(\.reference) == ["next", "sample"])
        }
        #expect(isNew)
    }

    @Test func anAbandonedWriterLeavesNothing() throws {
        let temporary = try TemporaryStore()
        let sample = SampleData(documents: 50, queries: 5, seed: 33)
        do {
            let writer = try temporary.store.writer(reference: "gone", provenance: Provenance(tool: "test 1"))
            try sample.append(to: writer)
            #expect(try !temporary.tmpIsEmpty())
        }
        #expect(try temporary.tmpIsEmpty())
        #expect(try temporary.blobs().isEmpty)
        #expect(try temporary.store.references().isEmpty)
    }

    @Test func aSecondWriterIsToldWhoHoldsTheLock() throws {
        let temporary = try TemporaryStore()
        let lock = try FileLock(acquiring: temporary.store.root.appending("lock"), purpose: "a long commit")
        var options = WriterOptions()
        options.lockTimeoutSeconds = 0
        let sample = SampleData(documents: 5, queries: 1, seed: 34)
        let failure = #expect(throws: Failure.self) { try sample.commit(to: temporary.store, options: options) }
        #expect(failure?.exitStatus == .locked)
        #expect(failure?.description.contains("process \(getpid()) (a long commit") == true)
        #expect(try temporary.store.references().isEmpty)
        withExtendedLifetime(lock) {}
    }

    @Test func writersOfDifferentReferencesBothWin() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let errors = Mutex<[String]>([])
        let threads = try (0..<4).map { number in
            try Base.Thread {
                for round in 0..<5 {
                    do {
                        try SampleData(documents: 10, queries: 2, seed: UInt64(number * 10 + round))
                            .commit(to: store, as: "v\(number)-\(round)")
                    } catch {
                        errors.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(errors.withLock { $0 } == [])
        #expect(try store.references().count == 20)
        #expect(try store.list().count == 20)
        #expect(try store.verify(level: .full).findings.isEmpty)
        #expect(try store.reflog().count == 20)
        #expect(try temporary.tmpIsEmpty())
    }

    @Test func duplicateIdsAreFoundAndNothingIsCommitted() throws {
        var sample = SampleData(documents: 400, queries: 30, seed: 35)
        for (later, earlier) in [(390, 10), (20, 10), (300, 200)] {
            sample.documents[later].id = sample.documents[earlier].id
        }
        let temporary = try TemporaryStore()
        let error = #expect(throws: DuplicateIDs.self) { try sample.commit(to: temporary.store) }
        #expect(error?.count == 3)
        #expect(
            error?.offenders == [
                .init(id: sample.documents[10].id, first: 10, second: 20),
                .init(id: sample.documents[200].id, first: 200, second: 300),
                .init(id: sample.documents[10].id, first: 10, second: 390),
            ])
        #expect(error?.exitStatus == .badData)
        #expect(error?.description.contains(escaped(sample.documents[10].id)) == true)
        #expect(try temporary.blobs().isEmpty)
        #expect(try temporary.tmpIsEmpty())

        sample = SampleData(documents: 4, queries: 30, seed: 35)
        sample.queries[29].id = sample.queries[3].id
        #expect(throws: DuplicateIDs.self) { try sample.commit(to: temporary.store) }
    }

    @Test func linksOutOfRangeAreRefused() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        var sample = SampleData(documents: 10, queries: 3, seed: 36)
        sample.positives[1] = [10]
        #expect(throws: Failure.self) { try sample.commit(to: store) }
        sample = SampleData(documents: 10, queries: 3, seed: 36)
        sample.judgements.append(("test", 3, 0, 1))
        #expect(throws: Failure.self) { try sample.commit(to: store) }
        sample = SampleData(documents: 10, queries: 3, seed: 36)
        sample.judgements.append(("test", 0, 10, 1))
        #expect(throws: Failure.self) { try sample.commit(to: store) }
        #expect(try store.references().isEmpty)
    }

    @Test func repeatedJudgementsAreKeptOnceAndCounted() throws {
        let temporary = try TemporaryStore()
        var sample = SampleData(documents: 10, queries: 3, seed: 37)
        sample.judgements = [("test", 1, 4, 2), ("test", 0, 3, 1), ("test", 1, 4, 2)]
        let dataset = try sample.commit(to: temporary.store)
        #expect(dataset.manifest.judgements.first?.links.linkCount == 2)
        #expect(dataset.manifest.provenance.statistics["repeatedJudgements"]?.integer == 1)
        sample.judgements.append(("test", 1, 4, 3))
        let failure = #expect(throws: Failure.self) { try sample.commit(to: temporary.store, as: "conflict") }
        #expect(failure?.description.contains("two grades") == true)
    }

    @Test func recordsMustBeginWithTheirId() throws {
        let temporary = try TemporaryStore()
        let writer = try temporary.store.writer(reference: "bad", provenance: Provenance(tool: "test 1"))
        for line in ["{\"docid\":\"other\"}", "{\"title\":\"x\",\"docid\":\"a\"}", "{}", ""] {
            #expect(throws: Failure.self) {
                try Array("a".utf8).withUnsafeBytes { id in
                    try Array(line.utf8).withUnsafeBytes { _ = try writer.appendDocument(id: id, record: $0) }
                }
            }
        }
    }

    @Test func blobsAreReadOnly() throws {
        let temporary = try TemporaryStore()
        let dataset = try SampleData(documents: 5, queries: 1, seed: 39).commit(to: temporary.store)
        for blob in dataset.manifest.blobs {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: temporary.store.path(of: blob.digest).string)
            #expect(attributes[.posixPermissions] as? Int == 0o444)
        }
    }
}
