import Base
import StoreMaintenance
import Glibc
import JSON
import Records
import Store
import Synchronization
import SystemPackage
import TestKit
import Testing

/// Readers and writers on one store: no reader meets an error, no commit is lost.
@Suite(.serialized) struct ConcurrencyTests {
    /// What the threads of a test find.
    final class Findings: Sendable {
        private let state = Mutex<(faults: [String], counts: [String: Int])>(([], [:]))

        func fault(_ text: String) { state.withLock { $0.faults.append(text) } }
        func count(_ what: String) { state.withLock { $0.counts[what, default: 0] += 1 } }
        var faults: [String] { state.withLock { $0.faults } }
        func counted(_ what: String) -> Int { state.withLock { $0.counts[what] ?? 0 } }
        var counts: [String: Int] { state.withLock { $0.counts } }
    }

    /// The records of the two versions that take turns under one reference, by the title that tells them apart.
    static func truth(_ scene: Scene) throws -> [String: [[UInt8]]] {
        let store = try Store(opening: scene.base)
        var truth: [String: [[UInt8]]] = [:]
        for name in ["nave", "spare"] {
            let dataset = try store.dataset(name)
            truth[name] = try (0..<dataset.documentCount).map { try dataset.documentRecord($0) }
        }
        return truth
    }

    @Test("4 readers, 2 writers and a collector of garbage")
    func readersAndWriters() throws {
        let scene = try Scene.shared.get()
        let folder = try TemporaryFolder()
        let root = folder("store")
        try copyTree(scene.base, to: root)
        try scene.succeed("tvt-store", ["tag", "nave", "moving", "--store", root.string])
        // All of them begin by making a catalog.
        for suffix in ["", "-journal"] { try Files.remove(root.appending("catalog.sqlite" + suffix)) }
        let truth = try Self.truth(scene)
        let findings = Findings()
        let end = Clock.seconds() + (isSoaking ? 60 : 5)
        @Sendable func untilTheEnd(_ what: String, _ body: @escaping @Sendable (Int) throws -> Void) throws -> Thread {
            try Thread {
                var round = 0
                while Clock.seconds() < end {
                    do { try body(round) } catch { findings.fault("\(what): \(error)") }
                    findings.count(what)
                    round += 1
                }
            }
        }
        // Each thread is a reader within this process; each of its opens is a new one.
        @Sendable func read(_ round: Int) throws {
            let store = try Store(opening: root)
            let dataset = try store.dataset(round % 3 == 0 ? "nave" : "moving")
            guard let title = try dataset.document(0).title.map({ String(decoding: $0, as: UTF8.self) }),
                let records = truth[title]
            else { return findings.fault("a dataset that nobody wrote") }
            for ordinal in 0..<dataset.documentCount where try dataset.documentRecord(ordinal) != records[ordinal] {
                findings.fault("wrong bytes in document \(ordinal)")
            }
            guard try dataset.documentOrdinal(id: Array("d7".utf8)) == 7 else {
                return findings.fault("d7 is not found")
            }
            if round % 5 == 0 {
                let listed = Set(try store.list().map(\.reference))
                if !listed.isSuperset(of: ["nave", "spare", "moving"]) { findings.fault("listed \(listed)") }
            }
        }
        // And each of these a process that lives for one command.
        @Sendable func readWithTool(_ round: Int) throws {
            let commands = [
                ["cat", "moving", "corpus"], ["get", "moving", "--docid", "d3"], ["ls"], ["show", "moving"],
            ]
            let command = commands[round % commands.count]
            let result = try run("tvt-store", command + ["--store", root.string])
            if result.status != 0 { findings.fault("\(command): status \(result.status): \(result.errorText)") }
            // Notes that it was stale are all right; notes that it could not be used are not.
            if result.errorText.contains("SQLite error") { findings.fault("\(command): \(result.errorText)") }
            let expected = Set(truth.values.map { $0.flatMap { $0 + [10] } })
            if command.first == "cat", !expected.contains(result.output) { findings.fault("wrong bytes from cat") }
        }
        let written = Mutex<[String: String]>([:])
        @Sendable func write(_ writer: Int, _ round: Int) throws {
            // A reference of its own that stays, now and then one that both move, and one that goes again.
            let own = "writer-\(writer)/\(round)"
            for reference in [own, "moving"] {
                let data = (writer + round).isMultiple(of: 2) ? "nave" : "spare"
                let arguments = scene.conversion(of: data, as: reference, into: root) + ["--json"]
                let result = try run("tvt-convert", arguments)
                if result.errorText.contains("SQLite error") { findings.fault("\(reference): \(result.errorText)") }
                guard result.status == 0 else {
                    findings.fault("commit of \(reference): status \(result.status): \(result.errorText)")
                    continue
                }
                let digest = try Store(opening: root).references().first { $0.name == own }?.dataset.description
                if reference == own { written.withLock { $0[own] = digest } }
                findings.count("commits")
            }
            guard round % 3 == 2 else { return }
            let removed = "writer-\(writer)/\(round - 1)"
            let result = try run("tvt-store", ["rm", removed, "--store", root.string])
            switch result.status {
            case 0:
                written.withLock { $0[removed] = nil }
                findings.count("commits")
            // Not now, and who it was.
            case 75: if !result.errorText.contains("locked by process") { findings.fault(result.errorText) }
            default: findings.fault("rm: status \(result.status): \(result.errorText)")
            }
        }
        let threads = [
            try untilTheEnd("library reader", read), try untilTheEnd("library reader", read),
            try untilTheEnd("tool reader", readWithTool), try untilTheEnd("tool reader", readWithTool),
            try untilTheEnd("writer") { try write(0, $0) }, try untilTheEnd("writer") { try write(1, $0) },
            // It spares nothing, however young: every version that was moved away from goes to the trash.
            try untilTheEnd("collector") { _ in
                let result = try run("tvt-store", collection(root))
                if result.status != 0, result.status != 75 { findings.fault("gc: \(result.errorText)") }
                usleep(50_000)
            },
        ]
        for thread in threads { thread.join() }
        #expect(findings.faults == [])
        #expect(findings.counted("library reader") > 10 && findings.counted("tool reader") > 10)
        #expect(findings.counted("commits") > 4)
        let store = try Store(opening: root)
        let references = Dictionary(
            uniqueKeysWithValues: try store.references().map { ($0.name, $0.dataset.description) })
        let kept = written.withLock { $0 }
        #expect(references.filter { $0.key.hasPrefix("writer-") } == kept)
        // The reflog has every change: those of before, and each commit.
        #expect(try store.reflog().count == findings.counted("commits") + 3)
        #expect(try store.verify(level: .full).findings.isEmpty)
        #expect(try Files.list(root.appending("tmp")) == ["gate"])
        #expect(try store.list().map(\.reference) == references.keys.sorted())
        if isSoaking { print("concurrency, 60 s: \(findings.counts)") }
    }

    @Test("a writer waits for another, and is told by whom it waited in vain")
    func twoWriters() throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        let root = folder("store")
        try copyTree(scene.base, to: root)
        let before = try CalmRun.references(root)
        let held = Mutex<FileLock?>(try FileLock(acquiring: root.appending("lock"), purpose: "a long commit"))
        // `rm` and `tag` give up after some seconds.
        let refused = try run("tvt-store", ["rm", "spare", "--store", root.string])
        #expect(refused.status == 75)
        #expect(refused.errorText.contains("process \(getpid()) (a long commit"), "\(refused.errorText)")
        #expect(refused.errorText.contains("\n  "), "no advice")
        #expect(try CalmRun.references(root) == before)
        // A conversion has more patience: it ends once the lock is free.
        let result = Mutex<ToolResult?>(nil)
        let writer = try Thread {
            let ended = try? run("tvt-convert", scene.conversion(of: "spare", as: "third", into: root))
            result.withLock { $0 = ended }
        }
        let tmp = root.appending("tmp")
        while try !Files.list(tmp).contains(where: { $0.hasSuffix(".lock") }) { usleep(1000) }
        usleep(300_000)
        #expect(result.withLock { $0 } == nil)
        held.withLock { $0 = nil }
        writer.join()
        #expect(result.withLock { $0?.status } == 0)
        #expect(try CalmRun.references(root)?.keys.sorted() == ["nave", "spare", "third"])
    }
}
