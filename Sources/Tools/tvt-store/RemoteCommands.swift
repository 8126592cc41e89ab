internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Remotes
internal import Store

/// Options of `push` and `pull`.
struct RemoteOptions: ParsableArguments {
    @Argument(help: "A folder, s3://bucket/prefix or https://host/path.") var remote: String
    @Argument(help: "The datasets.") var names: [String]
    @Option(name: .customLong("as"), help: "The name of the copy, where one dataset is copied.") var newName: String?
    @Option(in: NumberRange(1...64), help: "Blobs in flight at the same time.") var jobs = 4
    @Option(in: NumberRange(1...100), help: "Failures in a row after which an exchange is given up.")
    var retries = 6
    @Option(
        in: NumberRange(1...86_400),
        help: "Seconds over which bytes have to come at --min-rate; otherwise an exchange has failed.")
    var timeout = 60
    @Option(
        name: .customLong("min-rate"), in: NumberRange(0...1_000_000_000),
        help: "Bytes a second that have to move, over --timeout; 0 takes the slowest server.")
    var minRate = 1000
    @Option(
        help: ArgumentHelp(
            "Address of an S3-compatible server (default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, Amazon's).",
            valueName: "url"))
    var endpoint: String?
    @Flag(help: "Say what would be moved, and move nothing.") var dryRun = false
    @Flag(help: "Move names also away from versions that what is copied does not build on.") var force = false

    static let environment = """
        For s3:// the environment says who you are and where: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
        AWS_SESSION_TOKEN, AWS_REGION. Without a key, requests are not signed. CURL_CA_BUNDLE names certificates to trust instead of the system's.
        """

    /// Each dataset's name where it is, and where it goes.
    var pairs: [(String, String)] { names.map { ($0, newName ?? $0) } }

    func validate() throws {
        guard newName == nil || names.count == 1 else { throw ValidationError("--as goes with one dataset") }
    }

    func open() throws -> any Remote {
        var options = TransferOptions()
        options.retries.attemptCount = retries
        options.client.windowSeconds = timeout
        options.client.minimumRate = minRate
        options.client.connectTimeoutSeconds = min(timeout, 15)
        options.client.userAgent = "tvt/\(tvtVersion)"
        options.endpoint = endpoint
        return try openRemote(remote, options: options)
    }
}

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Copy datasets from the store to a remote.",
        discussion: """
            A remote is laid out as a store is: a folder that was pushed to is a store, and a web server that serves \
            such a folder, or a bucket, can be read with --store or pulled from.
            Blobs are sent first, the names last; only what is missing is sent, so the same command goes on where it \
            was interrupted.
            A name moves if what it names on the remote has a place in the history of what is pushed: as an ancestor, \
            or as what the name was here before. Otherwise exit status 73, unless --force. A name that somebody else \
            moved during the push is left alone: 75. A remote that does not answer: 69.
            \(RemoteOptions.environment)
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var remote: RemoteOptions

    func run() throws {
        var push = Push(from: try Store(opening: options.location.folder()), to: try remote.open())
        push.jobCount = remote.jobs
        push.isDryRun = remote.dryRun
        push.isForced = remote.force
        let progress = TransferProgress("push")
        let report = try push.run(remote.pairs, begin: progress.begin)
        progress.finish()
        try Printed.json(report.json, if: options.common.json) { report.summary(verb: "sent") }
    }
}

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Copy datasets from a remote into the store.",
        discussion: """
            Blobs come first, the names last; only what is missing is fetched, and what an interrupted run has fetched \
            is kept, so the same command goes on where it was interrupted. Every blob is checked against its SHA-256 \
            as it comes.
            A name that exists here moves if it was pulled before, or if what it names has a place in the history of \
            what is pulled: as an ancestor, or as what the name was before in the folder that is pulled from. Otherwise \
            exit status 73, unless --force; the reflog knows what it was.
            Exit status 66 for a name that the remote does not have, 69 where it does not answer, 65 where it sends \
            wrong bytes.
            \(RemoteOptions.environment)
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var remote: RemoteOptions
    @OptionGroup var naming: NamingOptions

    func run() throws {
        let folder = try options.location.folder()
        var pull = Pull(from: try remote.open(), into: try Store.create(at: folder).refusingKnownNames(naming.isNew))
        pull.jobCount = remote.jobs
        pull.isDryRun = remote.dryRun
        pull.isForced = remote.force
        let progress = TransferProgress("pull")
        let report = try pull.run(remote.pairs, begin: progress.begin)
        progress.finish()
        try Printed.json(report.json, if: options.common.json) { report.summary(verb: "fetched") }
    }
}

struct CacheCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "List what is kept of stores on servers, or remove it.",
        discussion: """
            Reading a store on a server keeps what was read in ${XDG_CACHE_HOME:-~/.cache}/tvt/remote. It can be \
            removed at any time, also while others read. It takes what it needs, unless TVT_CACHE_BYTES sets a limit \
            for all stores together: then what was not used for longest makes room, a blob at a time, except for what \
            is open.
            """)

    @OptionGroup var common: CommonOptions
    @Flag(help: "Remove all that is listed.") var clear = false
    @Option(help: ArgumentHelp("Only the store of this address.", valueName: "url")) var address: String?
    @Option(
        in: NumberRange(0...(1 << 50)),
        help: ArgumentHelp("Remove what was not used for longest, until no more is kept.", valueName: "bytes"))
    var limit: Int?

    func validate() throws {
        guard limit == nil || !clear && address == nil else {
            throw ValidationError("--limit is for all stores together: without --address, without --clear")
        }
    }

    func run() throws {
        if let limit {
            let removed = try CacheLimit.trim(to: limit)
            log.notice("removed \(removed.blobs) blobs, \(byteSize(removed.bytes))")
        }
        let caches = try RemoteCache.all().filter { address == nil || $0.address == address }
        let sizes = try caches.map { try $0.storedBytes() }
        if clear { for cache in caches { try cache.remove() } }
        try Printed.json(
            .array(
                zip(caches, sizes).map { cache, size in
                    [
                        "address": cache.address.map { .string($0) } ?? .null, "folder": .string(cache.folder.string),
                        "bytes": JSONValue(size), "removed": JSONValue(clear),
                    ]
                }), if: common.json
        ) {
            guard !caches.isEmpty else { return "Nothing is kept.\n" }
            let rows = zip(caches, sizes).map { cache, size in
                [cache.address ?? "unknown", byteSize(size), cache.folder.string]
            }
            return Printed.table([["STORE", clear ? "REMOVED" : "SIZE", "FOLDER"]] + rows, right: [1])
        }
    }
}

/// Bytes, rate and time left on stderr, once it is known how many bytes there are.
final class TransferProgress {
    private let label: String
    private var progress: Progress?

    init(_ label: String) { self.label = label }

    func begin(_ byteCount: Int) -> @Sendable (Int) -> Void {
        let progress = Progress(label, unit: "bytes", total: byteCount)
        self.progress = progress
        return { progress.advance(by: $0) }
    }

    func finish() { progress?.finish() }
}
