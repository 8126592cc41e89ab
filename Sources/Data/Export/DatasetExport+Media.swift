internal import Base
internal import Records

/// Items of media as files.
extension DatasetExport {
    /// The folder of the items, in folders by their first two digits.
    static let mediaFolder = "media"

    func writeMedia() throws {
        let (dataset, folder) = (dataset, folder.path(Self.mediaFolder))
        try forEachRange(of: dataset.mediaCount, step: 8) { range in
            var byteCount = 0
            for number in range {
                try Interruption.check()
                let hex = try dataset.mediaDigest(number).hex
                let place = folder.appending(String(hex.prefix(2)))
                try Files.makeDirectory(place)
                var file: OutputFile?
                // A piece at a time: an item may have gigabytes.
                try dataset.forEachMediaPiece(of: number) { piece in
                    if file == nil {
                        file = try OutputFile(creating: place.appending(hex + "." + Self.fileExtension(of: piece)))
                    }
                    try file!.write(piece)
                }
                byteCount += file?.position ?? 0
                try file.take()?.close()
            }
            return (fileCount: range.count, byteCount: byteCount)
        } write: { written in
            report.fileCount += written.fileCount
            report.writtenBytes += written.byteCount
            report.mediaItemCount += written.fileCount
            progress.advance(by: written.byteCount)
        }
    }

    /// Told by an item's first bytes.
    static func fileExtension(of piece: UnsafeRawBufferPointer) -> String {
        MediaHeader(piece).format?.fileExtension ?? "bin"
    }
}
