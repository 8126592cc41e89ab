internal import Base
internal import JSON
internal import Models
package import SystemPackage

/// Where a model's folder says how sounds become features.
enum FeatureExtractorFile {
    static let processorName = "processor_config.json"
    static let preprocessorName = "preprocessor_config.json"

    /// The fields of the feature extractor.
    ///
    /// The object `feature_extractor` (or `audio_processor`) within `processor_config.json`, as transformers 5 writes
    /// it; where there is none all of `preprocessor_config.json`, which may hold fields of images as well.
    ///
    /// - Throws: `Failure` if there is neither.
    static func reader(in folder: FilePath) throws -> ConfigurationReader {
        if let nested = try nested(in: folder) { return nested }
        let preprocessor = folder.appending(preprocessorName)
        guard Files.exists(preprocessor) else {
            throw Failure(
                .missingInput,
                "\(folder) does not say how sounds become features: there is no \(preprocessorName), and no "
                    + "feature_extractor in a \(processorName)")
        }
        return try ConfigurationReader(file: preprocessor)
    }

    /// The extractor's own object within `processor_config.json`; nil where there is none.
    private static func nested(in folder: FilePath) throws -> ConfigurationReader? {
        let processor = folder.appending(processorName)
        guard Files.exists(processor) else { return nil }
        let reader = try ConfigurationReader(file: processor)
        for field in ["feature_extractor", "audio_processor"] where reader[field] != nil {
            return try reader.section(field)
        }
        return nil
    }

    /// Whether a folder says anything of sounds.
    static func exists(in folder: FilePath) throws -> Bool {
        if try nested(in: folder) != nil { return true }
        let preprocessor = folder.appending(preprocessorName)
        guard Files.exists(preprocessor),
            let type = try ConfigurationReader(file: preprocessor)["feature_extractor_type"]?.string
        else { return false }
        return type.hasSuffix("FeatureExtractor") && !extractorsOfPictures.contains(type)
    }

    /// Feature extractors of old versions that read images.
    static let extractorsOfPictures: Set<String> = ["CLIPFeatureExtractor", "ViTFeatureExtractor"]

    /// Fields that no feature depends on.
    ///
    /// The mask is made or not by those who call the extractor; `do_normalize` is one of their arguments too, and what
    /// the file says of it is never looked at (it may be meant for images).
    static let harmless: Set<String> = [
        "auto_map", "do_normalize", "feature_extractor_type", "processor_class", "return_attention_mask",
    ]

    /// Fields of the images and videos of a model whose processors share one file.
    static let fieldsOfPictures: Set<String> = [
        "crop_size", "data_format", "default_to_square", "device", "disable_grouping", "do_center_crop",
        "do_convert_rgb", "do_pad", "do_rescale", "do_resize", "do_sample_frames", "fps", "image_mean",
        "image_processor_type", "image_std", "input_data_format", "max_frames", "max_pixels", "max_soft_tokens",
        "merge_size", "min_frames", "min_pixels", "num_frames", "patch_size", "pooling_kernel_size", "resample",
        "rescale_factor", "return_metadata", "size", "size_divisor", "temporal_patch_size", "video_metadata",
        "video_processor_type",
    ]
}

extension ConfigurationReader {
    /// - Throws: `InputError` for a number that the reference computes from others, and that the file states otherwise.
    func requireDerived(_ field: String, _ value: Int, from sources: String) throws {
        guard let stated = self[field], stated.double != Double(value) else { return }
        throw error(
            field, "\(value) is expected, which follows from \(sources)",
            advice: "transformers computes this field, and passes over what the file says")
    }
}

extension SoundFrontEnd {
    /// Reads a model's folder, as transformers' `AutoFeatureExtractor` does: the front end that its feature extractor is.
    ///
    /// - Parameter keepsChunk: true for Whisper's own encoder, false for Qwen2.5-Omni.
    /// - Throws: `Failure` if the folder says nothing of sounds; `InputError` for other extractors, numbers out of range,
    ///   settings that are not supported, and fields that are not known.
    package init(folder: FilePath, keepsChunk: Bool) throws {
        let reader = try FeatureExtractorFile.reader(in: folder)
        if try reader.string("feature_extractor_type") == "Gemma4AudioFeatureExtractor" {
            self = .gemma(try GemmaFrontEnd(reader))
        } else {
            self = .whisper(try WhisperFrontEnd(reader, keepsChunk: keepsChunk))
        }
    }
}
