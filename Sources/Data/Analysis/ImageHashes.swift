internal import Base
internal import Media
internal import Store

/// The hashes of a dataset's images, each item looked at once, in the order in which they are stored.
///
/// Scratch space: 4 bytes an item of the dataset, 1,040 an image.
final class ImageHashes {
    private(set) var count = 0
    private(set) var flatCount = 0
    private(set) var broken: [DeduplicationReport.BrokenImage] = []
    private(set) var brokenCount = 0
    /// By item the number of its hash plus 1; 0 for an item without one.
    private let slots: OrdinalMap
    private let column: ScratchColumn<ImageHash>

    private static let batchCount = 16
    private static let shownBrokenCount = 10

    private enum Finding: Sendable {
        case hash(ImageHash)
        case broken(MediaError)
    }

    /// Memory: for each worker the item and its pixels.
    ///
    /// - Parameters:
    ///   - documents: by item, a document that shows it, plus 1; 0 for an item that is not wanted.
    ///   - skipsBroken: images that cannot be decoded are counted.
    /// - Throws: `InputError` for an image that cannot be decoded, where those are not skipped.
    init(
        of dataset: Dataset, showing documents: OrdinalMap, skipsBroken: Bool, workers: Int, progress: Progress?
    ) throws {
        slots = documents
        column = try ScratchColumn()
        var next = 0
        try orderedPipeline(
            workers: workers, window: 4 * max(1, workers),
            read: {
                try Interruption.check()
                var batch: [Int] = []
                while next < documents.count, batch.count < Self.batchCount {
                    if documents[next] != 0 { batch.append(next) }
                    next += 1
                }
                return batch.isEmpty ? nil : batch
            },
            transform: { batch in try batch.map { ($0, try Self.look(at: $0, in: dataset)) } },
            write: { batch in
                for (item, finding) in batch {
                    try accept(finding, of: item, in: dataset, skipsBroken: skipsBroken)
                }
                progress?.advance(by: batch.count)
            })
        try column.seal()
    }

    /// The number of an item's hash; nil where it is flat or broken.
    func slot(ofItem item: Int) -> Int? { slots[item] == 0 ? nil : Int(slots[item]) - 1 }

    subscript(slot: Int) -> ImageHash { column[slot] }

    private static func look(at item: Int, in dataset: Dataset) throws -> Finding {
        try dataset.withMedia(item) { bytes in
            do throws(MediaError) {
                return .hash(ImageHash(of: try Bitmap(decoding: bytes)))
            } catch {
                switch error.reason {
                // The machine is at fault.
                case .noMemory, .notLoaded: throw error
                default: return .broken(error)
                }
            }
        }
    }

    private func accept(_ finding: Finding, of item: Int, in dataset: Dataset, skipsBroken: Bool) throws {
        let document = Int(slots[item]) - 1
        slots[item] = 0
        switch finding {
        case .hash(let hash):
            count += 1
            guard !hash.isFlat else { return flatCount += 1 }
            try column.append(hash)
            slots[item] = UInt32(column.count)
        case .broken(let error):
            let id = try dataset.documentID(document)
            guard skipsBroken else {
                throw InputError(
                    "its image cannot be decoded: \(error)",
                    at: Place(path: "\(dataset.reference), document \(escaped(id))", field: "document_image"),
                    advice: "--broken-images skip leaves such images out of the comparison, and counts them.")
            }
            brokenCount += 1
            if broken.count < Self.shownBrokenCount {
                broken.append(.init(documentID: id, reason: error.description))
            }
        }
    }
}
