import Foundation
import Media
import Testing

/// Plain WAVE files, which are read without libav's search, against the same files with a tag, which libav reads.
@Suite struct WaveTests {
    struct Form: CustomStringConvertible {
        var bitCount: Int
        var isFloat = false
        var channelCount = 1
        var rate = 16_000
        /// Where the channels are; nil for a header without WAVE_FORMAT_EXTENSIBLE.
        var mask: Int?

        var description: String {
            "\(isFloat ? "floats" : "integers") of \(bitCount), \(channelCount) channels, \(rate) Hz, \(mask ?? -1)"
        }
    }

    static let forms: [Form] =
        [8, 16, 24, 32].map { Form(bitCount: $0) } + [32, 64].map { Form(bitCount: $0, isFloat: true) }
        + [8000, 11_025, 22_050, 44_100, 48_000].map { Form(bitCount: 16, rate: $0) }
        + [(2, nil), (2, 0), (2, 3), (3, nil), (6, 0x3F), (6, nil), (8, 0x63F), (1, 4), (2, 0x600)].map {
            Form(bitCount: 24, channelCount: $0, rate: 44_100, mask: $1)
        } + [Form(bitCount: 32, isFloat: true, channelCount: 2, rate: 8000, mask: 3)]

    private static func digits(_ number: Int, _ byteCount: Int) -> [UInt8] {
        (0..<byteCount).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    private static func chunk(_ name: String, _ contents: [UInt8], size: Int? = nil) -> [UInt8] {
        Array(name.utf8) + digits(size ?? contents.count, 4) + contents
            + [UInt8](repeating: 0, count: contents.count % 2)
    }

    private static func samples(_ form: Form, count: Int) -> [UInt8] {
        (0..<count * form.channelCount).flatMap { index -> [UInt8] in
            let value = 0.4 * sin(Double(index) * 0.07) + 0.3 * sin(Double(index * index % 7919))
            if form.isFloat {
                return form.bitCount == 32
                    ? digits(Int(Float(value).bitPattern), 4)
                    : digits(Int(truncatingIfNeeded: value.bitPattern), 8)
            }
            let whole = Int(value * Double(1 << (form.bitCount - 1)))
            return form.bitCount == 8 ? [UInt8(whole + 128)] : digits(whole, form.bitCount / 8)
        }
    }

    /// - Parameter size: what the header says of the samples, where that is not how many bytes they have.
    private static func wave(_ form: Form, _ samples: [UInt8], size: Int? = nil, behind: [UInt8] = []) -> [UInt8] {
        let unit = form.channelCount * form.bitCount / 8
        let tag = form.isFloat ? 3 : 1
        var header = digits(form.mask == nil ? tag : 0xFFFE, 2) + digits(form.channelCount, 2) + digits(form.rate, 4)
        header += digits(form.rate * unit, 4) + digits(unit, 2) + digits(form.bitCount, 2)
        if let mask = form.mask {
            header += digits(22, 2) + digits(form.bitCount, 2) + digits(mask, 4) + digits(tag, 2)
            header += [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]
        }
        let data = chunk("data", samples, size: size)
        return chunk("RIFF", Array("WAVE".utf8) + chunk("fmt ", header) + data + behind)
    }

    /// An empty tag, which only libav knows what to make of.
    private static let tag = chunk("id3 ", Array("ID3".utf8) + [3, 0, 0, 0, 0, 0, 0])

    private func sound(_ bytes: [UInt8], _ limits: MediaLimits = MediaLimits()) throws -> [Float] {
        try bytes.withUnsafeBytes { try Sound(decoding: $0, limits: limits) }.samples
    }

    /// To the bit, also where several blocks of samples are resampled.
    @Test(arguments: forms)
    func samplesAreThoseOfLibav(form: Form) throws {
        for count in [2, 3, 999, 20_001] {
            let samples = Self.samples(form, count: count)
            let plain = try sound(Self.wave(form, samples))
            #expect(plain.count == (2 * count * 16_000 + form.rate) / (2 * form.rate))
            #expect(try plain == sound(Self.wave(form, samples, behind: Self.tag)), "\(count) samples")
            // What is behind the samples is not heard.
            let notes = Self.chunk("LIST", Array("INFOISFT".utf8) + Self.digits(3, 4) + [0x61, 0x62, 0x63, 0])
            #expect(try plain == sound(Self.wave(form, samples, behind: notes)), "\(count) samples")
        }
    }

    /// A writer to a pipe leaves the size open: the samples end with the file, and a part of one is no sample.
    @Test func openSizesReachToTheEnd() throws {
        let form = Form(bitCount: 24, channelCount: 2, rate: 8000)
        let samples = Self.samples(form, count: 500)
        let closed = try sound(Self.wave(form, samples))
        for rest in 0..<6 {
            let open = Self.wave(form, samples + [UInt8](repeating: 7, count: rest), size: 0xFFFF_FFFF)
            // Without the byte that fills up a chunk of an odd size.
            #expect(try sound(Array(open.dropLast(rest % 2))) == closed, "\(rest) bytes more")
        }
    }

    @Test func samplesThatAreMissingAreAnError() throws {
        let form = Form(bitCount: 16)
        let samples = Self.samples(form, count: 500)
        let cut = #expect(throws: MediaError.self) { try sound(Self.wave(form, samples, size: 1002)) }
        #expect(try #require(cut).reason == .badData)
        let empty = #expect(throws: MediaError.self) { try sound(Self.wave(form, [])) }
        #expect(try #require(empty).reason == .missing)
    }

    @Test func limitsHold() throws {
        let form = Form(bitCount: 16, rate: 8000)
        var limits = MediaLimits()
        limits.sampleCount = 2000
        #expect(try sound(Self.wave(form, Self.samples(form, count: 1000)), limits).count == 2000)
        let error = #expect(throws: MediaError.self) {
            try sound(Self.wave(form, Self.samples(form, count: 1001)), limits)
        }
        #expect(try #require(error).reason == .tooLarge)
    }
}
