internal import JSON
internal import Models

extension GemmaFrontEnd {
    /// - Throws: `InputError` for another extractor, numbers out of range, settings that are not supported, and fields that
    ///   are not known.
    init(_ reader: ConfigurationReader) throws {
        try reader.require("feature_extractor_type", "Gemma4AudioFeatureExtractor")
        let melCount = try reader.count("feature_size", in: 1...1024, default: 128)
        let rate = try reader.count("sampling_rate", in: 1000...384_000, default: 16_000)
        let frameLength = try Self.samples(reader, "frame_length_ms", default: 20, rate, in: 2...16_384)
        let hop = try Self.samples(reader, "hop_length_ms", default: 10, rate, in: 1...65_536)
        let isDoubled = try reader.bool("fft_overdrive", default: false)
        // What is saved are these, what is read are the milliseconds: other numbers than theirs are lost on the way.
        try reader.requireDerived("frame_length", frameLength, from: "frame_length_ms (20) and sampling_rate")
        try reader.requireDerived("hop_length", hop, from: "hop_length_ms (10) and sampling_rate")
        let fftLength = Self.fftLength(frameLength: frameLength, isDoubled: isDoubled)
        try reader.requireDerived("fft_length", fftLength, from: "frame_length_ms and fft_overdrive")
        let lower = try reader.number("min_frequency", in: 0...192_000, default: 0)
        let upper = try reader.number("max_frequency", in: 0...192_000, default: 8000)
        guard lower < upper else { throw reader.error("max_frequency", "a number above min_frequency is expected") }
        let scale = try reader.positiveNumber("input_scale_factor", to: 1e9, default: 1)
        let floor = try reader.positiveNumber("mel_floor", to: 1e9, default: 1e-3)
        let means = try Self.numbers(reader, "per_bin_mean", count: melCount)
        let deviations = try Self.numbers(reader, "per_bin_stddev", count: melCount)
        if let deviations, deviations.contains(where: { $0 <= 0 }) {
            throw reader.error("per_bin_stddev", "numbers above 0 are expected")
        }
        try reader.require("padding_side", "right")
        try reader.require("padding_value", 0, 0.0)
        try reader.require("preemphasis", 0, 0.0)
        // Noise would make other vectors of the same sound.
        try reader.require("dither", 0, 0.0)
        // How emphasis is computed, of which there is none.
        let harmless: Set<String> = ["preemphasis_htk_flavor"]
        try reader.refuseUnread(
            except: FeatureExtractorFile.harmless.union(FeatureExtractorFile.fieldsOfPictures).union(harmless))
        self.init(
            melCount: melCount, rate: rate, frameLength: frameLength, hop: hop, doublesTransform: isDoubled,
            frequencies: lower...upper, scale: scale, floor: floor, means: means, deviations: deviations)
    }

    /// A time in milliseconds as samples, rounded half to even as Python does.
    private static func samples(
        _ reader: ConfigurationReader, _ field: String, default fallback: Double, _ rate: Int,
        in range: ClosedRange<Int>
    ) throws -> Int {
        let milliseconds = try reader.number(field, in: 0...100_000, default: fallback)
        let count = Int((Double(rate) * milliseconds / 1000).rounded(.toNearestOrEven))
        guard range.contains(count) else {
            throw reader.error(
                field, "these are \(count) samples, and from \(range.lowerBound) to \(range.upperBound) are supported")
        }
        return count
    }

    /// A number for each mel; nil where the field is not there.
    ///
    /// transformers saves them as `[1, 1, mels]`.
    private static func numbers(_ reader: ConfigurationReader, _ field: String, count: Int) throws -> [Double]? {
        guard var value = reader[field] else { return nil }
        while let inner = value.array, inner.count == 1, inner[0].array != nil { value = inner[0] }
        guard let numbers = value.array?.map(\.double), numbers.count == count,
            numbers.allSatisfy({ $0?.isFinite == true })
        else { throw reader.error(field, "a list of \(count) numbers is expected") }
        return numbers.compactMap { $0 }
    }
}
