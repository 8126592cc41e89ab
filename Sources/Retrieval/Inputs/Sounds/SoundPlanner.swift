public import Base

/// Plans sounds for one tower and the front end before it. Nothing is decoded.
public struct SoundPlanner: Sendable, Hashable {
    public let frontEnd: SoundFrontEnd
    public let tower: SoundTower

    public init(_ frontEnd: SoundFrontEnd, _ tower: SoundTower) {
        if case .omni(let window) = tower { precondition(window > 0, "a window of frames") }
        self.frontEnd = frontEnd
        self.tower = tower
    }

    /// The plan of a clip.
    ///
    /// - Parameter sampleCount: at the front end's rate.
    /// - Throws: `InputError` for a clip that is too short for a single token.
    public func plan(sampleCount: Int, at place: @autoclosure () -> Place) throws -> SoundPlan {
        precondition(sampleCount >= 0, "a number of samples")
        let plan = unchecked(sampleCount: sampleCount)
        guard plan.tokenCount > 0, sampleCount > 0 else {
            throw InputError(
                "the sound has \(grouped(sampleCount)) samples at a rate of \(grouped(frontEnd.rate)), and the model "
                    + "needs \(grouped(leastSampleCount)) to hear anything",
                at: place())
        }
        return plan
    }

    /// The plan of a clip at another rate.
    ///
    /// - Parameter rate: samples a second.
    /// - Throws: `InputError` also for numbers that no sound has.
    public func plan(sampleCount: Int, rate: Int, at place: @autoclosure () -> Place) throws -> SoundPlan {
        guard (1...Int(Int32.max)).contains(rate), (0...1 << 60).contains(sampleCount) else {
            throw InputError("a sound of \(sampleCount) samples at a rate of \(rate) cannot be", at: place())
        }
        return try plan(
            sampleCount: SoundPlanner.sampleCount(of: sampleCount, at: rate, resampledTo: frontEnd.rate), at: place())
    }

    /// The plan of a clip of which a description gives the length.
    ///
    /// - Parameters:
    ///   - seconds: a whole number of samples over their rate, but for rounding.
    ///   - rate: samples a second.
    /// - Throws: `InputError` also for numbers that no sound has.
    public func plan(seconds: Double, rate: Int, at place: @autoclosure () -> Place) throws -> SoundPlan {
        guard (1...Int(Int32.max)).contains(rate), (0...1e8).contains(seconds) else {
            throw InputError("a sound of \(seconds) s at a rate of \(rate) cannot be", at: place())
        }
        return try plan(sampleCount: Int((seconds * Double(rate)).rounded()), rate: rate, at: place())
    }

    /// The shortest clip that has a token.
    public var leastSampleCount: Int {
        // What has a token does so with any samples more.
        var (short, long) = (0, 1)
        while unchecked(sampleCount: long).tokenCount == 0 {
            precondition(long < frontEnd.longestSampleCount, "a front end whose clips all are too short for the tower")
            (short, long) = (long, 2 * long)
        }
        while long - short > 1 {
            let middle = (short + long) / 2
            if unchecked(sampleCount: middle).tokenCount > 0 { long = middle } else { short = middle }
        }
        return long
    }

    private func unchecked(sampleCount: Int) -> SoundPlan {
        let frameCount = frontEnd.frameCount(sampleCount: sampleCount)
        let chunks = tower.chunks(frameCount: frameCount)
        let rowCount = chunks.reduce(0) { $0 + tower.rowCount(chunk: $1) }
        return SoundPlan(
            sampleCount: sampleCount, heardSampleCount: min(sampleCount, frontEnd.longestSampleCount),
            frameCount: frameCount, chunks: chunks, rowCount: rowCount,
            tokenCount: tower.tokenCount(rowCount: rowCount))
    }

    /// How many samples a sound has after it was resampled: `n · target / rate`, rounded half up; about 2⁶² at most.
    ///
    /// So libsoxr has it, and so many samples a decoded `Sound` has.
    public static func sampleCount(of count: Int, at rate: Int, resampledTo target: Int) -> Int {
        precondition(count >= 0 && rate > 0 && target > 0, "a sound of samples")
        let (whole, rest) = count.quotientAndRemainder(dividingBy: rate)
        let (product, overflows) = whole.multipliedReportingOverflow(by: target)
        return overflows ? 1 << 62 : min(product, 1 << 62) + (2 * rest * target + rate) / (2 * rate)
    }
}
