public import Base
internal import Engine
internal import Store
public import JSON
public import Models
public import SystemPackage
internal import Tensors
public import Vectors

/// Encodes one side of a dataset into a folder of vectors, part by part.
///
/// Workers read and tokenise chunks ahead; the calling thread computes. Each part is a window of its own: its texts are
/// sorted by length, packed into batches under a token budget, and its vectors written in the order of the dataset.
/// Parts have a fixed size, so a run that was stopped goes on with the first unfinished one.
public struct DatasetEncoder {
    public struct Options: Sendable {
        /// Records of a part: what a stopped run may lose, and the window in which texts are sorted.
        public var recordsPerPart = 8192
        /// The most tokens of a batch.
        public var tokenBudget = 4096
        /// Keep so many leading components, scaled to length 1 again if the card scales; nil for what the card says.
        public var dims: Int?
        /// How components are stored.
        public var outputType = VectorType.f32
        /// This process's share: the `index`-th of `count` equal ranges of records.
        public var shard = Shard(index: 0, count: 1)
        /// Threads that read and tokenise.
        public var workerCount = max(1, min(4, processorCount / 2))
        /// Go on in a folder that already holds parts.
        public var resumes = false

        public init() {}
    }

    /// One of several equal, consecutive shares of the records.
    public struct Shard: Sendable, Equatable {
        /// From 0.
        public var index: Int
        public var count: Int

        public init(index: Int, count: Int) {
            self.index = index
            self.count = count
        }

        func range(of total: Int) -> Range<Int> {
            (total * index / count)..<(total * (index + 1) / count)
        }
    }

    /// What a run did.
    public struct Report: Sendable, Equatable {
        /// Records of this shard.
        public var recordCount = 0
        /// Records in parts that were there already.
        public var skippedCount = 0
        public var truncatedCount = 0
        public var emptyCount = 0
        public var ignoredMediaCount = 0
        /// Tokens computed in this run.
        public var tokenCount = 0
        public var partCount = 0
        public var dims = 0
        /// Of computing and writing, reading and tokenising overlapped.
        public var seconds = 0.0

        public init() {}
    }

    public let source: RecordSource
    let model: EmbeddingModel
    let options: Options

    public init(_ source: RecordSource, _ model: EmbeddingModel, _ options: Options = .init()) {
        self.source = source
        self.model = model
        self.options = options
    }

    /// Components of a vector.
    var dims: Int { min(options.dims ?? model.card.outputDims, model.card.dims) }

    /// Records of one task of a worker.
    static let chunkSize = 1024

    /// What the vectors will be: equal descriptions mean equal vectors.
    ///
    /// - Parameter identity: says which weights compute, beyond the card.
    public func description(identity: SHA256Digest, encoding: JSONObject = [:]) -> VectorsDescription {
        let side = source.side == .queries ? model.card.query : model.card.document
        var fields: JSONObject = [
            "prompt": .string(side.prompt), "max_length": JSONValue(side.maxLength),
            "compute": .string(EncodingType(model).rawValue),
        ]
        if let split = source.split { fields["split"] = .string(split) }
        if let textSide = source.textSide {
            fields["text_side"] = .string(textSide.field)
            fields["left_out"] = JSONValue(textSide.leftOutCount)
        }
        if source.blankTexts == .skip, source.blankCount > 0 {
            fields["blank_texts"] = .string(source.blankTexts.rawValue)
            fields["left_out"] = JSONValue(source.blankCount)
        }
        if options.shard.count > 1 { fields["shard"] = .string("\(options.shard.index)/\(options.shard.count)") }
        for (key, value) in encoding { fields[key] = value }
        return VectorsDescription(
            side: source.side, modelCard: identity, dataset: source.dataset.digest,
            datasetReference: source.dataset.reference, dims: dims,
            type: options.outputType,
            isNormalised: options.dims == nil ? model.card.givesUnitVectors : model.card.normalize, encoding: fields,
            recordCount: source.count)
    }

    /// Encodes what is not yet there.
    ///
    /// - Throws: `Failure` (73) if the folder holds vectors and the options do not say to go on, or other vectors.
    public func run(into folder: FilePath, _ description: VectorsDescription, progress: Progress?) throws -> Report {
        if !options.resumes && Files.isDirectory(folder) {
            let names = try Files.list(folder)
            if names.contains(VectorsManifest.fileName) || names.contains(where: { $0.hasPrefix("part-") }) {
                throw Failure(
                    .cannotCreate, "\(folder) already holds vectors",
                    advice: "--resume keeps the finished parts; else give another --output")
            }
        }
        let writer = try VectorsWriter(folder, description)
        let start = Clock.seconds()
        let shard = options.shard.range(of: source.count)
        let parts = stride(from: shard.lowerBound, to: shard.upperBound, by: options.recordsPerPart).enumerated().map {
            (index: $0, ordinals: $1..<min($1 + options.recordsPerPart, shard.upperBound))
        }
        var report = Report()
        report.recordCount = shard.count
        report.partCount = parts.count
        report.dims = description.dims
        var pending: [(index: Int, ordinals: Range<Int>)] = []
        for (index, ordinals) in parts {
            if let part = try writer.finishedPart(index, ordinals) {
                report.skippedCount += part.count
                report.truncatedCount += part.truncatedCount
                progress?.advance(by: part.count)
            } else {
                pending.append((index, ordinals))
            }
        }
        let chunks = pending.flatMap { part in
            stride(from: part.ordinals.lowerBound, to: part.ordinals.upperBound, by: DatasetEncoder.chunkSize).map {
                $0..<min($0 + DatasetEncoder.chunkSize, part.ordinals.upperBound)
            }
        }
        var nextChunk = 0
        var nextPart = 0
        var window: TokenizedRecords?
        let source = source
        // Enough chunks ahead to fill the next part while one is computed.
        let chunksAhead = max(options.workerCount, options.recordsPerPart / DatasetEncoder.chunkSize + 1)
        try orderedPipeline(
            workers: options.workerCount, window: chunksAhead,
            read: { () -> Range<Int>? in
                guard nextChunk < chunks.count else { return nil }
                nextChunk += 1
                return chunks[nextChunk - 1]
            },
            transform: { try source.tokenized($0) },
            write: { records in
                if window == nil { window = records } else { window?.append(records) }
                let (index, ordinals) = pending[nextPart]
                guard let full = window, full.range == ordinals else { return }
                window = nil
                nextPart += 1
                let vectors = try encode(full, progress)
                var part = try writer.part(index, ordinals)
                try vectors.withUnsafeBufferPointer { vectors in
                    for row in 0..<full.count {
                        let vector = vectors[(row * report.dims)..<((row + 1) * report.dims)]
                        try full.ids.withBytes(at: row) {
                            try part.append(id: $0, vector: UnsafeBufferPointer(rebasing: vector))
                        }
                    }
                }
                writer.accept(try part.commit(truncatedCount: full.truncatedCount))
                report.truncatedCount += full.truncatedCount
                report.emptyCount += full.emptyCount
                report.ignoredMediaCount += full.ignoredMediaCount
                report.tokenCount += full.tokens.count
            })
        _ = try writer.finish(partIndices: parts.map(\.index))
        report.seconds = Clock.seconds() - start
        return report
    }

    /// Vectors of a window, row by row in its own order.
    func encode(_ window: TokenizedRecords, _ progress: Progress?) throws -> [Float] {
        var rows = [Float](repeating: 0, count: window.count * dims)
        let plan = BatchPlan(lengths: (0..<window.count).map(window.length), tokenBudget: options.tokenBudget)
        for batch in plan.batches {
            try Interruption.check()
            let packed = PackedBatch(lengths: batch.map(window.length), unpooled: source.unpooled(batch.count)) {
                window.sequence(batch[$0])
            }
            let vectors = try model.encode(packed, dims: options.dims)
            try vectors.withUnsafeBytes { bytes in
                let values = bytes.assumingMemoryBound(to: Float.self)
                for (row, index) in batch.enumerated() {
                    for column in 0..<dims { rows[index * dims + column] = values[row * dims + column] }
                }
            }
            progress?.advance(by: batch.count)
        }
        return rows
    }
}
