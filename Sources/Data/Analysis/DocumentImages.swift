internal import Base
internal import JSON
internal import Store

/// A document with an image, and neither video nor sound.
struct DocumentImage: Sendable {
    var document: Int
    /// The number of the image among the dataset's items; nil where the dataset does not hold it.
    var item: Int?
    /// Of the normalised text.
    var textKey: UInt64
    /// Of the text's MinHash, one a band; empty without a token, or where texts must be equal.
    var bandKeys: [UInt64]
}

/// Finds the images of documents, record after record. Belongs to one thread.
struct DocumentImages {
    private let dataset: Dataset
    private let minHash: MinHash?
    private let reader: RecordText
    private var texts: TextFingerprints

    enum Finding {
        case nothing
        case image(DocumentImage)
        /// A video or a sound.
        case recording
    }

    /// - Parameter minHash: nil where texts must be equal.
    init(_ dataset: Dataset, _ compared: ComparedText, _ minHash: MinHash?) {
        self.dataset = dataset
        self.minHash = minHash
        reader = RecordText(dataset, .documents)
        texts = TextFingerprints(dataset, .documents, compared, includesMedia: true)
    }

    mutating func find(in line: UnsafeRawBufferPointer, ordinal: Int) throws -> Finding {
        let (modalities, digest) = try reader.withContents(of: line, ordinal: ordinal) { contents in
            (contents.modalities, contents.image.flatMap(Self.digest))
        }
        guard modalities.isDisjoint(with: [.video, .audio]) else { return .recording }
        guard modalities.contains(.image) else { return .nothing }
        var image = DocumentImage(
            document: ordinal, item: try digest.flatMap { try dataset.mediaNumber(of: $0) }, textKey: 0, bandKeys: [])
        guard let text = try texts.fingerprint(of: line, ordinal: ordinal, minHash: minHash, keys: &image.bandKeys)
        else { return .nothing }
        // A text without a token is compared as it is.
        image.textKey = (text.normalized ?? text.text).low
        return .image(image)
    }

    /// The digest that a field names its item by: in an object, or as the name `sha256:<hex>`.
    private static func digest(of node: JSONNode) -> SHA256Digest? {
        if let name = node.string {
            let name = String(decoding: name, as: UTF8.self)
            return name.hasPrefix("sha256:") ? SHA256Digest(hex: name) : nil
        }
        return node["digest"]?.string.flatMap { SHA256Digest(hex: String(decoding: $0, as: UTF8.self)) }
    }
}
