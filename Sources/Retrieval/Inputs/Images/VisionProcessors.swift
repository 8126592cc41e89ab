internal import Base
internal import JSON
internal import Models
public import SystemPackage

/// The processors of images and videos that a model folder has.
public struct VisionProcessors: Sendable, Hashable {
    public let image: ImageProcessing?
    public let video: VideoProcessing?

    /// Reads them as transformers does: from `processor_config.json` where they are nested in it, else from
    /// `preprocessor_config.json` and `video_preprocessor_config.json`. Without the latter, the video processor of the same
    /// model is made of what the file says of images, where that model has one; not so that of Qwen3-VL, whose images have
    /// Qwen2-VL's processor, and whose videos would get that of Qwen2-VL with it.
    ///
    /// - Parameters:
    ///   - imageArithmetic: who scales images: see ``ImageProcessing``.
    ///   - videoArithmetic: who scales frames.
    /// - Throws: `InputError` that names file and field; `SystemError` where a file cannot be read.
    public init(
        folder: FilePath, imageArithmetic: PixelResampling.Arithmetic = .pillow,
        videoArithmetic: PixelResampling.Arithmetic = .torchBytes
    ) throws {
        let nested = try VisionProcessors.file("processor_config.json", in: folder)
        let imageFile = try VisionProcessors.file("preprocessor_config.json", in: folder)
        let videoFile = try VisionProcessors.file("video_preprocessor_config.json", in: folder)
        if let nested { try VisionProcessors.checkProcessor(nested.value, nested.path) }

        if let nested, let value = nested.value["image_processor"] {
            image = try ImageProcessing(
                value, path: nested.path, prefix: "image_processor.", arithmetic: imageArithmetic)
        } else if let imageFile, !VisionProcessors.isSoundOnly(imageFile.value) {
            image = try ImageProcessing(imageFile.value, path: imageFile.path, arithmetic: imageArithmetic)
        } else {
            image = nil
        }
        if let nested, let value = nested.value["video_processor"] {
            video = try VideoProcessing(
                value, path: nested.path, prefix: "video_processor.", arithmetic: videoArithmetic)
        } else if let videoFile {
            video = try VideoProcessing(videoFile.value, path: videoFile.path, arithmetic: videoArithmetic)
        } else if let imageFile, case .qwen? = image, try !VisionProcessors.isOfQwen3(folder, imageFile.value) {
            video = try VideoProcessing(imageFile.value, path: imageFile.path, arithmetic: videoArithmetic)
        } else {
            video = nil
        }
    }

    /// - Returns: nil where there is no such file.
    private static func file(_ name: String, in folder: FilePath) throws -> (value: JSONValue, path: String)? {
        let path = folder.appending(name)
        do {
            return (try JSONValue.parse(pythonFile: path), path.string)
        } catch let error as SystemError where error.exitStatus == .missingInput {
            return nil
        }
    }

    /// Whether a folder is that of a Qwen3-VL, by its model or by what it calls its processor.
    private static func isOfQwen3(_ folder: FilePath, _ imageFile: JSONValue) throws -> Bool {
        let modelType = try file("config.json", in: folder)?.value["model_type"]?.string ?? ""
        return modelType.hasPrefix("qwen3") || imageFile["processor_class"]?.string?.hasPrefix("Qwen3") == true
    }

    /// The fields of a `processor_config.json` around the processors.
    private static func checkProcessor(_ value: JSONValue, _ path: String) throws {
        // What counts tokens of sounds is for whoever reads sounds; the template of prompts for whoever writes them.
        let harmless: Set<String> = [
            "audio_ms_per_token", "audio_seq_length", "auto_map", "chat_template", "feature_extractor",
            "image_processor", "image_seq_length", "processor_class", "tokenizer", "transformers_version",
            "video_processor",
        ]
        try ConfigurationReader(processor: value, path: path).refuseUnread(except: harmless)
    }

    /// Whether a file is about sounds alone.
    private static func isSoundOnly(_ value: JSONValue) -> Bool {
        value["image_processor_type"] == nil
            && value["feature_extractor_type"]?.string.map { !FeatureExtractorFile.extractorsOfPictures.contains($0) }
                ?? false
    }
}
