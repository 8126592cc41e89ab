internal import Base
internal import Inputs
internal import Models

/// Consecutive records as inputs of a model.
struct PlannedRecords: Sendable {
    var range: Range<Int>
    var ids = ByteColumn()
    /// All records' tokens, one after another.
    var tokens: [Int32] = []
    /// Where each record's tokens start, and where the last one's end.
    var starts: [Int] = [0]
    /// Plans of the records whose media are to be decoded, by their place.
    var plans: [Int: InputPlan] = [:]
    /// Of each record with such a plan: where it is, for messages.
    var places: [Int: Place] = [:]
    /// Records that cannot be encoded, by their place, and why.
    var faults: [Int: any Error] = [:]
    /// Records whose text was cut to the maximal length.
    var truncatedCount = 0
    /// Sounds that are longer than what the model hears.
    var cutSoundCount = 0
    /// Records whose text is blank; they are encoded as they are.
    var emptyCount = 0
    /// Records whose media the model did not see.
    var ignoredMediaCount = 0

    init(_ range: Range<Int>) { self.range = range }

    var count: Int { starts.count - 1 }

    func length(_ index: Int) -> Int { starts[index + 1] - starts[index] }

    /// About what a record costs to compute, in tokens.
    func cost(_ index: Int) -> Int { plans[index]?.input.cost ?? length(index) }

    func sequence(_ index: Int) -> ArraySlice<Int32> { tokens[starts[index]..<starts[index + 1]] }

    mutating func append(_ plan: InputPlan, of id: [UInt8], at place: @autoclosure () -> Place) {
        if !plan.media.isEmpty {
            plans[count] = plan
            places[count] = place()
        }
        ids.append(id)
        tokens.append(contentsOf: plan.input.tokens)
        starts.append(tokens.count)
        if plan.wasTruncated { truncatedCount += 1 }
        if plan.isBlank { emptyCount += 1 }
        if plan.ignoresMedia { ignoredMediaCount += 1 }
        cutSoundCount += plan.cutSoundCount
    }

    /// A record that cannot be encoded.
    mutating func append(_ fault: any Error, of id: [UInt8]) {
        faults[count] = fault
        ids.append(id)
        starts.append(tokens.count)
    }

    /// Adds the records that follow these.
    mutating func append(_ next: PlannedRecords) {
        precondition(range.upperBound == next.range.lowerBound, "records are joined in order")
        range = range.lowerBound..<next.range.upperBound
        let first = count
        for index in 0..<next.count { next.ids.withBytes(at: index) { ids.append($0) } }
        let base = tokens.count
        tokens.append(contentsOf: next.tokens)
        for start in next.starts.dropFirst() { starts.append(base + start) }
        for (index, plan) in next.plans { plans[first + index] = plan }
        for (index, place) in next.places { places[first + index] = place }
        for (index, fault) in next.faults { faults[first + index] = fault }
        truncatedCount += next.truncatedCount
        cutSoundCount += next.cutSoundCount
        emptyCount += next.emptyCount
        ignoredMediaCount += next.ignoredMediaCount
    }
}
