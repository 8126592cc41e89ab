internal import Glibc
internal import Tensors

// Shape letters: B queries, P passages, S queries with teacher's scores, G passages of the largest group of one.

extension ContrastiveLoss {
    /// The distillation term; see ``Distillation``.
    func distilled(_ similarity_BP: Tensor, _ facts: BatchFacts, _ scale: Scale) throws -> Tensor {
        // Known positives are no hard negatives that margins are learnt of.
        let leavesOut = terms.distillation.kind == .marginMSE && terms.positives == .all
        let groups = TeacherGroups(
            facts, passageCount: similarity_BP.size(1), leavingOut: leavesOut ? facts.excluded : [])
        guard !groups.members.isEmpty else { return try similarity_BP.sum().multiplied(by: 0) }
        let student_SG = try similarity_BP.reshape([-1]).indexSelect(
            0, Tensor(groups.places_SG).to(similarity_BP.device)
        ).reshape(groups.shape)
        let sums_S =
            try terms.distillation.kind == .kl ? kl(student_SG, groups, scale) : marginErrors(student_SG, groups)
        let weighted_S: Tensor
        if terms.datasetWeights.isEmpty {
            weighted_S = sums_S
        } else {
            let weights = groups.members.map { terms.datasetWeights[facts.datasets.isEmpty ? 0 : facts.datasets[$0]] }
            weighted_S = try sums_S.multiplied(by: constant(weights, [weights.count], like: sums_S))
        }
        return try weighted_S.sum().multiplied(by: 1 / Double(facts.positives.count))
    }

    /// `Σ_j T_ij (log T_ij − log S_ij)` of each query.
    private func kl(_ student_SG: Tensor, _ groups: TeacherGroups, _ scale: Scale) throws -> Tensor {
        let teacher = groups.probabilities(temperature: terms.distillation.temperature)
        let entropies = teacher.map { row in row.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) } }
        let absent_SG = try Tensor(groups.absent_SG, shape: groups.shape).notEqual(0).to(student_SG.device)
        let logits_SG = try scale(student_SG).maskedFill(absent_SG, -.infinity)
        let logProbabilities_SG = try logits_SG.subtracting(logits_SG.logSumExp(1, keep: true)).maskedFill(absent_SG, 0)
        let teacher_SG = try constant(teacher.flatMap(\.self), groups.shape, like: student_SG)
        let crossed_S = try logProbabilities_SG.multiplied(by: teacher_SG).sum(1)
        return try constant(entropies, [entropies.count], like: student_SG).subtracting(crossed_S)
    }

    /// `mean_j ((s⁺ − s_j) − (t⁺ − t_j) / temperature)²` of each query.
    private func marginErrors(_ student_SG: Tensor, _ groups: TeacherGroups) throws -> Tensor {
        let margins = groups.margins(temperature: terms.distillation.temperature)
        let positive_S1 = try student_SG.narrow(1, start: 0, length: 1)
        let errors_SG = try positive_S1.subtracting(student_SG).subtracting(
            constant(margins.flatMap(\.self), groups.shape, like: student_SG))
        let shares_SG = try constant(groups.negativeShares_SG, groups.shape, like: student_SG)
        return try errors_SG.multiplied(by: errors_SG).multiplied(by: shares_SG).sum(1)
    }

    private func constant(_ values: [Double], _ shape: [Int], like vectors: Tensor) throws -> Tensor {
        try Tensor(values, shape: shape).to(vectors.elementType, vectors.device)
    }
}

/// The passages of queries that a teacher has scored, as a rectangle: the positive in its first column, and in the last
/// ones nothing for queries that have fewer than others.
private struct TeacherGroups {
    /// Numbers of the queries.
    var members: [Int] = []
    /// The positive's first.
    private var scores: [[Double]] = []
    private var width = 0
    /// Where each lies in a matrix of queries × passages.
    private(set) var places_SG: [Int64] = []
    /// 1 where there is no passage.
    private(set) var absent_SG: [UInt8] = []

    var shape: [Int] { [members.count, width] }

    /// - Parameter leavingOut: for each query rows that are none of its passages here.
    init(_ facts: BatchFacts, passageCount: Int, leavingOut: [[Int]]) {
        var rows: [[Int]] = []
        for (query, teacher) in facts.teacherScores.enumerated() {
            guard let teacher else { continue }
            let (group, positive) = (facts.groups[query], facts.positives[query])
            let absent = Set(leavingOut.isEmpty ? [] : leavingOut[query])
            let order = [positive] + group.filter { $0 != positive && !absent.contains($0) }
            guard order.count > 1 else { continue }
            members.append(query)
            rows.append(order)
            scores.append(order.map { Double(teacher[$0 - group.lowerBound]) })
        }
        width = rows.map(\.count).max() ?? 0
        for (query, row) in zip(members, rows) {
            let missing = width - row.count
            places_SG += (row + Array(repeating: row[0], count: missing)).map { Int64(query * passageCount + $0) }
            absent_SG += Array(repeating: 0, count: row.count) + Array(repeating: 1, count: missing)
        }
    }

    private func filled(_ row: [Double]) -> [Double] { row + Array(repeating: 0, count: width - row.count) }

    /// Softmax of each query's scores; 0 where there is no passage.
    func probabilities(temperature: Double) -> [[Double]] {
        scores.map { row in
            let highest = row.max()!
            let powers = row.map { exp(($0 - highest) / temperature) }
            let sum = powers.reduce(0, +)
            return filled(powers.map { $0 / sum })
        }
    }

    /// By how much the positive's score is above each.
    func margins(temperature: Double) -> [[Double]] {
        scores.map { row in filled(row.map { (row[0] - $0) / temperature }) }
    }

    /// One part for each hard negative of a query; 0 for the positive, and where there is no passage.
    var negativeShares_SG: [Double] {
        scores.flatMap { row in
            filled([0] + Array(repeating: 1 / Double(row.count - 1), count: row.count - 1))
        }
    }
}
