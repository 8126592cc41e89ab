internal import Base
internal import SystemPackage

extension RunFormat {
    /// Decides by its lines what a run is.
    ///
    /// Six columns are TREC's. Three columns, separated by tabs, hold scores if one of them is no number that a rank may
    /// be; where all are whole numbers, ranks and scores look alike, and they order a ranking in opposite directions.
    ///
    /// - Parameters:
    ///   - scanner: before the first line of the first chunk.
    ///   - source: gave that chunk. Where it is a stream, the file is opened a second time if its first chunk does not
    ///     decide; stdin cannot be.
    /// - Throws: `InputError` that asks for the format, where whole numbers are all there is.
    static func detect(_ scanner: FieldScanner, of path: FilePath, source: LineSource) throws -> RunFormat {
        var probe = scanner
        guard probe.nextTabSeparated() == 3 else { return .trec }
        let first = probe
        probe.rewindLine()
        if hasScore(&probe) { return .tevatron }
        if source.byteCount == nil, path != "-" {
            let whole = try LineSource(path)
            var scanner = FieldScanner(path: whole.path)
            while let chunk = try whole.next() {
                scanner.feed(chunk)
                if hasScore(&scanner) { return .tevatron }
            }
        }
        throw InputError(
            "the third column may be a rank or a score: it holds whole numbers only", at: first.place(at: 2),
            offender: first.lineExcerpt,
            advice: "say which it is: --run-format marco (ranks) or --run-format tevatron (scores); tvt-mine calls it "
                + "--format")
    }

    /// Whether a line of the chunk has a third column that cannot be a rank. A line of other columns ends the search:
    /// it is an error whatever the format is.
    private static func hasScore(_ probe: inout FieldScanner) -> Bool {
        while let fields = probe.nextTabSeparated() {
            guard fields == 3, let number = DecimalScanner.double(probe.field(2)) else { return true }
            guard number >= 0, number < Double(largestRank), number == number.rounded() else { return true }
        }
        return false
    }

    /// Ranks below it are exact as float32 scores.
    static let largestRank = 1 << 24
}
