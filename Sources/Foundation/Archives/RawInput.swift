internal import Base
internal import Glibc
internal import SystemPackage

/// The bytes of a file or of stdin as they lie there, counted and hashed as they go by.
///
/// The hash is computed on a thread of its own: it takes as long as reading and cutting lines does.
final class RawInput {
    let path: String
    private(set) var byteCount = 0
    private var descriptor: Int32
    private let hash: SHA256Worker?
    /// Whether it can be opened once more and read at any place.
    let isRegularFile: Bool
    /// Bytes of the file when it was opened; nil for what is no regular file.
    let fileByteCount: Int?
    /// First bytes, read early to tell the kind of file.
    private var head: [UInt8] = []
    private var headPosition = 0
    private var scratch: [UInt8] = []

    /// - Parameters:
    ///   - path: "-" is stdin.
    ///   - followsLinks: whether it may be a symbolic link.
    init(_ path: FilePath, hashing: Bool, followsLinks: Bool = true) throws {
        hash = hashing ? SHA256Worker() : nil
        if path == "-" {
            self.path = "standard input"
            descriptor = STDIN_FILENO
            // Even if it is a file: there is no path to open it by once more.
            (isRegularFile, fileByteCount) = (false, nil)
        } else {
            self.path = path.string
            descriptor = Glibc.open(path.string, O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
            guard descriptor >= 0 else { throw SystemError.last("open", path) }
            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
                close(descriptor)
                throw Failure(.missingInput, "\(path) is a folder, not a file")
            }
            isRegularFile = status.st_mode & S_IFMT == S_IFREG
            fileByteCount = isRegularFile ? Int(status.st_size) : nil
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        }
    }

    deinit { if descriptor > STDIN_FILENO { close(descriptor) } }

    /// The first bytes (at most `count`), which `read` will give again.
    func peek(_ count: Int) throws -> [UInt8] {
        head = [UInt8](repeating: 0, count: count)
        var filled = 0
        try head.withUnsafeMutableBytes { target in
            while filled < count {
                let got = try readDescriptor(into: UnsafeMutableRawBufferPointer(rebasing: target[filled...]))
                if got == 0 { break }
                filled += got
            }
        }
        head.removeLast(count - filled)
        return head
    }

    /// Up to `target.count` bytes; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        if headPosition < head.count {
            let count = min(head.count - headPosition, target.count)
            head.withUnsafeBytes {
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[headPosition..<headPosition + count]))
            }
            headPosition += count
            return count
        }
        return try readDescriptor(into: target)
    }

    private func readDescriptor(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        while true {
            let count = Glibc.read(descriptor, target.baseAddress, target.count)
            if count < 0 {
                if errno == EINTR {
                    try Interruption.check()
                    continue
                }
                throw SystemError.last("read", FilePath(path))
            }
            byteCount += count
            try hash?.update(Array(target[..<count]))
            return count
        }
    }

    /// Reads and hashes up to a place in the file, for a reader that goes its own way through it; nothing when not hashing.
    func pass(to offset: Int) throws {
        guard hash != nil, byteCount < offset else { return }
        if scratch.isEmpty { scratch = [UInt8](repeating: 0, count: 1 << 18) }
        while byteCount < offset {
            if try scratch.withUnsafeMutableBytes({ try readDescriptor(into: $0) }) == 0 { return }
        }
    }

    /// Reads what is left and gives the digest of everything; nil when not hashing.
    func finish() throws -> SHA256Digest? {
        guard let hash else { return nil }
        var rest = [UInt8](repeating: 0, count: 1 << 16)
        while try rest.withUnsafeMutableBytes({ try readDescriptor(into: $0) }) > 0 {}
        return try hash.finalize()
    }
}
