internal import Base

/// How much of a run may be unknown to what it is read for.
public struct UnknownTolerance: Sendable, Equatable {
    /// Skip results whose document is unknown (they keep their rank), instead of failing.
    public var ignoresDocuments: Bool
    /// The largest share of a run's queries, and of its results, that may be unknown. Unknown queries are held against a
    /// run only where it lacks wanted ones as well: one that has them all may have others besides.
    public var largestShare: Double

    public static let defaultShare = 0.5

    public init(ignoresDocuments: Bool = false, largestShare: Double = defaultShare) {
        self.ignoresDocuments = ignoresDocuments
        self.largestShare = largestShare
    }
}

/// Ids that a run names and that a dataset, or judgements, do not have.
public struct UnknownIDs: Sendable, Equatable {
    public private(set) var queryCount = 0
    /// Results of known queries whose document is unknown.
    public private(set) var documentCount = 0
    private var firstQueries: [[UInt8]] = []
    private var firstDocuments: [[UInt8]] = []
    /// Unknown ids that are known once they are unescaped.
    private var escapedCount = 0

    private static let shownCount = 5

    public init() {}

    /// - Parameters:
    ///   - file: the run that names the id.
    ///   - isKnown: whether another id is known, to find out whether this one is that, percent-escaped.
    public mutating func addQuery(_ id: [UInt8], of file: RunFile, isKnown: ([UInt8]) throws -> Bool) rethrows {
        queryCount += 1
        if try Self.isEscaped(id, file, isKnown) { escapedCount += 1 }
        if firstQueries.count < Self.shownCount { firstQueries.append(id) }
    }

    public mutating func addDocument(_ id: [UInt8], of file: RunFile, isKnown: ([UInt8]) throws -> Bool) rethrows {
        documentCount += 1
        if try Self.isEscaped(id, file, isKnown) { escapedCount += 1 }
        if firstDocuments.count < Self.shownCount { firstDocuments.append(id) }
    }

    private static func isEscaped(
        _ id: [UInt8], _ file: RunFile, _ isKnown: ([UInt8]) throws -> Bool
    ) rethrows -> Bool {
        guard !file.hasEscapedIDs, id.contains(IDEscaping.percent) else { return false }
        var original: [UInt8] = []
        guard id.withUnsafeBytes({ IDEscaping.unescape($0, into: &original) }) else { return false }
        return try isKnown(original)
    }

    /// Where a run stands against what it is read for.
    public struct Coverage: Sendable {
        /// Queries of the run that are known, and wanted queries that it lacks.
        public var knownQueryCount: Int
        public var missingQueryCount: Int
        /// Results whose documents were looked up.
        public var resultCount: Int

        public init(knownQueryCount: Int, missingQueryCount: Int, resultCount: Int) {
            self.knownQueryCount = knownQueryCount
            self.missingQueryCount = missingQueryCount
            self.resultCount = resultCount
        }
    }

    /// Logs what is unknown.
    ///
    /// - Parameters:
    ///   - path, source: names of the run, and of what does not know the ids.
    ///   - hint: why the queries may be unknown, if the caller knows.
    /// - Throws: `Failure` (65) where it is more than is tolerated.
    public func check(
        _ coverage: Coverage, against tolerance: UnknownTolerance, path: String, source: String, hint: String? = nil
    ) throws {
        let known =
            escapedCount > 0
            ? "\(escapedCount) of these ids \(escapedCount == 1 ? "is" : "are") known without %XX: give --escape-ids"
            : hint
        func log(_ text: String, isHarmless: Bool) {
            let text = text + "; left out" + (known.map { "\n  \($0)" } ?? "")
            if isHarmless { Base.log.notice("\(text)") } else { Base.log.warning("\(text)") }
        }
        func refuse(_ text: String) -> Failure {
            Failure(
                .badData, text,
                advice: known ?? "was the run made from another dataset? --max-unknown allows a larger share")
        }
        if queryCount > 0 {
            let total = queryCount + coverage.knownQueryCount
            let text =
                "\(path): \(queryCount) of \(total) queries \(queryCount == 1 ? "is" : "are") unknown to \(source): "
                + Self.list(firstQueries, of: queryCount)
            let isTooMuch = Double(queryCount) > tolerance.largestShare * Double(total)
            guard !isTooMuch || coverage.missingQueryCount == 0 else { throw refuse(text) }
            log(text, isHarmless: coverage.missingQueryCount == 0)
        }
        guard documentCount > 0 else { return }
        let text =
            "\(path): \(documentCount) of \(coverage.resultCount) results name documents that are unknown to \(source): "
            + Self.list(firstDocuments, of: documentCount)
        guard tolerance.ignoresDocuments else {
            throw Failure(
                .badData, text,
                advice: known ?? "search the corpus of this dataset, or pass --ignore-unknown to skip such results")
        }
        guard Double(documentCount) <= tolerance.largestShare * Double(coverage.resultCount) else { throw refuse(text) }
        log(text, isHarmless: false)
    }

    private static func list(_ ids: [[UInt8]], of count: Int) -> String {
        ids.map { escaped($0.prefix(80)) }.joined(separator: ", ") + (count > ids.count ? ", …" : "")
    }
}
