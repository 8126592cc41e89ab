public import JSON
internal import Models

/// How videos become what a vision tower takes: what a processor's configuration says.
public enum VideoProcessing: Sendable, Hashable {
    case qwen(QwenVideoProcessing)
    case gemma(GemmaVideoProcessing)

    /// Reads `video_preprocessor_config.json`, the object `video_processor` of a `processor_config.json`, or, as
    /// transformers does where there is neither, the `preprocessor_config.json` of images.
    ///
    /// - Parameters: as those of ``ImageProcessing``. With the numbers that qwen-vl-utils makes of frames, ``VideoPlan``
    ///   takes torch's arithmetic of floats in any case.
    /// - Throws: `InputError` that names file and field, for a processor, a field or a value that is not supported.
    public init(
        _ value: JSONValue, path: String, prefix: String = "", arithmetic: PixelResampling.Arithmetic
    ) throws {
        let fields = try ConfigurationReader(processor: value, path: path, prefix: prefix)
        let kind = try VideoProcessing.kind(fields)
        switch kind {
        case "Qwen2VLVideoProcessor": self = .qwen(try QwenVideoProcessing(.qwen2, fields, arithmetic))
        case "Qwen3VLVideoProcessor": self = .qwen(try QwenVideoProcessing(.qwen3, fields, arithmetic))
        case "EmbeddingGemma2VideoProcessor": self = .gemma(try GemmaVideoProcessing(fields, arithmetic))
        default:
            throw fields.error("video_processor_type", "the video processor \(kind) is not supported")
        }
    }

    /// What becomes of a video.
    ///
    /// - Parameter patchSide: of the model; the processor must have the same.
    /// - Throws: ``PictureFault``
    public func plan(_ video: VideoExtent, patchSide: Int) throws(PictureFault) -> VideoPlan {
        let plan =
            switch self {
            case .qwen(let processing): try processing.plan(video)
            case .gemma(let processing): try processing.plan(video)
            }
        guard plan.frame.layout.patchSide == patchSide else {
            throw PictureFault(
                "the video processor cuts patches with sides of \(plan.frame.layout.patchSide) pixels, and the model "
                    + "takes \(patchSide)")
        }
        return plan
    }

    private static func kind(_ fields: ConfigurationReader) throws -> String {
        if let name = try fields.optionalString("video_processor_type") { return name }
        guard let name = try fields.optionalString("image_processor_type") else {
            throw fields.error("video_processor_type", "the field is missing")
        }
        let kind = ImageProcessing.withoutBackend(name)
        guard kind.hasSuffix("ImageProcessor") else { return kind }
        return kind.dropLast("ImageProcessor".count) + "VideoProcessor"
    }
}

extension QwenVideoProcessing {
    init(
        _ generation: Generation, _ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic
    ) throws {
        self.init(generation)
        let isOld = generation == .qwen2
        try frame.read(
            fields, arithmetic,
            mean: isOld ? PixelNormalisation.Means.clip : PixelNormalisation.Means.half,
            deviation: isOld ? PixelNormalisation.Deviations.clip : PixelNormalisation.Deviations.half)
        sampling = try QwenVideoProcessing.sampling(generation, fields, frame.framesPerPatch)
        let cap = try fields.wholeNumber("max_video_tokens") ?? (isOld ? 128_000 : 768)
        tokenCap = try fields.bool("cap_pixels_per_frame", default: false) ? cap : nil
        try fields.require("video_metadata")
        // The last ones are those of classes that nothing reads.
        let harmless: Set<String> = ["crop_size", "max_duration", "max_image_size", "use_token_compression"]
        let sound =
            try fields.optionalString("feature_extractor_type") == nil
            ? [] : ConfigurationReader.processorFieldsOfSounds
        try fields.refuseUnread(except: ConfigurationReader.harmlessPictureFields.union(harmless).union(sound))
    }

    private static func sampling(
        _ generation: Generation, _ fields: ConfigurationReader, _ framesPerPatch: Int
    ) throws -> FrameSampling {
        let frames = ConfigurationReader.PictureRange.frames
        let minimum = try fields.wholeNumber("min_frames", in: frames) ?? 4
        let maximum = try fields.wholeNumber("max_frames", in: frames) ?? 768
        let count = try fields.wholeNumber("num_frames", in: frames)
        let rate = try fields.optionalPositiveNumber("fps", to: ConfigurationReader.PictureRange.largestRate)
        guard try fields.bool("do_sample_frames", default: generation == .qwen3) else { return .all }
        if generation == .qwen3 {
            // The class has a rate in any case, and transformers takes one of both only.
            guard count == nil else {
                throw fields.error("num_frames", "frames are taken at a rate by this processor: see fps")
            }
            return .qwen3Rate(rate ?? 2, minimum: minimum, maximum: maximum)
        }
        switch (count, rate) {
        case (let count?, nil): return .qwen2Count(count, framesPerPatch: framesPerPatch)
        case (nil, let rate?):
            return .qwen2Rate(rate, minimum: minimum, maximum: maximum, framesPerPatch: framesPerPatch)
        case (nil, nil): throw fields.error("fps", "frames are to be taken, and neither fps nor num_frames is there")
        case (_?, _?): throw fields.error("num_frames", "only one of fps and num_frames can be had")
        }
    }
}

extension GemmaVideoProcessing {
    init(_ fields: ConfigurationReader, _ arithmetic: PixelResampling.Arithmetic) throws {
        self.init()
        try frame.read(fields, arithmetic, normalises: true)
        try fields.require("num_frames")
        try fields.require("video_metadata")
        let rate = try fields.optionalPositiveNumber("fps", to: ConfigurationReader.PictureRange.largestRate) ?? 1
        let maximum = try fields.wholeNumber("max_frames", in: ConfigurationReader.PictureRange.frames) ?? 32
        try fields.require("overflow_strategy", "uniform", "truncate")
        let cutsEnd = try fields.optionalString("overflow_strategy") == "truncate"
        sampling =
            try fields.bool("do_sample_frames", default: true)
            ? .gemma(rate: rate, maximum: maximum, cutsEnd: cutsEnd) : .all
        addsTimestamps = try fields.bool("add_timestamps", default: false)
        loadsSound = try fields.bool("load_audio_from_video", default: false)
        try fields.refuseUnread(except: ConfigurationReader.harmlessPictureFields.union(["crop_size", "size"]))
    }
}
