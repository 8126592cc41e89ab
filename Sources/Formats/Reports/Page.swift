/// One HTML file without scripts or outside resources, readable in light and dark.
public struct Page {
    private let title: String
    private let heading: String
    private let introduction: String
    private var sections: [String] = []

    /// - Parameters:
    ///   - title: text, of the window.
    ///   - heading: text.
    ///   - introduction: HTML that stands below the heading.
    public init(title: String, heading: String, introduction: String) {
        self.title = title
        self.heading = heading
        self.introduction = introduction
    }

    /// - Parameter body: HTML.
    public mutating func add(_ title: String, _ body: String) {
        sections.append("<section><h2>\(html(title))</h2>\n\(body)\n</section>")
    }

    /// - Parameter rows: HTML in each cell.
    public static func table(header: [String], rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\($0)</\(tag)>" }.joined() + "</tr>"
        }
        return "<table>" + row(header, "th") + rows.map { row($0, "td") }.joined(separator: "\n") + "</table>"
    }

    /// Figures in a row, the most important of a page.
    public static func tiles(_ tiles: [(value: String, label: String)]) -> String {
        let cells = tiles.map { "<div><b>\(html($0.value))</b><small>\(html($0.label))</small></div>" }
        return "<div class=\"tiles\">\(cells.joined())</div>"
    }

    public var text: String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <meta name="color-scheme" content="light dark">
        <title>\(html(title))</title>
        <style>
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --line: #dde2ea; --page: #fff; --card: #f6f8fb; --before: #9aa5b5; --after: #1f6feb; --hit: #e6f4ea }
        @media (prefers-color-scheme: dark) {
        :root { --ink: #e6e9ef; --soft: #9aa5b5; --line: #333b48; --page: #14181f; --card: #1b212b; --before: #66717f; --after: #58a6ff; --hit: #173624 } }
        body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
        h1 { font-size: 1.6rem; line-height: 1.2 } h2 { font-size: 1.15rem; margin-top: 2.4rem } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top }
        th { color: var(--soft); font-weight: 600 } td.n, th.n { text-align: right; white-space: nowrap }
        svg { width: 100%; height: auto } svg text { font: 13px system-ui, sans-serif; fill: var(--ink) } svg .tick { fill: var(--soft); font-size: 11px }
        svg .grid { stroke: var(--line) } svg circle { fill: var(--before) } svg polyline { fill: none; stroke: var(--after); stroke-width: 2 }
        svg .before { fill: var(--before) } svg .after { fill: var(--after) } svg .band { fill: var(--line) }
        .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem } .pair ol { padding-left: 1.4rem; margin: .3rem 0 } .pair li { margin: .25rem 0; padding: .15rem .4rem; font-size: .92rem }
        .hit { background: var(--hit); border-radius: 4px } small { color: var(--soft) }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0 } .tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem } .tiles b { display: block; font-size: 1.35rem; line-height: 1.3 }
        details { border: 1px solid var(--line); border-radius: 8px; margin: .6rem 0; padding: .5rem .9rem } summary { cursor: pointer; font-weight: 600 } details[open] summary { margin-bottom: .5rem }
        .example { border-top: 1px solid var(--line); padding: .5rem 0; font-size: .92rem } .example p { margin: .15rem 0; overflow-wrap: anywhere } .example img { max-width: 14rem; max-height: 10rem; border: 1px solid var(--line); border-radius: 4px; display: block; margin: .3rem 0 } .tag { color: var(--soft); font-size: .8rem; margin-right: .4rem }
        pre, code { font: .85rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere } pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem; white-space: pre-wrap }
        @media (max-width: 40rem) { .pair { grid-template-columns: 1fr } }
        </style>
        <h1>\(html(heading))</h1>
        \(introduction)
        \(sections.joined(separator: "\n"))
        </html>

        """
    }
}
