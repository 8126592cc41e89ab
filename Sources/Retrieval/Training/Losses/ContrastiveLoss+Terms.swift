internal import Tensors

// Shape letters: B queries, P passages, C candidates of a query, D dimensions.

extension ContrastiveLoss {
    /// What similarities are multiplied by: 1 / τ.
    enum Scale {
        case fixed(Double)
        /// A scalar that gradients are asked for.
        case recorded(Tensor)

        func callAsFunction(_ similarity: Tensor) throws -> Tensor {
            switch self {
            case .fixed(let number): try similarity.multiplied(by: number)
            case .recorded(let scalar): try similarity.multiplied(by: scalar)
            }
        }
    }

    /// All terms at the width that the vectors have.
    func atOneWidth(
        _ queries_BD: Tensor, _ passages_PD: Tensor, _ facts: BatchFacts, _ masks: Masks, _ scale: Scale
    ) throws -> Tensor {
        let similarity_BP = try queries_BD.matmul(passages_PD.transpose(0, 1))
        var total: Tensor?
        func add(_ term: Tensor, weight: Double) throws {
            let term = weight == 1 ? term : try term.multiplied(by: weight)
            total = try total?.adding(term) ?? term
        }
        if terms.contrastiveWeight > 0 {
            let term = try contrastive(queries_BD, passages_PD, similarity_BP, facts, masks, scale)
            try add(term, weight: terms.contrastiveWeight)
        }
        if terms.distillation.kind != .none {
            try add(distilled(similarity_BP, facts, scale), weight: terms.distillation.weight)
        }
        if terms.spread > 0 {
            let positives_BD = try passages_PD.indexSelect(0, masks.positives_B)
            try add(spread(queries_BD).adding(spread(positives_BD)), weight: terms.spread)
        }
        // A loss without terms has no gradient, and is 0 all the same.
        return try total ?? similarity_BP.sum().multiplied(by: 0)
    }

    private func contrastive(
        _ queries_BD: Tensor, _ passages_PD: Tensor, _ similarity_BP: Tensor, _ facts: BatchFacts, _ masks: Masks,
        _ scale: Scale
    ) throws -> Tensor {
        var logits: [Tensor] = []
        for block in Block.allCases where terms.blocks.contains(block) {
            let similarity =
                block == .queryToPassage
                ? similarity_BP
                : try Self.similarity(block, queries_BD, passages_PD, positives_B: masks.positives_B)
            var scores = try scale(similarity)
            if block == .queryToPassage, let weighted_BP = masks.weighted_BP {
                let weights = try similarity.detached().multiplied(by: weighted_BP)
                scores = try scores.adding(weights.multiplied(by: terms.hardness.strength))
            }
            if let mask = masks.byBlock[block] { scores = try scores.maskedFill(mask, -.infinity) }
            logits.append(scores)
        }
        let weights_B = try queryWeights(facts, like: similarity_BP)
        func ofQueries(_ logits: [Tensor]) throws -> Tensor {
            let all_BC = logits.count == 1 ? logits[0] : try Tensor.cat(logits, 1)
            return switch terms.positives {
            case .one: try Self.crossEntropy(all_BC, facts.positives, weights_B)
            case .all: try Self.crossEntropy(all_BC, positives: scale(similarity_BP), facts, weights_B)
            }
        }
        guard terms.partition == .separate, logits.count > 1 else { return try ofQueries(logits) }
        let fromQueries = try ofQueries([logits[0]])
        let fromPassages = try Self.crossEntropy(logits[1], Array(facts.positives.indices), weights_B)
        return try fromQueries.adding(fromPassages).multiplied(by: 0.5)
    }

    /// Dot products of a block, `[B, …]`: a row belongs to a query.
    static func similarity(
        _ block: Block, _ queries_BD: Tensor, _ passages_PD: Tensor, positives_B: Tensor
    ) throws -> Tensor {
        func positives_BD() throws -> Tensor { try passages_PD.indexSelect(0, positives_B) }
        return switch block {
        case .queryToPassage: try queries_BD.matmul(passages_PD.transpose(0, 1))
        case .passageToQuery: try positives_BD().matmul(queries_BD.transpose(0, 1))
        case .queryToQuery: try queries_BD.matmul(queries_BD.transpose(0, 1))
        case .passageToPassage: try positives_BD().matmul(passages_PD.transpose(0, 1))
        }
    }

    /// Mean over queries of −log softmax(logits)[target], each times its weight.
    private static func crossEntropy(_ logits_BC: Tensor, _ targets: [Int], _ weights_B: Tensor?) throws -> Tensor {
        guard let weights_B else {
            return try logits_BC.crossEntropy(Tensor(targets.map(Int64.init)).to(logits_BC.device))
        }
        let places = targets.enumerated().map { Int64($0 * logits_BC.size(1) + $1) }
        let chosen_B = try logits_BC.reshape([-1]).indexSelect(0, Tensor(places).to(logits_BC.device))
        return try logits_BC.logSumExp(1).subtracting(chosen_B).multiplied(by: weights_B).mean()
    }

    /// Mean over queries, each times its weight, of the mean over a query's positives of
    /// `−log(exp(s⁺) / (exp(s⁺) + Σ exp(negatives)))`.
    ///
    /// - Parameters:
    ///   - logits_BC: of candidates, among them each query's first positive; further positives are masked.
    ///   - positives: scores that have those of positives.
    /// - Complexity: beyond the logits, memory for a few numbers of each pair of a query and a positive of it.
    private static func crossEntropy(
        _ logits_BC: Tensor, positives scores_BP: Tensor, _ facts: BatchFacts, _ weights_B: Tensor?
    ) throws -> Tensor {
        let (queryCount, width) = (scores_BP.size(0), scores_BP.size(1))
        let device = scores_BP.device
        // Pairs of a query and a positive.
        var (queries, places, shares): ([Int64], [Int64], [Float]) = ([], [], [])
        var first = [UInt8](repeating: 0, count: queryCount * logits_BC.size(1))
        for (query, row) in facts.positives.enumerated() {
            first[query * logits_BC.size(1) + row] = 1
            let rows = facts.positiveRows(of: query)
            for row in rows {
                queries.append(Int64(query))
                places.append(Int64(query * width + row))
                shares.append(1 / Float(rows.count * queryCount))
            }
        }
        let mask_BC = try Tensor(first, shape: logits_BC.shape).notEqual(0).to(device)
        // A query without negatives has a sum all the same, of something that is next to nothing.
        let floor_B1 = try Tensor.full([queryCount, 1], -1e30, type: logits_BC.elementType).to(device)
        let negatives_B = try Tensor.cat([logits_BC.maskedFill(mask_BC, -.infinity), floor_B1], 1).logSumExp(1)
        let queries_K = try Tensor(queries).to(device)
        let positives_K = try scores_BP.reshape([-1]).indexSelect(0, Tensor(places).to(device))
        let both_K2 = try Tensor.cat(
            [positives_K.unsqueeze(1), negatives_B.indexSelect(0, queries_K).unsqueeze(1)], 1)
        var shares_K = try Tensor(shares).to(logits_BC.elementType, device)
        if let weights_B { shares_K = try shares_K.multiplied(by: weights_B.indexSelect(0, queries_K)) }
        return try both_K2.logSumExp(1).subtracting(positives_K).multiplied(by: shares_K).sum()
    }

    /// The weight of each query's dataset; nil where all weigh 1.
    func queryWeights(_ facts: BatchFacts, like vectors: Tensor) throws -> Tensor? {
        guard terms.datasetWeights.contains(where: { $0 != 1 }) else { return nil }
        let datasets = facts.datasets.isEmpty ? facts.positives.map { _ in 0 } : facts.datasets
        return try Tensor(datasets.map { terms.datasetWeights[$0] }).to(vectors.elementType, vectors.device)
    }

    /// `mean_{i≠j} (x_i · x_j)²`; 0 for one vector alone.
    private func spread(_ vectors_BD: Tensor) throws -> Tensor {
        let count = vectors_BD.size(0)
        let products_BB = try vectors_BD.matmul(vectors_BD.transpose(0, 1))
        var own = [UInt8](repeating: 0, count: count * count)
        for index in 0..<count { own[index * count + index] = 1 }
        let mask_BB = try Tensor(own, shape: [count, count]).notEqual(0).to(vectors_BD.device)
        let squares_BB = try products_BB.multiplied(by: products_BB).maskedFill(mask_BB, 0)
        return try squares_BB.sum().multiplied(by: 1 / Double(max(1, count * (count - 1))))
    }
}
