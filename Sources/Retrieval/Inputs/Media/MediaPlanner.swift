internal import Base
public import Models
internal import Records
internal import SystemPackage

/// What becomes of the images, videos and sounds of one model's inputs. Nothing is decoded; shared freely between threads.
public struct MediaPlanner: Sendable {
    /// How the model is given features among tokens.
    let rules: MediaRules
    public let image: ImageProcessing?
    public let video: VideoProcessing?
    public let sound: SoundFrontEnd?
    public let settings: InputSettings
    /// Whether the model is told the rate at which frames were to be taken, and not that at which they were.
    private let saysWantedRate: Bool
    /// How the sound of a video stands among its pictures; nil where it is left out.
    let videoSound: MediaRules.VideoSound?
    /// Where processors' files are looked for, for messages.
    private let folder: FilePath

    /// - Returns: nil for a model that neither sees nor hears.
    /// - Throws: `InputError` for a file of a processor that is not supported; `Failure` (78) for settings that the model's
    ///   processors have no use for.
    public init?(_ model: EmbeddingModel) throws {
        guard let rules = model.text.media else { return nil }
        self.rules = rules
        let settings = model.card.inputs
        self.settings = settings
        folder = model.processorFolder
        let processors = try VisionProcessors(folder: folder)
        image = rules.image == nil ? nil : try processors.image.map { try Self.image($0, settings) }
        let isOmni = model.card.family.hasPrefix("qwen2_5_omni")
        saysWantedRate = isOmni
        video = rules.video == nil ? nil : try processors.video.map { try Self.video($0, settings, isOmni: isOmni) }
        // A tower of whole pieces hears silence behind a clip.
        sound =
            try rules.audio == nil || !FeatureExtractorFile.exists(in: folder)
            ? nil : SoundFrontEnd(folder: folder, keepsChunk: rules.soundPiece > 1)
        videoSound = try Self.videoSound(rules, settings, sound)
        try checkUse()
    }

    /// - Throws: `Failure` (78) where the sound of a video is to be heard and cannot be.
    private static func videoSound(
        _ rules: MediaRules, _ settings: InputSettings, _ sound: SoundFrontEnd?
    ) throws -> MediaRules.VideoSound? {
        guard settings.videoAudio ?? false else { return nil }
        guard let videoSound = rules.videoSound else {
            throw Failure(
                .badConfiguration, "inputs: the model is not given the sound of a video, as video_audio has it",
                advice: "Leave it out; a sound may be an item of its own, the field audio of a record.")
        }
        guard sound != nil else {
            throw Failure(
                .badConfiguration, "inputs: video_audio, and no file of the model says how sounds are prepared",
                advice: "preprocessor_config.json has the feature extractor of a published model.")
        }
        return videoSound
    }

    private static func refusal(_ key: InputSettings.Key) -> Failure {
        Failure(
            .badConfiguration, "inputs: the model's processors have no use for \(key.rawValue)",
            advice: "leave it out; the sizes in the processors' files hold")
    }

    /// Refuses what is said of media that the model does not take.
    private func checkUse() throws {
        let images: [InputSettings.Key] = [.imageSize, .imagePixels, .queryImage]
        // Frames of a model that has a processor for images alone are images of their own.
        let videos: [InputSettings.Key] = [.frameRate, .frameSize, .framePixels]
        for key in (image == nil ? images : []) + (video == nil ? videos : [])
        where settings.text(of: key) != nil { throw Self.refusal(key) }
        if rules.video == nil, settings.frameCount != nil { throw Self.refusal(.frameCount) }
    }

    private static func image(
        _ processing: ImageProcessing, _ settings: InputSettings
    ) throws -> ImageProcessing {
        guard case .qwen(var qwen) = processing else {
            if settings.imageSize != nil { throw refusal(.imageSize) }
            if settings.imagePixels != nil { throw refusal(.imagePixels) }
            return processing
        }
        if let size = settings.imageSize {
            qwen.loader = QwenImageLoader(factor: qwen.factor, requestedSize: PixelSize(size))
        }
        if let pixels = settings.imagePixels { qwen.budget = PixelBudget(pixels) }
        return .qwen(qwen)
    }

    /// - Parameter isOmni: Qwen2.5-Omni's processor has a budget for frames of its own, whatever the file says.
    private static func video(
        _ processing: VideoProcessing, _ settings: InputSettings, isOmni: Bool
    ) throws -> VideoProcessing {
        let even = settings.frameCount.map { FrameSampling.even(count: $0) }
        switch processing {
        case .qwen(var qwen):
            if let rate = settings.frameRate {
                qwen.sampling = .loaderRate(rate, minimum: 4, maximum: settings.frameCount ?? 768)
            } else if let even {
                qwen.sampling = even
            }
            if isOmni { qwen.frame.budget = QwenVideoProcessing.omniBudget }
            if let pixels = settings.framePixels { qwen.frame.budget = PixelBudget(pixels) }
            if let size = settings.frameSize {
                qwen.loader = QwenFrameLoader(factor: qwen.frame.factor, requestedSize: PixelSize(size))
            }
            return .qwen(qwen)
        case .gemma(var gemma):
            if settings.frameSize != nil { throw refusal(.frameSize) }
            if settings.framePixels != nil { throw refusal(.framePixels) }
            if let rate = settings.frameRate {
                // Its processor takes both itself.
                gemma.sampling = gemma.sampling.at(rate, maximum: settings.frameCount)
            } else if let even {
                gemma.sampling = even
            }
            return .gemma(gemma)
        }
    }

    /// Samples a second that sounds of such media are decoded to; nil where nothing of them is heard.
    func soundRate(of kind: MediaKind) -> Int? {
        switch kind {
        case .image: nil
        case .video: videoSound == nil ? nil : sound?.rate
        case .audio: sound?.rate
        }
    }

    /// The plan of an item.
    ///
    /// - Throws: `InputError` for one that the model does not take.
    func plan(
        _ kind: MediaKind, _ digest: SHA256Digest?, _ extent: MediaExtent, at place: @autoclosure () -> Place,
        of id: [UInt8]
    ) throws -> PlannedMedia {
        let (processing, shape, isCut): (PlannedMedia.Processing, MediaItem.Shape, Bool)
        var (seconds, placeholders): (Double?, MediaRules.Planned.Placeholders) = (nil, .one)
        do throws(PictureFault) {
            switch extent {
            case .image(let size):
                guard rules.image != nil, let image else {
                    throw unseen("images", rules.image == nil ? nil : "an image processor")
                }
                // What stands in for an image is as large as it is said to be, whatever becomes of others.
                let own = digest == nil ? image.withoutLoader : image
                let plan = try own.plan(size, patchSide: rules.patchSize, mergeSide: rules.mergeSize)
                (processing, shape, isCut) = (.image(plan), .grid(plan.grid), false)
            case .video(let video):
                guard rules.video != nil else { throw unseen("videos", nil) }
                let plan = try self.plan(video)
                (processing, shape, isCut) = (.video(plan), .grid(plan.grid), false)
                (seconds, placeholders) = times(of: plan, video)
            case .sound(let sampleCount):
                guard rules.audio != nil, let sound else {
                    throw unseen("sounds", rules.audio == nil ? nil : "a feature extractor")
                }
                let frameCount = sound.frameCount(sampleCount: sampleCount)
                guard sampleCount > 0, frameCount > 0 else {
                    throw unheard(sampleCount, sound)
                }
                processing = .sound(frameCount: frameCount)
                (shape, isCut) = (.frames(frameCount), sampleCount > sound.longestSampleCount)
            }
        } catch {
            throw error.error(at: place(), offender: id)
        }
        let ruleKind: MediaRules.Kind =
            switch kind {
            case .image: .image
            case .video: .video
            case .audio: .audio
            }
        // Refuses what the tower makes nothing of.
        do {
            _ = try rules.featureCount(shape, at: place())
        } catch let error as InputError {
            let advice = error.advice ?? (kind == .audio ? Self.adviceOnShortSounds : nil)
            throw InputError(error.reason, at: place(), offender: id, advice: advice)
        }
        let identity = SHA256Digest.of(
            Array(kind.rawValue.utf8) + (digest.map { Array($0.bytes) } ?? Array("\(extent)".utf8)))
        return PlannedMedia(
            kind: kind, digest: digest, extent: extent, processing: processing,
            planned: MediaRules.Planned(
                ruleKind, shape, identity: identity, secondsPerStep: seconds, placeholders: placeholders),
            isCut: isCut)
    }

    private func unheard(_ sampleCount: Int, _ sound: SoundFrontEnd) -> PictureFault {
        let seconds = decimal(Double(sampleCount) / Double(sound.rate), digits: 4)
        return PictureFault(
            "the sound has \(sampleCount) samples, \(seconds) seconds, and the model hears nothing in it",
            advice: Self.adviceOnShortSounds)
    }

    private static let adviceOnShortSounds =
        "Leave such records out, or put silence behind the sounds: ffmpeg's filter apad, for example."

    /// - Parameter file: what the model's folder lacks; nil where the model itself has no use for such media.
    private func unseen(_ what: String, _ file: String?) -> PictureFault {
        guard let file else { return PictureFault("the model takes no \(what)") }
        return PictureFault("the model takes no \(what): \(folder) says nothing of \(file)")
    }

    private func plan(_ extent: VideoExtent) throws(PictureFault) -> VideoPlan {
        if let video { return try video.plan(extent, patchSide: rules.patchSize) }
        guard let image else { throw unseen("videos", "a video processor") }
        guard let count = settings.frameCount else {
            throw PictureFault(
                "the model's files do not say which frames of a video it takes",
                advice: "Say how many: inputs frames=8, for example.")
        }
        let frames = FrameSampling.even(count: count)
        return VideoPlan(
            frameIndices: try frames.indices(of: extent),
            frame: try image.plan(extent.size, patchSide: rules.patchSize, mergeSide: rules.mergeSize))
    }

    /// Seconds between steps as the model is told them, and how its pictures are named.
    ///
    /// A processor that is not told at which rate frames were taken counts on 2 a second; qwen-vl-utils tells it at which
    /// they were, those of a short video being more than was asked for. Qwen2.5-Omni's takes one rate for all videos.
    private func times(of plan: VideoPlan, _ extent: VideoExtent) -> (Double?, MediaRules.Planned.Placeholders) {
        switch video {
        case .qwen(let qwen) where qwen.generation == .qwen3: return (nil, .eachPicture)
        case .qwen(let qwen):
            var rate = settings.frameRate ?? 2
            if settings.frameRate != nil, !saysWantedRate, let ownRate = extent.frameRate {
                rate = Double(plan.frameIndices.count) / Double(extent.frameCount) * ownRate
            }
            return (Double(qwen.frame.framesPerPatch) / rate, .one)
        case .gemma(let gemma): return (nil, gemma.addsTimestamps ? .eachPicture : .one)
        case nil: return (nil, .one)
        }
    }

    /// What a conversation has around the placeholder of each picture of such a video; nothing where the tokens that become
    /// of placeholders have it.
    var pictureMarks: (begin: [UInt8], end: [UInt8]) {
        guard case .qwen = video else { return ([], []) }
        return (Array("<|vision_start|>".utf8), Array("<|vision_end|>".utf8))
    }

    /// The texts before each picture of a video that is named picture by picture.
    func pictureTexts(_ media: PlannedMedia) -> [String]? {
        guard media.planned.placeholders == .eachPicture, case .video(let plan) = media.processing,
            case .video(let extent) = media.extent
        else { return nil }
        if case .gemma = video {
            let rate = extent.frameRate ?? 1
            return plan.frameIndices.enumerated().map { number, index in
                (number == 0 ? "" : " ") + VideoTimes.text(seconds: Double(index) / rate) + " "
            }
        }
        // Seconds in the middle of the frames of a step; a video that has no rate counts as one of 24 frames a second.
        let (rate, perStep) = (extent.frameRate ?? 24, plan.frame.layout.framesPerPatch)
        return stride(from: 0, to: plan.frameIndices.count, by: perStep).map { first in
            let last = min(first + perStep, plan.frameIndices.count) - 1
            let seconds = (Double(plan.frameIndices[first]) / rate + Double(plan.frameIndices[last]) / rate) / 2
            return "<\(decimal(seconds, digits: 1)) seconds>"
        }
    }
}

extension MediaItem.Shape {
    fileprivate static func grid(_ grid: PatchGrid) -> MediaItem.Shape {
        .grid(time: grid.time, height: grid.height, width: grid.width)
    }
}

extension PixelSize {
    fileprivate init(_ size: InputSettings.Size) { self.init(width: size.width, height: size.height) }
}

extension PixelBudget {
    fileprivate init(_ pixels: ClosedRange<Int>) {
        self.init(minimum: Double(pixels.lowerBound), maximum: Double(pixels.upperBound))
    }
}
