public import Records

/// What the retriever is given of a recipe's documents, and why: decided before anything is run.
public struct DocumentView: Sendable, Equatable, CustomStringConvertible {
    /// Who decides.
    public enum Choice: String, Sendable, CaseIterable {
        /// What the retriever takes.
        case auto
        /// The documents' own images, videos or sounds, and what else they hold.
        case media
        /// Texts that stand for them.
        case text
    }

    public enum Form: Sendable, Equatable {
        /// Documents as they are, with media of this kind.
        case media(MediaKind)
        /// Texts that stand for media: those of ``Recipe/Mining/textSide``, or the documents' own.
        case text
        /// Nothing: the recipe ends after the conversion.
        case nothing
    }

    public let form: Form
    /// For people, without paths of the machine.
    public let reason: String

    /// For people.
    public var description: String {
        switch form {
        case .media(let kind): "documents are encoded with the \(kind.rawValue) that they show (\(reason))"
        case .text: "documents are encoded by texts (\(reason))"
        case .nothing: reason
        }
    }

    /// `image`, `text` or `nothing`.
    public var name: String {
        switch form {
        case .media(let kind): kind.rawValue
        case .text: "text"
        case .nothing: "nothing"
        }
    }

    public init(_ form: Form, reason: String) { (self.form, self.reason) = (form, reason) }
}

extension DocumentView {
    /// - Parameters:
    ///   - kind: of the documents' media.
    ///   - hasText: whether a text can stand for them.
    ///   - retriever: what it takes; nil where none is named.
    /// - Throws: `Failure` where what is wanted cannot be.
    init(of kind: MediaKind, hasText: Bool, _ choice: Choice, _ retriever: RetrieverKinds?) throws {
        switch choice {
        case .text:
            guard hasText else { throw Self.noText(kind) }
            self.init(.text, reason: "asked for: a text stands for each \(kind.rawValue)")
        case .media:
            if let retriever, !retriever.takes(kind) {
                throw Self.refusal(retriever.description + retriever.reason(against: kind), kind)
            }
            self.init(.media(kind), reason: retriever.map { "asked for, and \($0)" } ?? "asked for")
        case .auto:
            switch retriever {
            case let retriever? where retriever.takes(kind): self.init(.media(kind), reason: retriever.description)
            case let retriever?:
                self.init(
                    hasText ? .text : .nothing,
                    reason: retriever.description + retriever.reason(against: kind)
                        + (hasText ? ": a text stands for each \(kind.rawValue)" : ", and no text stands for it"))
            case nil:
                self.init(
                    hasText ? .text : .nothing,
                    reason: hasText
                        ? "no retriever is named; one that takes \(kind.rawValue) is given the media themselves"
                        : "encoding needs a retriever that takes \(kind.rawValue), and none is named")
            }
        }
    }
}
