internal import Archives
internal import Base
internal import Glibc
internal import Ingest
internal import JSON
internal import Processes
internal import Records
internal import SystemPackage

/// Poppler's programs, which look into PDFs in processes of their own, with limits of memory and time.
struct Poppler: Sendable {
    private let programs: [String: FilePath]
    /// Bytes of address space that one may have.
    private static let memoryLimit = 4 << 30
    /// Seconds for one page.
    private static let seconds = 120.0
    static let mostPages = 100_000

    /// - Throws: `Failure` with status 78 where they are not installed.
    init() throws {
        var programs: [String: FilePath] = [:]
        for name in ["pdfinfo", "pdftoppm", "pdftotext"] {
            guard let path = ChildProcess.find(name) else {
                throw Failure(
                    .badConfiguration, "PDFs are read by \(name), which is not installed",
                    advice: "It is in Debian's package poppler-utils: apt-get install poppler-utils.")
            }
            programs[name] = path
        }
        self.programs = programs
    }

    /// What a program writes, or why it failed.
    private func run(_ name: String, _ arguments: [String]) throws -> Result<ScratchFile, PDFFault> {
        let (output, errors) = (try ScratchFile(), try ScratchFile())
        var process = ChildProcess(programs[name]!, arguments)
        process.outputDescriptor = output.descriptor
        process.errorDescriptor = errors.descriptor
        process.memoryLimit = Self.memoryLimit
        process.seconds = Self.seconds
        switch try process.run() {
        case .exited(0): return .success(output)
        case .timedOut: return .failure(PDFFault(reason: "it takes longer than \(Int(Self.seconds)) seconds"))
        case .signalled(let signal): return .failure(PDFFault(reason: "\(name) was ended by signal \(signal)"))
        case .exited:
            let words = String(decoding: try Self.bytes(of: errors, atMost: 400), as: UTF8.self)
            let line = words.split(separator: "\n").last.map(String.init) ?? "no reason given"
            return .failure(PDFFault(reason: "\(name): \(escaped(Array(line.utf8)))"))
        }
    }

    private static func bytes(of file: ScratchFile, atMost limit: Int = .max) throws -> [UInt8] {
        let count = min(limit, try Files.size(file.path))
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
        return bytes
    }

    /// A path that no program takes for an option.
    private static func argument(_ path: FilePath) -> String {
        path.string.hasPrefix("-") ? "./" + path.string : path.string
    }

    /// The sizes of all pages in points, width and height; or why the file has none, as one that is cut or has a password.
    func pageSizes(of path: FilePath) throws -> Result<[(width: Double, height: Double)], PDFFault> {
        let output: ScratchFile
        switch try run("pdfinfo", ["-f", "1", "-l", "\(Self.mostPages)", Self.argument(path)]) {
        case .success(let file): output = file
        case .failure(let fault): return .failure(fault)
        }
        let lines = String(decoding: try Self.bytes(of: output), as: UTF8.self).split(separator: "\n")
        var sizes: [(width: Double, height: Double)] = []
        var pageCount: Int?
        for line in lines {
            let words = line.split(separator: " ")
            if line.hasPrefix("Pages:"), words.count == 2 { pageCount = Int(words[1]) }
            // Page    1 size: 612 x 792 pts (letter)
            if words.count > 5, words[0] == "Page", words[2] == "size:", let width = Double(words[3]),
                let height = Double(words[5])
            {
                sizes.append((width, height))
            }
        }
        guard let pageCount, pageCount <= Self.mostPages, sizes.count == pageCount else {
            let pages = pageCount.map(String.init) ?? "its"
            return .failure(
                PDFFault(reason: "\(sizes.count) of \(pages) pages have a size; at most \(Self.mostPages) are read"))
        }
        return .success(sizes)
    }

    /// A page as a PNG.
    func image(_ path: FilePath, page: Int, resolution: Int) throws -> Result<CarriedItem, PDFFault> {
        try run("pdftoppm", ["-png", "-r", "\(resolution)", "-f", "\(page)", "-l", "\(page)", Self.argument(path)])
            .flatMap { file in
                let bytes = try Self.bytes(of: file)
                guard !bytes.isEmpty else { return .failure(PDFFault(reason: "pdftoppm made no image")) }
                return .success(try bytes.withUnsafeBytes { try CarriedItem($0) })
            }
    }

    /// The text of a page, without the form feed at its end.
    func text(_ path: FilePath, page: Int) throws -> Result<[UInt8], PDFFault> {
        let arguments = ["-enc", "UTF-8", "-f", "\(page)", "-l", "\(page)", Self.argument(path), "-"]
        return try run("pdftotext", arguments).flatMap { file in
            var bytes = try Self.bytes(of: file)
            while let last = bytes.last, [0x0C, 0x0A, 0x20].contains(last) { bytes.removeLast() }
            guard bytes.withUnsafeBytes({ JSONText.isUTF8($0) }) else {
                return .failure(PDFFault(reason: "pdftotext made no valid UTF-8"))
            }
            return .success(bytes)
        }
    }
}

/// What is wrong with a PDF, or a page of it.
struct PDFFault: Error, Sendable {
    let reason: String
}

extension Result where Failure == PDFFault {
    fileprivate func flatMap<Other>(_ body: (Success) throws -> Result<Other, PDFFault>) rethrows -> Result<
        Other, PDFFault
    > {
        switch self {
        case .success(let value): try body(value)
        case .failure(let fault): .failure(fault)
        }
    }
}

/// The pages of a PDF as rows: `{"docid": "file.pdf#1", "document_image": …, "page": 1, "<field>": "its text"}`. A page that
/// cannot be rendered has `fault` in the place of its image; a file that cannot be read is one such row, without a page.
///
/// Pages are rendered by several processes at once. Memory: the pages of a batch (16 MiB) and one page a worker.
/// Not Sendable: it has a position.
final class PDFPages: BatchSource {
    struct Options: Sendable {
        /// Dots per inch.
        var resolution: Int
        /// Of a page's image, at most.
        var pixelLimit: Int
        /// The field that gets a page's text; nil for none.
        var textField: String?
    }

    private struct Page: Sendable {
        let number: Int
        let image: CarriedItem?
        let text: [UInt8]
        let fault: String?
    }

    private let file: DocumentFiles.File
    private let options: Options
    private let pageCount: Int
    /// Whether the file cannot be read, which its only row says.
    private let isBroken: Bool
    private let byteCount: Int
    private let carried: CarriedMedia
    private let pages: OrderedWorkers<Int, Page>
    private var submittedCount = 0
    private var readyPages: [Page] = []
    private var givenCount = 0
    private(set) var parsedByteCount = 0

    init(
        _ file: DocumentFiles.File, _ poppler: Poppler, _ options: Options, workers: Int, carried: CarriedMedia
    ) throws {
        self.file = file
        self.options = options
        self.carried = carried
        byteCount = try Files.size(file.path)
        let sizes: [(width: Double, height: Double)]
        let path = file.path
        switch try poppler.pageSizes(of: path) {
        case .failure(let fault):
            (pageCount, isBroken) = (1, true)
            pages = try OrderedWorkers(workers: 1, window: 1) {
                { number in
                    Page(number: number, image: nil, text: [], fault: "the PDF cannot be read: \(fault.reason)")
                }
            }
            return
        case .success(let found): (sizes, isBroken) = (found, false)
        }
        pageCount = sizes.count
        pages = try OrderedWorkers(workers: workers, window: workers + 1) {
            { number in try Self.render(number, of: path, size: sizes[number - 1], poppler, options) }
        }
    }

    private static func render(
        _ number: Int, of path: FilePath, size: (width: Double, height: Double), _ poppler: Poppler, _ options: Options
    ) throws -> Page {
        func broken(_ reason: String) -> Page {
            Page(number: number, image: nil, text: [], fault: "the page cannot be rendered: \(reason)")
        }
        let scale = Double(options.resolution) / 72
        let pixels = (size.width * scale).rounded(.up) * (size.height * scale).rounded(.up)
        guard pixels.isFinite, pixels <= Double(options.pixelLimit) else {
            return broken("its image would have \(pixels) pixels; --resolution makes it smaller")
        }
        let image: CarriedItem
        switch try poppler.image(path, page: number, resolution: options.resolution) {
        case .success(let item): image = item
        case .failure(let fault): return broken(fault.reason)
        }
        guard options.textField != nil else { return Page(number: number, image: image, text: [], fault: nil) }
        switch try poppler.text(path, page: number) {
        case .success(let text): return Page(number: number, image: image, text: text, fault: nil)
        case .failure(let fault): return broken(fault.reason)
        }
    }

    var path: String { file.path.string }
    var readByteCount: Int { pageCount == 0 ? byteCount : byteCount * givenCount / pageCount }

    func finish() throws -> (size: Int, sha256: SHA256Digest)? {
        (byteCount, try .ofFile(file.path))
    }

    func nextBatch() throws -> LineBatch? {
        var text: [UInt8] = []
        var names: [String] = []
        var heldByteCount = 0
        carried.beginBatch()
        while heldByteCount < carried.batchHeldByteCount, let page = try nextPage() {
            givenCount += 1
            let id = isBroken ? file.id : "\(file.id)#\(page.number)"
            JSONText.appendLiteral("{\"docid\":", to: &text)
            JSONText.appendString(id, to: &text)
            if let image = page.image {
                heldByteCount += image.heldByteCount > 0 ? image.heldByteCount : carried.batchHeldByteCount
                JSONText.appendLiteral(",\"document_image\":", to: &text)
                text += carried.add(image).json
            }
            if !isBroken {
                JSONText.appendLiteral(",\"page\":", to: &text)
                JSONText.appendInteger(page.number, to: &text)
            }
            if let field = options.textField, !page.text.isEmpty {
                text.append(0x2C)
                JSONText.appendString(field, to: &text)
                text.append(0x3A)
                JSONText.appendString(page.text, to: &text)
            }
            if let fault = page.fault {
                JSONText.appendLiteral(",\"fault\":", to: &text)
                JSONText.appendString(fault, to: &text)
            }
            JSONText.appendLiteral("}\n", to: &text)
            names.append(isBroken ? path : "\(path)#\(page.number)")
        }
        guard !names.isEmpty else { return nil }
        defer { parsedByteCount += text.count }
        return LineBatch(
            path: path, firstLine: givenCount - names.count + 1, byteOffset: parsedByteCount, origins: .files(names),
            text: text)
    }

    private func nextPage() throws -> Page? {
        while readyPages.isEmpty, submittedCount < pageCount {
            try Interruption.check()
            submittedCount += 1
            try pages.submit(submittedCount) { readyPages.append($0) }
        }
        if !readyPages.isEmpty { return readyPages.removeFirst() }
        return try pages.takeOldest()
    }
}

/// Takes the rows of ``FileRows`` and ``PDFPages`` as they are: they are documents already.
struct FileDocuments: SourceRows {
    func read(_ row: JSONNode, into records: RowRecords) throws {
        if let fault = row["fault"]?.string {
            throw RecordFault(
                .badData, String(decoding: fault, as: UTF8.self),
                advice: "Is it damaged, or protected by a password? --max-bad-records and --quarantine leave it out.")
        }
        var document = RecordLine()
        for (key, value) in row.fields { document.set(named: key, value) }
        try records.addDocument(document)
    }
}
