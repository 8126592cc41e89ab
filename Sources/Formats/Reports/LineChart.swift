internal import Base

/// A line through points, with a scale on both sides.
///
/// Of many points, the line goes through the means of equal stretches, and a band behind it from the smallest to the largest
/// of each: a page stays small however long a run was.
public struct LineChart {
    private let points: [(x: Double, y: Double)]
    private let name: String
    private let xName: String
    private let startsAtZero: Bool
    private let marksPoints: Bool

    /// Stretches of the line, and points up to which each is drawn.
    public static let mostPoints = 300

    /// - Parameters:
    ///   - points: by x; those that are not finite are left out.
    ///   - name: what the chart shows, for those who cannot see it.
    ///   - startsAtZero: else the scale begins at the smallest value.
    ///   - marksPoints: draw a dot at each point, where each is drawn.
    public init(
        _ points: [(x: Double, y: Double)], name: String, xName: String, startsAtZero: Bool, marksPoints: Bool = false
    ) {
        self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
        self.name = name
        self.xName = xName
        self.startsAtZero = startsAtZero
        self.marksPoints = marksPoints
    }

    private struct Stretch {
        let x: Double
        let mean: Double
        let least: Double
        let greatest: Double
    }

    private var stretches: [Stretch] {
        let length = (points.count + Self.mostPoints - 1) / Self.mostPoints
        return stride(from: 0, to: points.count, by: max(1, length)).map { start in
            let part = points[start..<min(start + length, points.count)]
            let ys = part.map(\.y)
            return Stretch(
                x: part.reduce(0) { $0 + $1.x } / Double(part.count), mean: ys.reduce(0, +) / Double(ys.count),
                least: ys.min()!, greatest: ys.max()!)
        }
    }

    public var svg: String {
        let (width, height, left, bottom) = (640.0, 220.0, 64.0, 28.0)
        var svg = "<svg viewBox=\"0 0 \(Int(width)) \(Int(height))\" role=\"img\" aria-label=\"\(html(name))\">"
        guard let firstX = points.first?.x, let lastX = points.last?.x else {
            return svg + "<text x=\"\(left)\" y=\"\(height / 2)\">nothing was recorded</text></svg>"
        }
        let ys = points.map(\.y)
        let low = startsAtZero ? min(0, ys.min()!) : ys.min()!
        let high = ys.max()! > low ? ys.max()! : low + max(abs(low), 1e-9)
        func x(_ value: Double) -> String {
            decimal(left + (width - left - 8) * (lastX > firstX ? (value - firstX) / (lastX - firstX) : 0.5), digits: 1)
        }
        func y(_ value: Double) -> String {
            decimal(8 + (height - bottom - 8) * (1 - (value - low) / (high - low)), digits: 1)
        }
        for fraction in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let value = low + (high - low) * fraction
            svg += "<line class=\"grid\" x1=\"\(left)\" x2=\"\(width - 8)\" y1=\"\(y(value))\" y2=\"\(y(value))\"/>"
            svg +=
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(left - 6)\" y=\"\(y(value))\" dy=\"4\">\(Self.number(value, within: high - low))</text>"
        }
        let stretches = stretches
        if points.count > Self.mostPoints {
            let outline =
                stretches.map { "\(x($0.x)),\(y($0.greatest))" }
                + stretches.reversed().map { "\(x($0.x)),\(y($0.least))" }
            svg += "<polygon class=\"band\" points=\"\(outline.joined(separator: " "))\"/>"
        }
        svg += "<polyline points=\"\(stretches.map { "\(x($0.x)),\(y($0.mean))" }.joined(separator: " "))\"/>"
        if marksPoints || stretches.count == 1 {
            for stretch in stretches {
                svg += "<circle class=\"after\" cx=\"\(x(stretch.x))\" cy=\"\(y(stretch.mean))\" r=\"3\"/>"
            }
        }
        svg +=
            "<text class=\"tick\" x=\"\(left)\" y=\"\(height - 8)\">\(html(xName)) \(Self.number(firstX, within: lastX))</text>"
        svg +=
            "<text class=\"tick\" text-anchor=\"end\" x=\"\(width - 8)\" y=\"\(height - 8)\">\(Self.number(lastX, within: lastX))</text>"
        return svg + "</svg>"
    }

    /// A number with as many decimals as tell it from its neighbours on a scale.
    private static func number(_ value: Double, within span: Double) -> String {
        if value == value.rounded(), abs(value) < 1e9 { return grouped(Int(value)) }
        var digits = 0
        var step = span / 4
        while step < 10, digits < 9 {
            step *= 10
            digits += 1
        }
        return decimal(value, digits: digits)
    }
}
