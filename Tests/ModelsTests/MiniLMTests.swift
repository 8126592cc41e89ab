import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing

/// all-MiniLM-L6-v2 against sentence-transformers, on verses and queries, an empty text and one that is too long.
struct MiniLMTests {
    static let folder = sourceRoot.appending(".deps/models/all-MiniLM-L6-v2")

    @Test(arguments: [(ElementType.float32, Float(0.99999)), (.bfloat16, 0.999)])
    func vectorsEqualSentenceTransformers(type: ElementType, leastCosine: Float) throws {
        let golden = Golden()
        let texts = try JSONValue.parse(file: golden("nave.json")).array!.map { Array($0.string!.utf8) }
        let expected = try golden.bytes("nave.f16").withUnsafeBytes {
            try Tensor(copying: $0, shape: [texts.count, 384], type: .float16).to(.float32)
        }
        let model = try EmbeddingModel(loading: MiniLMTests.folder, .encoding, type: type)
        #expect(model.card.pooling == .mean)
        #expect(model.card.normalize)
        #expect(model.card.query == ModelCard.Side(prompt: "", maxLength: 256))
        let sequences = try texts.map { try model.tokenize($0, as: .document) }
        #expect(sequences.map(\.count).max() == 256)
        #expect(sequences.map(\.count).min() == 2)
        let vectors = try model.encode(PackedBatch(sequences))
        let cosines = try vectors.multiplied(by: expected.normalized()).sum(1).floats()
        #expect(cosines.count == texts.count)
        #expect(cosines.min()! >= leastCosine)
    }
}
