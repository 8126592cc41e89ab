import Base
import JSON
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import TestKit
import Testing

/// Stores that earlier versions wrote stay readable; `Golden/PROVENANCE.md` says which.
@Suite struct FrozenStoreTests {
    let folder: TemporaryFolder
    let root: FilePath

    init() throws {
        folder = try TemporaryFolder()
        root = folder("store")
        try Self.copy(Golden()("store-1"), to: root)
    }

    static func copy(_ path: FilePath, to target: FilePath) throws {
        guard Files.isDirectory(path) else { return try Files.replace(target, with: Files.readAll(path)) }
        try Files.makeDirectory(target)
        for name in try Files.list(path) { try copy(path.appending(name), to: target.appending(name)) }
    }

    static func source(_ name: String) throws -> [[UInt8]] {
        try Golden().bytes("store-1-sources/" + name).split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }

    @Test func allOfItIsAsItWasWritten() throws {
        let store = try Store(opening: root)
        #expect(try store.references().map(\.name) == ["old", "old@dedup"])
        #expect(try store.reflog().map(\.operation) == ["commit", "commit", "tag", "remove"])
        let report = try store.verify(level: .full, includesUnnamed: true)
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(report.blobCount == 17)
        let dataset = try store.dataset("old")
        #expect(dataset.digest.short == "sha256:00ef7bbe7b67")
        #expect(dataset.manifest.logicalDigest == (try store.dataset("sha256:00ef7bbe")).manifest.logicalDigest)
        #expect(try store.dataset("old@dedup").manifest.provenance.parents == [dataset.digest])
    }

    @Test func recordsLinksAndJudgementsAreThere() throws {
        let dataset = try Store(opening: root).dataset("old")
        #expect(dataset.documentCount == 6 && dataset.queryCount == 3)
        for (ordinal, line) in try Self.source("corpus.jsonl").enumerated() {
            let expected = try JSONValue.parse(line, path: "corpus")
            let id = try #require(expected["docid"]?.string)
            #expect(try dataset.documentOrdinal(id: Array(id.utf8)) == ordinal)
            let text = try dataset.document(ordinal).text
            #expect(text == (expected["text"]?.string).map { Array($0.utf8) })
        }
        #expect(try dataset.documentOrdinal(id: Array("d7".utf8)) == nil)
        let positives = try #require(dataset.positives)
        #expect(try (0..<3).map { Array(try positives.targets(of: $0)) } == [[0], [3, 1], []])
        #expect(try positives.scores(of: 1).map { Array($0) } == [0.5, 0.25])
        let negatives = try #require(dataset.negatives)
        #expect(try (0..<3).map { Array(try negatives.targets(of: $0)) } == [[1, 5], [], [4]])
        #expect(dataset.judgements.map(\.split) == ["dev", "test"])
        let test = try #require(dataset.judgements(split: "test"))
        #expect(try Array(test.targets(of: 1)) == [1, 3])
        #expect(try test.scores(of: 0).map { Array($0) } == [2])
    }

    @Test func itemsAndAliasesAreThere() throws {
        let store = try Store(opening: root)
        let dataset = try store.dataset("old")
        let entry = try #require(dataset.mediaEntries(ofDocument: Array("d5".utf8)).first)
        let number = try #require(entry.number)
        #expect(entry.kind == .image && entry.reference.width == 4 && entry.reference.height == 3)
        #expect(try dataset.withMedia(number) { Array($0) } == Golden().bytes("store-1-sources/red.png"))
        let aliases = try #require(try store.dataset("old@dedup").aliases)
        #expect(aliases.count == 1)
        #expect(try aliases.representative(of: 3) == 1)
    }

    @Test func itCanBeWrittenTo() throws {
        let store = try Store(opening: root)
        try store.tag("00ef7bbe7b67", as: "again")
        try SampleData(documents: 3, queries: 1, seed: 5).commit(to: store, as: "new")
        #expect(try store.list().map(\.reference) == ["again", "new", "old", "old@dedup"])
        #expect(try store.compact("old", as: "compact", tool: "test", isForced: true).after != nil)
        #expect(try store.verify(level: .full).findings.isEmpty)
    }
}
