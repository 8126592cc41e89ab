public import Media

/// What becomes of an image of a size: known before anything is decoded.
///
/// Sendable and without buffers: images are shared among threads by whoever has several.
public struct ImagePlan: Sendable, Hashable {
    /// Of the decoded image.
    public let source: PixelSize
    /// What the image is brought to before the processor sees it, where somebody does that: see ``QwenImageLoader``.
    public let loaded: PixelScaling?
    /// What the processor brings it to.
    public let resized: PixelSize
    /// The part of the resized image that the patches are cut from; black where it reaches beyond.
    public let region: PixelRegion
    public let layout: PatchLayout
    public let grid: PatchGrid
    /// Pixels of a side that one token stands for once patches are merged or pooled.
    public let tokenSide: Int
    /// Tokens that a language model gets, without those that mark the beginning and the end.
    public let tokenCount: Int

    let resampling: PixelResampling
    let normalisation: PixelNormalisation
    let alpha: AlphaTreatment

    package init(
        source: PixelSize, loaded: PixelScaling? = nil, resized: PixelSize, region: PixelRegion? = nil,
        layout: PatchLayout, tokenSide: Int, resampling: PixelResampling, normalisation: PixelNormalisation,
        alpha: AlphaTreatment
    ) {
        let region = region ?? PixelRegion(resized)
        self.source = source
        self.loaded = loaded
        self.resized = resized
        self.region = region
        self.layout = layout
        self.tokenSide = tokenSide
        self.resampling = resampling
        self.normalisation = normalisation
        self.alpha = alpha
        grid = PatchGrid(
            time: 1, height: region.size.height / layout.patchSide, width: region.size.width / layout.patchSide)
        tokenCount = (region.size.height / tokenSide) * (region.size.width / tokenSide)
    }

    /// Numbers of all rows.
    public var valueCount: Int { grid.patchCount * layout.rowWidth }

    /// The patches of an image.
    ///
    /// - Precondition: the image has the size of the plan.
    /// - Complexity: O(pixels · filter); besides the result, a few rows of pixels.
    public func patches(of image: Bitmap) -> ImagePatches {
        let rows = [Float](unsafeUninitializedCapacity: valueCount) { buffer, count in
            write(image, into: UnsafeMutableBufferPointer(rebasing: buffer[..<valueCount]))
            count = valueCount
        }
        return ImagePatches(rows: rows, rowWidth: layout.rowWidth, grid: grid)
    }

    /// The same into memory of the caller, which need not be initialised: fresh memory for each image costs more than
    /// anything else here.
    ///
    /// - Precondition: there is room for ``valueCount`` numbers.
    public func write(_ image: Bitmap, into rows: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.count >= valueCount, "room for all rows")
        write(frame: image, into: rows.baseAddress!, slots: 0..<layout.framesPerPatch)
    }

    /// Writes a picture as some frames of one step in time.
    ///
    /// - Parameter rows: `[grid.height · grid.width, rowWidth]`.
    func write(frame: Bitmap, into rows: UnsafeMutablePointer<Float>, slots: Range<Int>) {
        let width = region.size.width
        let writer = PatchWriter(layout, grid: grid, pixelWidth: width)
        let bandHeight = writer.bandHeight
        let bandValues = layout.mergeSide * grid.width * layout.rowWidth
        let cut = PixelRegion(
            left: region.left, top: region.top,
            size: PixelSize(width: width, height: grid.height * layout.patchSide))
        let scaler = scaler(of: cut)
        let picture = prepared(frame)
        guard scaler.givesBytes else {
            scaler.forEachBand(of: picture, bandHeight: bandHeight) { band, start in
                normalisation.apply(to: band, count: 3 * width * bandHeight)
                writer.write(band, into: rows + start / bandHeight * bandValues, slots: slots)
            }
            return
        }
        scaler.forEachByteBand(of: picture, bandHeight: bandHeight) { band, start in
            writer.write(band, normalisation, into: rows + start / bandHeight * bandValues, slots: slots)
        }
    }

    /// An image as the processor is given it: without alpha, and of the size that a loader gives it.
    func prepared(_ image: Bitmap) -> Bitmap {
        let opaque = alpha == .overWhite ? image.onWhite() : image.opaque()
        return loaded.map { $0.scaled(opaque) } ?? opaque
    }

    func scaler(of region: PixelRegion) -> RegionScaler {
        RegionScaler(from: loaded?.size ?? source, to: resized, region: region, resampling)
    }
}

/// What becomes of pixels that one can see through.
public enum AlphaTreatment: String, Sendable, CaseIterable {
    /// They are laid over white, as transformers 5 and qwen-vl-utils do.
    case overWhite
    /// Their colours are taken as if they were opaque, as transformers 4 does.
    case dropped
}
