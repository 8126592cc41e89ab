import Base
import Engine
import Models
import Tensors
import TestKit
import Testing
import Training

// docs/losses.md quotes what stands between these two lines.
// <example>
/// Hinge: the positive is to score higher than the best of all other passages, by a margin.
///
/// `loss = mean_i max(0, margin − s(q_i, p_i⁺) + max_{j ∉ known(i)} s(q_i, p_j))`
struct HingeLoss: Loss {
    var margin = 0.2

    func callAsFunction(queries_BD: Tensor, passages_PD: Tensor, _ facts: BatchFacts) throws -> Tensor {
        let scores_BP = try queries_BD.matmul(passages_PD.transpose(0, 1))
        let width = passages_PD.size(0)
        // Neither the positive nor what is known to answer the query is a negative.
        var known = [UInt8](repeating: 0, count: facts.positives.count * width)
        for (query, positive) in facts.positives.enumerated() {
            for row in [positive] + (facts.excluded.isEmpty ? [] : facts.excluded[query]) {
                known[query * width + row] = 1
            }
        }
        let mask_BP = try Tensor(known, shape: scores_BP.shape).notEqual(0).to(scores_BP.device)
        let hardest_B = try scores_BP.maskedFill(mask_BP, -1e4).max(1)
        let places = facts.positives.enumerated().map { Int64($0 * width + $1) }
        let positive_B = try scores_BP.reshape([-1]).indexSelect(0, Tensor(places).to(scores_BP.device))
        return try hardest_B.subtracting(positive_B).adding(margin).relu().mean()
    }
}
// </example>

@Suite("A loss of one's own", .serialized)
struct OwnLossTests {
    @Test("equals its formula")
    func formula() throws {
        let queries = try Tensor.normal([3, 8], seed: 1).normalized()
        let passages = try Tensor.normal([6, 8], seed: 2).normalized()
        let facts = BatchFacts(positives: [0, 2, 4], groups: [0..<2, 2..<4, 4..<6], excluded: [[5], [], [1, 3]])
        let loss = HingeLoss()
        let value = try loss(queries_BD: queries, passages_PD: passages, facts).item()
        let scores = try ContrastiveLossTests.rows(queries.matmul(passages.transpose(0, 1)))
        var expected = 0.0
        for (query, positive) in facts.positives.enumerated() {
            let others = (0..<6).filter { $0 != positive && !facts.excluded[query].contains($0) }
            expected += max(0, loss.margin - scores[query][positive] + others.map { scores[query][$0] }.max()!) / 3
        }
        #expect(value > 0 && abs(value - expected) < 1e-6)
    }

    @Test("trains, through blocks that are run again and chunks")
    func training() throws {
        let reference = try ReferenceRun()
        func losses(_ plan: StepPlan, steps: Int) throws -> [Double] {
            let model = try reference.model()
            try model.text.trainAll()
            let step = try TrainingStep(
                encoder: reference.encoder(model), loss: HingeLoss(), options: reference.options("full"), stepCount: 50)
            plan.configure(step)
            return try reference.batches.prefix(steps).map { try step.take([$0]).loss }
        }
        let kept = try losses(.kept, steps: 50)
        #expect(try losses(.recomputed, steps: 10)[...] == kept.prefix(10))
        #expect(kept.suffix(10).reduce(0, +) < kept.prefix(10).reduce(0, +))
        for (a, b) in zip(kept, try losses(.chunked, steps: 5)) { #expect(abs(a - b) <= 1e-3 * max(a, 0.1)) }
    }

    @Test("docs/losses.md quotes it as it stands here")
    func quoted() throws {
        let source = try Files.readText(sourceRoot.appending("Tests/TrainingTests/OwnLossTests.swift"))
        let docs = try Files.readText(sourceRoot.appending("docs/losses.md"))
        let start = try #require(source.firstRange(of: "// <example>\n"))
        let end = try #require(source.firstRange(of: "// </example>"))
        #expect(docs.contains(source[start.upperBound..<end.lowerBound]))
    }
}
