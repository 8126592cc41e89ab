public import Base
internal import Glibc
internal import JSON
internal import SystemPackage

/// A running job's hold on versions: while it lives, no collection takes their blobs, whatever happens to their names.
///
/// A locked file under `leases/`. The kernel frees the lock when the process dies, so a dead job holds nothing.
public final class Lease: Sendable {
    private let path: FilePath
    private let lock: FileLock

    /// - Throws: `SystemError` where the store cannot be written.
    init(store: Store, datasets: [SHA256Digest], purpose: String) throws {
        let folder = store.layout.leases
        try Files.makeDirectory(folder)
        // Held for the few calls below only, so that no lease is taken for dead while it begins.
        let gate = try FileLock(acquiring: folder.appending("gate"), purpose: "beginning a lease", wait: true)
        defer { withExtendedLifetime(gate) {} }
        var generator = SystemRandomNumberGenerator()
        path = folder.appending("\(getpid())-\(String(generator.next(), radix: 16))")
        lock = try FileLock(acquiring: path, purpose: purpose)
        lock.describe(
            JSONValue.object([
                "datasets": .array(datasets.map { .string($0.description) }),
                "host": .string(Self.hostName()),
                "pid": JSONValue(Int(getpid())),
                "purpose": .string(purpose),
                "since": .string(Clock.timestamp(ofEpochSeconds: Clock.epochSeconds())),
            ]).canonical() + [UInt8(ascii: "\n")])
    }

    deinit { try? Files.remove(path) }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What a lease's file says.
public struct LeaseRecord: Sendable {
    /// Name of its file under `leases/`.
    public let name: String
    public let datasets: [SHA256Digest]
    public let pid: Int
    public let host: String
    public let purpose: String
    /// RFC 3339.
    public let since: String

    package init?(name: String, _ bytes: [UInt8]) {
        guard let json = try? JSONValue.parse(bytes, path: name), let datasets = json["datasets"]?.array else {
            return nil
        }
        self.name = name
        self.datasets = datasets.compactMap { $0.string.flatMap { SHA256Digest(hex: $0) } }
        pid = json["pid"]?.integer ?? 0
        host = json["host"]?.string ?? ""
        purpose = json["purpose"]?.string ?? ""
        since = json["since"]?.string ?? ""
    }
}

extension Store {
    /// Holds versions until the lease is released. Nil where the store cannot be written: nobody collects there.
    public func lease(_ datasets: [Dataset], purpose: String) throws -> Lease? {
        try lease(datasets.map(\.digest), purpose: purpose)
    }

    /// As above, for versions that are not open.
    package func lease(_ datasets: [SHA256Digest], purpose: String) throws -> Lease? {
        guard server == nil else { return nil }
        do {
            return try Lease(store: self, datasets: datasets, purpose: purpose)
        } catch let error as SystemError where [EROFS, EACCES, EPERM].contains(error.errno) {
            return nil
        }
    }

    /// The leases of living jobs, and the names of those whose job is dead.
    ///
    /// - Parameter waits: for jobs that begin now. A look without consequences does without, on a read-only disk too.
    package func leases(waits: Bool) throws -> (living: [LeaseRecord], dead: [String]) {
        guard Files.isDirectory(layout.leases) else { return ([], []) }
        let gate =
            waits
            ? try FileLock(acquiring: layout.leases.appending("gate"), purpose: "reading leases", wait: true) : nil
        defer { withExtendedLifetime(gate) {} }
        var living: [LeaseRecord] = []
        var dead: [String] = []
        for name in try Files.list(layout.leases) where name != "gate" {
            let path = layout.leases.appending(name)
            switch try FileLock.probe(path) {
            case .free: dead.append(name)
            case .held:
                guard let record = LeaseRecord(name: name, try Files.readAll(path)) else {
                    throw Failure(
                        .badData, "\(path): a living lease that cannot be read",
                        advice: "Wait until the job that holds it has ended.")
                }
                living.append(record)
            case .missing: continue
            }
        }
        return (living, dead)
    }
}
