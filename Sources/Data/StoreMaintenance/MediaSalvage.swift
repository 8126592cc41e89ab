internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat
internal import SystemPackage

/// Saves the items of a version that can be read: whole shards as they are, good frames of others in new shards.
///
/// Memory: that of writing media, and a byte an item.
struct MediaSalvage {
    let store: Store
    let scratch: ScratchFolder
    let options: WriterOptions

    /// Items that are gone.
    struct Loss {
        /// Nil where the shard cannot say which.
        let digest: SHA256Digest?
        let itemCount: Int
        let blob: BlobDescriptor
        let reason: String

        var json: JSONObject {
            var json: JSONObject = [
                "kind": "media", "blob": .string(blob.digest.description), "reason": .string(reason),
            ]
            if let digest { json["digest"] = .string(digest.description) } else { json["items"] = JSONValue(itemCount) }
            return json
        }
    }

    /// What was saved, to be counted again by the records that are left.
    struct Saved {
        let writer: MediaWriter

        /// Counts the items by the fields that name them, and the references whose items are gone.
        func recount(_ records: RecordSet) throws {
            let scanner = MediaReferenceScanner(records.kind)
            try records.forEachRecord(in: 0..<records.count) { _, line in
                try scanner.forEach(in: line) { kind, reference in
                    guard let digest = reference.digest, let number = writer.number(of: digest) else {
                        writer.externalCount += 1
                        return
                    }
                    writer.countOnce(number, as: kind)
                }
            }
        }
    }

    func saved(_ table: Manifest.MediaTable, _ lose: (Loss) throws -> Void) throws -> Saved {
        let writer = try MediaWriter(options: options, scratch: scratch)
        for shard in table.shards {
            let reader: ShardReader
            do {
                reader = try ShardReader(store.layout.blob(shard.blob.digest), kind: .media)
                guard reader.recordCount == shard.recordCount else {
                    throw DamagedBlob(reader.path, "it holds another number of items than the manifest says")
                }
            } catch {
                guard let reason = Salvage.loss(error) else { throw error }
                try lose(Loss(digest: nil, itemCount: shard.recordCount, blob: shard.blob, reason: reason))
                continue
            }
            if try store.fault(of: shard.blob) == nil {
                try writer.adopt(shard, reader)
                continue
            }
            let cursor = try FrameCursor()
            for item in 0..<shard.recordCount {
                var digest: SHA256Digest?
                do {
                    let expected = try reader.digest(of: item)
                    digest = expected
                    var hash = SHA256Stream()
                    var byteCount = 0
                    try cursor.forEachPiece(of: item, in: reader) {
                        hash.update($0)
                        byteCount += $0.count
                    }
                    guard hash.finalize() == expected else {
                        throw DamagedBlob(reader.path, "item \(item) does not match its digest")
                    }
                    let frame = try reader.frameBytes(item)
                    try writer.add(expected, byteCount: byteCount) { try $0(frame) }
                } catch {
                    guard let reason = Salvage.loss(error) else { throw error }
                    try lose(Loss(digest: digest, itemCount: 1, blob: shard.blob, reason: reason))
                }
                try Interruption.check()
            }
        }
        return Saved(writer: writer)
    }
}
