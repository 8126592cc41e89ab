internal import Base
internal import Store

extension Deduplication {
    /// - Throws: `InputError` for an image that the dataset does not hold, where those are not skipped.
    func append(_ image: DocumentImage, to images: inout ImageDuplicates?) throws {
        report.images?.documentCount += 1
        guard let item = image.item else {
            guard options.nearImages?.skipsBroken ?? false else {
                throw InputError(
                    "its image is not in the dataset, which only names it",
                    at: Place(
                        path: "\(dataset.reference), document \(escaped(try dataset.documentID(image.document)))",
                        field: "document_image"),
                    advice:
                        "tvt-convert --assets takes images in; --broken-images skip leaves such documents out of the "
                        + "comparison, and counts them.")
            }
            report.images?.absentCount += 1
            return
        }
        try images?.append(
            document: image.document, item: item, textKey: image.textKey, keys: image.bandKeys[...])
    }

    /// Looks at all images; documents that are near are in one cluster after it.
    func uniteNearImages(_ images: inout ImageDuplicates, _ progress: Progress?) throws {
        let hashes = try images.unite(progress: progress)
        report.nearImageCount = images.unitedCount
        report.images?.count = hashes.count
        report.images?.flatCount = hashes.flatCount
        report.images?.brokenCount = hashes.brokenCount
        report.images?.broken = hashes.broken
        report.images?.comparedPairCount = images.pairCount
        report.images?.similarPairCount = images.similarPairCount
    }
}
