internal import Base
internal import CArchive
public import SystemPackage

/// A file that is compressed as its name says (`.zst`, `.gz`, `.xz`, anything else plain) and appears when complete.
///
/// "-" is stdout, uncompressed. Dropping it without `commit` leaves nothing behind.
/// Not Sendable: libarchive handles belong to one thread at a time.
public final class CompressedOutput {
    private let path: FilePath
    private let lock: OutputLock?
    private let sink: StagedSink
    private let handle: OpaquePointer?

    /// - Parameter purpose: where it is given, the file is locked meanwhile, for the message that other writers get, and
    ///   what killed writers left of it is removed.
    /// - Throws: `Failure` with status 75 where another process is writing it.
    public init(_ path: FilePath, lockedFor purpose: String? = nil) throws {
        self.path = path
        lock = try path == "-" ? nil : purpose.map { try OutputLock(for: path, purpose: $0) }
        sink = try StagedSink(path)
        let wanted = path == "-" ? nil : path.extension
        guard let filter = wanted, ["zst", "gz", "xz"].contains(filter) else {
            handle = nil
            return
        }
        handle = archive_write_new()
        archive_write_set_format_raw(handle)
        switch filter {
        case "zst": archive_write_add_filter_zstd(handle)
        case "gz":
            archive_write_add_filter_gzip(handle)
            // Without it the bytes would differ from run to run.
            archive_write_set_filter_option(handle, "gzip", "timestamp", nil)
        default: archive_write_add_filter_xz(handle)
        }
        archive_write_set_bytes_per_block(handle, 1 << 16)
        archive_write_set_bytes_in_last_block(handle, 1)
        try check(sink.open(handle!))
        let entry = archive_entry_new()
        defer { archive_entry_free(entry) }
        archive_entry_set_pathname(entry, "data")
        archive_entry_set_filetype(entry, UInt32(S_IFREG))
        try check(archive_write_header(handle, entry))
    }

    deinit {
        if let handle {
            // Freeing an open writer would flush into the sink.
            archive_write_fail(handle)
            archive_write_free(handle)
        }
    }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard let handle else {
            try sink.write(bytes)
            return
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = archive_write_data(handle, slice.baseAddress, slice.count)
            if count < 0 { try check(ARCHIVE_FATAL) }
            rest = rest.dropFirst(count)
        }
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Ends the stream and puts the file in its place, durably.
    ///
    /// - Parameter prepare: called with the path of the finished file before it gets its name; not for stdout.
    /// - Returns: bytes of the file.
    @discardableResult
    public func commit(_ prepare: (FilePath) throws -> Void = { _ in }) throws -> Int {
        if let handle { try check(archive_write_close(handle)) }
        try sink.commit(prepare)
        return sink.byteCount
    }

    private func check(_ status: Int32) throws {
        guard status != ARCHIVE_OK else { return }
        if let failure = sink.failure { throw failure }
        let message = archive_error_string(handle).map { String(cString: $0) } ?? "status \(status)"
        throw Failure(.io, "cannot compress \(path): \(message)")
    }
}
