import Base
import Engine
import Encoding
import Examples
import Inputs
import Models
import Records
import Store
import SystemPackage
import TestKit
import Testing
import Vectors

/// A document is the same text to the encoder and to training, whatever it has of a title and a text.
struct RenderingTests {
    @Test func encodingAndTrainingReadTheSameText() throws {
        var data = try SampleData(documentCount: 0, queryCount: 0)
        let documents: [(title: String?, text: String?)] = [
            ("light", "was good"), ("light", ""), (nil, "was good"), ("", "was good"),
        ]
        for (number, document) in documents.enumerated() {
            data.documents.append(
                Document(
                    id: Array("d\(number)".utf8), title: document.title.map { Array($0.utf8) },
                    text: document.text.map { Array($0.utf8) }))
            data.queries.append(Query(id: Array("q\(number)".utf8), text: Array("day".utf8)))
            data.positives[number] = [UInt32(number)]
        }
        let dataset = try data.commit()
        let model = try SampleData.model()
        let output = data.temporary("vectors")
        let encoder = DatasetEncoder(try RecordSource(dataset, .corpus, model), model)
        _ = try encoder.run(into: output, encoder.description(identity: SHA256Digest.of([])), progress: nil)
        let reader = try VectorsReader(opening: output)

        var options = ExampleOptions([.init("sample")])
        options.passagesPerQuery = 1
        let source = try ExampleSource(options, store: data.store)
        let planner = InputPlanner(
            model.documents, .document, try InputForm(model), ignoresMedia: false, mediaAdvice: ""
        ) { _, _ in false }
        var seen: Set<Int> = []
        for slot in 0..<4 {
            let example = try source.example(at: UInt64(slot))
            let row = example.passages[0].document
            let content = try example.passages[0].record.withUnsafeBytes {
                try RecordContentReader().content(of: $0, .document, at: Place(path: "record"))
            }
            let trained = try planner.plan(content, at: Place(path: "record"))
            let vector = try model.encode(PackedBatch([trained.input])).floats()
            for (a, b) in zip(vector, reader.vector(row)) { #expect(abs(a - b) < 1e-6) }
            seen.insert(row)
        }
        #expect(seen.count == 4)
    }

    @Test(arguments: [(InputSettings.Key.frameCount, "4"), (.imageSize, "56x56"), (.queryImage, "28")])
    func whatIsSaidOfMediaIsRefusedForTexts(key: InputSettings.Key, value: String) throws {
        var overrides = SampleData.overrides
        try overrides.inputs.set(key, to: value)
        let model = try EmbeddingModel(loading: SampleData.modelFolder, .encoding, overrides: overrides)
        let failure = #expect(throws: Failure.self) { try InputForm(model) }
        #expect(failure?.exitStatus == .badConfiguration)
        #expect("\(failure.map { "\($0)" } ?? "")".contains(key.rawValue))
    }
}
