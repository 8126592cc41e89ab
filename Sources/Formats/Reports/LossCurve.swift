internal import Base

/// The loss of each step as points, and their mean over a window as a line.
public struct LossCurve {
    private let losses: [Double]
    private let window = 10

    /// - Parameter losses: of the steps in their order.
    public init(losses: [Double]) { self.losses = losses }

    public var svg: String {
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
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(left - 6)\" y=\"\(y(value) + 4)\">\(decimal(value, digits: 2))</text>"
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
