internal import Base
internal import Glibc

/// The rules for names of an archive's members: relative paths, as every system writes them.
///
/// Nothing is ever unpacked to such a name, so that it cannot escape; but what breaks these rules was made to, or by a tool
/// whose other names cannot be trusted either.
enum MemberName {
    /// The name without a `./` before it.
    ///
    /// - Parameters:
    ///   - bytes: as they stand in the archive.
    ///   - isFolder: may end in a slash, and be `./`.
    /// - Throws: `InputError` for any other name than a plain relative path in UTF-8.
    static func checked(_ bytes: some Collection<UInt8>, isFolder: Bool, in archive: String) throws -> String {
        func fault(_ reason: String, _ advice: String) -> InputError {
            InputError(reason, at: Place(path: archive), offender: Array(bytes), advice: advice)
        }
        guard let whole = String(validating: bytes, as: UTF8.self) else {
            throw fault(
                "the name of a member is not valid UTF-8",
                "It was packed with names in another encoding: unpack it, and name the folder or pack it again.")
        }
        var name = Substring(whole)
        while name.utf8.starts(with: "./".utf8) { name.removeFirst(2) }
        if isFolder {
            while name.utf8.last == 0x2F, name.utf8.count > 1 { name.removeLast() }
            if name.isEmpty || name == "." { return "" }
        }
        guard !name.isEmpty else { throw fault("a member has no name", "Pack it again.") }
        let utf8 = name.utf8
        let advice = "Members are named by relative paths with slashes: pack the folder again from within."
        guard utf8.first != 0x2F else { throw fault("the name of a member is an absolute path", advice) }
        guard !utf8.contains(0) else { throw fault("the name of a member contains a NUL", advice) }
        guard !utf8.contains(0x5C) else { throw fault("the name of a member contains a backslash", advice) }
        if utf8.count > 1, let letter = utf8.first, (0x61...0x7A).contains(letter | 0x20),
            utf8[utf8.index(after: utf8.startIndex)] == 0x3A
        {
            throw fault("the name of a member begins with a drive letter", advice)
        }
        for part in utf8.split(separator: 0x2F, omittingEmptySubsequences: false) {
            if part.elementsEqual("..".utf8) { throw fault("the name of a member leads out of the archive", advice) }
            if part.isEmpty || part.elementsEqual(".".utf8) {
                throw fault("the name of a member is no plain path", advice)
            }
        }
        return String(name)
    }
}

/// The kinds of files that an archive may hold: regular ones, and folders.
enum MemberKind {
    /// Why a member of this kind is refused; nil where it is not, or has no kind.
    static func fault(of mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case 0, S_IFREG, S_IFDIR: nil
        case S_IFLNK: "the member is a link"
        default: "the member is a device"
        }
    }

    static func error(_ reason: String, _ path: String) -> InputError {
        InputError(reason, at: Place(path: path), advice: "Only regular files are read: pack what it stands for.")
    }
}
