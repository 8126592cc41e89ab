internal import Base
internal import Glibc
public import Processes
public import Tensors

/// A process of several that a launcher has started together, and where they find each other.
public struct LaunchedProcess: Sendable, Equatable {
    public let place: ProcessPlace
    /// Where they find each other.
    public let host: String
    public let port: UInt16
    /// Whether the launcher keeps the store that they meet at.
    public let launcherHostsStore: Bool
    /// Tells attempts of one launcher apart.
    public let attempt: String
    /// The network interface that is used: `GLOO_SOCKET_IFNAME`, as elsewhere.
    public let interface: String?

    static let usualPort: UInt16 = 29_500

    /// From 0, of all processes.
    public var rank: Int { place.rank }
    public var size: Int { place.size }
    /// How many of them are on this machine, where that is known.
    public var localSize: Int? { place.localSize }

    /// This process's.
    ///
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public static func current() throws -> LaunchedProcess? {
        try LaunchedProcess { name in getenv(name).map { String(cString: $0) } }
    }

    /// - Parameter environment: values of environment variables; those of `ProcessPlace`, `MASTER_ADDR`, `MASTER_PORT` and
    ///   torchrun's own.
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public init?(environment: (_ name: String) -> String?) throws {
        guard let place = try ProcessPlace(environment: environment) else { return nil }
        self.place = place
        port =
            try environment("MASTER_PORT") == nil
            ? Self.usualPort : UInt16(ProcessPlace.number("MASTER_PORT", 1...65_535, environment))
        if let address = environment("MASTER_ADDR"), !address.isEmpty {
            host = address
        } else if let nodes = (place.launcher == .srun ? environment("SLURM_STEP_NODELIST") : nil)
            ?? environment("SLURM_JOB_NODELIST")
        {
            host = try Self.firstHost(of: nodes)
        } else if place.localSize == place.size {
            host = "127.0.0.1"
        } else {
            throw ProcessPlace.failure("MASTER_ADDR does not say at which host the \(place.size) processes meet")
        }
        launcherHostsStore = environment("TORCHELASTIC_USE_AGENT_STORE") == "True"
        attempt = environment("TORCHELASTIC_RESTART_COUNT") ?? "0"
        interface = environment("GLOO_SOCKET_IFNAME")
    }

    /// The first name of a list of nodes as Slurm writes it, as `gpu[03-05,9],login1`.
    package static func firstHost(of nodes: String) throws -> String {
        let first = nodes.prefix { $0 != "," && $0 != "[" }
        guard nodes[first.endIndex...].hasPrefix("[") else {
            guard !first.isEmpty else { throw ProcessPlace.failure("the list of nodes \"\(nodes)\" names none") }
            return String(first)
        }
        let inner = nodes[nodes.index(after: first.endIndex)...]
        guard let end = inner.firstIndex(of: "]"),
            let number = inner[..<end].split(whereSeparator: { "-,".contains($0) }).first
        else { throw ProcessPlace.failure("the list of nodes \"\(nodes)\" is malformed") }
        let rest = inner[inner.index(after: end)...].prefix { $0 != "," }
        guard !rest.contains("[") else {
            throw ProcessPlace.failure("the list of nodes \"\(nodes)\" has two ranges in one name; set MASTER_ADDR")
        }
        return String(first + number + rest)
    }

    private static let joinSeconds = 300.0

    /// Joins the others. Where they let this one wait, it says so once; a signal ends it within a second.
    ///
    /// - Parameter seconds: that a call may wait for the slowest process, whose turn it may be to write a checkpoint.
    public func join(seconds: Double = 7200) throws -> ProcessGroup {
        try Interruption.withGrace(seconds: 1) {
            try ProcessGroup(
                rank: rank, of: size, host: host, port: port, hostsStore: rank == 0 && !launcherHostsStore,
                prefix: "tvt/\(attempt)", interface: interface, joinSeconds: Self.joinSeconds, seconds: seconds
            ) { missing in
                // That of another process than the first is set to errors alone, and here the first may be the one missing.
                if let text = waiting(for: missing) { writeToStandardError("note: \(text)\n") }
            }
        }
    }

    /// For whom this process waits; nil where another one says it.
    ///
    /// - Parameter missing: ranks; nil where nobody answers at the place where all meet.
    package func waiting(for missing: [Int]?) -> String? {
        let limit = "for at most \(Int(Self.joinSeconds)) s"
        guard let missing else {
            let host = launcherHostsStore ? "the launcher" : "the first process"
            return "process \(rank) of \(size) waits for \(host) to answer at \(self.host):\(port), \(limit)"
        }
        guard (0..<size).first(where: { !missing.contains($0) }) == rank else { return nil }
        guard !missing.isEmpty else {
            return "all \(size) processes have come to \(host):\(port), and do not reach each other yet; tried \(limit)"
        }
        let named = missing.prefix(8).map { "\($0)" }.joined(separator: ", ") + (missing.count > 8 ? ", …" : "")
        return "waiting at \(host):\(port) for \(missing.count) of \(size) processes (\(named)), \(limit)"
    }
}
