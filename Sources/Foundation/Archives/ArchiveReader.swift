internal import Base
internal import CArchive
internal import Glibc
internal import SystemPackage

/// The regular members of a zip or a tar in the order in which they lie there, by libarchive.
///
/// Not Sendable: libarchive handles belong to one thread at a time.
final class ArchiveReader {
    private enum Source {
        /// The decompressed tar, and what brings it to libarchive.
        case tar(InputStream, ArchiveFeed)
        /// How many members its directory tells of, and the bytes of the file.
        case zip(memberCount: Int, byteCount: Int)
    }

    private let handle: OpaquePointer
    private let path: String
    private let source: Source
    private let limits: ArchiveLimits
    /// Hashes of the names so far, 16 bytes each.
    private var names: Set<ContentHash> = []
    /// Folders included.
    private var memberCount = 0
    private var isAtEnd = false
    private(set) var memberName: String?
    /// What the header says that the member unpacks to.
    private(set) var memberByteCount: Int?
    /// Bytes given out of the current member.
    private var givenCount = 0
    private var isMemberAtEnd = true
    /// Packed bytes read before the current member, and of it and all before it.
    private var memberStart = 0
    private var packedCount = 0
    private var unpackedCount = 0

    /// Names are UTF-8 for libarchive only where the locale's are; that of a program that asks for none is ASCII.
    nonisolated(unsafe) private static let locale = newlocale(1 << LC_CTYPE, "C.UTF-8", nil)

    /// - Parameter tar: at its start, decompressed.
    init(tar input: InputStream, limits: ArchiveLimits) throws {
        handle = archive_read_new()
        path = input.path
        self.limits = limits
        let path = input.path
        // Here and not where members are read, because what is passed over is unpacked as well.
        let feed = ArchiveFeed { buffer in
            let count = try input.read(into: buffer)
            if let packed = input.rawByteCount,
                let excess = limits.excess(member: nil, total: (input.byteOffset, packed))
            {
                throw ArchiveLimits.error(excess, path)
            }
            return count
        }
        source = .tar(input, feed)
        archive_read_support_format_tar(handle)
        // Tars are joined with `cat`; without this, all behind the first would be left out.
        archive_read_set_format_option(handle, "tar", "read_concatenated_archives", "1")
        try check(feed.open(handle))
    }

    /// - Parameter zip: a regular file.
    init(zip path: FilePath, limits: ArchiveLimits) throws {
        handle = archive_read_new()
        self.path = path.string
        self.limits = limits
        let directory: ZipDirectory
        do {
            directory = try ZipDirectory(path, limits: limits)
        } catch {
            archive_read_free(handle)
            throw error
        }
        source = .zip(memberCount: directory.memberCount, byteCount: try Files.size(path))
        // By the directory at the end: the headers before the members tell of deleted ones, and may lack the sizes.
        archive_read_support_format_zip_seekable(handle)
        try check(archive_read_open_filename(handle, path.string, 1 << 18))
    }

    deinit { archive_read_free(handle) }

    /// Where in the file reading has come to, as far as that is known; of a tar its stream tells.
    var zipPosition: Int? {
        guard case .zip = source else { return nil }
        return max(0, Int(archive_filter_bytes(handle, 0)))
    }

    /// Goes to the next regular file and gives its name; nil at the end.
    ///
    /// - Throws: `InputError` for links, devices, sparse and encrypted files, names that no archive should have or that come
    ///   twice, damage, and more than the limits allow.
    func next() throws -> String? {
        guard !isAtEnd else { return nil }
        let outer = Self.locale.map { uselocale($0) }
        defer { if let outer { uselocale(outer) } }
        while true {
            var entry: OpaquePointer?
            endMember()
            let status = archive_read_next_header(handle, &entry)
            if status == ARCHIVE_EOF {
                isAtEnd = true
                try checkEnd()
                return nil
            }
            if status == ARCHIVE_WARN, archive_entry_pathname(entry) == nil {
                throw InputError(
                    "the name of a member is not valid UTF-8", at: Place(path: path),
                    advice: "It was packed with names in another encoding: unpack it, and name the folder.")
            }
            try check(status)
            memberCount += 1
            guard memberCount <= limits.memberCount else {
                throw ArchiveLimits.error("it has more than \(limits.memberCount) members", path)
            }
            let type = archive_entry_filetype(entry)
            let name = try MemberName.checked(
                archive_entry_pathname(entry).map { name in
                    UnsafeRawBufferPointer(start: name, count: strlen(name))
                } ?? UnsafeRawBufferPointer(start: nil, count: 0), isFolder: type == S_IFDIR, in: path)
            guard type != S_IFDIR else { continue }
            try checkKind(of: entry!, type, name)
            let isNew = Array(name.utf8).withUnsafeBytes { names.insert(.of($0)).inserted }
            guard isNew else {
                throw InputError(
                    "the archive has two members of this name", at: Place(path: path + "/" + name),
                    advice: "Which of the two is meant cannot be told: pack it again.")
            }
            memberName = name
            memberByteCount = archive_entry_size_is_set(entry) != 0 ? Int(archive_entry_size(entry)) : nil
            isMemberAtEnd = false
            // What was read ahead of a tar belongs to the members that follow.
            if case .tar = source { memberStart = position - ArchiveFeed.byteCount * 2 } else { memberStart = position }
            return name
        }
    }

    /// Up to `target.count` bytes of the current member, at least one unless its end is reached; 0 at its end.
    func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
        guard !isMemberAtEnd, !target.isEmpty else { return 0 }
        let count = archive_read_data(handle, target.baseAddress, target.count)
        // A warning here is a wrong checksum or size: never data to go on with.
        if count < 0 { try check(Int32(count)) }
        if count == 0 {
            isMemberAtEnd = true
            if let memberByteCount, memberByteCount != givenCount {
                throw damage("\(givenCount) bytes where \(memberByteCount) should be")
            }
            return 0
        }
        givenCount += count
        unpackedCount += count
        let packed = position - memberStart
        if let excess = limits.excess(
            member: (givenCount, packed), total: (unpackedCount, totalPacked(with: packed)))
        {
            throw ArchiveLimits.error(excess, memberPath)
        }
        return count
    }

    var memberPath: String { memberName.map { path + "/" + $0 } ?? path }

    private func endMember() {
        if memberName != nil { packedCount += max(0, position - memberStart) }
        memberName = nil
        memberByteCount = nil
        givenCount = 0
        isMemberAtEnd = true
    }

    /// Bytes of the file so far; what is read ahead of the member is counted with it.
    private var position: Int {
        switch source {
        case .tar(let input, _): input.rawByteCount ?? input.byteOffset
        case .zip: zipPosition ?? 0
        }
    }

    private func totalPacked(with member: Int) -> Int {
        switch source {
        case .tar: position
        case .zip(_, let byteCount): min(byteCount, packedCount + member)
        }
    }

    private func checkKind(of entry: OpaquePointer, _ type: mode_t, _ name: String) throws {
        if let reason = MemberKind.fault(of: archive_entry_hardlink(entry) == nil ? type : S_IFLNK) {
            throw MemberKind.error(reason, path + "/" + name)
        }
        if archive_entry_sparse_count(entry) > 0 {
            throw MemberKind.error("the member is a file with holes", path + "/" + name)
        }
        guard archive_entry_is_encrypted(entry) == 0 else {
            throw InputError(
                "the member is encrypted", at: Place(path: path + "/" + name),
                advice: "Unpack it with its password, and name the folder.")
        }
    }

    private func checkEnd() throws {
        switch source {
        case .tar(let input, _):
            // Where a tar ends between two members without its end mark, libarchive sees nothing wrong.
            guard archive_filter_bytes(handle, 0) > archive_read_header_position(handle) else {
                throw InputError(
                    "the tar ends without its end mark", at: Place(path: path),
                    advice: "It may be cut off: fetch or make it again.")
            }
            let excess = input.byteOffset - Int(archive_filter_bytes(handle, 0))
            guard excess <= 0 else { throw damage("\(excess) bytes follow the end of the tar") }
        case .zip(let count, _):
            guard count == memberCount else {
                throw damage("its directory tells of \(count) members, and \(memberCount) were found")
            }
        }
    }

    private func check(_ status: Int32) throws {
        guard status != ARCHIVE_OK else { return }
        if case .tar(_, let feed) = source, let failure = feed.failure { throw failure }
        throw damage(archive_error_string(handle).map { String(cString: $0) } ?? "status \(status)")
    }

    private func damage(_ message: String) -> InputError {
        InputError(
            "the archive is damaged or cut off (\(message))",
            at: Place(path: memberPath, byteOffset: memberName.map { _ in givenCount }),
            advice: "Fetch or make the file again; the byte counts what could still be unpacked.")
    }
}
