internal import Base
internal import CArchive

/// The decompressed bytes of a zstd, xz or bzip2 file, by libarchive.
///
/// Not Sendable: libarchive handles belong to one thread at a time.
final class CompressedReader {
    private let handle: OpaquePointer
    private let feed: ArchiveFeed
    private let input: RawInput
    private var block: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    private var givenCount = 0

    init(_ input: RawInput) throws {
        handle = archive_read_new()
        self.input = input
        feed = ArchiveFeed { try input.read(into: $0) }
        archive_read_support_format_raw(handle)
        archive_read_support_filter_zstd(handle)
        archive_read_support_filter_xz(handle)
        archive_read_support_filter_bzip2(handle)
        try check(feed.open(handle))
        var entry: OpaquePointer?
        try check(archive_read_next_header(handle, &entry))
        // Without enough bytes for a header libarchive would take the stream for plain bytes.
        guard archive_filter_count(handle) > 1 else { throw damage("the header is incomplete") }
    }

    deinit { archive_read_free(handle) }

    /// Up to `target.count` bytes, at least one unless the end is reached; 0 at the end.
    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        while block.isEmpty {
            var start: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            let status = archive_read_data_block(handle, &start, &count, &offset)
            if status == ARCHIVE_EOF {
                try checkEnd()
                return 0
            }
            try check(status)
            block = UnsafeRawBufferPointer(start: start, count: count)
        }
        let count = min(block.count, target.count)
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<count]))
        block = UnsafeRawBufferPointer(rebasing: block[count...])
        givenCount += count
        return count
    }

    /// libarchive stops quietly where no further member begins; what is left would be lost.
    private func checkEnd() throws {
        let excess = input.byteCount - Int(archive_filter_bytes(handle, -1))
        if excess > 0 { throw damage("\(excess) bytes follow the end of the stream") }
    }

    private func check(_ status: Int32) throws {
        guard status != ARCHIVE_OK else { return }
        if let failure = feed.failure { throw failure }
        throw damage(archive_error_string(handle).map { String(cString: $0) } ?? "status \(status)")
    }

    private func damage(_ message: String) -> InputError { .damagedStream(message, input.path, givenCount) }
}

/// What libarchive's read callback works on; it outlives the handle. A class, because a C callback must reach it.
final class ArchiveFeed {
    static let byteCount = 1 << 18
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    private let read: (UnsafeMutableRawBufferPointer) throws -> Int
    /// What went wrong in the callback, of which libarchive learns no more than that something did.
    private(set) var failure: (any Error)?

    /// - Parameter read: fills a buffer with what comes next, and answers how much that is; 0 at the end.
    init(_ read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) { self.read = read }

    deinit { buffer.deallocate() }

    /// Opens a libarchive reader whose bytes come from here.
    ///
    /// - Returns: libarchive's status.
    func open(_ handle: OpaquePointer) -> Int32 {
        archive_read_open(
            handle, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, target in
                let feed = Unmanaged<ArchiveFeed>.fromOpaque(context!).takeUnretainedValue()
                target?.pointee = UnsafeRawPointer(feed.buffer.baseAddress!)
                do {
                    return try feed.read(feed.buffer)
                } catch {
                    feed.failure = error
                    return -1
                }
            }, nil)
    }
}
