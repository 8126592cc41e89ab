public import JSON
internal import Models

/// How images become what a vision tower takes: what a processor's configuration says.
public enum ImageProcessing: Sendable, Hashable {
    case qwen(QwenImageProcessing)
    case cropped(CroppedImageProcessing)
    case gemma(GemmaImageProcessing)

    /// Reads `preprocessor_config.json`, or the object `image_processor` of a `processor_config.json`.
    ///
    /// - Parameters:
    ///   - path: of the file, for messages.
    ///   - prefix: what encloses the object, as `image_processor.`; empty for a file.
    ///   - arithmetic: the files do not say who scales. transformers 5 lets torch do it on bytes where torchvision is
    ///     installed, and Pillow where not.
    /// - Throws: `InputError` that names file and field, for a processor, a field or a value that is not supported.
    public init(
        _ value: JSONValue, path: String, prefix: String = "", arithmetic: PixelResampling.Arithmetic
    ) throws {
        let fields = try ConfigurationReader(processor: value, path: path, prefix: prefix)
        let kind = try ImageProcessing.kind(fields)
        switch kind {
        case "Qwen2VLImageProcessor":
            self = .qwen(try QwenImageProcessing(fields, arithmetic))
        case "BitImageProcessor", "CLIPImageProcessor", "ViTImageProcessor", "SiglipImageProcessor":
            self = .cropped(try CroppedImageProcessing(fields, kind, arithmetic))
        case "Gemma4ImageProcessor":
            self = .gemma(try GemmaImageProcessing(fields, arithmetic))
        default:
            throw fields.error("image_processor_type", "the image processor \(kind) is not supported")
        }
    }

    /// The same for an image that nobody brings to a size before.
    var withoutLoader: ImageProcessing {
        guard case .qwen(var processing) = self else { return self }
        processing.loader = nil
        return .qwen(processing)
    }

    /// What becomes of an image.
    ///
    /// - Parameters:
    ///   - patchSide: of the model. Some processors have it in their own configuration, and must have the same.
    ///   - mergeSide: patches of the side of a group whose rows follow each other; only of processors that do not say it.
    /// - Throws: ``PictureFault``
    public func plan(
        _ size: PixelSize, patchSide: Int, mergeSide: Int = 1
    ) throws(PictureFault) -> ImagePlan {
        let plan =
            switch self {
            case .qwen(let processing): try processing.plan(size)
            case .cropped(let processing): try processing.plan(size, patchSide: patchSide, mergeSide: mergeSide)
            case .gemma(let processing): try processing.plan(size)
            }
        guard plan.layout.patchSide == patchSide else {
            throw PictureFault(
                "the image processor cuts patches with sides of \(plan.layout.patchSide) pixels, and the model takes "
                    + "\(patchSide)")
        }
        return plan
    }

    /// What becomes of every picture, where all are brought to one size; nil where it depends on the picture.
    ///
    /// - Parameters: as those of ``plan(_:patchSide:mergeSide:)``.
    /// - Throws: ``PictureFault`` where no picture at all can be given to such a model.
    public func planOfEveryPicture(patchSide: Int, mergeSide: Int) throws(PictureFault) -> ImagePlan? {
        guard case .cropped(let processing) = self, let size = processing.onlySize else { return nil }
        return try plan(size, patchSide: patchSide, mergeSide: mergeSide)
    }

    /// The class, without what tells its backend.
    private static func kind(_ fields: ConfigurationReader) throws -> String {
        if let name = try fields.optionalString("image_processor_type") { return withoutBackend(name) }
        let old = try fields.optionalString("feature_extractor_type") ?? ""
        guard ["CLIPFeatureExtractor", "ViTFeatureExtractor"].contains(old) else {
            throw fields.error("image_processor_type", "the field is missing")
        }
        return old.dropLast("FeatureExtractor".count) + "ImageProcessor"
    }

    static func withoutBackend(_ name: String) -> String {
        for suffix in ["Fast", "Pil"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
        return name
    }
}

extension QwenImageProcessing {
    init(_ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic) throws {
        self.init()
        try read(
            fields, arithmetic, mean: PixelNormalisation.Means.clip, deviation: PixelNormalisation.Deviations.clip)
        let harmless = ConfigurationReader.harmlessPictureFields.union(["crop_size"])
        let sound =
            try fields.optionalString("feature_extractor_type") == nil
            ? [] : ConfigurationReader.processorFieldsOfSounds
        try fields.refuseUnread(except: harmless.union(sound))
    }

    /// What images and frames have in common; where a field is not there, the value stays.
    mutating func read(
        _ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic, mean: [Double], deviation: [Double]
    ) throws {
        patchSide = try fields.wholeNumber("patch_size", in: ConfigurationReader.PictureRange.patchSides) ?? patchSide
        mergeSide = try fields.wholeNumber("merge_size", in: ConfigurationReader.PictureRange.smallCounts) ?? mergeSide
        framesPerPatch =
            try fields.wholeNumber("temporal_patch_size", in: ConfigurationReader.PictureRange.smallCounts)
            ?? framesPerPatch
        budget = try fields.budget(default: budget)
        resizes = try fields.bool("do_resize", default: true)
        resampling = PixelResampling(try fields.filter(default: .bicubic), arithmetic)
        normalisation = try fields.normalisation(mean: mean, deviation: deviation)
        try fields.refuseOtherSteps()
    }
}

extension CroppedImageProcessing {
    /// - Parameter kind: the class, which has values for fields that are not there.
    init(_ fields: ConfigurationReader, _ kind: String, _ arithmetic: PixelResampling.Arithmetic) throws {
        let isCut = kind == "BitImageProcessor" || kind == "CLIPImageProcessor"
        let side = 224
        let square = PixelSize(width: side, height: side)
        try fields.refuseOtherSteps(cuts: true)
        let values = isCut ? PixelNormalisation.Means.clip : PixelNormalisation.Means.half
        let deviations = isCut ? PixelNormalisation.Deviations.clip : PixelNormalisation.Deviations.half
        let isSquare = try fields.bool("default_to_square", default: kind == "ViTImageProcessor")
        var resizing = try fields.resizing(isSquare: isSquare) ?? (isCut ? .shortestEdge(side) : .exact(square))
        if try !fields.bool("do_resize", default: true) { resizing = .none }
        let cropSize = try fields.cropSize() ?? (isCut ? square : nil)
        let crops = try fields.bool("do_center_crop", default: isCut)
        if crops, cropSize == nil { throw fields.error("crop_size", "the field is missing") }
        self.init(
            resizing: resizing, crop: crops ? cropSize : nil,
            normalisation: try fields.normalisation(mean: values, deviation: deviations),
            resampling: PixelResampling(
                try fields.filter(default: kind == "ViTImageProcessor" ? .bilinear : .bicubic), arithmetic))
        try fields.require("use_square_size", false)
        try fields.refuseUnread(except: ConfigurationReader.harmlessPictureFields)
    }
}

extension GemmaImageProcessing {
    init(_ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic) throws {
        self.init()
        try read(fields, arithmetic, normalises: false)
        try fields.refuseUnread(except: ConfigurationReader.harmlessPictureFields.union(["crop_size", "size"]))
    }

    /// What images and frames have in common; where a field is not there, the value stays.
    mutating func read(
        _ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic, normalises: Bool
    ) throws {
        patchSide = try fields.wholeNumber("patch_size", in: ConfigurationReader.PictureRange.patchSides) ?? patchSide
        poolSide =
            try fields.wholeNumber("pooling_kernel_size", in: ConfigurationReader.PictureRange.smallCounts) ?? poolSide
        if let count = try fields.wholeNumber("max_soft_tokens") {
            guard GemmaImageProcessing.tokenBudgets.contains(count) else {
                let known = GemmaImageProcessing.tokenBudgets.map(String.init).joined(separator: ", ")
                throw fields.error("max_soft_tokens", "one of \(known) is expected")
            }
            tokenBudget = count
        }
        resizes = try fields.bool("do_resize", default: true)
        resampling = PixelResampling(try fields.filter(default: .bicubic), arithmetic)
        normalisation = try fields.normalisation(
            mean: PixelNormalisation.Means.zero, deviation: PixelNormalisation.Deviations.one, normalises: normalises)
        try fields.refuseOtherSteps()
    }
}

extension ConfigurationReader {
    /// `size`: a number, `{"shortest_edge"}` or `{"height", "width"}`.
    ///
    /// - Parameter isSquare: whether a number is that of both sides.
    fileprivate func resizing(isSquare: Bool) throws -> CroppedImageProcessing.Resizing? {
        guard let value = self["size"] else { return nil }
        if value.object == nil {
            guard let side = try wholeNumber("size", in: PictureRange.sides) else { return nil }
            return isSquare ? .exact(PixelSize(width: side, height: side)) : .shortestEdge(side)
        }
        guard let fields = try optionalSection("size") else { return nil }
        if let side = try fields.wholeNumber("shortest_edge", in: PictureRange.sides) {
            try fields.refuseUnread(except: [])
            return .shortestEdge(side)
        }
        return .exact(try fields.sides())
    }

    /// `crop_size`: a number or `{"height", "width"}`.
    fileprivate func cropSize() throws -> PixelSize? {
        guard let value = self["crop_size"] else { return nil }
        guard value.object == nil else { return try optionalSection("crop_size")?.sides() }
        return try wholeNumber("crop_size", in: PictureRange.sides).map { PixelSize(width: $0, height: $0) }
    }

    private func sides() throws -> PixelSize {
        guard let height = try wholeNumber("height", in: PictureRange.sides) else {
            throw error("height", "the field is missing")
        }
        guard let width = try wholeNumber("width", in: PictureRange.sides) else {
            throw error("width", "the field is missing")
        }
        try refuseUnread(except: [])
        return PixelSize(width: width, height: height)
    }
}
