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
        /// What it refers to is, or may be, a record that was left out for a fault of its own.
        case consequence
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
    /// The item of media that is at fault; nil where it is the record itself.
    public var media: BrokenMedia?

    public init(
        _ reason: String, field: String? = nil, advice: String? = nil, byteOffset: Int? = nil, kind: Kind = .record,
        media: BrokenMedia? = nil
    ) {
        self.kind = media == nil ? kind : .media
        self.reason = reason
        self.field = field
        self.advice = advice
        self.byteOffset = byteOffset
        self.media = media
    }

    /// The fault of a record whose image, video or sound cannot be used.
    public init(_ broken: BrokenMedia.Reason, _ reason: String, advice: String? = nil) {
        self.init(reason, advice: advice, media: BrokenMedia(broken))
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
        // Which record it is, where no bytes of it are shown.
        if offender == nil, let id = media?.recordID { offender = id }
        return InputError(reason, at: place, offender: offender, advice: advice)
    }
}

/// An item of media that cannot be used, and the record that names it.
public struct BrokenMedia: Sendable, Equatable {
    /// The words under which broken items are counted.
    public enum Reason: String, Sendable, CaseIterable {
        /// There is no such file, or it cannot be read, or the name is no path in the folder.
        case missing
        /// The bytes are others than the record says.
        case changed
        /// Damaged or cut off, or no bytes at all.
        case badData = "bad data"
        /// Of no kind that is known.
        case unknownFormat = "unknown format"
        /// A format that does not fit the field, as a sound in the place of an image.
        case wrongKind = "wrong kind"
        /// Beyond the limits in pixels, pictures, seconds of sound or bytes.
        case tooLarge = "too large"
        /// Beyond the limit in time.
        case tooSlow = "too slow"
        /// All positives of a query are records that were left out for one of the other reasons.
        case lostPositives = "lost positives"
    }

    public var reason: Reason
    /// What the record calls the item.
    public var name: String?
    /// Of the bytes, where they could be read.
    public var digest: SHA256Digest?
    /// The record that is at fault, where it has an id of its own.
    public var recordID: [UInt8]?
    /// Whether it is a query; otherwise a document.
    public var isOfQuery = false

    public init(_ reason: Reason) { self.reason = reason }
}
