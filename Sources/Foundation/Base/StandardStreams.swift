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

/// Writes all bytes to stdout.
///
/// - Throws: `SystemError`; a closed pipe ends the process quietly, as `head` expects of its feeders.
public func writeToStandardOutput(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
        let slice = UnsafeRawBufferPointer(rebasing: rest)
        let count = write(STDOUT_FILENO, slice.baseAddress, slice.count)
        if count < 0 {
            if errno == EINTR { continue }
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
