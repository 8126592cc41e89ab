/// A sound as models take it: one channel, numbers between −1 and 1.
public struct Sound: Sendable, Equatable {
    /// Samples a second.
    public let rate: Int
    public let samples: [Float]

    public init(rate: Int, samples: [Float]) {
        self.rate = rate
        self.samples = samples
    }

    /// Decodes the first sound of a file, of any format and rate that libav knows.
    ///
    /// Channels are mixed to one, so that equal ones keep their level: two are averaged, surround ones are weighted by where
    /// they are, and averaged where the file does not say. libsoxr resamples: up to 0.99 of half the lower rate everything
    /// stays, above that half nothing does, and n samples become `n · rate / own rate`, rounded half up. A file that would
    /// have none is an error.
    ///
    /// - Parameter rate: samples a second of the result, whatever the file has.
    /// - Throws: ``MediaError``.
    public init(
        decoding bytes: UnsafeRawBufferPointer, rate: Int = 16_000, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) {
        precondition(rate > 0 && rate <= 768_000, "a rate of sounds")
        if let wave = try WaveSamples(of: .memory(bytes)) {
            self.init(rate: rate, samples: try wave.converted(bytes, rate: rate, limits: limits))
        } else {
            self.init(rate: rate, samples: try Container(bytes, limits).samples(rate: rate))
        }
    }
}
