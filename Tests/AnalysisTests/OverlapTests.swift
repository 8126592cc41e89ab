import Analysis
import Store
import Base
import JSON
import TestKit
import Testing

@Suite struct OverlapTests {
    static func text(_ number: Int, words: Int = 60) -> String {
        var random = SplitMix64(seed: 12, UInt64(number))
        return ModelDataset.text(&random, words: words)
    }

    /// Ten queries each; what is shared is written down beside it.
    static func models() -> (training: ModelDataset, evaluation: ModelDataset) {
        var training = ModelDataset()
        var evaluation = ModelDataset()
        for number in 0..<10 {
            training.documents.append(("t\(number)", .init(text: text(number))))
            training.documents.append(("unlinked\(number)", .init(text: text(500 + number))))
            training.queries.append(
                ("tq\(number)", .init(text: "who wrote \(text(100 + number, words: 6))", positives: ["t\(number)"])))
            var passage = ModelDataset.Passage(text: text(200 + number))
            var question = "what is \(text(300 + number, words: 6))"
            switch number {
            case 0: passage.text = text(0)  // contents
            case 1: passage = .init(title: "Title", text: text(1).uppercased() + "!")  // text
            case 2: passage.text = text(2).split(separator: " ").dropLast().joined(separator: " ") + " end"  // near
            case 3: passage.text = text(503)  // what no training query points at
            case 4: question = training.queries[4].question.text  // contents
            case 5: question = training.queries[5].question.text.uppercased() + "?"  // text
            case 6: question = training.queries[6].question.text + " s"  // near
            default: break
            }
            evaluation.documents.append(("e\(number)", passage))
            evaluation.documents.append(("extra\(number)", .init(text: text(number == 9 ? 9 : 600 + number))))
            evaluation.queries.append(
                ("eq\(number)", .init(text: question, judged: ["test": ["e\(number)": number == 0 ? 0 : 1]])))
        }
        return (training, evaluation)
    }

    @Test(arguments: [(false, 0), (true, 0), (true, 3)]) func findsWhatWasPlanted(near: Bool, workers: Int) throws {
        let temporary = try TemporaryStore()
        let (training, evaluation) = Self.models()
        let train = try training.commit(to: temporary.store, as: "train")
        let eval = try evaluation.commit(to: temporary.store, as: "eval")
        let clean = try ModelDataset.random(documents: 20, queries: 5, seed: 1).commit(to: temporary.store, as: "clean")
        var options = OverlapOptions()
        options.isNear = near
        options.workers = workers
        let overlap = try Overlap(training: train, evaluations: [clean, eval], options: options)
        #expect(overlap.trainingQueryCount == 10 && overlap.trainingDocumentCount == 10)
        #expect(overlap.evaluations[0].queries.sharedCount == 0 && overlap.evaluations[0].documents.sharedCount == 0)
        let queries = overlap.evaluations[1].queries
        let documents = overlap.evaluations[1].documents
        #expect(queries.count == 10 && queries.shared == [1, 1, near ? 1 : 0])
        // extra9 is a positive of the training set, but not judged.
        #expect(documents.count == 10 && documents.shared == [1, 1, near ? 1 : 0])
        #expect(documents.relevantCount == 9 && documents.sharedRelevantCount == (near ? 2 : 1))
        #expect(queries.trainingCount == (near ? 3 : 2) && documents.trainingCount == (near ? 3 : 2))
        let pairs = documents.examples.map { "\($0.level.name) \(string($0.evaluationID)) \(string($0.trainingID))" }
        #expect(pairs == ["contents e0 t0", "text e1 t1"] + (near ? ["near e2 t2"] : []))
        for example in documents.examples + queries.examples {
            #expect((example.similarity == nil) == (example.level != .near))
            if let similarity = example.similarity { #expect(similarity >= 0.8 && similarity < 1) }
        }
    }

    @Test func aDatasetSharesEverythingWithItself() throws {
        let temporary = try TemporaryStore()
        let dataset = try Self.models().training.commit(to: temporary.store, as: "train")
        let overlap = try Overlap(training: dataset, evaluations: [dataset])
        // Positives stand in for judgements.
        #expect(overlap.evaluations[0].queries.shared == [10, 0, 0])
        #expect(overlap.evaluations[0].documents.shared == [10, 0, 0])
        #expect(overlap.evaluations[0].documents.trainingCount == 10)
    }

    @Test func theToolReports() throws {
        let temporary = try TemporaryStore()
        let (training, evaluation) = Self.models()
        try training.commit(to: temporary.store, as: "train")
        try evaluation.commit(to: temporary.store, as: "eval")
        func tool(_ arguments: String...) throws -> ToolResult {
            try run("tvt-store", arguments + ["--store", temporary.store.root.string])
        }
        let result = try tool("overlap", "train", "eval", "--near")
        #expect(result.status == 0)
        #expect(result.outputText.contains("near") && result.outputText.contains("\"e2\" is \"t2\""))
        let json = try JSONValue.parse(tool("overlap", "train", "eval", "--json").output, path: "overlap")
        #expect(json["evaluations"]?.array?.first?["documents"]?["shared"]?.integer == 2)
        #expect(json["training"]?["queries"]?.integer == 10)
        #expect(try tool("overlap", "train").status == 64)
        #expect(try tool("overlap", "train", "none").status == 66)
        #expect(try tool("overlap", "train", "eval", "--split", "dev").status == 66)
        #expect(try tool("overlap", "train", "eval", "--near", "--threshold", "0").status == 64)
    }
}
