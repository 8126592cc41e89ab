/// Text made safe for HTML and SVG.
func html(_ text: String) -> String {
    var safe = ""
    for character in text.unicodeScalars {
        switch character {
        case "&": safe += "&amp;"
        case "<": safe += "&lt;"
        case ">": safe += "&gt;"
        case "\"": safe += "&quot;"
        default: safe.unicodeScalars.append(character)
        }
    }
    return safe
}

/// A number with a fixed count of decimals.
func fixed(_ value: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = Int((abs(value) * scale).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + "\(scaled)" }
    let fraction = String(scaled % Int(scale))
    return sign + "\(scaled / Int(scale))." + String(repeating: "0", count: decimals - fraction.utf8.count) + fraction
}

/// The loss of each step as points, and their mean over a window as a line.
struct LossCurve {
    let losses: [Double]
    let window = 10

    var svg: String {
        let width = 640.0
        let height = 240.0
        let left = 44.0
        let bottom = 28.0
        let highest = max(losses.max() ?? 1, 1e-9)
        func x(_ step: Int) -> Double { left + (width - left - 8) * Double(step) / Double(max(losses.count - 1, 1)) }
        func y(_ loss: Double) -> Double { 8 + (height - bottom - 8) * (1 - loss / highest) }
        var svg = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"training loss by step\">"
        for fraction in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let value = highest * fraction
            svg += "<line class=\"grid\" x1=\"\(left)\" x2=\"\(width - 8)\" y1=\"\(y(value))\" y2=\"\(y(value))\"/>"
            svg +=
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(left - 6)\" y=\"\(y(value) + 4)\">\(fixed(value, 2))</text>"
        }
        for step in losses.indices { svg += "<circle cx=\"\(x(step))\" cy=\"\(y(losses[step]))\" r=\"2\"/>" }
        let line = losses.indices.map { step in
            let recent = losses[max(0, step - window + 1)...step]
            return "\(x(step)),\(y(recent.reduce(0, +) / Double(recent.count)))"
        }
        svg += "<polyline points=\"\(line.joined(separator: " "))\"/>"
        svg +=
            "<text class=\"tick\" text-anchor=\"end\" x=\"\(width - 8)\" y=\"\(height - 8)\">step \(losses.count)</text>"
        return svg + "</svg>"
    }
}

/// Horizontal bars, each with its label and its value written out.
struct Bars {
    struct Bar {
        let label: String
        let value: Double
        let text: String
        /// Names the colour in the page's style sheet.
        let kind: String
    }

    let bars: [Bar]

    var svg: String {
        let rowHeight = 30
        let height = rowHeight * bars.count
        let highest = max(bars.map(\.value).max() ?? 1, 1e-9)
        var svg = "<svg viewBox=\"0 0 640 \(height)\" role=\"img\">"
        for (row, bar) in bars.enumerated() {
            let top = row * rowHeight
            let length = 340 * bar.value / highest
            svg += "<text x=\"180\" y=\"\(top + 20)\" text-anchor=\"end\">\(html(bar.label))</text>"
            svg +=
                "<rect class=\"\(bar.kind)\" x=\"190\" y=\"\(top + 5)\" width=\"\(fixed(length, 1))\" height=\"20\" rx=\"3\"/>"
            svg += "<text x=\"\(fixed(198 + length, 1))\" y=\"\(top + 20)\">\(html(bar.text))</text>"
        }
        return svg + "</svg>"
    }
}
