/// How pixels become the rows that a vision tower takes.
///
/// A row is a square of pixels, of one frame or of several, one after the other.
public struct PatchLayout: Sendable, Hashable {
    /// Pixels of a side.
    public let patchSide: Int
    /// Patches of the side of a group whose rows follow each other: what is merged into one token later.
    public let mergeSide: Int
    /// Frames in one row; an image is repeated.
    public let framesPerPatch: Int
    /// Within a row: `[y, x, channel]` instead of `[channel, frame, y, x]`.
    public let channelsLast: Bool

    private init(patchSide: Int, mergeSide: Int, framesPerPatch: Int, channelsLast: Bool) {
        precondition(patchSide > 0 && mergeSide > 0 && framesPerPatch > 0, "whole patches")
        self.patchSide = patchSide
        self.mergeSide = mergeSide
        self.framesPerPatch = framesPerPatch
        self.channelsLast = channelsLast
    }

    /// Qwen2-VL and its successors: rows `(t, y/m, x/m, y%m, x%m)`, columns `(channel, frame, y, x)`.
    ///
    /// With one frame and one patch a side these are the rows `(y, x)` of DINOv2, SigLIP and others whose patches a
    /// convolution embeds, as its weight has them.
    public static func merged(patchSide: Int, mergeSide: Int, framesPerPatch: Int) -> PatchLayout {
        PatchLayout(
            patchSide: patchSide, mergeSide: mergeSide, framesPerPatch: framesPerPatch, channelsLast: false)
    }

    /// EmbeddingGemma 2: rows `(y, x)`, columns `(y, x, channel)`.
    public static func channelsLast(patchSide: Int) -> PatchLayout {
        PatchLayout(patchSide: patchSide, mergeSide: 1, framesPerPatch: 1, channelsLast: true)
    }

    /// Numbers in a row.
    public var rowWidth: Int { 3 * framesPerPatch * patchSide * patchSide }
}
