internal import Tensors

// Shape letters: B queries, P passages, D dimensions.

extension ContrastiveLoss {
    /// What is no candidate in each block, and whose negatives count more: the same at every width.
    struct Masks {
        /// For each query the row of its positive, int64.
        let positives_B: Tensor
        /// Bool, of a block's shape; nothing for a block without masked candidates.
        private(set) var byBlock: [Block: Tensor] = [:]
        /// 1 where hardness weighs a candidate; nil where it weighs none.
        private(set) var weighted_BP: Tensor?

        init(
            _ loss: ContrastiveLoss, _ queries_BD: Tensor, _ passages_PD: Tensor, _ facts: BatchFacts
        ) throws {
            let device = queries_BD.device
            let (queryCount, passageCount) = (queries_BD.size(0), passages_PD.size(0))
            positives_B = try Tensor(facts.positives.map(Int64.init)).to(device)
            let terms = loss.terms
            let judge = try Judge(terms.falseNegatives, queries_BD, passages_PD, facts, positives_B)
            for block in Block.allCases where terms.blocks.contains(block) {
                let width = block == .queryToPassage || block == .passageToPassage ? passageCount : queryCount
                let fixed = Flags(queryCount, width).filled(block, terms, facts)
                var mask = try fixed.isEmpty ? nil : fixed.tensor().to(device)
                if let judge {
                    var excess = try judge.excess(block)
                    // A positive is never masked, not even where it exceeds itself by a margin below 0.
                    let kept = Flags(queryCount, width).keepingPositives(block, facts)
                    if !kept.isEmpty { excess = try excess.maskedFill(kept.tensor().to(device), -1) }
                    let probable = try excess.greater(0)
                    mask = try mask?.logicalOr(probable) ?? probable
                }
                if let mask { byBlock[block] = mask }
            }
            if terms.hardness.strength > 0 {
                let flags = Flags(queryCount, passageCount).weighted(by: terms.hardness.scope, facts)
                if !flags.isEmpty {
                    weighted_BP = try Tensor(flags.bits.map { Float($0) }, shape: [queryCount, passageCount]).to(
                        queries_BD.elementType, device)
                }
            }
        }
    }

    /// Vectors that probable false negatives are found by.
    private struct Judge {
        let queries_BD: Tensor
        let passages_PD: Tensor
        let positives_B: Tensor
        /// What candidates of each query must not exceed.
        let limits_B1: Tensor

        /// Nil where nothing is judged by vectors.
        init?(
            _ options: FalseNegatives, _ queries_BD: Tensor, _ passages_PD: Tensor, _ facts: BatchFacts,
            _ positives_B: Tensor
        ) throws {
            switch options.judge {
            case .none, .teacher: return nil
            case .model:
                self.queries_BD = try queries_BD.detached()
                self.passages_PD = try passages_PD.detached()
            case .guide:
                guard let guide = facts.guide else { return nil }
                func vectors(_ values: [Float]) throws -> Tensor {
                    try Tensor(values, shape: [values.count / guide.width, guide.width]).normalized().to(
                        queries_BD.device)
                }
                self.queries_BD = try vectors(guide.queries)
                self.passages_PD = try vectors(guide.passages)
            }
            self.positives_B = positives_B
            // Of the same matrix that candidates are compared in, so that a copy of the positive scores as it does.
            let similarity_BP = try self.queries_BD.matmul(self.passages_PD.transpose(0, 1))
            let places = facts.positives.enumerated().map { Int64($0 * similarity_BP.size(1) + $1) }
            let scores_B1 = try similarity_BP.reshape([-1]).indexSelect(0, Tensor(places).to(positives_B.device))
                .unsqueeze(1)
            limits_B1 =
                switch options.kind {
                case .absolute: try scores_B1.adding(options.margin)
                case .relative: try scores_B1.adding(scores_B1.magnitude().multiplied(by: options.margin))
                }
        }

        /// By how much candidates of a block exceed what they may.
        func excess(_ block: Block) throws -> Tensor {
            try ContrastiveLoss.similarity(block, queries_BD, passages_PD, positives_B: positives_B)
                .subtracting(limits_B1)
        }
    }
}

/// A matrix of yes and no, a row for each query.
private struct Flags {
    let rowCount: Int
    let width: Int
    /// None before the first is set.
    private(set) var bits: [UInt8] = []

    init(_ rowCount: Int, _ width: Int) { (self.rowCount, self.width) = (rowCount, width) }

    var isEmpty: Bool { bits.isEmpty }

    func tensor() throws -> Tensor { try Tensor(bits, shape: [rowCount, width]).notEqual(0) }

    private mutating func set(_ row: Int, _ column: Int) {
        if bits.isEmpty { bits = Array(repeating: 0, count: rowCount * width) }
        bits[row * width + column] = 1
    }

    /// What the facts say is no candidate.
    func filled(_ block: ContrastiveLoss.Block, _ terms: ContrastiveLoss.Terms, _ facts: BatchFacts) -> Flags {
        var flags = self
        switch block {
        case .queryToPassage:
            for (query, rows) in facts.excluded.enumerated() { for row in rows { flags.set(query, row) } }
            if terms.hardNegatives == .own { flags.setOthersHardNegatives(terms, facts) }
            if terms.falseNegatives.judge == .teacher { flags.setTeachersPositives(terms.falseNegatives, facts) }
        case .passageToPassage:
            for (query, group) in facts.groups.enumerated() { for row in group { flags.set(query, row) } }
            for (query, rows) in facts.excluded.enumerated() { for row in rows { flags.set(query, row) } }
            if terms.hardNegatives == .own { flags.setOthersHardNegatives(terms, facts) }
        case .passageToQuery:
            // The pair itself is there already in a joint sum, and the target in one of its own.
            if terms.partition == .joint { flags.setDiagonal() }
            flags.setAnswered(facts)
        case .queryToQuery:
            flags.setDiagonal()
            flags.setAnswered(facts)
            var mirrored = flags
            for query in 0..<rowCount {
                for other in 0..<rowCount where flags.bits[query * width + other] == 1 { mirrored.set(other, query) }
            }
            flags = mirrored
        }
        return flags
    }

    private mutating func setDiagonal() { for query in 0..<rowCount { set(query, query) } }

    /// Queries that the positive of a row's query answers as well: those of which it is a known positive, and equal ones.
    private mutating func setAnswered(_ facts: BatchFacts) {
        guard !facts.excluded.isEmpty else { return }
        var queriesByPositive: [Int: [Int]] = [:]
        for (query, row) in facts.positives.enumerated() { queriesByPositive[row, default: []].append(query) }
        for (other, rows) in facts.excluded.enumerated() {
            for row in rows + [facts.positives[other]] {
                for query in queriesByPositive[row] ?? [] where query != other { set(query, other) }
            }
        }
        for members in Dictionary(grouping: facts.queryInputs.indices, by: { facts.queryInputs[$0] }).values {
            for query in members { for other in members where other != query { set(query, other) } }
        }
    }

    private mutating func setOthersHardNegatives(_ terms: ContrastiveLoss.Terms, _ facts: BatchFacts) {
        var positives = Set(facts.positives)
        // Of a query's own passages, further positives are none that were mined for it.
        if terms.positives == .all {
            for (group, rows) in zip(facts.groups, facts.excluded) { positives.formUnion(rows.filter(group.contains)) }
        }
        let hard = facts.groups.joined().filter { !positives.contains($0) }
        for query in 0..<rowCount {
            for row in hard where !facts.groups[query].contains(row) { set(query, row) }
        }
    }

    private mutating func setTeachersPositives(_ options: ContrastiveLoss.FalseNegatives, _ facts: BatchFacts) {
        for (query, scores) in facts.teacherScores.enumerated() {
            guard let scores else { continue }
            let (group, positive) = (facts.groups[query], facts.positives[query])
            let limit = options.limit(ofPositive: Double(scores[positive - group.lowerBound]))
            for row in group where row != positive && Double(scores[row - group.lowerBound]) > limit {
                set(query, row)
            }
        }
    }

    /// Where a block has the positives.
    func keepingPositives(_ block: ContrastiveLoss.Block, _ facts: BatchFacts) -> Flags {
        var flags = self
        switch block {
        case .queryToPassage: for (query, row) in facts.positives.enumerated() { flags.set(query, row) }
        case .passageToQuery: flags.setDiagonal()
        case .queryToQuery, .passageToPassage: break
        }
        return flags
    }

    /// The candidates among passages that hardness weighs.
    func weighted(by scope: ContrastiveLoss.Hardness.Scope, _ facts: BatchFacts) -> Flags {
        var flags = self
        for (query, positive) in facts.positives.enumerated() {
            let group = facts.groups[query]
            for row in 0..<width where row != positive && (scope == .all || group.contains(row) == (scope == .hard)) {
                flags.set(query, row)
            }
        }
        return flags
    }
}
