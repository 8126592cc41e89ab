public import Base
internal import Glibc
public import Media
internal import Tensors

/// Computes features of sounds; one for each thread.
///
/// Not Sendable: it holds tensors, the window and the filters.
public final class LogMelTransform {
    public let frontEnd: SoundFrontEnd
    /// `[W]`.
    private let window: Tensor
    /// `[mels, bins]`.
    private let filters: Tensor
    /// `[mels]`; what the logarithms of Gemma's front end are shifted and scaled by.
    private let shift: Tensor?
    private let scale: Tensor?

    public init(_ frontEnd: SoundFrontEnd) throws {
        self.frontEnd = frontEnd
        let (width, filters, means, deviations): (Int, MelFilters, [Double]?, [Double]?) =
            switch frontEnd {
            case .whisper(let settings): (settings.fftLength, settings.filters, nil, nil)
            case .gemma(let settings):
                (settings.frameLength, settings.filters, settings.means, settings.deviations)
            }
        window = try Tensor(hannWindow(width))
        self.filters = try Tensor(filters.weights, shape: [filters.melCount, filters.binCount])
        shift = try means.map { try Tensor($0.map { Float($0) }) }
        scale = try deviations.map { try Tensor($0.map { Float($0) }) }
    }

    /// The features of a sound of the front end's rate.
    ///
    /// - Throws: as ``features(of:at:)-([Float],_)``.
    public func features(of sound: Sound, at place: @autoclosure () -> Place) throws -> LogMel {
        precondition(sound.rate == frontEnd.rate, "a sound of another rate")
        return try features(of: sound.samples, at: place())
    }

    /// The features of a clip; of one that is too long, those of its beginning.
    ///
    /// - Parameter samples: one channel, at the front end's rate.
    /// - Returns: as many frames as ``SoundFrontEnd/frameCount(sampleCount:)`` says.
    /// - Throws: `InputError` for a clip without a frame, and for samples that are not numbers.
    /// - Complexity: O(n) time and memory in the samples of the clip, not in the length it is filled up to.
    public func features(of samples: [Float], at place: @autoclosure () -> Place) throws -> LogMel {
        guard !samples.isEmpty, frontEnd.frameCount(sampleCount: samples.count) > 0 else {
            throw InputError("the sound has \(samples.count) samples, too few for a single frame", at: place())
        }
        let heard = samples.prefix(frontEnd.longestSampleCount)
        let features: LogMel? =
            switch frontEnd {
            case .whisper(let settings): try whisper(heard, settings)
            case .gemma(let settings): try gemma(heard, settings)
            }
        guard let features else {
            throw InputError("the sound has samples that are no finite numbers, or far too large ones", at: place())
        }
        return features
    }

    // MARK: - Whisper

    /// - Returns: nil for samples that are not finite.
    private func whisper(_ samples: ArraySlice<Float>, _ settings: WhisperFrontEnd) throws -> LogMel? {
        let heardCount = settings.heardFrameCount(sampleCount: samples.count)
        let signal = Self.mirrored(samples, settings, frameCount: heardCount)
        let power_FB = try Tensor.spectra(
            of: signal, window: window, hop: settings.hop, length: settings.fftLength, .power)
        var mels_MF = try filters.matmul(power_FB.transpose(0, 1))
        // Over all frames, those that are not kept included. NaN is the largest of all.
        let largest = try mels_MF.max().item()
        guard largest.isFinite else { return nil }
        let smallest = max(1e-10, largest * 1e-8)
        let frameCount = settings.frameCount(sampleCount: samples.count)
        if frameCount < heardCount { mels_MF = try mels_MF.narrow(1, start: 0, length: frameCount) }
        // (log10 x + 4) / 4 for x cut at the smallest: as if the logarithms were.
        let features_MF = try mels_MF.maximum(smallest).log()
        try features_MF.multiplyInPlace(1 / (4 * Glibc.log(10)))
        try features_MF.addInPlace(1)
        let values = try features_MF.array(of: Float.self)
        let shape = [settings.melCount, frameCount]
        guard heardCount < frameCount else { return LogMel(shape: shape, values: values) }
        return LogMel(
            shape: shape,
            values: Self.widened(
                values, rowCount: settings.melCount, to: frameCount, with: Float((log10(smallest) + 4) / 4)))
    }

    /// Rows of a matrix with the same number behind each, up to a length.
    private static func widened(_ values: [Float], rowCount: Int, to length: Int, with number: Float) -> [Float] {
        let oldLength = values.count / rowCount
        return [Float](unsafeUninitializedCapacity: rowCount * length) { widened, initializedCount in
            values.withUnsafeBufferPointer { values in
                for row in 0..<rowCount {
                    let (start, end) = (row * length, (row + 1) * length)
                    _ = widened[start..<start + oldLength].initialize(
                        fromContentsOf: values[row * oldLength..<(row + 1) * oldLength])
                    widened[start + oldLength..<end].initialize(repeating: number)
                }
            }
            initializedCount = rowCount * length
        }
    }

    /// What the pieces of these frames cover: the clip, the zeros behind it, and both mirrored where the chunk ends.
    private static func mirrored(
        _ samples: ArraySlice<Float>, _ settings: WhisperFrontEnd, frameCount: Int
    ) -> [Float] {
        let margin = settings.fftLength / 2
        let count = (frameCount - 1) * settings.hop + settings.fftLength
        return [Float](unsafeUninitializedCapacity: count) { signal, initializedCount in
            samples.withUnsafeBufferPointer { samples in
                let shown = min(samples.count, count - margin)
                signal.initialize(repeating: 0)
                for offset in 1...margin where offset < samples.count { signal[margin - offset] = samples[offset] }
                if shown > 0 {
                    _ = signal[margin..<margin + shown].update(fromContentsOf: samples[..<shown])
                }
                // Behind the chunk's last sample the ones before it come again.
                let last = settings.longestSampleCount - 1
                for index in max(last + 1, 0)..<max(last + 1, count - margin) where 2 * last - index < samples.count {
                    signal[margin + index] = samples[2 * last - index]
                }
            }
            initializedCount = count
        }
    }

    // MARK: - Gemma

    /// - Returns: nil for samples that are not finite.
    private func gemma(_ samples: ArraySlice<Float>, _ settings: GemmaFrontEnd) throws -> LogMel? {
        let frameCount = settings.frameCount(sampleCount: samples.count)
        let count = (frameCount - 1) * settings.hop + settings.frameLength
        let scale = Float(settings.scale)
        let signal =
            [Float](repeating: 0, count: settings.frameLength / 2)
            + samples.prefix(count - settings.frameLength / 2).map { $0 * scale }
        // Next to the floor, which nothing cuts, errors of float32 would show in the third digit; the reference has none.
        let magnitudes_FB = try Tensor.spectra(
            of: signal, window: window, hop: settings.hop, length: settings.fftLength, .magnitude, isExact: true)
        let mels_FM = try magnitudes_FB.linear(filters)
        guard try mels_FM.max().item().isFinite else { return nil }
        try mels_FM.addInPlace(settings.floor)
        let features_FM = try mels_FM.log()
        if let shift { try features_FM.subtractInPlace(shift) }
        if let scale = self.scale { try features_FM.divideInPlace(scale) }
        return LogMel(
            shape: [frameCount, settings.melCount], values: try features_FM.array(of: Float.self))
    }
}
