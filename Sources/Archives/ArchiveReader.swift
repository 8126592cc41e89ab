internal import Base
internal import CArchive
internal import SystemPackage

/// One libarchive read handle: either a compressed stream or an archive with entries.
///
/// Not Sendable: libarchive handles belong to one thread at a time.
final class ArchiveReader {
    private let handle: OpaquePointer
    private let path: String
    private let feed: Feed?
    private var block: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    /// Name of the current entry of an archive.
    private var entryName: String?
    /// Bytes given out of the current entry.
    private var givenCount = 0

    /// What libarchive's read callback works on; it outlives the handle.
    private final class Feed {
        let input: RawInput
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        var failure: (any Error)?

        init(_ input: RawInput) { self.input = input }
        deinit { buffer.deallocate() }
    }

    /// A compressed stream of one file.
    init(decompressing input: RawInput) throws {
        handle = archive_read_new()
        path = input.path
        let feed = Feed(input)
        self.feed = feed
        archive_read_support_filter_gzip(handle)
        archive_read_support_filter_zstd(handle)
        archive_read_support_filter_xz(handle)
        archive_read_support_format_raw(handle)
        let status = archive_read_open(
            handle, Unmanaged.passUnretained(feed).toOpaque(), nil,
            { _, context, target in
                let feed = Unmanaged<Feed>.fromOpaque(context!).takeUnretainedValue()
                target?.pointee = UnsafeRawPointer(feed.buffer.baseAddress!)
                do {
                    return try feed.input.read(into: feed.buffer)
                } catch {
                    feed.failure = error
                    return -1
                }
            }, nil)
        try check(status)
        var entry: OpaquePointer?
        try check(archive_read_next_header(handle, &entry))
        // Without enough bytes for a header libarchive would take the stream for plain bytes.
        guard archive_filter_count(handle) > 1 else { throw damage("the header is incomplete") }
    }

    /// An archive file (zip, tar, …), before its first entry.
    init(archive path: FilePath) throws {
        handle = archive_read_new()
        self.path = path.string
        feed = nil
        archive_read_support_filter_all(handle)
        archive_read_support_format_zip(handle)
        archive_read_support_format_tar(handle)
        let status = archive_read_open_filename(handle, path.string, 1 << 18)
        try check(status)
    }

    deinit { archive_read_free(handle) }

    /// Goes to the next regular file and gives its name; nil at the end.
    func nextEntry() throws -> String? {
        while true {
            var entry: OpaquePointer?
            entryName = nil
            givenCount = 0
            let status = archive_read_next_header(handle, &entry)
            if status == ARCHIVE_EOF { return nil }
            try check(status)
            guard archive_entry_filetype(entry) == S_IFREG else { continue }
            guard let name = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry) else { continue }
            block = .init(start: nil, count: 0)
            entryName = String(cString: name)
            return entryName
        }
    }

    /// Up to `target.count` bytes of the stream or the current entry; 0 at the end.
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
            // A warning here is a wrong checksum or size: never data to go on with.
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
        guard let feed else { return }
        let excess = feed.input.byteCount - Int(archive_filter_bytes(handle, -1))
        if excess > 0 { throw damage("\(excess) bytes follow the end of the stream") }
    }

    private func check(_ status: Int32) throws {
        guard status != ARCHIVE_OK else { return }
        if let failure = feed?.failure { throw failure }
        throw damage(archive_error_string(handle).map { String(cString: $0) } ?? "status \(status)")
    }

    private func damage(_ message: String) -> InputError {
        InputError(
            "the compressed data is damaged or cut off (\(message))",
            at: Place(path: entryName.map { path + "/" + $0 } ?? path, byteOffset: givenCount),
            advice: "Fetch or make the file again; the byte counts what could still be decompressed.")
    }
}
