internal import Base
internal import HTTP
internal import JSON
public import SystemPackage

/// Gets the raw files of a recipe from a hub into a folder.
///
/// A file arrives beside the folder as a part, goes on where it was broken off, and gets its name when its size and
/// SHA-256 are those of the recipe. What is there and right is not fetched again. Memory: one buffer.
public struct Fetch {
    /// What was done with a file.
    public struct Report: Sendable, Equatable {
        public var fetchedCount = 0
        public var fetchedBytes = 0
        /// Files that were there already.
        public var presentCount = 0
        /// Failures that were followed by another try.
        public var retryCount = 0

        public init() {}
    }

    /// How much a server may send, and how slowly.
    public struct Limits: Sendable {
        /// Of a file whose size the recipe does not say.
        public var fileBytes = 100_000_000_000
        /// Bytes a second, over ``windowSeconds``; with 0, nothing for so long is too slow.
        public var minimumRate = 1000
        public var windowSeconds = 30

        public init() {}
    }

    private let recipe: Recipe
    private let source: Recipe.Source
    private let hub: Hub
    private let target: FilePath
    private let work: FilePath
    private let limits: Limits
    private let client: HTTPClient
    private let digests: DigestCache

    /// - Parameters:
    ///   - target: the folder of raw files.
    ///   - work: the folder for parts and what is known of them; on the same file system.
    /// - Throws: `Failure` for a recipe that names no source.
    public init(
        _ recipe: Recipe, from hub: Hub, into target: FilePath, work: FilePath, limits: Limits = Limits(),
        digests: DigestCache
    ) throws {
        guard let source = recipe.source else {
            throw Failure(
                .usage, "the recipe \(recipe.name) names nothing to fetch",
                advice: "--raw DIR names the folder of raw files; \(recipe.folder)/README.md tells what belongs there.")
        }
        self.recipe = recipe
        self.source = source
        self.hub = hub
        self.target = target
        self.work = work
        self.digests = digests
        self.limits = limits
        var options = HTTPClient.Options()
        options.minimumRate = limits.minimumRate
        options.windowSeconds = limits.windowSeconds
        client = try HTTPClient(options)
    }

    public func run() throws -> Report {
        var report = Report()
        for (number, file) in source.files.enumerated() {
            try Interruption.check()
            if try isPresent(file) {
                report.presentCount += 1
                continue
            }
            try fetch(file, number: number, &report)
        }
        return report
    }

    // MARK: One file

    private func path(of file: Recipe.File) -> FilePath { target.appending(file.path) }
    private func note(of file: Recipe.File) -> FilePath { work.appending(file.path + ".json") }

    /// Whether the file is there with the recipe's digest, or without one with that which it was fetched with.
    private func isPresent(_ file: Recipe.File) throws -> Bool {
        let path = path(of: file)
        guard Files.exists(path) else { return false }
        if Files.isDirectory(path) {
            throw Failure(.cannotCreate, "\(path) is a folder, where the recipe has a file")
        }
        let known = PartNote(reading: note(of: file))
        guard let expected = file.sha256 ?? known?.finished,
            file.sha256 != nil || known?.url == withoutSecrets(hub.url(of: file, in: source))
        else { return false }
        if try digests.digest(of: path) == expected { return true }
        log.warning("\(path) is not what it should be; it is fetched again")
        return false
    }

    private func fetch(_ file: Recipe.File, number: Int, _ report: inout Report) throws {
        let url = hub.url(of: file, in: source)
        let part = PartFile(
            work.appending(file.path + ".part"), note: note(of: file), url: withoutSecrets(url),
            trustsAny: file.sha256 != nil, expectedBytes: file.size)
        let progress = Progress(
            "fetch \(number + 1)/\(source.files.count) \(file.path)", unit: "bytes", total: file.size)
        defer { progress.finish() }
        var isSecondTry = false
        while true {
            let heldBefore = try part.open()
            progress.advance(by: heldBefore)
            try receive(file, url, part, progress, &report)
            let found = try SHA256Digest.ofFile(part.path)
            if let expected = file.sha256, found != expected {
                try part.discard()
                // What was held from an earlier run may have been another version's beginning.
                if heldBefore > 0, !isSecondTry {
                    isSecondTry = true
                    log.warning("\(file.path) does not have the recipe's SHA-256; it is fetched from its start")
                    continue
                }
                throw Failure(
                    .badData,
                    "\(withoutSecrets(url)) has another SHA-256 than the recipe says: \(found.hex), not \(expected.hex)",
                    advice:
                        "The file was changed there: look at it, and write its new digest into \(recipe.folder)/\(Recipe.fileName)."
                )
            }
            try Files.makeDirectory(path(of: file).removingLastComponent())
            try part.finish(found, as: path(of: file))
            report.fetchedCount += 1
            return
        }
    }

    private func receive(
        _ file: Recipe.File, _ url: String, _ part: PartFile, _ progress: Progress, _ report: inout Report
    ) throws {
        do {
            var retries = 0
            var received = 0
            // A server that begins again from the start, and breaks off before it comes as far, gets nowhere.
            var furthest = part.byteCount
            defer {
                report.retryCount += retries
                report.fetchedBytes += received
            }
            try hub.retries.run(noting: { _ in retries += 1 }) { attempt in
                if part.isComplete { return }
                defer {
                    if part.byteCount >= furthest + 1 << 16 { attempt.hasProgressed = true }
                    furthest = max(furthest, part.byteCount)
                }
                try exchange(file, url, part) {
                    received += $0
                    progress.advance(by: $0)
                }
            }
        } catch let error as TransferError {
            throw explained(error, file)
        }
    }

    /// One request for what is missing.
    private func exchange(
        _ file: Recipe.File, _ url: String, _ part: PartFile, received: (Int) -> Void
    ) throws {
        var request = HTTPRequest(.get, url)
        if let token = hub.token { request.headers.append(("Authorization", "Bearer \(token)")) }
        if let condition = part.rangeCondition {
            request.headers.append(("Range", "bytes=\(part.byteCount)-"))
            if !condition.isEmpty { request.headers.append(("If-Range", condition)) }
        }
        var hasBegun = false
        do {
            let answer = try client.perform(request) { answer, piece in
                if !hasBegun {
                    try begin(answer, file, url, part)
                    hasBegun = true
                }
                try checkRoom(for: piece.count, file, url, part)
                try part.append(piece)
                received(piece.count)
            }
            if !hasBegun { try begin(answer, file, url, part) }
            try checkEnd(answer, file, url, part)
        } catch let error as TransferError where error.status == 416 && part.byteCount > 0 {
            // The file there is shorter than the part: it is another one by now.
            try part.restart(entityTag: nil, lastModified: nil, totalBytes: nil)
            throw TransferError(.body, url: url, "the server has nothing behind what is here", isTransient: true)
        }
        try part.flush()
        if let total = part.totalBytes, part.byteCount != total {
            throw TransferError(
                .body, url: url, "the answer ends after \(part.byteCount) of \(total) bytes", isTransient: true)
        }
    }

    /// The head of the answer decides whether the part goes on or starts over.
    private func begin(_ answer: HTTPAnswer, _ file: Recipe.File, _ url: String, _ part: PartFile) throws {
        guard answer.status == 200 || answer.status == 206 else {
            throw Failure(
                .badData, "\(withoutSecrets(url)): the server answers with status \(answer.status), and with no file")
        }
        guard let offset = answer.bodyOffset, offset == 0 || offset == part.byteCount else {
            throw TransferError(.body, url: url, "the server answers with another range", isTransient: false)
        }
        let total = answer.resourceSize
        if let size = file.size, let total, total != size {
            throw Failure(
                .badData, "\(withoutSecrets(url)) has \(total) bytes, the recipe says \(size)", advice: changedAdvice)
        }
        if let total, total > limit(of: file) { throw tooLong(file, url, "\(total) bytes") }
        guard offset > 0 else {
            return try part.restart(
                entityTag: answer.headers["etag"], lastModified: answer.headers["last-modified"],
                totalBytes: total ?? file.size)
        }
        if let known = part.totalBytes, let total, known != total {
            try part.restart(entityTag: nil, lastModified: nil, totalBytes: nil)
            throw TransferError(.body, url: url, "the server has another file by now", isTransient: true)
        }
        part.goOn(totalBytes: total ?? file.size)
    }

    // MARK: What a server may send

    private func limit(of file: Recipe.File) -> Int { file.size ?? limits.fileBytes }

    private func checkRoom(for count: Int, _ file: Recipe.File, _ url: String, _ part: PartFile) throws {
        guard part.byteCount + count > limit(of: file) else { return }
        // Without a size the bytes may be right, and go on under another limit.
        if file.size != nil { try part.discard() }
        throw tooLong(file, url, "more than \(limit(of: file)) bytes")
    }

    private func tooLong(_ file: Recipe.File, _ url: String, _ found: String) -> Failure {
        guard let size = file.size else {
            return Failure(
                .badData, "\(withoutSecrets(url)): the server sends \(found), and the recipe tells no size",
                advice: "If it is that large: write its size into \(recipe.folder)/\(Recipe.fileName), or raise "
                    + "--max-file-bytes, which is \(limits.fileBytes).")
        }
        return Failure(
            .badData, "\(withoutSecrets(url)): the server sends \(found), the recipe says \(size)",
            advice: changedAdvice)
    }

    private var changedAdvice: String {
        "The file was changed there: look at it, and write its new size and digest into "
            + "\(recipe.folder)/\(Recipe.fileName)."
    }

    /// A connection that ends where neither the server nor the recipe says how long the file is.
    private func checkEnd(_ answer: HTTPAnswer, _ file: Recipe.File, _ url: String, _ part: PartFile) throws {
        guard part.totalBytes == nil, !answer.showsEnd else { return }
        guard part.byteCount > 0 else {
            throw TransferError(.body, url: url, "the answer has no length and no bytes", isTransient: true)
        }
        if file.sha256 == nil {
            log.warning("\(file.path): neither the server nor the recipe says how long it is: it may be cut off")
        }
    }

    private func explained(_ error: TransferError, _ file: Recipe.File) -> any Error {
        if error.reason == .tooSlow {
            return Failure(
                .unavailable, "\(error.url): \(error.message)",
                advice: "What has come stays; the same command goes on. --min-rate sets how slow a server may be.")
        }
        return switch error.status {
        case 401, 403:
            Failure(
                .badConfiguration, "\(error.url): \(error.message)",
                advice: "The set may be gated: accept its terms on the hub, and put a token that may read it into "
                    + "$TVT_HUB_TOKEN\(hub.token == nil ? "" : ", which was sent and is not enough").")
        case 404, 410:
            Failure(
                .missingInput,
                "\(error.url): \(error.message): there is no \(file.path) in \(source.repository) at \(source.revision)",
                advice: "Is the hub's address right, and the recipe's repository, revision and path?")
        default: error
        }
    }
}
