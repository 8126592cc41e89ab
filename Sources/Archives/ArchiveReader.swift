internal import Base
internal import CArchive
internal import Glibc
internal import SystemPackage

/// One libarchive read handle: either a compressed stream or an archive with entries.
///
/// Not Sendable: libarchive handles belong to one thread at a time.
final class ArchiveReader {
    private let handle: OpaquePointer
    private let path: String
    private let feed: Feed?
    /// A tar whose every member counts: what is no regular file is an error, and so is a missing end.
    private let isTar: Bool
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
        isTar = false
        archive_read_support_format_raw(handle)
        try open(feed)
        var entry: OpaquePointer?
        try check(archive_read_next_header(handle, &entry))
        // Without enough bytes for a header libarchive would take the stream for plain bytes.
        guard archive_filter_count(handle) > 1 else { throw damage("the header is incomplete") }
    }

    /// A tar, plain or compressed, before its first member.
    init(tar input: RawInput) throws {
        handle = archive_read_new()
        path = input.path
        let feed = Feed(input)
        self.feed = feed
        isTar = true
        archive_read_support_format_tar(handle)
        // Tars are joined with `cat`; without this, all behind the first would be left out.
        archive_read_set_format_option(handle, "tar", "read_concatenated_archives", "1")
        try open(feed)
    }

    private func open(_ feed: Feed) throws {
        archive_read_support_filter_gzip(handle)
        archive_read_support_filter_zstd(handle)
        archive_read_support_filter_xz(handle)
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
    }

    /// An archive file (zip, tar, …), before its first entry.
    init(archive path: FilePath) throws {
        handle = archive_read_new()
        self.path = path.string
        feed = nil
        isTar = false
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
            if status == ARCHIVE_EOF {
                if isTar { try checkTarEnd() }
                return nil
            }
            try check(status)
            let type = archive_entry_filetype(entry)
            guard type == S_IFREG, archive_entry_hardlink(entry) == nil else {
                guard isTar, type != S_IFDIR else { continue }
                let name = archive_entry_pathname(entry).map { String(cString: $0) } ?? ""
                throw InputError(
                    "the member is a link or a device", at: Place(path: path + "/" + name),
                    advice: "Only regular files are read: pack what it stands for.")
            }
            guard let name = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry) else { continue }
            block = .init(start: nil, count: 0)
            guard !isTar || String(validatingCString: name) != nil else {
                throw InputError(
                    "the name of a member is not valid UTF-8", at: Place(path: path),
                    offender: UnsafeBufferPointer(start: name, count: strlen(name)).map { UInt8(bitPattern: $0) })
            }
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
                if !isTar { try checkEnd() }
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

    /// A tar ends in blocks of zeros. Where it ends between two members without them, libarchive sees nothing wrong.
    private func checkTarEnd() throws {
        guard archive_filter_bytes(handle, 0) > archive_read_header_position(handle) else {
            throw InputError(
                "the tar ends without its end mark", at: Place(path: path),
                advice: "It may be cut off: fetch or make it again.")
        }
        try checkEnd()
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
