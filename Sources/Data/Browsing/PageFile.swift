/// A file of the page, compiled into the binary.
struct PageFile: Sendable {
    /// In its address.
    let path: String
    let contentType: String
    let bytes: [UInt8]

    static let all: [PageFile] = [
        PageFile(path: "/", contentType: html, bytes: PackageResources.index_html),
        PageFile(path: "/icon.svg", contentType: "image/svg+xml", bytes: PackageResources.icon_svg),
        PageFile(path: "/style.css", contentType: "text/css; charset=utf-8", bytes: PackageResources.style_css),
        PageFile(path: "/app.js", contentType: script, bytes: PackageResources.app_js),
        PageFile(path: "/cards.js", contentType: script, bytes: PackageResources.cards_js),
        PageFile(path: "/elements.js", contentType: script, bytes: PackageResources.elements_js),
        PageFile(path: "/lists.js", contentType: script, bytes: PackageResources.lists_js),
        PageFile(path: "/model.js", contentType: script, bytes: PackageResources.model_js),
        PageFile(path: "/overview.js", contentType: script, bytes: PackageResources.overview_js),
    ]

    private static let html = "text/html; charset=utf-8"
    private static let script = "text/javascript; charset=utf-8"
}
