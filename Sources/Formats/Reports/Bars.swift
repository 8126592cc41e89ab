internal import Base

/// Horizontal bars, each with its label and its value written out.
public struct Bars {
    public struct Bar {
        let label: String
        let value: Double
        let text: String
        let kind: String

        /// - Parameter kind: names the colour in the page's style sheet: `before` or `after`.
        public init(label: String, value: Double, text: String, kind: String = "after") {
            self.label = label
            self.value = value
            self.text = text
            self.kind = kind
        }
    }

    private let bars: [Bar]
    private let name: String
    private let rowHeight: Int

    /// - Parameters:
    ///   - name: what the chart shows, for those who cannot see it.
    ///   - rowHeight: in units of which the chart is 640 wide.
    public init(_ bars: [Bar], name: String, rowHeight: Int = 30) {
        self.bars = bars
        self.name = name
        self.rowHeight = rowHeight
    }

    public var svg: String {
        let height = rowHeight * bars.count
        let highest = max(bars.map(\.value).max() ?? 1, 1e-9)
        var svg = "<svg viewBox=\"0 0 640 \(height)\" role=\"img\" aria-label=\"\(html(name))\">"
        for (row, bar) in bars.enumerated() {
            let top = row * rowHeight
            let length = 340 * bar.value / highest
            svg += "<text x=\"180\" y=\"\(top + rowHeight * 2 / 3)\" text-anchor=\"end\">\(html(bar.label))</text>"
            svg +=
                "<rect class=\"\(bar.kind)\" x=\"190\" y=\"\(top + rowHeight / 6)\" width=\"\(decimal(length, digits: 1))\" height=\"\(rowHeight * 2 / 3)\" rx=\"3\"/>"
            svg +=
                "<text x=\"\(decimal(198 + length, digits: 1))\" y=\"\(top + rowHeight * 2 / 3)\">\(html(bar.text))</text>"
        }
        return svg + "</svg>"
    }
}
