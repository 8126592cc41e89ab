import Base
import Encoding
import Engine
import Models
import SystemPackage
import Tensors
import TestGroups
import TestKit
import Testing
import Vectors

/// Processes, for which threads stand, that compute the batches of one folder of vectors together.
struct JointBatchesTests {
    private static let identity = SHA256Digest.of(Array("tiny".utf8))

    private static func options(_ recordsPerPart: Int) -> DatasetEncoder.Options {
        var options = DatasetEncoder.Options()
        (options.recordsPerPart, options.tokenBudget, options.workerCount) = (recordsPerPart, 100, 1)
        return options
    }

    private static func compute(_ packed: PackedBatch, _ model: EmbeddingModel) throws -> Tensor {
        try withoutGradients {
            let batch = try DeviceBatch(packed)
            return try model.head(model.text.forward(batch), batch)
        }
    }

    /// What lies in both folders is the same.
    private static func expectEqual(_ one: FilePath, _ another: FilePath) throws {
        let names = try [one, another].map { try Files.list($0).filter { !$0.hasPrefix(".") } }
        #expect(names[0] == names[1])
        for name in names[0] {
            #expect(try Files.readAll(one.appending(name)) == Files.readAll(another.appending(name)), "\(name)")
        }
    }

    /// Parts of one batch and of many, more processes than batches as well.
    @Test("the files of one process, by as many runs of the model in each", arguments: [2, 3, 4], [4, 60, 200])
    func sameAsOne(size: Int, recordsPerPart: Int) throws {
        let data = try SampleData(documentCount: 130)
        let (dataset, temporary) = (try data.commit(), data.temporary)
        let runs = try together(size) { group in
            let model = try SampleData.model()
            var counts = (all: 0, own: 0)
            let joint = JointBatches(group) { packed in
                counts.all += 1
                counts.own += packed == nil ? 0 : 1
                return try packed.map { try Self.compute($0, model) }
            }
            let encoder = DatasetEncoder(
                try RecordSource(dataset, .corpus, model), model, Self.options(recordsPerPart), joint: joint)
            guard group.rank == 0 else {
                try encoder.assist()
                return counts
            }
            let description = encoder.description(identity: Self.identity)
            _ = try encoder.run(into: temporary("joint"), description, progress: nil)
            // On this thread, too: on one of the tests' own, sums may differ in their last bit.
            _ = try DatasetEncoder(encoder.source, model, Self.options(recordsPerPart))
                .run(into: temporary("one"), description, progress: nil)
            return counts
        }.map { try $0.get() }
        try Self.expectEqual(temporary("joint"), temporary("one"))
        let parts = (130 + recordsPerPart - 1) / recordsPerPart
        #expect(runs.allSatisfy { $0.all == runs[0].all } && runs[0].all >= parts)
        // In each part nobody has more than one batch more than another.
        let own = runs.map(\.own)
        #expect(own.max()! - own.min()! <= parts && own[0] == runs[0].all)
        if recordsPerPart > 4 { #expect(own.allSatisfy { $0 > 1 }) }
    }

    @Test("vectors that are cut are those of one process, too")
    func dims() throws {
        let data = try SampleData(documentCount: 60)
        let (dataset, temporary) = (try data.commit(), data.temporary)
        var options = Self.options(60)
        options.dims = 8
        let chosen = options
        let results = try together(2) { group -> Void in
            let model = try SampleData.model()
            let joint = JointBatches(group) { try $0.map { try Self.compute($0, model) } }
            let source = try RecordSource(dataset, .corpus, model)
            let encoder = DatasetEncoder(source, model, chosen, joint: joint)
            guard group.rank == 0 else { return try encoder.assist() }
            let description = encoder.description(identity: Self.identity)
            _ = try encoder.run(into: temporary("joint"), description, progress: nil)
            _ = try DatasetEncoder(source, model, chosen).run(into: temporary("one"), description, progress: nil)
        }
        for result in results { try result.get() }
        try Self.expectEqual(temporary("joint"), temporary("one"))
    }
}
