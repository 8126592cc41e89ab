internal import Archives
internal import Base
internal import StoreFormat
public import SystemPackage

extension Conversions {
    /// Takes samples in the manner of webdataset: documents, queries that link to them, and judgements.
    ///
    /// - Parameter sources: tars, or folders of tars and `qrels/`. A tar whose name begins with `queries` holds queries,
    ///   every other one documents; "-" is stdin.
    public static func samples(
        _ sources: [FilePath], into destination: any ConversionDestination, reference: String,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        let files = try SampleFiles(sources)
        func tar(_ path: FilePath, _ kind: RecordKind) -> RecordFile {
            RecordFile(path) {
                SampleReader(try MemberReader(path, hashing: true), kind: kind, $0)
            }
        }
        return try records(
            "webdataset", queries: files.queries.map { tar($0, .queries) },
            corpus: files.corpus.map { tar($0, .documents) },
            judgements: files.judgements, unread: files.unread, into: destination, reference: reference,
            options: options)
    }
}

/// Tars by what they hold, in the order in which they are read.
private struct SampleFiles {
    private(set) var corpus: [FilePath] = []
    private(set) var queries: [FilePath] = []
    private(set) var judgements: [FilePath] = []
    private(set) var unread: [FilePath] = []

    init(_ sources: [FilePath]) throws {
        for source in sources {
            guard source != "-", Files.isDirectory(source) else {
                add(source)
                continue
            }
            let names = try Files.list(source)
            let tars = names.filter(FolderFiles.isTar)
            guard !tars.isEmpty else {
                throw Failure(.missingInput, "\(source) has no tars", advice: "Name a folder of .tar files, or tars.")
            }
            for name in tars { add(source.appending(name)) }
            judgements += try FolderFiles.judgements(in: source, names)
            unread += FolderFiles.others(in: source, names) { $0 == "qrels" || FolderFiles.isTar($0) }
        }
        guard !corpus.isEmpty else {
            throw Failure(
                .missingInput, "there are no documents, only queries",
                advice: "A tar whose name begins with \"queries\" holds queries; name tars with documents too.")
        }
    }

    private mutating func add(_ path: FilePath) {
        if path.lastComponent?.string.hasPrefix("queries") == true {
            queries.append(path)
        } else {
            corpus.append(path)
        }
    }
}
