internal import Base
public import Records
internal import StoreFormat

/// An image, a video or a sound that a record names, or an item by itself.
public struct MediaEntry: Sendable {
    /// The record's field; nil for an item that was asked for by its digest.
    public let kind: MediaKind?
    public let reference: MediaReference
    /// By which ``Dataset/withMedia(_:_:)-(Int,_)`` reads it; nil for an item that is elsewhere.
    public let number: Int?
}

extension Dataset {
    /// What a document names.
    ///
    /// - Throws: `Failure` with status 66 where there is no such document.
    public func mediaEntries(ofDocument id: [UInt8]) throws -> [MediaEntry] {
        guard let ordinal = try documentOrdinal(id: id) else {
            throw Failure(.missingInput, "\(reference) has no docid \(escaped(id))")
        }
        let document = try document(ordinal)
        return try entries(image: document.image, video: document.video, audio: document.audio)
    }

    /// What a query names.
    ///
    /// - Throws: `Failure` with status 66 where there is no such query.
    public func mediaEntries(ofQuery id: [UInt8]) throws -> [MediaEntry] {
        guard let ordinal = try queryOrdinal(id: id) else {
            throw Failure(.missingInput, "\(reference) has no query_id \(escaped(id))")
        }
        let query = try query(ordinal)
        return try entries(image: query.image, video: query.video, audio: query.audio)
    }

    private func entries(
        image: MediaReference?, video: MediaReference?, audio: MediaReference?
    ) throws -> [MediaEntry] {
        try [(MediaKind.image, image), (.video, video), (.audio, audio)].compactMap { kind, reference in
            guard let reference else { return nil }
            let number = try reference.digest.flatMap { try mediaNumber(of: $0) }
            return MediaEntry(kind: kind, reference: reference, number: number)
        }
    }

    /// The item of a digest, described by its first bytes.
    ///
    /// - Parameter text: the digest, or at least 8 digits of it.
    /// - Throws: `Failure` with status 66 where the version does not hold it, with 64 where several items' digests begin
    ///   so, or where the text is no digest.
    public func mediaEntry(digest text: String) throws -> MediaEntry {
        let number = try mediaNumber(digest: text)
        var start: [UInt8] = []
        try forEachMediaPiece(of: number) {
            if start.count < MediaHeader.prefixBytes { start.append(contentsOf: $0) }
        }
        let header = start.withUnsafeBytes { MediaHeader($0) }
        let item = MediaReference.Item(
            digest: try mediaDigest(number), size: try mediaByteCount(number), format: header.format?.rawValue,
            width: header.width, height: header.height)
        return MediaEntry(kind: nil, reference: MediaReference(item), number: number)
    }

    private func mediaNumber(digest text: String) throws -> Int {
        if let digest = SHA256Digest(hex: text) {
            guard let number = try mediaNumber(of: digest) else {
                throw Failure(.missingInput, "\(reference) does not hold \(digest)")
            }
            return number
        }
        guard let prefix = DigestPrefix(text) else {
            throw Failure(
                .usage, "\(escaped(text.utf8)) is no digest",
                advice: "A digest is sha256: and 64 hexadecimal digits; the first 8 or more will do.")
        }
        let found = try (0..<mediaCount).filter { prefix.matches(try mediaDigest($0)) }
        guard let number = found.first else {
            throw Failure(.missingInput, "\(reference) does not hold an item whose digest begins with \(prefix)")
        }
        guard found.count == 1 else {
            let digests = try found.prefix(8).map { try mediaDigest($0).description }
            throw Failure(
                .usage, "\(found.count) items of \(reference) have digests that begin with \(prefix)",
                advice: "Give more digits: \(digests.joined(separator: ", ")).")
        }
        return number
    }
}
