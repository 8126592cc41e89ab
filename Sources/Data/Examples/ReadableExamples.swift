internal import Base
internal import Records
internal import Store
internal import StoreFormat

/// Which linked queries of a dataset make an example, once blank texts are dealt with.
///
/// Where nothing is left out, an example's number is its linked query's number, and nothing is held. Otherwise 8 bytes
/// for each linked query that is left out, and 4 for each blank document.
struct ReadableExamples: Sendable {
    let linked: LinkedQueries
    /// Numbers of the linked queries that are left out, ascending.
    private var leftOut: [Int] = []
    /// Documents that are never taken.
    private(set) var leftOutDocuments = BlankRecords()

    var count: Int { linked.count - leftOut.count }

    /// All of them.
    init(_ linked: LinkedQueries) { self.linked = linked }

    /// The ordinal of the query of an example.
    func query(_ example: Int) throws -> Int {
        // Of the left-out numbers, `leftOut[i] - i` have as many examples before them.
        var low = 0
        var high = leftOut.count
        while low < high {
            let middle = (low + high) / 2
            if leftOut[middle] - middle <= example { low = middle + 1 } else { high = middle }
        }
        return try linked.query(example + low)
    }

    /// Reads the texts of a dataset, as far as the policy asks for it, and leaves out or refuses.
    ///
    /// Where blank texts are encoded, records are looked at only in a dataset that has media: a record without any text
    /// is nothing that a text model can be trained on.
    ///
    /// - Throws: `Failure` (65) where the policy is `error`, or training would meet a record without a text.
    init(
        _ linked: LinkedQueries, of dataset: Dataset, _ positives: Links, _ options: ExampleOptions,
        counts: inout ExampleSource.Counts
    ) throws {
        self.init(linked)
        let mayLackTexts = dataset.manifest.media.map { $0.itemCount + $0.externalCount > 0 } ?? false
        guard options.blankTexts != .encode || mayLackTexts && !options.readsMedia else { return }
        var documents = try BlankRecords(.documents, of: dataset, readsMedia: options.readsMedia)
        var queries = try BlankRecords(.queries, of: dataset, readsMedia: options.readsMedia)
        if options.blankTexts == .encode {
            (documents, queries) = (documents.onlyWithoutText(), queries.onlyWithoutText())
        } else {
            (counts.blankDocuments, counts.blankQueries) = (documents.ordinals.count, queries.ordinals.count)
        }
        guard !documents.isEmpty || !queries.isEmpty else { return }
        switch options.blankTexts {
        case .skip: try leaveOut(documents, queries, positives)
        case .encode, .error:
            try refuse(documents, queries, positives, dataset, options)
        }
    }

    /// Leaves queries out by their ids.
    ///
    /// - Returns: their ordinals, ascending.
    /// - Complexity: one pass over the ids of the queries.
    mutating func holdOut(
        _ heldOut: ExampleOptions.HeldOut, of dataset: Dataset, _ positives: Links
    ) throws -> [UInt32] {
        var before = leftOut[...]
        var numbers: [Int] = []
        var queries: [UInt32] = []
        var number = -1
        try dataset.forEachQueryID(in: 0..<dataset.queryCount) { query, id in
            if query % 65_536 == 0 { try Interruption.check() }
            guard try !positives.range(of: query).isEmpty else { return }
            number += 1
            if before.first == number {
                before = before.dropFirst()
                numbers.append(number)
            } else if heldOut.takes(id) {
                numbers.append(number)
                queries.append(UInt32(query))
            }
        }
        leftOut = numbers
        return queries
    }

    private mutating func leaveOut(_ documents: BlankRecords, _ queries: BlankRecords, _ positives: Links) throws {
        leftOutDocuments = documents
        for number in 0..<linked.count {
            if number % 65_536 == 0 { try Interruption.check() }
            let query = try linked.query(number)
            if try queries.contains(query) || positives.targets(of: query).allSatisfy({ documents.contains(Int($0)) }) {
                leftOut.append(number)
            }
        }
    }

    private func refuse(
        _ documents: BlankRecords, _ queries: BlankRecords, _ positives: Links, _ dataset: Dataset,
        _ options: ExampleOptions
    ) throws {
        // Any document of the corpus may be drawn.
        let fills = options.shortage == .fill
        var met: (documents: Set<UInt32>, queries: Int) = (fills ? Set(documents.ordinals) : [], 0)
        var firstQuery: Int?
        for number in 0..<linked.count {
            if number % 65_536 == 0 { try Interruption.check() }
            let query = try linked.query(number)
            if queries.contains(query) {
                met.queries += 1
                firstQuery = firstQuery ?? query
            }
            for links in [positives, dataset.negatives].compactMap({ $0 }) {
                for document in try links.targets(of: query) where documents.contains(Int(document)) {
                    met.documents.insert(document)
                }
            }
        }
        guard met.queries + met.documents.count > 0 else { return }
        let first =
            try met.documents.min().map { "document \(escaped(try dataset.documentID(Int($0))))" }
            ?? "query \(escaped(try dataset.queryID(firstQuery!)))"
        let withoutText = met.documents.count { documents.isWithoutText($0) } + queries.withoutText.count
        throw Failure(
            .badData,
            "dataset \(dataset.reference): \(met.documents.count) documents and \(met.queries) queries that training "
                + "reads \(withoutText > 0 ? "have no text, or a blank one" : "are blank"); the first is \(first)",
            advice: Self.advice(isWithoutText: withoutText > 0, options))
    }

    private static func advice(isWithoutText: Bool, _ options: ExampleOptions) -> String {
        let skipping = "Say blank_texts: skip in the config to leave them out"
        guard isWithoutText else { return skipping + ", or encode to train on them as they are." }
        return options.ignoresMedia
            ? "Without ignore_media: true the model is given their media. \(skipping)."
            : options.readsMedia ? skipping + "." : "The model reads texts alone. \(skipping)."
    }
}
