import Base
import JSON
import SystemPackage
import TestKit
import Testing

import Inputs

/// Files that say how sounds become features: read as they were meant, or refused by the name of a field.
@Suite struct SoundsFileTests {
    static let written = Golden()("sounds/written")
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    @Test func whatTransformersWritesIsRead() throws {
        func read(_ name: String, keepsChunk: Bool = false) throws -> SoundFrontEnd {
            try SoundFrontEnd(folder: Self.written.appending(name), keepsChunk: keepsChunk)
        }
        #expect(try read("whisper", keepsChunk: true) == .whisper(WhisperFrontEnd(keepsChunk: true)))
        #expect(
            try read("omni") == .whisper(WhisperFrontEnd(melCount: 128, chunkSeconds: 300, keepsChunk: false)))
        #expect(try read("gemma") == .gemma(GemmaFrontEnd()))
        #expect(try read("nested") == .gemma(GemmaFrontEnd()))
        #expect(
            try read("gemma-changed")
                == .gemma(
                    GemmaFrontEnd(
                        melCount: 40, doublesTransform: true, frequencies: 125...7600, scale: 0.5, floor: 1e-5,
                        means: (0..<40).map { Double($0) / 8 - 3 }, deviations: (0..<40).map { 1 + Double($0) / 16 })))
        // What was saved is not what transformers reads of it.
        #expect(throws: InputError.self) { try read("gemma-lost") }
    }

    /// As the published file of Qwen2.5-Omni has it: sounds and pictures in one.
    static let omni: JSONObject = [
        "chunk_length": 300, "dither": 0.0, "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 128,
        "hop_length": 160, "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_processor_type": "Qwen2VLImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711],
        "max_pixels": 12_845_056, "merge_size": 2, "min_pixels": 3136, "n_fft": 400, "n_samples": 4_800_000,
        "nb_max_frames": 30_000, "padding_side": "right", "padding_value": 0.0, "patch_size": 14,
        "processor_class": "Qwen2_5OmniProcessor", "return_attention_mask": true, "sampling_rate": 16_000,
        "temporal_patch_size": 2,
    ]

    func write(_ object: JSONObject, to name: String = "preprocessor_config.json") throws {
        _ = try temporary.write(Array(JSONValue.object(object).pretty().utf8), to: name)
    }

    func omni(_ changes: JSONObject = [:]) throws -> SoundFrontEnd {
        var object = Self.omni
        for (field, value) in changes { object[field] = value }
        try write(object)
        return try SoundFrontEnd(folder: temporary.path, keepsChunk: false)
    }

    @Test func aFileOfSoundsAndPictures() throws {
        #expect(try omni() == .whisper(WhisperFrontEnd(melCount: 128, chunkSeconds: 300, keepsChunk: false)))
        let halved = try omni([
            "chunk_length": 10, "sampling_rate": 8000, "n_samples": 80_000, "nb_max_frames": 800, "hop_length": 100,
            "n_fft": 256, "feature_size": 64, "mel_filters": [[0.5]], "do_normalize": true,
        ])
        #expect(
            halved
                == .whisper(
                    WhisperFrontEnd(
                        melCount: 64, rate: 8000, hop: 100, fftLength: 256, chunkSeconds: 10, keepsChunk: false)))
    }

    @Test(
        arguments: [
            ("feature_extractor_type", "Wav2Vec2FeatureExtractor" as JSONValue), ("n_samples", 480_000),
            ("nb_max_frames", 3000), ("padding_side", "left"), ("padding_value", 1.0), ("dither", 1e-4),
            ("n_fft", 401), ("n_fft", 0), ("hop_length", 0), ("hop_length", 1.5), ("feature_size", 0),
            ("feature_size", "many"), ("feature_size", 100_000), ("sampling_rate", 10), ("chunk_length", 0),
            ("chunk_length", 20_000), ("mel_scale", "htk"), ("window", "hann"),
        ] as [(String, JSONValue)])
    func whatIsNotSupportedIsNamed(field: String, value: JSONValue) throws {
        #expect {
            try omni([field: value])
        } throws: {
            "\($0)".contains("preprocessor_config.json, field \"\(field)\"")
        }
    }

    @Test(
        arguments: [
            ("preemphasis", 0.97 as JSONValue), ("dither", 1.0), ("frame_length", 512), ("hop_length", 80),
            ("fft_length", 1024), ("mel_floor", 0), ("min_frequency", 8000.0), ("per_bin_mean", [1, 2]),
            ("per_bin_stddev", JSONValue.array([JSONValue](repeating: 0, count: 128))), ("frame_length_ms", 0),
            ("frame_length_ms", 5000), ("input_scale_factor", -1), ("padding_side", "left"), ("power", 2),
        ] as [(String, JSONValue)])
    func fieldsOfGemmaThatDoNotFit(field: String, value: JSONValue) throws {
        var object = try #require(
            try JSONValue.parse(file: Self.written.appending("gemma/preprocessor_config.json")).object)
        object[field] = value
        try write(["feature_extractor": .object(object)], to: "processor_config.json")
        #expect {
            try SoundFrontEnd(folder: temporary.path, keepsChunk: false)
        } throws: {
            let name = field == "min_frequency" ? "max_frequency" : field
            return "\($0)".contains("processor_config.json, field \"feature_extractor.\(name)\"")
        }
    }

    /// transformers looks into the newer file first, and into the older one where that says nothing of sounds.
    @Test func theNestedFileIsFirst() throws {
        try write(Self.omni)
        try write(["processor_class": "WhisperProcessor"], to: "processor_config.json")
        #expect(try SoundFrontEnd(folder: temporary.path, keepsChunk: true).melCount == 128)
        for name in ["feature_extractor", "audio_processor"] {
            let object: JSONObject = ["feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 96]
            try write([name: .object(object)], to: "processor_config.json")
            #expect(try SoundFrontEnd(folder: temporary.path, keepsChunk: true).melCount == 96)
        }
        try write(["feature_extractor": 7], to: "processor_config.json")
        #expect(throws: InputError.self) { try SoundFrontEnd(folder: temporary.path, keepsChunk: true) }
    }

    @Test func aFolderThatSaysNothing() throws {
        #expect(throws: Failure.self) { try SoundFrontEnd(folder: temporary.path, keepsChunk: true) }
    }
}
