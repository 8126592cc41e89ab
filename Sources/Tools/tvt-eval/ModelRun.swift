internal import Base
internal import Glibc
internal import Processes
internal import Rankings
internal import SystemPackage

/// The run of a model on a dataset, made by tvt-encode and tvt-search in processes of their own: the tool that measures
/// carries no libtorch.
struct ModelRun {
    let model: String
    let dataset: String
    /// Nil for the only one, or test.
    let split: String
    let store: String
    /// Results per query.
    let depth: Int

    /// - Parameter folder: gets vectors and run; vectors that are there already are gone on with.
    /// - Returns: the run that was made, and its file.
    /// - Throws: `Failure` with the status of the tool that failed, which has said why.
    func make(in folder: FilePath) throws -> (RunFile, Run) {
        try Files.makeDirectory(folder)
        let (corpus, queries) = (folder.appending("corpus"), folder.appending("queries"))
        let path = folder.appending("run")
        let common = [dataset, "--model", model, "--store", store, "--resume"]
        try run("tvt-encode", ["corpus"] + common + ["--output", corpus.string])
        try run("tvt-encode", ["queries"] + common + ["--split", split, "--output", queries.string])
        try run(
            "tvt-search",
            [
                "--queries", queries.string, "--corpus", corpus.string, "--depth", "\(depth)", "--escape-ids",
                "--output", path.string, "--log-level", "warning",
            ])
        let file = try RunFile(path)
        return (file, try Run(reading: file))
    }

    private func run(_ tool: String, _ arguments: [String]) throws {
        var process = ToolProcess(tool: tool, arguments: arguments)
        // Standard output is for the measures.
        process.outputDescriptor = STDERR_FILENO
        let status = try process.run()
        guard status == 0 else {
            throw Failure(
                ExitStatus(rawValue: status) ?? .bug, "\(tool) ended with status \(status), for the reason above")
        }
    }
}
