import Analysis
import StoreMaintenance
import Base
import Foundation
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

@Suite struct DeduplicationTests {
    /// A corpus with known duplicates; links go everywhere.
    struct Planted {
        var model = ModelDataset()
        /// Pairs that must end in one cluster.
        var exact: [(String, String)] = []
        var near: [(String, String)] = []

        init(documents: Int, seed: UInt64) {
            var random = SplitMix64(seed: seed)
            func add(_ text: String, _ title: String? = nil) -> String {
                let id = "d\(model.documents.count)"
                model.documents.append((id, .init(title: title, text: text)))
                return id
            }
            for number in 0..<documents {
                let length = 40 + Int(random.next(below: 60))
                let text = ModelDataset.text(&random, words: length)
                let id = add(text)
                var words = text.split(separator: " ").map(String.init)
                switch number % 10 {
                case 0: exact.append((id, add(text)))
                case 1:
                    // Case and punctuation only.
                    near.append((id, add(words.joined(separator: ", ").uppercased() + ".")))
                case 2:
                    // The last word: all shingles but one.
                    words[length - 1] = "changed"
                    near.append((id, add(words.joined(separator: " "))))
                case 3:
                    // Three words in the middle: similarity at or below 0.85, found or not.
                    words[length / 2] = "one"
                    words[length / 3] = "two"
                    _ = add(words.joined(separator: " "))
                case 4:
                    // Half of it: far below.
                    _ = add(
                        words.prefix(length / 2).joined(separator: " ") + ModelDataset.text(&random, words: length / 2))
                default: break
                }
            }
            for number in 0..<documents {
                func ids(_ count: UInt64) -> [String] {
                    (0..<count).map { _ in model.documents[Int(random.next(below: UInt64(model.documents.count)))].id }
                }
                var question = ModelDataset.Question(text: "q \(number)", positives: ids(3), negatives: ids(6))
                if number < exact.count {
                    question.positives.append(exact[number].0)
                    question.negatives.append(exact[number].1)
                    question.judged["test"] = [exact[number].0: 1, exact[number].1: 2]
                }
                for id in ids(4) { question.judged["test", default: [:]][id] = Float(random.next(below: 3)) }
                model.queries.append(("q\(number)", question))
            }
        }
    }

    static func options(near: Bool = false, workers: Int = 2) -> DeduplicationOptions {
        var options = DeduplicationOptions()
        options.isNear = near
        options.workers = workers
        return options
    }

    static func aliases(_ deduplication: Deduplication) throws -> [String: String] {
        var aliases: [String: String] = [:]
        try deduplication.forEachAlias { alias, representative in
            #expect(representative < alias)
            aliases[string(try deduplication.dataset.documentID(alias))] =
                string(try deduplication.dataset.documentID(representative))
        }
        return aliases
    }

    @Test func exactDuplicatesAreThoseWithEqualContents() throws {
        let planted = Planted(documents: 200, seed: 1)
        let temporary = try TemporaryStore()
        let dataset = try planted.model.commit(to: temporary.store, as: "corpus")
        let deduplication = try Deduplication(of: dataset, options: Self.options())
        #expect(try Self.aliases(deduplication) == Dictionary(uniqueKeysWithValues: planted.exact.map { ($0.1, $0.0) }))
        #expect(deduplication.report.exactCount == planted.exact.count)
        #expect(deduplication.report.clusterCount == planted.exact.count)
    }

    /// Against a comparison of all pairs: clusters are connected by similar pairs, and planted ones are all found.
    @Test(arguments: [(1, 42), (2, 42), (3, 7)]) func nearDuplicatesAreThoseThatAreSimilar(seeds: (Int, Int)) throws {
        let planted = Planted(documents: 300, seed: UInt64(seeds.0))
        let temporary = try TemporaryStore()
        let dataset = try planted.model.commit(to: temporary.store, as: "corpus")
        var options = Self.options(near: true)
        options.seed = UInt64(seeds.1)
        let aliases = try Self.aliases(Deduplication(of: dataset, options: options))
        for (first, second) in planted.exact + planted.near {
            #expect(aliases[second] == (aliases[first] ?? first), "\(second) is like \(first)")
        }
        let documents = planted.model.documents
        let sets = documents.map { TextTests.shingles($0.passage.text ?? "") }
        // Components of the graph of all pairs that are similar enough.
        var component = Array(documents.indices)
        func root(_ index: Int) -> Int { component[index] == index ? index : root(component[index]) }
        var similarPairs = 0
        for i in documents.indices {
            for j in documents.indices where j < i && Shingles.jaccard(sets[i], sets[j]) >= 0.8 {
                component[max(root(i), root(j))] = min(root(i), root(j))
                similarPairs += 1
            }
        }
        #expect(similarPairs > planted.exact.count + planted.near.count)
        let positions = Dictionary(uniqueKeysWithValues: documents.enumerated().map { ($1.id, $0) })
        for (alias, representative) in aliases {
            #expect(
                root(positions[alias]!) == root(positions[representative]!), "\(alias) is not like \(representative)")
        }
    }

    @Test func nothingDependsOnThreadsOrMemory() throws {
        let planted = Planted(documents: 500, seed: 5)
        let temporary = try TemporaryStore()
        let dataset = try planted.model.commit(to: temporary.store, as: "corpus")
        var digests: Set<String> = []
        for (workers, memory) in [(0, 32 << 20), (1, 1), (3, 100_000), (3, 32 << 20)] {
            var options = Self.options(near: true, workers: workers)
            options.sortedBytes = memory
            let deduplication = try Deduplication(of: dataset, options: options)
            digests.insert(
                try deduplication.derive(as: "unique", in: temporary.store, tool: "test").digest.description)
        }
        #expect(digests.count == 1)
    }

    @Test(arguments: [false, true]) func linksPointAtRepresentatives(near: Bool) throws {
        let planted = Planted(documents: 150, seed: 6)
        let temporary = try TemporaryStore()
        let dataset = try planted.model.commit(to: temporary.store, as: "corpus")
        let deduplication = try Deduplication(of: dataset, options: Self.options(near: near))
        let aliases = try Self.aliases(deduplication)
        let derived = try deduplication.derive(as: "corpus@unique", in: temporary.store, tool: "test")
        #expect(derived.manifest.documents == dataset.manifest.documents)
        #expect(derived.manifest.queries == dataset.manifest.queries)
        #expect(derived.manifest.provenance.parents == [dataset.digest])
        var counts: [String: (before: Int, merged: Int, dropped: Int)] = [:]
        for (ordinal, (_, question)) in planted.model.queries.enumerated() {
            func merged(_ ids: [String]) -> [String] {
                var seen: Set<String> = []
                return ids.map { aliases[$0] ?? $0 }.filter { seen.insert($0).inserted }
            }
            func ids(_ links: Links?) throws -> [String] {
                try #require(links).targets(of: ordinal).map { string(try derived.documentID(Int($0))) }
            }
            let positives = merged(question.positives)
            #expect(try ids(derived.positives) == positives)
            let left = question.negatives.map { aliases[$0] ?? $0 }.filter { !positives.contains($0) }
            #expect(try ids(derived.negatives) == merged(left))
            counts["negatives", default: (0, 0, 0)].dropped += question.negatives.count - left.count
            counts["negatives", default: (0, 0, 0)].merged += left.count - merged(left).count
            counts["positives", default: (0, 0, 0)].merged += question.positives.count - positives.count
            var grades: [String: Float] = [:]
            for (id, grade) in question.judged["test"] ?? [:] {
                grades[aliases[id] ?? id] = max(grade, grades[aliases[id] ?? id] ?? 0)
            }
            let links = try #require(derived.judgements(split: "test"))
            let stored = zip(try ids(links), try #require(try links.scores(of: ordinal)))
            #expect(Dictionary(uniqueKeysWithValues: stored.map { ($0, $1) }) == grades)
            #expect(try links.targets(of: ordinal).elementsEqual(links.targets(of: ordinal).sorted()))
        }
        for table in deduplication.report.links {
            #expect(table.before - table.mergedCount - table.droppedCount == table.after)
            if let expected = counts[table.name] {
                #expect(table.mergedCount == expected.merged && table.droppedCount == expected.dropped)
            }
        }
        #expect(try #require(deduplication.report.links.last).regradedCount >= planted.exact.count)

        // The alias map says the same, and is part of what is kept and checked.
        let map = try #require(derived.aliases)
        #expect(map.count == aliases.count)
        for (ordinal, document) in planted.model.documents.enumerated() {
            let representative = try map.representative(of: ordinal)
            #expect(string(try derived.documentID(representative)) == aliases[document.id] ?? document.id)
        }
        let blob = try #require(derived.manifest.aliases)
        #expect(derived.manifest.blobs.contains(blob))
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
        #expect(try temporary.store.dataset("corpus").digest == dataset.digest)
        // A second run finds nothing new, and keeps the aliases.
        let again = try Deduplication(of: derived, options: Self.options(near: near))
        #expect(
            again.report.inheritedCount == aliases.count && again.report.exactCount == 0 && again.report.nearCount == 0)
        // A version that is derived in another way keeps them.
        let filtered = try temporary.store.derive(
            from: derived, reference: "few", keepingQueries: [2, 1], provenance: Provenance(tool: "test"))
        #expect(filtered.manifest.aliases == blob)
    }

    @Test func aDamagedAliasMapIsFound() throws {
        let planted = Planted(documents: 100, seed: 9)
        let temporary = try TemporaryStore()
        let dataset = try planted.model.commit(to: temporary.store, as: "corpus")
        let derived = try Deduplication(of: dataset, options: Self.options())
            .derive(as: "unique", in: temporary.store, tool: "test")
        let path = temporary.store.path(of: try #require(derived.manifest.aliases).digest)
        let whole = try Files.readAll(path)
        var random = SplitMix64(seed: 10)
        for _ in 0..<40 {
            var bytes = whole
            let position = Int(random.next(below: UInt64(bytes.count)))
            bytes[position] ^= 1 << UInt8(random.next(below: 8))
            try Files.replace(path, with: bytes)
            #expect(try !temporary.store.verify(level: .data).findings.isEmpty, "byte \(position)")
        }
        for count in [0, 7, 4095, 4096, whole.count - 1] {
            try Files.replace(path, with: Array(whole.prefix(count)))
            #expect(throws: (any Error).self) { try temporary.store.dataset("unique") }
        }
        try Files.replace(path, with: whole)
        #expect(try temporary.store.verify(level: .data).findings.isEmpty)
    }

    @Test func textsAreComparedOnlyWhereTheyAreAll() throws {
        var model = ModelDataset()
        let text = "in the beginning was the word and the word was with god"
        model.documents = [
            ("a", .init(title: "one", text: text)), ("b", .init(title: "two", text: text)),
            ("image", .init(text: text, image: "x.png")), ("other image", .init(text: text, image: "y.png")),
            ("same image", .init(text: text, image: "x.png")), ("no text", .init(image: "x.png")),
            ("empty", .init(text: "")), ("dots", .init(text: "…")), ("more dots", .init(text: "……")),
        ]
        let temporary = try TemporaryStore()
        let dataset = try model.commit(to: temporary.store, as: "corpus")
        #expect(
            try Self.aliases(Deduplication(of: dataset, options: Self.options())) == ["same image": "image"])
        var options = Self.options()
        options.isTextOnly = true
        #expect(
            try Self.aliases(Deduplication(of: dataset, options: options)) == ["same image": "image", "b": "a"])
        options.isNear = true
        #expect(
            try Self.aliases(Deduplication(of: dataset, options: options)) == ["same image": "image", "b": "a"])
        options.threshold = 0
        #expect(throws: Failure.self) { try Deduplication(of: dataset, options: options) }
    }

    @Test func anEmptyCorpusHasNoDuplicates() throws {
        let temporary = try TemporaryStore()
        let dataset = try ModelDataset().commit(to: temporary.store, as: "corpus")
        let deduplication = try Deduplication(of: dataset, options: Self.options(near: true))
        let derived = try deduplication.derive(as: "unique", in: temporary.store, tool: "test")
        #expect(derived.aliases?.count == 0)
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    @Test(arguments: [0.005, 0.05, 0.1, 0.2, 0.4]) func aKillLeavesTheOldVersionOrTheNew(seconds: Double) throws {
        let temporary = try TemporaryStore()
        let dataset = try Planted(documents: 2000, seed: 12).model.commit(to: temporary.store, as: "corpus")
        let arguments = ["dedup", "corpus", "--near", "--as", "corpus", "--store", temporary.store.root.string]
        _ = try run("tvt-store", arguments, killAfterSeconds: seconds)
        let after = try temporary.store.dataset("corpus")
        #expect(after.digest == dataset.digest || after.manifest.provenance.parents == [dataset.digest])
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
        #expect(try run("tvt-store", arguments).status == 0)
        #expect(try temporary.store.dataset("corpus").aliases?.count ?? 0 > 400)
    }

    @Test func theToolReports() throws {
        let planted = Planted(documents: 60, seed: 11)
        let temporary = try TemporaryStore()
        try planted.model.commit(to: temporary.store, as: "corpus")
        func tool(_ arguments: String...) throws -> ToolResult {
            try run("tvt-store", arguments + ["--store", temporary.store.root.string])
        }
        #expect(try tool("dedup", "corpus").status == 64)
        #expect(try tool("dedup", "corpus", "--as", "x", "--near", "--threshold", "1.5").status == 64)
        #expect(try tool("dedup", "none", "--as", "x").status == 66)
        #expect(try tool("dedup", "corpus", "--as", "not a name").status == 64)
        let report = temporary.folder("aliases.jsonl")
        let dry = try tool("dedup", "corpus", "--dry-run", "--near", "--json", "--report", report.string)
        #expect(dry.status == 0)
        #expect(try temporary.store.references().map(\.name) == ["corpus"])
        let wet = try tool("dedup", "corpus", "--as", "unique", "--near", "--json")
        #expect(wet.status == 0)
        let counts = try JSONValue.parse(wet.output, path: "dedup")
        let expected = try JSONValue.parse(dry.output, path: "dedup")
        for key in ["aliases", "clusters", "links", "similar_pairs"] { #expect(counts[key] == expected[key]) }
        let lines = try Files.readAll(report).split(separator: 10)
        #expect(lines.count == counts["aliases"]?.integer)
        let first = try JSONValue.parse(Array(try #require(lines.first)), path: "report")
        #expect(first["docid"]?.string != nil && first["representative"]?.string != nil)
        let log = try tool("log", "unique")
        #expect(log.outputText.contains("dedup") && log.outputText.contains("threshold"))
        #expect(try tool("diff", "corpus", "unique").status == 1)
        #expect(try tool("verify", "--level", "full").status == 0)
    }
}
