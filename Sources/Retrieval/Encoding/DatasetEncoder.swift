public import Base
internal import Engine
internal import Inputs
internal import Store
public import JSON
public import Models
public import Processes
public import SystemPackage
internal import Tensors
public import Vectors

/// Encodes one side of a dataset into a folder of vectors, part by part.
///
/// Workers read and tokenise chunks ahead, others decode the media of the next batches; the calling thread computes. Each
/// part is a window of its own: its texts are sorted by length, packed into batches under a token budget, and its vectors
/// written in the order of the dataset. Parts have a fixed size, so a run that was stopped goes on with the first
/// unfinished one.
public struct DatasetEncoder {
    public let source: RecordSource
    let model: EmbeddingModel
    let options: Options
    /// Those that compute batches together; nil where this process computes them alone.
    private let joint: JointBatches?

    public init(_ source: RecordSource, _ model: EmbeddingModel, _ options: Options = .init()) {
        self.init(source, model, options, joint: nil)
    }

    /// - Parameter joint: of each of several processes, with the same source and options. The first calls
    ///   ``run(into:_:work:progress:listLeftOut:)``, and the others ``assist()``.
    package init(
        _ source: RecordSource, _ model: EmbeddingModel, _ options: Options = .init(), joint: JointBatches?
    ) {
        precondition(joint == nil || !source.leavesOutFaults, "all processes know what is in each batch")
        precondition(joint == nil || !options.resumes, "all processes have the same parts to compute")
        self.source = source
        self.model = model
        self.options = options
        self.joint = joint
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
        if source.planner.readsMedia { fields["media"] = true }
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
    /// - Parameters:
    ///   - work: the processes that encode the parts of the folder together, each its own, of which the first finishes it; nil
    ///     for this process alone. The files are the same.
    ///   - progress: of all processes.
    ///   - listLeftOut: called once, before the folder is finished, with a line of JSON for each record that was left
    ///     out, those of parts that were there included; what it throws leaves the folder unfinished.
    /// - Returns: what this process did; in the first of several, what all of them did.
    /// - Throws: `Failure` (73) if the folder holds vectors and the options do not say to go on, or other vectors; `Failure`
    ///   (65) where every record was left out, unless this is one shard of several; `Failure` (69) where another process
    ///   has ended.
    public func run(
        into folder: FilePath, _ description: VectorsDescription, work: JointWork? = nil, progress: Progress?,
        listLeftOut: ([UInt8]) throws -> Void = { _ in }
    ) throws -> Report {
        let isFirst = work?.isFirst ?? true
        if isFirst, !options.resumes { try requireNoVectors(in: folder) }
        let start = Clock.seconds()
        let division = try division(among: work?.size ?? 1)
        if let work, !isFirst { try work.begin(identity(description)) }
        let writer = try VectorsWriter(folder, description, helps: !isFirst)
        if let work, isFirst { try work.begin(identity(description)) }
        var others = OtherShares(division, of: work, writer, progress)

        let share = division.shares[work?.rank ?? 0]
        var report = Report()
        report.recordCount = share.reduce(0) { $0 + $1.ordinals.count }
        report.partCount = share.count
        report.dims = description.dims
        var finished: [VectorsPart] = []
        var pending: [PartDivision.Part] = []
        for (index, ordinals) in share {
            try Interruption.check()
            if let part = try writer.finishedPart(index, ordinals) {
                finished.append(part)
                report.skippedCount += part.count
                report.faultCount += part.leftOutCount
                report.truncatedCount += part.truncatedCount
                progress?.advance(by: part.count)
                try others.look()
            } else {
                pending.append((index, ordinals))
            }
        }
        let loader = try loader()
        try forEachWindow(of: pending) { part, full in
            let (index, ordinals) = part
            let (vectors, faults) = try encode(full, loader, progress) { try others.look() }
            let leftOut = faults.sorted { $0.key < $1.key }.map { row, fault in
                (row: row, line: Self.line(full.ids[row], fault))
            }
            var written = try writer.part(index, ordinals, leftOut: leftOut.map(\.line))
            try vectors.withUnsafeBufferPointer { vectors in
                for row in 0..<full.count where faults[row] == nil {
                    let vector = vectors[(row * report.dims)..<((row + 1) * report.dims)]
                    try full.ids.withBytes(at: row) {
                        try written.append(id: $0, vector: UnsafeBufferPointer(rebasing: vector))
                    }
                }
            }
            let committed = try written.commit(truncatedCount: full.truncatedCount)
            writer.accept(committed)
            finished.append(committed)
            report.truncatedCount += full.truncatedCount
            report.emptyCount += full.emptyCount
            report.ignoredMediaCount += full.ignoredMediaCount
            report.cutSoundCount += full.cutSoundCount
            report.faultCount += faults.count
            report.tokenCount += full.tokens.count
        }
        if let work, !isFirst {
            try work.deliver(DeliveredShare(report: report, parts: finished))
            return report
        }
        try others.collect(adding: &report)
        _ = try writer.finish(partIndices: division.shares.joined().map(\.index)) { manifest in
            try listLeftOut(VectorsFolder.leftOutLines(of: manifest, in: folder))
            guard manifest.count > 0 || manifest.leftOutCount == 0 || options.shard.count > 1 else {
                throw Failure(
                    .badData,
                    "no record is left: the model cannot be given any of the \(manifest.leftOutCount) "
                        + (source.side == .queries ? "queries" : "documents"),
                    advice: "The list of what was left out says why.")
            }
        }
        report.seconds = Clock.seconds() - start
        return report
    }

    /// Computes this process's batches of what the first of several encodes meanwhile: see ``JointBatches``.
    package func assist() throws {
        precondition(joint != nil, "processes that compute batches together")
        let loader = try loader()
        try forEachWindow(of: division(among: 1).shares[0]) { _, window in _ = try encode(window, loader, nil) }
    }

    /// Reads and plans the records of parts ahead, and calls `body` with each part in turn.
    private func forEachWindow(
        of parts: [PartDivision.Part], _ body: (PartDivision.Part, PlannedRecords) throws -> Void
    ) throws {
        let chunks = parts.flatMap { part in
            stride(from: part.ordinals.lowerBound, to: part.ordinals.upperBound, by: Self.chunkSize).map {
                $0..<min($0 + Self.chunkSize, part.ordinals.upperBound)
            }
        }
        var nextChunk = 0
        var nextPart = 0
        var window: PlannedRecords?
        let source = source
        // Enough chunks ahead to fill the next part while one is computed.
        let chunksAhead = max(options.workerCount, options.recordsPerPart / Self.chunkSize + 1)
        try orderedPipeline(
            workers: options.workerCount, window: chunksAhead,
            read: { () -> Range<Int>? in
                guard nextChunk < chunks.count else { return nil }
                nextChunk += 1
                return chunks[nextChunk - 1]
            },
            transform: { try source.planned($0) },
            write: { records in
                if window == nil { window = records } else { window?.append(records) }
                let part = parts[nextPart]
                guard let full = window, full.range == part.ordinals else { return }
                window = nil
                nextPart += 1
                try body(part, full)
            })
    }

    private func requireNoVectors(in folder: FilePath) throws {
        guard Files.isDirectory(folder) else { return }
        let names = try Files.list(folder)
        if names.contains(VectorsManifest.fileName) || names.contains(where: { $0.hasPrefix("part-") }) {
            throw Failure(
                .cannotCreate, "\(folder) already holds vectors",
                advice: "--resume keeps the finished parts; else give another --output")
        }
    }

    /// What is said of a record that was left out: a line of JSON.
    private static func line(_ id: [UInt8], _ fault: any Error) -> [UInt8] {
        var line: JSONObject = ["id": .string(String(decoding: id, as: UTF8.self))]
        if let error = fault as? InputError {
            if let field = error.place.field { line["field"] = .string(field) }
            line["reason"] = .string(error.reason)
        } else {
            line["reason"] = .string("\(fault)")
        }
        var bytes: [UInt8] = []
        JSONValue.object(line).appendLine(to: &bytes)
        return bytes + [0x0A]
    }

    /// What decodes media ahead; nil where none are read.
    func loader() throws -> InputLoader? {
        guard source.planner.readsMedia || source.planner.givesStandIns else { return nil }
        return try InputLoader(workers: options.workerCount, byteBudget: options.mediaBudget)
    }

    /// Vectors of a window, row by row in its own order, and what went wrong with some records: their rows mean nothing.
    ///
    /// - Throws: what went wrong with a record, unless such records are left out.
    func encode(
        _ window: PlannedRecords, _ loader: InputLoader?, _ progress: Progress?, eachBatch: () throws -> Void = {}
    ) throws -> (rows: [Float], faults: [Int: any Error]) {
        var rows = [Float](repeating: 0, count: window.count * dims)
        var faults = window.faults
        let usable = (0..<window.count).filter { faults[$0] == nil }
        let plan = BatchPlan(lengths: usable.map(window.cost), tokenBudget: options.tokenBudget)
        let batches = plan.batches.map { $0.map { usable[$0] } }
        if let joint {
            try encode(batches, of: window, loader, with: joint, into: &rows)
            return (rows, faults)
        }
        try forEachLoaded(batches, of: window, loader, &faults) { number, loaded in
            try eachBatch()
            defer { progress?.advance(by: batches[number].count) }
            guard let loaded else { return }
            try fill(&rows, loaded.members, model.encode(loaded.packed, dims: options.dims))
        }
        progress?.advance(by: window.faults.count)
        return (rows, faults)
    }

    /// Computes this process's batches of a window, and brings the vectors of all of them together.
    private func encode(
        _ batches: [[Int]], of window: PlannedRecords, _ loader: InputLoader?, with joint: JointBatches,
        into rows: inout [Float]
    ) throws {
        let sizes = batches.map(\.count)
        func compute(round: Int, _ packed: PackedBatch?) throws {
            try joint.run(
                round: round, packed, sizes: sizes, dims: dims,
                finish: { try model.outputVectors($0, dims: options.dims) },
                take: { try fill(&rows, batches[$0], $1) })
        }
        let own = joint.own(of: batches.count).map { batches[$0] }
        // Nobody leaves a record out: what is wrong with one is thrown.
        var faults: [Int: any Error] = [:]
        try forEachLoaded(own, of: window, loader, &faults) { try compute(round: $0, $1?.packed) }
        for round in own.count..<joint.roundCount(of: batches.count) { try compute(round: round, nil) }
    }

    /// Puts the vectors of a batch where its members have their rows.
    private func fill(_ rows: inout [Float], _ members: [Int], _ vectors: Tensor) throws {
        try vectors.withUnsafeBytes { bytes in
            let values = bytes.assumingMemoryBound(to: Float.self)
            for (row, index) in members.enumerated() {
                for column in 0..<dims { rows[index * dims + column] = values[row * dims + column] }
            }
        }
    }

    /// Calls `body` with the number of each batch and the batch itself, its media decoded ahead; with nil where nothing is left
    /// of it.
    private func forEachLoaded(
        _ batches: [[Int]], of window: PlannedRecords, _ loader: InputLoader?, _ faults: inout [Int: any Error],
        _ body: (Int, (members: [Int], packed: PackedBatch)?) throws -> Void
    ) throws {
        var submittedCount = 0
        for (number, batch) in batches.enumerated() {
            try Interruption.check()
            while let loader, submittedCount < batches.count {
                let jobs = jobs(batches[submittedCount], window)
                if submittedCount > number, loader.isFull(for: jobs) { break }
                try loader.submit(jobs)
                submittedCount += 1
            }
            try body(number, loaded(batch, window, loader, &faults))
        }
    }

    private func jobs(_ batch: [Int], _ window: PlannedRecords) -> [InputLoader.Job] {
        batch.compactMap { index in
            window.plans[index].map { InputLoader.Job($0, source.planner, at: window.places[index]!) }
        }
    }

    /// A batch with its media; nil where nothing is left of it.
    ///
    /// - Throws: what went wrong with a record, unless such records are left out.
    private func loaded(
        _ batch: [Int], _ window: PlannedRecords, _ loader: InputLoader?, _ faults: inout [Int: any Error]
    ) throws -> (members: [Int], packed: PackedBatch)? {
        let unpooledCount = source.planner.tokenizer.unpooledCount
        guard let loader, batch.contains(where: { window.plans[$0] != nil }) else {
            _ = try loader?.next()
            let packed = PackedBatch(
                lengths: batch.map(window.length),
                unpooled: unpooledCount == 0 ? nil : Array(repeating: unpooledCount, count: batch.count)
            ) { window.sequence(batch[$0]) }
            return (batch, packed)
        }
        var decoded = try loader.next().makeIterator()
        var (members, inputs): ([Int], [LoadedInput]) = ([], [])
        for index in batch {
            guard window.plans[index] != nil else {
                members.append(index)
                inputs.append(
                    LoadedInput(ModelInput(tokens: Array(window.sequence(index)), unpooledCount: unpooledCount)))
                continue
            }
            do {
                inputs.append(try decoded.next()!.get())
                members.append(index)
            } catch let error as InputError where source.leavesOutFaults && error.exitStatus == .badData {
                faults[index] = error
            }
        }
        return members.isEmpty ? nil : (members, PackedBatch(inputs))
    }
}
