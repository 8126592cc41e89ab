public import Tensors

// Shape letters: B queries of a micro-batch, P passages, D dimensions of a vector.

/// What training makes small: a number, as a function of the vectors of a micro-batch and of who is whose in it.
///
/// Whoever wants another loss than ``ContrastiveLoss`` writes a type of this protocol and gives it to ``TrainingStep``.
/// The function sees all vectors of a micro-batch at once, however they were computed: in chunks, with blocks run again
/// in backward, or on several processes. Only its gradient with respect to the vectors goes back into the model, so it
/// neither knows nor changes how much memory a step takes, beyond its own matrices.
///
/// What it must hold:
/// - It is pure: equal vectors and facts give equal values. No state, no clock, no random numbers.
/// - It is recorded: the result is made of `queries_BD` and `passages_PD` by operations of `Tensor`. What is computed of
///   `detached()` vectors counts as constant.
/// - It is a mean over queries and not a sum: micro-batches of a step are averaged, and a learning rate then means the
///   same for batches of all sizes.
public protocol Loss: Sendable {
    /// The loss of a micro-batch.
    ///
    /// - Parameters:
    ///   - queries_BD: a float type, `[B, D]`; of unit length where the model's card says so.
    ///   - passages_PD: of the same type, `[P, D]`, all passages of all queries.
    ///   - facts: who is whose: `facts.positives[b]` is the row in `passages_PD` of the positive of query `b`.
    /// - Returns: a scalar on the vectors' device.
    /// - Throws: `TensorError` where shapes and facts do not fit. A result that is not finite is no error here: the step
    ///   stops before a weight changes.
    func callAsFunction(queries_BD: Tensor, passages_PD: Tensor, _ facts: BatchFacts) throws -> Tensor
}

/// A loss whose temperature can be trained with the model: see ``LearnedTemperature``.
public protocol TemperedLoss: Loss {
    /// τ > 0, dimensionless; where it is learned, what it is at first.
    var temperature: Double { get }
    var learnsTemperature: Bool { get }

    /// The loss at another temperature.
    ///
    /// - Parameter scale: 1 / τ, a scalar on the vectors' device, of their type or of float32, that the result records.
    func callAsFunction(
        queries_BD: Tensor, passages_PD: Tensor, _ facts: BatchFacts, scale: Tensor
    ) throws -> Tensor
}

/// Who is whose in a micro-batch, and what is known of its queries and passages besides their vectors.
///
/// Passages are numbered by their rows, `0..<P`.
public struct BatchFacts: Sendable, Equatable {
    /// For each query the row of its positive.
    public var positives: [Int]
    /// For each query the rows of its own passages: the positive, and its hard negatives.
    public var groups: [Range<Int>]
    /// For each query the rows that are known to answer it, other than its positive: they are no negatives of it. Empty
    /// where that is not to be looked at.
    public var excluded: [[Int]]
    /// For each query a number that equal queries share; empty where none are equal.
    public var queryInputs: [Int]
    /// Likewise for each passage.
    public var passageInputs: [Int]
    /// For each query the number of its dataset in the config; empty where there is one.
    public var datasets: [Int]
    /// For each query what a teacher thinks of its own passages, in the order of its group; nil for a query that has no
    /// scores, and empty where there is no teacher.
    public var teacherScores: [[Float]?]
    /// What another model makes of the batch; nil where none is asked.
    public var guide: Guide?

    /// Vectors of another model, row by row, of any length but 0.
    public struct Guide: Sendable, Equatable {
        public let width: Int
        /// `[B, width]`
        public var queries: [Float] = []
        /// `[P, width]`
        public var passages: [Float] = []

        public init(width: Int) { self.width = width }
    }

    /// - Parameter groups: nil: no query has hard negatives of its own.
    public init(
        positives: [Int], groups: [Range<Int>]? = nil, excluded: [[Int]] = [], queryInputs: [Int] = [],
        passageInputs: [Int] = [], datasets: [Int] = [], teacherScores: [[Float]?] = [], guide: Guide? = nil
    ) {
        self.positives = positives
        self.groups = groups ?? positives.map { $0..<($0 + 1) }
        self.excluded = excluded
        self.queryInputs = queryInputs
        self.passageInputs = passageInputs
        self.datasets = datasets
        self.teacherScores = teacherScores
        self.guide = guide
    }

    /// The rows of the different passages that are known to answer a query, its positive's first: of equal ones the first.
    func positiveRows(of query: Int) -> [Int] {
        let rows = [positives[query]] + (excluded.isEmpty ? [] : excluded[query])
        guard rows.count > 1, !passageInputs.isEmpty else { return rows }
        var known: Set<Int> = []
        return rows.filter { known.insert(passageInputs[$0]).inserted }
    }

    /// - Throws: `TensorError` where the facts are not those of so many queries and passages.
    func check(queryCount: Int, passageCount: Int) throws {
        func refuse(_ reason: String) -> TensorError { TensorError("loss", reason) }
        let rows = 0..<passageCount
        guard positives.count == queryCount, positives.allSatisfy(rows.contains) else {
            throw refuse("\(queryCount) queries need as many positives below \(passageCount)")
        }
        guard groups.count == queryCount,
            zip(groups, positives).allSatisfy({ $0.contains($1) && $0.lowerBound >= 0 && $0.upperBound <= passageCount }
            )
        else { throw refuse("each of \(queryCount) queries needs a group of passages that its positive is in") }
        for (name, count) in [
            ("lists of exclusions", excluded.count), ("numbers of queries", queryInputs.count),
            ("datasets", datasets.count), ("lists of teacher scores", teacherScores.count),
        ] where count != 0 && count != queryCount {
            throw refuse("\(queryCount) queries but \(count) \(name)")
        }
        guard passageInputs.isEmpty || passageInputs.count == passageCount else {
            throw refuse("\(passageCount) passages but \(passageInputs.count) numbers of passages")
        }
        if let guide {
            guard guide.queries.count == queryCount * guide.width, guide.passages.count == passageCount * guide.width
            else {
                throw refuse("the guide's vectors are not those of \(queryCount) queries and \(passageCount) passages")
            }
        }
        for (query, excluded) in excluded.enumerated() {
            guard excluded.allSatisfy({ rows.contains($0) && $0 != positives[query] }) else {
                throw refuse("query \(query) excludes its own positive, or a passage that there is not")
            }
        }
        for (query, scores) in teacherScores.enumerated() {
            guard scores?.count ?? groups[query].count == groups[query].count else {
                throw refuse("query \(query) has \(groups[query].count) passages but \(scores!.count) teacher scores")
            }
        }
    }
}
