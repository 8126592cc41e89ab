/// A text's part in retrieval: it asks, or it answers.
public enum Role: String, Sendable, CaseIterable { case query, document }
