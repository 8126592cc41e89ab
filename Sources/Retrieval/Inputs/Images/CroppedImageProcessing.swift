/// How towers with images of one size take them: DINOv2, CLIP, ViT and SigLIP.
///
/// Source: transformers 5.24, `TorchvisionBackend` with the values of `BitImageProcessor`, `CLIPImageProcessor`,
/// `ViTImageProcessor` and `SiglipImageProcessor`.
public struct CroppedImageProcessing: Sendable, Hashable {
    public enum Resizing: Sendable, Hashable {
        case none
        /// The shorter side becomes so many pixels, the other in proportion, cut to a whole number.
        case shortestEdge(Int)
        /// Both sides, whatever the proportions.
        case exact(PixelSize)
    }

    public var resizing: Resizing
    /// What is cut from the middle; black where it reaches beyond.
    public var crop: PixelSize?
    public var normalisation: PixelNormalisation
    public var resampling: PixelResampling
    public var alpha = AlphaTreatment.overWhite

    public init(
        resizing: Resizing, crop: PixelSize?, normalisation: PixelNormalisation, resampling: PixelResampling
    ) {
        self.resizing = resizing
        self.crop = crop
        self.normalisation = normalisation
        self.resampling = resampling
    }

    /// The size that all pictures are brought to; nil where it depends on the picture.
    var onlySize: PixelSize? {
        if let crop { return crop }
        guard case .exact(let size) = resizing else { return nil }
        return size
    }

    /// What becomes of an image.
    ///
    /// - Parameters:
    ///   - patchSide: of the model, whose configuration says it. Pixels behind the last whole patch are not used.
    ///   - mergeSide: patches of the side of a group whose rows follow each other.
    /// - Throws: ``PictureFault`` where not a single patch is left, and where the patches are no whole groups.
    public func plan(
        _ size: PixelSize, patchSide: Int, mergeSide: Int = 1
    ) throws(PictureFault) -> ImagePlan {
        let resized = try resized(size)
        var region = PixelRegion(resized)
        if let crop {
            region = PixelRegion(
                left: Self.margin(resized.width, crop.width), top: Self.margin(resized.height, crop.height), size: crop)
        }
        guard min(region.size.width, region.size.height) >= patchSide else {
            throw PictureFault("\(region.size) pixels are left of the picture, and a patch has \(patchSide) a side")
        }
        let (across, down) = (region.size.width / patchSide, region.size.height / patchSide)
        guard across.isMultiple(of: mergeSide), down.isMultiple(of: mergeSide) else {
            throw PictureFault(
                "the picture would be \(across) × \(down) patches, of which no whole squares of \(mergeSide) × \(mergeSide) "
                    + "can be made")
        }
        return ImagePlan(
            source: size, resized: resized, region: region,
            layout: .merged(patchSide: patchSide, mergeSide: mergeSide, framesPerPatch: 1),
            tokenSide: patchSide * mergeSide, resampling: resampling, normalisation: normalisation, alpha: alpha)
    }

    private func resized(_ size: PixelSize) throws(PictureFault) -> PixelSize {
        switch resizing {
        case .none: return size
        case .exact(let size): return size
        case .shortestEdge(let side):
            let short = min(size.width, size.height)
            let long = Double(side * max(size.width, size.height)) / Double(short)
            guard long <= Double(Int32.max) else {
                throw PictureFault("the picture is \(size) pixels large, which is too long to be resized")
            }
            return size.width <= size.height
                ? PixelSize(width: side, height: Int(long)) : PixelSize(width: Int(long), height: side)
        }
    }

    /// Pixels to the left of what is cut; below 0 where the picture is too small.
    private static func margin(_ side: Int, _ wanted: Int) -> Int {
        side >= wanted ? (side - wanted) / 2 : -((wanted - side) / 2)
    }
}
