public import Base
internal import Glibc
public import Media
internal import Tensors

/// Computes features of sounds on the thread that asks for them; one for each thread.
///
/// Not Sendable: it holds tensors, the window and the filters.
public final class LogMelTransform {
    public let frontEnd: SoundFrontEnd
    /// `[W]`.
    private let window: Tensor
    private let filters: MelProduct
    /// `[mels]`; what is taken from the logarithms of Gemma's front end, and what they are divided by.
    private let means: Tensor?
    private let deviations: Tensor?

    public init(_ frontEnd: SoundFrontEnd) throws {
        self.frontEnd = frontEnd
        switch frontEnd {
        case .whisper(let settings):
            window = try Tensor(hannWindow(settings.fftLength))
            filters = try MelProduct(settings.filters)
            (means, deviations) = (nil, nil)
        case .gemma(let settings):
            window = try Tensor(hannWindow(settings.frameLength))
            filters = try MelProduct(settings.filters)
            means = try settings.means.map { try Tensor($0.map { Float($0) }) }
            deviations = try settings.deviations.map { try Tensor($0.map { Float($0) }) }
        }
    }

    /// Frames that are computed together, so that memory for what lies between the steps does not grow with a clip.
    private static let framesAtOnce = 512

    /// The blocks in which so many frames are computed.
    private static func blocks(_ frameCount: Int) -> [Range<Int>] {
        stride(from: 0, to: frameCount, by: framesAtOnce).map { $0..<min($0 + framesAtOnce, frameCount) }
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
        let features: LogMel? = try Compute.onOneThread {
            switch frontEnd {
            case .whisper(let settings): try whisper(heard, settings)
            case .gemma(let settings): try gemma(heard, settings)
            }
        }
        guard let features else {
            throw InputError("the sound has samples that are no finite numbers, or far too large ones", at: place())
        }
        return features
    }

    // MARK: - Whisper

    /// - Returns: nil for samples that are not finite.
    private func whisper(_ samples: ArraySlice<Float>, _ settings: WhisperFrontEnd) throws -> LogMel? {
        let blocks = Self.blocks(settings.heardFrameCount(sampleCount: samples.count))
        let signal = Self.mirrored(samples, settings, frameCount: blocks.last?.upperBound ?? 0)
        // The largest of all frames decides on each, those that are not kept included.
        var largest = 0.0
        var mels_MF: [Tensor] = []
        for block in blocks {
            let start = block.lowerBound * settings.hop
            let piece = signal.span.extracting(
                start..<start + (block.count - 1) * settings.hop + settings.fftLength)
            let power_FB = try Tensor.spectra(
                of: piece, window: window, hop: settings.hop, length: settings.fftLength, .power)
            let block_MF = try filters.melsFirst(power_FB)
            // NaN is the largest of all.
            let largestOfBlock = try block_MF.max().item()
            guard largestOfBlock.isFinite else { return nil }
            largest = max(largest, largestOfBlock)
            mels_MF.append(block_MF)
        }
        let smallest = max(1e-10, largest * 1e-8)
        let (melCount, frameCount) = (settings.melCount, settings.frameCount(sampleCount: samples.count))
        let values = try [Float](unsafeUninitializedCapacity: melCount * frameCount) { values, initializedCount in
            for (block, block_MF) in zip(blocks, mels_MF) where block.lowerBound < frameCount {
                let kept = block.clamped(to: 0..<frameCount)
                let features_MF = try Self.logarithms(
                    block_MF.narrow(1, start: 0, length: kept.count), smallest: smallest)
                try features_MF.withUnsafeBytes { bytes in
                    let features = bytes.assumingMemoryBound(to: Float.self)
                    for mel in 0..<melCount {
                        let row = mel * frameCount
                        _ = values[row + kept.lowerBound..<row + kept.upperBound].initialize(
                            fromContentsOf: features[mel * kept.count..<(mel + 1) * kept.count])
                    }
                }
            }
            let silence = Float((log10(smallest) + 4) / 4)
            if let heardCount = blocks.last?.upperBound, heardCount < frameCount {
                for mel in 0..<melCount {
                    values[mel * frameCount + heardCount..<(mel + 1) * frameCount].initialize(repeating: silence)
                }
            }
            initializedCount = melCount * frameCount
        }
        return LogMel(shape: [melCount, frameCount], values: values)
    }

    /// `(log10 x + 4) / 4` for x cut at the smallest: as if the logarithms were.
    private static func logarithms(_ mels_MF: Tensor, smallest: Double) throws -> Tensor {
        let features_MF = try mels_MF.maximum(smallest).log()
        try features_MF.multiplyInPlace(1 / (4 * Glibc.log(10)))
        try features_MF.addInPlace(1)
        return try features_MF.contiguous()
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
        let (melCount, frameCount) = (settings.melCount, settings.frameCount(sampleCount: samples.count))
        let margin = settings.frameLength / 2
        let shown = samples.prefix((frameCount - 1) * settings.hop + settings.frameLength - margin)
        let scale = Float(settings.scale)
        let signal = [Float](repeating: 0, count: margin) + (scale == 1 ? Array(shown) : shown.map { $0 * scale })
        var isFinite = true
        let values = try [Float](unsafeUninitializedCapacity: melCount * frameCount) { values, initializedCount in
            for block in Self.blocks(frameCount) {
                let start = block.lowerBound * settings.hop
                let piece = signal.span.extracting(
                    start..<start + (block.count - 1) * settings.hop + settings.frameLength)
                // Next to the floor, which cuts nothing, errors of float32 would show in the third digit. The reference
                // has none of them.
                let magnitudes_FB = try Tensor.spectra(
                    of: piece, window: window, hop: settings.hop, length: settings.fftLength, .magnitude, isExact: true)
                let mels_FM = try filters.framesFirst(magnitudes_FB)
                isFinite = try isFinite && mels_FM.max().item().isFinite
                try mels_FM.addInPlace(settings.floor)
                let features_FM = try mels_FM.log()
                if let means { try features_FM.subtractInPlace(means) }
                if let deviations { try features_FM.divideInPlace(deviations) }
                let rows = UnsafeMutableBufferPointer(
                    rebasing: values[block.lowerBound * melCount..<block.upperBound * melCount])
                try features_FM.copyBytes(to: UnsafeMutableRawBufferPointer(rows))
            }
            initializedCount = melCount * frameCount
        }
        return isFinite ? LogMel(shape: [frameCount, melCount], values: values) : nil
    }
}
