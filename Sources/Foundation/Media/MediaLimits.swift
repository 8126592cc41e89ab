internal import Glibc

/// How much one image, sound or video may ask for.
public struct MediaLimits: Sendable {
    /// Of one picture.
    public var pixelCount = 128 << 20
    /// Of one video.
    public var pictureCount = 1_000_000
    /// Of one sound, after its rate was changed: five hours at 16 kHz.
    public var sampleCount = 288_000_000
    /// Processor time of one decoding, which stays on the thread that began it: a machine that is busy, or a process that
    /// was stopped for a while, makes no item too slow.
    public var seconds = 60.0

    /// As ``sampleCount``, whatever the rate of a sound is.
    public var soundSeconds: Double { Double(sampleCount) / 16_000 }

    public init() {}

    /// When a decoding that begins now on this thread must be done, by CLOCK_THREAD_CPUTIME_ID.
    var deadline: Double {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 + seconds
    }
}
