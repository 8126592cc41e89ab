public import Base

/// A failed tensor operation: what was asked and what libtorch answered. Exit status 70 unless it says otherwise.
public struct TensorError: StatusError {
    public let operation: String
    public let message: String
    public let exitStatus: ExitStatus

    public init(_ operation: String, _ message: String, exitStatus: ExitStatus = .bug) {
        self.operation = operation
        self.message = message
        self.exitStatus = exitStatus
    }

    public var description: String { "\(operation): \(message)" }
}
