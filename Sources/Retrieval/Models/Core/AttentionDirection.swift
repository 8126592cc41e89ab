/// What the tokens of a text see of each other.
public enum AttentionDirection: String, Sendable, CaseIterable {
    /// Themselves and what stands before them.
    case causal
    case bidirectional
}
