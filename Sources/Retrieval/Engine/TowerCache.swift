internal import Base
internal import Models
internal import Tensors

/// What frozen towers make of items, kept in memory: an image of a later epoch does not go through its tower again.
///
/// Each item goes through alone, so that what is kept does not depend on the batch that it came in, and a run that was
/// resumed computes what one that was not does. Not Sendable: one thread computes.
public final class TowerCache {
    /// Of all that is kept; what comes when it is full is computed each time.
    public let byteBudget: Int
    public private(set) var byteCount = 0
    /// Items that were there, and that were not.
    public private(set) var hitCount = 0
    public private(set) var missCount = 0
    private var rows: [SHA256Digest: Tensor] = [:]

    public init(byteBudget: Int) { self.byteBudget = byteBudget }

    /// Rows of all of a batch's items behind the first stages of a tower, `[rows, D]`; nil where it has none.
    func rows(of tower: Tower, stageCount: Int, _ batch: DeviceBatch) throws -> Tensor? {
        guard let media = try batch.media(for: tower) else { return nil }
        return try withoutGradients {
            try Tensor.cat(
                zip(media.items, media.rows).map { item, values in
                    if let known = rows[item.identity] {
                        hitCount += 1
                        return known
                    }
                    missCount += 1
                    let made = try tower.forward([item], [values], stageCount: stageCount, device: batch.device)
                    if byteCount + made.byteCount <= byteBudget {
                        byteCount += made.byteCount
                        rows[item.identity] = made
                    }
                    return made
                })
        }
    }
}
