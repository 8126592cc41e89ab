public import Base
public import SystemPackage

/// Stored bytes that are not what was written.
public struct DamagedBlob: StatusError {
    public let path: FilePath
    public let reason: String
    /// Where in the data it was met, such as `nave, document 17 ("Gen.1.18")`.
    public var context: String?

    package init(_ path: FilePath, _ reason: String, context: String? = nil) {
        self.path = path
        self.reason = reason
        self.context = context
    }

    public var exitStatus: ExitStatus { .badData }

    public var description: String {
        var text = "\(path): damaged: \(reason)"
        if let context { text += " (reading \(context))" }
        return text + "\n  `tvt-store verify` finds all that is damaged, `tvt-store repair --from DIR` restores it."
    }

    package func reading(_ context: @autoclosure () -> String) -> DamagedBlob {
        var copy = self
        if copy.context == nil { copy.context = context() }
        return copy
    }
}
