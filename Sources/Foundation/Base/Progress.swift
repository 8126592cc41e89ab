internal import Glibc
internal import Synchronization

/// Whether and how progress is shown; set once by the tool.
public enum ProgressStyle: Sendable {
    /// Nothing.
    case quiet
    /// One line that is redrawn, where stderr is a terminal.
    case terminal

    private static let chosen = Mutex<ProgressStyle>(isatty(STDERR_FILENO) == 1 ? .terminal : .quiet)

    public static var current: ProgressStyle {
        get { chosen.withLock { $0 } }
        set { chosen.withLock { $0 = newValue } }
    }
}

/// Progress of one long step on stderr: count, rate and the time that is left.
public final class Progress: Sendable {
    private struct State {
        var done = 0
        var lastDrawn = 0.0
        var note = ""
    }

    private let label: String
    private let unit: String
    private let total: Int?
    private let start = Clock.seconds()
    private let style = ProgressStyle.current
    /// Guards the count: workers advance it together.
    private let state = Mutex(State())

    /// - Parameters:
    ///   - unit: what is counted, in the plural: `documents`, `bytes`.
    ///   - total: how many there will be, where that is known.
    public init(_ label: String, unit: String, total: Int? = nil) {
        self.label = label
        self.unit = unit
        self.total = total
    }

    /// - Parameter note: shown behind the count until the next one, as `loss 1.25`.
    public func advance(by count: Int = 1, note: String? = nil) {
        state.withLock { state in
            state.done += count
            if let note { state.note = ", " + note }
            guard case .terminal = style else { return }
            let now = Clock.seconds()
            guard now - state.lastDrawn > 0.2 else { return }
            state.lastDrawn = now
            draw(state, elapsed: now - start, ending: "")
        }
    }

    /// Draws the last state and ends the line.
    public func finish() {
        state.withLock { state in
            guard case .terminal = style else { return }
            draw(state, elapsed: Clock.seconds() - start, ending: "\n")
        }
    }

    private func draw(_ state: State, elapsed: Double, ending: String) {
        let done = state.done
        let rate = elapsed > 0 ? Double(done) / elapsed : 0
        var line = "\r\u{1B}[K\(label): \(amount(Double(done)))"
        if let total { line += " of \(amount(Double(total)))" }
        line += unit == "bytes" ? "" : " \(unit)"
        line += ", \(amount(rate))/s"
        if let total, ending.isEmpty, rate > 0, total >= done {
            line += ", \(duration(Double(total - done) / rate)) left"
        } else {
            line += ", \(duration(elapsed))"
        }
        writeCommands(line + state.note + ending)
    }

    private func amount(_ value: Double) -> String {
        guard unit == "bytes" else {
            return value >= 10 || value == value.rounded() ? "\(Int(value.rounded()))" : decimal(value, digits: 1)
        }
        return byteSize(value)
    }
}
