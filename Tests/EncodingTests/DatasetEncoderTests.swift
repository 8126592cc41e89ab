import Base
import Engine
import StoreMaintenance
import Store
import Encoding
import Models
import Records
import SystemPackage
import Tensors
import TestKit
import Testing
import Vectors

struct DatasetEncoderTests {
    let identity = SHA256Digest.of(Array("tiny".utf8))

    /// Encodes and gives the folder's rows in order.
    func encode(
        _ source: RecordSource, _ model: EmbeddingModel, into folder: FilePath,
        _ change: (inout DatasetEncoder.Options) -> Void = { _ in }
    ) throws -> (report: DatasetEncoder.Report, reader: VectorsReader) {
        var options = DatasetEncoder.Options()
        options.recordsPerPart = 40
        options.tokenBudget = 100
        change(&options)
        let encoder = DatasetEncoder(source, model, options)
        let report = try encoder.run(into: folder, encoder.description(identity: identity), progress: nil)
        return (report, try VectorsReader(opening: folder))
    }

    /// Every row is the vector of its record encoded alone, under its id, in the dataset's order.
    @Test(arguments: [VectorsSide.corpus, .queries])
    func rowsFollowTheDataset(side: VectorsSide) throws {
        let before = Tensor.threadLiveCount
        do {
            let data = try SampleData(documentCount: 130, queryCount: 50)
            let dataset = try data.commit()
            let model = try SampleData.model()
            let source = try RecordSource(dataset, side, model)
            let (report, reader) = try encode(source, model, into: data.temporary("v"))
            let texts: [(id: [UInt8], text: [UInt8])] =
                side == .queries
                ? data.queries.map { ($0.id, $0.text!) }
                : data.documents.map { ($0.id, ($0.title.map { $0 + [0x20] } ?? []) + $0.text!) }
            #expect(reader.count == texts.count)
            #expect(report.partCount == (texts.count + 39) / 40)
            #expect(reader.parts.count == report.partCount)
            try reader.verify()
            var truncatedCount = 0
            for (row, (id, text)) in texts.enumerated() {
                #expect(reader.id(row) == id)
                let role: Role = side == .queries ? .query : .document
                let tokens = try model.tokenize(text, as: role)
                #expect(tokens.count <= (side == .queries ? 8 : 24))
                let prompt = side == .queries ? Array("a ".utf8) : []
                var uncut: [Int32] = []
                try (prompt + text).withUnsafeBytes { _ = try model.tokenizer.encode($0, maxLength: nil, into: &uncut) }
                if uncut.count > tokens.count { truncatedCount += 1 }
                let alone = try model.encode(PackedBatch([tokens])).floats()
                for (a, b) in zip(reader.vector(row), alone) { #expect(abs(a - b) < 1e-5) }
            }
            #expect(report.truncatedCount == truncatedCount)
            #expect(reader.manifest.truncatedCount == truncatedCount)
            if side == .corpus { #expect(truncatedCount >= 130 / 17) }
            let description = reader.manifest.description
            #expect(description.dataset == dataset.digest)
            #expect(description.modelCard == identity)
            #expect(description.encoding["prompt"]?.string == (side == .queries ? "a " : ""))
            #expect(description.encoding["compute"]?.string == "f32")
        }
        #expect(Tensor.threadLiveCount == before)
    }

    /// Batches, parts, workers and shards divide the work and change nothing.
    @Test func divisionsChangeNothing() throws {
        let data = try SampleData(documentCount: 90)
        let dataset = try data.commit()
        let model = try SampleData.model()
        let source = try RecordSource(dataset, .corpus, model)
        let (_, whole) = try encode(source, model, into: data.temporary("whole"))
        for (name, change) in [
            ("one batch", { $0.tokenBudget = 100_000 }), ("single texts", { $0.tokenBudget = 1 }),
            ("one part", { $0.recordsPerPart = 1000 }), ("tiny parts", { $0.recordsPerPart = 1 }),
            ("no workers", { $0.workerCount = 0 }), ("many workers", { $0.workerCount = 5 }),
        ] as [(String, (inout DatasetEncoder.Options) -> Void)] {
            let (_, other) = try encode(source, model, into: data.temporary(name), change)
            #expect(other.count == 90)
            for row in 0..<90 {
                #expect(other.id(row) == whole.id(row))
                for (a, b) in zip(other.vector(row), whole.vector(row)) { #expect(abs(a - b) < 1e-5, "\(name)") }
            }
        }
        var row = 0
        for index in 0..<7 {
            let (report, part) = try encode(source, model, into: data.temporary("shard\(index)")) {
                $0.shard = DatasetEncoder.Shard(index: index, count: 7)
            }
            #expect(report.recordCount == part.count)
            for local in 0..<part.count {
                #expect(part.id(local) == whole.id(row))
                for (a, b) in zip(part.vector(local), whole.vector(row)) { #expect(abs(a - b) < 1e-5) }
                row += 1
            }
        }
        #expect(row == 90)
    }

    @Test func dimsAndHalfPrecision() throws {
        let data = try SampleData(documentCount: 20)
        let model = try SampleData.model()
        let source = try RecordSource(data.commit(), .corpus, model)
        let (report, reader) = try encode(source, model, into: data.temporary("v")) {
            $0.dims = 6
            $0.outputType = .f16
        }
        #expect(report.dims == 6)
        #expect(reader.dims == 6)
        let (_, full) = try encode(source, model, into: data.temporary("full"))
        for row in 0..<20 {
            let cut = full.vector(row).prefix(6)
            let norm = cut.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for (a, b) in zip(reader.vector(row), cut) { #expect(abs(a - b / norm) < 1e-3) }
        }
    }

    @Test func finishedPartsAreKeptAndDamagedOnesMadeAgain() throws {
        let data = try SampleData(documentCount: 100)
        let model = try SampleData.model()
        let source = try RecordSource(data.commit(), .corpus, model)
        let folder = data.temporary("v")
        _ = try encode(source, model, into: folder)
        let before = try ["part-00000.npy", "part-00001.npy", "part-00002.npy", "part-00001.ids"].map {
            try Files.readAll(folder.appending($0))
        }
        #expect(throws: Failure.self) { try encode(source, model, into: folder) }
        let (again, _) = try encode(source, model, into: folder) { $0.resumes = true }
        #expect(again.skippedCount == 100)
        #expect(again.tokenCount == 0)
        #expect(again.truncatedCount > 0)
        var damaged = before[1]
        damaged[damaged.count - 1] ^= 1
        try Files.replace(folder.appending("part-00001.npy"), with: damaged)
        let (repaired, reader) = try encode(source, model, into: folder) { $0.resumes = true }
        #expect(repaired.skippedCount == 60)
        try reader.verify()
        #expect(try Files.readAll(folder.appending("part-00000.npy")) == before[0])
        #expect(try Files.readAll(folder.appending("part-00001.ids")) == before[3])
        // Another model's vectors never join these.
        let encoder = DatasetEncoder(
            source, model,
            {
                var o = DatasetEncoder.Options(); o.resumes = true; return o
            }())
        let other = encoder.description(identity: SHA256Digest.of(Array("other".utf8)))
        #expect(throws: Failure.self) { try encoder.run(into: folder, other, progress: nil) }
    }

    @Test func whatTheModelCannotReadIsRefused() throws {
        var data = try SampleData(documentCount: 5)
        data.documents[3].image = MediaReference(name: "sha256:00")
        let model = try SampleData.model()
        let dataset = try data.commit()
        let error = #expect(throws: InputError.self) {
            try encode(try RecordSource(dataset, .corpus, model), model, into: data.temporary("v"))
        }
        #expect("\(error!)".contains("--ignore-media"))
        #expect("\(error!)".contains("doc 3"))
        let ignoring = try RecordSource(dataset, .corpus, model, ignoresMedia: true)
        let (report, reader) = try encode(ignoring, model, into: data.temporary("w"))
        #expect(report.ignoredMediaCount == 1)
        #expect(reader.count == 5)
        data.documents[2].text = nil
        data.documents[2].title = nil
        data.documents[2].video = MediaReference(name: "v.mp4")
        let mute = try data.commit(as: "mute")
        let without = #expect(throws: InputError.self) {
            try encode(RecordSource(mute, .corpus, model, ignoresMedia: true), model, into: data.temporary("x"))
        }
        #expect(without?.advice?.contains("--blank-texts skip") == true, "\(String(describing: without))")
    }

    @Test func emptySidesGiveEmptyFolders() throws {
        let data = try SampleData(documentCount: 4, queryCount: 0)
        let model = try SampleData.model()
        let source = try RecordSource(data.commit(), .queries, model)
        let (report, reader) = try encode(source, model, into: data.temporary("v"))
        #expect(report.recordCount == 0)
        #expect(reader.count == 0)
    }

    @Test(arguments: [1, 7, 64, 1_000_000])
    func plansKeepTheBudget(budget: Int) {
        var random = SplitMix64(seed: UInt64(budget))
        let lengths = (0..<300).map { _ in 1 + Int(random.next(below: 40)) }
        let plan = BatchPlan(lengths: lengths, tokenBudget: budget)
        #expect(plan.batches.joined().sorted() == Array(lengths.indices))
        for batch in plan.batches {
            let tokens = batch.map { lengths[$0] }
            #expect(batch.count == 1 || tokens.reduce(0, +) <= budget)
            #expect(tokens == tokens.sorted(by: >))
        }
        #expect(BatchPlan(lengths: [], tokenBudget: budget).batches.isEmpty)
    }

    /// A split's queries are encoded alone, in the dataset's order, each as among all.
    @Test func splitTakesItsQueriesOnly() throws {
        var data = try SampleData(documentCount: 5, queryCount: 60)
        let judged = [3, 4, 5, 9, 41, 42, 59]
        data.judgements = judged.reversed().map { ("test", $0, $0 % 5) } + [("test", 4, 0), ("dev", 7, 1)]
        let dataset = try data.commit()
        let model = try SampleData.model()
        let all = try encode(try RecordSource(dataset, .queries, model), model, into: data.temporary("all")).reader
        let source = try RecordSource(dataset, .queries, model, split: "test")
        let (report, reader) = try encode(source, model, into: data.temporary("test")) { $0.recordsPerPart = 3 }
        #expect(report.recordCount == judged.count)
        #expect(reader.manifest.description.encoding["split"]?.string == "test")
        #expect((0..<reader.count).map(reader.id) == judged.map { data.queries[$0].id })
        for (row, query) in judged.enumerated() {
            for (a, b) in zip(reader.vector(row), all.vector(query)) { #expect(abs(a - b) < 1e-5) }
        }
        #expect {
            try RecordSource(dataset, .queries, model, split: "train")
        } throws: { error in
            (error as? Failure)?.exitStatus == .missingInput && "\(error)".contains("dev, test")
        }
    }
}
