extension BlockwiseEncoder {
    /// What the pieces of a model keep between forward and backward. Gradients are the same, bit for bit, whatever it is.
    ///
    /// Pieces that keep their graphs are the last ones: backward frees those first, so that their graphs are gone when it
    /// comes to what has to be run again, with its own graph and with all gradients so far.
    public struct Trace: Sendable, Equatable, CaseIterable {
        /// How many blocks, counted from the last one, keep their graphs, and the head with them; nil: all pieces do. Behind
        /// the first block come the entrance and the towers' blocks, likewise from the last one.
        public let keptBlocks: Int?
        /// Whether inputs of the other pieces wait outside of the memory that is computed in.
        public let offloadsInputs: Bool

        private init(keptBlocks: Int?, offloadsInputs: Bool) {
            (self.keptBlocks, self.offloadsInputs) = (keptBlocks, offloadsInputs)
        }

        /// All graphs: nothing is computed twice.
        public static let keep = Trace(keptBlocks: nil, offloadsInputs: false)
        /// Inputs alone: backward runs each piece again. A third more work, and the memory of one piece instead of all.
        public static let recompute = recompute(keeping: 0)
        /// Inputs alone, and these in a file or, of a GPU, in the memory of the machine.
        public static let offload = offload(keeping: 0)

        /// The graphs of the last blocks, and the inputs of what comes before them.
        public static func recompute(keeping blocks: Int) -> Trace {
            precondition(blocks >= 0, "blocks are counted from 0")
            return Trace(keptBlocks: blocks, offloadsInputs: false)
        }

        /// The graphs of the last blocks, and elsewhere the inputs of what comes before them.
        public static func offload(keeping blocks: Int) -> Trace {
            precondition(blocks >= 0, "blocks are counted from 0")
            return Trace(keptBlocks: blocks, offloadsInputs: true)
        }

        /// One of each kind.
        public static let allCases = [keep, recompute, recompute(keeping: 1), offload, offload(keeping: 1)]

        /// - Parameter distance: of a piece from the last one, the head, which has 0.
        package func keepsGraph(at distance: Int) -> Bool { keptBlocks.map { $0 > 0 && distance <= $0 } ?? true }

        /// The head is run again as soon as it has been run: its input stays where it is.
        package func offloads(at distance: Int) -> Bool { offloadsInputs && distance > 0 && !keepsGraph(at: distance) }
    }
}

extension BlockwiseEncoder.Trace: CustomStringConvertible {
    public var description: String {
        guard let keptBlocks else { return "keep" }
        return (offloadsInputs ? "offload" : "recompute") + (keptBlocks > 0 ? ", \(keptBlocks) blocks kept" : "")
    }
}
