internal import Base
internal import Glibc
internal import JSON
internal import Processes
internal import Store
public import SystemPackage

/// Runs a recipe: fetch, convert, encode, search, filter, negatives, evaluate, lock, report.
///
/// A stage whose command and inputs are those of its last run, and whose result is still there, is not run again. Only
/// one process runs in an output folder at a time.
public struct RecipeRun {
    public struct Options {
        /// For raw files that were fetched, vectors, the run, the report and what is known of the stages.
        public var output: FilePath
        /// A folder, or one file; nil to fetch.
        public var raw: FilePath?
        public var store: FilePath
        public var retriever: FilePath?
        /// Where `<name>.lock.json` goes.
        public var manifests: FilePath
        public var isSample = false
        public var precision: String?
        public var device: String?
        /// How a published model is used, by name.
        public var preset: String?
        /// How text and media are put together, each as `key=value`.
        public var inputs: [String] = []
        /// What the retriever is given of documents with media.
        public var documents = DocumentView.Choice.auto
        public var leavesOutEvaluation = false
        /// Address of the hub; nil for the environment's.
        public var hub: String?
        public var limits = Fetch.Limits()
        /// Gets what the tools print.
        public var outputDescriptor: Int32 = 1
        /// Put behind each command and no part of it, as `--quiet`.
        public var commonArguments: [String] = []
        /// Of the tools; stages that another version has run are run again.
        public let version: String

        public init(output: FilePath, store: FilePath, manifests: FilePath, version: String) {
            self.version = version
            self.output = output
            self.store = store
            self.manifests = manifests
        }
    }

    /// What is told while it goes on.
    public enum Event {
        case fetching
        case fetched(Fetch.Report)
        case skipping(Stage)
        case starting(Stage, command: [String])
        case finished(Stage, seconds: Double)
    }

    /// What there is in the end.
    public struct Outcome {
        public let lock: DatasetLock
        public let lockPath: FilePath
        public let reportPath: FilePath
        /// Stages that were run, and that were done before.
        public let ranStages: [String]
        public let skippedStages: [String]
        /// What the lock that was there before says otherwise, though inputs and commands are the same.
        public let differences: [String]
    }

    public let plan: RecipePlan
    public let options: Options
    private var recipe: Recipe { plan.recipe }

    /// - Throws: `Failure` where something is missing that the recipe needs.
    public init(_ recipe: Recipe, _ options: Options) throws {
        var options = options
        let workingFolder = try Self.workingFolder()
        func absolute(_ path: FilePath) -> FilePath { workingFolder.pushing(path).lexicallyNormalized() }
        options.output = absolute(options.output)
        options.store = absolute(options.store)
        options.manifests = absolute(options.manifests)
        options.raw = options.raw.map(absolute)
        options.retriever = options.retriever.map(absolute)
        if options.isSample {
            options.raw = absolute(recipe.sampleFolder)
            guard Files.isDirectory(recipe.sampleFolder) else {
                throw Failure(
                    .missingInput, "the recipe \(recipe.name) has no sample: \(recipe.sampleFolder) does not exist")
            }
        }
        self.options = options
        plan = try RecipePlan(recipe, options)
        if let raw = options.raw, !Files.exists(raw) { throw Failure(.missingInput, "\(raw) does not exist") }
    }

    private static func workingFolder() throws -> FilePath {
        guard let path = getcwd(nil, 0) else { throw SystemError.last("find", "the working folder") }
        defer { free(path) }
        return FilePath(String(cString: path))
    }

    // MARK: The road

    public func run(_ tell: (Event) throws -> Void) throws -> Outcome {
        let output = options.output
        if plan.needsRetriever, options.retriever == nil, let encoding = recipe.encoding {
            throw Failure(
                .usage, "the recipe \(recipe.name) needs a retriever: it wants \(encoding.retriever)",
                advice: "--retriever DIR names the model's folder.")
        }
        try Files.makeDirectory(output)
        let lock = try FileLock(acquiring: output.appending(".lock"), purpose: "tvt-dataset run \(recipe.name)")
        defer { withExtendedLifetime(lock) {} }
        let digests = DigestCache(at: output.appending("digests.json"))
        let raw = try options.raw ?? fetch(digests, tell)
        try link(RecipePlan.raw, to: raw)
        let inputs = try InputListing(of: raw, digests)
        let retriever = try options.retriever.map { try InputListing(of: $0, digests) }
        var results: [String: SHA256Digest] = [:]
        var ran: [String] = []
        var skipped: [String] = []
        for stage in plan.stages {
            try Interruption.check()
            let key = key(of: stage, raw: inputs.digest, retriever: retriever?.digest, results)
            let last = StageStamp(of: stage, in: output)
            if let last, last.key == key, let result = last.result, try self.result(of: stage, digests) == result {
                try tell(.skipping(stage))
                results[stage.name] = result
                skipped.append(stage.name)
                continue
            }
            if case .vectors(let folder) = stage.result, last?.key != key {
                // Vectors of another dataset or model cannot be gone on with.
                try Files.removeTree(output.appending(folder))
            }
            try StageStamp(key: key, decision: stage.decision).write(for: stage, in: output)
            try run(stage, tell)
            guard let result = try result(of: stage, digests) else {
                throw Failure(.bug, "stage '\(stage.name)' has ended well and left nothing")
            }
            try StageStamp(key: key, result: result, decision: stage.decision).write(for: stage, in: output)
            results[stage.name] = result
            ran.append(stage.name)
        }
        try digests.save()
        let dataset = try DatasetLock(
            plan, inputs: inputs, results: results, output: output, store: options.store, version: options.version)
        let lockPath = options.manifests.appending("\(recipe.name).lock.json")
        let differences = try dataset.differences(fromFileAt: lockPath)
        try dataset.write(to: lockPath)
        let report = try DatasetReport(plan, lock: dataset, output: output, store: options.store)
        try report.write(into: output)
        FinishedWork.note("\(lockPath) is written")
        return Outcome(
            lock: dataset, lockPath: lockPath, reportPath: output.appending(DatasetReport.pageName), ranStages: ran,
            skippedStages: skipped, differences: differences)
    }

    /// Writes the report again, of versions that a run has made.
    public func report() throws -> FilePath {
        let lockPath = options.manifests.appending("\(recipe.name).lock.json")
        guard Files.exists(lockPath) else {
            throw Failure(
                .missingInput, "\(lockPath) does not exist: the recipe \(recipe.name) was not run to its end",
                advice: "`tvt-dataset run` writes it, and the report as well.")
        }
        let lock = try DatasetLock(reading: lockPath)
        let report = try DatasetReport(plan, lock: lock, output: options.output, store: options.store)
        try report.write(into: options.output)
        return options.output.appending(DatasetReport.pageName)
    }

    /// Gets the raw files only.
    ///
    /// - Returns: their folder.
    public func fetchOnly(_ tell: (Event) throws -> Void) throws -> FilePath {
        try Files.makeDirectory(options.output)
        let lock = try FileLock(
            acquiring: options.output.appending(".lock"), purpose: "tvt-dataset fetch \(recipe.name)")
        defer { withExtendedLifetime(lock) {} }
        return try fetch(DigestCache(at: options.output.appending("digests.json")), tell)
    }

    private func fetch(_ digests: DigestCache, _ tell: (Event) throws -> Void) throws -> FilePath {
        let target = options.output.appending("fetched")
        guard recipe.source != nil else {
            throw Failure(
                .usage, "the recipe \(recipe.name) names nothing to fetch",
                advice: "--raw DIR names the folder of raw files; \(recipe.folder)/README.md tells what belongs there.")
        }
        let fetch = try Fetch(
            recipe, from: Hub(address: options.hub), into: target, work: options.output.appending("fetch"),
            limits: options.limits, digests: digests)
        try tell(.fetching)
        let report = try fetch.run()
        try digests.save()
        try tell(.fetched(report))
        return target
    }

    // MARK: One stage

    /// The command with this machine's paths.
    public func command(of stage: Stage) -> [String] {
        let values = ["store": options.store.string, "retriever": options.retriever?.string ?? "{retriever}"]
        return [stage.tool] + stage.arguments(with: values)
    }

    private func run(_ stage: Stage, _ tell: (Event) throws -> Void) throws {
        let command = command(of: stage)
        try tell(.starting(stage, command: command))
        let start = Clock.seconds()
        var process = ToolProcess(
            tool: stage.tool, arguments: Array(command.dropFirst()) + options.commonArguments, folder: options.output)
        process.outputDescriptor = options.outputDescriptor
        let status = try process.run()
        guard status == 0 else {
            throw Failure(
                ExitStatus(rawValue: status) ?? .bug,
                "stage '\(stage.name)' of \(recipe.name) has failed with exit status \(status)",
                advice: "in \(options.output): \(shellQuoted(command))")
        }
        try tell(.finished(stage, seconds: Clock.seconds() - start))
    }

    private func key(
        of stage: Stage, raw: SHA256Digest, retriever: SHA256Digest?, _ results: [String: SHA256Digest]
    ) -> SHA256Digest {
        let inputs = stage.inputs.map { input -> JSONValue in
            switch input {
            case .raw: .string("raw \(raw)")
            case .retriever: .string("retriever \(retriever?.description ?? "")")
            case .result(let name): .string("\(name) \(results[name]?.description ?? "")")
            }
        }
        return SHA256Digest.of(JSONValue.array([.string(options.version), stage.json, .array(inputs)]).canonical())
    }

    /// What is there of a stage's result; nil where nothing is.
    private func result(of stage: Stage, _ digests: DigestCache) throws -> SHA256Digest? {
        switch stage.result {
        case .version(let reference):
            guard Files.exists(options.store.appending("oci-layout")) else { return nil }
            let references = try Store(opening: options.store).references()
            return references.first { $0.name.utf8.elementsEqual(reference.utf8) }?.dataset
        case .vectors(let folder):
            let manifest = options.output.appending(folder).appending("vectors.json")
            return Files.exists(manifest) ? try digests.digest(of: manifest) : nil
        case .file(let name):
            let path = options.output.appending(name)
            return Files.exists(path) ? try digests.digest(of: path) : nil
        }
    }

    /// Makes a link in the output folder, or points it elsewhere.
    private func link(_ name: String, to target: FilePath) throws {
        let path = options.output.appending(name)
        let staged = options.output.appending(".\(name).tmp")
        try Files.remove(staged)
        guard symlink(target.string, staged.string) == 0 else { throw SystemError.last("create", staged) }
        try Files.rename(staged, to: path)
    }
}
