public import Media

extension ImagePlan {
    /// The pixels that the model sees, for people: resized and cut.
    ///
    /// - Precondition: the image has the size of the plan.
    public func picture(of image: Bitmap) -> Bitmap { scaler(of: region).bitmap(of: prepared(image)) }

    /// Where tokens meet in the picture: the first column of pixels of each but the first, and the first row.
    public var tokenBorders: (columns: [Int], rows: [Int]) {
        (
            Array(stride(from: tokenSide, to: region.size.width, by: tokenSide)),
            Array(stride(from: tokenSide, to: region.size.height, by: tokenSide))
        )
    }

    /// The picture with a line, one pixel wide, where tokens meet.
    ///
    /// - Parameter colour: red, green and blue of the lines.
    public func picture(of image: Bitmap, withLinesIn colour: (UInt8, UInt8, UInt8)) -> Bitmap {
        let picture = picture(of: image)
        var pixels = picture.pixels
        func paint(_ x: Int, _ y: Int) {
            let position = 3 * (y * picture.width + x)
            (pixels[position], pixels[position + 1], pixels[position + 2]) = colour
        }
        let borders = tokenBorders
        for x in borders.columns { for y in 0..<picture.height { paint(x, y) } }
        for y in borders.rows { for x in 0..<picture.width { paint(x, y) } }
        return Bitmap(width: picture.width, height: picture.height, channelCount: 3, pixels: pixels)
    }
}

extension RegionScaler {
    /// The region as a picture; numbers that are not rounded are, half to even.
    package func bitmap(of source: Bitmap) -> Bitmap {
        let (width, height) = (region.size.width, region.size.height)
        let pixels = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { buffer, count in
            let target = buffer.baseAddress!
            if givesBytes {
                forEachByteBand(of: source, bandHeight: 16) { band, start in
                    (target + 3 * width * start).update(from: band, count: 3 * width * min(16, height - start))
                }
            } else {
                forEachBand(of: source, bandHeight: 16) { band, start in
                    for position in 0..<3 * width * min(16, height - start) {
                        let number = min(max(band[position], 0), 255).rounded(.toNearestOrEven)
                        target[3 * width * start + position] = UInt8(number)
                    }
                }
            }
            count = 3 * width * height
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: pixels)
    }
}
