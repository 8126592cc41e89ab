internal import Base
internal import Examples
internal import Inputs
public import Models

/// A micro-batch as the model sees it: every different input once, and who is whose.
public struct TrainingBatch: Sendable {
    /// The different inputs; equal ones are encoded once.
    public private(set) var inputs: [ModelInput] = []
    /// For each input what has to be decoded for it; nil where nothing has.
    private(set) var jobs: [InputLoader.Job?] = []
    /// The inputs with their media, once they are decoded; nil for one that another process decodes.
    private(set) var decoded: [LoadedInput?]?
    /// For each query its row in ``inputs``.
    public private(set) var queryRows: [Int] = []
    /// For each passage its row in ``inputs``; passages are grouped by query, the positive first.
    public private(set) var passageRows: [Int] = []
    /// For each query the number of its positive among the passages.
    public private(set) var positives: [Int] = []
    /// For each query the passages that its denominator leaves out; empty lists where nothing is masked.
    public private(set) var excluded: [[Int]] = []
    /// For each query what the teacher thinks of its passages; nil for one without scores, empty without a teacher.
    public private(set) var teacherScores: [[Float]?] = []
    /// Vectors of another model; nil where none is asked.
    private(set) var guide: BatchFacts.Guide?
    /// For each query where it is from; empty for a batch of token ids.
    public private(set) var origins: [Origin] = []

    /// A query of a dataset of the config.
    public struct Origin: Sendable, Equatable {
        /// Number of the dataset in the config.
        public let part: Int
        /// The query's ordinal in it.
        public let query: Int
    }

    /// For each query the number of its part of the config; empty for a batch of token ids.
    public var datasets: [Int] { origins.map(\.part) }
    /// Queries and passages that lost tokens to the maximal length.
    public private(set) var truncatedCount = 0
    /// Queries and passages with nothing to read in them: see `BlankTexts`.
    public private(set) var blankCount = 0
    /// Queries and passages whose media the model does not see.
    public private(set) var ignoredMediaCount = 0
    /// Sounds that are longer than what the model hears.
    public private(set) var cutSoundCount = 0

    /// Examples that stand for others; see ``TrainingConfig/isUniqueInBatch``.
    public private(set) var replacedCount = 0
    /// Queries that go without a teacher's scores.
    public var unscoredCount: Int { teacherScores.count { $0 == nil } }
    /// What the loss is told besides the vectors.
    public var facts: BatchFacts {
        let ends = positives.dropFirst() + [passageRows.count]
        return BatchFacts(
            positives: positives, groups: zip(positives, ends).map { $0..<$1 }, excluded: excluded,
            queryInputs: queryRows, passageInputs: passageRows, datasets: datasets, teacherScores: teacherScores,
            guide: guide)
    }

    /// Queries and passages, equal ones counted each time.
    public var sequenceCount: Int { queryRows.count + passageRows.count }
    public var tokenCount: Int { inputs.reduce(0) { $0 + $1.tokens.count } }
    /// What the model is given, in this process.
    ///
    /// - Precondition: media are decoded.
    public var loaded: [LoadedInput] { members.map { decoded?[$0] ?? LoadedInput(inputs[$0]) } }
    /// The inputs that this process computes.
    var ownInputs: [ModelInput] { members.map { inputs[$0] } }
    /// Who computes what; nil where one process computes all.
    private(set) var division: WorkDivision?
    private var rank = 0
    private var members: [Int] { division?.members[rank] ?? Array(inputs.indices) }

    /// Divides the inputs among processes; media are decoded by whoever computes with them.
    ///
    /// - Throws: `Failure` where there are fewer inputs than processes.
    package mutating func divide(among processCount: Int, rank: Int) throws {
        guard inputs.count >= processCount else {
            throw Failure(
                .badConfiguration, "\(processCount) processes share a micro-batch of \(inputs.count) different texts",
                advice: "Use fewer processes, or a larger queries_per_step / accumulation.")
        }
        let division = WorkDivision(costs: inputs.map(\.cost), processCount: processCount)
        (self.division, self.rank) = (division, rank)
        let own = Set(division.members[rank])
        for input in jobs.indices where !own.contains(input) { jobs[input] = nil }
    }

    private var rows: [ModelInput: Int] = [:]

    /// A batch of token ids, as tests and other programs have them.
    ///
    /// - Parameter passages: for each query, the positive first.
    public init(
        queries: [[Int32]], passages: [[[Int32]]], excluded: [[Int]] = [], teacherScores: [[Float]?] = []
    ) {
        precondition(queries.count == passages.count, "as many groups of passages as queries")
        for (query, group) in zip(queries, passages) {
            add(
                query: Planned(input: ModelInput(tokens: query)),
                passages: group.map { Planned(input: ModelInput(tokens: $0)) })
        }
        self.excluded = excluded
        self.teacherScores = teacherScores
    }

    /// The batch of some examples.
    ///
    /// - Parameters:
    ///   - planners: of queries and documents for each part of the config.
    ///   - references: of the parts' datasets, for messages.
    ///   - masksKnownPositives: see ``TrainingConfig/masksKnownPositives``.
    ///   - teacher: what scores passages; nil for a loss without one; so for `guide`.
    /// - Throws: `InputError` for a record that the model cannot be given, or that the teacher has not scored; `Failure` with status 130 after an
    ///   interruption.
    init(
        _ examples: [Example], planners: [TrainingConfig.Sides<InputPlanner>], references: [String],
        _ reader: RecordContentReader, masksKnownPositives: Bool, teacher: TeacherScores? = nil,
        guide: GuideVectors? = nil
    ) throws {
        for example in examples {
            try Interruption.check()
            if example.isReplacement { replacedCount += 1 }
            let (planner, reference) = (planners[example.entry.part], references[example.entry.part])
            func input(_ record: [UInt8], _ planner: InputPlanner, _ ordinal: Int) throws -> Planned {
                let place = Place(path: "\(reference), \(planner.role.rawValue) \(ordinal)")
                let plan = try record.withUnsafeBytes {
                    try planner.plan(reader.content(of: $0, planner.role, at: place), at: place)
                }
                if plan.wasTruncated { truncatedCount += 1 }
                if plan.isBlank { blankCount += 1 }
                if plan.ignoresMedia { ignoredMediaCount += 1 }
                cutSoundCount += plan.cutSoundCount
                return Planned(
                    input: plan.input, job: plan.media.isEmpty ? nil : InputLoader.Job(plan, planner, at: place))
            }
            origins.append(Origin(part: example.entry.part, query: example.query))
            add(
                query: try input(example.queryRecord, planner.query, example.query),
                passages: try example.passages.map { try input($0.record, planner.document, $0.document) })
            if let teacher { teacherScores.append(try teacher.scores(of: example)) }
        }
        self.guide = guide?.vectors(of: examples)
        if masksKnownPositives { excluded = try knownPositives(examples) }
    }

    /// An input, and what has to be decoded for it.
    private struct Planned {
        let input: ModelInput
        var job: InputLoader.Job?
    }

    private mutating func add(query: Planned, passages: [Planned]) {
        queryRows.append(row(of: query))
        positives.append(passageRows.count)
        for passage in passages { passageRows.append(row(of: passage)) }
    }

    private mutating func row(of planned: Planned) -> Int {
        if let row = rows[planned.input] { return row }
        rows[planned.input] = inputs.count
        inputs.append(planned.input)
        jobs.append(planned.job)
        return inputs.count - 1
    }

    /// Takes in what was decoded for the inputs that have media, in their order; they may turn out to have other sizes than
    /// was planned.
    mutating func take(_ outputs: [LoadedInput]) {
        var next = outputs.makeIterator()
        let loaded = zip(inputs, jobs).map { input, job in
            job != nil ? next.next()! : input.media.isEmpty ? LoadedInput(input) : nil
        }
        decoded = loaded
        inputs = zip(inputs, loaded).map { $1?.input ?? $0 }
    }

    /// Passages of the batch that are known to answer a query, other than the one it is trained on: those with the
    /// content of one of its known positives, and those that the model cannot tell from its positive.
    ///
    /// - Complexity: linear in the passages and what is known of them, not in queries × passages.
    private func knownPositives(_ examples: [Example]) throws -> [[Int]] {
        var passagesByContent: [ContentHash: [Int]] = [:]
        for (passage, content) in examples.lazy.flatMap({ $0.passages.map(\.content) }).enumerated() {
            passagesByContent[content, default: []].append(passage)
        }
        var passagesByRow = [[Int]](repeating: [], count: inputs.count)
        for (passage, row) in passageRows.enumerated() { passagesByRow[row].append(passage) }
        return try examples.enumerated().map { number, example in
            try Interruption.check()
            let own = positives[number]
            var known = Set(passagesByRow[passageRows[own]])
            for content in example.knownPositives { known.formUnion(passagesByContent[content] ?? []) }
            known.remove(own)
            return known.sorted()
        }
    }
}
