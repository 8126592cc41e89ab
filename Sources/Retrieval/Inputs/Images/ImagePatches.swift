/// What a vision tower takes of one image or video.
public struct ImagePatches: Sendable, Equatable {
    /// float32 `[grid.patchCount, rowWidth]`, in the order of the layout.
    public let rows: [Float]
    public let rowWidth: Int
    public let grid: PatchGrid
}
