public import ArgumentParser
internal import Base
public import Processes

/// `--processes`, for tools that share their work among processes.
public struct ProcessesOption: ParsableArguments {
    @Option(
        in: NumberRange(1...256),
        help: ArgumentHelp(
            "Work with so many processes on this machine: the result is that of one. torchrun --no-python, srun and mpirun "
                + "start them on several machines, which see one folder; 1 works alone, whatever they say.",
            valueName: "n"))
    public var processes: Int?

    public init() {}

    /// Starts copies of this program and waits for them, where that is asked for; finds this process's place otherwise, and
    /// lets the first one alone speak.
    ///
    /// - Parameter resuming: what goes on where a process was killed, for the message.
    /// - Returns: nil for a process that works alone.
    /// - Throws: `ExitCode` when copies have done the work, 0 where all went well.
    public func place(resuming: String) throws -> ProcessPlace? {
        if processes == 1 { return nil }
        let place = try ProcessPlace.current()
        guard let processes else {
            if let place, !place.isFirst {
                // What the first says, all would.
                ProgressStyle.current = .quiet
                setLogLevel(.error)
            }
            return place
        }
        if let place {
            throw ValidationError(
                "--processes \(processes): a launcher has started \(place.size) processes already (this is \(place.rank))"
            )
        }
        let copies = LocalProcesses(count: processes, option: "--processes", resuming: resuming, patienceSeconds: 2)
        throw ExitCode(try copies.run())
    }
}
