public import Media

/// What becomes of a video: known before anything is decoded.
public struct VideoPlan: Sendable, Hashable {
    /// The numbers of the frames that are taken, ascending; a number may come again.
    public let frameIndices: [Int]
    /// What becomes of each frame.
    public let frame: ImagePlan
    public let grid: PatchGrid
    /// Tokens that a language model gets, without those that mark times, the beginning and the end.
    public let tokenCount: Int

    init(frameIndices: [Int], frame: ImagePlan) {
        self.frameIndices = frameIndices
        self.frame = frame
        let steps = (frameIndices.count + frame.layout.framesPerPatch - 1) / frame.layout.framesPerPatch
        grid = PatchGrid(time: steps, height: frame.grid.height, width: frame.grid.width)
        tokenCount = steps * frame.tokenCount
    }

    /// Numbers of all rows.
    public var valueCount: Int { grid.patchCount * frame.layout.rowWidth }

    /// Writes one frame's part of the rows, so that frames need not all be in memory. The last one fills up the last
    /// step where their number is not a multiple of the frames of a patch.
    ///
    /// - Parameters:
    ///   - number: its place in ``frameIndices``.
    ///   - rows: of all patches, with room for ``valueCount`` numbers, which need not be initialised.
    public func write(_ frame: Bitmap, number: Int, into rows: UnsafeMutableBufferPointer<Float>) {
        precondition(rows.count >= valueCount && frameIndices.indices.contains(number), "room for all rows")
        let perPatch = self.frame.layout.framesPerPatch
        let (step, slot) = number.quotientAndRemainder(dividingBy: perPatch)
        let isLast = number == frameIndices.count - 1
        let stepValues = grid.height * grid.width * self.frame.layout.rowWidth
        self.frame.write(
            frame: frame, into: rows.baseAddress! + step * stepValues, slots: slot..<(isLast ? perPatch : slot + 1))
    }
}
