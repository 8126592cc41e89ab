internal import Base
internal import Glibc

/// Counts as bars of block characters.
public enum TextBars {
    /// Columns of the terminal: stdout's own, else `$COLUMNS`, else 80; at least 40.
    public static func terminalWidth() -> Int {
        var window = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 {
            return max(40, Int(window.ws_col))
        }
        return max(40, getenv("COLUMNS").flatMap { Int(String(cString: $0)) } ?? 80)
    }

    /// One line for each bar: its label, its count, its length.
    public static func text(_ bars: [(label: String, count: Int)], width: Int) -> String {
        let counts = bars.map { grouped($0.count) }
        let labelWidth = bars.map(\.label.count).max() ?? 0
        let countWidth = counts.map(\.count).max() ?? 0
        let longest = max(8, min(72, width - labelWidth - countWidth - 6))
        let largest = max(1, bars.map(\.count).max() ?? 1)
        var text = ""
        for (bar, shown) in zip(bars, counts) {
            let label = String(repeating: " ", count: labelWidth - bar.label.count) + bar.label
            let count = String(repeating: " ", count: countWidth - shown.count) + shown
            let length = self.bar(bar.count, of: largest, columns: longest)
            text += "  \(label)  \(count)\(length.isEmpty ? "" : "  \(length)")\n"
        }
        return text
    }

    /// In eighths of a column; what is not zero is seen.
    static func bar(_ value: Int, of largest: Int, columns: Int) -> String {
        let eighths = value == 0 ? 0 : max(1, Int((Double(value) / Double(largest) * Double(8 * columns)).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }
}
