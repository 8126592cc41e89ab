public import Base

/// Two or more records of a dataset have the same id.
public struct DuplicateIDs: StatusError {
    public struct Offender: Sendable, Equatable {
        public let id: [UInt8]
        /// Ordinals of the first record with the id and of one that repeats it.
        public let first: Int
        public let second: Int

        package init(id: [UInt8], first: Int, second: Int) {
            self.id = id
            self.first = first
            self.second = second
        }
    }

    public let kind: RecordKind
    public let reference: String
    /// Records that repeat an earlier one's id.
    public private(set) var count = 0
    /// The repeats with the lowest ordinals, at most ten.
    public private(set) var offenders: [Offender] = []
    private static let offendersShown = 10

    package init(kind: RecordKind, reference: String) {
        self.kind = kind
        self.reference = reference
    }

    package mutating func add(id: [UInt8], first: Int, second: Int) {
        count += 1
        if offenders.count == Self.offendersShown, let last = offenders.last, last.second < second { return }
        let position = offenders.firstIndex { $0.second > second } ?? offenders.count
        offenders.insert(Offender(id: id, first: first, second: second), at: position)
        if offenders.count > Self.offendersShown { offenders.removeLast() }
    }

    public var exitStatus: ExitStatus { .badData }

    public var description: String {
        var text = "\(reference): \(count) \(kind == .documents ? "documents repeat" : "queries repeat") an earlier "
        text += kind.idField
        for offender in offenders {
            text += "\n  \(kind.idField) \(escaped(offender.id)): \(kind.singular) \(offender.first + 1)"
            text += " and again \(offender.second + 1)"
        }
        if count > offenders.count { text += "\n  and \(count - offenders.count) more" }
        return text + "\n  Nothing was committed. Make the ids unique, or drop the repeats."
    }
}
