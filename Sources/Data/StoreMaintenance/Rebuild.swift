internal import Base
internal import Store
internal import StoreFormat
internal import SystemPackage
internal import Zstandard

/// Makes blobs of a version again from its other blobs, or from what is good of the blob itself, byte for byte.
///
/// Each function returns nil where that cannot be done; the caller compares the digest.
struct BlobRebuilder {
    let store: Store
    let manifest: Manifest
    let scratch: ScratchFolder

    func blob(_ wanted: BlobDescriptor, _ role: BlobRole) throws -> StagedBlob? {
        switch role {
        case .dictionary(let kind): return try dictionary(wanted, kind: kind, manifest.table(kind))
        case .shard(let kind, let number):
            let table = manifest.table(kind)
            return try shard(table.shards[number], kind: kind, table)
        case .idIndex(let kind): return try idIndex(kind: kind, manifest.table(kind))
        case .positives, .negatives, .judgements:
            guard let table = manifest.links(role), let links = role.links else { return nil }
            return try self.links(table, role: links)
        case .mediaShard(let number): return try manifest.media.flatMap { try mediaShard($0.shards[number]) }
        case .mediaIndex: return try manifest.media.flatMap { try mediaIndex($0) }
        // Nothing else says which documents are duplicates.
        case .aliases: return nil
        }
    }

    func output(_ wanted: BlobDescriptor) throws -> BlobWriter {
        let name = "rebuilt-\(wanted.digest.hex)"
        try Files.remove(scratch.path(name))
        return try scratch.blob(name)
    }

    /// A dictionary stands in every shard that was compressed with it.
    func dictionary(_ wanted: BlobDescriptor, kind: RecordKind, _ table: Manifest.RecordTable) throws -> StagedBlob? {
        for shard in table.shards {
            guard let reader = try? ShardReader(store.layout.blob(shard.blob.digest), kind: ShardKind(kind)),
                reader.header.dictionary == wanted.digest, let bytes = try? reader.dictionaryBytes()
            else { continue }
            var blob = try output(wanted)
            try blob.write(bytes)
            return try blob.finish()
        }
        return nil
    }

    /// An id index is a function of the ids in their order.
    func idIndex(kind: RecordKind, _ table: Manifest.RecordTable) throws -> StagedBlob? {
        let records = RecordSet(
            kind: kind, shards: table.shards.map { (store.layout.blob($0.blob.digest), $0.recordCount) },
            indexPath: nil, recordsDigest: table.logicalDigest)
        let hashPath = scratch.path("rebuilt-\(kind).hashes")
        try Files.remove(hashPath)
        var hashes = try SpillFile(creating: hashPath)
        do {
            try records.forEachRecord(in: 0..<records.count) { ordinal, bytes in
                let id = try records.parsed(bytes, ordinal: ordinal).id
                try hashes.write(id.withUnsafeBytes { IdIndexFormat.hash($0) })
            }
        } catch is DamagedBlob {
            return nil
        } catch let error as SystemError where error.exitStatus == .missingInput {
            return nil
        }
        let builder = IdIndexBuilder(
            kind: ShardKind(kind), scratch: scratch, keysPerPartition: WriterOptions().keysPerPartition)
        let spilled = try hashes.finish()
        let blob = try builder.build(
            hashes: spilled, recordsDigest: table.logicalDigest, into: try output(table.idIndex)
        ) { _ in }
        try spilled.remove()
        return blob
    }

    /// The header of links follows from the manifest and their offsets, and their checksums follow from their body.
    func links(_ table: Manifest.LinkTable, role: LinkRole) throws -> StagedBlob? {
        guard let file = try? LocalBlobs().map(store.layout.blob(table.blob.digest)),
            let sections = LinksFormat.Sections(
                queryCount: manifest.queries.recordCount, linkCount: table.linkCount, hasScores: table.hasScores),
            file.count >= sections.checksumOffset
        else { return nil }
        let body = file.bytes.slice(sections.body)
        var queriesByLinkCount = [Int](repeating: 0, count: LinksFormat.linkCountsCount)
        for query in 0..<manifest.queries.recordCount {
            let start = body.integer(at: query * 8, as: UInt64.self)
            let end = body.integer(at: query * 8 + 8, as: UInt64.self)
            guard start <= end else { return nil }
            if end - start < UInt64(queriesByLinkCount.count) { queriesByLinkCount[Int(end - start)] += 1 }
        }
        var blob = try output(table.blob)
        try blob.write(
            LinksFormat.header(
                role: role, queryCount: manifest.queries.recordCount, linkCount: table.linkCount,
                documentCount: manifest.documents.recordCount, hasScores: table.hasScores,
                queriesDigest: manifest.queries.logicalDigest, documentsDigest: manifest.documents.logicalDigest,
                queriesByLinkCount: queriesByLinkCount))
        try blob.write(body)
        try blob.write(CheckedPages.checksums(of: body))
        return try blob.finish()
    }

    /// A shard's index, content hashes, trailer and seek table follow from its frames, and its dictionary is a blob of
    /// its own; only the frames must be whole.
    func shard(_ wanted: Manifest.Shard, kind: RecordKind, _ table: Manifest.RecordTable) throws -> StagedBlob? {
        guard let file = try? LocalBlobs().map(store.layout.blob(wanted.blob.digest)) else { return nil }
        let dictionaries: [[UInt8]?] =
            table.dictionaries.map { try? store.checkedBlob($0.digest) }.filter { $0 != nil } + [nil]
        for dictionary in dictionaries {
            if let blob = try shard(wanted, kind: kind, from: file, dictionary: dictionary),
                blob.descriptor == wanted.blob
            {
                return blob
            }
        }
        return nil
    }

    private func shard(
        _ wanted: Manifest.Shard, kind: RecordKind, from file: MappedFile, dictionary: [UInt8]?
    ) throws -> StagedBlob? {
        var writer = try ShardWriter(output(wanted.blob), kind: ShardKind(kind), dictionary: dictionary)
        var offset = writer.position
        let prepared = try dictionary.map { bytes in
            try bytes.withUnsafeBytes { try DecompressionDictionary($0) }
        }
        var decompressor = try Decompressor()
        var contents: [UInt8] = []
        for _ in 0..<wanted.frameCount {
            guard offset < file.count else { return nil }
            let rest = file.bytes.slice(offset..<file.count)
            var batch = EncodedBatch()
            do throws(ZstandardError) {
                let size = try Frame.compressedSize(rest)
                let rawSize = try Frame.contentSize(rest)
                // A damaged header must not make us allocate more than the shard can hold.
                guard rawSize <= wanted.rawBytes else { return nil }
                contents = [UInt8](repeating: 0, count: rawSize)
                let count = try Self.decompress(
                    rest.slice(0..<size), into: &contents, with: &decompressor, dictionary: prepared)
                guard count == rawSize else { return nil }
                batch.frames = Array(rest.slice(0..<size))
                batch.frameSizes = [UInt32(size)]
                batch.frameRawSizes = [UInt32(rawSize)]
            } catch {
                return nil
            }
            guard contents.withUnsafeBytes({ batch.describe(linesOf: $0, kind: kind) }) else { return nil }
            try writer.append(batch, frames: 0..<1, bytes: 0..<batch.frames.count)
            offset += batch.frames.count
        }
        guard writer.recordCount == wanted.recordCount else { return nil }
        return try writer.finish().blob
    }

    private static func decompress(
        _ frame: UnsafeRawBufferPointer, into contents: inout [UInt8], with decompressor: inout Decompressor,
        dictionary: DecompressionDictionary?
    ) throws(ZstandardError) -> Int {
        var result = Result<Int, ZstandardError>.success(0)
        contents.withUnsafeMutableBytes { buffer in
            do throws(ZstandardError) {
                result = .success(try decompressor.decompress(frame, into: buffer, dictionary: dictionary))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }
}

extension EncodedBatch {
    /// Notes place and content hash of each line of the batch's only frame.
    ///
    /// - Returns: false where they are no records.
    fileprivate mutating func describe(linesOf contents: UnsafeRawBufferPointer, kind: RecordKind) -> Bool {
        var start = 0
        while start < contents.count {
            guard let end = contents[start...].firstIndex(of: UInt8(ascii: "\n")),
                let line = StoredLine(contents.slice(start..<end), kind: kind)
            else { return false }
            let hash = ContentHash.of(line.content)
            recordOffsets.append(UInt32(start))
            contentHashes.append(littleEndian: hash.low)
            contentHashes.append(littleEndian: hash.high)
            start = end + 1
        }
        frameRecordEnds = [UInt32(recordOffsets.count)]
        return !recordOffsets.isEmpty
    }
}
