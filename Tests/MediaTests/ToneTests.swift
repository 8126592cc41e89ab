import Foundation
import Media
import TestKit
import Testing

/// Sounds that are known to the sample, in WAV.
enum Tones {
    /// How samples are stored.
    enum Format: UInt16, CaseIterable {
        case whole = 1
        case float = 3
    }

    /// - Parameters:
    ///   - channels: the samples of each, equally many.
    ///   - mask: where the channels are, as WAVE_FORMAT_EXTENSIBLE has it; nil where nobody says so.
    static func wave(_ channels: [[Float]], rate: Int, _ format: Format = .float, mask: UInt32? = nil) -> [UInt8] {
        let sampleBytes = format == .whole ? 2 : 4
        let frameBytes = channels.count * sampleBytes
        var data: [UInt8] = []
        for index in channels[0].indices {
            for channel in channels {
                switch format {
                case .whole: data += bytes(UInt16(bitPattern: Int16((channel[index] * 32_767).rounded())))
                case .float: data += bytes(channel[index].bitPattern)
                }
            }
        }
        var header = bytes(mask == nil ? format.rawValue : 0xFFFE) + bytes(UInt16(channels.count))
        header += bytes(UInt32(rate)) + bytes(UInt32(rate * frameBytes))
        header += bytes(UInt16(frameBytes)) + bytes(UInt16(8 * sampleBytes))
        if let mask {
            header += bytes(UInt16(22)) + bytes(UInt16(8 * sampleBytes)) + bytes(mask) + bytes(format.rawValue)
            header += [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        }
        let chunks = chunk("fmt ", header) + chunk("data", data)
        return chunk("RIFF", Array("WAVE".utf8) + chunks)
    }

    private static func chunk(_ name: String, _ contents: [UInt8]) -> [UInt8] {
        Array(name.utf8) + bytes(UInt32(contents.count)) + contents
    }

    private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    static func tone(_ hertz: Double, rate: Int, count: Int, amplitude: Float = 0.5) -> [Float] {
        (0..<count).map { amplitude * Float(sin(2 * .pi * hertz * Double($0) / Double(rate))) }
    }

    /// The amplitude of a tone in the middle half of samples, in decibels of `amplitude`.
    static func level(_ samples: [Float], of amplitude: Float = 0.5) -> Double {
        let middle = samples[samples.count / 4..<samples.count * 3 / 4]
        let power = middle.reduce(0) { $0 + Double($1) * Double($1) } / Double(middle.count)
        return 10 * log10(2 * power / Double(amplitude * amplitude) + 1e-20)
    }

    /// Samples at 16 kHz of those at a rate: rounded, half up.
    static func count(of samples: Int, at rate: Int) -> Int { (2 * samples * 16_000 + rate) / (2 * rate) }
}

@Suite struct ToneTests {
    private func sound(_ bytes: [UInt8]) throws -> [Float] {
        try bytes.withUnsafeBytes { try Sound(decoding: $0) }.samples
    }

    /// Layouts by name: channels, and where they are.
    private static let layouts: [(count: Int, mask: UInt32?)] = [
        (1, nil), (1, 0x4), (1, 0x1), (2, nil), (2, 0x3), (3, 0x7), (4, 0x33), (5, 0x37), (6, 0x3F), (6, 0x60F),
        (7, 0x70F), (8, 0x63F), (3, nil), (6, nil), (9, nil), (16, nil),
    ]

    /// However many channels there are: where all have one tone, so loud is the mix.
    @Test(arguments: Tones.Format.allCases, [16_000, 48_000])
    func equalChannelsKeepTheirLevel(format: Tones.Format, rate: Int) throws {
        let tone = Tones.tone(440, rate: rate, count: rate)
        for (count, mask) in Self.layouts {
            let channels = [[Float]](repeating: tone, count: count)
            let level = Tones.level(try sound(Tones.wave(channels, rate: rate, format, mask: mask)))
            #expect(abs(level) < 0.02, "\(count) channels, \(mask ?? 0)")
        }
    }

    /// Of two channels it is the mean, to the sample.
    @Test func twoChannelsAreAveraged() throws {
        let left = Tones.tone(440, rate: 16_000, count: 4000)
        let right = Tones.tone(1000, rate: 16_000, count: 4000, amplitude: 0.25)
        let mixed = try sound(Tones.wave([left, right], rate: 16_000))
        #expect(mixed.count == 4000)
        #expect(zip(mixed, zip(left, right)).allSatisfy { abs($0 - ($1.0 + $1.1) / 2) < 1e-6 })
        let opposite = try sound(Tones.wave([left, left.map { -$0 }], rate: 16_000))
        #expect(opposite.allSatisfy { abs($0) < 1e-6 })
    }

    @Test func oneChannelAtTheRateIsTheSame() throws {
        let tone = Tones.tone(440, rate: 16_000, count: 777)
        #expect(try sound(Tones.wave([tone], rate: 16_000)) == tone)
    }

    /// What is in the band stays as it is, to its edge; what is above is gone and comes back nowhere.
    @Test(arguments: [22_050, 44_100, 48_000, 96_000])
    func theBandEndsAtItsEdge(rate: Int) throws {
        for hertz in [100.0, 3000, 7000, 7900] {
            let level = Tones.level(try sound(Tones.wave([Tones.tone(hertz, rate: rate, count: rate)], rate: rate)))
            #expect(abs(level) < 0.1, "\(hertz)")
        }
        for hertz in [8100.0, 9000, 10_900] {
            let level = Tones.level(try sound(Tones.wave([Tones.tone(hertz, rate: rate, count: rate)], rate: rate)))
            #expect(level < -100, "\(hertz)")
        }
    }

    /// No image of the band appears above the old one either.
    @Test func slowSoundsGetNothingNew() throws {
        let resampled = try sound(Tones.wave([Tones.tone(3900, rate: 8000, count: 8000)], rate: 8000))
        let tone = Tones.tone(3900, rate: 16_000, count: 16_000)
        let difference = zip(resampled, tone).map { $0 - $1 }
        #expect(Tones.level(difference) < -60)
    }

    /// `n · 16,000 / rate`, rounded half up, also of sounds that are much shorter than the filter.
    @Test(
        arguments: [
            8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000, 176_400,
            192_000,
        ])
    func countsAreExact(rate: Int) throws {
        for count in [1, 2, 3, 5, 7, 12, 80, 441, 1000, 4097, 30_001] {
            let wanted = Tones.count(of: count, at: rate)
            for channelCount in [1, 2, 6] {
                let channel = [Float](repeating: 0.25, count: count)
                let bytes = Tones.wave(
                    [[Float]](repeating: channel, count: channelCount), rate: rate, .whole,
                    mask: channelCount == 6 ? 0x3F : nil)
                guard wanted > 0 else {
                    let error = #expect(throws: MediaError.self) { try sound(bytes) }
                    #expect(
                        "\(try #require(error))".contains("it has \(count) samples, which are less than half of one"))
                    continue
                }
                let samples = try sound(bytes)
                #expect(samples.count == wanted, "\(count) samples in \(channelCount) channels")
                // Nothing of it is lost: the shortest are heard.
                #expect(samples.contains { abs($0) > 0.05 }, "\(count) samples in \(channelCount) channels")
            }
        }
    }

    /// One page of Vorbis, of which libav takes the first packet for samples.
    @Test func shortVorbisIsWhole() throws {
        let bytes = try GoldenMedia.shared.get()["short.ogg"]
        let whole = try bytes.withUnsafeBytes { try Sound(decoding: $0, rate: 44_100) }
        #expect(whole.samples.count == 441)
        #expect(try sound(bytes).count == 160)
    }
}
