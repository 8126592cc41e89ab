import Tensors
import Testing
import Training

@Suite("Contrastive loss")
struct ContrastiveLossTests {
    /// The formula, one term at a time, in double precision.
    static func reference(
        _ queries: [[Double]], _ passages: [[Double]], positives: [Int], excluded: [[Int]], temperature: Double
    ) -> Double {
        var total = 0.0
        for (i, query) in queries.enumerated() {
            let scores = passages.map { zip(query, $0).reduce(0) { $0 + $1.0 * $1.1 } / temperature }
            let kept = scores.indices.filter { excluded.isEmpty || !excluded[i].contains($0) }
            let sum = kept.reduce(0) { $0 + exponential(scores[$1] - scores[positives[i]]) }
            total += logarithm(sum)
        }
        return total / Double(queries.count)
    }

    static func vectors(_ count: Int, seed: UInt64) throws -> Tensor {
        try Tensor.normal([count, 16], seed: seed).normalized()
    }

    static func rows(_ tensor: Tensor) throws -> [[Double]] {
        let values = try tensor.floats().map(Double.init)
        let width = tensor.size(1)
        return (0..<tensor.size(0)).map { Array(values[($0 * width)..<(($0 + 1) * width)]) }
    }

    static let cases: [([Int], [[Int]], Double)] = [
        ([0, 3, 6], [], 0.05),
        ([0, 3, 6], [[3, 8], [], [0]], 0.05),
        ([2, 2, 8], [[0, 1, 3, 4, 5, 6, 7, 8], [], []], 1),
        ([8, 0, 4], [[], [8], [1, 2]], 0.01),
    ]

    @Test("equals the formula", arguments: cases)
    func value(positives: [Int], excluded: [[Int]], temperature: Double) throws {
        let queries = try Self.vectors(3, seed: 1)
        let passages = try Self.vectors(9, seed: 2)
        let loss = try ContrastiveLoss(temperature: temperature)(
            queries_BD: queries, passages_PD: passages, positives: positives, excluded: excluded)
        let expected = try Self.reference(
            Self.rows(queries), Self.rows(passages), positives: positives, excluded: excluded, temperature: temperature)
        #expect(abs(try loss.item() - expected) <= 1e-5 * max(1, expected))
    }

    @Test("gradients equal finite differences; an excluded passage's is zero", arguments: cases)
    func gradients(positives: [Int], excluded: [[Int]], temperature: Double) throws {
        let queries = try Self.vectors(3, seed: 3).detached().requireGradient()
        let passages = try Self.vectors(9, seed: 4).detached().requireGradient()
        let loss = ContrastiveLoss(temperature: temperature)
        let value = try loss(queries_BD: queries, passages_PD: passages, positives: positives, excluded: excluded)
        let gradients = try Tensor.gradients(of: [value], withRespectTo: [queries, passages])
        let ofQueries = try Self.rows(#require(gradients[0]))
        let ofPassages = try Self.rows(#require(gradients[1]))
        let q = try Self.rows(queries)
        let p = try Self.rows(passages)
        func at(_ q: [[Double]], _ p: [[Double]]) -> Double {
            Self.reference(q, p, positives: positives, excluded: excluded, temperature: temperature)
        }
        let step = 1e-5
        let scale = 1 / temperature
        for (row, column) in [(0, 0), (1, 7), (2, 15)] {
            var (up, down) = (q, q)
            up[row][column] += step
            down[row][column] -= step
            #expect(abs((at(up, p) - at(down, p)) / (2 * step) - ofQueries[row][column]) < 2e-4 * scale)
        }
        for (row, column) in [(0, 1), (3, 3), (8, 9), (5, 0)] {
            var (up, down) = (p, p)
            up[row][column] += step
            down[row][column] -= step
            #expect(abs((at(q, up) - at(q, down)) / (2 * step) - ofPassages[row][column]) < 2e-4 * scale)
        }
    }

    @Test("a passage that nobody counts has no gradient")
    func excludedGradient() throws {
        let queries = try Self.vectors(2, seed: 5)
        let passages = try Self.vectors(4, seed: 6).detached().requireGradient()
        let loss = try ContrastiveLoss(temperature: 0.05)(
            queries_BD: queries, passages_PD: passages, positives: [0, 2], excluded: [[3], [3]])
        let gradient = try #require(try Tensor.gradients(of: [loss], withRespectTo: [passages])[0])
        #expect(try Self.rows(gradient)[3].allSatisfy { $0 == 0 })
        #expect(try Self.rows(gradient)[1].contains { $0 != 0 })
    }

    @Test("shapes that do not fit are errors")
    func shapes() throws {
        let vectors = try Self.vectors(3, seed: 1)
        let loss = ContrastiveLoss(temperature: 1)
        #expect(throws: TensorError.self) { try loss(queries_BD: vectors, passages_PD: vectors, positives: [0, 1]) }
        #expect(throws: TensorError.self) { try loss(queries_BD: vectors, passages_PD: vectors, positives: [0, 1, 3]) }
        #expect(throws: TensorError.self) {
            try loss(queries_BD: vectors, passages_PD: vectors, positives: [0, 1, 2], excluded: [[1]])
        }
    }
}
