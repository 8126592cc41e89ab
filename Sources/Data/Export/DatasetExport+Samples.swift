internal import Archives
internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat

/// Tars in the manner of webdataset.
extension DatasetExport {
    func writeSamples(_ kind: RecordKind) throws {
        let stem = kind == .documents ? "corpus" : "queries"
        let count = kind == .documents ? dataset.documentCount : dataset.queryCount
        let width = max(9, "\(max(0, count - 1))".count)
        var shardNumber = 0
        var shard: TarWriter?
        var ordinal = 0
        func close() throws {
            guard let full = shard.take() else { return }
            report.writtenBytes += try full.commit()
            report.fileCount += 1
            shardNumber += 1
        }
        try forEachBatch(kind) { laid in
            var start = 0
            var media = laid.media[...]
            for (record, end) in laid.ends.enumerated() {
                let items = media.prefix { $0.record == record }
                media = media.dropFirst(items.count)
                var size = TarWriter.memberBytes(end - start)
                for item in items { size += TarWriter.memberBytes(try dataset.mediaByteCount(item.number)) }
                if let open = shard, open.byteCount + size > options.shardBytes { try close() }
                let tar = try shard ?? TarWriter(folder.path("\(stem)-\(padded(shardNumber, to: 6)).tar"))
                shard = tar
                let key = padded(ordinal, to: width)
                try laid.bytes.withUnsafeBytes {
                    try tar.append("\(key).json", UnsafeRawBufferPointer(rebasing: $0[start..<end]))
                }
                for item in items { try append(item.number, as: "\(key).\(item.kind.rawValue)", to: tar) }
                start = end
                ordinal += 1
            }
        }
        try close()
    }

    private func append(_ number: Int, as name: String, to tar: TarWriter) throws {
        try Interruption.check()
        let byteCount = try dataset.mediaByteCount(number)
        var isFirst = true
        // A piece at a time: an item may have gigabytes.
        try dataset.forEachMediaPiece(of: number) { piece in
            if isFirst { try tar.begin(name + "." + Self.fileExtension(of: piece), byteCount: byteCount) }
            isFirst = false
            try tar.write(piece)
        }
        report.mediaItemCount += 1
        progress.advance(by: byteCount)
    }

    /// Finds what records name among the dataset's items.
    static func findMedia(
        of range: Range<Int>, of kind: RecordKind, _ dataset: Dataset, _ laid: inout Laid
    ) throws {
        let parser = JSONParser()
        let scanner = RecordScanner(kind == .documents ? .document : .query)
        defer { withExtendedLifetime((parser, scanner)) {} }
        func find(_ ordinal: Int, _ record: UnsafeRawBufferPointer) throws {
            do throws(RecordFault) {
                try scanner.scan(RecordScanner.root(of: record, padded: false, parser: parser))
            } catch {
                throw error.error(at: place(of: ordinal, kind, dataset), line: record)
            }
            for media in MediaKind.allCases {
                guard let digest = scanner.media(media)?.digest, let number = try dataset.mediaNumber(of: digest)
                else { continue }
                laid.media.append((ordinal - range.lowerBound, media, number))
            }
        }
        if kind == .documents {
            try dataset.forEachDocumentRecord(in: range, find)
        } else {
            try dataset.forEachQueryRecord(in: range, find)
        }
    }
}
