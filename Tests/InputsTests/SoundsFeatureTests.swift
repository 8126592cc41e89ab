import Base
import Foundation
import Media
import Tensors
import TestKit
import Testing

import Inputs

/// Features against those of transformers' extractors, frame by frame.
@Suite struct SoundsFeatureTests {
    struct Case: Decodable, CustomStringConvertible {
        struct Arguments: Decodable {
            var feature_size: Int?
            var chunk_length: Int?
            var sampling_rate: Int?
            var hop_length: Int?
            var n_fft: Int?
            var fft_overdrive: Bool?
            var min_frequency: Double?
            var max_frequency: Double?
            var input_scale_factor: Double?
            var mel_floor: Double?
            var frame_length_ms: Double?
            var hop_length_ms: Double?
            var per_bin_mean: [Double]?
            var per_bin_stddev: [Double]?
        }

        var kind: String
        var arguments: Arguments
        var signal: Signal
        var samples: Int
        var frames: Int
        var mels: Int
        var kept: [Int]
        var mean: Double
        var largest: Float
        var smallest: Float

        var description: String { "\(kind) \(signal) \(samples)" }

        var frontEnd: SoundFrontEnd {
            let given = arguments
            guard kind == "gemma" else {
                return .whisper(
                    WhisperFrontEnd(
                        melCount: given.feature_size ?? 80, rate: given.sampling_rate ?? 16_000,
                        hop: given.hop_length ?? 160, fftLength: given.n_fft ?? 400,
                        chunkSeconds: given.chunk_length ?? 30, keepsChunk: kind == "chunk"))
            }
            return .gemma(
                GemmaFrontEnd(
                    melCount: given.feature_size ?? 128, frameLength: Int(16 * (given.frame_length_ms ?? 20)),
                    hop: Int(16 * (given.hop_length_ms ?? 10)), doublesTransform: given.fft_overdrive ?? false,
                    frequencies: (given.min_frequency ?? 0)...(given.max_frequency ?? 8000),
                    scale: given.input_scale_factor ?? 1, floor: given.mel_floor ?? 1e-3, means: given.per_bin_mean,
                    deviations: given.per_bin_stddev))
        }
    }

    static let golden = Golden()
    static let cases = try! JSONDecoder().decode([Case].self, from: Data(golden.bytes("sounds/features.json")))
    static let values: [Float] = try! golden.bytes("sounds/features.f32").withUnsafeBytes { bytes in
        (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }

    @Test(arguments: cases.indices)
    func featuresAreThoseOfTheReference(index: Int) throws {
        let wanted = Self.cases[index]
        let before = Tensor.threadLiveCount
        let offset = Self.cases[..<index].reduce(0) { $0 + $1.kept.count * $1.mels }
        let features = try LogMelTransform(wanted.frontEnd).features(
            of: wanted.signal.samples(wanted.samples), at: Place(path: "formula"))
        #expect(Tensor.threadLiveCount == before)
        let isWhisper = wanted.kind != "gemma"
        #expect(features.shape == (isWhisper ? [wanted.mels, wanted.frames] : [wanted.frames, wanted.mels]))
        try #require(features.values.count == wanted.mels * wanted.frames)
        #expect(wanted.frontEnd.frameCount(sampleCount: wanted.samples) == wanted.frames)
        var worst: Float = 0
        for (row, frame) in wanted.kept.enumerated() {
            for mel in 0..<wanted.mels {
                let got = features.values[isWhisper ? mel * wanted.frames + frame : frame * wanted.mels + mel]
                let difference = abs(got - Self.values[offset + row * wanted.mels + mel])
                worst = difference <= worst ? worst : difference
            }
        }
        #expect(worst <= 1e-4, "\(wanted)")
        let mean = features.values.reduce(0) { $0 + Double($1) } / Double(features.values.count)
        #expect(abs(mean - wanted.mean) <= 2e-6 * (1 + abs(wanted.mean)), "\(wanted)")
        #expect(abs(features.values.max()! - wanted.largest) <= 1e-4, "\(wanted)")
        #expect(abs(features.values.min()! - wanted.smallest) <= 1e-4, "\(wanted)")
    }

    /// A transform keeps nothing of one clip for the next, and what is behind the longest clip is not heard.
    @Test func clipsDoNotDependOnEachOther() throws {
        for frontEnd in [
            SoundFrontEnd.whisper(WhisperFrontEnd(chunkSeconds: 1, keepsChunk: false)), .gemma(GemmaFrontEnd()),
        ] {
            let transform = try LogMelTransform(frontEnd)
            let place = Place(path: "formula")
            let short = Signal.noise.samples(5000)
            let alone = try transform.features(of: Sound(rate: 16_000, samples: short), at: place)
            let long = Signal.waves.samples(frontEnd.longestSampleCount + 1000)
            let cut = try transform.features(of: Array(long.prefix(frontEnd.longestSampleCount)), at: place)
            #expect(try transform.features(of: long, at: place) == cut)
            #expect(try transform.features(of: short, at: place) == alone)
        }
    }

    /// What a transform computes on its thread alone leaves the threads of others as they are, and so do errors.
    @Test func transformsUseOneThread() throws {
        let before = Compute.threadCount
        let inside = try Compute.onOneThread { try Tensor([1, 2, 3, 4]).matmul(Tensor([1, 1, 1, 1])).item() }
        #expect(inside == 10)
        #expect(throws: InputError.self) {
            try Compute.onOneThread { throw InputError("a reason", at: Place(path: "a file")) }
        }
        #expect(Compute.threadCount == before)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity, 1e30])
    func samplesThatAreNoNumbersAreRefused(sample: Float) throws {
        for frontEnd in [
            SoundFrontEnd.whisper(WhisperFrontEnd(keepsChunk: false)), .whisper(WhisperFrontEnd(keepsChunk: true)),
            .gemma(GemmaFrontEnd()),
        ] {
            var samples = Signal.noise.samples(2000)
            samples[700] = sample
            // The square of it is too large, the number itself is not.
            if case .gemma = frontEnd, sample == 1e30 { continue }
            #expect {
                _ = try LogMelTransform(frontEnd).features(of: samples, at: Place(path: "clip.wav"))
            } throws: { "\($0)".hasPrefix("clip.wav: the sound has samples that are no finite numbers") }
        }
    }

    @Test func clipsWithoutAFrameAreRefused() throws {
        for (frontEnd, count) in [
            (SoundFrontEnd.whisper(WhisperFrontEnd(keepsChunk: false)), 0),
            (.whisper(WhisperFrontEnd(keepsChunk: true)), 0), (.gemma(GemmaFrontEnd()), 160),
        ] {
            #expect(throws: InputError.self) {
                try LogMelTransform(frontEnd).features(
                    of: [Float](repeating: 0, count: count), at: Place(path: "clip.wav"))
            }
        }
    }
}

/// Spectra against sums in float64.
@Suite struct SoundsSpectraTests {
    @Test(arguments: [(16, 5, 16), (10, 3, 32), (7, 7, 9), (1, 2, 1), (400, 160, 400)])
    func spectraAreSums(width: Int, hop: Int, length: Int) throws {
        // More pieces than are transformed at once.
        let signal = Signal.noise.samples(width + hop * 300 + hop - 1)
        let window = hannWindow(width + 1).dropFirst().map { $0 }
        let spectra = try Tensor.spectra(of: signal.span, window: Tensor(window), hop: hop, length: length)
        #expect(spectra.shape == [301, length / 2 + 1])
        let values = try spectra.floats()
        for piece in [0, 1, 255, 256, 300] {
            for bin in 0...length / 2 {
                var (real, imaginary) = (0.0, 0.0)
                for i in 0..<width {
                    let angle = -2 * Double.pi * Double(i * bin % length) / Double(length)
                    // The product is rounded, whatever the transform is computed in.
                    let sample = Double(signal[piece * hop + i] * window[i])
                    real += sample * cos(angle)
                    imaginary += sample * sin(angle)
                }
                let wanted = (real * real + imaginary * imaginary).squareRoot()
                let difference = abs(Double(values[piece * (length / 2 + 1) + bin]) - wanted)
                #expect(difference < 1.2e-7 * wanted + 1e-12)
            }
        }
    }

    @Test func signalsShorterThanTheWindowHaveNone() throws {
        let window = try Tensor(hannWindow(8))
        for count in [0, 1, 7] {
            let signal = [Float](repeating: 1, count: count)
            let spectra = try Tensor.spectra(of: signal.span, window: window, hop: 2, length: 8)
            #expect(spectra.shape == [0, 5])
        }
    }

    @Test func whatCannotBeTransformedIsAnError() throws {
        let signal = [Float](repeating: 1, count: 100)
        let window = try Tensor(hannWindow(8))
        for (window, hop, length) in [
            (window, 0, 8), (window, 2, 7), (try window.to(.float64), 2, 8), (try window.reshape([2, 4]), 2, 8),
            (try Tensor.zeros([0]), 2, 8),
        ] {
            #expect(throws: TensorError.self) {
                try Tensor.spectra(of: signal.span, window: window, hop: hop, length: length)
            }
        }
    }
}
