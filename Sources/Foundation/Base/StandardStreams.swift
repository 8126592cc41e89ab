internal import Glibc

/// Writes to stderr in one call, so that lines of several threads do not mix.
public func writeToStandardError(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
        _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
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

public func writeToStandardOutput(_ text: String) throws {
    var text = text
    try text.withUTF8 { try writeToStandardOutput(UnsafeRawBufferPointer($0)) }
}
