public import Tensors

/// InfoNCE and what published recipes make of it: a sum of named terms.
///
/// At one width w of the vectors, with `s` the dot product of two vectors (each cut to w dimensions, and scaled to unit
/// length again where ``renormalizes``):
///
///     L_w = contrastiveWeight · L_contrastive + distillation.weight · L_distillation + spread · L_spread
///     L   = L_full + Σ_w matryoshka.weights_w · L_w
///
/// - `L_contrastive = mean_i −log( exp(s(q_i, p_i⁺) / τ) / Z_i )`, where `Z_i` sums over the positive and over the
///   candidates of all ``Terms/blocks``, less those that are masked: known positives (``BatchFacts/excluded``) and
///   probable ones (``Terms/falseNegatives``). ``Terms/hardness`` adds `α · sg(s)` to the exponents of negatives.
///   With ``Positives/all`` it is the mean over all known positives of the query, each in a `Z_i` of its own without the
///   others.
/// - `L_distillation`: see ``Distillation``; over a query's own passages.
/// - `L_spread = mean_{i≠j} s(q_i, q_j)² + mean_{i≠j} s(p_i⁺, p_j⁺)²`.
///
/// With dataset weights, the contrastive and the distillation term of a query are multiplied with the weight of its
/// dataset; the mean stays one over the number of queries.
///
/// - Complexity: O(B·P·D) time and a `[B, P]` matrix for each block and width.
///
/// Sources: Karpukhin et al. 2020, eq. 2 (query to passage); Li et al. 2023, arXiv 2308.03281 (blocks in one
/// denominator); Kusupati et al. 2022, eq. 1 (Matryoshka); Schechter Vera et al. 2025, arXiv 2509.20354 (hardness,
/// spread).
public struct ContrastiveLoss: TemperedLoss, Equatable {
    /// τ > 0, dimensionless.
    public var temperature: Double
    public var learnsTemperature = false
    /// Whether vectors that are cut are scaled to unit length again: where those of the full width have it.
    public var renormalizes = true
    public var terms: Terms

    public init(temperature: Double, terms: Terms = Terms(), renormalizes: Bool = true) {
        precondition(temperature > 0, "temperature must be positive")
        self.temperature = temperature
        self.terms = terms
        self.renormalizes = renormalizes
    }

    /// What the loss is made of. The default is InfoNCE of each query against every passage of the batch.
    public struct Terms: Sendable, Equatable {
        public var contrastiveWeight = 1.0
        /// Always with ``Block/queryToPassage``, which holds the positive.
        public var blocks: Set<Block> = [.queryToPassage]
        public var positives = Positives.one
        public var partition = Partition.joint
        public var hardNegatives = HardNegatives.shared
        public var falseNegatives = FalseNegatives()
        public var hardness = Hardness()
        public var matryoshka = Matryoshka()
        /// Of the term that spreads vectors out; 0 for none.
        public var spread = 0.0
        public var distillation = Distillation()
        /// One for each dataset of the config; empty where all weigh 1.
        public var datasetWeights: [Double] = []

        public init() {}
    }

    /// A matrix of scores, whose rows belong to queries: candidates beside the positive.
    public enum Block: String, Sendable, CaseIterable {
        /// The query and every passage: the positive, hard negatives, passages of others.
        case queryToPassage = "query_to_passage"
        /// The query's positive and the other queries.
        case passageToQuery = "passage_to_query"
        /// The query and the other queries.
        case queryToQuery = "query_to_query"
        /// The query's positive and the passages of other queries.
        case passageToPassage = "passage_to_passage"
    }

    /// What a query's scores of passages are to rise for.
    public enum Positives: String, Sendable, CaseIterable {
        /// The first of the query's own passages.
        case one
        /// All different passages that are known to answer it: the first, and ``BatchFacts/excluded``. What is learnt of the
        /// query's scores is the mean of what `one` would learn from each, so that a step says as much of a query as several
        /// epochs of `one`. Other terms, and the limits of false negatives, go by the first.
        ///
        /// Source: Khosla et al. 2020, arXiv 2004.11362, eq. 2, less a positive's fellows in its denominator.
        case all
    }

    /// How blocks are summed up.
    public enum Partition: String, Sendable, CaseIterable {
        /// All of a query's candidates in one denominator.
        case joint
        /// A softmax for each block, and their mean; of blocks that have the positive, from the query's side and from
        /// the passage's.
        case separate
    }

    /// Whose negatives hard negatives are.
    public enum HardNegatives: String, Sendable, CaseIterable {
        /// Of every query of the batch.
        case shared
        /// Of the query that they were mined for; other queries see its positive only.
        case own
    }

    /// Candidates that are taken for unlabelled positives, and are no candidates then: those that score higher than the
    /// query's positive by more than a margin.
    public struct FalseNegatives: Sendable, Equatable {
        public enum Judge: String, Sendable, CaseIterable {
            /// Nothing is masked.
            case none
            /// The vectors that are trained, at full width; in every block.
            case model
            /// ``BatchFacts/teacherScores``; of a query's own hard negatives.
            case teacher
            /// The cosines of ``BatchFacts/guide``; in every block.
            case guide
        }

        public enum Kind: String, Sendable, CaseIterable {
            /// `s > s⁺ + margin`
            case absolute
            /// `s > s⁺ + margin · |s⁺|`
            case relative
        }

        public var judge = Judge.none
        public var kind = Kind.absolute
        /// Below 0, candidates are masked that come near the positive.
        public var margin = 0.0

        public init() {}

        /// What a score must not exceed.
        func limit(ofPositive score: Double) -> Double { score + (kind == .absolute ? margin : margin * abs(score)) }
    }

    /// Makes negatives count the more the more similar they are to the query, by `exp(strength · s)` in the denominator.
    /// The weight is no function that is differentiated.
    public struct Hardness: Sendable, Equatable {
        public enum Scope: String, Sendable, CaseIterable {
            /// A query's own hard negatives.
            case hard
            /// Passages of other queries.
            case inBatch = "in_batch"
            case all
        }

        /// α; 0 for none.
        public var strength = 0.0
        public var scope = Scope.hard

        public init() {}
    }

    /// Widths that vectors are to be of use at, besides the full one.
    public struct Matryoshka: Sendable, Equatable {
        /// Below the full width, each once; empty for none.
        public var widths: [Int] = []
        /// One for each width; empty where all weigh 1, as the full width does.
        public var weights: [Double] = []

        public init() {}

        func weight(_ index: Int) -> Double { weights.isEmpty ? 1 : weights[index] }
    }

    /// Learning from the scores `t` that a teacher gave a query's own passages.
    ///
    /// - ``Kind/kl``: `mean_i Σ_j T_ij (log T_ij − log S_ij)` with `T_i = softmax(t_i / temperature)` and `S_i =
    ///   softmax(s_i / τ)` over the query's passages. Source: Hinton et al. 2015; as FlagEmbedding's `kl_div`.
    /// - ``Kind/marginMSE``: `mean_i mean_j ((s_i⁺ − s_ij) − (t_i⁺ − t_ij) / temperature)²` over the query's hard
    ///   negatives, with ``Positives/all`` without its further positives; student's scores are not divided by τ.
    ///   Source: Hofstätter et al. 2020, arXiv 2010.02666.
    ///
    /// Queries without teacher's scores, or without hard negatives, add nothing.
    public struct Distillation: Sendable, Equatable {
        public enum Kind: String, Sendable, CaseIterable {
            case none, kl
            case marginMSE = "margin_mse"
        }

        public var kind = Kind.none
        public var weight = 1.0
        /// What teacher's scores are divided by.
        public var temperature = 1.0

        public init() {}
    }
}

extension ContrastiveLoss {
    public func callAsFunction(queries_BD: Tensor, passages_PD: Tensor, _ facts: BatchFacts) throws -> Tensor {
        try value(queries_BD, passages_PD, facts, .fixed(1 / temperature))
    }

    public func callAsFunction(
        queries_BD: Tensor, passages_PD: Tensor, _ facts: BatchFacts, scale: Tensor
    ) throws -> Tensor {
        try value(queries_BD, passages_PD, facts, .recorded(scale))
    }

    private func value(
        _ queries_BD: Tensor, _ passages_PD: Tensor, _ facts: BatchFacts, _ scale: Scale
    ) throws -> Tensor {
        try facts.check(queryCount: queries_BD.size(0), passageCount: passages_PD.size(0))
        try check(width: queries_BD.size(1), facts)
        let masks = try Masks(self, queries_BD, passages_PD, facts)
        var total = try atOneWidth(queries_BD, passages_PD, facts, masks, scale)
        for (index, width) in terms.matryoshka.widths.enumerated() {
            func cut(_ vectors: Tensor) throws -> Tensor {
                let prefix = try vectors.slice(1, 0..<width)
                return try renormalizes ? prefix.normalized() : prefix
            }
            let part = try atOneWidth(cut(queries_BD), cut(passages_PD), facts, masks, scale)
            total = try total.adding(part.multiplied(by: terms.matryoshka.weight(index)))
        }
        return total
    }

    /// The same for queries that have no hard negatives of their own.
    ///
    /// - Parameters:
    ///   - positives: for each query the row of its positive in `passages_PD`.
    ///   - excluded: rows that a query's denominator leaves out, `[B][…]`; never its own positive.
    public func callAsFunction(
        queries_BD: Tensor, passages_PD: Tensor, positives: [Int], excluded: [[Int]] = []
    ) throws -> Tensor {
        try self(
            queries_BD: queries_BD, passages_PD: passages_PD, BatchFacts(positives: positives, excluded: excluded))
    }

    private func check(width: Int, _ facts: BatchFacts) throws {
        func refuse(_ reason: String) -> TensorError { TensorError("contrastive loss", reason) }
        let matryoshka = terms.matryoshka
        guard matryoshka.widths.allSatisfy({ (1..<width).contains($0) }) else {
            throw refuse("widths \(matryoshka.widths) of vectors of \(width) dimensions")
        }
        guard matryoshka.weights.isEmpty || matryoshka.weights.count == matryoshka.widths.count else {
            throw refuse("\(matryoshka.widths.count) widths but \(matryoshka.weights.count) weights")
        }
        guard terms.blocks.contains(.queryToPassage) else {
            throw refuse("without query_to_passage there is no positive")
        }
        guard terms.partition == .joint || terms.blocks.isDisjoint(with: [.queryToQuery, .passageToPassage]) else {
            throw refuse("query_to_query and passage_to_passage have no positive of their own, and go into a joint sum")
        }
        guard terms.falseNegatives.judge != .guide || facts.guide != nil else {
            throw refuse("false negatives by a guide, and no guide's vectors")
        }
        guard terms.datasetWeights.isEmpty || facts.datasets.allSatisfy(terms.datasetWeights.indices.contains) else {
            throw refuse("a dataset without a weight")
        }
    }
}
