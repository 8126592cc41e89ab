import Base
import JSON
public import SystemPackage

/// The folder of a small model that reads texts, images, videos and sounds: all of it but weights, which nobody reads who
/// only asks what it would be given.
///
/// Images and frames are cut to 56 × 56 pixels, which are 2 × 2 tokens; a sound is heard for one second, in 100 frames of
/// 8 mels, which are 5 tokens. It knows syllables, as the golden BERT does, and takes 32 tokens.
public enum SeeingModel {
    /// - Parameter documentLimit: tokens of a document.
    public static func write(to folder: FilePath, documentLimit: Int = 24) throws {
        let text = sourceRoot.appending("Tests/TrainingTests/Golden/tiny-bert")
        try Files.makeDirectory(folder)
        try Files.replace(folder.appending("tokenizer.json"), with: Files.readAll(text.appending("tokenizer.json")))
        var ofText = try JSONValue.parse(file: text.appending("config.json")).object ?? [:]
        ofText["architectures"] = nil
        func write(_ name: String, _ json: JSONValue) throws {
            try Files.replace(folder.appending(name), with: json.pretty())
        }
        try write(
            "config.json",
            [
                "model_type": "tvt_graft", "text_config": .object(ofText), "image_token_id": 0, "audio_token_id": 4,
                "vision_config": [
                    "model_type": "dinov2", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
                    "mlp_ratio": 2, "image_size": 28, "patch_size": 14,
                ],
                "vision_projector": ["type": "linear", "merge_size": 2],
                "audio_config": [
                    "model_type": "whisper", "num_mel_bins": 8, "d_model": 8, "encoder_ffn_dim": 16,
                    "encoder_layers": 1, "encoder_attention_heads": 2, "max_source_positions": 50,
                ],
                "audio_projector": ["type": "linear", "merge_size": 10],
            ])
        try write(
            "processor_config.json",
            [
                "image_processor": [
                    "image_processor_type": "BitImageProcessor", "do_resize": true, "size": ["shortest_edge": 56],
                    "do_center_crop": true, "crop_size": ["height": 56, "width": 56], "resample": 3,
                    "do_rescale": true, "do_normalize": true, "do_convert_rgb": true,
                ],
                "feature_extractor": [
                    "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 8, "chunk_length": 1,
                ],
            ])
        try write(
            "tvt.json",
            [
                "schema": "tvt.model-card/1", "family": "tvt_graft", "pooling": "mean", "normalize": true, "dims": 32,
                "query": ["prompt": "", "maxLength": 16],
                "document": ["prompt": "ba: ", "maxLength": JSONValue(documentLimit)],
                "rendering": "title + \" \" + text",
            ])
    }
}
