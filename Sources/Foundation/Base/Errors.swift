internal import Glibc
public import SystemPackage

/// What a tvt process tells its caller, after BSD's sysexits.
public enum ExitStatus: Int32, Sendable {
    case success = 0
    case usage = 64
    case badData = 65
    case missingInput = 66
    /// A server cannot be reached or fails; trying again later may succeed.
    case unavailable = 69
    /// A fault of ours; please report it.
    case bug = 70
    case cannotCreate = 73
    case io = 74
    /// Somebody else holds the lock; trying again later may succeed.
    case locked = 75
    case badConfiguration = 78
    /// Ended by SIGINT or SIGTERM.
    case interrupted = 130

    /// The status for any error: a ``StatusError`` says its own, everything else is a bug of ours.
    public init(for error: any Error) {
        if let error = error as? any StatusError {
            self = error.exitStatus
        } else if let error = error as? Errno {
            self = error == .noSuchFileOrDirectory ? .missingInput : .io
        } else {
            self = .bug
        }
    }
}

/// An error that knows which exit status it ends the process with. Its description is what the user reads.
public protocol StatusError: Error, CustomStringConvertible, Sendable {
    var exitStatus: ExitStatus { get }
}

/// A failure that is not tied to a place in an input: bad configuration, a lock, a refused overwrite.
public struct Failure: StatusError {
    public let exitStatus: ExitStatus
    public let message: String
    /// What the user can do about it.
    public let advice: String?

    public init(_ exitStatus: ExitStatus, _ message: String, advice: String? = nil) {
        self.exitStatus = exitStatus
        self.message = message
        self.advice = advice
    }

    public var description: String { advice.map { "\(message)\n  \($0)" } ?? message }
}

/// A place in an input, as exact as it is known.
public struct Place: Sendable, Hashable {
    public var path: String
    /// 1-based.
    public var line: Int?
    /// Offset in the decompressed stream.
    public var byteOffset: Int?
    public var field: String?

    public init(path: String, line: Int? = nil, byteOffset: Int? = nil, field: String? = nil) {
        self.path = path
        self.line = line
        self.byteOffset = byteOffset
        self.field = field
    }
}

extension Place: CustomStringConvertible {
    /// `corpus.jsonl.gz:12 (byte 340)`, with `, field "docid"` where a field is known.
    public var description: String {
        var text = path
        if let line { text += ":\(line)" }
        if let byteOffset { text += " (byte \(byteOffset))" }
        if let field { text += ", field \"\(field)\"" }
        return text
    }
}

/// Input that cannot be accepted: what is wrong, where, and what to do about it.
public struct InputError: StatusError {
    public let reason: String
    public let place: Place
    /// The bytes at fault; at most 40 are shown, escaped.
    public let offender: [UInt8]?
    public let advice: String?
    /// 65 for data; 78 for a configuration.
    public let exitStatus: ExitStatus

    public init(
        _ reason: String, at place: Place, offender: [UInt8]? = nil, advice: String? = nil,
        exitStatus: ExitStatus = .badData
    ) {
        self.exitStatus = exitStatus
        self.reason = reason
        self.place = place
        self.offender = offender.map { Array($0.prefix(InputError.longestOffender + 1)) }
        self.advice = advice
    }

    static let longestOffender = 40

    public var description: String {
        var text = "\(place): \(reason)"
        if let offender {
            let ellipsis = offender.count > InputError.longestOffender ? "…" : ""
            text += ": \(escaped(offender.prefix(InputError.longestOffender)))\(ellipsis)"
        }
        if let advice { text += "\n  \(advice)" }
        return text
    }
}

/// Bytes as people read them: printable UTF-8 as it is, everything else as `\\xNN` or `\\u{N}`, within quotes.
public func escaped(_ bytes: some Collection<UInt8>) -> String {
    var text = "\""
    var rest = Array(bytes)[...]
    while let byte = rest.first {
        var decoder = UTF8()
        var iterator = rest.makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&iterator) else {
            text += "\\x" + hexadecimal([byte])
            rest.removeFirst()
            continue
        }
        rest.removeFirst(UTF8.width(scalar))
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\t": text += "\\t"
        case _ where scalar.properties.generalCategory == .control:
            text += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text + "\""
}

/// The beginning of a text, ``escaped(_:)``, with `…` behind it where there is more: for a message about it.
public func excerpt(_ text: some StringProtocol, upTo scalarCount: Int = 40) -> String {
    let beginning = text.unicodeScalars.prefix(scalarCount + 1)
    return escaped(String(String.UnicodeScalarView(beginning.prefix(scalarCount))).utf8)
        + (beginning.count > scalarCount ? "…" : "")
}

/// A call into the operating system that failed.
public struct SystemError: StatusError {
    public let operation: String
    public let path: FilePath
    public let errno: Int32

    public init(_ operation: String, _ path: FilePath, errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// The error that the calling thread's `errno` tells of.
    public static func last(_ operation: String, _ path: FilePath) -> SystemError {
        SystemError(operation, path, errno: Glibc.errno)
    }

    public var exitStatus: ExitStatus {
        switch errno {
        case ENOENT where operation != "create": .missingInput
        case _ where operation == "create": .cannotCreate
        default: .io
        }
    }

    public var description: String {
        let text = "\(path): cannot \(operation): \(Errno(rawValue: errno).description)"
        guard errno == EXDEV else { return text }
        return text
            + "\n  What is written and its place must lie on one file system: move the whole folder there, or link to it."
    }
}
