internal import JSON
internal import Models

extension WhisperFrontEnd {
    /// - Parameter keepsChunk: true for Whisper's own encoder, false for Qwen2.5-Omni.
    /// - Throws: `InputError` for another extractor, numbers out of range, settings that are not supported, and fields that
    ///   are not known.
    init(_ reader: ConfigurationReader, keepsChunk: Bool) throws {
        try reader.require("feature_extractor_type", "WhisperFeatureExtractor")
        let melCount = try reader.count("feature_size", in: 1...1024, default: 80)
        let rate = try reader.count("sampling_rate", in: 1000...384_000, default: 16_000)
        let hop = try reader.count("hop_length", in: 1...65_536, default: 160)
        let fftLength = try reader.count("n_fft", in: 2...16_384, default: 400)
        let chunkSeconds = try reader.count("chunk_length", in: 1...86_400, default: 30)
        guard fftLength.isMultiple(of: 2) else { throw reader.error("n_fft", "an even number is expected") }
        let sampleCount = chunkSeconds * rate
        guard fftLength / 2 < sampleCount else {
            throw reader.error("n_fft", "a number below \(2 * sampleCount) is expected, twice the samples of a chunk")
        }
        guard (1...Self.mostFrames).contains(sampleCount / hop) else {
            throw reader.error(
                "chunk_length",
                "a chunk has \(sampleCount / hop) frames, and from 1 to \(Self.mostFrames) are supported")
        }
        try reader.requireDerived("n_samples", sampleCount, from: "chunk_length and sampling_rate")
        try reader.requireDerived(
            "nb_max_frames", sampleCount / hop, from: "chunk_length, sampling_rate and hop_length")
        try reader.require("padding_side", "right")
        try reader.require("padding_value", 0, 0.0)
        // Noise would make other vectors of the same sound.
        try reader.require("dither", 0, 0.0)
        // Files of old versions hold the matrix of the filters, which is computed anew whatever they say.
        try reader.refuseUnread(
            except: FeatureExtractorFile.harmless.union(FeatureExtractorFile.fieldsOfPictures).union(["mel_filters"]))
        self.init(
            melCount: melCount, rate: rate, hop: hop, fftLength: fftLength, chunkSeconds: chunkSeconds,
            keepsChunk: keepsChunk)
    }

    /// Of a chunk: nearly three hours in steps of 10 ms.
    private static let mostFrames = 1_000_000
}
