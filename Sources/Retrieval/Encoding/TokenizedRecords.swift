internal import Base
internal import Inputs

/// Consecutive records as token ids.
struct TokenizedRecords: Sendable {
    var range: Range<Int>
    var ids = ByteColumn()
    /// All records' tokens, one after another.
    var tokens: [Int32] = []
    /// Where each record's tokens start, and where the last one's end.
    var starts: [Int] = [0]
    /// Records whose text was cut to the maximal length.
    var truncatedCount = 0
    /// Records whose text is blank; they are encoded as they are.
    var emptyCount = 0
    /// Records whose media the model did not see.
    var ignoredMediaCount = 0

    init(_ range: Range<Int>) { self.range = range }

    var count: Int { starts.count - 1 }

    func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }

    func sequence(_ index: Int) -> ArraySlice<Int32> { tokens[starts[index]..<starts[index + 1]] }

    mutating func append(_ plan: InputPlan, of id: [UInt8]) {
        ids.append(id)
        tokens.append(contentsOf: plan.input.tokens)
        starts.append(tokens.count)
        if plan.wasTruncated { truncatedCount += 1 }
        if plan.isBlank { emptyCount += 1 }
        if plan.ignoresMedia { ignoredMediaCount += 1 }
    }

    /// Adds the records that follow these.
    mutating func append(_ next: TokenizedRecords) {
        precondition(range.upperBound == next.range.lowerBound, "records are joined in order")
        range = range.lowerBound..<next.range.upperBound
        for index in 0..<next.count { next.ids.withBytes(at: index) { ids.append($0) } }
        let base = tokens.count
        tokens.append(contentsOf: next.tokens)
        for start in next.starts.dropFirst() { starts.append(base + start) }
        truncatedCount += next.truncatedCount
        emptyCount += next.emptyCount
        ignoredMediaCount += next.ignoredMediaCount
    }
}
