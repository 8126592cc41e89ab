import Base
import Foundation
import Store
import StoreFormat
import StoreMaintenance
import Synchronization
import SystemPackage
import Testing
import TestKit

/// Collections never take what is needed, and take everything else in the end.
@Suite struct GarbageTests {
    /// Nothing is young, nothing is remembered: only what a reference or a lease names is needed.
    static func options(now: Double = Clock.epochSeconds() + 10, applies: Bool = true) -> GarbageOptions {
        var options = GarbageOptions()
        options.reflogSeconds = 0
        options.youngSeconds = 0
        options.trashSeconds = 0
        options.applies = applies
        options.now = now
        return options
    }

    static func blobs(of dataset: Dataset) -> Set<String> {
        Set(dataset.manifest.blobs.map(\.digest.hex) + [dataset.digest.hex])
    }

    static func trash(_ store: Store) throws -> Set<String> {
        let trash = store.root.appending("trash")
        return Files.isDirectory(trash) ? Set(try Files.list(trash)) : []
    }

    @Test func aDryRunChangesNothingAndSaysWhatWouldBeDone() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        try SampleData(documents: 30, queries: 4, seed: 51).commit(to: store, as: "kept")
        try SampleData(documents: 30, queries: 4, seed: 52).commit(to: store, as: "gone")
        try store.remove("gone")
        let before = try temporary.blobs()
        let planned = try store.collectGarbage(Self.options(applies: false))
        #expect(try temporary.blobs() == before)
        #expect(try Self.trash(store).isEmpty)
        #expect(planned.trashed.count > 5)
        let done = try store.collectGarbage(Self.options())
        #expect(done == planned)
        #expect(try temporary.blobs().count == before.count - done.trashed.count)
        #expect(try store.verify(level: .full).findings.isEmpty)
        #expect(try temporary.tmpIsEmpty())
    }

    @Test func blobsGoThroughTheTrashAndComeBackFromIt() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let sample = SampleData(documents: 60, queries: 6, seed: 53)
        let dataset = try sample.commit(to: store, as: "v")
        try store.remove("v")
        var options = Self.options()
        options.trashSeconds = 7 * 86400

        // The reflog remembers the version for its days.
        options.reflogSeconds = 14 * 86400
        #expect(try store.collectGarbage(options).trashed.count == 0)
        options.reflogSeconds = 0
        // So do young blobs.
        options.youngSeconds = 86400
        let young = try store.collectGarbage(options)
        #expect(young.trashed.count == 0)
        #expect(young.young.count == Self.blobs(of: dataset).count + 1)
        options.youngSeconds = 0
        #expect(try store.collectGarbage(options).trashed.count == young.young.count)
        #expect(try temporary.blobs().isEmpty)
        #expect(try Self.trash(store).isSuperset(of: Self.blobs(of: dataset)))

        // A reader finds them in the trash, and tag brings them back.
        let inTrash = try store.dataset(dataset.digest.description)
        #expect(try inTrash.document(17) == sample.documents[17])
        #expect(try inTrash.documentOrdinal(id: sample.documents[3].id) == 3)
        try store.tag(dataset.digest.description, as: "again")
        #expect(Set(try temporary.blobs()).isSuperset(of: Self.blobs(of: dataset)))
        #expect(try store.verify(level: .full).findings.isEmpty)

        // A day before their time they wait; a day after it they are gone.
        try store.remove("again")
        try store.collectGarbage(options)
        options.now += 6 * 86400
        let waiting = try store.collectGarbage(options)
        #expect(waiting.deleted.count == 0)
        #expect(waiting.waiting.count >= young.young.count)
        options.now += 2 * 86400
        #expect(try store.collectGarbage(options).deleted.count == waiting.waiting.count)
        #expect(try Self.trash(store).isEmpty)
        #expect(throws: Failure.self) { try store.dataset(dataset.digest.description) }
        #expect(try temporary.tmpIsEmpty())
    }

    @Test func aCollectionRestoresWhatIsNeededAgain() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let dataset = try SampleData(documents: 30, queries: 3, seed: 54).commit(to: store)
        // As if a reference had come from elsewhere while the blobs were in the trash.
        try Files.makeDirectory(store.root.appending("trash"))
        for blob in dataset.manifest.blobs {
            try Files.rename(store.path(of: blob.digest), to: store.root.appending("trash").appending(blob.digest.hex))
        }
        #expect(try store.verify(level: .full).findings.isEmpty)
        let report = try store.collectGarbage(Self.options(now: Clock.epochSeconds() + 30 * 86400))
        #expect(report.restored.count == dataset.manifest.blobs.count)
        #expect(report.deleted.count == 0)
        #expect(try Self.trash(store).isEmpty)
        #expect(try store.verify(level: .full).findings.isEmpty)
    }

    @Test func parentsAreKeptOnlyIfTheyHaveNames() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let parent = try SampleData(documents: 50, queries: 9, seed: 55).commit(to: store, as: "parent")
        let child = try store.derive(
            from: parent, reference: "child", keepingQueries: [1, 4, 5], provenance: Provenance(tool: "test 1"))
        try store.remove("parent")
        try store.collectGarbage(Self.options())
        try store.collectGarbage(Self.options(now: Clock.epochSeconds() + 20))
        #expect(Set(try temporary.blobs()).isSuperset(of: Self.blobs(of: child)))
        #expect(Set(try temporary.blobs()).isDisjoint(with: Self.blobs(of: parent).subtracting(Self.blobs(of: child))))
        #expect(try store.verify(level: .full).findings.isEmpty)
        #expect(try store.lineage(of: "child").map { $0.manifest == nil } == [false, true])
    }

    @Test func aLivingLeaseHoldsItsVersionsAndADeadOneDoesNot() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let dataset = try SampleData(documents: 30, queries: 3, seed: 56).commit(to: store)
        try store.remove("sample")
        let leases = store.root.appending("leases")
        do {
            let lease = try #require(try store.lease([dataset], purpose: "a test"))
            let report = try store.collectGarbage(Self.options())
            #expect(report.trashed.count == 0)
            #expect(report.leases.count == 1)
            #expect(report.leases.first?.contains("a test, process \(getpid())") == true)
            withExtendedLifetime(lease) {}
        }
        #expect(try Files.list(leases) == ["gate"])
        // What a killed job leaves: its file, and nobody who holds the lock.
        try Files.replace(leases.appending("123-dead"), with: "{\"datasets\":[\"\(dataset.digest)\"]}")
        let report = try store.collectGarbage(Self.options())
        #expect(report.deadLeases == 1)
        #expect(report.trashed.count > 5)
        #expect(try Files.list(leases) == ["gate"])
    }

    @Test func aReadOnlyStoreGivesNoLeaseAndNoError() throws {
        guard getuid() != 0 else { return }
        let temporary = try TemporaryStore()
        let dataset = try SampleData(documents: 5, queries: 1, seed: 57).commit(to: temporary.store)
        chmod(temporary.store.root.string, 0o555)
        defer { chmod(temporary.store.root.string, 0o755) }
        #expect(try temporary.store.lease([dataset], purpose: "a test") == nil)
    }

    @Test func anOpenReaderSurvivesAndALateOneIsNotBroken() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let sample = SampleData(documents: 200, queries: 5, seed: 58)
        var small = WriterOptions()
        small.shardBytes = 8000
        small.frameBytes = 700
        let reader = try sample.commit(to: store, options: small)
        #expect(reader.manifest.documents.shards.count > 2)
        // One shard is mapped, the others are not.
        #expect(try reader.document(0) == sample.documents[0])
        try store.remove("sample")
        #expect(try store.collectGarbage(Self.options()).trashed.count > 5)
        for ordinal in stride(from: 199, through: 0, by: -7) {
            #expect(try reader.document(ordinal) == sample.documents[ordinal])
            #expect(try reader.documentOrdinal(id: sample.documents[ordinal].id) == ordinal)
        }
        // What it has mapped it keeps even when the files are gone.
        try store.collectGarbage(Self.options(now: Clock.epochSeconds() + 20))
        #expect(try Self.trash(store).isEmpty)
        for ordinal in 0..<200 { #expect(try reader.document(ordinal) == sample.documents[ordinal]) }
    }

    /// A collection at each step of a commit that writes blobs which exist and are needed by nobody.
    @Test func aWriterThatReusesBlobsIsSafeFromCollectionsAtAnyStep() throws {
        let sample = SampleData(documents: 80, queries: 6, seed: 59)
        for step in ["blob staged", "blob renamed", "blobs published"] {
            let temporary = try TemporaryStore()
            let root = temporary.store.root
            try sample.commit(to: temporary.store, as: "old")
            try temporary.store.remove("old")
            let collections = Mutex(0)
            let observed = try Store(opening: root) { reached in
                guard reached == step else { return }
                collections.withLock { $0 += 1 }
                // Twice, so that what the first one took is up for deletion in the second.
                for _ in 0..<2 { _ = try? Store(opening: root).collectGarbage(Self.options()) }
            }
            let dataset = try sample.commit(to: observed, as: "new")
            #expect(collections.withLock { $0 } > 0)
            #expect(Set(try temporary.blobs()).isSuperset(of: Self.blobs(of: dataset)), "\(step)")
            #expect(try temporary.store.verify(level: .full).findings.isEmpty, "\(step)")
        }
    }

    /// A commit publishes while a collection that began before it sweeps: what is taken from under it comes back.
    @Test func aCommitRestoresWhatACollectionTookMeanwhile() throws {
        let temporary = try TemporaryStore()
        let root = temporary.store.root
        let sample = SampleData(documents: 80, queries: 6, seed: 64)
        try sample.commit(to: temporary.store, as: "old")
        try temporary.store.remove("old")
        let published = DispatchSemaphore(value: 0)
        let committed = Mutex<Result<SHA256Digest, any Error>?>(nil)
        let writer = Mutex<Base.Thread?>(nil)
        let collecting = try Store(opening: root) { step in
            guard step == "blob trashed", writer.withLock({ $0 == nil }) else { return }
            let thread = try? Base.Thread {
                let result = Result<SHA256Digest, any Error> {
                    // It waits for the lock that the collection holds.
                    let observed = try Store(opening: root) { if $0 == "blobs published" { published.signal() } }
                    return try sample.commit(to: observed, as: "new").digest
                }
                committed.withLock { $0 = result }
            }
            writer.withLock { $0 = thread }
            published.wait()
        }
        let report = try collecting.collectGarbage(Self.options())
        writer.withLock { $0 }?.join()
        let digest = try #require(committed.withLock { $0 }).get()
        #expect(report.trashed.count > 5)
        let dataset = try temporary.store.dataset("new")
        #expect(dataset.digest == digest)
        #expect(Set(try temporary.blobs()).isSuperset(of: Self.blobs(of: dataset)))
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    /// Copies the store at every step: what a kill of a collection at that moment would leave on disk.
    @Test func aKillOfACollectionLosesNothing() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let kept = SampleData(documents: 40, queries: 4, seed: 65)
        let parent = try kept.commit(to: store, as: "kept")
        try SampleData(documents: 20, queries: 2, seed: 66).commit(to: store, as: "gone")
        try store.remove("gone")
        try store.collectGarbage(Self.options())
        // Some in the trash past their time, some that are to move, one that is to come back.
        try SampleData(documents: 20, queries: 2, seed: 67).commit(to: store, as: "gone")
        try store.remove("gone")
        let back = parent.manifest.documents.idIndex.digest
        try Files.rename(store.path(of: back), to: store.root.appending("trash").appending(back.hex))
        let snapshots = Mutex<[(String, FilePath)]>([])
        let folder = temporary.folder
        let root = store.root
        let observed = try Store(opening: root) { step in
            snapshots.withLock { taken in
                let copy = folder("snapshot-\(taken.count)")
                try? FileManager.default.copyItem(atPath: root.string, toPath: copy.string)
                taken.append((step, copy))
            }
        }
        try observed.collectGarbage(Self.options(now: Clock.epochSeconds() + 20))
        let taken = snapshots.withLock { $0 }
        #expect(Set(taken.map(\.0)) == ["blob restored", "blob condemned", "blob trashed"])
        for (step, copy) in taken {
            let store = try Store(opening: copy)
            #expect(try store.verify(level: .full).findings.isEmpty, "\(step)")
            // The next one ends the work.
            try store.collectGarbage(Self.options(now: Clock.epochSeconds() + 30))
            try store.collectGarbage(Self.options(now: Clock.epochSeconds() + 40))
            #expect(try store.verify(level: .full).findings.isEmpty, "\(step)")
            #expect(try Self.trash(store).isEmpty)
            #expect(try Files.list(copy.appending("tmp")) == ["gate"], "\(step)")
            let blobs = try Files.list(copy.appending("blobs").appending("sha256"))
            #expect(blobs.count == Self.blobs(of: parent).count + 1)
        }
    }

    /// Deriving needs blobs of a parent without a name: collections at each step leave them alone.
    @Test func derivingFromAVersionWithoutANameIsSafe() throws {
        let temporary = try TemporaryStore()
        let root = temporary.store.root
        let parent = try SampleData(documents: 80, queries: 6, seed: 60).commit(to: temporary.store, as: "old")
        try temporary.store.remove("old")
        try temporary.store.collectGarbage(Self.options())
        #expect(try temporary.blobs().isEmpty)
        let observed = try Store(opening: root) { step in
            guard step == "blob staged" || step == "blobs published" else { return }
            for _ in 0..<2 { _ = try? Store(opening: root).collectGarbage(Self.options()) }
        }
        let child = try observed.derive(
            from: try observed.dataset(parent.digest.description), reference: "child", keepingQueries: [0, 2],
            provenance: Provenance(tool: "test 1"))
        #expect(Set(try temporary.blobs()).isSuperset(of: Self.blobs(of: child)))
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    @Test func whatDeadProcessesLeftIsRemoved() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        try SampleData(documents: 10, queries: 2, seed: 61).commit(to: store)
        let tmp = store.root.appending("tmp")
        try Files.makeDirectory(tmp.appending("77-aa"))
        try Files.replace(tmp.appending("77-aa").appending("x"), with: "half")
        try Files.replace(tmp.appending("77-aa.lock"), with: "process 77")
        try Files.makeDirectory(tmp.appending("78-bb"))
        try Files.replace(tmp.appending("stray"), with: "x")
        // Blobs that were being fetched: long ago, long ago up to their last moment, and lately.
        let incoming = tmp.appending("incoming")
        let names = (0..<3).map { SHA256Digest.of([$0]).hex }
        for name in names { try Files.replace(incoming.appending(name + ".lock"), with: "process 79") }
        for number in [0, 2] { try Files.replace(incoming.appending(names[number]), with: "half") }
        for name in try Files.list(incoming) where !name.hasPrefix(names[2]) {
            try Files.setModificationTime(incoming.appending(name), to: Clock.epochSeconds() - 8 * 86_400)
        }
        try Files.replace(store.root.appending(".index.json.77.tmp"), with: "{")
        try Files.replace(store.root.appending("blobs").appending("sha256").appending("notes.txt"), with: "mine")
        let planned = try store.collectGarbage(Self.options(applies: false))
        #expect(try Files.list(tmp).count == 6)
        #expect(try Files.list(incoming).count == 5)
        // Our own session takes the dead writers away as it begins, as every session does.
        #expect(planned.deadWriters == 1)
        #expect(planned.orphans == 3)
        let done = try store.collectGarbage(Self.options())
        #expect(done.orphans == 3)
        #expect(done.strangers.count == 1)
        #expect(try Files.list(incoming) == [names[2], names[2] + ".lock"])
        try Files.removeTree(incoming)
        #expect(try temporary.tmpIsEmpty())
        #expect(!Files.exists(store.root.appending(".index.json.77.tmp")))
        #expect(try temporary.blobs().contains("notes.txt"))
    }

    @Test func nothingIsCollectedWhileAManifestCannotBeRead() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let dataset = try SampleData(documents: 10, queries: 2, seed: 62).commit(to: store)
        try SampleData(documents: 10, queries: 2, seed: 63).commit(to: store, as: "gone")
        try store.remove("gone")
        let path = store.path(of: dataset.digest)
        let bytes = try Files.readAll(path)
        try Files.remove(path)
        try Files.replace(path, with: Array(bytes.dropLast()))
        let before = try temporary.blobs()
        let failure = #expect(throws: Failure.self) { try store.collectGarbage(Self.options()) }
        #expect(failure?.exitStatus == .badData)
        #expect(try temporary.blobs() == before)
    }

    /// Random commits, derivations, tags, removals, leases and collections: whatever a name, the reflog's days or a
    /// lease reaches is whole after each.
    @Test(arguments: 0..<4) func whatIsReachableIsNeverCollected(seed: Int) throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        var random = SplitMix64(seed: UInt64(seed), 0x6C)
        var now = Clock.epochSeconds() + 1
        var known: [SHA256Digest] = []
        var leases: [(Lease, SHA256Digest)] = []
        var totals = (trashed: 0, deleted: 0, restored: 0)
        let names = ["a", "b", "c@x", "d"]
        func name() -> String { names[Int(random.next(below: 4))] }
        let stepCount = ProcessInfo.processInfo.environment["TVT_SOAK"] == nil ? 60 : 1000
        for step in 0..<stepCount {
            switch random.next(below: 10) {
            case 0, 1:
                // A few contents, so that versions come back and share blobs.
                let sample = SampleData(documents: 12, queries: 3, seed: 700 + random.next(below: 5))
                known.append(try sample.commit(to: store, as: name()).digest)
            case 2:
                if let parent = try store.references().first.map({ try store.dataset($0.name) }) {
                    let kept = (0..<parent.queryCount).filter { _ in random.next(below: 2) == 0 }
                    let child = try store.derive(
                        from: parent, reference: name(), keepingQueries: kept, provenance: Provenance(tool: "test 1"))
                    known.append(child.digest)
                }
            case 3:
                guard !known.isEmpty else { continue }
                let digest = known[Int(random.next(below: UInt64(known.count)))]
                // It may be gone for good; then there is nothing to tag.
                do { try store.tag(digest.description, as: name()) } catch is Failure { continue }
            case 4:
                let name = name()
                if try store.references().contains(where: { $0.name == name }) { try store.remove(name) }
            case 5:
                if leases.count < 2, let found = try store.references().last {
                    let dataset = try store.dataset(found.name)
                    if let lease = try store.lease([dataset], purpose: "step \(step)") {
                        leases.append((lease, dataset.digest))
                    }
                } else if !leases.isEmpty {
                    leases.removeFirst()
                }
            default:
                now += Double(random.next(below: 4 * 86400))
                var options = Self.options(now: now)
                options.reflogSeconds = random.next(below: 3) == 0 ? 14 * 86400 : 0
                options.trashSeconds = Double(random.next(below: 2)) * 3 * 86400
                options.youngSeconds = random.next(below: 4) == 0 ? 86400 : 0
                // What must be whole afterwards, computed from the outside.
                var roots = Set(try store.references().map(\.dataset))
                for entry in try store.reflog() {
                    let time = try #require(Clock.epochSeconds(ofTimestamp: entry.time))
                    guard time >= options.now - options.reflogSeconds else { continue }
                    for digest in [entry.before, entry.after].compactMap({ $0 }) {
                        if (try? store.dataset(digest.description)) != nil { roots.insert(digest) }
                    }
                }
                roots.formUnion(leases.map(\.1))
                let report = try store.collectGarbage(options)
                totals.trashed += report.trashed.count
                totals.deleted += report.deleted.count
                totals.restored += report.restored.count
                let there = Set(try temporary.blobs())
                for root in roots {
                    let dataset = try store.dataset(root.description)
                    #expect(there.isSuperset(of: Self.blobs(of: dataset)), "step \(step)")
                }
            }
            for reference in try store.references() {
                #expect(try store.verify(reference.name, level: .full).findings.isEmpty, "step \(step)")
            }
        }
        // The test would prove nothing if nothing were ever taken.
        #expect(totals.trashed > 10)
        #expect(totals.deleted > 10)
        // In the end everything goes.
        leases.removeAll()
        for reference in try store.references() { try store.remove(reference.name) }
        try store.collectGarbage(Self.options(now: now + 1))
        try store.collectGarbage(Self.options(now: now + 2))
        #expect(try temporary.blobs().isEmpty)
        #expect(try Self.trash(store).isEmpty)
    }

    @Test func commitsAndCollectionsAtTheSameTime() throws {
        let temporary = try TemporaryStore()
        let root = temporary.store.root
        let errors = Mutex<[String]>([])
        let isOver = Atomic(false)
        let collector = try Base.Thread {
            while !isOver.load(ordering: .relaxed) {
                usleep(3000)
                do {
                    _ = try Store(opening: root).collectGarbage(Self.options(now: Clock.epochSeconds()))
                } catch {
                    errors.withLock { $0.append("gc: \(error)") }
                }
            }
        }
        let writers = try (0..<2).map { number in
            try Base.Thread {
                do {
                    let store = try Store(opening: root)
                    for round in 0..<12 {
                        // Both write the same few contents again and again.
                        let sample = SampleData(documents: 20, queries: 3, seed: UInt64(800 + round % 3))
                        let dataset = try sample.commit(to: store, as: "w\(number)")
                        guard try dataset.document(7) == sample.documents[7] else {
                            return errors.withLock { $0.append("wrong bytes") }
                        }
                        if round % 4 == 3 { try store.remove("w\(number)") }
                    }
                } catch {
                    errors.withLock { $0.append("writer \(number): \(error)") }
                }
            }
        }
        for writer in writers { writer.join() }
        isOver.store(true, ordering: .relaxed)
        collector.join()
        #expect(errors.withLock { $0 } == [])
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }
}
