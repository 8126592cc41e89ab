internal import Archives
internal import Base
internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

/// Files that are documents, one each (a PDF one for each page), by their names.
struct DocumentFiles {
    enum Kind: Equatable {
        case media(MediaKind)
        case text
        case pdf
    }

    struct File: Equatable {
        let path: FilePath
        /// The path within the folder that was named, or as it was named.
        let id: String
        let kind: Kind
    }

    private(set) var files: [File] = []
    /// Files of folders whose names tell no kind that is known, or are not valid UTF-8.
    private(set) var unknown: [String] = []

    private static let endings: [(kind: Kind, endings: [String])] =
        MediaKind.allCases.map { (.media($0), $0.fileEndings.sorted()) } + [(.text, ["txt", "md"]), (.pdf, ["pdf"])]

    /// By the ending of its name, in whatever case; nil for others.
    static func kind(of name: String) -> Kind? {
        let file = name.split(separator: "/").last ?? ""
        guard let dot = file.lastIndex(of: "."), dot > file.startIndex else { return nil }
        let ending = file[file.index(after: dot)...].lowercased()
        return endings.first { $0.endings.contains(ending) }?.kind
    }

    /// - Parameters:
    ///   - sources: files and folders.
    ///   - patterns: of paths; `**` stands for folders, any number of them.
    /// - Throws: `Failure` for what is not there, for a pattern that no file fits, and for ids that would come twice.
    init(_ sources: [FilePath], patterns: [String]) throws {
        for source in sources {
            guard Files.isDirectory(source) else {
                guard let kind = Self.kind(of: source.string) else { throw Self.unknownKind(source.string) }
                files.append(
                    File(
                        path: source, id: sources.count == 1 ? source.lastComponent!.string : source.string, kind: kind)
                )
                continue
            }
            let isAlone = sources.count == 1 && patterns.isEmpty
            let tree = try SourceTree(source, leavesUnreadable: true)
            unknown += tree.unreadable
            for name in tree.names where !Self.isHidden(name) {
                if let kind = Self.kind(of: name) {
                    files.append(
                        File(
                            path: source.appending(name), id: isAlone ? name : source.appending(name).string, kind: kind
                        ))
                } else {
                    unknown.append(source.appending(name).string)
                }
            }
        }
        for pattern in patterns { try add(pattern, isAlone: patterns.count == 1 && sources.isEmpty) }
        var seen: [String: FilePath] = [:]
        for file in files {
            if let other = seen.updateValue(file.path, forKey: file.id) {
                throw Failure(.usage, "\(other) and \(file.path) would both be the document \(file.id)")
            }
        }
    }

    private mutating func add(_ pattern: String, isAlone: Bool) throws {
        let glob = PathPattern(pattern)
        guard Files.isDirectory(glob.root) else {
            throw Failure(.missingInput, "--files \(pattern): there is no folder \(glob.root)")
        }
        var count = 0
        let tree = try SourceTree(glob.root, leavesUnreadable: true)
        unknown += tree.unreadable
        for name in tree.names where !Self.isHidden(name) && glob.fits(name) {
            let path = glob.root == "." ? FilePath(name) : glob.root.appending(name)
            guard let kind = Self.kind(of: name) else { throw Self.unknownKind(path.string) }
            files.append(File(path: path, id: isAlone ? name : path.string, kind: kind))
            count += 1
        }
        guard count > 0 else {
            throw Failure(
                .missingInput, "--files \(pattern): no file fits",
                advice:
                    "`**` stands for folders, `*` for a part of one name. Keep the shell from expanding it with quotes."
            )
        }
    }

    private static func unknownKind(_ name: String) -> Failure {
        let known = endings.flatMap(\.endings).map { "." + $0 }.joined(separator: " ")
        return Failure(
            .usage, "\(name): its name tells no kind of document", advice: "Known are \(known), and files of rows.")
    }

    private static func isHidden(_ name: String) -> Bool {
        name.split(separator: "/").contains { $0.hasPrefix(".") || $0 == "__MACOSX" }
    }
}

/// A pattern of paths: `*` and `?` within a name, `**` for any number of folders.
struct PathPattern {
    /// What comes before the first name with a `*` or a `?`.
    let root: FilePath
    private let parts: [String]

    init(_ pattern: String) {
        let all = pattern.split(separator: "/").map(String.init)
        let fixed = all.dropLast().prefix { !ColumnPath.isPattern($0) }
        parts = Array(all[fixed.count...])
        let start = (pattern.hasPrefix("/") ? "/" : "") + fixed.joined(separator: "/")
        root = start.isEmpty ? "." : FilePath(start)
    }

    /// - Parameter name: a path within the root.
    func fits(_ name: String) -> Bool { Self.fits(name.split(separator: "/").map(String.init)[...], parts[...]) }

    private static func fits(_ names: ArraySlice<String>, _ parts: ArraySlice<String>) -> Bool {
        // Which beginnings of the names the parts so far fit.
        var ends: Set<Int> = [names.startIndex]
        for part in parts {
            if part == "**" {
                guard let first = ends.min() else { return false }
                ends = Set(first...names.endIndex)
            } else {
                ends = Set(ends.filter { $0 < names.endIndex && ColumnPath.matches(names[$0], part) }.map { $0 + 1 })
            }
        }
        return ends.contains(names.endIndex)
    }
}

/// Documents that are files, one row each: `{"docid": …, "document_image": …}`.
///
/// Not Sendable: it has a position.
final class FileRows: BatchSource {
    let path: String
    private let files: [DocumentFiles.File]
    private let batchByteCount: Int
    private var next = 0
    private var rowCount = 0
    private(set) var parsedByteCount = 0
    private(set) var readByteCount = 0

    /// No text may be longer (64 MiB): it is one document.
    private static let longestText = 64 << 20
    /// After so many faults a batch ends.
    private static let faultCount = 1000

    /// - Parameter path: what messages call all of them.
    init(_ path: String, _ files: [DocumentFiles.File], batchByteCount: Int) {
        (self.path, self.files, self.batchByteCount) = (path, files, batchByteCount)
    }

    func finish() throws -> (size: Int, sha256: SHA256Digest)? { nil }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var names: [String] = []
        var faults: [LineBatch.Fault] = []
        while next < files.count, text.count < batchByteCount, faults.count < Self.faultCount {
            let file = files[next]
            next += 1
            let start = text.count
            JSONText.appendLiteral("{\"docid\":", to: &text)
            JSONText.appendString(file.id, to: &text)
            switch file.kind {
            case .media(let kind):
                JSONText.appendLiteral(",\"document_", to: &text)
                text += kind.rawValue.utf8
                JSONText.appendLiteral("\":", to: &text)
                JSONText.appendString(file.path.string, to: &text)
            case .text:
                let content: [UInt8]
                do {
                    content = try self.content(of: file.path)
                } catch let error as InputError {
                    // What is kept of a bad record is a line: here the name of the file.
                    text.removeLast(text.count - start)
                    faults.append(
                        .init(lineCountBefore: names.count, error: error, line: Array(file.path.string.utf8)))
                    continue
                }
                JSONText.appendLiteral(",\"document_text\":", to: &text)
                JSONText.appendString(content, to: &text)
            case .pdf: preconditionFailure("they have a reader of their own")
            }
            JSONText.appendLiteral("}\n", to: &text)
            names.append(file.path.string)
        }
        guard !names.isEmpty || !faults.isEmpty else { return nil }
        defer {
            parsedByteCount += text.count
            rowCount += names.count
        }
        return LineBatch(
            path: path, firstLine: rowCount + 1, byteOffset: parsedByteCount, origins: .files(names), text: text,
            faults: faults)
    }

    /// The text of a file.
    ///
    /// - Throws: `InputError` for one that is no text, too long, or not to be read.
    private func content(of path: FilePath) throws -> [UInt8] {
        func fault(_ reason: String, _ advice: String) -> InputError {
            InputError(reason, at: Place(path: path.string), advice: advice)
        }
        let content: [UInt8]
        do {
            let size = try Files.size(path)
            guard size <= Self.longestText else {
                throw fault("a text of more than 64 MiB", "A file is one document: cut it into passages.")
            }
            content = try Files.readAll(path)
            readByteCount += size
        } catch let error as SystemError where Self.fileErrors.contains(error.errno) {
            throw fault("\(error)", "--max-bad-records leaves out files that cannot be read.")
        }
        guard content.withUnsafeBytes({ JSONText.isUTF8($0) }) else {
            throw fault("it is not valid UTF-8", "Convert it with iconv; --max-bad-records leaves it out.")
        }
        return content
    }

    /// What is wrong with one file, and not with the machine.
    private static let fileErrors: Set<Int32> = Set(
        [Errno.noSuchFileOrDirectory, .permissionDenied, .isDirectory, .notDirectory].map(\.rawValue))
}

/// The files that rows name, which are rows of ours: any path that there is.
struct GivenFiles: MediaSource {
    func content(of reference: MediaReference, as kind: MediaKind) throws -> MediaContent? {
        reference.name.map { .file(FilePath($0)) }
    }
}
