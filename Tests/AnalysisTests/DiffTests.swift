import Analysis
import Base
import JSON
import Store
import StoreFormat
import Testing
import TestKit

@Suite struct DiffTests {
    @Test func equalDataIsEqualHoweverItIsStored() throws {
        let temporary = try TemporaryStore()
        let model = ModelDataset.random(documents: 300, queries: 40, seed: 1)
        let one = try model.commit(to: temporary.store, as: "one")
        var options = WriterOptions()
        options.recordsPerShard = 37
        options.dictionaryBytes = 0
        let other = try model.commit(to: temporary.store, as: "other", options: options)
        for new in [one, other] {
            let diff = try DatasetDiff(from: one, to: new)
            #expect(diff.isEqual)
            #expect(diff.documents.isEqual && diff.queries.isEqual && diff.links.allSatisfy(\.isEqual))
            #expect(diff.documents.newCount == 300)
            #expect(diff.links.map(\.name) == ["positives", "negatives", "judgements/dev", "judgements/test"])
        }
    }

    /// Edits a dataset at random and compares what the diff says with what two dictionaries say.
    @Test(arguments: 0..<12) func findsExactlyWhatWasEdited(seed: Int) throws {
        var random = SplitMix64(seed: 77, UInt64(seed))
        let old = ModelDataset.random(documents: 400, queries: 60, seed: UInt64(seed))
        var new = old
        let kept = new.documents.filter { _ in random.next(below: 10) > 0 || seed == 0 }
        var keptIDs = Set(kept.map(\.id))
        new.documents = kept
        for number in 0..<Int(random.next(below: 30)) {
            let position = seed % 2 == 0 ? new.documents.count : Int(random.next(below: UInt64(new.documents.count)))
            new.documents.insert(("new\(number)", .init(text: "something else")), at: position)
            keptIDs.insert("new\(number)")
        }
        for number in new.documents.indices where random.next(below: 15) == 0 {
            new.documents[number].passage.text = "edited \(number)"
        }
        new.queries.removeAll { _ in random.next(below: 12) == 0 }
        let documents = new.documents
        for number in new.queries.indices {
            func edit(_ ids: inout [String]) {
                ids.removeAll { !keptIDs.contains($0) || random.next(below: 8) == 0 }
                if random.next(below: 8) == 0, let id = documents.randomElement(using: &random)?.id {
                    ids.append(id)
                }
                if random.next(below: 8) == 0 { ids.reverse() }
            }
            edit(&new.queries[number].question.positives)
            edit(&new.queries[number].question.negatives)
            for split in ["dev", "test"] {
                new.queries[number].question.judged[split] = new.queries[number].question.judged[split]?
                    .filter { keptIDs.contains($0.key) }.mapValues { random.next(below: 6) == 0 ? $0 + 1 : $0 }
            }
        }
        new.queries.append(("another", .init(text: "?", positives: [new.documents[0].id])))
        if seed % 3 == 0 { new.queries.swapAt(0, 1) }

        let temporary = try TemporaryStore()
        var options = WriterOptions()
        options.recordsPerShard = seed % 2 == 0 ? 50 : 2 << 20
        let before = try old.commit(to: temporary.store, as: "old", options: options)
        let after = try new.commit(to: temporary.store, as: "new", options: options)
        for workers in [0, 1, 3] {
            let diff = try DatasetDiff(from: before, to: after, limit: .max, workers: workers)
            try expect(diff, old, new)
            try expect(DatasetDiff(from: after, to: before, limit: .max, workers: workers), new, old)
        }
        // Examples are the first of all.
        let all = try DatasetDiff(from: before, to: after, limit: .max)
        let some = try DatasetDiff(from: before, to: after, limit: 2)
        #expect(some.documents.removed == Array(all.documents.removed.prefix(2)))
        #expect(some.documents.changed == Array(all.documents.changed.prefix(2)))
        #expect(some.documents.addedCount == all.documents.addedCount)
    }

    func expect(_ diff: DatasetDiff, _ old: ModelDataset, _ new: ModelDataset) throws {
        func check<Value: Equatable>(
            _ records: DatasetDiff.Records, _ old: [(id: String, value: Value)], _ new: [(id: String, value: Value)]
        ) {
            let before = Dictionary(uniqueKeysWithValues: old.map { ($0.id, $0.value) })
            let after = Dictionary(uniqueKeysWithValues: new.map { ($0.id, $0.value) })
            #expect(records.added.map(string) == new.map(\.id).filter { before[$0] == nil })
            #expect(records.removed.map(string) == old.map(\.id).filter { after[$0] == nil })
            #expect(
                records.changed.map(string) == old.filter { after[$0.id] != nil && after[$0.id] != $0.value }.map(\.id))
            #expect(records.addedCount == records.added.count && records.removedCount == records.removed.count)
            #expect(records.changedCount == records.changed.count)
            #expect(records.oldCount - records.removedCount + records.addedCount == records.newCount)
            let common = old.map(\.id).filter { after[$0] != nil }
            #expect(records.isReordered == (common != new.map(\.id).filter { before[$0] != nil }))
        }
        check(diff.documents, old.documents.map { ($0.id, $0.passage) }, new.documents.map { ($0.id, $0.passage) })
        check(
            diff.queries, old.queries.map { ($0.id, $0.question.text) }, new.queries.map { ($0.id, $0.question.text) })
        let oldQueries = Dictionary(uniqueKeysWithValues: old.queries.map { ($0.id, $0.question) })
        let newQueries = Dictionary(uniqueKeysWithValues: new.queries.map { ($0.id, $0.question) })
        for table in diff.links {
            func links(_ question: ModelDataset.Question?) -> [String: [Float]] {
                guard let question else { return [:] }
                switch table.name {
                case "positives": return Dictionary(grouping: question.positives) { $0 }.mapValues { $0.map { _ in 0 } }
                case "negatives": return Dictionary(grouping: question.negatives) { $0 }.mapValues { $0.map { _ in 0 } }
                case "judgements/dev": return (question.judged["dev"] ?? [:]).mapValues { [$0] }
                default: return (question.judged["test"] ?? [:]).mapValues { [$0] }
                }
            }
            var added = 0
            var removed = 0
            var rescored = 0
            var changed: Set<String> = []
            for id in Set(oldQueries.keys).union(newQueries.keys) {
                let before = links(oldQueries[id])
                let after = links(newQueries[id])
                for document in Set(before.keys).union(after.keys) {
                    let (left, right) = (before[document] ?? [], after[document] ?? [])
                    added += max(0, right.count - left.count)
                    removed += max(0, left.count - right.count)
                    rescored += zip(left, right).filter { $0 != $1 }.count
                    if left != right { changed.insert(id) }
                }
            }
            #expect(table.addedCount == added && table.removedCount == removed && table.rescoredCount == rescored)
            #expect(Set(table.changed.map { string($0.id) }) == changed)
            #expect(table.changedQueryCount == changed.count)
            #expect(table.oldCount - table.removedCount + table.addedCount == table.newCount)
        }
    }

    @Test func sharedShardsAreNotRead() throws {
        let temporary = try TemporaryStore()
        var options = WriterOptions()
        options.recordsPerShard = 100
        options.dictionaryBytes = 0
        options.frameBytes = 1000
        var model = ModelDataset.random(documents: 1000, queries: 5, seed: 9)
        let before = try model.commit(to: temporary.store, as: "before", options: options)
        for number in 0..<5 { model.documents.append(("added\(number)", .init(text: "\(number)"))) }
        let after = try model.commit(to: temporary.store, as: "after", options: options)
        let shared = Set(before.manifest.documents.shards.map(\.blob)).intersection(
            after.manifest.documents.shards.map(\.blob))
        #expect(shared.count > 3)
        let opened = (try temporary.store.dataset("before"), try temporary.store.dataset("after"))
        for blob in shared { try Files.remove(temporary.store.path(of: blob.digest)) }
        let diff = try DatasetDiff(from: opened.0, to: opened.1)
        #expect(diff.documents.addedCount == 5 && diff.documents.removedCount == 0 && diff.documents.changedCount == 0)
        #expect(!diff.documents.isReordered)
        // What is not shared is read.
        let other = try #require(after.manifest.documents.shards.last)
        try Files.remove(temporary.store.path(of: other.blob.digest))
        #expect(throws: (any Error).self) {
            try DatasetDiff(from: temporary.store.dataset("before"), to: temporary.store.dataset("after"))
        }
    }

    @Test func theToolSaysItByItsStatus() throws {
        let temporary = try TemporaryStore()
        var model = ModelDataset.random(documents: 30, queries: 10, seed: 5)
        try model.commit(to: temporary.store, as: "a")
        try model.commit(to: temporary.store, as: "same")
        model.documents[3].passage.text = "other"
        model.documents.append(("fresh", .init(text: "x")))
        model.queries[2].question.positives = ["fresh"]
        try model.commit(to: temporary.store, as: "b")
        func tool(_ arguments: String...) throws -> ToolResult {
            try run("tvt-store", arguments + ["--store", temporary.store.root.string])
        }
        let equal = try tool("diff", "a", "same")
        #expect(equal.status == 0 && equal.outputText.hasPrefix("equal"))
        let different = try tool("diff", "a", "b")
        #expect(different.status == 1)
        #expect(different.outputText.contains("+ \"fresh\""))
        #expect(different.outputText.contains("query \"q2\""))
        let json = try tool("diff", "a", "b", "--json")
        #expect(json.status == 1)
        let value = try JSONValue.parse(json.output, path: "diff")
        #expect(value["equal"] == .bool(false))
        #expect(value["documents"]?["changed"]?.integer == 1)
        #expect(value["documents"]?["examples"]?["added"]?.array == ["fresh"])
        #expect(value["links"]?["positives"]?["queries"]?.integer == 1)
        #expect(try JSONValue.parse(tool("diff", "a", "same", "--json").output, path: "diff")["equal"] == .bool(true))
        #expect(try tool("diff", "a", "none").status == 66)
        #expect(try tool("diff", "a").status == 64)
        #expect(try tool("diff", "a", "b", "--limit", "-1").status == 64)
    }
}
