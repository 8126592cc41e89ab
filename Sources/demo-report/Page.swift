/// The demo's page: one HTML file without scripts or outside resources.
struct Page {
    var sections: [String] = []

    mutating func add(_ title: String, _ body: String) {
        sections.append("<section><h2>\(html(title))</h2>\n\(body)\n</section>")
    }

    static func table(header: [String], rows: [[String]]) -> String {
        func row(_ cells: [String], _ tag: String) -> String {
            "<tr>" + cells.map { "<\(tag)>\($0)</\(tag)>" }.joined() + "</tr>"
        }
        return "<table>" + row(header, "th") + rows.map { row($0, "td") }.joined() + "</table>"
    }

    var text: String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>tvt: Nave's Topical Bible, from a v1 file to a better retriever</title>
        <style>
        :root { --ink: #1d2430; --soft: #67707f; --line: #dde2ea; --before: #9aa5b5; --after: #1f6feb; --hit: #e6f4ea }
        body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
        h1 { font-size: 1.6rem; line-height: 1.2 } h2 { font-size: 1.15rem; margin-top: 2.2rem }
        table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line) }
        th { color: var(--soft); font-weight: 600 }
        svg { width: 100%; height: auto } svg text { font: 13px system-ui, sans-serif; fill: var(--ink) } svg .tick { fill: var(--soft); font-size: 11px }
        svg .grid { stroke: var(--line) } svg circle { fill: var(--before) } svg polyline { fill: none; stroke: var(--after); stroke-width: 2 }
        svg .before { fill: var(--before) } svg .after { fill: var(--after) }
        .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem } .pair ol { padding-left: 1.4rem; margin: .3rem 0 } .pair li { margin: .25rem 0; padding: .15rem .4rem; font-size: .92rem }
        .hit { background: var(--hit); border-radius: 4px } small { color: var(--soft) }
        @media (max-width: 40rem) { .pair { grid-template-columns: 1fr } }
        </style>
        <h1>From a v1 file to a better retriever</h1>
        <p>Nave's Topical Bible: verses of the King James Version, found by topic. Every number on this page was computed
        by the run that wrote it; <code>make demo</code> makes it again.</p>
        \(sections.joined(separator: "\n"))
        </html>

        """
    }
}
