internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc

@main
struct Bench: Tool {
    static let configuration = CommandConfiguration(
        commandName: "tvt-bench", abstract: "Measures rooms from within a process.",
        subcommands: [
            StoreFill.self, StoreRead.self, MediaFill.self, MediaRead.self, OrderSamples.self, ReadExamples.self,
            ReadSource.self, Tokenize.self, PrepareMedia.self,
        ])
}

/// Seconds of wall time that `body` takes.
func wallSeconds(_ body: () throws -> Void) rethrows -> Double {
    let start = Clock.seconds()
    try body()
    return Clock.seconds() - start
}

/// Seconds of processor time that this process spends while `body` runs: comparable on a busy machine.
func processSeconds(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    let start = now()
    try body()
    return now() - start
}

/// Median of several runs.
func median(of runs: Int, _ body: () throws -> Double) rethrows -> Double {
    var values: [Double] = []
    for _ in 0..<runs { values.append(try body()) }
    return values.sorted()[runs / 2]
}
