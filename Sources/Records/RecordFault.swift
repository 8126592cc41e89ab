public import Base

/// What is wrong with one record; the caller knows the place.
public struct RecordFault: Error, Sendable, Equatable {
    public enum Kind: Sendable {
        /// The record is none.
        case record
        /// Its id stands for another one already.
        case duplicate
        /// What it refers to is not there.
        case reference
        /// An image, a video or a sound is missing, or cannot be used.
        case media
    }

    public var kind: Kind
    public var reason: String
    /// As `positive_passages[3].docid`.
    public var field: String?
    public var advice: String?
    /// Offset from the start of the line.
    public var byteOffset: Int?

    public init(
        _ reason: String, field: String? = nil, advice: String? = nil, byteOffset: Int? = nil, kind: Kind = .record
    ) {
        self.kind = kind
        self.reason = reason
        self.field = field
        self.advice = advice
        self.byteOffset = byteOffset
    }

    /// The same fault, seen from the record around it.
    public func inside(_ field: String) -> RecordFault {
        var fault = self
        fault.field = self.field.map { "\(field).\($0)" } ?? field
        return fault
    }

    /// The fault as an error for people.
    ///
    /// - Parameters:
    ///   - place: where the line starts.
    ///   - line: the line itself, of which the error shows the bytes at fault.
    public func error(at place: Place, line: UnsafeRawBufferPointer) -> InputError {
        var place = place
        var offender: [UInt8]?
        if let byteOffset {
            place.byteOffset = place.byteOffset.map { $0 + byteOffset } ?? byteOffset
            if byteOffset < line.count { offender = Array(line[byteOffset..<min(line.count, byteOffset + 41)]) }
        }
        if let field { place.field = field }
        return InputError(reason, at: place, offender: offender, advice: advice)
    }
}
