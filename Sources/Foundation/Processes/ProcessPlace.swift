package import Base
internal import Glibc

/// A process's place among those that a launcher has started together.
///
/// Read from the environment variables of torchrun (`RANK`, `WORLD_SIZE`, …), Slurm's srun (`SLURM_PROCID`,
/// `SLURM_STEP_NUM_TASKS`, …), Open MPI's mpirun (`OMPI_COMM_WORLD_RANK`, …) or MPICH's (`PMI_RANK`, `PMI_SIZE`).
public struct ProcessPlace: Sendable, Equatable {
    package enum Launcher: Sendable, CaseIterable {
        // Within a job of Slurm mpirun starts its daemons with srun, whose variables the processes then have too.
        case torchrun, openMPI, mpich, srun

        var names: (rank: String, size: String, localSize: String, localRank: String) {
            switch self {
            case .torchrun: ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "LOCAL_RANK")
            case .srun: ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "SLURM_LOCALID")
            case .openMPI:
                (
                    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE",
                    "OMPI_COMM_WORLD_LOCAL_RANK"
                )
            case .mpich: ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "MPI_LOCALRANKID")
            }
        }

        /// What is the same in all processes of one start, and hardly in those of two.
        var namesOfStart: [String] {
            switch self {
            // A host may have another name for itself than others have for it, so that MASTER_ADDR need not be the same.
            case .torchrun: ["MASTER_PORT", "TORCHELASTIC_RUN_ID"]
            case .srun: ["SLURM_JOB_ID", "SLURM_STEP_ID"]
            case .openMPI: ["PMIX_NAMESPACE"]
            case .mpich: []
            }
        }
    }

    /// From 0, of all processes.
    public let rank: Int
    public let size: Int
    /// How many of them are on this machine, where that is known.
    public let localSize: Int?
    /// From 0, of those on this machine, where that is known.
    public let localRank: Int?
    package let launcher: Launcher
    /// Tells processes that were started together from those of another start, where the launcher says enough; the same for
    /// all of them.
    package let start: SHA256Digest

    private static let mostProcesses = 65_536

    public var isFirst: Bool { rank == 0 }

    /// This process's.
    ///
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public static func current() throws -> ProcessPlace? {
        try ProcessPlace { name in getenv(name).map { String(cString: $0) } }
    }

    /// - Parameter environment: values of environment variables.
    /// - Returns: nil for a process that was started alone.
    /// - Throws: `Failure` (78) for variables that make no sense.
    public init?(environment: (_ name: String) -> String?) throws {
        let found = Launcher.allCases.first {
            environment($0.names.rank) != nil && environment($0.names.size) != nil
        }
        guard let launcher = found else {
            // A launcher says both: half of it is a mistake, but for srun's, of which a batch script has half.
            switch (environment("RANK"), environment("WORLD_SIZE")) {
            case (.some, nil): throw Self.failure("RANK is set, and WORLD_SIZE is not")
            case (nil, .some(let size)) where size != "1": throw Self.failure("WORLD_SIZE is set, and RANK is not")
            default: return nil
            }
        }
        self.launcher = launcher
        let said = launcher.namesOfStart.map { environment($0) ?? "" }.joined(separator: "\n")
        start = SHA256Digest.of(Array(said.utf8))
        let names = launcher.names
        size = try Self.number(names.size, 1...Self.mostProcesses, environment)
        guard size > 1 else { return nil }
        rank = try Self.number(names.rank, 0...(size - 1), environment)
        let node = launcher == .srun ? environment("SLURM_NODEID").flatMap { Int($0) } : nil
        let known = environment(names.localSize).flatMap { Self.count(ofNode: node, in: $0) }
        if let known, (1...size).contains(known) { localSize = known } else { localSize = nil }
        let number = environment(names.localRank).flatMap { Int($0) } ?? (localSize == size ? rank : nil)
        if let number, (0..<(localSize ?? size)).contains(number) { localRank = number } else { localRank = nil }
    }

    /// How many tasks a node has, of a list as Slurm writes it: `4(x2),3` for two nodes with four tasks and one with
    /// three.
    ///
    /// - Parameter node: from 0; nil where it is not known, and then only a list of equal numbers says it.
    private static func count(ofNode node: Int?, in list: String) -> Int? {
        let runs = list.split(separator: ",", omittingEmptySubsequences: false).map {
            run -> (count: Int, nodes: Int)? in
            let parts = run.split(separator: "(x", maxSplits: 1, omittingEmptySubsequences: false)
            guard let count = Int(parts[0]) else { return nil }
            guard parts.count == 2 else { return (count, 1) }
            guard parts[1].last == ")", let nodes = Int(parts[1].dropLast()), nodes >= 1 else { return nil }
            return (count, nodes)
        }
        guard let first = runs[0], runs.allSatisfy({ $0 != nil }) else { return nil }
        if runs.allSatisfy({ $0!.count == first.count }) { return first.count }
        guard var rest = node, rest >= 0 else { return nil }
        for run in runs {
            guard rest >= run!.nodes else { return run!.count }
            rest -= run!.nodes
        }
        return nil
    }

    /// ``localRank``, for whoever cannot do without.
    ///
    /// - Throws: `Failure` (78) where it is not known.
    public func requireLocalRank() throws -> Int {
        guard let localRank else {
            throw Self.failure("\(launcher.names.localRank) does not say which of this machine's processes this is")
        }
        return localRank
    }

    /// Lets programs that are started from now on work alone, whatever has started this one.
    static func forget() {
        for launcher in Launcher.allCases { unsetenv(launcher.names.rank) }
    }

    package static func number(
        _ name: String, _ range: ClosedRange<Int>, _ environment: (_ name: String) -> String?
    ) throws -> Int {
        guard let text = environment(name), let value = Int(text), range.contains(value) else {
            throw failure(
                "\(name) is \"\(environment(name) ?? "")\", not a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    package static func failure(_ what: String) -> Failure {
        Failure(
            .badConfiguration, what,
            advice: "A launcher of several processes sets it; for one process, unset what one has left.")
    }
}
