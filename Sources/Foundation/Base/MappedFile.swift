internal import Glibc
public import SystemPackage

/// A file's bytes, mapped read-only. Pages are read when touched and shared between processes.
///
/// `@unchecked Sendable`: the mapping is immutable from `init` to `deinit`.
public final class MappedFile: @unchecked Sendable {
    public enum Access: Sendable {
        case sequential, random, soon
        /// All of it, at once: its pages are mapped together instead of one by one as they are touched.
        case now
    }

    public let path: FilePath
    /// Valid as long as this object lives.
    public let bytes: UnsafeRawBufferPointer
    /// Nil for a file that is all there: any but a blob of a remote store.
    @usableFromInline let fetcher: (any ByteFetcher)?

    /// - Parameter fetcher: brings bytes that are not there yet; they must be asked for with ``ensure(_:)``.
    public convenience init(_ path: FilePath, fetcher: (any ByteFetcher)? = nil) throws {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open", path) }
        defer { close(descriptor) }
        try self.init(descriptor: descriptor, path: path, fetcher: fetcher)
    }

    /// Maps the file that is open, whatever its path names by now.
    ///
    /// - Parameter descriptor: open for reading; stays the caller's.
    public init(descriptor: Int32, path: FilePath, fetcher: (any ByteFetcher)? = nil) throws {
        self.path = path
        self.fetcher = fetcher
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError.last("open", path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", path, errno: EISDIR) }
        let count = Int(status.st_size)
        if count == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let address = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
            throw SystemError.last("map", path)
        }
        bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    public var count: Int { bytes.count }

    /// Whether the bytes come from elsewhere when they are asked for.
    public var isFetched: Bool { fetcher != nil }

    /// Must precede the first look at any bytes. Costs one branch where the file is all there.
    @inlinable @inline(__always)
    public func ensure(_ range: Range<Int>) throws {
        if let fetcher { try fetcher.ensure(range) }
    }

    /// Gets bytes that turned out to be wrong from their origin again.
    ///
    /// - Returns: false where they come from nowhere else.
    public func fetchAgain(_ range: Range<Int>) throws -> Bool {
        guard let fetcher else { return false }
        try fetcher.fetchAgain(range)
        return true
    }

    /// Tells the kernel how the mapping will be read.
    public func advise(_ access: Access) { advise(access, for: 0..<bytes.count) }

    /// Tells the kernel how a part of the mapping will be read; `soon` starts reading it from the disk.
    ///
    /// - Precondition: the range lies within the file.
    public func advise(_ access: Access, for range: Range<Int>) {
        guard let address = bytes.baseAddress, !range.isEmpty else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a part of the file")
        let advice =
            switch access {
            case .sequential: MADV_SEQUENTIAL
            case .random: MADV_RANDOM
            case .soon: MADV_WILLNEED
            case .now: Self.populateRead
            }
        let start = range.lowerBound / Self.pageBytes * Self.pageBytes
        madvise(UnsafeMutableRawPointer(mutating: address + start), range.upperBound - start, advice)
    }

    /// `MADV_POPULATE_READ` of Linux 5.14, which glibc's headers of Debian 12 have for C alone; older systems refuse it, and
    /// pages come one by one.
    private static let populateRead: Int32 = 22

    /// Takes whole pages of a part out of the process's memory; they are read again when they are touched.
    public func discard(_ range: Range<Int>) {
        guard let address = bytes.baseAddress else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a part of the file")
        let start = (range.lowerBound + Self.pageBytes - 1) / Self.pageBytes * Self.pageBytes
        let end = range.upperBound == bytes.count ? bytes.count : range.upperBound / Self.pageBytes * Self.pageBytes
        guard start < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: address + start), end - start, MADV_DONTNEED)
    }

    private static let pageBytes = sysconf(Int32(_SC_PAGESIZE))

    deinit {
        if let address = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: address), bytes.count) }
    }
}
