internal import Base
internal import Store

/// What becomes of the documents, or the queries, of several datasets in one. Memory: 4 bytes a record.
struct MergedIDs {
    enum Kind: String { case documents, queries }

    let kind: Kind
    private let datasets: [Dataset]
    /// By dataset: the record's ordinal in the merged version.
    private var ordinals: [[UInt32]] = []
    /// By dataset: records that stand in the merged version by themselves, in their order.
    private var isOwn: [[Bool]] = []
    /// By dataset: records that get another id.
    private var renamed: [[Int: [UInt8]]] = []
    private(set) var equalCount = 0
    private(set) var conflictCount = 0
    /// The first conflicts, for people.
    private(set) var examples: [String] = []

    init(_ datasets: [Dataset], _ kind: Kind, _ conflicts: Merge.Conflicts) throws {
        self.kind = kind
        self.datasets = datasets
        var next: UInt32 = 0
        for (number, dataset) in datasets.enumerated() {
            var own: [UInt32] = []
            var isNew: [Bool] = []
            var names: [Int: [UInt8]] = [:]
            try Self.forEachID(of: dataset, kind) { ordinal, id in
                try Interruption.check()
                if let (earlier, there) = try Self.find(id, in: datasets[..<number], kind) {
                    let before = ordinals[earlier][there]
                    if try Self.hash(of: ordinal, in: dataset, kind)
                        == Self.hash(of: there, in: datasets[earlier], kind)
                    {
                        equalCount += 1
                        own.append(before)
                        isNew.append(false)
                        return
                    }
                    conflictCount += 1
                    if examples.count < 10 {
                        examples.append(
                            "\(kind) \(escaped(id)) of \(datasets[earlier].reference) and \(dataset.reference)")
                    }
                    if conflicts == .first {
                        own.append(before)
                        isNew.append(false)
                        return
                    }
                    if conflicts == .prefix {
                        names[ordinal] = try Self.prefixed(id, of: dataset, among: datasets, kind)
                    }
                }
                own.append(next)
                isNew.append(true)
                next += 1
            }
            ordinals.append(own)
            isOwn.append(isNew)
            renamed.append(names)
        }
    }

    func isNew(_ ordinal: Int, in dataset: Int) -> Bool { isOwn[dataset][ordinal] }
    func newID(of ordinal: Int, in dataset: Int) -> [UInt8]? { renamed[dataset][ordinal] }
    func mergedOrdinal(of ordinal: UInt32, in dataset: Int) -> UInt32 { ordinals[dataset][Int(ordinal)] }

    /// The datasets and ordinals under which a record stands that is new in a dataset: there, and in later ones.
    func occurrences(of ordinal: Int, in dataset: Int) throws -> [(dataset: Int, ordinal: Int)] {
        var found = [(dataset: dataset, ordinal: ordinal)]
        guard renamed[dataset][ordinal] == nil else { return found }
        let id = try Self.id(of: ordinal, in: datasets[dataset], kind)
        for later in datasets.indices.dropFirst(dataset + 1) {
            guard let there = try Self.ordinal(of: id, in: datasets[later], kind),
                ordinals[later][there] == ordinals[dataset][ordinal]
            else { continue }
            found.append((later, there))
        }
        return found
    }

    static func check(_ all: [MergedIDs]) throws {
        let count = all.reduce(0) { $0 + $1.conflictCount }
        guard count > 0 else { return }
        throw Failure(
            .badData,
            "\(count) ids name different contents:\n  "
                + all.flatMap(\.examples).prefix(10).joined(separator: "\n  ") + (count > 10 ? "\n  …" : ""),
            advice: "--conflicts prefix gives the later ones the id NAME/id; --conflicts first keeps the earlier ones.")
    }

    // MARK: One of both kinds

    private static func find(_ id: [UInt8], in datasets: ArraySlice<Dataset>, _ kind: Kind) throws -> (Int, Int)? {
        for number in datasets.indices {
            if let found = try ordinal(of: id, in: datasets[number], kind) { return (number, found) }
        }
        return nil
    }

    private static func prefixed(
        _ id: [UInt8], of dataset: Dataset, among datasets: [Dataset], _ kind: Kind
    ) throws -> [UInt8] {
        let new = Array("\(dataset.reference)/".utf8) + id
        guard try find(new, in: datasets[...], kind) == nil else {
            throw Failure(
                .badData, "\(kind) \(escaped(id)) of \(dataset.reference) cannot be renamed: \(escaped(new)) is taken")
        }
        return new
    }

    private static func forEachID(of dataset: Dataset, _ kind: Kind, _ body: (Int, [UInt8]) throws -> Void) throws {
        switch kind {
        case .documents: try dataset.forEachDocumentID(in: 0..<dataset.documentCount) { try body($0, Array($1)) }
        case .queries: try dataset.forEachQueryID(in: 0..<dataset.queryCount) { try body($0, Array($1)) }
        }
    }

    private static func ordinal(of id: [UInt8], in dataset: Dataset, _ kind: Kind) throws -> Int? {
        kind == .documents ? try dataset.documentOrdinal(id: id) : try dataset.queryOrdinal(id: id)
    }

    private static func id(of ordinal: Int, in dataset: Dataset, _ kind: Kind) throws -> [UInt8] {
        kind == .documents ? try dataset.documentID(ordinal) : try dataset.queryID(ordinal)
    }

    private static func hash(of ordinal: Int, in dataset: Dataset, _ kind: Kind) throws -> ContentHash {
        kind == .documents ? try dataset.documentContentHash(ordinal) : try dataset.queryContentHash(ordinal)
    }
}
