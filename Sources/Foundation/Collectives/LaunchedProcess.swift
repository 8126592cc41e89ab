internal import Base
internal import Glibc
public import Tensors

/// A process's place among those that a launcher has started together.
///
/// Read from the environment variables of torchrun (`RANK`, `WORLD_SIZE`, …), Slurm's srun (`SLURM_PROCID`,
/// `SLURM_STEP_NUM_TASKS`, …), Open MPI's mpirun (`OMPI_COMM_WORLD_RANK`, …) or MPICH's (`PMI_RANK`, `PMI_SIZE`).
public struct LaunchedProcess: Sendable, Equatable {
    /// From 0, of all processes.
    public let rank: Int
    public let size: Int
    /// How many of them are on this machine, where that is known.
    public let localSize: Int?
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
    private static let mostProcesses = 65_536

    /// This process's.
    ///
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public static func current() throws -> LaunchedProcess? {
        try LaunchedProcess { name in getenv(name).map { String(cString: $0) } }
    }

    /// - Parameter environment: values of environment variables.
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public init?(environment: (_ name: String) -> String?) throws {
        guard let names = Self.launchers.first(where: { environment($0.rank) != nil && environment($0.size) != nil })
        else {
            // A launcher says both: half of it is a mistake, but for srun's, of which a batch script has half.
            if environment("RANK") != nil, environment("WORLD_SIZE") == nil {
                throw Self.failure("RANK is set, and WORLD_SIZE is not")
            }
            return nil
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int {
            guard let text = environment(name), let value = Int(text), range.contains(value) else {
                throw Self.failure(
                    "\(name) is \"\(environment(name) ?? "")\", not a number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
        size = try number(names.size, 1...Self.mostProcesses)
        guard size > 1 else { return nil }
        rank = try number(names.rank, 0...(size - 1))
        localSize = environment(names.localSize) == nil ? nil : try? number(names.localSize, 1...size)
        port = try environment("MASTER_PORT") == nil ? Self.usualPort : UInt16(number("MASTER_PORT", 1...65_535))
        if let address = environment("MASTER_ADDR"), !address.isEmpty {
            host = address
        } else if let nodes = environment("SLURM_STEP_NODELIST") ?? environment("SLURM_JOB_NODELIST"),
            names.rank == "SLURM_PROCID"
        {
            host = try Self.firstHost(of: nodes)
        } else if localSize == size {
            host = "127.0.0.1"
        } else {
            throw Self.failure("MASTER_ADDR does not say at which host the \(size) processes meet")
        }
        launcherHostsStore = environment("TORCHELASTIC_USE_AGENT_STORE") == "True"
        attempt = environment("TORCHELASTIC_RESTART_COUNT") ?? "0"
        interface = environment("GLOO_SOCKET_IFNAME")
    }

    private static let launchers: [(rank: String, size: String, localSize: String)] = [
        ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE"),
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    ]

    private static func failure(_ what: String) -> Failure {
        Failure(
            .badConfiguration, what,
            advice: "A launcher of several processes sets it; for one process, unset what one has left.")
    }

    /// The first name of a list of nodes as Slurm writes it, as `gpu[03-05,9],login1`.
    package static func firstHost(of nodes: String) throws -> String {
        let first = nodes.prefix { $0 != "," && $0 != "[" }
        guard nodes[first.endIndex...].hasPrefix("[") else {
            guard !first.isEmpty else { throw failure("the list of nodes \"\(nodes)\" names none") }
            return String(first)
        }
        let inner = nodes[nodes.index(after: first.endIndex)...]
        guard let end = inner.firstIndex(of: "]"),
            let number = inner[..<end].split(whereSeparator: { "-,".contains($0) }).first
        else { throw failure("the list of nodes \"\(nodes)\" is malformed") }
        let rest = inner[inner.index(after: end)...].prefix { $0 != "," }
        guard !rest.contains("[") else {
            throw failure("the list of nodes \"\(nodes)\" has two ranges in one name; set MASTER_ADDR")
        }
        return String(first + number + rest)
    }

    /// Joins the others.
    ///
    /// - Parameter seconds: that a call may wait for the slowest process, whose turn it may be to write a checkpoint.
    public func join(seconds: Double = 7200) throws -> ProcessGroup {
        try ProcessGroup(
            rank: rank, of: size, host: host, port: port, hostsStore: rank == 0 && !launcherHostsStore,
            prefix: "tvt/\(attempt)", interface: interface, joinSeconds: 300, seconds: seconds)
    }
}
