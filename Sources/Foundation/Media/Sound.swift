/// A sound as models take it: one channel, numbers between −1 and 1.
public struct Sound: Sendable, Equatable {
    /// Samples a second.
    public let rate: Int
    public let samples: [Float]

    public init(rate: Int, samples: [Float]) {
        self.rate = rate
        self.samples = samples
    }

    /// Decodes the first sound of a file, of any format and rate that libav knows; channels are mixed to one.
    ///
    /// - Parameter rate: samples a second of the result, whatever the file has.
    /// - Throws: ``MediaError``.
    public init(
        decoding bytes: UnsafeRawBufferPointer, rate: Int = 16_000, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) {
        precondition(rate > 0 && rate <= 768_000, "a rate of sounds")
        self.init(rate: rate, samples: try Container(bytes, limits).samples(rate: rate))
    }

    public var seconds: Double { Double(samples.count) / Double(rate) }
}
