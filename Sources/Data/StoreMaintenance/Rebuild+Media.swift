internal import Base
internal import StoreFormat
internal import SystemPackage
internal import Zstandard

extension BlobRebuilder {
    /// A shard of media is a function of its frames, which must be whole.
    func mediaShard(_ wanted: Manifest.Shard) throws -> StagedBlob? {
        guard let file = try? LocalBlobs().map(store.layout.blob(wanted.blob.digest)) else { return nil }
        var writer = try ShardWriter(output(wanted.blob), kind: .media, dictionary: nil)
        var decompressor = try Decompressor()
        var offset = writer.position
        for _ in 0..<wanted.recordCount {
            guard offset < file.count else { return nil }
            let rest = file.bytes.slice(offset..<file.count)
            var hash = SHA256Stream()
            var rawSize = 0
            do {
                let frame = try rest.slice(0..<Frame.compressedSize(rest))
                try decompressor.forEachPiece(of: frame) {
                    hash.update($0)
                    rawSize += $0.count
                }
                guard rawSize <= wanted.rawBytes, rawSize <= RawFrame.largestContent else { return nil }
                try writer.append(digest: hash.finalize(), rawSize: rawSize) { try $0(frame) }
                offset += frame.count
            } catch is ZstandardError {
                return nil
            }
        }
        return try writer.finish().blob
    }

    /// The media index is a function of the digests in their order.
    func mediaIndex(_ table: Manifest.MediaTable) throws -> StagedBlob? {
        let media = MediaSet(table, in: store.layout, origin: store.origin)
        let hashPath = scratch.path("rebuilt-media.hashes")
        try Files.remove(hashPath)
        var hashes = try SpillFile(creating: hashPath)
        do {
            for number in 0..<media.count {
                try hashes.write(media.digest(of: number).bytes.withUnsafeBytes { IdIndexFormat.hash($0) })
            }
        } catch is DamagedBlob {
            return nil
        } catch let error as SystemError where error.exitStatus == .missingInput {
            return nil
        }
        let builder = IdIndexBuilder(
            kind: .media, scratch: scratch, keysPerPartition: WriterOptions().keysPerPartition)
        let spilled = try hashes.finish()
        let blob = try builder.build(
            hashes: spilled, recordsDigest: table.itemsDigest, into: try output(table.index)
        ) { _ in }
        try spilled.remove()
        return blob
    }
}
