internal import Base
internal import CArchive
public import SystemPackage

/// A tar that appears when complete. Times, owners and modes are fixed, so that the same members give the same bytes.
///
/// ustar; a member that it cannot describe (8 GiB and more) gets a header of pax. Dropping it without `commit` leaves
/// nothing behind. Not Sendable: libarchive handles belong to one thread at a time.
public final class TarWriter {
    private let path: FilePath
    private let sink: StagedSink
    private let handle: OpaquePointer
    private let entry: OpaquePointer
    /// What the members take so far.
    public private(set) var byteCount = 0

    /// What a member of this size takes: a block for its name, and its bytes in whole blocks of 512.
    public static func memberBytes(_ count: Int) -> Int { 512 + (count + 511) / 512 * 512 }

    public init(_ path: FilePath) throws {
        self.path = path
        sink = try StagedSink(path)
        handle = archive_write_new()
        entry = archive_entry_new()
        archive_write_set_format_pax_restricted(handle)
        archive_write_set_bytes_per_block(handle, 1 << 18)
        archive_write_set_bytes_in_last_block(handle, 1)
        try check(sink.open(handle))
    }

    deinit {
        archive_entry_free(entry)
        // Freeing an open writer would flush into the sink.
        archive_write_fail(handle)
        archive_write_free(handle)
    }

    /// Appends a regular file.
    public func append(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
        try begin(name, byteCount: bytes.count)
        try write(bytes)
    }

    /// Begins a regular file, whose bytes are written next.
    ///
    /// - Parameter byteCount: no more and no fewer must be written before the next member or the end.
    public func begin(_ name: String, byteCount: Int) throws {
        archive_entry_clear(entry)
        archive_entry_set_pathname(entry, name)
        archive_entry_set_filetype(entry, UInt32(S_IFREG))
        archive_entry_set_perm(entry, 0o644)
        archive_entry_set_size(entry, Int64(byteCount))
        archive_entry_set_mtime(entry, 0, 0)
        archive_entry_set_uid(entry, 0)
        archive_entry_set_gid(entry, 0)
        try check(archive_write_header(handle, entry))
        self.byteCount += Self.memberBytes(byteCount)
    }

    /// Writes bytes of the member that was begun.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let slice = UnsafeRawBufferPointer(rebasing: rest)
            let count = archive_write_data(handle, slice.baseAddress, slice.count)
            if count <= 0 { try check(ARCHIVE_FATAL) }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes the end mark and puts the file in its place, durably.
    ///
    /// - Returns: bytes of the file.
    @discardableResult
    public func commit() throws -> Int {
        try check(archive_write_close(handle))
        try sink.commit()
        return sink.byteCount
    }

    private func check(_ status: Int32) throws {
        guard status != ARCHIVE_OK else { return }
        if let failure = sink.failure { throw failure }
        let message = archive_error_string(handle).map { String(cString: $0) } ?? "status \(status)"
        throw Failure(.io, "cannot write \(path): \(message)")
    }
}
