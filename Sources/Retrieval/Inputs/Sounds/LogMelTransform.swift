public import Base
internal import Glibc
public import Media
internal import Tensors

/// Computes features of sounds on the thread that asks for them; one for each thread.
///
/// Not Sendable: it holds tensors, or memory for what lies between the steps.
public final class LogMelTransform {
    public let frontEnd: SoundFrontEnd
    private let steps: Steps

    private enum Steps {
        case whisper(WhisperFrontEnd, MelSpectra)
        case gemma(GemmaFrontEnd, GemmaTensors)
    }

    /// What Gemma's front end computes with.
    private struct GemmaTensors {
        /// `[W]`.
        let window: Tensor
        let filters: MelProduct
        /// `[mels]`; what is taken from the logarithms, and what they are divided by.
        let means: Tensor?
        let deviations: Tensor?
    }

    public init(_ frontEnd: SoundFrontEnd) throws {
        self.frontEnd = frontEnd
        switch frontEnd {
        case .whisper(let settings):
            steps = .whisper(settings, MelSpectra(window: hannWindow(settings.fftLength), settings.filters))
        case .gemma(let settings):
            steps = .gemma(
                settings,
                GemmaTensors(
                    window: try Tensor(hannWindow(settings.frameLength)), filters: try MelProduct(settings.filters),
                    means: try settings.means.map { try Tensor($0.map { Float($0) }) },
                    deviations: try settings.deviations.map { try Tensor($0.map { Float($0) }) }))
        }
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
            switch steps {
            case .whisper(let settings, let spectra): Self.whisper(heard, settings, spectra)
            case .gemma(let settings, let tensors): try Compute.onOneThread { try Self.gemma(heard, settings, tensors) }
            }
        guard let features else {
            throw InputError("the sound has samples that are no finite numbers, or far too large ones", at: place())
        }
        return features
    }

    // MARK: - Whisper

    /// - Returns: nil for samples that are not finite.
    private static func whisper(
        _ samples: ArraySlice<Float>, _ settings: WhisperFrontEnd, _ spectra: MelSpectra
    ) -> LogMel? {
        let heardCount = settings.heardFrameCount(sampleCount: samples.count)
        let (melCount, frameCount) = (settings.melCount, settings.frameCount(sampleCount: samples.count))
        let signal = mirrored(
            samples, settings, frameCount: heardCount,
            paddedCount: spectra.sampleCount(frameCount: heardCount, hop: settings.hop))
        var largest: Float?
        let values = [Float](unsafeUninitializedCapacity: melCount * frameCount) { values, initializedCount in
            let address = values.baseAddress!
            let keptCount = min(heardCount, frameCount)
            // The largest of all frames decides on each, those that are not kept included.
            largest = spectra.mels(
                of: signal, hop: settings.hop, frameCount: heardCount, keptCount: keptCount, into: address,
                stride: frameCount)
            for mel in 0..<melCount where keptCount < frameCount {
                (address + mel * frameCount + keptCount).initialize(repeating: 0, count: frameCount - keptCount)
            }
            initializedCount = melCount * frameCount
            guard let largest else { return }
            // As if the logarithms were cut.
            MelSpectra.takeLogarithms(
                of: values, smallest: max(1e-10, Float(Double(largest) * 1e-8)), scale: 1 / 4, shift: 1)
        }
        return largest.map { _ in LogMel(shape: [melCount, frameCount], values: values) }
    }

    /// What the pieces of these frames cover: the clip, the zeros behind it, and both mirrored where the chunk ends.
    ///
    /// - Parameter paddedCount: of the result, whose end nobody hears.
    private static func mirrored(
        _ samples: ArraySlice<Float>, _ settings: WhisperFrontEnd, frameCount: Int, paddedCount: Int
    ) -> [Float] {
        let margin = settings.fftLength / 2
        let count = (frameCount - 1) * settings.hop + settings.fftLength
        return [Float](unsafeUninitializedCapacity: paddedCount) { signal, initializedCount in
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
            initializedCount = paddedCount
        }
    }

    // MARK: - Gemma

    /// Frames that are computed together, so that memory for what lies between the steps does not grow with a clip.
    private static let framesAtOnce = 512

    /// The blocks in which so many frames are computed.
    private static func blocks(_ frameCount: Int) -> [Range<Int>] {
        stride(from: 0, to: frameCount, by: framesAtOnce).map { $0..<min($0 + framesAtOnce, frameCount) }
    }

    /// - Returns: nil for samples that are not finite.
    private static func gemma(
        _ samples: ArraySlice<Float>, _ settings: GemmaFrontEnd, _ tensors: GemmaTensors
    ) throws -> LogMel? {
        let (melCount, frameCount) = (settings.melCount, settings.frameCount(sampleCount: samples.count))
        let margin = settings.frameLength / 2
        let shown = samples.prefix((frameCount - 1) * settings.hop + settings.frameLength - margin)
        let scale = Float(settings.scale)
        let signal = [Float](repeating: 0, count: margin) + (scale == 1 ? Array(shown) : shown.map { $0 * scale })
        var isFinite = true
        let values = try [Float](unsafeUninitializedCapacity: melCount * frameCount) { values, initializedCount in
            for block in blocks(frameCount) {
                let start = block.lowerBound * settings.hop
                let piece = signal.span.extracting(
                    start..<start + (block.count - 1) * settings.hop + settings.frameLength)
                // Next to the floor, which cuts nothing, errors of float32 would show in the third digit. The reference
                // has none of them.
                let magnitudes_FB = try Tensor.spectra(
                    of: piece, window: tensors.window, hop: settings.hop, length: settings.fftLength)
                let mels_FM = try tensors.filters.mels(magnitudes_FB)
                isFinite = try isFinite && mels_FM.max().item().isFinite
                try mels_FM.addInPlace(settings.floor)
                let features_FM = try mels_FM.log()
                if let means = tensors.means { try features_FM.subtractInPlace(means) }
                if let deviations = tensors.deviations { try features_FM.divideInPlace(deviations) }
                let rows = UnsafeMutableBufferPointer(
                    rebasing: values[block.lowerBound * melCount..<block.upperBound * melCount])
                try features_FM.copyBytes(to: UnsafeMutableRawBufferPointer(rows))
            }
            initializedCount = melCount * frameCount
        }
        return isFinite ? LogMel(shape: [frameCount, melCount], values: values) : nil
    }
}
