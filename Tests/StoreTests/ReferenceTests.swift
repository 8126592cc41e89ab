import Base
import StoreMaintenance
import Foundation
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

@Suite struct ReferenceTests {
    @Test func tagsAndRemovalsAreLogged() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let first = try SampleData(documents: 5, queries: 1, seed: 1).commit(to: store, as: "nave").digest
        let second = try SampleData(documents: 6, queries: 1, seed: 2).commit(to: store, as: "nave").digest
        try store.tag("nave", as: "nave@reviewed")
        try store.tag(first.description, as: "nave@old")
        #expect(try store.dataset("nave@reviewed").digest == second)
        #expect(try store.dataset("nave@old").digest == first)
        try store.remove("nave")
        #expect(try store.references().map(\.name) == ["nave@old", "nave@reviewed"])
        #expect(throws: Failure.self) { try store.remove("nave") }
        let log = try store.reflog()
        #expect(log.map(\.operation) == ["commit", "commit", "tag", "tag", "remove"])
        #expect(log.map(\.before) == [nil, first, nil, nil, second])
        #expect(log.map(\.after) == [first, second, second, first, nil])
        #expect(try store.verify(level: .full).findings.isEmpty)
    }

    @Test func aTornReflogLineIsLeftOut() throws {
        let temporary = try TemporaryStore()
        try SampleData(documents: 1, queries: 0, seed: 1).commit(to: temporary.store)
        let path = temporary.store.root.appending("reflog")
        let whole = try Files.readAll(path)
        try Files.remove(path)
        var file = try OutputFile(creating: path)
        try file.write(whole + Array(whole.prefix(30)))
        try file.close()
        try temporary.store.tag("sample", as: "again")
        #expect(try temporary.store.reflog().map(\.operation) == ["commit", "tag"])
    }

    @Test(arguments: ["", "a b", "-a", "a-", "a//b", "a@@b", "é", "a\n", String(repeating: "x", count: 201)])
    func impossibleNamesAreRefused(name: String) throws {
        let temporary = try TemporaryStore()
        try SampleData(documents: 1, queries: 0, seed: 1).commit(to: temporary.store)
        let failure = #expect(throws: Failure.self) { try temporary.store.tag("sample", as: name) }
        #expect(failure?.exitStatus == .usage)
    }

    @Test func unknownNamesAreToldTheNearOnes() throws {
        let temporary = try TemporaryStore()
        for name in ["nave", "nave@filtered", "pixmo-docs"] {
            try SampleData(documents: 1, queries: 0, seed: 1).commit(to: temporary.store, as: name)
        }
        let failure = #expect(throws: Failure.self) { try temporary.store.dataset("navé") }
        #expect(failure?.exitStatus == .missingInput)
        #expect(failure?.advice?.contains("nave") == true)
        #expect(failure?.advice?.contains("pixmo") == false)
        #expect(throws: Failure.self) { try temporary.store.dataset(SHA256Digest.of([1]).description) }
    }

    @Test func theIndexIsAnOCIIndex() throws {
        let temporary = try TemporaryStore()
        let dataset = try SampleData(documents: 3, queries: 1, seed: 1).commit(to: temporary.store)
        let root = temporary.store.root
        #expect(try JSONValue.parse(file: root.appending("oci-layout"))["imageLayoutVersion"]?.string == "1.0.0")
        let index = try JSONValue.parse(file: root.appending("index.json"))
        let entry = try #require(index["manifests"]?.array?.first)
        #expect(entry["mediaType"]?.string == "application/vnd.oci.image.manifest.v1+json")
        #expect(entry["annotations"]?["org.opencontainers.image.ref.name"]?.string == "sample")
        let digest = try #require(entry["digest"]?.string.flatMap { SHA256Digest(hex: $0) })
        let bytes = try Files.readAll(temporary.store.path(of: digest))
        #expect(SHA256Digest.of(bytes) == digest)
        #expect(bytes.count == entry["size"]?.integer)
        let image = try JSONValue.parse(bytes, path: "image")
        #expect(image["config"]?["digest"]?.string == dataset.digest.description)
        // Config and layers are all that the dataset needs, with their sizes.
        let layers = try #require(image["layers"]?.array)
        for layer in layers + [image["config"]!] {
            let digest = try #require(layer["digest"]?.string.flatMap { SHA256Digest(hex: $0) })
            #expect(try Files.size(temporary.store.path(of: digest)) == layer["size"]?.integer)
        }
        #expect(layers.count == dataset.manifest.blobs.count)
        #expect(try temporary.store.dataset(digest.description).digest == dataset.digest)
    }

    @Test(arguments: ["missing", "stale", "damaged", "foreign"]) func theCatalogIsOnlyACache(state: String) throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        try SampleData(documents: 7, queries: 2, seed: 1).commit(to: store, as: "a")
        let catalog = store.root.appending("catalog.sqlite")
        let early = try Files.readAll(catalog)
        try SampleData(documents: 8, queries: 2, seed: 2).commit(to: store, as: "b")
        let expected = try store.list()
        #expect(expected.map(\.documentCount) == [7, 8])
        func replace(_ bytes: [UInt8]) throws {
            try Files.remove(catalog)
            var file = try OutputFile(creating: catalog)
            try file.write(bytes)
            try file.close()
        }
        switch state {
        case "missing": try Files.remove(catalog)
        case "stale": try replace(early)
        case "damaged": try replace(try Files.readAll(catalog).enumerated().map { $0 > 100 ? 0x5A : $1 })
        default: try replace(Array("no database at all".utf8))
        }
        #expect(try store.list() == expected)
        #expect(Files.exists(catalog))
        #expect(try store.dataset("b").documentCount == 8)
    }

    @Test func onlyStoresAndEmptyFoldersAreTaken() throws {
        let folder = try TemporaryFolder()
        let missing = #expect(throws: Failure.self) { try Store(opening: folder("none")) }
        #expect(missing?.exitStatus == .missingInput)
        try folder.write("mine", to: "full/notes.txt")
        let full = #expect(throws: Failure.self) { try Store.create(at: folder("full")) }
        #expect(full?.exitStatus == .cannotCreate)
        #expect(try Files.list(folder("full")) == ["notes.txt"])
        let once = try Store.create(at: folder("new"))
        try SampleData(documents: 1, queries: 0, seed: 1).commit(to: once)
        #expect(try Store.create(at: folder("new")).references().count == 1)
        try folder.write("{\"imageLayoutVersion\":\"2.0.0\"}", to: "new/oci-layout")
        #expect(throws: Failure.self) { try Store(opening: folder("new")) }
    }

    @Test func lineageFollowsParents() throws {
        let temporary = try TemporaryStore()
        let parent = try SampleData(documents: 9, queries: 4, seed: 1).commit(to: temporary.store, as: "base")
        let child = try temporary.store.derive(
            from: parent, reference: "base@small", keepingQueries: [1, 2], provenance: Provenance(tool: "test 1"))
        try temporary.store.derive(
            from: child, reference: "base@smaller", keepingQueries: [0],
            provenance: Provenance(tool: "test 2", parents: [child.digest, parent.digest]))
        let versions = try temporary.store.lineage(of: "base@smaller")
        #expect(versions.map { $0.manifest?.queries.recordCount } == [1, 2, 4])
        #expect(versions.map(\.references) == [["base@smaller"], ["base@small"], ["base"]])
    }
}
