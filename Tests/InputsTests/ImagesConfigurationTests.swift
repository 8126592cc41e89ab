import Base
import JSON
import SystemPackage
import TestKit
import Testing

import Inputs

@Suite struct ImagesConfigurationTests {
    private func image(_ text: String) throws -> ImageProcessing {
        try ImageProcessing(
            JSONValue.parse(Array(text.utf8), path: "p.json"), path: "p.json", arithmetic: .pillow)
    }

    private func video(_ text: String) throws -> VideoProcessing {
        try VideoProcessing(
            JSONValue.parse(Array(text.utf8), path: "v.json"), path: "v.json", arithmetic: .torchBytes)
    }

    /// As Qwen2-VL was published.
    private let old = """
        {"min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
         "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
         "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2VLProcessor"}
        """

    @Test func whatFilesSay() throws {
        guard case .qwen(let qwen) = try image(old) else { throw PictureFault("another kind") }
        #expect(qwen.budget == PixelBudget(minimum: 3136, maximum: 12_845_056))
        #expect(qwen.normalisation == .clip)
        guard
            case .qwen(let omni) = try image(
                """
                {"image_processor_type": "Qwen2VLImageProcessorFast", "feature_extractor_type": "WhisperFeatureExtractor",
                 "feature_size": 128, "sampling_rate": 16000, "hop_length": 160, "size": {"shortest_edge": 100,
                 "longest_edge": 2000}, "max_pixels": 5000, "do_rescale": true, "resample": 2, "do_normalize": false}
                """)
        else { throw PictureFault("another kind") }
        #expect(omni.budget == PixelBudget(minimum: 100, maximum: 5000))
        #expect(omni.resampling.filter == .bilinear)
        #expect(omni.normalisation == PixelNormalisation(rescaleFactor: 1.0 / 255, mean: nil, deviation: nil))
        guard case .cropped(let vit) = try image(#"{"feature_extractor_type": "ViTFeatureExtractor", "size": 384}"#)
        else { throw PictureFault("another kind") }
        #expect(vit.resizing == .exact(PixelSize(width: 384, height: 384)) && vit.crop == nil)
        guard case .cropped(let bit) = try image(#"{"image_processor_type": "BitImageProcessor", "size": 256}"#)
        else { throw PictureFault("another kind") }
        #expect(bit.resizing == .shortestEdge(256) && bit.crop == PixelSize(width: 224, height: 224))
        guard case .qwen(let qwen2) = try video(#"{"video_processor_type": "Qwen2VLVideoProcessor", "fps": 2}"#)
        else { throw PictureFault("another kind") }
        #expect(qwen2.sampling == .all && qwen2.tokenCap == nil)
        guard
            case .qwen(let sampled) = try video(
                """
                {"video_processor_type": "Qwen2VLVideoProcessor", "fps": 1.5, "do_sample_frames": true, "max_frames": 10,
                 "cap_pixels_per_frame": true}
                """)
        else { throw PictureFault("another kind") }
        #expect(sampled.sampling == .qwen2Rate(1.5, minimum: 4, maximum: 10, framesPerPatch: 2))
        #expect(sampled.tokenCap == 128_000)
    }

    @Test(arguments: [
        (#""image_processor_type": "Qwen2VLImageProcessor", "tiles": 4"#, "tiles"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "resample": 1"#, "resample"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "do_pad": true"#, "do_pad"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "patch_size": 0"#, "patch_size"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "image_mean": [0.5, 0.5]"#, "image_mean"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "image_std": 0"#, "image_std"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "size": {"height": 4}"#, "size.height"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 9e6"#, "size"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "do_center_crop": true"#, "do_center_crop"),
        (#""image_processor_type": "Qwen2VLImageProcessor", "hop_length": 160"#, "hop_length"),
        (#""image_processor_type": "BitImageProcessor", "size": {"longest_edge": 4}"#, "size.height"),
        (#""image_processor_type": "BitImageProcessor", "do_resize": "no""#, "do_resize"),
        (#""image_processor_type": "Gemma4ImageProcessor", "max_soft_tokens": 100"#, "max_soft_tokens"),
        (#""image_processor_type": "LlavaImageProcessor""#, "image_processor_type"),
        (#""patch_size": 14"#, "image_processor_type"),
    ]) func refusedImageFields(_ fields: String, _ name: String) {
        let error = #expect(throws: InputError.self) { try image("{\(fields)}") }
        #expect(error?.place == Place(path: "p.json", field: name))
        #expect(error?.exitStatus == .badConfiguration)
    }

    @Test(arguments: [
        (#""video_processor_type": "Qwen2VLVideoProcessor", "do_sample_frames": true"#, "fps"),
        (
            #""video_processor_type": "Qwen2VLVideoProcessor", "do_sample_frames": true, "fps": 1, "num_frames": 2"#,
            "num_frames"
        ),
        (#""video_processor_type": "Qwen3VLVideoProcessor", "num_frames": 2"#, "num_frames"),
        (#""video_processor_type": "EmbeddingGemma2VideoProcessor", "num_frames": 2"#, "num_frames"),
        (
            #""video_processor_type": "EmbeddingGemma2VideoProcessor", "overflow_strategy": "random""#,
            "overflow_strategy"
        ),
        (#""video_processor_type": "Qwen3VLVideoProcessor", "fps": 0"#, "fps"),
        (#""video_processor_type": "Qwen3VLVideoProcessor", "speed": 2"#, "speed"),
        (#""image_processor_type": "BitImageProcessor""#, "video_processor_type"),
    ]) func refusedVideoFields(_ fields: String, _ name: String) {
        let error = #expect(throws: InputError.self) { try video("{\(fields)}") }
        #expect(error?.place == Place(path: "v.json", field: name))
    }

    /// What nests in one file as transformers 5 writes it comes before the files beside it.
    @Test func folders() throws {
        let folder = try TemporaryFolder()
        let none = try VisionProcessors(folder: folder.path)
        #expect(none.image == nil && none.video == nil)

        _ = try folder.write(old, to: "preprocessor_config.json")
        let two = try VisionProcessors(folder: folder.path)
        guard case .qwen(let video)? = two.video else { throw PictureFault("another kind") }
        #expect(video.generation == .qwen2)
        #expect(video.frame.budget == PixelBudget(minimum: 3136, maximum: 12_845_056))

        let images = String(
            decoding: try Files.readAll(ImagesGolden.folder.appending("qwen3-image.json")), as: UTF8.self)
        let videos = String(
            decoding: try Files.readAll(ImagesGolden.folder.appending("qwen3-video.json")), as: UTF8.self)
        _ = try folder.write(
            #"{"processor_class": "Qwen3VLProcessor", "image_processor": \#(images), "video_processor": \#(videos)}"#,
            to: "processor_config.json")
        let three = try VisionProcessors(folder: folder.path)
        guard case .qwen(let image)? = three.image, case .qwen(let clip)? = three.video else {
            throw PictureFault("another kind")
        }
        #expect(image.patchSide == 16 && image.resampling.arithmetic == .pillow)
        #expect(clip.generation == .qwen3 && clip.frame.resampling.arithmetic == .torchBytes)

        _ = try folder.write(#"{"image_processor": {"image_processor_type": 3}}"#, to: "processor_config.json")
        let error = #expect(throws: InputError.self) { try VisionProcessors(folder: folder.path) }
        #expect(error?.place.field == "image_processor.image_processor_type")
        _ = try folder.write(#"{"pixels": 3}"#, to: "processor_config.json")
        #expect(throws: InputError.self) { try VisionProcessors(folder: folder.path) }
    }

    /// Without a file for videos those of Qwen3-VL have no processor: transformers would take Qwen2-VL's.
    @Test func videosOfAnotherGeneration() throws {
        let folder = try TemporaryFolder()
        let named = old.replacing("Qwen2VLProcessor", with: "Qwen3VLProcessor")
        _ = try folder.write(named, to: "preprocessor_config.json")
        let byProcessor = try VisionProcessors(folder: folder.path)
        #expect(byProcessor.image != nil && byProcessor.video == nil)
        _ = try folder.write(old, to: "preprocessor_config.json")
        #expect(try VisionProcessors(folder: folder.path).video != nil)
        _ = try folder.write(#"{"model_type": "qwen3_vl"}"#, to: "config.json")
        #expect(try VisionProcessors(folder: folder.path).video == nil)
        _ = try folder.write(#"{"model_type": "qwen2_5_vl"}"#, to: "config.json")
        #expect(try VisionProcessors(folder: folder.path).video != nil)
    }

    /// A model and its processor must cut the same patches.
    @Test func patchesOfAnotherSize() throws {
        let processing = try image(old)
        #expect(throws: PictureFault.self) {
            try processing.plan(PixelSize(width: 100, height: 100), patchSide: 16)
        }
    }
}
