internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
internal import JSON
internal import SystemPackage
internal import Training

/// `tvt-train watch`: where a run stands.
struct WatchRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show where a run stands: step, loss, pace, time that is left, validations.",
        discussion: """
            Reads the run's folder again and again until the run has ended, in this or another process; in a terminal what is \
            shown is redrawn, elsewhere it is printed anew with each change. A run that nobody trains any more has ended. \
            events/ in the same folder is for TensorBoard, and report.html has the curves of a run that is done.
            """)

    @Argument(help: ArgumentHelp("What tvt-train was given as --output.", valueName: "run"))
    var folder: String

    @Flag(name: .long, help: "Show it once, and end.")
    var once = false

    @OptionGroup var common: CommonOptions

    private static let leastSecondsBetweenReads = 1.0

    /// A line that fills a terminal would be broken by some.
    private static var width: Int { TextBars.terminalWidth() - 1 }

    func validate() throws {
        guard !common.json || once else { throw ValidationError("--json goes with --once") }
    }

    func run() throws {
        let path = FilePath(folder)
        if once {
            let status = try RunStatus(reading: path)
            return try writeToStandardOutput(common.json ? status.json.pretty() : status.text(width: Self.width))
        }
        let redraws = isatty(STDOUT_FILENO) == 1
        var shown: RunStatus?
        var lineCount = 0
        while true {
            try Interruption.check()
            let start = Clock.seconds()
            let status = try RunStatus(reading: path)
            if status != shown {
                let text = status.text(width: Self.width)
                try writeToStandardOutput((redraws && lineCount > 0 ? "\u{1B}[\(lineCount)A\u{1B}[J" : "") + text)
                lineCount = text.count { $0 == "\n" }
                shown = status
            }
            guard status.state == .running else { return }
            // Reading the metrics of a long run takes a while, and at most a tenth of the time.
            let pause = max(Self.leastSecondsBetweenReads, 10 * (Clock.seconds() - start))
            let end = Clock.seconds() + pause
            while Clock.seconds() < end {
                usleep(100_000)
                try Interruption.check()
            }
        }
    }
}
