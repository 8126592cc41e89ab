import Base
import Encoding
import Inputs
import JSON
import Models
import Records
import Store
import SystemPackage
import TestKit
import TestModels
import Testing
import Vectors

/// Records with images, videos and sounds from a store to vectors, against transformers' processors and models.
struct MediaParityTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func load(
        _ golden: MediaGolden, _ overrides: ModelCard.Overrides, _ residency: WeightResidency = .resident
    ) throws -> EmbeddingModel {
        let folder = temporary("model")
        if !Files.exists(folder) { try golden.model.write(to: folder) }
        return try EmbeddingModel(loading: folder, .encoding, overrides: overrides, residency: residency)
    }

    func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (product, first, second) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            first += Double(x) * Double(x)
            second += Double(y) * Double(y)
        }
        return product / (first * second).squareRoot()
    }

    @Test(arguments: MediaGolden.names)
    func streamedWeightsGiveTheSameVectors(name: String) throws {
        let golden = try MediaGolden(name)
        let store = try MediaStore(MediaStore.records(), isMeasured: true)
        let run = try #require(golden.runs.first)
        let vectors = try WeightResidency.allCases.map { residency in
            let model = try load(golden, run.overrides, residency)
            let side = run.role == .query ? VectorsSide.queries : .corpus
            let source = try RecordSource(store.dataset, side, model, leavesOutFaults: true)
            let (_, reader) = try DatasetEncoderTests().encode(source, model, into: temporary("\(residency)"))
            return (0..<reader.count).map { reader.vector($0) }
        }
        #expect(vectors[0] == vectors[1] && !vectors[0].isEmpty)
    }

    /// Whatever the batches, and whether or not references say how large items are.
    @Test(arguments: MediaGolden.names, [true, false])
    func vectorsAreThoseOfTheReference(name: String, isMeasured: Bool) throws {
        let golden = try MediaGolden(name)
        let store = try MediaStore(MediaStore.records(), isMeasured: isMeasured)
        // Two of the goldens are of some records alone.
        let isOfSome = ["qwen2.5-vl-left", "embedding-gemma2-timed"].contains(name)
        #expect(golden.runs.contains { $0.isWhole } != isOfSome && !golden.runs.isEmpty)
        for run in golden.runs {
            let model = try load(golden, run.overrides)
            let side = run.role == .query ? VectorsSide.queries : .corpus
            let source = try RecordSource(store.dataset, side, model, leavesOutFaults: true)
            for (budget, workerCount) in [(64, 1), (100_000, 3)] {
                let folder = temporary("\(run.name)-\(budget)")
                let (report, reader) = try DatasetEncoderTests().encode(source, model, into: folder) {
                    $0.recordsPerPart = 11
                    $0.tokenBudget = budget
                    $0.workerCount = workerCount
                }
                let rows = Dictionary(uniqueKeysWithValues: (0..<reader.count).map { (reader.id($0), $0) })
                for output in run.outputs {
                    let what = "\(name), \(run.name), \(String(decoding: output.id, as: UTF8.self))"
                    let row = try #require(rows[output.id], "\(what)")
                    #expect(reader.vector(row).count == output.vector.count, "\(what)")
                    #expect(cosine(reader.vector(row), output.vector) >= 0.99999, "\(what)")
                }
                #expect(report.faultCount == report.recordCount - reader.count)
                if run.isWhole {
                    #expect(Set(rows.keys) == Set(run.outputs.map(\.id)), "\(name), \(run.name)")
                    #expect(report.truncatedCount == run.outputs.count { $0.isCut })
                }
            }
        }
    }

    @Test(arguments: MediaGolden.names)
    func tokensAndPositionsAreThoseOfTheReference(name: String) throws {
        let golden = try MediaGolden(name)
        let store = try MediaStore(MediaStore.records(), isMeasured: true)
        let loader = try InputLoader(workers: 1)
        for run in golden.runs {
            let planner = try planner(load(golden, run.overrides), store.dataset, run.role)
            let outputs = Dictionary(uniqueKeysWithValues: run.outputs.map { ($0.id, $0) })
            var count = 0
            try forEachContent(in: store.dataset, run.role) { content in
                guard let output = outputs[content.id] else { return }
                count += 1
                let what = "\(name), \(run.name), \(String(decoding: content.id, as: UTF8.self))"
                let plan = try planner.plan(content, at: Place(path: "media"))
                #expect(plan.wasTruncated == output.isCut, "\(what)")
                try loader.submit([InputLoader.Job(plan, planner, at: Place(path: "media"))])
                let input = try loader.next()[0].get().input
                #expect(input.tokens == output.tokens, "\(what)")
                guard let wanted = output.positions else { return }
                let counted = (0..<Int32(input.tokens.count)).map { $0 }
                #expect(input.positions ?? [counted, counted, counted] == wanted, "\(what)")
            }
            #expect(count == run.outputs.count)
        }
    }

    func planner(
        _ model: EmbeddingModel, _ dataset: Dataset, _ role: Role = .document
    ) throws -> InputPlanner {
        InputPlanner(
            model.texts(of: role), role, try InputForm(model), ignoresMedia: false, mediaAdvice: ""
        ) { digest, body in try dataset.withMedia(digest, body) != nil }
    }

    func forEachContent(
        in dataset: Dataset, _ role: Role = .document, _ body: (RecordContent) throws -> Void
    ) throws {
        let reader = RecordContentReader()
        func read(_ line: UnsafeRawBufferPointer) throws {
            try body(try reader.content(of: line, role, at: Place(path: "media")))
        }
        switch role {
        case .document: try dataset.forEachDocumentRecord(in: 0..<dataset.documentCount) { try read($1) }
        case .query: try dataset.forEachQueryRecord(in: 0..<dataset.queryCount) { try read($1) }
        }
    }

    /// A record that a model cannot be given, and what must be said of it.
    struct Refusal: Sendable, CustomTestStringConvertible {
        let model: String
        let record: JSONValue
        let words: [String]

        init(_ model: String, _ record: JSONObject, _ words: String...) {
            var record = record
            record["id"] = "the record"
            (self.model, self.record, self.words) = (model, .object(record), words)
        }

        var testDescription: String { "\(model): \(words.joined(separator: ", "))" }
    }

    static let refusals = [
        // A text that names what stands for media.
        Refusal("qwen2-vl", ["text": "a <|image_pad|> in words"], "1 placeholders of kind image", "for 0"),
        Refusal(
            "qwen2-vl", ["text": "a <|image_pad|> in words", "image": "wide.png"], "2 placeholders of kind image",
            "for 1"),
        Refusal("omni", ["text": "<|AUDIO|>", "audio": "plain.wav"], "2 placeholders of kind audio", "for 1"),
        Refusal("embedding-gemma2", ["text": "<|video|>"], "1 placeholders of kind video", "for 0"),
        Refusal("qwen2.5-vl", ["image": "line.png"], "2000 × 1 pixels", "200 times"),
        Refusal("qwen3-vl", ["image": "line.png"], "2000 × 1 pixels", "200 times"),
        Refusal("qwen3-vl", ["video": "one.mp4"], "frame"),
        Refusal("omni", ["audio": "click.wav"], "hears nothing"),
        Refusal("embedding-gemma2", ["audio": "click.wav"], "hears nothing"),
        Refusal("qwen2-vl", ["audio": "plain.wav"], "takes no sounds"),
    ]

    @Test(arguments: refusals, [true, false])
    func whatCannotBeGivenIsRefusedByName(refusal: Refusal, isMeasured: Bool) throws {
        let golden = try MediaGolden(refusal.model)
        let store = try MediaStore(
            [refusal.record, ["id": "another", "text": "words"]], isMeasured: isMeasured)
        let model = try load(golden, try #require(golden.runs.first { $0.isWhole }).overrides)
        let planner = try planner(model, store.dataset)
        let loader = try InputLoader(workers: 1)
        let error = #expect(throws: InputError.self) {
            try forEachContent(in: store.dataset) { content in
                let plan = try planner.plan(content, at: Place(path: "media"))
                try loader.submit([InputLoader.Job(plan, planner, at: Place(path: "media"))])
                _ = try loader.next()[0].get()
            }
        }
        let message = try "\(#require(error))"
        #expect(message.contains("the record"), "\(message)")
        for word in refusal.words { #expect(message.contains(word), "\(message)") }
        // The tool leaves it out, and says the same.
        let source = try RecordSource(store.dataset, .corpus, model, leavesOutFaults: true)
        let (report, _) = try DatasetEncoderTests().encode(source, model, into: temporary("vectors"))
        #expect(report.faultCount == 1 && report.recordCount == 2)
    }
}
