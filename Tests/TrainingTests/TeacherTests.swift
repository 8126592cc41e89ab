import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing
import Training
import Vectors

@Suite("Learning from a teacher's scores", .serialized)
struct TeacherTests {
    static let distillation = "loss={distillation: {kind: kl, weight: 0.5}}"

    static func world() throws -> TinyWorld {
        var quirks = TinyWorld.Quirks()
        quirks.hasScores = true
        return try TinyWorld(quirks)
    }

    /// A run of the same scores over positives and negatives of each query, less what `omits` names.
    static func run(
        _ world: TinyWorld, _ name: String, omitting omits: (_ query: Int, _ document: Int) -> Bool = { _, _ in false }
    ) throws -> FilePath {
        var text = ""
        for query in 0..<40 {
            let documents = [3 * query, 3 * query + 1] + (0..<5).map { 3 * query + 2 + 3 * $0 }
            let scored = Set(documents.map { $0 % 120 }).filter { !omits(query, $0) }
            let ranked = scored.map { ($0, TinyWorld.score(query, $0)) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
            for (rank, (document, score)) in ranked.enumerated() {
                text += "q\(query) Q0 d\(document) \(rank + 1) \(score) teacher\n"
            }
        }
        let path = world.folder(name)
        try Files.replace(path, with: Array(text.utf8))
        return path
    }

    @Test("a batch has the scores of its links, of the positive first")
    func links() throws {
        let world = try Self.world()
        let plan = try world.plan([Self.distillation])
        let batch = try plan.batches(step: 0)[0]
        #expect(
            batch.unscoredCount == 0 && batch.teacherScores.count == 8
                && batch.datasets == [Int](repeating: 0, count: 8))
        let examples = try plan.source.examples(at: (0..<8).map { UInt64($0) })
        for (example, scores) in zip(examples, batch.teacherScores) {
            #expect(scores == example.passages.map { TinyWorld.score(example.query, $0.document) })
        }
        #expect(batch.facts.groups == (0..<8).map { ($0 * 4)..<($0 * 4 + 4) })
        #expect(try world.plan().batches(step: 0)[0].teacherScores.isEmpty)
    }

    @Test("a run with the scores of the links gives the same losses, and its digest is in the lock")
    func runFile() throws {
        let world = try Self.world()
        let run = try Self.run(world, "teacher.run")
        let fromRun = [Self.distillation, "loss.teacher.runs=[\(run)]"]
        let losses = try TrainingRunTests.train(world, [Self.distillation], to: world.folder("links")).metrics.map(
            \.loss)
        #expect(try TrainingRunTests.train(world, fromRun, to: world.folder("run")).metrics.map(\.loss) == losses)
        #expect(try TrainingRunTests.train(world, [], to: world.folder("plain")).metrics.map(\.loss) != losses)
        let lock = try world.plan(fromRun).lock
        let digest = try SHA256Digest.ofFile(run).description
        #expect(lock.value["teacher_runs"]?.array?.first?.string == digest)
        _ = try Self.run(world, "teacher.run", omitting: { query, _ in query == 39 })
        #expect(try world.plan(fromRun).lock.differences(from: lock) == ["teacher_runs"])
    }

    @Test("a run that was killed ends with the same losses")
    func resume() throws {
        let world = try Self.world()
        let overrides = [
            "loss={recipe: qwen3-embedding, distillation: {kind: margin_mse}, matryoshka: {dims: [16]}}",
            "checkpoint_every=2",
        ]
        let whole = try TrainingRunTests.train(world, overrides, to: world.folder("whole"))
        let killed = world.folder("killed")
        try TrainingRunTests.train(world, overrides, to: killed)
        try TinyWorld.takeBackEnd(of: killed)
        let resumed = try TrainingRunTests.train(world, overrides, to: killed, resume: true, trace: .recompute)
        #expect(resumed.resumedAfter == 4 && resumed.metrics.map(\.loss) == whole.metrics.map(\.loss))
        #expect(try TrainingRunTests.weights(resumed.model) == TrainingRunTests.weights(whole.model))
    }

    @Test("queries without scores are an error by name, or go without the teacher and are counted")
    func unscored() throws {
        let world = try Self.world()
        // The positives of every other query.
        let run = try Self.run(world, "some.run", omitting: { $0 % 2 == 1 && $1 / 3 == $0 })
        let overrides = [Self.distillation, "loss.teacher.runs=[\(run)]"]
        let error = try #require(throws: InputError.self) {
            for step in 0..<6 { _ = try world.plan(overrides).batches(step: step) }
        }
        #expect("\(error)".contains("the teacher has no score for \"d"), "\(error)")
        #expect(
            "\(error)".contains("a positive of the query: \"q") && "\(error)".contains("unscored: skip"), "\(error)")
        let skipping = overrides + ["loss.teacher.unscored=skip"]
        let plan = try world.plan(skipping)
        let batches = try (0..<6).flatMap(plan.batches)
        let count = batches.reduce(0) { $0 + $1.unscoredCount }
        #expect(count > 0 && count < 48)
        let report = try TrainingRunTests.train(world, skipping, to: world.folder("run"))
        #expect(report.unscoredCount == count && report.json["unscored"]?.integer == count)
        #expect(try DryRun(plan).unscoredCount == count)
        #expect(try DryRun(plan).text.contains("queries without scores of the teacher \(count)\n"))
        #expect(try TrainingRunTests.train(world, [], to: world.folder("plain")).unscoredCount == nil)
    }

    @Test("links without scores, and runs of other ids, are refused before the first step")
    func refused() throws {
        let plain = try TinyWorld()
        let error = try #require(throws: Failure.self) { try plain.plan([Self.distillation]) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.description.contains("the positives of dataset tiny have none"), "\(error)")
        let other = plain.folder("other.run")
        try Files.replace(other, with: Array("query Q0 document 1 0.5 tag\n".utf8))
        let strangers = try #require(throws: InputError.self) {
            try plain.plan([Self.distillation, "loss.teacher.runs=[\(other)]"])
        }
        #expect("\(strangers)".contains("no result is a positive or negative document of its query in dataset tiny"))
    }

    @Test("nv-retriever masks hard negatives that the teacher puts near the positive")
    func teacherMask() throws {
        let world = try Self.world()
        // Wider than the recipe's, so that there are some.
        let settings = ["loss.recipe=nv-retriever", "loss.false_negatives.margin=-0.5"]
        let plan = try world.plan(settings)
        let batch = try plan.batches(step: 0)[0]
        let near = batch.teacherScores.reduce(0) { count, scores in
            count + scores!.dropFirst().count { Double($0) > 0.5 * Double(scores![0]) }
        }
        #expect(near > 0)
        let masked = try TrainingRunTests.train(world, settings, to: world.folder("masked"))
        let plain = try TrainingRunTests.train(world, [], to: world.folder("plain"))
        #expect(masked.metrics[0].loss < plain.metrics[0].loss)
    }
}

@Suite("Masks by a guide's vectors", .serialized)
struct GuideTests {
    /// Vectors of a side of the dataset, the same for all records but those that `odd` names.
    static func encode(
        _ world: TinyWorld, _ side: VectorsSide, _ name: String, count: Int, odd: Set<Int> = []
    ) throws -> FilePath {
        let dataset = try world.store.dataset("tiny")
        let description = VectorsDescription(
            side: side, modelCard: SHA256Digest.of(Array("guide".utf8)), dataset: dataset.digest,
            datasetReference: "tiny", dims: 2, type: .f32, isNormalised: false, recordCount: count)
        let folder = world.folder(name)
        let writer = try VectorsWriter(folder, description)
        var part = try writer.part(0, 0..<count)
        for ordinal in 0..<count {
            let vector: [Float] = odd.contains(ordinal) ? [0, 3] : [2, 0]
            try Array("x\(ordinal)".utf8).withUnsafeBytes { id in
                try vector.withUnsafeBufferPointer { try part.append(id: id, vector: $0) }
            }
        }
        try writer.accept(part.commit(truncatedCount: 0))
        _ = try writer.finish(partIndices: [0])
        return folder
    }

    static func overrides(_ queries: FilePath, _ documents: FilePath) -> [String] {
        [
            "loss={recipe: gist, false_negatives: {margin: -0.5}, "
                + "guide: {queries: [\(queries)], documents: [\(documents)]}}"
        ]
    }

    @Test("what the guide finds near masks; a guide that finds all near leaves nothing but the positive")
    func masks() throws {
        let world = try TinyWorld()
        let queries = try Self.encode(world, .queries, "q", count: 40)
        let documents = try Self.encode(world, .corpus, "d", count: 120)
        let plan = try world.plan(Self.overrides(queries, documents))
        let batch = try plan.batches(step: 0)[0]
        #expect(batch.facts.guide?.queries.count == 16 && batch.facts.guide?.passages.count == 64)
        #expect(plan.lock.value["guide_vectors"]?.array?.count == 2)
        let report = try TrainingRunTests.train(world, Self.overrides(queries, documents), to: world.folder("run"))
        #expect(report.metrics.allSatisfy { abs($0.loss) < 1e-6 })
        // Documents at a right angle to all queries are negatives, positives among them score 0 and mask the others.
        let odd = try Self.encode(world, .corpus, "odd", count: 120, odd: Set(0..<60))
        let some = try TrainingRunTests.train(world, Self.overrides(queries, odd), to: world.folder("some"))
        #expect(some.metrics.contains { $0.loss > 1e-3 })
        #expect(
            try world.plan(Self.overrides(queries, odd)).lock.differences(from: plan.lock).contains("guide_vectors"))
    }

    @Test("vectors of another side, of another dataset or of a part are refused with their key")
    func refused() throws {
        let world = try TinyWorld()
        let queries = try Self.encode(world, .queries, "q", count: 40)
        let documents = try Self.encode(world, .corpus, "d", count: 120)
        let some = try Self.encode(world, .corpus, "some", count: 100)
        for (overrides, message) in [
            (Self.overrides(documents, queries), "\"loss.guide.queries\" names"),
            (Self.overrides(queries, some), "which has 100 vectors of the dataset's 120"),
        ] {
            let error = try #require(throws: Failure.self) { try world.plan(overrides) }
            #expect(error.exitStatus == .badConfiguration && error.description.contains(message), "\(error)")
        }
        var quirks = TinyWorld.Quirks()
        quirks.documentCount = 60
        let other = try TinyWorld(quirks)
        let error = try #require(throws: Failure.self) { try other.plan(Self.overrides(queries, documents)) }
        #expect(error.description.contains("not those of tiny"), "\(error)")
    }
}
