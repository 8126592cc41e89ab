internal import Glibc

/// Writes to stderr in one call, so that lines of several threads do not mix; as ``printable(_:)`` gives the text.
public func writeToStandardError(_ text: String) { writeCommands(printable(text)) }

/// Writes what a terminal is to obey.
func writeCommands(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
}

/// Text without what a terminal would take for commands: control characters other than line feeds and tabs become
/// `\u001b` and the like. JSON stays the same JSON.
public func printable(_ text: String) -> String {
    func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 ? scalar != "\n" && scalar != "\t" : (0x7F...0x9F).contains(scalar.value)
    }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var printed = ""
    for scalar in text.unicodeScalars {
        if isControl(scalar) {
            printed += "\\u00" + hexadecimal([UInt8(scalar.value)])
        } else {
            printed.unicodeScalars.append(scalar)
        }
    }
    return printed
}

/// Nobody reads standard output any more, as behind `| head`.
///
/// A tool that ends with it cleans up, and then ends quietly by SIGPIPE, as a shell expects.
public struct OutputClosed: StatusError {
    public init() {}

    public var exitStatus: ExitStatus { .io }
    public var description: String { "standard output: nobody reads it any more" }
}

/// Writes all bytes to stdout.
///
/// - Throws: `SystemError`; ``OutputClosed`` where it is a pipe without a reader.
public func writeToStandardOutput(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let slice = UnsafeRawBufferPointer(rebasing: rest)
        let count = write(STDOUT_FILENO, slice.baseAddress, slice.count)
        if count < 0 {
            if errno == EINTR { continue }
            if errno == EPIPE { throw OutputClosed() }
            throw SystemError.last("write", "standard output")
        }
        rest = rest.dropFirst(count)
    }
}

/// As above, as ``printable(_:)`` gives the text.
public func writeToStandardOutput(_ text: String) throws {
    var text = printable(text)
    try text.withUTF8 { try writeToStandardOutput(UnsafeRawBufferPointer($0)) }
}
