internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Examples
internal import Glibc
internal import JSON
internal import Store
internal import SystemPackage

struct ReadExamples: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "examples",
        abstract: "Read training examples in shuffled order: one by one, and read ahead by workers.")

    @OptionGroup var location: StoreOption
    @OptionGroup var common: CommonOptions
    @Argument(help: "Datasets with positives.") var names: [String]
    @Option(help: "Examples to read.") var examples: UInt64 = 100_000
    @Option(help: "Threads that read ahead.") var workers = processorCount
    @Option(help: "Most slots that are read together.") var window = 256
    @Option var runs = 3
    @Flag(help: "Drop the store's files from memory before each run, as far as the system does so.") var cold = false
    @Flag(help: "Read no more from the disk than is asked for.") var scattered = false
    @Flag(help: "Pass over queries without positives.") var skip = false

    func run() throws {
        var options = ExampleOptions(names.map { .init($0) })
        options.withoutPositives = skip ? .skip : .error
        options.passagesPerQuery = 8
        func opened() throws -> ExampleSource {
            try ExampleSource(options, store: Store(opening: location.path))
        }
        let opening = try median(of: runs) {
            try wallSeconds { _ = try opened() }
        }
        var oneByOne = ExampleReader.Options()
        (oneByOne.workers, oneByOne.windowSlots, oneByOne.windows) = (0, 1, 1)
        var windowed = ExampleReader.Options()
        (windowed.workers, windowed.windowSlots) = (0, window)
        var ahead = ExampleReader.Options()
        (ahead.workers, ahead.windowSlots) = (workers, window)
        if scattered {
            oneByOne.readsScattered = true
            windowed.readsScattered = true
            ahead.readsScattered = true
        }
        var rates: [String: Double] = [:]
        var processor: [String: Double] = [:]
        var bytes = 0
        var most = 0
        for (name, choice) in [("oneByOne", oneByOne), ("inWindows", windowed), ("readAhead", ahead)] {
            let seconds = try median(of: runs) {
                if cold { try dropFromMemory() }
                let source = try opened()
                bytes = 0
                var wall = 0.0
                let spent = try processSeconds {
                    wall = try wallSeconds {
                        let reader = try ExampleReader(source, slots: 0..<examples, options: choice)
                        var count = 0
                        while let example = try reader.next() {
                            bytes += example.passages.reduce(example.queryRecord.count) { $0 + $1.record.count }
                            count += 1
                            if count % 256 == 0 { most = max(most, anonymousKilobytes()) }
                        }
                    }
                }
                processor[name] = spent * 1e6 / Double(examples)
                return wall
            }
            rates[name] = Double(examples) / seconds
        }
        let source = try opened()
        let json: JSONValue = [
            "queries": JSONValue(Int(source.parts.reduce(0) { $0 + $1.exampleCount })),
            "documents": JSONValue(source.parts.reduce(0) { $0 + $1.dataset.documentCount }),
            "examples": JSONValue(Int(examples)), "bytesPerExample": JSONValue(Double(bytes) / Double(examples)),
            "openMilliseconds": JSONValue(opening * 1e3), "workers": JSONValue(workers),
            "oneByOnePerSecond": JSONValue(rates["oneByOne"] ?? 0),
            "inWindowsPerSecond": JSONValue(rates["inWindows"] ?? 0),
            "readAheadPerSecond": JSONValue(rates["readAhead"] ?? 0),
            "ratio": JSONValue((rates["readAhead"] ?? 0) / (rates["oneByOne"] ?? 1)),
            "textMegabytesPerSecond": JSONValue(
                (rates["readAhead"] ?? 0) * Double(bytes) / Double(examples) / 1e6),
            "oneByOneProcessMicroseconds": JSONValue(processor["oneByOne"] ?? 0),
            "inWindowsProcessMicroseconds": JSONValue(processor["inWindows"] ?? 0),
            "readAheadProcessMicroseconds": JSONValue(processor["readAhead"] ?? 0),
            "peakAnonymousMegabytes": JSONValue(Double(most) / 1024),
        ]
        try writeToStandardOutput(json.pretty() + "\n")
    }

    /// Asks the system to forget the pages of all blobs; none of them may be mapped.
    private func dropFromMemory() throws {
        let folder = location.path.appending("blobs").appending("sha256")
        for name in try Files.list(folder) {
            let descriptor = Glibc.open(folder.appending(name).string, O_RDONLY)
            guard descriptor >= 0 else { continue }
            posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
            close(descriptor)
        }
    }
}

/// Most resident memory that this process has had.
func peakMegabytes() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
}

/// Resident memory that is no file's.
func anonymousKilobytes() -> Int {
    guard let text = try? Files.readText("/proc/self/status") else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix("RssAnon:") {
        return Int(line.filter(\.isNumber)) ?? 0
    }
    return 0
}
