internal import Base
internal import Media
internal import SystemPackage

/// Writes images as they will be looked at: on a white square of at most ``side`` pixels, as PNG.
///
/// Models look at squares, and cut off what is not in one; decoding posters anew in each step would take longer than all
/// else.
struct Pictures {
    static let side = 224
    /// Pixels of the largest image that is taken: a few are as large as posters, and take seconds to be decoded.
    private static let largest = 16 << 20

    let packages: Packages
    let folder: FilePath

    private struct Picture: Sendable {
        let png: [UInt8]
        /// The image in 16 × 16 pixels.
        let digest: SHA256Digest
    }

    /// The items whose images are not too large, with the files that were written, as paths in ``folder``.
    ///
    /// Images that are the same in 16 × 16 pixels are so on the same side.
    func write(_ items: [CaptionedItem], _ tally: inout Tally) throws -> [CaptionedItem] {
        var taken: [CaptionedItem] = []
        var next = items.makeIterator()
        let packages = packages
        try orderedPipeline(
            workers: processorCount, window: 4 * processorCount,
            read: { next.next() },
            transform: { item in (item, try Self.picture(packages.root.appending(item.media))) },
            write: { item, picture in
                guard let picture else {
                    tally.omit(String(item.source), "more than 16 Mi pixels")
                    return
                }
                let name = item.id + ".png"
                let path = folder.appending(name)
                try Files.makeDirectory(path.removingLastComponent())
                try Files.replace(path, with: picture.png)
                taken.append(item.with(media: name, key: "picture \(picture.digest)"))
            })
        return taken
    }

    private static func picture(_ path: FilePath) throws -> Picture? {
        var limits = MediaLimits()
        limits.pixelCount = largest
        let file = try MappedFile(path)
        let image: Bitmap
        do {
            image = try Bitmap(decoding: file.bytes, limits: limits).onWhite()
        } catch  where error.reason == .tooLarge {
            return nil
        } catch {
            throw InputError("\(error)", at: Place(path: path.string))
        }
        let square = image.fitted(toSide: side).onSquare()
        let digest = SHA256Digest.of(square.scaled(toWidth: 16, height: 16).pixels)
        return Picture(png: try square.encoded(as: .png), digest: digest)
    }
}

extension Bitmap {
    /// The image with sides of at most so many pixels.
    fileprivate func fitted(toSide side: Int) -> Bitmap {
        let longest = max(width, height)
        guard longest > side else { return self }
        return scaled(
            toWidth: max(1, (width * side + longest / 2) / longest),
            height: max(1, (height * side + longest / 2) / longest))
    }

    /// The image in the middle of a white square.
    ///
    /// - Precondition: there is no alpha.
    fileprivate func onSquare() -> Bitmap {
        let side = max(width, height)
        guard width != height else { return self }
        var square = [UInt8](repeating: 255, count: side * side * channelCount)
        let (left, top) = ((side - width) / 2, (side - height) / 2)
        for y in 0..<height {
            let row = pixels[y * width * channelCount..<(y + 1) * width * channelCount]
            let start = ((top + y) * side + left) * channelCount
            square.replaceSubrange(start..<start + row.count, with: row)
        }
        return Bitmap(width: side, height: side, channelCount: channelCount, pixels: square)
    }
}
